/*
 * lamplight path: whose time decides the latency, in how many requests, and how much slack the
 * others have; over all requests, or the critical path of one.
 */
#include "base/text.h"
#include "cli/choose-flow.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/red.h"
#include "model/slack.h"

#include <math.h>

static gboolean as_json;
static int most;
static char *view_name;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "whose asynchronous work is: submitter (default; of the request that caused it) or "
     "trigger "
     "(a background activity, which is no request's path)",
     "VIEW"},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most,
     "only the N components with the most time of their own (default 0: all)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    LampQuantiles slack;
    guint64 calls, critical, free_of_waiters, unanswered;
    gint64 own, network;
    double confidence;
} Component;

typedef struct {
    const LampModelView *view;
    GArray *components, *critical, *slacks;
    guint64 requests;
    gint64 total;
    double confidence;
} Pass;

static void
clear_component(gpointer pointer)
{
    Component *component = pointer;
    lamp_quantiles_clear(&component->slack);
}

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Pass *pass = payload;
    if (flow->is_background)
        return TRUE;
    g_array_set_size(pass->critical, flow->count);
    g_array_set_size(pass->slacks, flow->count);
    LampCritical *critical = (LampCritical *) (gpointer) pass->critical->data;
    gint64 *slacks = (gint64 *) (gpointer) pass->slacks->data;
    lamp_critical_path_find(flow, critical);
    lamp_slack_find(flow, pass->view->structure, slacks);
    pass->requests += flow->weight;
    pass->total += lamp_flow_duration(flow) * flow->weight;
    pass->confidence += flow->confidence * flow->weight;
    for (guint32 i = 0; i < flow->count; i++) {
        guint32 label = flow->calls[i].label;
        if (label >= pass->components->len)
            g_array_set_size(pass->components, label + 1);
        Component *component = &g_array_index(pass->components, Component, label);
        guint32 weight = flow->calls[i].weight;
        component->calls += weight;
        component->own += critical[i].own * weight;
        component->network += critical[i].network * weight;
        component->critical += critical[i].own > 0 ? weight : 0;
        component->confidence += (double) flow->calls[i].confidence * weight;
        if (flow->calls[i].is_open)
            component->unanswered += weight;
        else if (slacks[i] == G_MAXINT64)
            component->free_of_waiters += weight;
        else
            lamp_quantiles_add(&component->slack, slacks[i], weight);
    }
    return TRUE;
}

static gint
compare_components(gconstpointer a, gconstpointer b, gpointer payload)
{
    const GArray *components = payload;
    guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
    gint64 vx = g_array_index(components, Component, x).own;
    gint64 vy = g_array_index(components, Component, y).own;
    return vx != vy ? (vx > vy ? -1 : 1) : (x < y ? -1 : x > y);
}

static GArray *
sort_components(const Pass *pass)
{
    GArray *order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < pass->components->len; i++)
        if (g_array_index(pass->components, Component, i).calls > 0)
            g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_components, pass->components);
    return order;
}

static void
append_table(LampCli *cli, const Pass *pass, const GArray *order, guint all, GString *out)
{
    static const char *const titles[] = {
        "component",   ">own",    ">network",      ">decides in", ">slack p50", ">~slack p5",
        ">~unawaited", ">~calls", ">?no response", ">~sure",      NULL};
    double total = MAX((double) pass->total, 1.0);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < order->len; i++) {
        guint32 label = g_array_index(order, guint32, i);
        const Component *c = &g_array_index(pass->components, Component, label);
        double calls = (double) c->calls;
        char *cells[] = {
            lamp_label_format(pass->view->topology, label),
            lamp_share_format((double) c->own / total),
            lamp_share_format((double) c->network / total),
            lamp_share_format((double) c->critical / calls),
            lamp_quantile_format(&c->slack, 0.5),
            lamp_quantile_format(&c->slack, 0.05),
            lamp_share_format((double) c->free_of_waiters / calls),
            lamp_count_format(c->calls),
            lamp_count_format(c->unanswered),
            lamp_share_format(c->confidence / calls),
        };
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_autofree char *sure =
        lamp_share_format(pass->confidence / MAX((double) pass->requests, 1.0));
    g_autofree char *requests = lamp_count_format(pass->requests);
    g_string_append_printf(out, "\n%s request%s, trees right with %s on average.", requests,
                           pass->requests == 1 ? "" : "s", sure);
    lamp_left_out_append(cli->store, out);
    lamp_top_append(order, all, out);
    g_string_append(out,
                    "\nown, network: share of all their time on critical paths; decides in: "
                    "share of its calls whose own time is on the path; slack: how much longer "
                    "a call could take unfelt; unawaited: calls that nothing waited for.\n");
    lamp_wrap(cli, out, below);
}

