/*
 * lamplight whatif: predicts latency under changes by replaying every request.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/scenario-file.h"
#include "cli/whatif-explain.h"
#include "cli/whatif-places.h"
#include "cli/wrap.h"
#include "model/what-if.h"

#include <math.h>
#include <string.h>

static gboolean as_json, explain;
static char **changes;
static char *scenario_path;
static int most_flows;

static const GOptionEntry options[] = {
    {"change", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &changes,
     "what changes, for example 'postgres *0.5' (several: one change each; with ';' together; "
     "'*0.25..2' is a grid)",
     "CHANGE"},
    {"scenarios", 's', 0, G_OPTION_ARG_FILENAME, &scenario_path,
     "a file of lines 'NAME: CHANGE'", "FILE"},
    {"explain", 0, 0, G_OPTION_ARG_NONE, &explain,
     "what each part of the change does alone, which requests it changes how much, and the "
     "limits found",
     NULL},
    {"most-requests", 0, 0, G_OPTION_ARG_INT, &most_flows, "use at most the first N requests",
     "N"},
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"most-requests", &most_flows, NULL, 0.0, G_MAXINT},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    LampTopology *topology;
    LampWhatif *whatif;
    GString *out;
} Answer;

static char *
row_name(const Answer *answer, const LampWhatifRow *row)
{
    return row->label == LAMP_FLOW_NONE ? g_strdup("all requests")
                                        : lamp_label_format(answer->topology, row->label);
}

/* FALSE where records without a duration are all there is. */
static gboolean
has_durations(const LampWhatifRow *row)
{
    return row->before[LAMP_METRIC_MEAN].value >= 1.0 ||
           row->after[LAMP_METRIC_MEAN].value >= 1.0;
}

static char *
format_pair(const LampWhatifRow *row, LampMetric metric)
{
    if (!has_durations(row))
        return g_strdup("-");
    g_autofree char *before = lamp_ms_format(row->before[metric].value);
    g_autofree char *after = lamp_ms_format(row->after[metric].value);
    char *unit = strchr(before, ' ');
    if (unit != NULL && g_str_has_suffix(after, unit))
        *unit = '\0';
    return g_strdup_printf("%s → %s", before, after);
}

static char *
format_gain(const LampWhatifRow *row, LampMetric metric)
{
    double before = row->before[metric].value, after = row->after[metric].value;
    if (before < 1.0)
        return g_strdup("-");
    return g_strdup_printf("%+.1f %%", 100.0 * (after / before - 1.0));
}

/* Three digits of @value, at least, without an exponent. */
static void
append_digits(GString *out, double value)
{
    int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
    g_string_append_printf(out, "%.*f", decimals, value);
}

/* Both ends in the unit of the upper one: "563..731 us". */
static char *
format_interval(const LampWhatifRow *row)
{
    const LampEstimate *estimate = &row->after[LAMP_METRIC_MEAN];
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1.0}};
    gsize unit = 0;
    if (!has_durations(row))
        return g_strdup("-");
    GString *out = g_string_new(NULL);
    while (unit + 1 < G_N_ELEMENTS(units) && estimate->high < 0.9995 * units[unit].ns)
        unit++;
    append_digits(out, estimate->low / units[unit].ns);
    g_string_append(out, "..");
    append_digits(out, estimate->high / units[unit].ns);
    g_string_append_printf(out, " %s", units[unit].name);
    return g_string_free(out, FALSE);
}

static char *
format_errors(const LampWhatifRow *row)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " → %" G_GUINT64_FORMAT, row->errors_before,
                           row->errors_after);
}

