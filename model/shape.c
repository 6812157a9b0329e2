/*
 * Canonical forms of request flows.
 *
 * Bottom-up hashing of trees as in Aho, Hopcroft and Ullman's isomorphism test, written as a
 * Merkle hash: the hash of a call covers its label and its children's hashes. The children form
 * a sequence of groups; a call joins the group before it if it may run in parallel with a
 * member of that group (learnt relation, so chance overlap or chance order in one flow does not
 * matter); hashes inside a group are sorted. Equal neighbours are written as one with a
 * bucketed count. With `fold` all children form one group and counts are left out, so a loop of
 * three or of seven calls looks the same.
 */
#include "model/shape.h"

#include "model/index-map.h"

#include <string.h>

/* Rather a class for all the rest than memory without end. */
#define MOST_SHAPES 65536u

typedef struct {
    guint64 hash;
    guint32 group, call;
} Child;

struct LampShapes {
    const LampTopology *topology;
    const LampStructure *structure;
    LampShapeOptions options;
    LampIndexMap index;
    GArray *shapes;   /* LampShape */
    GArray *hashes;   /* of the calls of the flow at hand */
    GArray *children; /* Child */
};

static void
clear_shape(gpointer pointer)
{
    LampShape *shape = pointer;
    lamp_quantiles_clear(&shape->duration);
    lamp_flow_free(shape->example);
    if (shape->members != NULL)
        g_array_unref(shape->members);
}

LampShapes *
lamp_shapes_new(const LampTopology *topology, const LampStructure *structure,
                const LampShapeOptions *options)
{
    LampShapes *shapes = g_new0(LampShapes, 1);
    shapes->topology = topology;
    shapes->structure = structure;
    shapes->options = *options;
    lamp_index_map_init(&shapes->index);
    shapes->shapes = g_array_new(FALSE, TRUE, sizeof(LampShape));
    g_array_set_clear_func(shapes->shapes, clear_shape);
    shapes->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
    shapes->children = g_array_new(FALSE, FALSE, sizeof(Child));
    return shapes;
}

void
lamp_shapes_free(LampShapes *shapes)
{
    if (shapes == NULL)
        return;
    lamp_index_map_clear(&shapes->index);
    g_array_unref(shapes->shapes);
    g_array_unref(shapes->hashes);
    g_array_unref(shapes->children);
    g_free(shapes);
}

static guint
bucket(guint n)
{
    static const guint limits[] = {1, 2, 5, 10};
    guint b = 0;
    while (b < G_N_ELEMENTS(limits) && n > limits[b])
        b++;
    return b;
}

