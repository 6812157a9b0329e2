/*
 * lamplight gantt: one request as bars over time, in the terminal.
 *
 * A bar is drawn in eighths of a character: the caller's view of the call light, the callee's
 * dark, on the critical path in colour where there is colour.
 */
#include "base/text.h"
#include "cli/choose-flow.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/stamps.h"
#include "cli/wrap.h"
#include "model/critical-path.h"

static gboolean ascii, slowest, as_json;
static int most = 200;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"slowest", 0, 0, G_OPTION_ARG_NONE, &slowest, "the slowest request", NULL},
    {"ascii", 0, 0, G_OPTION_ARG_NONE, &ascii, "plain characters only", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {"lines", 0, 0, G_OPTION_ARG_INT, &most, "calls to draw (default 200)", "N"},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"lines", &most, NULL, 1.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    const LampFlow *flow;
    const LampTopology *topology;
    const LampCritical *critical;
    const gint64 *resolutions; /* of the stamps of each call, ns */
    LampTime from;
    double ns_per_cell;
    guint name_width, bar_width, number_width;
    gboolean color;
} Chart;

static guint
depth_of(const LampFlow *flow, guint32 i)
{
    guint depth = 0;
    for (; flow->calls[i].parent != LAMP_FLOW_NONE; i = flow->calls[i].parent)
        depth++;
    return depth;
}

/* @text cut or filled to @width characters. */
static void
append_cell(GString *out, const char *text, guint width)
{
    guint n = (guint) g_utf8_strlen(text, -1);
    if (n <= width) {
        g_string_append_printf(out, "%s%*s", text, (int) (width - n), "");
        return;
    }
    const char *end = g_utf8_offset_to_pointer(text, (glong) width - 1);
    g_string_append_len(out, text, end - text);
    g_string_append(out, ascii ? "~" : "…");
}

/* What fills a cell: the callee's work, or the way there and back. */
static const char *
fill_of(gboolean is_work, gboolean is_critical)
{
    if (!is_work)
        return ascii ? "-" : "░";
    if (is_critical)
        return ascii ? "#" : "█";
    return ascii ? "=" : "▓";
}

static void
append_bar(GString *out, const Chart *chart, const LampFlowCall *call, gboolean is_critical)
{
    if (chart->color)
        g_string_append(out, is_critical ? "\033[33m" : "\033[36m");
    /* Of a call without a response only the begin is known: it goes on as it was not seen. */
    LampTime end = call->is_open ? G_MAXINT64 : call->client_end;
    guint drawn = 0;
    for (guint x = 0; x < chart->bar_width; x++) {
        LampTime left = chart->from + (LampTime) (x * chart->ns_per_cell);
        LampTime right = chart->from + (LampTime) ((x + 1) * chart->ns_per_cell);
        gboolean in_client = call->client_start < right && end >= left;
        gboolean in_server = call->server_start < right && call->server_end >= left;
        gboolean is_first = in_client && drawn == 0;
        drawn += in_client ? 1 : 0;
        g_string_append(out, in_client ? fill_of(in_server || is_first, is_critical) : " ");
    }
    if (chart->color)
        g_string_append(out, "\033[0m");
}

static char *
format_duration(const Chart *chart, guint32 i)
{
    const LampFlowCall *call = &chart->flow->calls[i];
    if (call->is_open || !lamp_flow_call_has_duration(call))
        return g_strdup(call->is_open ? "open" : "one way");
    return lamp_stamps_duration(call->client_end - call->client_start, chart->resolutions[i]);
}

static void
append_call(GString *out, const Chart *chart, guint32 i)
{
    const LampFlowCall *call = &chart->flow->calls[i];
    g_autofree char *label = lamp_label_format(chart->topology, call->label);
    g_autofree char *name =
        g_strdup_printf("%*s%s", (int) (depth_of(chart->flow, i) * 2), "", label);
    g_autofree char *duration = format_duration(chart, i);
    gboolean is_critical = chart->critical[i].own > 0 || chart->critical[i].network > 0;
    append_cell(out, name, chart->name_width);
    g_string_append(out, ascii ? " |" : " │");
    append_bar(out, chart, call, is_critical);
    g_string_append_printf(out, "%s%9s  ", ascii ? "|" : "│", duration);
    if (call->parent == LAMP_FLOW_NONE)
        g_string_append(out, "   -");
    else
        g_string_append_printf(out, "%3.0f%%", (double) call->confidence * 100.0);
    g_string_append_printf(out, "%*" G_GINT64_FORMAT, (int) chart->number_width, call->call_id);
    g_string_append_printf(out, "%s%s%s\n", call->is_error ? " ERROR " : "",
                           call->is_error ? call->status : "",
                           call->is_open ? " no response" : "");
}

