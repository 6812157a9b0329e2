/*
 * What makes a path unusual, in a line: how rare, whether it fails, what is called oftener or
 * less often than usual, and a trace that shows it.
 */
#include "cli/unusual-text.h"

#include "cli/flow-options.h"
#include "cli/print.h"

#define MOST_NAMED 4u

static void
append_labels(GString *out, const LampTopology *topology, const char *before,
              const GArray *labels)
{
    for (guint i = 0; i < MIN(labels->len, MOST_NAMED); i++) {
        g_autofree char *name = lamp_label_format(topology, g_array_index(labels, guint32, i));
        g_string_append_printf(out, "%s%s", i == 0 ? before : ", ", name);
    }
    if (labels->len > MOST_NAMED)
        g_string_append_printf(out, " and %u more", labels->len - MOST_NAMED);
}

void
lamp_unusual_append(GString *out, const LampTopology *topology, const LampShapes *shapes,
                    const GArray *found, guint most)
{
    if (found->len == 0 || most == 0)
        return;
    g_string_append_printf(out, "\nunusual paths (%u", found->len);
    if (most < found->len)
        g_string_append_printf(out, ", the first %u; --unusual N shows more", most);
    g_string_append(out, ")\n");
    for (guint i = 0; i < MIN(found->len, most); i++) {
        const LampUnusual *unusual = &g_array_index(found, LampUnusual, i);
        const LampShape *shape = lamp_shapes_get(shapes, unusual->shape);
        g_autofree char *name = lamp_label_format(topology, shape->example->calls[0].label);
        g_string_append_printf(out,
                               "  %s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " requests",
                               name, unusual->count, unusual->requests);
        if (unusual->errors > 0)
            g_string_append_printf(out, ", %" G_GUINT64_FORMAT " failed", unusual->errors);
        append_labels(out, topology, "; oftener ", unusual->more);
        append_labels(out, topology, "; less often ", unusual->fewer);
        if (unusual->more->len + unusual->fewer->len == 0 && unusual->shape != unusual->usual)
            g_string_append(out, "; the usual calls, otherwise nested or ordered");
        g_string_append_printf(out, " (trace %" G_GINT64_FORMAT ")\n",
                               shape->example->trace_id);
    }
}

static void
append_json_labels(GString *out, const LampTopology *topology, const char *key,
                   const GArray *labels)
{
    g_string_append_printf(out, ", \"%s\": [", key);
    for (guint i = 0; i < labels->len; i++) {
        g_autofree char *name = lamp_label_format(topology, g_array_index(labels, guint32, i));
        g_string_append(out, i == 0 ? "" : ", ");
        lamp_json_append_string(out, name);
    }
    g_string_append_c(out, ']');
}

void
lamp_unusual_append_json(GString *out, const LampTopology *topology, const LampShapes *shapes,
                         const GArray *found)
{
    g_string_append_c(out, '[');
    for (guint i = 0; i < found->len; i++) {
        const LampUnusual *unusual = &g_array_index(found, LampUnusual, i);
        const LampShape *shape = lamp_shapes_get(shapes, unusual->shape);
        g_string_append_printf(
            out,
            "%s{\"shape\": \"%016" G_GINT64_MODIFIER "x\", \"count\": %" G_GUINT64_FORMAT
            ", \"requests\": %" G_GUINT64_FORMAT ", \"errors\": %" G_GUINT64_FORMAT
            ", \"is_rare\": %s, \"example_trace_id\": \"%032" G_GINT64_MODIFIER "x\"",
            i == 0 ? "\n  " : ",\n  ", shape->id, unusual->count, unusual->requests,
            unusual->errors, unusual->is_rare ? "true" : "false", shape->example->trace_id);
        append_json_labels(out, topology, "oftener", unusual->more);
        append_json_labels(out, topology, "less_often", unusual->fewer);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]");
}
