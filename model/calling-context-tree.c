/*
 * Calling context tree (Ammons, Ball, Larus, PLDI 1997) over calls between services.
 *
 * A context is found by (parent context, label) in one map. Inclusive time is the caller's view
 * of a call, so time on the network belongs to the callee's context and the contexts below the
 * root add up to the latency that clients saw. Exclusive time takes away the union of the
 * children's intervals: parallel children are not taken away twice, and what a child does after
 * its parent's end is not taken away at all. Seen from the trigger, asynchronous work begins a
 * path of its own, so a queue's consumer shows once and not below each that queued something.
 */
#include "model/calling-context-tree.h"

#include "model/index-map.h"

struct LampCct {
    GArray *contexts;
    LampIndexMap index;
    GArray *places;     /* context of each call of the flow at hand */
    GArray *surenesses; /* confidence of each call's whole path */
    GArray *critical;   /* LampCritical of each call */
    guint most_contexts;
    LampCctView view;
    guint64 dropped;
};

LampCct *
lamp_cct_new(guint most_contexts, LampCctView view)
{
    LampCct *cct = g_new0(LampCct, 1);
    LampContext root = {.label = LAMP_FLOW_NONE};
    cct->contexts = g_array_new(FALSE, TRUE, sizeof(LampContext));
    cct->places = g_array_new(FALSE, FALSE, sizeof(guint32));
    cct->surenesses = g_array_new(FALSE, FALSE, sizeof(double));
    cct->critical = g_array_new(FALSE, FALSE, sizeof(LampCritical));
    cct->most_contexts = most_contexts == 0 ? LAMP_CCT_CONTEXTS : most_contexts;
    cct->view = view;
    lamp_index_map_init(&cct->index);
    g_array_append_val(cct->contexts, root);
    return cct;
}

void
lamp_cct_free(LampCct *cct)
{
    if (cct == NULL)
        return;
    g_array_unref(cct->contexts);
    g_array_unref(cct->places);
    g_array_unref(cct->surenesses);
    g_array_unref(cct->critical);
    lamp_index_map_clear(&cct->index);
    g_free(cct);
}

/* Context of @label below @parent; LAMP_FLOW_NONE when there is no room for a new one. */
static guint32
find_context(LampCct *cct, guint32 parent, guint32 label)
{
    guint64 key = (guint64) parent << 32 | label;
    if (cct->contexts->len >= cct->most_contexts)
        return lamp_index_map_find(&cct->index, key);
    gboolean is_new;
    guint32 found = lamp_index_map_add(&cct->index, key, cct->contexts->len, &is_new);
    if (is_new) {
        LampContext context = {.label = label, .parent = parent};
        context.depth = g_array_index(cct->contexts, LampContext, parent).depth + 1;
        g_array_append_val(cct->contexts, context);
    }
    return found;
}

static gint64
children_union(const LampFlow *flow, guint32 call)
{
    const LampFlowCall *parent = &flow->calls[call];
    LampTime covered = parent->client_start;
    gint64 sum = 0;
    for (guint32 c = lamp_flow_first_child(flow, call); c != LAMP_FLOW_NONE;
         c = lamp_flow_next_sibling(flow, c)) {
        LampTime from = MAX(flow->calls[c].client_start, covered);
        LampTime to = MIN(flow->calls[c].client_end, parent->client_end);
        if (to > from) {
            sum += to - from;
            covered = to;
        }
    }
    return sum;
}

static void
count_call(LampContext *context, const LampFlow *flow, guint32 i, const LampCritical *critical)
{
    const LampFlowCall *call = &flow->calls[i];
    gint64 duration = call->client_end - call->client_start;
    gint64 below = children_union(flow, i);
    guint32 weight = call->weight;
    gboolean has_own = !call->waits && !call->is_open;
    context->count += weight;
    context->unanswered += call->is_open * weight;
    context->inclusive += (has_own ? duration : below) * weight;
    context->exclusive += (has_own ? duration - below : 0) * weight;
    context->critical += (critical->own + critical->network) * weight;
    context->errors += call->is_error * weight;
    context->request_bytes += (guint64) call->request_bytes * weight;
    context->response_bytes += (guint64) call->response_bytes * weight;
}

void
lamp_cct_add(LampCct *cct, const LampFlow *flow)
{
    g_array_set_size(cct->places, flow->count);
    g_array_set_size(cct->surenesses, flow->count);
    g_array_set_size(cct->critical, flow->count);
    guint32 *places = (guint32 *) (gpointer) cct->places->data;
    double *sureness = (double *) (gpointer) cct->surenesses->data;
    LampCritical *critical = (LampCritical *) (gpointer) cct->critical->data;
    lamp_critical_path_find(flow, critical);
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        gboolean is_root = call->parent == LAMP_FLOW_NONE ||
                           (call->is_asynchronous && cct->view == LAMP_CCT_TRIGGER);
        guint32 above = is_root ? 0 : places[call->parent];
        places[i] = above == LAMP_FLOW_NONE ? above : find_context(cct, above, call->label);
        sureness[i] = (is_root ? 1.0 : sureness[call->parent]) * (double) call->confidence;
        if (places[i] == LAMP_FLOW_NONE) {
            cct->dropped++;
            continue;
        }
        LampContext *context = &g_array_index(cct->contexts, LampContext, places[i]);
        count_call(context, flow, i, &critical[i]);
        context->confidence += sureness[i] * call->weight;
    }
    LampContext *all = &g_array_index(cct->contexts, LampContext, 0);
    all->count += flow->weight;
    all->inclusive +=
        (flow->calls[0].waits || lamp_flow_is_open(flow) ? children_union(flow, 0)
                                                         : lamp_flow_duration(flow)) *
        flow->weight;
}

guint
lamp_cct_count(const LampCct *cct)
{
    return cct->contexts->len;
}

guint64
lamp_cct_dropped(const LampCct *cct)
{
    return cct->dropped;
}

const LampContext *
lamp_cct_context(const LampCct *cct, guint32 index)
{
    return &g_array_index(cct->contexts, LampContext, index);
}