static void
append_json(const Pass *pass, const GArray *order, GString *out)
{
    double total = MAX((double) pass->total, 1.0);
    g_string_append_printf(out, "{\"requests\": %" G_GUINT64_FORMAT, pass->requests);
    lamp_json_append_ns(out, "total_ns", (double) pass->total);
    g_string_append(out, ", \"confidence\": ");
    lamp_json_append_real(out, pass->confidence / MAX((double) pass->requests, 1.0));
    g_string_append(out, ", \"components\": [");
    for (guint i = 0; i < order->len; i++) {
        guint32 label = g_array_index(order, guint32, i);
        const Component *c = &g_array_index(pass->components, Component, label);
        const LampLabel *what = lamp_topology_label(pass->view->topology, label);
        const char *service = lamp_topology_label_service(pass->view->topology, label);
        g_string_append(out, i == 0 ? "\n  {\"service\": " : ",\n  {\"service\": ");
        lamp_json_append_string(out, service);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, what->operation);
        g_string_append_printf(out,
                               ", \"calls\": %" G_GUINT64_FORMAT
                               ", \"unanswered\": %" G_GUINT64_FORMAT
                               ", \"unawaited\": %" G_GUINT64_FORMAT ", \"own_share\": ",
                               c->calls, c->unanswered, c->free_of_waiters);
        lamp_json_append_real(out, (double) c->own / total);
        g_string_append(out, ", \"network_share\": ");
        lamp_json_append_real(out, (double) c->network / total);
        g_string_append(out, ", \"decides_share\": ");
        lamp_json_append_real(out, (double) c->critical / (double) c->calls);
        lamp_json_append_quantile(out, "slack_p50_ns", &c->slack, 0.5);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]}\n");
}

static void
append_one(LampCli *cli, const LampModelView *view, const LampFlow *flow, GString *out)
{
    g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
    g_autofree gint64 *slacks = g_new(gint64, flow->count);
    static const char *const titles[] = {"call", ">own", ">network", ">slack", ">sure", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    lamp_critical_path_find(flow, critical);
    lamp_slack_find(flow, view->structure, slacks);
    for (guint32 i = 0; i < flow->count; i++) {
        char *cells[] = {
            lamp_label_format(view->topology, flow->calls[i].label),
            critical[i].own > 0 ? lamp_ms_format((double) critical[i].own) : g_strdup("-"),
            critical[i].network > 0 ? lamp_ms_format((double) critical[i].network)
                                    : g_strdup("-"),
            flow->calls[i].is_open    ? g_strdup("no response")
            : slacks[i] == G_MAXINT64 ? g_strdup("unawaited")
                                      : lamp_ms_format((double) slacks[i]),
            lamp_share_format((double) flow->calls[i].confidence),
        };
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    g_autofree char *sum = lamp_ms_format((double) lamp_flow_duration(flow));
    if (lamp_flow_is_open(flow))
        g_string_append(out,
                        "\nno response was seen: the request has no duration and no path\n");
    else
        g_string_append_printf(out, "\nown and network add up to the duration, %s\n", sum);
}

/* The same in JSON; a slack of null: nothing waits for the call, or it has no response. */
static void
append_one_json(const LampModelView *view, const LampFlow *flow, GString *out)
{
    g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
    g_autofree gint64 *slacks = g_new(gint64, flow->count);
    lamp_critical_path_find(flow, critical);
    lamp_slack_find(flow, view->structure, slacks);
    g_string_append_printf(out, "{\"trace_id\": \"%032" G_GINT64_MODIFIER "x\"",
                           flow->trace_id);
    lamp_json_append_ns(out, "duration_ns",
                        lamp_flow_is_open(flow) ? (double) NAN
                                                : (double) lamp_flow_duration(flow));
    g_string_append(out, ", \"calls\": [");
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        const LampLabel *label = lamp_topology_label(view->topology, call->label);
        gboolean has_slack = !call->is_open && slacks[i] != G_MAXINT64;
        g_string_append_printf(out, "%s{\"call_id\": %" G_GINT64_FORMAT ", \"service\": ",
                               i == 0 ? "\n  " : ",\n  ", call->call_id);
        lamp_json_append_string(out,
                                lamp_topology_service(view->topology, label->service)->name);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, label->operation);
        lamp_json_append_ns(out, "own_ns", (double) critical[i].own);
        lamp_json_append_ns(out, "network_ns", (double) critical[i].network);
        lamp_json_append_ns(out, "slack_ns", has_slack ? (double) slacks[i] : (double) NAN);
        g_string_append(out, ", \"confidence\": ");
        lamp_json_append_real(out, (double) call->confidence);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]}\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    g_auto(LampModelView) view = {NULL, NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    if (!lamp_flow_view_choose(view_name, error) || !lamp_model_view_open(cli, &view, error))
        return -1;
    if (arguments[1] != NULL) {
        g_autoptr(LampFlow) flow = NULL;
        g_autofree char *why = NULL;
        if (!lamp_choose_flow(cli, &view, arguments[1], FALSE, &flow, &why, error))
            return -1;
        if (as_json)
            append_one_json(&view, flow, out);
        else
            append_one(cli, &view, flow, out);
        return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
    }
    g_autoptr(GArray) components = g_array_new(FALSE, TRUE, sizeof(Component));
    g_autoptr(GArray) critical = g_array_new(FALSE, FALSE, sizeof(LampCritical));
    g_autoptr(GArray) slacks = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_array_set_clear_func(components, clear_component);
    Pass pass = {
        .view = &view, .components = components, .critical = critical, .slacks = slacks};
    if (!lamp_flow_each(cli->store, view.topology, &lamp_flow_filter, add_flow, &pass, error))
        return -1;
    g_autoptr(GArray) order = sort_components(&pass);
    guint all = lamp_top_cut(order, most);
    if (as_json)
        append_json(&pass, order, out);
    else
        append_table(cli, &pass, order, all, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_path = {
    .name = "path",
    .arguments = "FILE.db [TRACE]",
    .summary = "Critical paths: whose time decides the latency, and slack",
    .examples = "lamplight path --operation /cart shop.db\n"
                "lamplight path shop.db 106",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
