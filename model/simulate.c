/*
 * Discrete-event simulation of compiled flows.
 *
 * A heap holds the events to come; flows enter it one after the other by their start, so its
 * size is the number of calls in progress. Events at the same instant go leaves first (a place
 * becomes free before the next arrival looks for one), then by call, so that a run with
 * unchanged lags repeats the observed order exactly. As in uqSim (Zhang, Gan, Delimitrou,
 * ISPASS 2019) the workload is the trace itself: no distribution is fitted and none guessed.
 *
 * State of a call is kept only while its flow is open, in slots that are used again.
 */
#include "model/simulate.h"

#include "model/event-heap.h"

#include <string.h>

/* State of a call of an open flow. */
typedef struct {
    guint32
        waits; /* siblings that still have to end before the start, plus one for the parent */
    guint32
        awaits; /* children that still have to end before the leave, plus one for the begin */
    LampTime arrived;
    guint8 has_begun, has_ended, has_joined, has_left, has_connection;
} State;

typedef struct {
    State *states;
    guint32 open; /* events to come and calls waiting at stations */
    LampTime last;
} OpenFlow;

typedef struct {
    guint32 busy;
    guint32 open; /* being served or waiting, with or without a limit */
    LampTime full_since;
    GQueue waiting; /* packed flow << 32 | call, as gint64* */
} Station;

typedef struct {
    const LampReplay *replay;
    const LampStations *limits;
    GArray *heap;
    OpenFlow *flows;
    Station *stations;
    LampOutcome *out;
    LampLoadReport *report;
    gboolean has_groups; /* some calls start with others */
    LampConnections *connections;
} Simulation;

void
lamp_stations_clear(LampStations *stations)
{
    g_clear_pointer(&stations->limits, g_free);
    g_clear_pointer(&stations->pools, g_free);
}

void
lamp_load_report_clear(LampLoadReport *report)
{
    g_clear_pointer(&report->busy, g_free);
    g_clear_pointer(&report->work, g_free);
    g_clear_pointer(&report->waits, g_free);
    g_clear_pointer(&report->calls, g_free);
    g_clear_pointer(&report->peaks, g_free);
    g_clear_pointer(&report->held, g_free);
}

static const LampReplayCall *
calls_of(const Simulation *sim, guint32 flow)
{
    return lamp_replay_calls(sim->replay, lamp_replay_flow(sim->replay, flow));
}

static void
schedule(Simulation *sim, LampEventKind kind, LampTime time, guint32 flow, guint32 call)
{
    lamp_event_push(sim->heap, (LampEvent){time, kind, flow, call});
    sim->flows[flow].open++;
}

static void
release_start(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    State *state = &sim->flows[flow].states[call];
    if (--state->waits == 0)
        schedule(sim, LAMP_EVENT_START, now + calls_of(sim, flow)[call].lag_start, flow, call);
}

static void
release_leave(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    State *state = &sim->flows[flow].states[call];
    if (--state->awaits == 0)
        schedule(sim, LAMP_EVENT_LEAVE, now + calls_of(sim, flow)[call].lag_leave, flow, call);
}

/* Starts of children that waited for the begin (or, if @late, for the leave) of @call. */
static void
release_children(Simulation *sim, guint32 flow, guint32 call, LampTime now, gboolean late)
{
    const LampReplayCall *c = calls_of(sim, flow);
    for (guint32 i = call + 1; i < c[call].end_index; i = c[i].end_index)
        if ((c[i].starts_late != 0) == (late != 0))
            release_start(sim, flow, i, now);
}

static void
begin_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    State *state = &sim->flows[flow].states[call];
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    state->has_begun = 1;
    if (sim->report != NULL) {
        sim->report->waits[c->server_instance] += now - state->arrived;
        sim->report->calls[c->server_instance]++;
    }
    state->arrived = now;
    release_children(sim, flow, call, now, FALSE);
    release_leave(sim, flow, call, now);
}

static guint32
limit_of(const Simulation *sim, const LampReplayCall *call)
{
    gboolean has_limit = !call->bypasses && !call->is_removed && !call->fails &&
                         !call->is_idle && call->server_instance < sim->limits->instances;
    return has_limit ? sim->limits->limits[call->server_instance] : 0;
}

