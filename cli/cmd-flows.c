/*
 * lamplight flows: request flows by shape.
 */
#include "cli/closest.h"
#include "cli/commands.h"
#include "cli/flow-list.h"
#include "cli/print.h"
#include "cli/shape-tree.h"
#include "cli/unusual-text.h"
#include "cli/wrap.h"
#include "model/shape.h"

#include <string.h>

static gboolean as_json, fold, ascii, by_request;
static int most = 10, trees = 3, unusual_most = 5;
static char *order_name, *view_name;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "whose asynchronous work is: submitter (default; of the request that caused it) or "
     "trigger "
     "(a background activity of its own)",
     "VIEW"},
    {"by", 0, 0, G_OPTION_ARG_STRING, &order_name,
     "order: count (default), latency, cost, variance", "ORDER"},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most, "shapes to list (default 10; 0: all)", "N"},
    {"trees", 0, 0, G_OPTION_ARG_INT, &trees, "draw the first N shapes (default 3)", "N"},
    {"unusual", 0, 0, G_OPTION_ARG_INT, &unusual_most,
     "tell of the first N paths that are rare or fail (default 5)", "N"},
    {"fold", 0, 0, G_OPTION_ARG_NONE, &fold,
     "put near-equal shapes together: order and repeats do not count", NULL},
    {"requests", 0, 0, G_OPTION_ARG_NONE, &by_request,
     "every request by itself, with the shape it belongs to", NULL},
    {"ascii", 0, 0, G_OPTION_ARG_NONE, &ascii, "plain characters only", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object; with --requests an array",
     NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    {"trees", &trees, NULL, 0.0, G_MAXINT},
    {"unusual", &unusual_most, NULL, 0.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    if (flow->weight > 0)
        lamp_shapes_add(payload, flow);
    return TRUE;
}

typedef struct {
    guint64 flows;
    double time;
    guint rare, invalid;
} Totals;

/* A shape is rare below one in a thousand of the requests to its operation. */
static Totals
total(const LampShapes *shapes)
{
    Totals totals = {0};
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        totals.flows += shape->count;
        totals.time += shape->is_background ? 0.0 : shape->duration.sum;
    }
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        totals.rare += shape->count * 1000 < totals.flows;
        totals.invalid += shape->errors > 0;
    }
    return totals;
}

static void
add_row(LampTable *table, const LampTopology *topology, const LampShape *shape, guint rank,
        const Totals *totals)
{
    double n = (double) shape->count;
    char *cells[] = {
        g_strdup_printf("%u", rank),
        lamp_label_format(topology, shape->example->calls[0].label),
        lamp_count_format(shape->count),
        lamp_share_format(n / (double) totals->flows),
        shape->is_background ? g_strdup("-")
                             : lamp_share_format(shape->duration.sum / MAX(totals->time, 1.0)),
        g_strdup_printf("%.1f", (double) shape->calls / n),
        shape->errors == 0 ? g_strdup("0") : lamp_share_format((double) shape->errors / n),
        lamp_count_format(shape->unanswered),
        lamp_quantile_format(&shape->duration, 0.5),
        lamp_quantile_format(&shape->duration, 0.95),
        lamp_quantile_format(&shape->duration, 0.99),
        lamp_share_format(shape->confidence / n),
        g_strdup_printf("%016" G_GINT64_MODIFIER "x", shape->id),
    };
    lamp_table_take(table, cells);
}

static void
append_tables(LampCli *cli, const LampModelView *view, const LampShapes *shapes,
              const guint *ranks, GString *out)
{
    static const char *const titles[] = {">#",        "request", ">count",  ">share",
                                         ">~of time", ">~calls", ">errors", ">?no response",
                                         ">p50",      ">p95",    ">p99",    ">~sure",
                                         "~shape",    NULL};
    Totals totals = total(shapes);
    guint n = lamp_shapes_count(shapes);
    guint listed = most <= 0 ? n : MIN(n, (guint) most);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < listed; i++)
        add_row(table, view->topology, lamp_shapes_get(shapes, ranks[i]), i + 1, &totals);
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_string_append_c(out, '\n');
    lamp_flow_counts_append(cli->store, out);
    g_string_append_printf(out,
                           "\n%u shapes; %u of them seen in less than one of 1000, %u with "
                           "errors. Durations: as the caller saw them. \"of time\" is the "
                           "share of all requests' time; background activities show -.\n",
                           n, totals.rare, totals.invalid);
    g_autoptr(GArray) found = lamp_unusual_find(shapes);
    lamp_unusual_append(out, view->topology, shapes, found, (guint) unusual_most);
    lamp_wrap(cli, out, below);
    for (guint i = 0; i < MIN(listed, (guint) MAX(trees, 0)); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, ranks[i]);
        g_string_append_printf(out, "\n#%u\n", i + 1);
        lamp_shape_tree_append(out, view->topology, view->structure, shape->example, "  ",
                               ascii, 60);
    }
}

