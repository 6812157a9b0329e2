/*
 * The calling context tree for flame graph tools: folded stacks (Gregg's flamegraph.pl) and
 * speedscope's file format (@spec speedscope file-format-schema, sampled profile). Weights are
 * exclusive microseconds.
 */
#include "cli/export/formats.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "model/calling-context-tree.h"

static void
begin(LampExport *to)
{
    to->state = lamp_cct_new(0, LAMP_CCT_SUBMITTER);
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    lamp_cct_add(to->state, flow);
}

/* Contexts from the root down to @at; caller unrefs. */
static GArray *
path_to(const LampCct *cct, guint32 at)
{
    GArray *path = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (; at != 0; at = lamp_cct_context(cct, at)->parent)
        g_array_prepend_val(path, at);
    return path;
}

static void
finish_folded(LampExport *to)
{
    LampCct *cct = to->state;
    for (guint32 i = 1; i < lamp_cct_count(cct); i++) {
        gint64 us = lamp_cct_context(cct, i)->exclusive / LAMP_NS_PER_US;
        g_autoptr(GArray) path = path_to(cct, i);
        if (us <= 0)
            continue;
        for (guint k = 0; k < path->len; k++) {
            guint32 label = lamp_cct_context(cct, g_array_index(path, guint32, k))->label;
            g_autofree char *name = lamp_label_format(to->topology, label);
            g_string_append_printf(to->out, "%s%s", k == 0 ? "" : ";",
                                   g_strdelimit(name, ";", ','));
        }
        g_string_append_printf(to->out, " %" G_GINT64_FORMAT "\n", us);
    }
    lamp_cct_free(cct);
}

static void
append_frames(LampExport *to)
{
    g_string_append(to->out, "\"shared\": {\"frames\": [");
    for (guint32 i = 0; i < lamp_topology_label_count(to->topology); i++) {
        g_autofree char *name = lamp_label_format(to->topology, i);
        g_string_append(to->out, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
        lamp_json_append_string(to->out, name);
        g_string_append_c(to->out, '}');
    }
    g_string_append(to->out, "\n]}");
}

static gint64
append_samples(LampExport *to, const LampCct *cct)
{
    g_autoptr(GString) weights = g_string_new(NULL);
    gint64 sum = 0;
    g_string_append(to->out, "\"samples\": [");
    for (guint32 i = 1; i < lamp_cct_count(cct); i++) {
        gint64 us = MAX(lamp_cct_context(cct, i)->exclusive / LAMP_NS_PER_US, 0);
        g_autoptr(GArray) path = path_to(cct, i);
        g_string_append(to->out, i == 1 ? "\n  [" : ",\n  [");
        for (guint k = 0; k < path->len; k++)
            g_string_append_printf(
                to->out, "%s%u", k == 0 ? "" : ", ",
                lamp_cct_context(cct, g_array_index(path, guint32, k))->label);
        g_string_append_c(to->out, ']');
        g_string_append_printf(weights, "%s%" G_GINT64_FORMAT, i == 1 ? "" : ", ", us);
        sum += us;
    }
    g_string_append_printf(to->out, "\n], \"weights\": [%s]", weights->str);
    return sum;
}

static void
finish_speedscope(LampExport *to)
{
    LampCct *cct = to->state;
    g_string_append(to->out,
                    "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n"
                    "\"exporter\": \"lamplight\", ");
    append_frames(to);
    g_string_append(to->out,
                    ",\n\"profiles\": [{\"type\": \"sampled\", \"name\": \"requests\", "
                    "\"unit\": \"microseconds\", \"startValue\": 0, ");
    gint64 sum = append_samples(to, cct);
    g_string_append_printf(to->out, ", \"endValue\": %" G_GINT64_FORMAT "}]}\n", sum);
    lamp_cct_free(cct);
}

const LampExporter lamp_exporter_folded = {
    .name = "folded",
    .summary = "Folded stacks with exclusive microseconds, for flame graphs",
    .begin = begin,
    .flow = add_flow,
    .finish = finish_folded,
};

const LampExporter lamp_exporter_speedscope = {
    .name = "speedscope",
    .summary = "Calling context tree as a speedscope profile",
    .begin = begin,
    .flow = add_flow,
    .finish = finish_speedscope,
};
