/*
 * OpenTelemetry's OTLP in JSON (@spec opentelemetry-proto, trace.proto, JSON mapping).
 *
 * Ids are hexadecimal, times are decimal strings of Unix nanoseconds, kinds 2 server and
 * 3 client, status 2 error; a span without a response ends where it was last seen at work and
 * has the attribute lamplight.no_response. The spans of one flow are grouped by service, which
 * is the resource.
 */
#include "cli/export/formats.h"
#include "cli/print.h"

static void
begin(LampExport *to)
{
    g_string_append(to->out, "{\"resourceSpans\": [");
}

static void
append_attribute(GString *out, const char *key, const char *value)
{
    g_string_append_printf(out, "{\"key\": \"%s\", \"value\": {\"stringValue\": ", key);
    lamp_json_append_string(out, value);
    g_string_append(out, "}}");
}

static void
append_attributes(LampExport *to, const LampExportSpan *span)
{
    const LampLabel *label = lamp_topology_label(to->topology, span->call->label);
    g_string_append(to->out, ", \"attributes\": [");
    append_attribute(to->out, "network.protocol.name", label->protocol);
    if (span->call->status[0] != '\0') {
        g_string_append(to->out, ", ");
        append_attribute(to->out, "lamplight.status", span->call->status);
    }
    if (span->is_client) {
        g_string_append(to->out, ", ");
        append_attribute(to->out, "peer.service",
                         lamp_topology_service(to->topology, label->service)->name);
        g_string_append(to->out,
                        ", {\"key\": \"lamplight.confidence\", \"value\": {\"doubleValue\": ");
        lamp_json_append_real(to->out, (double) span->call->confidence);
        g_string_append(to->out, "}}");
    }
    if (span->call->is_open)
        g_string_append(to->out, ", {\"key\": \"lamplight.no_response\", \"value\": "
                                 "{\"boolValue\": true}}");
    g_string_append(to->out, "]");
}

static void
append_span(LampExport *to, const LampFlow *flow, const LampExportSpan *span)
{
    g_string_append_printf(to->out,
                           "{\"traceId\": \"%032" G_GINT64_MODIFIER "x\", \"spanId\": "
                           "\"%016" G_GINT64_MODIFIER "x\"",
                           flow->trace_id, span->id);
    if (span->parent_id != 0)
        g_string_append_printf(to->out, ", \"parentSpanId\": \"%016" G_GINT64_MODIFIER "x\"",
                               span->parent_id);
    g_string_append(to->out, ", \"name\": ");
    lamp_json_append_string(to->out, lamp_export_name(to, span));
    g_string_append_printf(to->out,
                           ", \"kind\": %d, \"startTimeUnixNano\": \"%" G_GINT64_FORMAT
                           "\", \"endTimeUnixNano\": \"%" G_GINT64_FORMAT "\"",
                           span->is_client ? 3 : 2, span->start, span->end);
    append_attributes(to, span);
    g_string_append_printf(to->out, ", \"status\": {%s}}",
                           span->call->is_error ? "\"code\": 2" : "");
}

static gint
compare_spans(gconstpointer a, gconstpointer b)
{
    const LampExportSpan *x = a, *y = b;
    if (x->service != y->service)
        return x->service < y->service ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    g_autoptr(GArray) spans = lamp_export_spans(to, flow);
    g_array_sort(spans, compare_spans);
    for (guint i = 0; i < spans->len; i++) {
        const LampExportSpan *span = &g_array_index(spans, LampExportSpan, i);
        gboolean is_first = i == 0 || span[-1].service != span->service;
        gboolean is_last = i + 1 == spans->len || span[1].service != span->service;
        if (is_first) {
            g_string_append(to->out, to->flows == 0 && i == 0 ? "\n" : ",\n");
            g_string_append(to->out, "{\"resource\": {\"attributes\": [");
            append_attribute(to->out, "service.name",
                             lamp_topology_service(to->topology, span->service)->name);
            g_string_append(to->out,
                            "]}, \"scopeSpans\": [{\"scope\": {\"name\": "
                            "\"lamplight\", \"version\": \"" LAMP_VERSION "\"}, \"spans\": [");
        }
        g_string_append(to->out, is_first ? "\n  " : ",\n  ");
        append_span(to, flow, span);
        if (is_last)
            g_string_append(to->out, "\n]}]}");
    }
}

static void
finish(LampExport *to)
{
    g_string_append(to->out, "\n]}\n");
}

const LampExporter lamp_exporter_otlp = {
    .name = "otlp",
    .summary = "OpenTelemetry OTLP in JSON",
    .begin = begin,
    .flow = add_flow,
    .finish = finish,
};
