/*
 * A graph of many requests written as DOT (Graphviz), Mermaid or JSON.
 */
#pragma once

#include "model/flow-graph.h"

void lamp_graph_append_dot(GString *out, const LampGraph *graph, const LampTopology *topology);
void lamp_graph_append_mermaid(GString *out, const LampGraph *graph,
                               const LampTopology *topology);
void lamp_graph_append_json(GString *out, const LampGraph *graph, const LampTopology *topology);
