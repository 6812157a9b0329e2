/*
 * Service map and request-flow graph.
 *
 * Nodes are found by a key of the kind (service, label, or path of labels), edges by the pair
 * of nodes. Node 0 stands for callers outside of the system. Order edges exist in context
 * graphs only: each call is tied to the siblings that it waited for and that nothing in between
 * waited for again (the transitive reduction), so a fork is a node with two order edges out, a
 * join one with two in.
 */
#include "model/flow-graph.h"

#include "model/index-map.h"

#include <string.h>

/* Polls and timers wait by design: their time is nobody's latency. */
static const LampCritical no_time;

#define MOST_NODES 100000u
#define MOST_STATUSES 64u

struct LampGraph {
    LampGraphKind kind;
    const LampTopology *topology;
    const LampStructure *structure;
    GArray *nodes, *edges;
    LampIndexMap node_index, edge_index;
    GArray *places; /* node of each call of the flow at hand */
    guint64 flows;
    guint64 requests; /* of these, from outside */
    double confidence;
    gint64 total;
    LampTime from, to;
};

static void
clear_node(gpointer pointer)
{
    LampGraphNode *node = pointer;
    lamp_quantiles_clear(&node->duration);
    g_clear_pointer(&node->statuses, g_array_unref);
}

static void
clear_edge(gpointer pointer)
{
    LampGraphEdge *edge = pointer;
    lamp_quantiles_clear(&edge->duration);
}

LampGraph *
lamp_graph_new(LampGraphKind kind, const LampTopology *topology, const LampStructure *structure)
{
    LampGraph *graph = g_new0(LampGraph, 1);
    LampGraphNode outside = {.label = LAMP_FLOW_NONE};
    graph->kind = kind;
    graph->topology = topology;
    graph->structure = structure;
    graph->nodes = g_array_new(FALSE, TRUE, sizeof(LampGraphNode));
    graph->edges = g_array_new(FALSE, TRUE, sizeof(LampGraphEdge));
    graph->places = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_array_set_clear_func(graph->nodes, clear_node);
    g_array_set_clear_func(graph->edges, clear_edge);
    g_array_append_val(graph->nodes, outside);
    return graph;
}

void
lamp_graph_free(LampGraph *graph)
{
    if (graph == NULL)
        return;
    g_array_unref(graph->nodes);
    g_array_unref(graph->edges);
    g_array_unref(graph->places);
    lamp_index_map_clear(&graph->node_index);
    lamp_index_map_clear(&graph->edge_index);
    g_free(graph);
}

static guint32
find_node(LampGraph *graph, guint32 parent, const LampFlowCall *call)
{
    guint32 service = lamp_topology_label(graph->topology, call->label)->service;
    guint64 key = graph->kind == LAMP_GRAPH_SERVICES ? service : call->label;
    if (graph->kind == LAMP_GRAPH_CONTEXTS)
        key |= (guint64) parent << 32;
    if (graph->nodes->len >= MOST_NODES)
        return lamp_index_map_find(&graph->node_index, key);
    gboolean is_new;
    guint32 found = lamp_index_map_add(&graph->node_index, key, graph->nodes->len, &is_new);
    if (is_new) {
        LampGraphNode node = {.label = call->label, .service = service};
        g_array_append_val(graph->nodes, node);
    }
    return found;
}

/* Who made the root call: its service in a service map where that is known, else "outside". */
static guint32
find_caller(LampGraph *graph, const LampFlowCall *root)
{
    guint32 service = lamp_topology_instance(graph->topology, root->client_instance)->service;
    if (graph->kind != LAMP_GRAPH_SERVICES || service == 0)
        return 0;
    gboolean is_new;
    guint32 found = lamp_index_map_add(&graph->node_index, service, graph->nodes->len, &is_new);
    if (is_new) {
        LampGraphNode node = {.label = LAMP_FLOW_NONE, .service = service};
        g_array_append_val(graph->nodes, node);
    }
    return found;
}

static LampGraphEdge *
find_edge(LampGraph *graph, guint32 from, guint32 to, gboolean is_order)
{
    guint64 key = (guint64) from << 33 | (guint64) to << 1 | (is_order ? 1 : 0);
    gboolean is_new;
    guint32 found = lamp_index_map_add(&graph->edge_index, key, graph->edges->len, &is_new);
    if (is_new) {
        LampGraphEdge edge = {.from = from, .to = to, .is_order = is_order};
        g_array_append_val(graph->edges, edge);
    }
    return &g_array_index(graph->edges, LampGraphEdge, found);
}

static void
count_status(LampGraphNode *node, const char *status, guint32 weight)
{
    if (status[0] == '\0')
        return;
    if (node->statuses == NULL)
        node->statuses = g_array_new(FALSE, TRUE, sizeof(LampStatusCount));
    for (guint i = 0; i < node->statuses->len; i++) {
        LampStatusCount *known = &g_array_index(node->statuses, LampStatusCount, i);
        if (g_str_equal(known->text, status)) {
            known->count += weight;
            return;
        }
    }
    if (node->statuses->len >= MOST_STATUSES)
        return;
    LampStatusCount fresh = {.count = weight};
    g_strlcpy(fresh.text, status, sizeof fresh.text);
    g_array_append_val(node->statuses, fresh);
}

