/*
 * Jaeger's JSON, as its user interface downloads and loads it (@spec jaeger-ui, JSON file).
 *
 * One object with a list of traces; each trace has its spans and the processes they belong to.
 * Times in microseconds.
 */
#include "cli/export/formats.h"
#include "cli/print.h"

static void
begin(LampExport *to)
{
    g_string_append(to->out, "{\"data\": [");
}

static void
append_tag(GString *out, const char *key, const char *value)
{
    g_string_append(out, ", {\"key\": ");
    lamp_json_append_string(out, key);
    g_string_append(out, ", \"type\": \"string\", \"value\": ");
    lamp_json_append_string(out, value);
    g_string_append_c(out, '}');
}

static void
append_span(LampExport *to, const LampFlow *flow, const LampExportSpan *span)
{
    GString *out = to->out;
    g_string_append_printf(out,
                           "{\"traceID\": \"%032" G_GINT64_MODIFIER "x\", \"spanID\": "
                           "\"%016" G_GINT64_MODIFIER "x\", \"operationName\": ",
                           flow->trace_id, span->id);
    lamp_json_append_string(out, lamp_export_name(to, span));
    g_string_append(out, ", \"references\": [");
    if (span->parent_id != 0)
        g_string_append_printf(out,
                               "{\"refType\": \"CHILD_OF\", \"traceID\": "
                               "\"%032" G_GINT64_MODIFIER "x\", \"spanID\": "
                               "\"%016" G_GINT64_MODIFIER "x\"}",
                               flow->trace_id, span->parent_id);
    g_string_append_printf(out,
                           "], \"startTime\": %" G_GINT64_FORMAT ", \"duration\": "
                           "%" G_GINT64_FORMAT ", \"logs\": [], \"processID\": \"p%u\", "
                           "\"tags\": [{\"key\": \"span.kind\", \"type\": \"string\", "
                           "\"value\": \"%s\"}",
                           span->start / LAMP_NS_PER_US,
                           (span->end - span->start) / LAMP_NS_PER_US, span->service,
                           span->is_client ? "client" : "server");
    if (span->call->status[0] != '\0')
        append_tag(out, "status", span->call->status);
    if (span->call->is_error)
        g_string_append(out, ", {\"key\": \"error\", \"type\": \"bool\", \"value\": true}");
    if (span->call->is_open)
        g_string_append(out,
                        ", {\"key\": \"no_response\", \"type\": \"bool\", \"value\": true}");
    if (span->is_client) {
        g_string_append(out,
                        ", {\"key\": \"link.confidence\", \"type\": \"float64\", \"value\": ");
        lamp_json_append_real(out, (double) span->call->confidence);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]}");
}

static gint
compare_services(gconstpointer a, gconstpointer b)
{
    const LampExportSpan *x = a, *y = b;
    return x->service < y->service ? -1 : x->service > y->service;
}

/* The services that occur, each once. */
static void
append_processes(LampExport *to, GArray *spans)
{
    g_array_sort(spans, compare_services);
    for (guint i = 0; i < spans->len; i++) {
        guint32 service = g_array_index(spans, LampExportSpan, i).service;
        if (i > 0 && service == g_array_index(spans, LampExportSpan, i - 1).service)
            continue;
        g_string_append_printf(to->out, "%s\"p%u\": {\"serviceName\": ", i == 0 ? "" : ", ",
                               service);
        lamp_json_append_string(to->out, lamp_topology_service(to->topology, service)->name);
        g_string_append(to->out, ", \"tags\": []}");
    }
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    g_autoptr(GArray) spans = lamp_export_spans(to, flow);
    g_string_append_printf(to->out,
                           "%s{\"traceID\": \"%032" G_GINT64_MODIFIER "x\", \"spans\": [",
                           to->flows == 0 ? "\n" : ",\n", flow->trace_id);
    for (guint i = 0; i < spans->len; i++) {
        g_string_append(to->out, i == 0 ? "\n  " : ",\n  ");
        append_span(to, flow, &g_array_index(spans, LampExportSpan, i));
    }
    g_string_append(to->out, "\n], \"processes\": {");
    append_processes(to, spans);
    g_string_append(to->out, "}, \"warnings\": null}");
}

static void
finish(LampExport *to)
{
    g_string_append(to->out, "\n]}\n");
}

const LampExporter lamp_exporter_jaeger = {
    .name = "jaeger",
    .summary = "JSON that Jaeger's user interface loads",
    .begin = begin,
    .flow = add_flow,
    .finish = finish,
};
