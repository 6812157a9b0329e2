/*
 * Predicted beside measured, for every scenario that was measured.
 *
 * A prediction is within its bound if it is off by at most 5 % (mean, p50) or 15 % (p95, p99),
 * or by twice the noise floor of the measurements where that is wider.
 */
#include "cli/eval-whatif.h"

#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/scenario-file.h"
#include "cli/wrap.h"
#include "model/whatif-eval.h"

#include <math.h>

typedef struct {
    LampTopology *topology;
    LampWhatif *whatif;
    LampMeasured *measured;
    LampTable *table;
    GString *json;
    guint within, all;
    const LampCli *cli;
} Score;

static const LampMetric shown[] = {LAMP_METRIC_MEAN, LAMP_METRIC_P50, LAMP_METRIC_P95,
                                   LAMP_METRIC_P99};

static double
bound_of(const Score *score, LampMetric metric)
{
    double wanted = metric == LAMP_METRIC_MEAN || metric == LAMP_METRIC_P50 ? 0.05 : 0.15;
    return MAX(wanted, 2.0 * lamp_measured_noise(score->measured, metric));
}

static void
append_json(Score *score, const char *scenario, LampMetric metric, const LampWhatifRow *row,
            double measured)
{
    const LampEstimate *after = &row->after[metric];
    const struct {
        const char *key;
        double value;
    } figures[] = {{"baseline", row->before[metric].value / 1e6},
                   {"predicted", after->value / 1e6},
                   {"low", after->low / 1e6},
                   {"high", after->high / 1e6},
                   {"measured", measured},
                   {"error", after->value / 1e6 / measured - 1.0},
                   {"bound", bound_of(score, metric)}};
    g_string_append(score->json, score->json->len > 1 ? ",\n  " : "\n  ");
    g_string_append(score->json, "{\"scenario\": ");
    lamp_json_append_string(score->json, scenario);
    g_string_append_printf(score->json, ", \"metric\": \"%s\"", lamp_metric_names[metric]);
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        g_string_append_printf(score->json, ", \"%s\": ", figures[i].key);
        lamp_json_append_real(score->json, figures[i].value);
    }
    g_string_append_c(score->json, '}');
}

static void
add_figure(Score *score, const char *scenario, LampMetric metric, const LampWhatifRow *row)
{
    double measured;
    if (!lamp_measured_get(score->measured, scenario, metric, &measured))
        return;
    const LampEstimate *after = &row->after[metric];
    double error = after->value / 1e6 / measured - 1.0, bound = bound_of(score, metric);
    score->all++;
    score->within += fabs(error) <= bound ? 1 : 0;
    append_json(score, scenario, metric, row, measured);
    char *cells[] = {
        g_strdup(scenario),
        g_strdup(lamp_metric_names[metric]),
        g_strdup_printf("%.1f", row->before[metric].value / 1e6),
        g_strdup_printf("%.1f", after->value / 1e6),
        g_strdup_printf("%.1f..%.1f", after->low / 1e6, after->high / 1e6),
        g_strdup_printf("%.1f", measured),
        g_strdup_printf("%+.1f %%", error * 100.0),
        g_strdup_printf("%.1f %%", bound * 100.0),
        g_strdup(fabs(error) <= bound ? "yes" : "NO"),
    };
    lamp_table_take(score->table, cells);
}

static gboolean
score_scenario(Score *score, const LampScenario *scenario, GError **error)
{
    double ignored;
    if (!lamp_measured_get(score->measured, scenario->name, LAMP_METRIC_MEAN, &ignored))
        return TRUE;
    g_autoptr(LampChange) change = lamp_change_parse(scenario->change, error);
    if (change == NULL || !lamp_change_resolve(change, score->topology, error)) {
        g_prefix_error(error, "scenario %s: ", scenario->name);
        return FALSE;
    }
    g_autoptr(LampWhatifResult) result = lamp_whatif_run(score->whatif, change, error);
    if (result == NULL)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(shown); i++)
        add_figure(score, scenario->name, shown[i],
                   &g_array_index(result->rows, LampWhatifRow, 0));
    return TRUE;
}

static int
print_score(const Score *score, gboolean as_json, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json) {
        g_string_append_len(out, score->json->str, (gssize) score->json->len);
        g_string_append(out, "\n]\n");
    } else {
        lamp_table_render(score->table, out, score->cli->table_width);
        gsize below = out->len;
        g_string_append_printf(out,
                               "\n%u of %u figures within their bound, from the baseline alone "
                               "(runs of machine, system, load: %s). ms; bound: 5 %% (p95, "
                               "p99: 15 %%) or twice the noise "
                               "floor, half the spread of the baseline's own runs.\n",
                               score->within, score->all, lamp_measured_group(score->measured));
        lamp_wrap(score->cli, out, below);
    }
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

int
lamp_eval_whatif(LampCli *cli, const char *measured_path, const char *scenario_path,
                 const char *capture, gboolean as_json, GError **error)
{
    static const char *const titles[] = {
        "scenario",  "metric", ">baseline", ">predicted", ">~95 % interval",
        ">measured", ">error", ">bound",    "within",     NULL};
    g_auto(LampModelView) view = {NULL, NULL};
    g_autoptr(GArray) scenarios = lamp_scenarios_read(scenario_path, error);
    g_autoptr(LampMeasured) measured =
        scenarios == NULL ? NULL : lamp_measured_read(measured_path, error);
    if (measured == NULL || !lamp_model_view_open(cli, &view, error))
        return -1;
    g_autoptr(LampWhatif) whatif =
        lamp_whatif_load(cli->store, view.topology, view.structure, NULL, 0, error);
    if (whatif == NULL || !lamp_measured_choose(measured, capture, lamp_whatif_requests(whatif),
                                                lamp_whatif_mean(whatif, NULL) / 1e6, error))
        return -1;
    g_autoptr(LampTable) table = lamp_table_new(titles);
    g_autoptr(GString) json = g_string_new("[");
    Score score = {view.topology, whatif, measured, table, json, 0, 0, cli};
    for (guint i = 0; i < scenarios->len; i++)
        if (!score_scenario(&score, &g_array_index(scenarios, LampScenario, i), error))
            return -1;
    return print_score(&score, as_json, error);
}
