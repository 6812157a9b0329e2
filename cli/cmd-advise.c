/*
 * lamplight advise: what could be batched, made parallel, cached, with the gain that replay
 * predicts.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/advice.h"
#include "model/what-if.h"

#include <math.h>

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
             LampEstimate *out_gain)
{
    g_autoptr(LampChange) change =
        advice->change == NULL ? NULL : lamp_change_parse(advice->change, NULL);
    if (change == NULL || !lamp_change_resolve(change, topology, NULL))
        return FALSE;
    *out_gain = lamp_whatif_gain(whatif, change);
    return TRUE;
}

typedef struct {
    const LampAdvice *advice;
    LampEstimate gain; /* change of the mean, ns */
    gboolean is_known;
    guint rank;
} Gain;

/* What gains most first; what replay cannot tell of last, as listed. */
static gint
compare_gains(gconstpointer a, gconstpointer b)
{
    const Gain *x = a, *y = b;
    if (x->is_known != y->is_known)
        return x->is_known ? -1 : 1;
    double vx = x->gain.value, vy = y->gain.value;
    if (vx < vy || vx > vy)
        return vx < vy ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* What would make requests slower is left out. Caller unrefs. */
static GArray *
predict_gains(LampWhatif *whatif, const LampTopology *topology, const GArray *list)
{
    GArray *gains = g_array_new(FALSE, TRUE, sizeof(Gain));
    for (guint i = 0; i < list->len; i++) {
        Gain gain = {.advice = &g_array_index(list, LampAdvice, i), .rank = i};
        gain.is_known = predict_gain(whatif, topology, gain.advice, &gain.gain);
        if (!gain.is_known || gain.gain.value <= 0.0)
            g_array_append_val(gains, gain);
    }
    g_array_sort(gains, compare_gains);
    return gains;
}

static void
append_text(LampCli *cli, const Gain *gain, double base, GString *out)
{
    gsize from = out->len;
    const LampAdvice *advice = gain->advice;
    g_autofree char *text = lamp_text_escape(lamp_bytes_text(advice->text));
    gboolean has_links = advice->confidence >= 0.0;
    gboolean is_one = advice->requests == 1;
    g_string_append_printf(out, "%-8s  %s\n          %" G_GUINT64_FORMAT " %s%s %s it",
                           lamp_advice_names[advice->kind], text, advice->requests,
                           has_links ? "request" : "call", is_one ? "" : "s",
                           is_one ? "shows" : "show");
    if (advice->example != 0)
        g_string_append_printf(out, ", for example trace %" G_GINT64_FORMAT, advice->example);
    if (has_links)
        g_string_append_printf(out, "; links sure with %.0f %%", advice->confidence * 100.0);
    g_string_append_c(out, '\n');
    if (gain->is_known) {
        g_autofree char *change = lamp_text_escape(lamp_bytes_text(advice->change));
        g_string_append_printf(out,
                               "          replayed, the mean request changes by %+.2f ms "
                               "(%+.1f %%; with 95 %% %+.2f..%+.2f ms): whatif --change '%s'\n",
                               gain->gain.value / 1e6, 100.0 * gain->gain.value / base,
                               gain->gain.low / 1e6, gain->gain.high / 1e6, change);
    }
    lamp_wrap_hanging(cli, out, from, 10);
}

static void
append_json(const Gain *gain, GString *out)
{
    const LampAdvice *advice = gain->advice;
    g_string_append_printf(out,
                           "{\"kind\": \"%s\", \"text\": ", lamp_advice_names[advice->kind]);
    lamp_json_append_string(out, advice->text);
    g_string_append(out, ", \"change\": ");
    lamp_json_append_string(out, advice->change);
    g_string_append_printf(out,
                           ", \"requests\": %" G_GUINT64_FORMAT
                           ", \"example_trace_id\": \"%032" G_GINT64_MODIFIER
                           "x\", \"confidence\": ",
                           advice->requests, advice->example);
    if (advice->confidence >= 0.0)
        lamp_json_append_real(out, advice->confidence);
    else
        g_string_append(out, "null");
    double unknown = (double) NAN;
    lamp_json_append_ns(out, "gain_ns", gain->is_known ? -gain->gain.value : unknown);
    lamp_json_append_ns(out, "gain_low_ns", gain->is_known ? -gain->gain.high : unknown);
    lamp_json_append_ns(out, "gain_high_ns", gain->is_known ? -gain->gain.low : unknown);
    g_string_append_c(out, '}');
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    if (!lamp_flow_sample_check(LAMP_SAMPLE_TAIL, error) ||
        !lamp_model_view_open(cli, &view, error))
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
    g_autoptr(GArray) gains = predict_gains(whatif, view.topology, list);
    g_autoptr(GString) out = g_string_new(as_json ? "[" : "");
    for (guint i = 0; i < gains->len; i++) {
        const Gain *gain = &g_array_index(gains, Gain, i);
        if (as_json) {
            g_string_append(out, i == 0 ? "\n  " : ",\n  ");
            append_json(gain, out);
        } else {
            append_text(cli, gain, base, out);
        }
    }
    if (as_json)
        g_string_append(out, "\n]\n");
    else if (gains->len == 0)
        g_string_append(out, "nothing found that looks wasteful\n");
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_advise = {
    .name = "advise",
    .arguments = "FILE.db",
    .summary = "What could be batched, parallel, cached; with predicted gains",
    .examples = "lamplight advise shop.db",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
