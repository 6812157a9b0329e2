/*
 * Graphs as text. Names come from input: they are escaped for the terminal first and then for
 * the format, so that a service called `"]; rm` stays a label.
 */
#include "cli/graph-text.h"

#include "base/text.h"
#include "cli/flow-options.h"
#include "cli/print.h"

/* "catalog" or "catalog GET /items/{}"; caller frees. */
static char *
node_name(const LampGraph *graph, const LampTopology *topology, guint index)
{
    const LampGraphNode *node = lamp_graph_node(graph, index);
    const char *service = lamp_topology_service(topology, node->service)->name;
    if (index == 0)
        return g_strdup("outside");
    if (lamp_graph_kind(graph) == LAMP_GRAPH_SERVICES || node->label == LAMP_FLOW_NONE)
        return lamp_text_escape(lamp_bytes_text(service));
    return lamp_label_format(topology, node->label);
}

static gboolean
is_used(const LampGraph *graph, guint index)
{
    if (lamp_graph_node(graph, index)->calls > 0)
        return TRUE;
    for (guint i = 0; i < lamp_graph_edge_count(graph); i++)
        if (lamp_graph_edge(graph, i)->from == index)
            return TRUE;
    return FALSE;
}

static double
per_minute(const LampGraph *graph, guint64 calls)
{
    gint64 period = MAX(lamp_graph_period(graph), 1);
    return (double) calls * 60.0 * 1e9 / (double) period;
}

static double
critical_share(const LampGraph *graph, gint64 critical)
{
    return (double) critical / MAX((double) lamp_graph_total(graph), 1.0);
}

static void
append_dot_text(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(out, '\\');
        if (*text == '\n')
            g_string_append(out, "\\n");
        else
            g_string_append_c(out, *text);
    }
    g_string_append_c(out, '"');
}

/* Three quantiles "1.2 ms / 3.4 ms / 5.6 ms"; caller frees. */
static char *
format_quantiles(const LampQuantiles *sketch)
{
    g_autofree char *p50 = lamp_quantile_format(sketch, 0.5);
    g_autofree char *p95 = lamp_quantile_format(sketch, 0.95);
    g_autofree char *p99 = lamp_quantile_format(sketch, 0.99);
    return g_strdup_printf("%s / %s / %s", p50, p95, p99);
}

static void
append_dot_node(GString *out, const LampGraph *graph, const LampTopology *topology, guint i)
{
    const LampGraphNode *node = lamp_graph_node(graph, i);
    g_autofree char *name = node_name(graph, topology, i);
    double share = critical_share(graph, node->critical);
    g_autofree char *quantiles = format_quantiles(&node->duration);
    g_autofree char *statuses = lamp_graph_statuses(node, 3);
    g_autofree char *open =
        node->unanswered == 0
            ? g_strdup("")
            : g_strdup_printf(", %" G_GUINT64_FORMAT " without a response", node->unanswered);
    g_autofree char *figures =
        node->calls == 0
            ? g_strdup("")
            : g_strdup_printf("\n%" G_GUINT64_FORMAT " calls, %.1f/min, %.1f %% errors%s\n%s\n"
                              "%.1f %% of the time%s%s",
                              node->calls, per_minute(graph, node->calls),
                              100.0 * (double) node->errors / (double) node->calls, open,
                              quantiles, share * 100.0, statuses[0] == '\0' ? "" : "\n",
                              statuses);
    g_autofree char *label = g_strconcat(name, figures, NULL);
    g_string_append_printf(out, "  n%u [label=", i);
    append_dot_text(out, label);
    /* From white to orange by the share of the critical path. */
    g_string_append_printf(out, ", fillcolor=\"0.09 %.3f 1.0\"%s];\n", MIN(share * 1.5, 0.9),
                           i == 0 ? ", shape=plaintext" : "");
}