/* Cells of a row, NULL-terminated, in the order of the titles; caller frees. */
static char **
make_cells(const Answer *answer, const LampWhatifRow *row, gboolean with_errors)
{
    GPtrArray *cells = g_ptr_array_new();
    g_ptr_array_add(cells, row_name(answer, row));
    g_ptr_array_add(cells, lamp_count_format(row->requests));
    if (with_errors)
        g_ptr_array_add(cells, format_errors(row));
    g_ptr_array_add(cells, format_pair(row, LAMP_METRIC_P50));
    g_ptr_array_add(cells, format_gain(row, LAMP_METRIC_P50));
    g_ptr_array_add(cells, format_pair(row, LAMP_METRIC_P95));
    g_ptr_array_add(cells, format_gain(row, LAMP_METRIC_P95));
    g_ptr_array_add(cells, format_pair(row, LAMP_METRIC_P99));
    g_ptr_array_add(cells, format_pair(row, LAMP_METRIC_MEAN));
    g_ptr_array_add(cells, format_gain(row, LAMP_METRIC_MEAN));
    g_ptr_array_add(cells, format_interval(row));
    g_ptr_array_add(cells, lamp_share_format(row->confidence));
    return (char **) g_ptr_array_free(cells, FALSE);
}

static void
append_table(LampCli *cli, const Answer *answer, const LampWhatifResult *result)
{
    static const char *const titles[] = {
        "request", ">requests",       ">p50",   ">", ">~p95", ">~ ", ">~p99", ">~mean",
        ">~ ",     ">~95 % interval", ">~sure", NULL};
    static const char *const titles_errors[] = {
        "request", ">requests", ">errors",         ">p50",   ">", ">~p95", ">~ ", ">~p99",
        ">~mean",  ">~ ",       ">~95 % interval", ">~sure", NULL};
    const LampWhatifRow *all = &g_array_index(result->rows, LampWhatifRow, 0);
    gboolean with_errors = all->errors_before + all->errors_after > 0;
    g_autoptr(LampTable) table = lamp_table_new(with_errors ? titles_errors : titles);
    for (guint i = 0; i < result->rows->len; i++) {
        const LampWhatifRow *row = &g_array_index(result->rows, LampWhatifRow, i);
        g_autofree char **cells = make_cells(answer, row, with_errors);
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, answer->out, cli->table_width);
}

static void
append_table_note(const Answer *answer, const LampWhatifResult *result)
{
    gboolean has_unknown = FALSE;
    for (guint i = 0; i < result->rows->len; i++)
        has_unknown =
            has_unknown || !has_durations(&g_array_index(result->rows, LampWhatifRow, i));
    if (has_unknown)
        g_string_append(answer->out,
                        "\n-: the records of these requests tell no duration, or 0\n");
    g_string_append(answer->out, "\ninterval: of the predicted mean; --json tells it for all "
                                 "figures. sure: probability that a request's tree is right\n");
}

static void
append_load(const Answer *answer, const LampWhatifResult *result)
{
    if (result->busiest == NULL)
        return;
    g_autofree char *name = lamp_text_escape(lamp_bytes_text(result->busiest));
    if (result->busiest_use >= 1.0)
        g_string_append_printf(
            answer->out,
            "%s saturates: %.1f requests/s arrive, its %u places are full at %.1f (load *%.3g "
            "of the capture's); its queue grows as long as that lasts, so the figures hold "
            "for a period as long as the capture only\n",
            name, result->throughput, result->busiest_places, result->throughput_limit,
            result->load_limit);
    else
        g_string_append_printf(
            answer->out,
            "busiest with a limit: %s, %.0f %% of its %u places in use at %.1f requests/s; "
            "full at %.1f (load *%.3g of the capture's)\n%s",
            name, result->busiest_use * 100.0, result->busiest_places, result->throughput,
            result->throughput_limit, result->load_limit,
            result->busiest_use > 0.9
                ? "above 90 % the prediction of waits is not to be trusted\n"
                : "");
}

static void
append_notes(const Answer *answer, const LampWhatifResult *result)
{
    for (guint i = 0; i < result->notes->len; i++) {
        g_autofree char *note = lamp_text_escape(lamp_bytes_text(result->notes->pdata[i]));
        g_string_append_printf(answer->out, "note: %s\n", note);
    }
}

static void
append_json_estimate(GString *out, const char *key, const LampEstimate *estimate)
{
    g_autofree char *value = g_strconcat(key, "_ns", NULL);
    g_autofree char *low = g_strconcat(key, "_low_ns", NULL);
    g_autofree char *high = g_strconcat(key, "_high_ns", NULL);
    lamp_json_append_ns(out, value, estimate->value);
    lamp_json_append_ns(out, low, estimate->low);
    lamp_json_append_ns(out, high, estimate->high);
}