static void
count_call(LampGraph *graph, guint32 at, guint32 from, const LampFlowCall *call,
           const LampCritical *critical, guint32 weight)
{
    LampGraphNode *node = &g_array_index(graph->nodes, LampGraphNode, at);
    LampGraphEdge *edge = find_edge(graph, from, at, FALSE);
    node->calls += weight;
    node->errors += call->is_error * weight;
    node->critical += critical->own * weight;
    node->unanswered += call->is_open * weight;
    if (!call->is_open)
        lamp_quantiles_add(&node->duration, call->server_end - call->server_start, weight);
    count_status(node, call->status, weight);
    edge->calls += weight;
    edge->errors += call->is_error * weight;
    edge->critical += critical->network * weight;
    edge->confidence += (double) call->confidence * weight;
    edge->is_asynchronous = edge->is_asynchronous || call->is_asynchronous;
    edge->unanswered += call->is_open * weight;
    if (!call->is_open)
        lamp_quantiles_add(&edge->duration, call->client_end - call->client_start, weight);
}

/* May @second have waited for @first, and did it? */
static gboolean
waited(const LampGraph *graph, const LampFlow *flow, guint32 first, guint32 second)
{
    const LampFlowCall *calls = flow->calls;
    return !calls[first].is_open && calls[first].client_end <= calls[second].client_start &&
           lamp_structure_is_before(graph->structure, calls[calls[first].parent].label,
                                    calls[first].label, calls[second].label);
}

/* Order edges of the children of @parent; siblings further apart than eight are left alone. */
static void
count_order(LampGraph *graph, const LampFlow *flow, guint32 parent)
{
    const guint32 *places = (const guint32 *) (gpointer) graph->places->data;
    guint32 recent[8], n = 0;
    for (guint32 c = lamp_flow_first_child(flow, parent); c != LAMP_FLOW_NONE;
         c = lamp_flow_next_sibling(flow, c)) {
        guint32 reached = 0; /* bit k: recent[k] is before a later one that c waited for */
        for (guint32 k = n; k-- > 0;) {
            if ((reached >> k & 1) != 0 || !waited(graph, flow, recent[k], c))
                continue;
            for (guint32 j = 0; j < k; j++)
                if (waited(graph, flow, recent[j], recent[k]))
                    reached |= 1u << j;
            LampGraphEdge *edge = find_edge(graph, places[recent[k]], places[c], TRUE);
            edge->calls += flow->weight;
            lamp_quantiles_add(&edge->duration,
                               flow->calls[c].client_start - flow->calls[recent[k]].client_end,
                               flow->weight);
        }
        if (n == G_N_ELEMENTS(recent)) {
            for (guint32 k = 1; k < n; k++)
                recent[k - 1] = recent[k];
            n--;
        }
        recent[n++] = c;
    }
}

void
lamp_graph_add(LampGraph *graph, const LampFlow *flow, const LampCritical *critical)
{
    if (flow->weight == 0)
        return;
    gboolean has_order = graph->kind == LAMP_GRAPH_CONTEXTS && graph->structure != NULL;
    g_array_set_size(graph->places, flow->count);
    guint32 *places = (guint32 *) (gpointer) graph->places->data;
    LampTime start = flow->calls[0].client_start, end = flow->calls[0].client_end;
    graph->from = graph->flows == 0 ? start : MIN(graph->from, start);
    graph->to = graph->flows == 0 ? end : MAX(graph->to, end);
    graph->flows += flow->weight;
    graph->requests += flow->is_background ? 0 : flow->weight;
    graph->confidence += flow->confidence * flow->weight;
    graph->total += flow->is_background ? 0 : lamp_flow_duration(flow) * flow->weight;
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        guint32 from =
            call->parent == LAMP_FLOW_NONE ? find_caller(graph, call) : places[call->parent];
        places[i] = from == G_MAXUINT32 ? from : find_node(graph, from, call);
        if (places[i] != G_MAXUINT32)
            count_call(graph, places[i], from, call,
                       flow->is_background ? &no_time : &critical[i], flow->weight);
        else
            has_order = FALSE;
    }
    for (guint32 i = 0; has_order && i < flow->count; i++)
        count_order(graph, flow, i);
}

LampGraphKind
lamp_graph_kind(const LampGraph *graph)
{
    return graph->kind;
}

guint
lamp_graph_node_count(const LampGraph *graph)
{
    return graph->nodes->len;
}

guint
lamp_graph_edge_count(const LampGraph *graph)
{
    return graph->edges->len;
}

const LampGraphNode *
lamp_graph_node(const LampGraph *graph, guint index)
{
    return &g_array_index(graph->nodes, LampGraphNode, index);
}

const LampGraphEdge *
lamp_graph_edge(const LampGraph *graph, guint index)
{
    return &g_array_index(graph->edges, LampGraphEdge, index);
}

guint64
lamp_graph_requests(const LampGraph *graph)
{
    return graph->requests;
}

guint64
lamp_graph_flows(const LampGraph *graph)
{
    return graph->flows;
}

double
lamp_graph_confidence(const LampGraph *graph)
{
    return graph->flows == 0 ? 0.0 : graph->confidence / (double) graph->flows;
}

gint64
lamp_graph_total(const LampGraph *graph)
{
    return graph->total;
}

gint64
lamp_graph_period(const LampGraph *graph)
{
    return graph->to - graph->from;
}

static gint
compare_statuses(gconstpointer a, gconstpointer b)
{
    const LampStatusCount *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->text, y->text);
}

char *
lamp_graph_statuses(const LampGraphNode *node, guint most)
{
    GString *out = g_string_new(NULL);
    if (node->statuses == NULL)
        return g_string_free(out, FALSE);
    g_array_sort(node->statuses, compare_statuses);
    for (guint i = 0; i < node->statuses->len && i < most; i++) {
        const LampStatusCount *known = &g_array_index(node->statuses, LampStatusCount, i);
        g_string_append_printf(out, "%s%s x %" G_GUINT64_FORMAT, i == 0 ? "" : ", ",
                               known->text, known->count);
    }
    return g_string_free(out, FALSE);
}
