/*
 * Attribution of cost along the paths of calls.
 *
 * A call's own time is its serving less the union of the calls it made; the sum over all pairs
 * (direct) therefore is the work of the whole system, counted once.
 */
#include "model/costs.h"

#include "model/index-map.h"

typedef struct {
    guint32 service;
    double confidence;
} Payer;

struct LampCosts {
    const LampTopology *topology;
    LampCostsView view;
    GArray *costs;
    LampIndexMap index;
    GArray *payers; /* services on the path at hand, each once */
};

LampCosts *
lamp_costs_new(const LampTopology *topology, LampCostsView view)
{
    LampCosts *costs = g_new0(LampCosts, 1);
    costs->topology = topology;
    costs->view = view;
    costs->costs = g_array_new(FALSE, TRUE, sizeof(LampCost));
    costs->payers = g_array_new(FALSE, TRUE, sizeof(Payer));
    return costs;
}

void
lamp_costs_free(LampCosts *costs)
{
    if (costs == NULL)
        return;
    g_array_unref(costs->costs);
    g_array_unref(costs->payers);
    lamp_index_map_clear(&costs->index);
    g_free(costs);
}

static LampCost *
find_cost(LampCosts *costs, guint32 payer, guint32 provider)
{
    gboolean is_new;
    guint32 i = lamp_index_map_add(&costs->index, (guint64) payer << 32 | provider,
                                   costs->costs->len, &is_new);
    if (is_new) {
        LampCost cost = {.payer = payer, .provider = provider};
        g_array_append_val(costs->costs, cost);
    }
    return &g_array_index(costs->costs, LampCost, i);
}

gint64
lamp_own_time(const LampFlow *flow, guint32 call)
{
    const LampFlowCall *c = flow->calls;
    LampTime covered = c[call].server_start;
    gint64 own = c[call].server_end - c[call].server_start;
    if (c[call].waits || c[call].is_open)
        return 0;
    for (guint32 i = lamp_flow_first_child(flow, call); i != LAMP_FLOW_NONE;
         i = lamp_flow_next_sibling(flow, i)) {
        LampTime from = MAX(c[i].client_start, covered);
        LampTime to = MIN(c[i].client_end, c[call].server_end);
        own -= MAX(to - from, 0);
        covered = MAX(covered, to);
    }
    return own;
}

/* Who made the call: whom it was seen to come from, else who served the parent. */
static guint32
caller_of(const LampCosts *costs, const LampFlow *flow, guint32 call)
{
    const LampFlowCall *c = flow->calls;
    if (c[call].client_instance != 0 || c[call].parent == LAMP_FLOW_NONE)
        return lamp_topology_instance(costs->topology, c[call].client_instance)->service;
    return lamp_topology_label(costs->topology, c[c[call].parent].label)->service;
}

static void
collect_payers(LampCosts *costs, const LampFlow *flow, guint32 call)
{
    double confidence = 1.0; /* who makes a call is seen; for whom, is inferred */
    g_array_set_size(costs->payers, 0);
    for (guint32 i = call; i != LAMP_FLOW_NONE; i = flow->calls[i].parent) {
        Payer payer = {caller_of(costs, flow, i), confidence};
        gboolean is_known = FALSE;
        for (guint k = 0; k < costs->payers->len && !is_known; k++)
            is_known = g_array_index(costs->payers, Payer, k).service == payer.service;
        if (!is_known)
            g_array_append_val(costs->payers, payer);
        if (flow->calls[i].is_asynchronous && costs->view == LAMP_COSTS_TRIGGER)
            return;
        confidence *= (double) flow->calls[i].confidence;
    }
}

void
lamp_costs_add(LampCosts *costs, const LampFlow *flow)
{
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        guint32 provider = lamp_topology_label(costs->topology, call->label)->service;
        gint64 own = lamp_own_time(flow, i);
        collect_payers(costs, flow, i);
        for (guint k = 0; k < costs->payers->len; k++) {
            const Payer *payer = &g_array_index(costs->payers, Payer, k);
            LampCost *cost = find_cost(costs, payer->service, provider);
            cost->calls += call->weight;
            cost->confidence += payer->confidence * call->weight;
            cost->time += own * call->weight;
            cost->bytes +=
                ((guint64) call->request_bytes + call->response_bytes) * call->weight;
            cost->direct_calls += k == 0 ? call->weight : 0;
            cost->direct_time += k == 0 ? own * call->weight : 0;
        }
    }
}

static gint
compare_costs(gconstpointer a, gconstpointer b)
{
    const LampCost *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    if (x->payer != y->payer)
        return x->payer < y->payer ? -1 : 1;
    return x->provider < y->provider ? -1 : x->provider > y->provider;
}

GArray *
lamp_costs_rank(const LampCosts *costs)
{
    GArray *ranked = g_array_copy(costs->costs);
    g_array_sort(ranked, compare_costs);
    return ranked;
}
