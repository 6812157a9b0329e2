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

/* Id of the span of @call that what it caused hangs below. */
static guint64
lower_id(const LampFlowCall *call)
{
    return (guint64) call->call_id * 2 + (call->has_server ? 1 : 0);
}

GArray *
lamp_export_spans(const LampExport *to, const LampFlow *flow)
{
    GArray *spans = g_array_sized_new(FALSE, FALSE, sizeof(LampExportSpan), 2 * flow->count);
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        guint64 id = (guint64) call->call_id * 2;
        guint64 above =
            call->parent == LAMP_FLOW_NONE ? 0 : lower_id(&flow->calls[call->parent]);
        if (call->has_client) {
            LampExportSpan client = {
                .call = call, .is_client = TRUE, .id = id, .parent_id = above};
            client.service =
                lamp_topology_instance(to->topology, call->client_instance)->service;
            client.start = call->client_start;
            client.end = call->client_end;
            g_array_append_val(spans, client);
            above = id;
        }
        if (call->has_server) {
            LampExportSpan server = {.call = call, .id = id + 1, .parent_id = above};
            server.service = lamp_topology_label(to->topology, call->label)->service;
            server.start = call->server_start;
            server.end = call->server_end;
            g_array_append_val(spans, server);
        }
    }
    return spans;
}

const char *
lamp_export_name(const LampExport *to, const LampExportSpan *span)
{
    return lamp_topology_label(to->topology, span->call->label)->operation;
}
