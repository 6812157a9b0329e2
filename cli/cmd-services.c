/*
 * lamplight services: rate, errors and duration (RED) of every service and operation.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/flow-services.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/red.h"

static gboolean as_json, from_flows;
static int most;
static char *view_name;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "whose asynchronous work is: submitter (default; of the request that caused it) or "
     "trigger "
     "(a background activity of its own; --service and so on choose it by itself)",
     "VIEW"},
    {"flow-records", 0, 0, G_OPTION_ARG_NONE, &from_flows,
     "connections as flow records tell them, not calls (by itself where there are no calls)",
     NULL},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most,
     "only the N operations with the most calls (default 0: all)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    LampRed *red;
    GArray *critical;
} Pass;

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Pass *pass = payload;
    g_array_set_size(pass->critical, flow->count);
    LampCritical *critical = (LampCritical *) (gpointer) pass->critical->data;
    lamp_critical_path_find(flow, critical);
    lamp_red_add(pass->red, flow, critical);
    return TRUE;
}

/* Labels in the order of service name, then calls. */
typedef struct {
    guint32 label;
    const char *service;
    guint64 service_calls, calls;
    const char *operation;
} Line;

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    const Line *x = a, *y = b;
    if (x->service_calls != y->service_calls)
        return x->service_calls > y->service_calls ? -1 : 1;
    int by_service = g_strcmp0(x->service, y->service);
    if (by_service != 0)
        return by_service;
    if (x->calls != y->calls)
        return x->calls > y->calls ? -1 : 1;
    return g_strcmp0(x->operation, y->operation);
}

static gint
compare_calls(gconstpointer a, gconstpointer b)
{
    const Line *x = a, *y = b;
    return x->calls != y->calls ? (x->calls > y->calls ? -1 : 1) : compare_lines(a, b);
}

/* Those to show, *out_all: how many there are. */
static GArray *
sort_labels(const LampTopology *topology, const LampRed *red, guint *out_all)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Line));
    g_autofree guint64 *calls = g_new0(guint64, lamp_topology_service_count(topology));
    for (guint32 i = 0; i < lamp_topology_label_count(topology); i++)
        calls[lamp_topology_label(topology, i)->service] += lamp_red_row(red, i)->calls;
    for (guint32 i = 0; i < lamp_topology_label_count(topology); i++) {
        const LampLabel *label = lamp_topology_label(topology, i);
        Line line = {.label = i, .operation = label->operation};
        line.service = lamp_topology_service(topology, label->service)->name;
        line.service_calls = calls[label->service];
        line.calls = lamp_red_row(red, i)->calls;
        if (line.calls > 0)
            g_array_append_val(lines, line);
    }
    g_array_sort(lines, compare_calls);
    *out_all = lamp_top_cut(lines, most);
    g_array_sort(lines, compare_lines);
    return lines;
}

static double
period_seconds(const LampRed *red)
{
    LampTime from, to;
    lamp_red_period(red, &from, &to);
    return MAX((double) (to - from) / (double) LAMP_NS_PER_SECOND, 1e-9);
}

static void
add_line(LampTable *table, const LampTopology *topology, const LampRed *red, const Line *line,
         gboolean is_first)
{
    const LampRedRow *row = lamp_red_row(red, line->label);
    const LampLabel *label = lamp_topology_label(topology, line->label);
    double calls = (double) row->calls;
    char *cells[] = {
        g_strdup(is_first ? line->service : ""),
        g_strdup(label->protocol),
        g_strdup(label->operation),
        lamp_count_format(row->calls),
        g_strdup_printf("%.2f", calls / period_seconds(red)),
        row->errors == 0 ? g_strdup("0") : lamp_share_format((double) row->errors / calls),
        lamp_count_format(row->unanswered),
        lamp_quantile_format(&row->server, 0.5),
        lamp_quantile_format(&row->server, 0.95),
        lamp_quantile_format(&row->server, 0.99),
        lamp_share_format((double) row->critical_own /
                          MAX((double) lamp_red_total_duration(red), 1.0)),
        lamp_share_format(row->confidence / calls),
    };
    lamp_table_take(table, cells);
}

