/*
 * Chrome's trace event format, which Perfetto opens (@spec Trace Event Format, complete
 * events).
 *
 * One process for each service. Complete events on one thread must nest, so every span is put
 * on the first lane (thread) of its service that is free at its start; the lanes show
 * concurrency.
 */
#include "cli/export/formats.h"
#include "cli/print.h"

#define MOST_LANES 1024u

typedef struct {
    GArray **lanes; /* by service: LampTime end of the last span on each lane */
    guint services;
    gboolean has_event;
} State;

static void
begin(LampExport *to)
{
    State *state = g_new0(State, 1);
    state->services = lamp_topology_service_count(to->topology);
    state->lanes = g_new0(GArray *, state->services);
    to->state = state;
    g_string_append(to->out, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [");
}

static guint
find_lane(State *state, const LampExportSpan *span)
{
    GArray **lanes = &state->lanes[span->service];
    if (*lanes == NULL)
        *lanes = g_array_new(FALSE, FALSE, sizeof(LampTime));
    guint lane = 0;
    while (lane < (*lanes)->len && g_array_index(*lanes, LampTime, lane) > span->start)
        lane++;
    if (lane == (*lanes)->len && lane < MOST_LANES)
        g_array_append_val(*lanes, span->end);
    lane = MIN(lane, MOST_LANES - 1);
    g_array_index(*lanes, LampTime, lane) = span->end;
    return lane;
}

static void
append_separator(LampExport *to)
{
    State *state = to->state;
    g_string_append(to->out, state->has_event ? ",\n" : "\n");
    state->has_event = TRUE;
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    g_autoptr(GArray) spans = lamp_export_spans(to, flow);
    for (guint i = 0; i < spans->len; i++) {
        const LampExportSpan *span = &g_array_index(spans, LampExportSpan, i);
        append_separator(to);
        g_string_append(to->out, "{\"name\": ");
        lamp_json_append_string(to->out, lamp_export_name(to, span));
        g_string_append_printf(to->out,
                               ", \"cat\": \"%s\", \"ph\": \"X\", \"ts\": %.3f, \"dur\": %.3f, "
                               "\"pid\": %u, \"tid\": %u, \"args\": {\"trace\": "
                               "\"%032" G_GINT64_MODIFIER "x\", \"confidence\": ",
                               span->is_client ? "client" : "server",
                               (double) span->start / 1e3,
                               (double) (span->end - span->start) / 1e3, span->service,
                               find_lane(to->state, span), flow->trace_id);
        lamp_json_append_real(to->out, (double) span->call->confidence);
        g_string_append(to->out, "}}");
    }
}

static void
finish(LampExport *to)
{
    State *state = to->state;
    for (guint i = 0; i < state->services; i++) {
        if (state->lanes[i] == NULL)
            continue;
        append_separator(to);
        g_string_append_printf(
            to->out,
            "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": %u, \"args\": {\"name\": ",
            i);
        lamp_json_append_string(to->out, lamp_topology_service(to->topology, i)->name);
        g_string_append(to->out, "}}");
        g_array_unref(state->lanes[i]);
    }
    g_string_append(to->out, "\n]}\n");
    g_free(state->lanes);
    g_clear_pointer(&to->state, g_free);
}

const LampExporter lamp_exporter_perfetto = {
    .name = "perfetto",
    .summary = "Chrome trace events, for Perfetto and chrome://tracing",
    .begin = begin,
    .flow = add_flow,
    .finish = finish,
};