static void
append_json_shape(GString *out, const LampTopology *topology, const LampShape *shape)
{
    double n = (double) shape->count;
    const LampFlow *flow = shape->example;
    const LampLabel *label = lamp_topology_label(topology, flow->calls[0].label);
    g_string_append_printf(
        out, "{\"shape\": \"%016" G_GINT64_MODIFIER "x\", \"service\": ", shape->id);
    lamp_json_append_string(out, lamp_topology_service(topology, label->service)->name);
    g_string_append(out, ", \"operation\": ");
    lamp_json_append_string(out, label->operation);
    g_string_append_printf(out,
                           ", \"count\": %" G_GUINT64_FORMAT ", \"errors\": %" G_GUINT64_FORMAT
                           ", \"unanswered\": %" G_GUINT64_FORMAT
                           ", \"calls\": %" G_GUINT64_FORMAT ", \"is_background\": %s",
                           shape->count, shape->errors, shape->unanswered, shape->calls,
                           shape->is_background ? "true" : "false");
    lamp_json_append_quantile(out, "p50_ns", &shape->duration, 0.5);
    lamp_json_append_quantile(out, "p95_ns", &shape->duration, 0.95);
    lamp_json_append_quantile(out, "p99_ns", &shape->duration, 0.99);
    lamp_json_append_mean(out, "mean_ns", &shape->duration);
    lamp_json_append_ns(out, "deviation_ns", lamp_quantiles_deviation(&shape->duration));
    g_string_append(out, ", \"confidence\": ");
    lamp_json_append_real(out, shape->confidence / n);
    g_string_append(out, ", \"tree\": [");
    for (guint32 i = 0; i < flow->count && i < 1000; i++) {
        const LampLabel *what = lamp_topology_label(topology, flow->calls[i].label);
        g_string_append_printf(
            out, "%s{\"parent\": %d, \"service\": ", i == 0 ? "" : ", ",
            flow->calls[i].parent == LAMP_FLOW_NONE ? -1 : (int) flow->calls[i].parent);
        lamp_json_append_string(out, lamp_topology_service(topology, what->service)->name);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, what->operation);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]}");
}

static void
append_json(const LampTopology *topology, const LampShapes *shapes, const guint *ranks,
            GString *out)
{
    guint n = lamp_shapes_count(shapes);
    guint listed = most <= 0 ? n : MIN(n, (guint) most);
    g_string_append_printf(
        out,
        "{\"requests\": %" G_GUINT64_FORMAT ", \"background_activities\": %" G_GUINT64_FORMAT
        ", \"calls\": %" G_GUINT64_FORMAT ", \"unanswered\": %" G_GUINT64_FORMAT
        ", \"shapes_found\": %u, \"shapes\": [",
        lamp_flow_counts.requests, lamp_flow_counts.background, lamp_flow_counts.calls,
        lamp_flow_counts.unanswered, n);
    for (guint i = 0; i < listed; i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_shape(out, topology, lamp_shapes_get(shapes, ranks[i]));
    }
    g_autoptr(GArray) found = lamp_unusual_find(shapes);
    g_string_append(out, "\n], \"unusual\": ");
    lamp_unusual_append_json(out, topology, shapes, found);
    g_string_append(out, "}\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    static const char *const orders[] = {"count", "latency", "cost", "variance", NULL};
    guint order;
    if (!lamp_choose("by", order_name, orders, &order, error) ||
        !lamp_flow_view_choose(view_name, error) || !lamp_model_view_open(cli, &view, error))
        return -1;
    LampShapeOptions shape_options = {.fold = fold};
    g_autoptr(LampShapes) shapes =
        lamp_shapes_new(view.topology, view.structure, &shape_options);
    g_autoptr(GString) out = g_string_new(NULL);
    if (by_request)
        return lamp_flow_list_append(cli, &view, shapes, as_json, out, error) &&
                       lamp_print(out, error)
                   ? LAMP_EXIT_OK
                   : -1;
    if (!lamp_flow_each(cli->store, view.topology, &lamp_flow_filter, add_flow, shapes, error))
        return -1;
    g_autofree guint *ranks = lamp_shapes_rank(shapes, (LampShapeOrder) order);
    if (as_json)
        append_json(view.topology, shapes, ranks, out);
    else
        append_tables(cli, &view, shapes, ranks, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_flows = {
    .name = "flows",
    .arguments = "FILE.db",
    .summary = "Request flows by shape, with counts and latencies",
    .examples = "lamplight flows --by latency --top 5 shop.db\n"
                "lamplight flows --requests --root web --errors shop.db",
    .description =
        "A shape is a class of requests with the same causal structure. In the trees, \"×3\"\n"
        "is a repeated call and \"‖\" marks calls that run in parallel with a neighbour.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