static gint
compare_children(gconstpointer a, gconstpointer b)
{
    const Child *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Does @child run in parallel with a member of the last group, which begins at @group_begin? */
static gboolean
joins_group(const LampShapes *shapes, const LampFlow *flow, guint group_begin, guint32 child)
{
    const LampFlowCall *calls = flow->calls;
    guint32 parent = calls[calls[child].parent].label;
    guint last = shapes->children->len;
    for (guint k = MAX(group_begin, last > 32 ? last - 32 : 0); k < last; k++) {
        guint32 other = g_array_index(shapes->children, Child, k).call;
        if (!lamp_structure_is_before(shapes->structure, parent, calls[other].label,
                                      calls[child].label))
            return TRUE;
    }
    return FALSE;
}

static gboolean
collect_children(LampShapes *shapes, const LampFlow *flow, guint32 call)
{
    guint group = 0, group_begin = 0;
    gboolean has_group = FALSE;
    g_array_set_size(shapes->children, 0);
    for (guint32 c = lamp_flow_first_child(flow, call); c != LAMP_FLOW_NONE;
         c = lamp_flow_next_sibling(flow, c)) {
        gboolean joins = shapes->children->len > 0 &&
                         (shapes->options.fold || joins_group(shapes, flow, group_begin, c));
        if (!joins) {
            group++;
            group_begin = shapes->children->len;
        }
        has_group = has_group || joins;
        Child child = {g_array_index(shapes->hashes, guint64, c), group, c};
        g_array_append_val(shapes->children, child);
    }
    if (has_group)
        g_array_sort(shapes->children, compare_children);
    return has_group;
}

static guint64
combine(guint64 h, guint64 more)
{
    return lamp_mix64(h * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + more);
}

static guint64
hash_children(const LampShapes *shapes, guint64 h, gboolean has_group)
{
    const Child *c = (const Child *) (gpointer) shapes->children->data;
    guint n = shapes->children->len;
    for (guint i = 0; i < n;) {
        guint repeat = 1;
        gboolean in_group = has_group && ((i > 0 && c[i - 1].group == c[i].group) ||
                                          (i + 1 < n && c[i + 1].group == c[i].group));
        while (i + repeat < n && c[i + repeat].hash == c[i].hash)
            repeat++;
        h = combine(h, c[i].hash);
        if (!shapes->options.fold)
            h = combine(h, bucket(repeat) * 2 + (in_group ? 1u : 0u));
        i += repeat;
    }
    return h;
}

guint64
lamp_shapes_identify(LampShapes *shapes, const LampFlow *flow)
{
    g_array_set_size(shapes->hashes, flow->count);
    for (guint32 i = flow->count; i-- > 0;) {
        guint64 h = lamp_topology_label(shapes->topology, flow->calls[i].label)->hash;
        if (flow->calls[i].is_asynchronous)
            h = combine(h, 1);
        if (flow->calls[i].end_index > i + 1)
            h = hash_children(shapes, h, collect_children(shapes, flow, i));
        g_array_index(shapes->hashes, guint64, i) = h;
    }
    return g_array_index(shapes->hashes, guint64, 0);
}

guint
lamp_shapes_add(LampShapes *shapes, const LampFlow *flow)
{
    gboolean is_new = FALSE;
    guint64 id = lamp_shapes_identify(shapes, flow);
    if (shapes->shapes->len >= MOST_SHAPES &&
        lamp_index_map_find(&shapes->index, id) == G_MAXUINT32)
        id = 0; /* the class of all the rest */
    guint number = lamp_index_map_add(&shapes->index, id, shapes->shapes->len, &is_new);
    if (is_new) {
        LampShape fresh = {.id = id, .example = lamp_flow_dup(flow)};
        fresh.is_background = flow->is_background;
        if (shapes->options.keep_members)
            fresh.members = g_array_new(FALSE, FALSE, sizeof(LampShapeMember));
        g_array_append_val(shapes->shapes, fresh);
    }
    LampShape *shape = &g_array_index(shapes->shapes, LampShape, number);
    gint64 duration = lamp_flow_is_open(flow) ? -1 : lamp_flow_duration(flow);
    shape->count += flow->weight;
    shape->errors += flow->calls[0].is_error * flow->weight;
    shape->calls += (guint64) flow->count * flow->weight;
    shape->confidence += flow->confidence * flow->weight;
    if (duration >= 0)
        lamp_quantiles_add(&shape->duration, duration, flow->weight);
    else
        shape->unanswered += flow->weight;
    if (shape->members != NULL) {
        LampShapeMember member = {flow->trace_id, duration};
        g_array_append_val(shape->members, member);
    }
    return number;
}

guint
lamp_shapes_count(const LampShapes *shapes)
{
    return shapes->shapes->len;
}

const LampShape *
lamp_shapes_get(const LampShapes *shapes, guint number)
{
    return &g_array_index(shapes->shapes, LampShape, number);
}

static double
rank_value(const LampShape *shape, LampShapeOrder order)
{
    double deviation = lamp_quantiles_deviation(&shape->duration);
    switch (order) {
    case LAMP_SHAPES_BY_LATENCY:
        return (double) lamp_quantiles_at(&shape->duration, 0.95);
    case LAMP_SHAPES_BY_COST:
        return shape->duration.sum;
    case LAMP_SHAPES_BY_VARIANCE:
        return deviation * deviation * (double) shape->count;
    case LAMP_SHAPES_BY_COUNT:
        break;
    }
    return (double) shape->count;
}

typedef struct {
    double value;
    guint64 id;
    guint number;
} Ranked;

static gint
compare_ranked(gconstpointer a, gconstpointer b)
{
    const Ranked *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value > y->value ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

guint *
lamp_shapes_rank(const LampShapes *shapes, LampShapeOrder order)
{
    guint n = shapes->shapes->len;
    g_autofree Ranked *ranked = g_new(Ranked, n + 1);
    guint *numbers = g_new(guint, n + 1);
    for (guint i = 0; i < n; i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        ranked[i] = (Ranked){rank_value(shape, order), shape->id, i};
    }
    qsort(ranked, n, sizeof *ranked, compare_ranked);
    for (guint i = 0; i < n; i++)
        numbers[i] = ranked[i].number;
    return numbers;
}

gint64
lamp_shape_typical(const LampShape *shape)
{
    gint64 median = lamp_quantiles_at(&shape->duration, 0.5);
    LampShapeMember best = g_array_index(shape->members, LampShapeMember, 0);
    for (guint i = 1; i < shape->members->len; i++) {
        LampShapeMember m = g_array_index(shape->members, LampShapeMember, i);
        gint64 d = ABS(m.duration - median), b = ABS(best.duration - median);
        if (d < b || (d == b && m.trace_id < best.trace_id))
            best = m;
    }
    return best.trace_id;
}

gint64
lamp_shape_slowest(const LampShape *shape)
{
    LampShapeMember best = g_array_index(shape->members, LampShapeMember, 0);
    for (guint i = 1; i < shape->members->len; i++) {
        LampShapeMember m = g_array_index(shape->members, LampShapeMember, i);
        if (m.duration > best.duration ||
            (m.duration == best.duration && m.trace_id < best.trace_id))
            best = m;
    }
    return best.trace_id;
}
