/*
 * Classes, segment types and their pairs; the reduction of what stands to a graph.
 *
 * Memory: pairs of types that occur together, each with at most 128 samples. Cost: per trace
 * the square of the types present, so near-linear in traces. Names come from input, so they are
 * looked up in keyed maps.
 */
#include "model/causal-model.h"

#include "base/keyed-map.h"
#include "model/causal-pairs.h"

#include <math.h>
#include <stdlib.h>

#define NAME_BUDGET ((gsize) 1 << 26)
#define WORDS ((LAMP_CAUSAL_TYPES + 63) / 64)

typedef struct {
    char *name;
    guint64 traces, left_out;
    GArray *types; /* LampSegmentType */
    GArray *pairs; /* LampCausalPair of types a < b at b (b - 1) / 2 + a */
} Class;

struct LampCausalModel {
    LampCausalOptions options;
    GPtrArray *classes;
    LampKeyedMap *class_index, *type_index; /* name to number + 1 */
};

static void
free_class(gpointer item)
{
    Class *class = item;
    for (guint i = 0; i < class->types->len; i++)
        g_free(g_array_index(class->types, LampSegmentType, i).name);
    for (guint i = 0; i < class->pairs->len; i++)
        g_free(g_array_index(class->pairs, LampCausalPair, i).kept);
    g_array_unref(class->types);
    g_array_unref(class->pairs);
    g_free(class->name);
    g_free(class);
}

LampCausalModel *
lamp_causal_model_new(const LampCausalOptions *options)
{
    LampCausalModel *model = g_new0(LampCausalModel, 1);
    if (options != NULL)
        model->options = *options;
    if (model->options.error_rate <= 0)
        model->options.error_rate = 0.01;
    if (model->options.least_traces <= 0)
        model->options.least_traces = LAMP_CAUSAL_LEAST_TRACES;
    if (model->options.least_chance <= 0)
        model->options.least_chance = 0.05;
    model->classes = g_ptr_array_new_with_free_func(free_class);
    model->class_index = lamp_keyed_map_new(NAME_BUDGET);
    model->type_index = lamp_keyed_map_new(NAME_BUDGET);
    return model;
}

void
lamp_causal_model_free(LampCausalModel *model)
{
    if (model == NULL)
        return;
    g_ptr_array_unref(model->classes);
    lamp_keyed_map_free(model->class_index);
    lamp_keyed_map_free(model->type_index);
    g_free(model);
}

static Class *
class_at(const LampCausalModel *model, guint number)
{
    return g_ptr_array_index(model->classes, number);
}

guint
lamp_causal_model_class(LampCausalModel *model, const char *name)
{
    guint64 *place = lamp_keyed_map_add(model->class_index, lamp_bytes_text(name), NULL);
    if (place != NULL && *place > 0)
        return (guint) *place - 1;
    Class *class = g_new0(Class, 1);
    class->name = g_strdup(name);
    class->types = g_array_new(FALSE, TRUE, sizeof(LampSegmentType));
    class->pairs = g_array_new(FALSE, TRUE, sizeof(LampCausalPair));
    g_ptr_array_add(model->classes, class);
    if (place != NULL)
        *place = model->classes->len;
    return model->classes->len - 1;
}

guint32
lamp_causal_model_type(LampCausalModel *model, guint class_number, guint32 parent,
                       const char *name)
{
    Class *class = class_at(model, class_number);
    g_autofree char *key = g_strdup_printf("%u %u %s", class_number, parent, name);
    const guint64 *known = lamp_keyed_map_find(model->type_index, lamp_bytes_text(key));
    if (known != NULL)
        return (guint32) *known - 1;
    guint64 *place = class->types->len < LAMP_CAUSAL_TYPES
                         ? lamp_keyed_map_add(model->type_index, lamp_bytes_text(key), NULL)
                         : NULL;
    if (place == NULL) {
        class->left_out++;
        return LAMP_CAUSAL_NO_PARENT;
    }
    LampSegmentType type = {.name = g_strdup(name), .parent = parent};
    g_array_append_val(class->types, type);
    guint count = class->types->len;
    g_array_set_size(class->pairs, count * (count - 1) / 2);
    *place = count;
    return count - 1;
}

