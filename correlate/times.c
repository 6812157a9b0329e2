/*
 * The times of every call on the reference clock, and the order of the calls.
 *
 * A stamp h of a host with offset o and drift d at epoch e stands for the reference time
 * e + (h - e - o) / (1 + d). A call leaves its caller with the first byte of the request and is
 * done there with the last byte of the response; at the callee it begins when the last byte of
 * the request has arrived (the first, where the callee does not wait: streamed.c) and ends when
 * the last byte of the response has left. An end that no capture saw is given the other end's
 * times, less certain by a network's usual delay, if its host both serves and calls, because
 * then causes are looked for there; otherwise it stays unknown. Receives that still lie before
 * their sends, by more than the resolution of the stamps, are kept as they are and counted.
 */
#include "correlate/passes.h"

#include <math.h>

/* Uncertainty added where an end was seen from the other end only. */
#define UNSEEN_END_NS 100000

/* Held for a clock that is bounded from one side only. */
#define MOST_UNCERTAIN_NS 3.6e12

static gint64
shift_by(const LampCorrelation *c, const LampClockPart *part, gint64 time)
{
    if (part->drift == 0) /* a double has not all the digits of a time far from the epoch */
        return time - (gint64) part->offset_ns;
    double since = (double) (time - c->epoch) - part->offset_ns;
    return c->epoch + (gint64) (since / (1 + part->drift));
}

/* How far outside the part's own time. */
static gint64
distance_of(const LampClockPart *part, gint64 time)
{
    return time < part->first ? part->first - time : time > part->last ? time - part->last : 0;
}

/* The part of the host's time in which it stamped @time: the one that holds what the stamp
 * stands for, or is nearest to it. */
static const LampClockPart *
part_at(const LampCorrelation *c, const LampHost *host, gint64 time)
{
    if (host->parts == NULL)
        return &host->clock;
    const LampClockPart *best = &host->clock;
    gint64 least = G_MAXINT64;
    for (guint i = 0; i < host->parts->len; i++) {
        const LampClockPart *part = &g_array_index(host->parts, LampClockPart, i);
        gint64 distance = distance_of(part, shift_by(c, part, time));
        if (distance >= least)
            continue;
        best = part;
        least = distance;
    }
    return best;
}

gint64
lamp_on_reference(const LampCorrelation *c, const LampHost *host, gint64 time)
{
    if (time == LAMP_TIME_NONE || host == NULL || (host->is_reference && host->parts == NULL))
        return time;
    return shift_by(c, part_at(c, host, time), time);
}

static const LampHost *
host_of(LampCorrelation *c, const LampObservation *seen)
{
    if (seen->source == LAMP_INDEX_NONE ||
        lamp_source(c, seen->source)->host == LAMP_INDEX_NONE)
        return NULL;
    return lamp_host(c, lamp_source(c, seen->source)->host);
}

static gint64
uncertainty_of(LampCorrelation *c, const LampObservation *seen)
{
    const LampHost *host = host_of(c, seen);
    double uncertainty = host != NULL ? host->clock.uncertainty_ns : 0;
    gint64 clock = (gint64) fmin(uncertainty, MOST_UNCERTAIN_NS);
    return clock + (seen->resolution > 1 ? seen->resolution : 0);
}

static void
set_client_times(LampCorrelation *c, LampCall *call, const LampObservation *seen)
{
    const LampHost *host = host_of(c, seen);
    call->client_start = lamp_on_reference(c, host, seen->request_first);
    call->client_end = lamp_on_reference(c, host, seen->response_last);
    call->client_uncertainty = uncertainty_of(c, seen);
}

static void
set_server_times(LampCorrelation *c, LampCall *call, const LampObservation *seen)
{
    const LampHost *host = host_of(c, seen);
    call->server_start = lamp_on_reference(
        c, host, call->is_streamed ? seen->request_first : seen->request_last);
    call->server_end = lamp_on_reference(c, host, seen->response_last);
    call->server_uncertainty = uncertainty_of(c, seen);
}

static void
count_ends(LampCorrelation *c)
{
    for (guint i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->server_host != LAMP_INDEX_NONE)
            lamp_host(c, call->server_host)->serves++;
        if (call->client_host != LAMP_INDEX_NONE)
            lamp_host(c, call->client_host)->calls++;
    }
}

static gboolean
is_relay(LampCorrelation *c, guint32 host)
{
    return host != LAMP_INDEX_NONE && lamp_host(c, host)->serves > 0 &&
           lamp_host(c, host)->calls > 0;
}

/* Fills an end that nobody saw from the other one, where causes may have to be found. */
static void
fill_unseen_end(LampCorrelation *c, LampCall *call)
{
    if (call->client_seen == LAMP_INDEX_NONE && call->server_seen != LAMP_INDEX_NONE &&
        is_relay(c, call->client_host)) {
        set_client_times(c, call, lamp_observation(c, call->server_seen));
        call->client_uncertainty += UNSEEN_END_NS;
    }
    if (call->server_seen == LAMP_INDEX_NONE && call->client_seen != LAMP_INDEX_NONE &&
        is_relay(c, call->server_host)) {
        set_server_times(c, call, lamp_observation(c, call->client_seen));
        call->server_uncertainty += UNSEEN_END_NS;
    }
}

static gint64
resolution_of(LampCorrelation *c, guint32 seen)
{
    gint64 resolution = seen != LAMP_INDEX_NONE ? lamp_observation(c, seen)->resolution : 1;
    return resolution > 1 ? resolution : 0;
}

/* By how much a receive lies before its send, beyond what the stamps leave open. */
static gint64
violation(gint64 send, gint64 receive, gint64 open)
{
    if (send == LAMP_TIME_NONE || receive == LAMP_TIME_NONE)
        return 0;
    return MAX(0, send - receive - open);
}

void
lamp_set_times(LampCorrelation *c, LampCall *call)
{
    if (call->client_seen != LAMP_INDEX_NONE)
        set_client_times(c, call, lamp_observation(c, call->client_seen));
    if (call->server_seen != LAMP_INDEX_NONE)
        set_server_times(c, call, lamp_observation(c, call->server_seen));
    fill_unseen_end(c, call);
    gint64 open = resolution_of(c, call->client_seen) + resolution_of(c, call->server_seen);
    call->order_violation = MAX(violation(call->client_start, call->server_start, open),
                                violation(call->server_end, call->client_end, open));
}

static gint64
start_of(const LampCall *call)
{
    return call->client_start != LAMP_TIME_NONE ? call->client_start : call->server_start;
}

static gint
compare_u32(guint32 a, guint32 b)
{
    return a < b ? -1 : a > b;
}

/* By time, then by content. */
static gint
compare_calls(gconstpointer left, gconstpointer right)
{
    const LampCall *a = left;
    const LampCall *b = right;
    gint order = 0;
    if (start_of(a) != start_of(b))
        return start_of(a) < start_of(b) ? -1 : 1;
    if ((order = compare_u32(a->client_place, b->client_place)) != 0)
        return order;
    if ((order = compare_u32(a->server_place, b->server_place)) != 0)
        return order;
    if ((order = compare_u32(a->position, b->position)) != 0)
        return order;
    return compare_u32(a->base_seen, b->base_seen);
}

gboolean
lamp_pass_times(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    count_ends(c);
    for (guint i = 0; i < c->calls->len; i++)
        lamp_set_times(c, lamp_call(c, i));
    lamp_streamed_find(c);
    return TRUE;
}

gboolean
lamp_pass_sort(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_array_sort(c->calls, compare_calls);
    return TRUE;
}
