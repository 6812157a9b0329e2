/*
 * The table of export formats, and what they share.
 */
#include "cli/export/exporter.h"
#include "cli/export/formats.h"

const LampExporter *const lamp_exporters[] = {
    &lamp_exporter_folded,
    &lamp_exporter_jaeger,
    &lamp_exporter_otlp,
    &lamp_exporter_perfetto,
    &lamp_exporter_speedscope,
    &lamp_exporter_zipkin,
    NULL,
};

GArray *
lamp_export_spans(const LampExport *to, const LampFlow *flow)
{
    GArray *spans = g_array_sized_new(FALSE, FALSE, sizeof(LampExportSpan), 2 * flow->count);
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        guint64 id = (guint64) call->call_id * 2;
        guint64 above = call->parent == LAMP_FLOW_NONE
                            ? 0
                            : (guint64) flow->calls[call->parent].call_id * 2 + 1;
        guint32 caller = lamp_topology_instance(to->topology, call->client_instance)->service;
        if (call->client_instance != 0) {
            LampExportSpan client = {
                call, TRUE, id, above, caller, call->client_start, call->client_end};
            g_array_append_val(spans, client);
            above = id;
        }
        LampExportSpan server = {.call = call, .id = id + 1, .parent_id = above};
        server.service = lamp_topology_label(to->topology, call->label)->service;
        server.start = call->server_start;
        server.end = call->server_end;
        g_array_append_val(spans, server);
    }
    return spans;
}

const char *
lamp_export_name(const LampExport *to, const LampExportSpan *span)
{
    return lamp_topology_label(to->topology, span->call->label)->operation;
}
