/*
 * lamplight tornado: which component, made faster or slower, would change latency most.
 *
 * A virtual speed-up (Curtsinger and Berger, Coz, SOSP 2015) for every component in turn, by
 * replay: so slack, joins and queues count, and not the share of time alone.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/what-if.h"

static gboolean as_json, by_operation;
static double percent = 10.0;
static int most = 20;

static const GOptionEntry options[] = {
    {"percent", 0, 0, G_OPTION_ARG_DOUBLE, &percent, "how much faster and slower (default 10)",
     "PERCENT"},
    {"operations", 0, 0, G_OPTION_ARG_NONE, &by_operation, "each operation, not each service",
     NULL},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most, "lines (default 20; 0: all)", "N"},
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    {"percent", NULL, &percent, 0.001, 100.0},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    char *name;
    LampEstimate faster, slower; /* change of the mean, ns */
} Bar;

static void
clear_bar(gpointer pointer)
{
    Bar *bar = pointer;
    g_free(bar->name);
}

static gint
compare_bars(gconstpointer a, gconstpointer b)
{
    const Bar *x = a, *y = b;
    double vx = MAX(-x->faster.value, x->slower.value);
    double vy = MAX(-y->faster.value, y->slower.value);
    if (vx < vy || vx > vy)
        return vx > vy ? -1 : 1;
    return g_strcmp0(x->name, y->name);
}

/* Change of the mean by @factor on @target; FALSE if it cannot be named as a target. */
static gboolean
try_factor(LampWhatif *whatif, const LampTopology *topology, const char *target, double factor,
           LampEstimate *out_change)
{
    g_autofree char *text = g_strdup_printf("%s *%.6f", target, factor);
    g_autoptr(LampChange) change = lamp_change_parse(text, NULL);
    if (change == NULL || !lamp_change_resolve(change, topology, NULL))
        return FALSE;
    *out_change = lamp_whatif_gain(whatif, change);
    return TRUE;
}

/* Target text for a name from input: what has a meaning in changes becomes '?'. */
static char *
safe_target(const char *service, const char *operation)
{
    g_autofree char *name = g_strdelimit(g_strdup(service), "/|;", '?');
    if (operation == NULL)
        return g_steal_pointer(&name);
    g_autofree char *pattern = g_strdelimit(g_strdup(operation), "|;*", '?');
    return g_strconcat(name, "/", pattern, NULL);
}

static void
add_bar(GArray *bars, LampWhatif *whatif, const LampTopology *topology, const char *service,
        const char *operation)
{
    g_autofree char *target = safe_target(service, operation);
    Bar bar = {.name = NULL};
    double share = percent / 100.0;
    if (!try_factor(whatif, topology, target, 1.0 - share, &bar.faster) ||
        !try_factor(whatif, topology, target, 1.0 + share, &bar.slower))
        return;
    bar.name =
        operation == NULL ? g_strdup(service) : g_strconcat(service, " ", operation, NULL);
    g_array_append_val(bars, bar);
}

static void
collect_bars(GArray *bars, LampWhatif *whatif, const LampTopology *topology)
{
    for (guint i = 1; !by_operation && i < lamp_topology_service_count(topology); i++)
        add_bar(bars, whatif, topology, lamp_topology_service(topology, i)->name, NULL);
    for (guint i = 0; by_operation && i < lamp_topology_label_count(topology); i++)
        add_bar(bars, whatif, topology, lamp_topology_label_service(topology, i),
                lamp_topology_label(topology, i)->operation);
    g_array_sort(bars, compare_bars);
}

static char *
draw_bar(const Bar *bar, double widest)
{
    guint left = (guint) (12.0 * MAX(-bar->faster.value, 0.0) / MAX(widest, 1.0) + 0.5);
    guint right = (guint) (12.0 * MAX(bar->slower.value, 0.0) / MAX(widest, 1.0) + 0.5);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%*s", (int) (12 - MIN(left, 12)), "");
    for (guint i = 0; i < MIN(left, 12); i++)
        g_string_append(out, "▓");
    g_string_append(out, "│");
    for (guint i = 0; i < MIN(right, 12); i++)
        g_string_append(out, "▓");
    return g_string_free(out, FALSE);
}