static void
append_dot_edge(GString *out, const LampGraph *graph, const LampGraphEdge *edge)
{
    g_autofree char *p50 = lamp_quantile_format(&edge->duration, 0.5);
    g_autofree char *quantiles = format_quantiles(&edge->duration);
    if (edge->is_order) {
        g_string_append_printf(out,
                               "  n%u -> n%u [style=dashed, color=gray50, constraint=false, "
                               "label=\"+%s\"];\n",
                               edge->from, edge->to, p50);
        return;
    }
    double share =
        critical_share(graph, lamp_graph_node(graph, edge->to)->critical + edge->critical);
    g_string_append_printf(out,
                           "  n%u -> n%u [label=\"%" G_GUINT64_FORMAT
                           " x\\n%s\\nsure %.0f %%%s\", penwidth=%.2f%s];\n",
                           edge->from, edge->to, edge->calls, quantiles,
                           100.0 * edge->confidence / (double) edge->calls,
                           edge->errors > 0 ? ", errors" : "", 1.0 + 6.0 * share,
                           edge->is_asynchronous ? ", style=dotted" : "");
}

void
lamp_graph_append_dot(GString *out, const LampGraph *graph, const LampTopology *topology)
{
    g_string_append_printf(
        out,
        "digraph requests {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", "
        "fontname=\"sans-serif\", fontsize=10];\n  edge [fontname=\"sans-serif\", "
        "fontsize=9];\n"
        "  label=\"%" G_GUINT64_FORMAT " requests and %" G_GUINT64_FORMAT
        " background activities, trees right with %.0f %%; durations p50 / p95 / p99\";\n",
        lamp_graph_requests(graph), lamp_graph_flows(graph) - lamp_graph_requests(graph),
        lamp_graph_confidence(graph) * 100.0);
    for (guint i = 0; i < lamp_graph_node_count(graph); i++)
        if (is_used(graph, i))
            append_dot_node(out, graph, topology, i);
    for (guint i = 0; i < lamp_graph_edge_count(graph); i++)
        append_dot_edge(out, graph, lamp_graph_edge(graph, i));
    g_string_append(out, "}\n");
}

/* Mermaid has no escape for quotes inside of quotes but entities. */
static void
append_mermaid_text(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '#' || *text == '<' || *text == '>')
            g_string_append_printf(out, "#%d;", *text);
        else
            g_string_append_c(out, *text);
    }
}

static void
append_mermaid_edge(GString *out, const LampGraphEdge *edge)
{
    g_autofree char *p50 = lamp_quantile_format(&edge->duration, 0.5);
    g_string_append_printf(
        out, "    n%u -->|\"%" G_GUINT64_FORMAT " x %s<br/>sure %.0f %%%s\"| n%u\n", edge->from,
        edge->calls, p50, 100.0 * edge->confidence / (double) edge->calls,
        edge->errors > 0 ? ", errors" : "", edge->to);
}

void
lamp_graph_append_mermaid(GString *out, const LampGraph *graph, const LampTopology *topology)
{
    g_string_append(out, "flowchart LR\n");
    for (guint i = 0; i < lamp_graph_node_count(graph); i++) {
        const LampGraphNode *node = lamp_graph_node(graph, i);
        g_autofree char *name = node_name(graph, topology, i);
        g_autofree char *quantiles = format_quantiles(&node->duration);
        if (!is_used(graph, i))
            continue;
        g_string_append_printf(out, "    n%u[\"", i);
        append_mermaid_text(out, name);
        if (node->calls > 0)
            g_string_append_printf(out,
                                   "<br/>%" G_GUINT64_FORMAT
                                   " calls, %.1f/min, %.1f %% errors<br/>%s<br/>%.1f %% "
                                   "of the time",
                                   node->calls, per_minute(graph, node->calls),
                                   100.0 * (double) node->errors / (double) node->calls,
                                   quantiles, 100.0 * critical_share(graph, node->critical));
        g_string_append(out, "\"]\n");
    }
    for (guint i = 0; i < lamp_graph_edge_count(graph); i++) {
        const LampGraphEdge *edge = lamp_graph_edge(graph, i);
        if (edge->is_order)
            g_string_append_printf(out, "    n%u -.-> n%u\n", edge->from, edge->to);
        else
            append_mermaid_edge(out, edge);
    }
}

