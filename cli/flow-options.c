/*
 * Shared by the commands over request flows. The structure is learnt from the first flows only:
 * a relation is settled after some dozens of flows, and the commands then read the database
 * once more from its begin.
 */
#include "cli/flow-options.h"

#include "base/text.h"

#include <math.h>

#define LEARN_FLOWS 20000u

LampFlowFilter lamp_flow_filter;

gboolean
lamp_model_view_open(LampCli *cli, LampModelView *out_view, GError **error)
{
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    if (topology == NULL)
        return FALSE;
    LampStructure *structure =
        lamp_structure_learn(cli->store, topology, NULL, LEARN_FLOWS, error);
    if (structure == NULL)
        return FALSE;
    *out_view = (LampModelView){g_steal_pointer(&topology), structure};
    return TRUE;
}

void
lamp_model_view_clear(LampModelView *view)
{
    g_clear_pointer(&view->structure, lamp_structure_free);
    g_clear_pointer(&view->topology, lamp_topology_free);
}

gboolean
lamp_flow_each(LampStore *store, LampTopology *topology, const LampFlowFilter *filter,
               gboolean (*each)(const LampFlow *flow, gpointer payload), gpointer payload,
               GError **error)
{
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, error);
    if (reader == NULL)
        return FALSE;
    for (;;) {
        const LampFlow *flow;
        if (!lamp_flow_reader_next(reader, &flow, error))
            return FALSE;
        if (flow == NULL || !each(flow, payload))
            return TRUE;
    }
}

char *
lamp_label_format(const LampTopology *topology, guint32 label)
{
    const LampLabel *what = lamp_topology_label(topology, label);
    const char *service = lamp_topology_service(topology, what->service)->name;
    g_autofree char *whole = g_strconcat(service, " ", what->operation, NULL);
    return lamp_text_escape(lamp_bytes_text(whole));
}

char *
lamp_ms_format(double ns)
{
    return lamp_duration_format((gint64) llround(ns));
}

char *
lamp_share_format(double share)
{
    double percent = share * 100.0;
    gboolean is_whole = percent < 0.05 || percent > 99.95;
    return g_strdup_printf(
        is_whole || (percent >= 10.0 && percent < 99.0) ? "%.0f %%" : "%.1f %%", percent);
}

void
lamp_set_no_flows_error(GError **error)
{
    g_set_error(
        error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
        "there is no request flow that passes; see `lamplight services` for what is there");
}
