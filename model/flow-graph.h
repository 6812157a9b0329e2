/*
 * Graphs of many requests.
 *
 * Two kinds, built in the same way: lamp_graph_new(), then lamp_graph_add() for each flow.
 * A *service map* has one node for each service, a *request-flow graph* one for each context
 * (path of labels) of the flows added, which shows forks, joins and order. Edges are calls;
 * order edges tell which call waited for which sibling.
 */
#pragma once

#include "model/critical-path.h"
#include "model/quantiles.h"
#include "model/structure.h"

typedef enum {
    LAMP_GRAPH_SERVICES,   /* node: service */
    LAMP_GRAPH_OPERATIONS, /* node: service and operation */
    LAMP_GRAPH_CONTEXTS,   /* node: path of labels; for one shape or a few */
} LampGraphKind;

typedef struct {
    char text[8]; /* cut */
    guint64 count;
} LampStatusCount;

typedef struct {
    guint32 label;   /* contexts, operations */
    guint32 service; /* index */
    guint64 calls, errors;
    guint64 unanswered;     /* of the calls: in no duration */
    LampQuantiles duration; /* callee's view */
    gint64 critical;        /* own time on critical paths, ns */
    GArray *statuses;       /* LampStatusCount, at most 64 */
} LampGraphNode;

typedef struct {
    guint32 from, to;  /* nodes */
    gboolean is_order; /* `to` waited for the end of its sibling `from` */
    gboolean is_asynchronous;
    guint64 calls, errors, unanswered;
    LampQuantiles duration; /* caller's view of the call; order: gap between the two */
    gint64 critical;        /* network time on critical paths, ns */
    double confidence;      /* sum over calls */
} LampGraphEdge;

typedef struct LampGraph LampGraph;

/* @topology and @structure are borrowed (@structure may be NULL: no order edges). Caller frees.
 */
LampGraph *lamp_graph_new(LampGraphKind kind, const LampTopology *topology,
                          const LampStructure *structure);
void lamp_graph_free(LampGraph *graph);

void lamp_graph_add(LampGraph *graph, const LampFlow *flow, const LampCritical *critical);

LampGraphKind lamp_graph_kind(const LampGraph *graph);
guint lamp_graph_node_count(const LampGraph *graph);
guint lamp_graph_edge_count(const LampGraph *graph);
const LampGraphNode *lamp_graph_node(const LampGraph *graph, guint index);
const LampGraphEdge *lamp_graph_edge(const LampGraph *graph, guint index);

guint64 lamp_graph_flows(const LampGraph *graph);
guint64 lamp_graph_requests(const LampGraph *graph);  /* of these, those from outside */
double lamp_graph_confidence(const LampGraph *graph); /* mean of the flows' */
gint64 lamp_graph_total(const LampGraph *graph); /* durations of all flows that began outside */
gint64 lamp_graph_period(const LampGraph *graph); /* first start to last end, ns */

/* "200 x 12, 404 x 3" of a node, most frequent first, at most @most; caller frees. */
char *lamp_graph_statuses(const LampGraphNode *node, guint most);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampGraph, lamp_graph_free)
