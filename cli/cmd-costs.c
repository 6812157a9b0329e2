/*
 * lamplight costs: who costs whom, direct and transitive.
 */
#include "cli/closest.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/costs.h"

static gboolean as_json;
static int most;
static char *view_name;

static const GOptionEntry options[] = {
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "whom asynchronous work is charged to: submitter (default; whose request caused it) or "
     "trigger (who runs it)",
     "VIEW"},
    LAMP_FLOW_OPTIONS,
    {"top", 'n', 0, G_OPTION_ARG_INT, &most,
     "only the N pairs that cost the most time (default 0: all)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    lamp_costs_add(payload, flow);
    return TRUE;
}

static void
append_table(LampCli *cli, const LampTopology *topology, const GArray *ranked, guint all,
             GString *out)
{
    static const char *const titles[] = {"payer",        "provider", ">time",
                                         ">direct time", ">calls",   ">~direct calls",
                                         ">~bytes",      ">sure",    NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < ranked->len; i++) {
        const LampCost *cost = &g_array_index(ranked, LampCost, i);
        char *cells[] = {g_strdup(lamp_topology_service(topology, cost->payer)->name),
                         g_strdup(lamp_topology_service(topology, cost->provider)->name),
                         lamp_ms_format((double) cost->time),
                         lamp_ms_format((double) cost->direct_time),
                         lamp_count_format(cost->calls),
                         lamp_count_format(cost->direct_calls),
                         lamp_size_format(cost->bytes),
                         lamp_share_format(cost->confidence / (double) MAX(cost->calls, 1))};
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_string_append_c(out, '\n');
    lamp_flow_counts_append(cli->store, out);
    lamp_top_append(ranked, all, out);
    g_string_append(out,
                    "\ntime: the provider's own time that the payer caused, through others "
                    "too; direct: by its own calls. Direct times add up to the work of the "
                    "whole system; calls that wait for work (BRPOP) count none. sure: "
                    "probability that the payer caused the call.\n");
    lamp_wrap(cli, out, below);
}

static void
append_json(const LampTopology *topology, const GArray *ranked, GString *out)
{
    g_string_append_c(out, '[');
    for (guint i = 0; i < ranked->len; i++) {
        const LampCost *cost = &g_array_index(ranked, LampCost, i);
        g_string_append(out, i == 0 ? "\n  {\"payer\": " : ",\n  {\"payer\": ");
        lamp_json_append_string(out, lamp_topology_service(topology, cost->payer)->name);
        g_string_append(out, ", \"provider\": ");
        lamp_json_append_string(out, lamp_topology_service(topology, cost->provider)->name);
        g_string_append_printf(
            out,
            ", \"time_ns\": %" G_GINT64_FORMAT ", \"direct_time_ns\": %" G_GINT64_FORMAT
            ", \"calls\": %" G_GUINT64_FORMAT ", \"direct_calls\": %" G_GUINT64_FORMAT
            ", \"bytes\": %" G_GUINT64_FORMAT ", \"confidence\": ",
            cost->time, cost->direct_time, cost->calls, cost->direct_calls, cost->bytes);
        lamp_json_append_real(out, cost->confidence / (double) MAX(cost->calls, 1));
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    static const char *const views[] = {"submitter", "trigger", NULL};
    guint which;
    if (!lamp_choose("view", view_name, views, &which, error))
        return -1;
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    if (topology == NULL)
        return -1;
    g_autoptr(LampCosts) costs =
        lamp_costs_new(topology, which == 1 ? LAMP_COSTS_TRIGGER : LAMP_COSTS_SUBMITTER);
    if (!lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, costs, error))
        return -1;
    g_autoptr(GArray) ranked = lamp_costs_rank(costs);
    guint all = lamp_top_cut(ranked, most);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(topology, ranked, out);
    else
        append_table(cli, topology, ranked, all, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_costs = {
    .name = "costs",
    .arguments = "FILE.db",
    .summary = "Who costs whom: time, calls, bytes, direct and transitive",
    .examples = "lamplight costs shop.db",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
