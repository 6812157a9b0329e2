/*
 * lamplight advise: what could be batched, made parallel, cached, with the gain that replay
 * predicts.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "model/advice.h"
#include "model/what-if.h"

static gboolean as_json;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    LAMP_FLOW_RANGES,
    {NULL},
};

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    lamp_advisor_add(payload, flow);
    return TRUE;
}

/* Change of the mean by @advice in ns; FALSE where replay cannot tell. */
static gboolean
predict_gain(LampWhatif *whatif, const LampTopology *topology, const LampAdvice *advice,
             double base, double *out_gain)
{
    g_autoptr(LampChange) change =
        advice->change == NULL ? NULL : lamp_change_parse(advice->change, NULL);
    if (change == NULL || !lamp_change_resolve(change, topology, NULL))
        return FALSE;
    *out_gain = lamp_whatif_mean(whatif, change) - base;
    return TRUE;
}

static void
append_text(const LampAdvice *advice, gboolean has_gain, double gain, double base, GString *out)
{
    g_autofree char *text = lamp_text_escape(lamp_bytes_text(advice->text));
    g_string_append_printf(out, "%-8s  %s\n          %" G_GUINT64_FORMAT " requests show it",
                           lamp_advice_names[advice->kind], text, advice->requests);
    if (advice->example != 0)
        g_string_append_printf(out, ", for example trace %032" G_GINT64_MODIFIER "x",
                               advice->example);
    g_string_append_printf(out, "; links sure with %.0f %%\n", advice->confidence * 100.0);
    if (has_gain) {
        g_autofree char *change = lamp_text_escape(lamp_bytes_text(advice->change));
        g_string_append_printf(out,
                               "          replayed, the mean request changes by %+.2f ms "
                               "(%+.1f %%): whatif --change '%s'\n",
                               gain / 1e6, 100.0 * gain / base, change);
    }
}

static void
append_json(const LampAdvice *advice, gboolean has_gain, double gain, GString *out)
{
    g_string_append_printf(out,
                           "{\"kind\": \"%s\", \"text\": ", lamp_advice_names[advice->kind]);
    lamp_json_append_string(out, advice->text);
    g_string_append(out, ", \"change\": ");
    lamp_json_append_string(out, advice->change);
    g_string_append_printf(out,
                           ", \"requests\": %" G_GUINT64_FORMAT
                           ", \"example\": \"%032" G_GINT64_MODIFIER "x\", \"confidence\": ",
                           advice->requests, advice->example);
    lamp_json_append_real(out, advice->confidence);
    g_string_append(out, ", \"gain_ms\": ");
    if (has_gain)
        lamp_json_append_real(out, -gain / 1e6);
    else
        g_string_append(out, "null");
    g_string_append_c(out, '}');
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    if (!lamp_model_view_open(cli, &view, error))
        return -1;
    g_autoptr(LampAdvisor) advisor = lamp_advisor_new(view.topology, view.structure);
    if (!lamp_flow_each(cli->store, view.topology, &lamp_flow_filter, add_flow, advisor, error))
        return -1;
    g_autoptr(GArray) list = lamp_advisor_list(advisor, cli->store, error);
    g_autoptr(LampWhatif) whatif =
        list == NULL ? NULL
                     : lamp_whatif_load(cli->store, view.topology, view.structure,
                                        &lamp_flow_filter, 20000, error);
    if (whatif == NULL)
        return -1;
    double base = MAX(lamp_whatif_mean(whatif, NULL), 1.0);
    g_autoptr(GString) out = g_string_new(as_json ? "[" : "");
    for (guint i = 0; i < list->len; i++) {
        const LampAdvice *advice = &g_array_index(list, LampAdvice, i);
        double gain = 0.0;
        gboolean has_gain = predict_gain(whatif, view.topology, advice, base, &gain);
        if (as_json) {
            g_string_append(out, i == 0 ? "\n  " : ",\n  ");
            append_json(advice, has_gain, gain, out);
        } else {
            append_text(advice, has_gain, gain, base, out);
        }
    }
    if (as_json)
        g_string_append(out, "\n]\n");
    else if (list->len == 0)
        g_string_append(out, "nothing found that looks wasteful\n");
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_advise = {
    .name = "advise",
    .arguments = "FILE.db",
    .summary = "What could be batched, parallel, cached; with predicted gains",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
