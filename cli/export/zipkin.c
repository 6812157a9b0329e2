/*
 * Zipkin's JSON (@spec zipkin API v2): one list of spans, times in microseconds, durations at
 * least one, absent without a response.
 */
#include "cli/export/formats.h"
#include "cli/print.h"

static void
begin(LampExport *to)
{
    g_string_append(to->out, "[");
}

static void
append_service(LampExport *to, const char *key, guint32 service)
{
    g_string_append_printf(to->out, ", \"%s\": {\"serviceName\": ", key);
    lamp_json_append_string(to->out, lamp_topology_service(to->topology, service)->name);
    g_string_append_c(to->out, '}');
}

static void
append_span(LampExport *to, const LampFlow *flow, const LampExportSpan *span)
{
    GString *out = to->out;
    gint64 duration = (span->end - span->start) / LAMP_NS_PER_US;
    g_string_append_printf(out,
                           "{\"traceId\": \"%032" G_GINT64_MODIFIER "x\", \"id\": "
                           "\"%016" G_GINT64_MODIFIER "x\"",
                           flow->trace_id, span->id);
    if (span->parent_id != 0)
        g_string_append_printf(out, ", \"parentId\": \"%016" G_GINT64_MODIFIER "x\"",
                               span->parent_id);
    g_string_append_printf(
        out, ", \"kind\": \"%s\", \"name\": ", span->is_client ? "CLIENT" : "SERVER");
    lamp_json_append_string(out, lamp_export_name(to, span));
    g_string_append_printf(out, ", \"timestamp\": %" G_GINT64_FORMAT,
                           span->start / LAMP_NS_PER_US);
    if (!span->call->is_open)
        g_string_append_printf(out, ", \"duration\": %" G_GINT64_FORMAT, MAX(duration, 1));
    append_service(to, "localEndpoint", span->service);
    if (span->is_client)
        append_service(to, "remoteEndpoint",
                       lamp_topology_label(to->topology, span->call->label)->service);
    g_string_append_printf(out, ", \"tags\": {\"link.confidence\": \"%.4f\"",
                           (double) span->call->confidence);
    if (span->call->status[0] != '\0') {
        g_string_append(out, ", \"status\": ");
        lamp_json_append_string(out, span->call->status);
    }
    if (span->call->is_open)
        g_string_append(out, ", \"no_response\": \"true\"");
    if (span->call->is_error)
        g_string_append(out, ", \"error\": \"true\"");
    g_string_append(out, "}}");
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    g_autoptr(GArray) spans = lamp_export_spans(to, flow);
    for (guint i = 0; i < spans->len; i++) {
        g_string_append(to->out, to->flows == 0 && i == 0 ? "\n" : ",\n");
        append_span(to, flow, &g_array_index(spans, LampExportSpan, i));
    }
}

static void
finish(LampExport *to)
{
    g_string_append(to->out, "\n]\n");
}

const LampExporter lamp_exporter_zipkin = {
    .name = "zipkin",
    .summary = "JSON of Zipkin's API v2",
    .begin = begin,
    .flow = add_flow,
    .finish = finish,
};
