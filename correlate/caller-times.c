/*
 * When a call that only its callee's log shows was made, as far as its caller's requests tell.
 *
 * A stamp stands for an interval, so a call that was logged from s to e by stamps of resolution
 * r certainly lasted from s + r to e; that is what the causal engine is given, less what the
 * caller's own stamps leave open, for else a call that seems to begin a little before its
 * request has no cause, or another one. Where still no request that the caller's host served
 * encloses it, the one that it sticks out of least, by no more than what stamps and clocks
 * leave open, tells when it was made: its times are cut to that request's. Cost: O(n log n),
 * and NEAR requests for a call.
 */
#include "correlate/passes.h"
#include "correlate/served.h"

#define NEAR 400
#define LONGEST_NS (60 * LAMP_NS_PER_SECOND) /* requests before that are not looked at */
#define ROUNDING_NS LAMP_NS_PER_MS

/* Does only the callee's log show the call, and is its caller a host of the system? */
static gboolean
is_open(const LampCall *call)
{
    return call->client_id == 0 && call->server_id != 0 &&
           call->client_connection == LAMP_INDEX_NONE && call->client_host != LAMP_INDEX_NONE &&
           call->client_start == LAMP_TIME_NONE && call->client_host != call->server_host &&
           call->server_start != LAMP_TIME_NONE && call->server_end != LAMP_TIME_NONE;
}

/* The request that the call sticks out of least; NULL where one encloses it, or none is near.
 */
static const LampServed *
find_nearest(const GArray *served, const LampCall *call, const LampInferenceCall *fed)
{
    const LampServed *best = NULL;
    gint64 least = G_MAXINT64;
    gint64 slack = call->server_uncertainty + ROUNDING_NS;
    guint last = lamp_served_find(served, call->client_host, fed->client_start_ns + slack * 2,
                                  G_MAXINT64);
    for (guint i = last; i > 0 && last - i < NEAR; i--) {
        const LampServed *request = &g_array_index(served, LampServed, i - 1);
        if (request->host != call->client_host ||
            request->start < fed->client_start_ns - LONGEST_NS)
            break;
        gint64 out = MAX(0, request->start - fed->client_start_ns) +
                     MAX(0, fed->client_end_ns - request->end);
        if (out == 0)
            return NULL;
        if (out > slack + request->slack || out >= least)
            continue;
        best = request;
        least = out;
    }
    return best;
}

/* What the stamps of each host's requests leave open, on average. Caller frees. */
static gint64 *
slack_of_hosts(LampCorrelation *c, const GArray *served)
{
    gint64 *slack = g_new0(gint64, (gsize) c->hosts->len + 1);
    for (guint i = 0, n = 0; i < served->len; i++) {
        const LampServed *one = &g_array_index(served, LampServed, i);
        n = i > 0 && g_array_index(served, LampServed, i - 1).host == one->host ? n + 1 : 1;
        slack[one->host] += (one->slack - slack[one->host]) / (gint64) n;
    }
    return slack;
}

/* Sets the call's time at the caller. */
static void
fit_call(const GArray *served, const LampCall *call, gint64 slack, LampInferenceCall *fed)
{
    fed->client_start_ns = call->server_start + call->server_uncertainty;
    fed->client_end_ns = call->server_end - slack;
    if (fed->client_start_ns > fed->client_end_ns)
        fed->client_start_ns = fed->client_end_ns =
            call->server_start + (call->server_end - call->server_start) / 2;
    const LampServed *request = find_nearest(served, call, fed);
    if (request == NULL)
        return;
    fed->client_start_ns = CLAMP(fed->client_start_ns, request->start, request->end);
    fed->client_end_ns = CLAMP(fed->client_end_ns, fed->client_start_ns, request->end);
}

void
lamp_caller_times_fit(LampCorrelation *c, LampInferenceCall *fed)
{
    g_autoptr(GArray) served = lamp_served_of_calls(c);
    g_autofree gint64 *slack = slack_of_hosts(c, served);
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        call->owner_probability = MIN(call->owner_probability, 1 - call->caller_doubt);
        if (is_open(call))
            fit_call(served, call, slack[call->client_host], &fed[i]);
    }
}