static void
append_head(LampCli *cli, GString *out, const Chart *chart, const char *why)
{
    const LampFlow *flow = chart->flow;
    g_autofree char *label = lamp_label_format(chart->topology, flow->calls[0].label);
    g_autofree char *start =
        lamp_time_format_to(flow->calls[0].client_start, chart->resolutions[0]);
    g_autofree char *duration = format_duration(chart, 0);
    gboolean is_open = lamp_flow_is_open(flow);
    gboolean is_one_way = !is_open && !lamp_flow_call_has_duration(&flow->calls[0]);
    g_autofree char *end = lamp_ms_format(chart->ns_per_cell * chart->bar_width);
    g_autofree char *sure = lamp_share_format(flow->confidence);
    gboolean has_axis = chart->ns_per_cell > 1.0; /* less than a nanosecond is nothing */
    g_string_append_printf(out,
                           "%s, trace %" G_GINT64_FORMAT " (%s)\n"
                           "began %s, %s%s, %u call%s; whole tree right with %s\n\n",
                           label, flow->trace_id, why, start,
                           is_open      ? "no response seen"
                           : is_one_way ? ""
                                        : "took ",
                           is_open ? "" : duration, flow->count, flow->count == 1 ? "" : "s",
                           sure);
    lamp_wrap(cli, out, 0);
    g_string_append_printf(out, "%*s 0%*s\n", (int) chart->name_width + 1, "",
                           (int) chart->bar_width - 1, has_axis ? end : "");
}

/* Stamps that are coarser than a cell do not tell where in the chart a bar stands. */
static void
append_coarse(const Chart *chart, GString *out)
{
    gint64 coarsest = 1;
    guint calls = 0;
    for (guint32 i = 0; i < chart->flow->count; i++) {
        gboolean is_coarse = (double) chart->resolutions[i] > chart->ns_per_cell;
        calls += is_coarse ? 1 : 0;
        coarsest = is_coarse ? MAX(coarsest, chart->resolutions[i]) : coarsest;
    }
    if (calls == 0 || chart->flow->count == 1)
        return;
    g_autofree char *off = lamp_duration_format(coarsest);
    g_string_append_printf(
        out,
        "The stamps of %u of these calls are good to %s only: their bars may "
        "stand so far off.\n",
        calls, off);
}

static void
append_chart(LampCli *cli, const LampFlow *flow, const LampTopology *topology, const char *why,
             const gint64 *resolutions, GString *out)
{
    g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
    lamp_critical_path_find(flow, critical);
    LampTime end = flow->calls[0].client_end;
    for (guint32 i = 0; i < flow->count; i++)
        end = MAX(end, flow->calls[i].client_end);
    guint width = (guint) CLAMP(cli->width, 60, 400);
    Chart chart = {
        .flow = flow, .topology = topology, .critical = critical, .resolutions = resolutions};
    chart.from = flow->calls[0].client_start;
    chart.name_width = MIN(width * 2 / 5, 48);
    chart.number_width = 2;
    for (gint64 most_id = flow->calls[flow->count - 1].call_id; most_id > 0; most_id /= 10)
        chart.number_width++;
    chart.bar_width = width - chart.name_width - 19 - MIN(chart.number_width, 18);
    chart.ns_per_cell = MAX((double) (end - chart.from) / chart.bar_width, 1.0);
    chart.color = cli->color;
    append_head(cli, out, &chart, why);
    for (guint32 i = 0; i < flow->count && i < (guint) MAX(most, 1); i++)
        append_call(out, &chart, i);
    gsize below = out->len;
    g_string_append(out, ascii ? "\n# on the critical path, = off it, - on the network; "
                               : "\n█ on the critical path, ▓ off it, ░ on the network; ");
    g_string_append(out,
                    "last columns: confidence of the link to the caller; number of the call, "
                    "which `explain` takes\n");
    append_coarse(&chart, out);
    lamp_wrap(cli, out, below);
}