static void
take_place(Station *station, guint32 limit, LampTime now)
{
    station->busy++;
    if (station->busy == limit)
        station->full_since = now;
}

static void
count_arrival(Simulation *sim, const LampReplayCall *c)
{
    guint32 at = c->server_instance;
    if (c->is_removed || c->fails || c->is_idle || at >= sim->limits->instances)
        return;
    sim->stations[at].open++;
    if (sim->report != NULL)
        sim->report->peaks[at] = MAX(sim->report->peaks[at], sim->stations[at].open);
}

static void
arrive(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    guint32 limit = limit_of(sim, c);
    count_arrival(sim, c);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    sim->flows[flow].states[call].arrived = now;
    if (limit == 0) {
        begin_call(sim, flow, call, now);
        return;
    }
    Station *station = &sim->stations[c->server_instance];
    if (station->busy < limit) {
        take_place(station, limit, now);
        begin_call(sim, flow, call, now);
        return;
    }
    gint64 *who = g_new(gint64, 1);
    *who = (gint64) ((guint64) flow << 32 | call);
    g_queue_push_tail(&station->waiting, who);
    sim->flows[flow].open++;
}

static void close_if_done(Simulation *sim, guint32 flow);

static void
free_place(Simulation *sim, const LampReplayCall *c, LampTime now)
{
    guint32 limit = limit_of(sim, c);
    if (!c->is_removed && !c->fails && !c->is_idle &&
        c->server_instance < sim->limits->instances)
        sim->stations[c->server_instance].open--;
    if (limit == 0)
        return;
    Station *station = &sim->stations[c->server_instance];
    if (station->busy == limit && sim->report != NULL)
        sim->report->busy[c->server_instance] += now - station->full_since;
    station->busy--;
    g_autofree gint64 *who = g_queue_pop_head(&station->waiting);
    if (who == NULL)
        return;
    guint32 flow = (guint32) ((guint64) *who >> 32), call = (guint32) *who;
    take_place(station, limit, now);
    begin_call(sim, flow, call, now);
    sim->flows[flow].open--;
    close_if_done(sim, flow);
}

static void join_call(Simulation *sim, guint32 flow, guint32 call, LampTime now);

/* Calls of the group of @call that ended before it. */
static void
join_later(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = calls_of(sim, flow);
    guint distance = 1;
    for (guint32 i = c[call].end_index; i < c[c[call].parent].end_index; i = c[i].end_index)
        if (c[i].joins == distance++ && sim->flows[flow].states[i].has_ended)
            join_call(sim, flow, i, now);
}

/* The caller goes on: later siblings and the parent's response no longer wait for @call. */
static void
pass_on(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = calls_of(sim, flow);
    guint32 parent = c[call].parent, distance = 1;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    sim->flows[flow].states[call].has_joined = 1;
    for (guint32 i = c[call].end_index;
         i < c[parent].end_index && distance <= LAMP_REPLAY_WAITS; i = c[i].end_index) {
        if (c[i].waits >> (distance - 1) & 1)
            release_start(sim, flow, i, now);
        distance++;
    }
    if (c[call].is_awaited)
        release_leave(sim, flow, parent, now);
    if (sim->has_groups)
        join_later(sim, flow, call, now);
}

/* @call has ended; passes on once the call that it joins has done so. */
static void
join_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = calls_of(sim, flow);
    if (c[call].joins > 0) {
        guint32 first = c[call].parent + 1;
        guint wanted = (guint) (c[call].ordinal - c[call].joins);
        while (c[first].ordinal != wanted)
            first = c[first].end_index;
        if (!sim->flows[flow].states[first].has_joined)
            return;
        /* By an event, as a long group would make a deep recursion. */
        schedule(sim, LAMP_EVENT_JOIN, now + c[call].lag_join, flow, call);
        return;
    }
    pass_on(sim, flow, call, now);
}

