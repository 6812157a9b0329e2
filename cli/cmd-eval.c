/*
 * lamplight eval: the inferred links and clocks against a known truth.
 */
#include "cli/commands.h"
#include "cli/eval-whatif.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "correlate/eval/eval.h"

static gboolean as_json;
static char *truth, *measured, *scenarios, *capture;

static const GOptionEntry options[] = {
    {"truth", 0, 0, G_OPTION_ARG_FILENAME, &truth, "folder or file with the truth", "PATH"},
    {"whatif", 0, 0, G_OPTION_ARG_FILENAME, &measured,
     "measured outcomes of changes: predicts them and compares", "MEASURED.csv"},
    {"scenarios", 0, 0, G_OPTION_ARG_FILENAME, &scenarios,
     "with --whatif: a file of lines 'NAME: CHANGE'", "FILE"},
    {"capture", 0, 0, G_OPTION_ARG_STRING, &capture,
     "with --whatif: name of the capture in the column captured_as (else the nearest)", "NAME"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json,
     "one JSON object; with --whatif a list of objects", NULL},
    {NULL},
};

static char *
percent(guint64 part, guint64 whole)
{
    return whole > 0 ? g_strdup_printf("%.2f %%", 100.0 * (double) part / (double) whole)
                     : g_strdup("-");
}

static void
add_figure(LampTable *table, const char *name, char *value, const char *meaning)
{
    const char *cells[] = {name, value, meaning};
    lamp_table_add(table, cells);
    g_free(value);
}

static void
render_figures(const LampEvalReport *r, GString *out)
{
    static const char *const titles[] = {"figure", ">value", "meaning", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    add_figure(table, "calls found", percent(r->spans_found, r->spans_truth),
               "of the calls in the truth");
    add_figure(table, "links right", percent(r->links_right, r->links_truth),
               "of the truth's links: recall");
    add_figure(table, "precision", percent(r->links_right, r->links_inferred),
               "of the inferred links");
    add_figure(table, "ambiguous links right", percent(r->ambiguous_right, r->ambiguous),
               "of links with more than one possible parent");
    add_figure(table, "traces right", percent(r->traces_right, r->traces_truth),
               "every link of the trace");
    add_figure(table, "expected accuracy",
               g_strdup_printf("%.2f %%", 100 * r->expected_accuracy),
               "what the inference said of itself");
    add_figure(table, "calibration error", g_strdup_printf("%.4f", r->ece),
               "mean distance of confidence and truth, ten bins");
    add_figure(table, "most confident 90 %", g_strdup_printf("%.2f %%", 100 * r->top_accuracy),
               "of them right");
    if (r->has_clocks) {
        add_figure(table, "clock error", g_strdup_printf("%.4f ms", r->clock_error_ms_max),
                   "worst host, against the reference");
        add_figure(table, "drift error", g_strdup_printf("%.3f ppm", r->drift_error_ppm_max),
                   "worst host");
    }
    lamp_table_render(table, out, 0);
}

static void
render_protocols(const LampEvalReport *r, GString *out)
{
    static const char *const titles[] = {"protocol", ">calls",       ">found",
                                         ">links",   ">links right", NULL};
    if (r->protocols->len == 0)
        return;
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < r->protocols->len; i++) {
        const LampEvalProtocol *p = &g_array_index(r->protocols, LampEvalProtocol, i);
        char *cells[] = {g_strdup(p->name), lamp_count_format(p->truth),
                         lamp_count_format(p->found), lamp_count_format(p->links),
                         percent(p->right, p->links)};
        lamp_table_take(table, cells);
    }
    g_string_append_c(out, '\n');
    lamp_table_render(table, out, 0);
}

static int
run(LampCli *cli, char **arguments G_GNUC_UNUSED, GError **error)
{
    if (measured != NULL && scenarios != NULL)
        return lamp_eval_whatif(cli, measured, scenarios, capture, as_json, error);
    if (truth == NULL) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "tell the truth's place: --truth PATH, or --whatif MEASURED.csv "
                    "--scenarios FILE");
        return -1;
    }
    g_autoptr(LampEvalReport) report = lamp_eval(cli->store, truth, error);
    if (report == NULL)
        return -1;
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json) {
        lamp_eval_report_json(report, out);
    } else {
        render_figures(report, out);
        render_protocols(report, out);
    }
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_eval = {
    .name = "eval",
    .arguments = "--truth PATH | --whatif MEASURED.csv --scenarios FILE FILE.db",
    .summary = "Compare the result with a known truth",
    .examples = "lamplight eval --truth fixtures/shop/truth shop.db",
    .description = "PATH is a folder with spans.csv (and clocks.csv), or a file of spans with "
                   "span_id, trace_id\n"
                   "and parent_span_id. Definitions: docs/inference.md.",
    .options = options,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