static int
compare_segments(const void *left, const void *right)
{
    const LampSegment *a = left, *b = right;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Groups of equal type; returns how many. */
static guint
group_segments(Class *class, const LampSegment *segments, gsize count, LampSegmentGroup *groups)
{
    guint n = 0;
    for (gsize i = 0, j; i < count && segments[i].type < class->types->len; i = j) {
        LampSegmentGroup group = {.items = &segments[i],
                                  .first_start = segments[i].start,
                                  .last_end = segments[i].end,
                                  .confidence = segments[i].confidence};
        LampSegmentType *type = &g_array_index(class->types, LampSegmentType, segments[i].type);
        for (j = i; j < count && segments[j].type == segments[i].type; j++) {
            group.last_end = MAX(group.last_end, segments[j].end);
            group.confidence = MIN(group.confidence, segments[j].confidence);
            type->duration_sum += (double) (segments[j].end - segments[j].start);
        }
        group.count = j - i;
        type->traces++;
        type->occurrences += group.count;
        groups[n++] = group;
    }
    return n;
}

static gboolean
is_above(const Class *class, guint32 above, guint32 type)
{
    while (type != LAMP_CAUSAL_NO_PARENT && type != above)
        type = g_array_index(class->types, LampSegmentType, type).parent;
    return type == above;
}

void
lamp_causal_model_add(LampCausalModel *model, guint class_number, LampSegment *segments,
                      gsize count)
{
    Class *class = class_at(model, class_number);
    class->traces++;
    qsort(segments, count, sizeof *segments, compare_segments);
    LampSegmentGroup groups[LAMP_CAUSAL_TYPES];
    guint n = group_segments(class, segments, count, groups);
    for (guint j = 1; j < n; j++) {
        for (guint i = 0; i < j; i++) {
            guint32 a = groups[i].items->type, b = groups[j].items->type;
            /* A type is made before those that it encloses, so only one way is possible. */
            if (is_above(class, a, b))
                continue;
            gboolean is_one_clock = groups[i].items->clock == groups[j].items->clock;
            lamp_causal_pair_add(
                &g_array_index(class->pairs, LampCausalPair, b * (b - 1) / 2 + a), &groups[i],
                &groups[j], is_one_clock ? 0 : model->options.clock_error);
        }
    }
}

guint
lamp_causal_model_classes(const LampCausalModel *model)
{
    return model->classes->len;
}

const char *
lamp_causal_model_class_name(const LampCausalModel *model, guint class_number)
{
    return class_at(model, class_number)->name;
}

guint64
lamp_causal_model_traces(const LampCausalModel *model, guint class_number)
{
    return class_at(model, class_number)->traces;
}

guint64
lamp_causal_model_left_out(const LampCausalModel *model, guint class_number)
{
    return class_at(model, class_number)->left_out;
}

guint
lamp_causal_model_types(const LampCausalModel *model, guint class_number)
{
    return class_at(model, class_number)->types->len;
}

const LampSegmentType *
lamp_causal_model_segment(const LampCausalModel *model, guint class_number, guint32 type)
{
    return &g_array_index(class_at(model, class_number)->types, LampSegmentType, type);
}

static gint
compare_relations(gconstpointer left, gconstpointer right)
{
    const LampRelation *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->second > b->second) - (a->second < b->second);
}

/* Rows and columns of the relation "before" as bitsets. */
typedef struct {
    guint64 after[LAMP_CAUSAL_TYPES][WORDS], before[LAMP_CAUSAL_TYPES][WORDS];
    double traces[LAMP_CAUSAL_TYPES][LAMP_CAUSAL_TYPES];
} Order;

/* Is there a type between the two that most traces with both have? */
static gboolean
is_between(const Order *order, const LampRelation *r)
{
    for (guint w = 0; w < WORDS; w++) {
        guint64 between = order->after[r->first][w] & order->before[r->second][w];
        for (; between != 0; between &= between - 1) {
            guint middle = w * 64 + (guint) __builtin_ctzll(between);
            if (MIN(order->traces[r->first][middle], order->traces[middle][r->second]) >=
                0.5 * r->traces)
                return TRUE;
        }
    }
    return FALSE;
}

/* Does it hold already for what encloses the two? */
static gboolean
is_inherited(const Class *class, const Order *order, const LampRelation *r)
{
    for (guint32 a = r->first; a != LAMP_CAUSAL_NO_PARENT;
         a = g_array_index(class->types, LampSegmentType, a).parent) {
        for (guint32 b = r->second; b != LAMP_CAUSAL_NO_PARENT;
             b = g_array_index(class->types, LampSegmentType, b).parent) {
            if ((a != r->first || b != r->second) && order->traces[a][b] >= 0.5 * r->traces)
                return TRUE;
        }
    }
    return FALSE;
}

/* Transitive reduction of what is proven. */
static void
reduce(const Class *class, GArray *relations)
{
    g_autofree Order *order = g_new0(Order, 1);
    for (guint i = 0; i < relations->len; i++) {
        const LampRelation *r = &g_array_index(relations, LampRelation, i);
        if (r->kind != LAMP_RELATION_BEFORE || !r->is_proven)
            continue;
        order->after[r->first][r->second / 64] |= G_GUINT64_CONSTANT(1) << (r->second % 64);
        order->before[r->second][r->first / 64] |= G_GUINT64_CONSTANT(1) << (r->first % 64);
        order->traces[r->first][r->second] = r->traces;
    }
    for (guint i = 0; i < relations->len; i++) {
        LampRelation *r = &g_array_index(relations, LampRelation, i);
        r->is_implied = r->kind == LAMP_RELATION_BEFORE &&
                        (is_between(order, r) || is_inherited(class, order, r));
    }
}

GArray *
lamp_causal_model_relations(const LampCausalModel *model, guint class_number)
{
    const Class *class = class_at(model, class_number);
    GArray *relations = g_array_new(FALSE, FALSE, sizeof(LampRelation));
    for (guint b = 1; b < class->types->len; b++)
        for (guint a = 0; a < b; a++)
            lamp_causal_pair_judge(
                &g_array_index(class->pairs, LampCausalPair, b * (b - 1) / 2 + a), a, b,
                &model->options, relations);
    g_array_sort(relations, compare_relations);
    reduce(class, relations);
    return relations;
}