static void
append_histogram(GString *out, const LampWhatifRow *row)
{
    g_string_append(out, ", \"histogram\": [");
    for (guint bin = 0; bin < LAMP_WHATIF_BINS; bin++) {
        gboolean is_last = bin + 1 == LAMP_WHATIF_BINS;
        g_string_append_printf(out, "%s{\"count\": %" G_GUINT64_FORMAT, bin == 0 ? "" : ", ",
                               row->histogram[bin]);
        lamp_json_append_ns(out, "up_to_ns",
                            is_last ? (double) NAN : lamp_whatif_edges_ms[bin] * 1e6);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

static void
append_json(const Answer *answer, const LampScenario *scenario, const LampWhatifResult *result)
{
    GString *out = answer->out;
    g_string_append(out, "{\"scenario\": ");
    lamp_json_append_string(out, scenario->name);
    g_string_append(out, ", \"change\": ");
    lamp_json_append_string(out, scenario->change);
    g_string_append(out, ", \"busiest\": ");
    lamp_json_append_string(out, result->busiest);
    g_string_append(out, ", \"busiest_use\": ");
    lamp_json_append_real(out, result->busiest_use);
    g_string_append(out, ", \"throughput_limit\": ");
    lamp_json_append_real(out, result->throughput_limit);
    g_string_append(out, ", \"load_limit\": ");
    lamp_json_append_real(out, result->load_limit);
    g_string_append_printf(out, ", \"unanswered\": %" G_GUINT64_FORMAT ", \"notes\": [",
                           result->unanswered);
    for (guint i = 0; i < result->notes->len; i++) {
        g_string_append(out, i == 0 ? "" : ", ");
        lamp_json_append_string(out, result->notes->pdata[i]);
    }
    lamp_whatif_places_json(result, out);
    g_string_append(out, "], \"rows\": [");
    for (guint i = 0; i < result->rows->len; i++) {
        const LampWhatifRow *row = &g_array_index(result->rows, LampWhatifRow, i);
        g_autofree char *name = row_name(answer, row);
        g_string_append(out, i == 0 ? "\n  {\"request\": " : ",\n  {\"request\": ");
        lamp_json_append_string(out, name);
        g_string_append_printf(out,
                               ", \"requests\": %" G_GUINT64_FORMAT
                               ", \"timed_out\": %" G_GUINT64_FORMAT
                               ", \"errors_before\": %" G_GUINT64_FORMAT
                               ", \"errors_after\": %" G_GUINT64_FORMAT ", \"confidence\": ",
                               row->requests, row->cut, row->errors_before, row->errors_after);
        lamp_json_append_real(out, row->confidence);
        for (guint m = 0; m < LAMP_METRICS; m++) {
            g_autofree char *before = g_strdup_printf("before_%s", lamp_metric_names[m]);
            g_autofree char *after = g_strdup_printf("after_%s", lamp_metric_names[m]);
            append_json_estimate(out, before, &row->before[m]);
            append_json_estimate(out, after, &row->after[m]);
        }
        append_histogram(out, row);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]");
}

static gboolean
answer_one(LampCli *cli, const Answer *answer, const LampScenario *scenario, GError **error)
{
    g_autoptr(LampChange) change = lamp_change_parse(scenario->change, error);
    if (change == NULL || !lamp_change_resolve(change, answer->topology, error))
        return FALSE;
    g_autoptr(LampWhatifResult) result = lamp_whatif_run(answer->whatif, change, error);
    if (result == NULL)
        return FALSE;
    LampExplained explained = {answer->topology, answer->whatif, change, result};
    if (as_json) {
        append_json(answer, scenario, result);
        if (explain && !lamp_whatif_explain_json(&explained, answer->out, error))
            return FALSE;
        g_string_append_c(answer->out, '}');
        return TRUE;
    }
    g_autofree char *name = lamp_text_escape(lamp_bytes_text(scenario->name));
    g_autofree char *text = lamp_text_escape(lamp_bytes_text(scenario->change));
    g_string_append_printf(answer->out, "%s%s%s\n\n", name, g_str_equal(name, text) ? "" : ": ",
                           g_str_equal(name, text) ? "" : text);
    append_table(cli, answer, result);
    lamp_whatif_places(cli, result, answer->out);
    gsize below = answer->out->len;
    append_table_note(answer, result);
    append_notes(answer, result);
    append_load(answer, result);
    if (explain && !lamp_whatif_explain(&explained, answer->out, error))
        return FALSE;
    lamp_wrap(cli, answer->out, below);
    return TRUE;
}

static GArray *
collect_scenarios(GError **error)
{
    GArray *scenarios = scenario_path != NULL ? lamp_scenarios_read(scenario_path, error)
                                              : lamp_scenarios_new();
    for (guint i = 0; scenarios != NULL && changes != NULL && changes[i] != NULL; i++)
        lamp_scenarios_add_grid(scenarios, changes[i]);
    if (scenarios != NULL && scenarios->len == 0) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "say what changes: --change 'postgres *0.5' or --scenarios FILE");
        g_clear_pointer(&scenarios, g_array_unref);
    }
    return scenarios;
}