static void
append_table(LampCli *cli, const LampTopology *topology, const LampRed *red, GString *out)
{
    static const char *const titles[] = {
        "service", "~protocol", "operation", ">calls",    ">~per s", ">errors", ">?no response",
        ">p50",    ">p95",      ">~p99",     ">~of time", ">~sure",  NULL};
    guint all;
    g_autoptr(GArray) lines = sort_labels(topology, red, &all);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        gboolean is_first =
            i == 0 || !g_str_equal(line->service, g_array_index(lines, Line, i - 1).service);
        add_line(table, topology, red, line, is_first);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_string_append_printf(out, "\n%.1f s: ", period_seconds(red));
    lamp_flow_counts_append(cli->store, out);
    lamp_top_append(lines, all, out);
    g_string_append(out, "\nDurations: from the request's arrival at the service to the end of "
                         "its response. \"of time\": share of all requests' time spent in "
                         "the operation itself on their critical paths; \"sure\": mean "
                         "confidence of the links to the callers.\n");
    lamp_wrap(cli, out, below);
}

static void
append_json_line(GString *out, const LampTopology *topology, const LampRed *red,
                 const Line *line)
{
    const LampRedRow *row = lamp_red_row(red, line->label);
    const LampLabel *label = lamp_topology_label(topology, line->label);
    g_string_append(out, "{\"service\": ");
    lamp_json_append_string(out, line->service);
    g_string_append(out, ", \"protocol\": ");
    lamp_json_append_string(out, label->protocol);
    g_string_append(out, ", \"operation\": ");
    lamp_json_append_string(out, label->operation);
    g_string_append_printf(out,
                           ", \"calls\": %" G_GUINT64_FORMAT ", \"errors\": %" G_GUINT64_FORMAT
                           ", \"unanswered\": %" G_GUINT64_FORMAT,
                           row->calls, row->errors, row->unanswered);
    lamp_json_append_quantile(out, "p50_ns", &row->server, 0.5);
    lamp_json_append_quantile(out, "p95_ns", &row->server, 0.95);
    lamp_json_append_quantile(out, "p99_ns", &row->server, 0.99);
    lamp_json_append_mean(out, "mean_ns", &row->server);
    lamp_json_append_quantile(out, "client_p50_ns", &row->client, 0.5);
    lamp_json_append_quantile(out, "client_p95_ns", &row->client, 0.95);
    lamp_json_append_quantile(out, "client_p99_ns", &row->client, 0.99);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"per_second", (double) row->calls / period_seconds(red)},
        {"critical_share",
         (double) row->critical_own / MAX((double) lamp_red_total_duration(red), 1.0)},
        {"confidence", row->confidence / (double) row->calls},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        g_string_append_printf(out, ", \"%s\": ", figures[i].key);
        lamp_json_append_real(out, figures[i].value);
    }
    g_string_append(out, "}");
}

static void
append_json(const LampTopology *topology, const LampRed *red, GString *out)
{
    guint all;
    g_autoptr(GArray) lines = sort_labels(topology, red, &all);
    g_string_append_printf(out,
                           "{\"requests\": %" G_GUINT64_FORMAT
                           ", \"background_activities\": %" G_GUINT64_FORMAT
                           ", \"calls\": %" G_GUINT64_FORMAT
                           ", \"unanswered\": %" G_GUINT64_FORMAT ", \"seconds\": ",
                           lamp_flow_counts.requests, lamp_flow_counts.background,
                           lamp_flow_counts.calls, lamp_flow_counts.unanswered);
    lamp_json_append_real(out, period_seconds(red));
    g_string_append(out, ", \"operations\": [");
    for (guint i = 0; i < lines->len; i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_line(out, topology, red, &g_array_index(lines, Line, i));
    }
    g_string_append(out, "\n]}\n");
}

static gboolean
append_calls(LampCli *cli, LampTopology *topology, GString *out, GError **error)
{
    g_autoptr(LampRed) red = lamp_red_new();
    g_autoptr(GArray) critical = g_array_new(FALSE, FALSE, sizeof(LampCritical));
    Pass pass = {red, critical};
    if (!lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, &pass, error))
        return FALSE;
    if (as_json)
        append_json(topology, red, out);
    else
        append_table(cli, topology, red, out);
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    if (!lamp_flow_view_choose(view_name, error))
        return -1;
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    if (topology == NULL)
        return -1;
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = from_flows || lamp_flow_services_are_all(cli->store)
                      ? lamp_flow_services_append(cli, as_json, most, out, error)
                      : append_calls(cli, topology, out, error);
    return ok && lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_services = {
    .name = "services",
    .arguments = "FILE.db",
    .summary = "Services and operations with rate, errors and durations",
    .examples = "lamplight services shop.db\n"
                "lamplight services --top 20 shop.db\n"
                "lamplight services --no-background --json shop.db",
    .description =
        "Where the input was flow records alone (NetFlow, IPFIX, sFlow, logs of firewalls and\n"
        "connection tracking), services are told with clients, connections and bytes.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