static void
append_json_quantiles(GString *out, const LampQuantiles *sketch)
{
    static const struct {
        const char *key;
        double q;
    } parts[] = {{"p50_ns", 0.5}, {"p95_ns", 0.95}, {"p99_ns", 0.99}};
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        lamp_json_append_quantile(out, parts[i].key, sketch, parts[i].q);
}

static void
append_json_node(GString *out, const LampGraph *graph, const LampTopology *topology, guint i)
{
    const LampGraphNode *node = lamp_graph_node(graph, i);
    gboolean has_label =
        node->label != LAMP_FLOW_NONE && lamp_graph_kind(graph) != LAMP_GRAPH_SERVICES;
    g_string_append_printf(out, "{\"node\": %u, \"service\": ", i);
    lamp_json_append_string(out, i == 0 ? "outside"
                                        : lamp_topology_service(topology, node->service)->name);
    g_string_append(out, ", \"operation\": ");
    lamp_json_append_string(
        out, has_label ? lamp_topology_label(topology, node->label)->operation : NULL);
    g_string_append_printf(out,
                           ", \"calls\": %" G_GUINT64_FORMAT ", \"errors\": %" G_GUINT64_FORMAT
                           ", \"unanswered\": %" G_GUINT64_FORMAT,
                           node->calls, node->errors, node->unanswered);
    append_json_quantiles(out, &node->duration);
    g_string_append(out, ", \"per_minute\": ");
    lamp_json_append_real(out, per_minute(graph, node->calls));
    g_string_append(out, ", \"critical_share\": ");
    lamp_json_append_real(out, critical_share(graph, node->critical));
    g_autofree char *statuses = lamp_graph_statuses(node, 8);
    g_string_append(out, ", \"statuses\": ");
    lamp_json_append_string(out, statuses);
    g_string_append_c(out, '}');
}

static void
append_json_edge(GString *out, const LampGraphEdge *edge)
{
    g_string_append_printf(
        out,
        "{\"from\": %u, \"to\": %u, \"kind\": \"%s\", \"calls\": %" G_GUINT64_FORMAT
        ", \"errors\": %" G_GUINT64_FORMAT ", \"unanswered\": %" G_GUINT64_FORMAT,
        edge->from, edge->to,
        edge->is_order          ? "order"
        : edge->is_asynchronous ? "asynchronous"
                                : "call",
        edge->calls, edge->errors, edge->unanswered);
    append_json_quantiles(out, &edge->duration);
    if (!edge->is_order) {
        g_string_append(out, ", \"confidence\": ");
        lamp_json_append_real(out, edge->confidence / (double) edge->calls);
    }
    g_string_append_c(out, '}');
}

void
lamp_graph_append_json(GString *out, const LampGraph *graph, const LampTopology *topology)
{
    g_string_append_printf(
        out,
        "{\"requests\": %" G_GUINT64_FORMAT ", \"background_activities\": %" G_GUINT64_FORMAT
        ", \"confidence\": ",
        lamp_graph_requests(graph), lamp_graph_flows(graph) - lamp_graph_requests(graph));
    lamp_json_append_real(out, lamp_graph_confidence(graph));
    g_string_append(out, ", \"nodes\": [");
    const char *comma = "\n  ";
    for (guint i = 0; i < lamp_graph_node_count(graph); i++) {
        if (!is_used(graph, i))
            continue;
        g_string_append(out, comma);
        append_json_node(out, graph, topology, i);
        comma = ",\n  ";
    }
    g_string_append(out, "\n], \"edges\": [");
    for (guint i = 0; i < lamp_graph_edge_count(graph); i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_edge(out, lamp_graph_edge(graph, i));
    }
    g_string_append(out, "\n]}\n");
}
