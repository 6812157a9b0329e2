/*
 * Finding unusual paths.
 *
 * Per operation that requests begin with, the most frequent shape whose requests succeed is the
 * usual one. A shape is unusual if it fails, if less than one in a hundred of the operation's
 * requests have it, or if a single one of at least twenty has. The difference is that of the
 * multisets of labels, in the order of the labels: what is called oftener, what less often.
 */
#include "model/unusual.h"

#define RARE_ONE_IN 100u
#define LEAST_FOR_SINGLE 20u

/* Requests to one operation. */
typedef struct {
    guint64 requests;
    guint usual;
    gboolean has_usual;
} Operation;

static guint32
root_label(const LampShape *shape)
{
    return shape->example->calls[0].label;
}

/* By label; background shapes count nowhere. */
static GArray *
collect_operations(const LampShapes *shapes)
{
    GArray *operations = g_array_new(FALSE, TRUE, sizeof(Operation));
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        guint32 label = root_label(shape);
        if (shape->is_background)
            continue;
        if (label >= operations->len)
            g_array_set_size(operations, label + 1);
        Operation *operation = &g_array_index(operations, Operation, label);
        operation->requests += shape->count;
        gboolean is_better = !operation->has_usual ||
                             shape->count > lamp_shapes_get(shapes, operation->usual)->count;
        if (shape->errors * 2 <= shape->count && is_better) {
            operation->usual = i;
            operation->has_usual = TRUE;
        }
    }
    return operations;
}

static void
count_labels(const LampFlow *flow, GArray *counts, gint sign)
{
    for (guint32 i = 0; i < flow->count; i++) {
        guint32 label = flow->calls[i].label;
        if (label >= counts->len)
            g_array_set_size(counts, label + 1);
        g_array_index(counts, gint, label) += sign;
    }
}

static void
find_difference(const LampFlow *flow, const LampFlow *usual, LampUnusual *out)
{
    g_autoptr(GArray) counts = g_array_new(FALSE, TRUE, sizeof(gint));
    count_labels(flow, counts, 1);
    count_labels(usual, counts, -1);
    for (guint32 label = 0; label < counts->len; label++) {
        gint difference = g_array_index(counts, gint, label);
        if (difference != 0)
            g_array_append_val(difference > 0 ? out->more : out->fewer, label);
    }
}

static void
clear_unusual(gpointer pointer)
{
    LampUnusual *unusual = pointer;
    g_array_unref(unusual->more);
    g_array_unref(unusual->fewer);
}

static gint
compare_unusual(gconstpointer a, gconstpointer b, gpointer payload)
{
    const LampUnusual *x = a, *y = b;
    const LampShapes *shapes = payload;
    if ((x->errors > 0) != (y->errors > 0))
        return x->errors > 0 ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    guint64 xid = lamp_shapes_get(shapes, x->shape)->id;
    guint64 yid = lamp_shapes_get(shapes, y->shape)->id;
    return xid < yid ? -1 : xid > yid;
}

GArray *
lamp_unusual_find(const LampShapes *shapes)
{
    g_autoptr(GArray) operations = collect_operations(shapes);
    GArray *found = g_array_new(FALSE, TRUE, sizeof(LampUnusual));
    g_array_set_clear_func(found, clear_unusual);
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        if (shape->is_background)
            continue;
        const Operation *operation = &g_array_index(operations, Operation, root_label(shape));
        gboolean is_rare = shape->count * RARE_ONE_IN < operation->requests ||
                           (shape->count == 1 && operation->requests >= LEAST_FOR_SINGLE);
        gboolean is_all = shape->count == operation->requests;
        if (!is_rare && (shape->errors == 0 || is_all))
            continue;
        LampUnusual unusual = {.shape = i,
                               .usual = operation->has_usual ? operation->usual : i,
                               .count = shape->count,
                               .requests = operation->requests,
                               .errors = shape->errors,
                               .is_rare = is_rare};
        unusual.more = g_array_new(FALSE, FALSE, sizeof(guint32));
        unusual.fewer = g_array_new(FALSE, FALSE, sizeof(guint32));
        find_difference(shape->example, lamp_shapes_get(shapes, unusual.usual)->example,
                        &unusual);
        g_array_append_val(found, unusual);
    }
    g_array_sort_with_data(found, compare_unusual, (gpointer) shapes);
    return found;
}