/* The call leaves its caller. */
static void
send_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    if (c->timeout > 0)
        schedule(sim, LAMP_EVENT_TIMEOUT, now + c->timeout, flow, call);
    schedule(sim, LAMP_EVENT_ARRIVE, now + c->net_out, flow, call);
}

static gboolean
needs_connection(const LampReplayCall *call)
{
    return call->pool > 0 && call->connection_of == 0 && !call->is_removed && !call->is_hit;
}

/* A call that waited for a connection has one now. */
static void
go_on(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    sim->flows[flow].states[call].has_connection = 1;
    send_call(sim, flow, call, now + calls_of(sim, flow)[call].lag_connect);
    sim->flows[flow].open--;
}

/* Gives back the connection that @call used, be it its own or that of its transaction. */
static void
return_connection(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = calls_of(sim, flow);
    guint32 holder = call, next_flow, next_call;
    if (c[call].connection_of > 0) {
        guint wanted = (guint) (c[call].ordinal - c[call].connection_of);
        holder = c[call].parent + 1;
        while (holder < call && c[holder].ordinal != wanted)
            holder = c[holder].end_index;
    }
    State *state = &sim->flows[flow].states[holder];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    if (!state->has_connection)
        return;
    state->has_connection = 0;
    if (lamp_connections_give(sim->connections, c[holder].pool, now, &next_flow, &next_call))
        go_on(sim, next_flow, next_call, now);
}

static void
end_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    State *state = &sim->flows[flow].states[call];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    if (state->has_ended)
        return;
    state->has_ended = 1;
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    if ((c->pool > 0 || c->connection_of > 0) && !c->keeps_connection)
        return_connection(sim, flow, call, now);
    if (call == 0)
        sim->out[flow].duration = now - lamp_replay_flow(sim->replay, flow)->start;
    else
        join_call(sim, flow, call, now);
}

/* Starts of siblings that were made to start with @call. */
static void
start_group(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = calls_of(sim, flow);
    guint distance = 1;
    for (guint32 i = c[call].end_index; i < c[c[call].parent].end_index; i = c[i].end_index)
        if (c[i].starts_with == distance++)
            release_start(sim, flow, i, now);
}

static void
start_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    if (sim->has_groups && call != 0)
        start_group(sim, flow, call, now);
    if (needs_connection(c)) {
        if (!lamp_connections_take(sim->connections, c->pool, now, flow, call)) {
            sim->flows[flow].open++;
            return;
        }
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        sim->flows[flow].states[call].has_connection = 1;
    }
    send_call(sim, flow, call, now);
}

static void
leave_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    const LampReplayCall *c = &calls_of(sim, flow)[call];
    State *state = &sim->flows[flow].states[call];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    state->has_left = 1;
    if (sim->report != NULL && !c->is_idle)
        sim->report->work[c->server_instance] +=
            (now - state->arrived) * lamp_replay_flow(sim->replay, flow)->weight;
    free_place(sim, c, now);
    release_children(sim, flow, call, now, TRUE);
    schedule(sim, LAMP_EVENT_END, now + c->net_back, flow, call);
}

static void
cut_call(Simulation *sim, guint32 flow, guint32 call, LampTime now)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    if (sim->flows[flow].states[call].has_ended)
        return;
    sim->out[flow].is_cut = 1;
    sim->out[flow].fails |= calls_of(sim, flow)[call].fails_if_cut;
    end_call(sim, flow, call, now);
}

static void
run_event(Simulation *sim, const LampEvent *event)
{
    switch ((LampEventKind) event->kind) {
    case LAMP_EVENT_START:
        start_call(sim, event->flow, event->call, event->time);
        break;
    case LAMP_EVENT_ARRIVE:
        arrive(sim, event->flow, event->call, event->time);
        break;
    case LAMP_EVENT_LEAVE:
        leave_call(sim, event->flow, event->call, event->time);
        break;
    case LAMP_EVENT_TIMEOUT:
        cut_call(sim, event->flow, event->call, event->time);
        break;
    case LAMP_EVENT_END:
        end_call(sim, event->flow, event->call, event->time);
        break;
    case LAMP_EVENT_JOIN:
        pass_on(sim, event->flow, event->call, event->time);
        break;
    }
}