static gboolean
answer_all(LampCli *cli, const Answer *answer, const GArray *scenarios, GError **error)
{
    g_string_append(answer->out, as_json ? "[" : "");
    for (guint i = 0; i < scenarios->len; i++) {
        g_string_append(answer->out, i == 0 ? "" : as_json ? ",\n" : "\n");
        if (!answer_one(cli, answer, &g_array_index(scenarios, LampScenario, i), error))
            return FALSE;
    }
    g_string_append(answer->out, as_json ? "]\n" : "");
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    g_autoptr(GArray) scenarios = collect_scenarios(error);
    if (scenarios == NULL || !lamp_flow_sample_check(LAMP_SAMPLE_TAIL, error) ||
        !lamp_model_view_open(cli, &view, error))
        return -1;
    g_autoptr(LampWhatif) whatif =
        lamp_whatif_load(cli->store, view.topology, view.structure, &lamp_flow_filter,
                         (guint) most_flows, error);
    if (whatif == NULL)
        return -1;
    if (lamp_whatif_requests(whatif) == 0) {
        lamp_set_no_flows_error(error);
        return -1;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    Answer answer = {view.topology, whatif, out};
    if (!answer_all(cli, &answer, scenarios, error)) {
        if (*error != NULL && (*error)->domain == LAMP_CHANGE_ERROR) {
            (*error)->domain = LAMP_CLI_ERROR;
            (*error)->code = LAMP_CLI_ERROR_USAGE;
        }
        return -1;
    }
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_whatif = {
    .name = "whatif",
    .arguments = "FILE.db",
    .summary = "Predict latency under changes by replaying every request",
    .examples =
        "lamplight whatif --change 'postgres *0.5' shop.db\n"
        "lamplight whatif --change 'cache pg hit 0.8 in 1ms; load *2' --explain shop.db",
    .description =
        "Changes (docs/model.md tells the model and how far it was validated):\n"
        "  TARGET *F | +T | -T | =T       the target's own work\n"
        "  A->B *F | +T | -T | =T         the network between A and B, per round trip\n"
        "  =exp(T), =normal(T,T), =lognormal(T,SIGMA), =uniform(T,T), =file(PATH), "
        "=like(TARGET)\n"
        "                                 drawn for each call: given, or measured elsewhere\n"
        "  parallel TARGET: CALLEE, ...   calls to these start together\n"
        "  sequential TARGET              calls wait for each other\n"
        "  cache TARGET hit SHARE | off   another hit rate of the cache TARGET, or no cache\n"
        "  cache TARGET hit SHARE in T    a new cache before TARGET, which answers in T\n"
        "  batch TARGET, remove TARGET    repeated calls become one; none are made\n"
        "  retries A->B N, timeout A->B T other numbers of attempts, other patience\n"
        "  down INSTANCE, replicas SERVICE N, load *F\n"
        "  limit TARGET N | none          instances serve at most N calls at once\n"
        "  limit A->B N | none            A has at most N connections to B\n"
        "  failover SERVICE +T [*F] [limit N]  another site: longer way, other capacity\n"
        "TARGET: NAME or NAME/OPERATION with * and ?; NAME is a service, an instance or a "
        "protocol.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