static void
append_json_call(GString *out, const LampFlow *flow, const LampTopology *topology, guint32 i,
                 const LampCritical *critical)
{
    const LampFlowCall *call = &flow->calls[i];
    const LampLabel *label = lamp_topology_label(topology, call->label);
    g_string_append_printf(
        out, "{\"call_id\": %" G_GINT64_FORMAT ", \"parent_call_id\": ", call->call_id);
    if (call->parent == LAMP_FLOW_NONE)
        g_string_append(out, "null");
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, flow->calls[call->parent].call_id);
    g_string_append(out, ", \"service\": ");
    lamp_json_append_string(out, lamp_topology_service(topology, label->service)->name);
    g_string_append(out, ", \"operation\": ");
    lamp_json_append_string(out, label->operation);
    g_string_append(out, ", \"status\": ");
    lamp_json_append_string(out, call->status[0] == '\0' ? NULL : call->status);
    g_string_append_printf(
        out,
        ", \"is_error\": %s, \"is_open\": %s, \"client_start_ns\": %" G_GINT64_FORMAT
        ", \"server_start_ns\": %" G_GINT64_FORMAT,
        call->is_error ? "true" : "false", call->is_open ? "true" : "false", call->client_start,
        call->server_start);
    LampTime none = LAMP_TIME_NONE;
    lamp_json_append_time(out, "server_end_ns", call->is_open ? none : call->server_end);
    lamp_json_append_time(out, "client_end_ns", call->is_open ? none : call->client_end);
    lamp_json_append_ns(out, "critical_own_ns", (double) critical->own);
    lamp_json_append_ns(out, "critical_network_ns", (double) critical->network);
    g_string_append(out, ", \"confidence\": ");
    if (call->parent == LAMP_FLOW_NONE)
        g_string_append(out, "null");
    else
        lamp_json_append_real(out, (double) call->confidence);
    g_string_append_c(out, '}');
}

static void
append_json(const LampFlow *flow, const LampTopology *topology, GString *out)
{
    g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
    lamp_critical_path_find(flow, critical);
    g_string_append_printf(out,
                           "{\"trace_id\": \"%032" G_GINT64_MODIFIER
                           "x\", \"is_background\": %s, \"confidence\": ",
                           flow->trace_id, flow->is_background ? "true" : "false");
    lamp_json_append_real(out, flow->confidence);
    g_string_append(out, ", \"calls\": [");
    for (guint32 i = 0; i < flow->count; i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_call(out, flow, topology, i, &critical[i]);
    }
    g_string_append(out, "\n]}\n");
}

/* By call of @flow; caller frees. */
static gint64 *
read_resolutions(LampCli *cli, const LampFlow *flow, GError **error)
{
    g_autoptr(LampStatement) stamps = lamp_stamps_open(cli->store, error);
    if (stamps == NULL)
        return NULL;
    gint64 *resolutions = g_new(gint64, flow->count);
    for (guint32 i = 0; i < flow->count; i++)
        resolutions[i] = lamp_stamps_resolution(stamps, flow->calls[i].call_id);
    return resolutions;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    g_auto(LampModelView) view = {NULL, NULL};
    g_autoptr(LampFlow) flow = NULL;
    g_autofree char *why = NULL;
    if (!lamp_model_view_open(cli, &view, error) ||
        !lamp_choose_flow(cli, &view, arguments[1], slowest, &flow, &why, error))
        return -1;
    g_autofree gint64 *resolutions = read_resolutions(cli, flow, error);
    if (resolutions == NULL)
        return -1;
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(flow, view.topology, out);
    else
        append_chart(cli, flow, view.topology, why, resolutions, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_gantt = {
    .name = "gantt",
    .arguments = "FILE.db [TRACE]",
    .summary = "One request as a Gantt chart in the terminal",
    .examples = "lamplight gantt --slowest --root web shop.db\n"
                "lamplight gantt shop.db 106",
    .description = "Without TRACE: a typical request, the one with the median duration of the\n"
                   "most frequent shape (--service, --operation choose among all).",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