static guint
count_bits(guint16 bits)
{
    return (guint) __builtin_popcount(bits);
}

static void
open_flow(Simulation *sim, guint32 flow)
{
    const LampReplayFlow *head = lamp_replay_flow(sim->replay, flow);
    const LampReplayCall *c = lamp_replay_calls(sim->replay, head);
    State *states = g_new0(State, head->count);
    for (guint32 i = 0; i < head->count; i++) {
        states[i].awaits++;
        states[i].waits = count_bits(c[i].waits) + 1 + (c[i].starts_with > 0 ? 1 : 0);
        if (i > 0 && c[i].is_awaited)
            states[c[i].parent].awaits++;
    }
    sim->flows[flow].states = states;
    schedule(sim, LAMP_EVENT_START, head->start, flow, 0);
}

static gboolean
find_groups(const LampReplay *replay)
{
    for (guint i = 0; i < replay->calls->len; i++)
        if (g_array_index(replay->calls, LampReplayCall, i).starts_with > 0)
            return TRUE;
    return FALSE;
}

static void
close_if_done(Simulation *sim, guint32 flow)
{
    OpenFlow *open = &sim->flows[flow];
    if (open->open == 0)
        g_clear_pointer(&open->states, g_free);
}

/* Nothing goes on, but a call waits for a connection that waits for it. */
static gboolean
break_deadlock(Simulation *sim, LampTime now)
{
    guint32 flow, call;
    if (!lamp_connections_break(sim->connections, &flow, &call))
        return FALSE;
    go_on(sim, flow, call, now);
    return TRUE;
}

static void
run_all(Simulation *sim)
{
    guint next = 0, n = sim->replay->flows->len;
    LampTime now = n > 0 ? lamp_replay_flow(sim->replay, 0)->start : 0, begin = now;
    while (next < n || sim->heap->len > 0 || break_deadlock(sim, now)) {
        const LampEvent *first =
            sim->heap->len > 0 ? &g_array_index(sim->heap, LampEvent, 0) : NULL;
        if (next < n &&
            (first == NULL || lamp_replay_flow(sim->replay, next)->start <= first->time)) {
            open_flow(sim, next++);
            continue;
        }
        LampEvent event = lamp_event_pop(sim->heap);
        now = event.time;
        run_event(sim, &event);
        sim->flows[event.flow].open--;
        close_if_done(sim, event.flow);
    }
    if (sim->report != NULL)
        sim->report->span = now - begin;
    if (sim->report != NULL && n > 0)
        sim->report->arriving = lamp_replay_flow(sim->replay, n - 1)->start - begin;
}

void
lamp_simulate(const LampReplay *replay, const LampStations *stations, LampOutcome *out,
              LampLoadReport *out_report)
{
    guint instances = MAX(stations->instances, 1);
    g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(LampEvent));
    g_autofree OpenFlow *flows = g_new0(OpenFlow, replay->flows->len + 1);
    g_autofree Station *places = g_new0(Station, instances);
    memset(out, 0, replay->flows->len * sizeof *out);
    if (out_report != NULL)
        *out_report = (LampLoadReport){.busy = g_new0(gint64, instances),
                                       .work = g_new0(gint64, instances),
                                       .waits = g_new0(gint64, instances),
                                       .calls = g_new0(guint64, instances),
                                       .peaks = g_new0(guint32, instances),
                                       .held = g_new0(gint64, stations->pool_count + 1)};
    g_autoptr(LampConnections) connections =
        lamp_connections_new(stations->pools, stations->pool_count);
    Simulation sim = {replay, stations,   heap,  flows,      places,
                      out,    out_report, FALSE, connections};
    sim.has_groups = find_groups(replay);
    run_all(&sim);
    for (guint i = 1; out_report != NULL && i < stations->pool_count; i++)
        out_report->held[i] = lamp_connections_held(connections, i);
    for (guint i = 0; i < instances; i++)
        g_queue_clear_full(&places[i].waiting, g_free);
    for (guint i = 0; i < replay->flows->len; i++)
        g_free(flows[i].states);
}