static void
append_table(LampCli *cli, const GArray *bars, const LampWhatif *whatif, double base,
             GString *out)
{
    static const char *const titles[] = {"component", ">faster",         ">~95 % interval",
                                         ">slower",   "faster │ slower", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    double widest = bars->len == 0 ? 1.0
                                   : MAX(-g_array_index(bars, Bar, 0).faster.value,
                                         g_array_index(bars, Bar, 0).slower.value);
    for (guint i = 0; i < bars->len && (most <= 0 || i < (guint) most); i++) {
        const Bar *bar = &g_array_index(bars, Bar, i);
        char *cells[] = {g_strdup(bar->name),
                         g_strdup_printf("%+.2f %%", 100.0 * bar->faster.value / base),
                         g_strdup_printf("%+.2f..%+.2f", 100.0 * bar->faster.low / base,
                                         100.0 * bar->faster.high / base),
                         g_strdup_printf("%+.2f %%", 100.0 * bar->slower.value / base),
                         draw_bar(bar, widest)};
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_autofree char *mean = lamp_ms_format(base);
    g_autofree char *sure = lamp_share_format(lamp_whatif_confidence(whatif));
    g_string_append_printf(out,
                           "\nchange of the mean latency (%s over %" G_GUINT64_FORMAT
                           " requests, their trees right with %s) if the component's own work "
                           "took %.3g %% less or more; the interval is of faster\n",
                           mean, lamp_whatif_requests(whatif), sure, percent);
    lamp_wrap(cli, out, below);
}

static void
append_json(const GArray *bars, const LampWhatif *whatif, double base, GString *out)
{
    g_string_append_c(out, '[');
    for (guint i = 0; i < bars->len; i++) {
        const Bar *bar = &g_array_index(bars, Bar, i);
        g_string_append(out, i == 0 ? "\n  {\"component\": " : ",\n  {\"component\": ");
        lamp_json_append_string(out, bar->name);
        lamp_json_append_ns(out, "mean_ns", base);
        lamp_json_append_ns(out, "faster_ns", bar->faster.value);
        lamp_json_append_ns(out, "faster_low_ns", bar->faster.low);
        lamp_json_append_ns(out, "faster_high_ns", bar->faster.high);
        lamp_json_append_ns(out, "slower_ns", bar->slower.value);
        lamp_json_append_ns(out, "slower_low_ns", bar->slower.low);
        lamp_json_append_ns(out, "slower_high_ns", bar->slower.high);
        g_string_append_printf(out, ", \"requests\": %" G_GUINT64_FORMAT ", \"confidence\": ",
                               lamp_whatif_requests(whatif));
        lamp_json_append_real(out, lamp_whatif_confidence(whatif));
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    if (!lamp_flow_sample_check(LAMP_SAMPLE_TAIL, error) ||
        !lamp_model_view_open(cli, &view, error))
        return -1;
    /* Dozens of replays: a sample from the begin is enough for ranking. */
    g_autoptr(LampWhatif) whatif = lamp_whatif_load(cli->store, view.topology, view.structure,
                                                    &lamp_flow_filter, 20000, error);
    if (whatif == NULL)
        return -1;
    if (lamp_whatif_requests(whatif) == 0) {
        lamp_set_no_flows_error(error);
        return -1;
    }
    g_autoptr(GArray) bars = g_array_new(FALSE, TRUE, sizeof(Bar));
    g_array_set_clear_func(bars, clear_bar);
    double base = lamp_whatif_mean(whatif, NULL);
    collect_bars(bars, whatif, view.topology);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(bars, whatif, base, out);
    else
        append_table(cli, bars, whatif, base, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_tornado = {
    .name = "tornado",
    .arguments = "FILE.db",
    .summary = "Which component, made 10 % faster, would gain most",
    .examples = "lamplight tornado shop.db",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
