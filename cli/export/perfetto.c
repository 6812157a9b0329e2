/*
 * Chrome's trace event format, which Perfetto opens (@spec Trace Event Format, complete
 * events).
 *
 * One process for each service. Complete events on one thread must nest, so every span is put
 * on the first lane (thread) of its service that is free at its start; the lanes show
 * concurrency. Readers keep the microseconds in doubles, which have no room for the nanoseconds
 * of today's Unix time, so times count from the day before the first request;
 * `otherData.time_origin` names it.
 */
#include "cli/export/formats.h"
#include "cli/print.h"

#define MOST_LANES 1024u

typedef struct {
    GArray **lanes; /* by service: LampTime end of the last span on each lane */
    guint services;
    gboolean has_event;
    LampTime origin; /* LAMP_TIME_NONE before the first flow */
} State;

#define DAY (24 * 3600 * LAMP_NS_PER_SECOND)

static void
begin(LampExport *to)
{
    State *state = g_new0(State, 1);
    state->services = lamp_topology_service_count(to->topology);
    state->lanes = g_new0(GArray *, state->services);
    state->origin = LAMP_TIME_NONE;
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

/* Flows come in the order of their last calls, so the first need not be the earliest: a day is
 * kept below it. */
static LampTime
origin_for(LampTime first)
{
    return first / DAY * DAY - DAY;
}

/* Nanoseconds as microseconds with three decimals, exactly. */
static void
append_us(GString *out, gint64 ns)
{
    g_string_append_printf(out, "%s%" G_GINT64_FORMAT ".%03d", ns < 0 ? "-" : "",
                           ABS(ns) / 1000, (int) (ABS(ns) % 1000));
}

static void
add_flow(LampExport *to, const LampFlow *flow)
{
    State *state = to->state;
    if (state->origin == LAMP_TIME_NONE)
        state->origin = origin_for(flow->calls[0].client_start);
    g_autoptr(GArray) spans = lamp_export_spans(to, flow);
    for (guint i = 0; i < spans->len; i++) {
        const LampExportSpan *span = &g_array_index(spans, LampExportSpan, i);
        append_separator(to);
        g_string_append(to->out, "{\"name\": ");
        lamp_json_append_string(to->out, lamp_export_name(to, span));
        g_string_append_printf(to->out, ", \"cat\": \"%s\", \"ph\": \"X\", \"ts\": ",
                               span->is_client ? "client" : "server");
        append_us(to->out, span->start - state->origin);
        g_string_append(to->out, ", \"dur\": ");
        append_us(to->out, span->end - span->start);
        g_string_append_printf(to->out,
                               ", \"pid\": %u, \"tid\": %u, \"args\": {\"trace\": "
                               "\"%032" G_GINT64_MODIFIER "x\", \"confidence\": ",
                               span->service, find_lane(state, span), flow->trace_id);
        lamp_json_append_real(to->out, (double) span->call->confidence);
        g_string_append(to->out, span->call->is_open ? ", \"no_response\": true}}" : "}}");
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
    g_autofree char *origin =
        lamp_time_format(state->origin == LAMP_TIME_NONE ? 0 : state->origin);
    g_string_append_printf(to->out, "\n], \"otherData\": {\"time_origin\": \"%s\"}}\n", origin);
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
