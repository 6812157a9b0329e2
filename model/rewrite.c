/*
 * Rewriting compiled flows.
 *
 * In: one change and a batch. All changes work on lags and on what an event waits for, never on
 * times, so their effect on everything later comes out of the simulation.
 */
#include "model/rewrite.h"

#include <math.h>

void
lamp_rewrite_free(LampRewrite *rewrite)
{
    if (rewrite == NULL)
        return;
    lamp_target_free(rewrite->target);
    lamp_target_free(rewrite->caller);
    lamp_target_free(rewrite->callees);
    g_free(rewrite);
}

/* Returns how many calls it changed. */
typedef guint (*RewriteCall)(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);

static gboolean
is_meant(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->target, call->label, call->server_instance);
}

/* Within eleven days, so that sums do not overflow. */
static gint64
scale(gint64 ns, double factor)
{
    return (gint64) llround(CLAMP((double) ns * factor, -1e15, 1e15));
}

/* All lags that are the call's own work: before its response and before the calls it makes. */
static gint64
own_work(const LampReplayCall *calls, guint32 call)
{
    gint64 sum = calls[call].lag_leave;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        sum += calls[i].starts_late ? 0 : calls[i].lag_start + calls[i].lag_join;
    return sum;
}

static void
scale_work(LampReplayCall *calls, guint32 call, double factor)
{
    calls[call].lag_leave = scale(calls[call].lag_leave, factor);
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        calls[i].lag_start = scale(calls[i].lag_start, factor);
        calls[i].lag_join = scale(calls[i].lag_join, factor);
    }
}

static guint
rewrite_work(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    gint64 own;
    switch (rewrite->effect) {
    case LAMP_EFFECT_SCALE:
        scale_work(calls, call, rewrite->factor);
        break;
    case LAMP_EFFECT_ADD:
        calls[call].lag_leave = MAX(calls[call].lag_leave + rewrite->amount, 0);
        break;
    case LAMP_EFFECT_SET:
        own = own_work(calls, call);
        if (own > 0)
            scale_work(calls, call, (double) rewrite->amount / (double) own);
        else
            calls[call].lag_leave = rewrite->amount;
        break;
    }
    return 1;
}

static guint
rewrite_network(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    LampReplayCall *c = &calls[call];
    if (rewrite->caller != NULL &&
        !lamp_target_matches_instance(rewrite->caller, c->client_instance))
        return 0;
    switch (rewrite->effect) {
    case LAMP_EFFECT_SCALE:
        c->net_out = scale(c->net_out, rewrite->factor);
        c->net_back = scale(c->net_back, rewrite->factor);
        break;
    case LAMP_EFFECT_ADD:
        c->net_out = MAX(c->net_out + rewrite->amount / 2, 0);
        c->net_back = MAX(c->net_back + rewrite->amount - rewrite->amount / 2, 0);
        break;
    case LAMP_EFFECT_SET:
        c->net_out = rewrite->amount / 2;
        c->net_back = rewrite->amount - rewrite->amount / 2;
        break;
    }
    return 1;
}

static guint
rewrite_failover(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    calls[call].net_out += rewrite->amount / 2;
    calls[call].net_back += rewrite->amount - rewrite->amount / 2;
    scale_work(calls, call, rewrite->factor);
    return 1;
}

static guint
rewrite_timeout(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    if (!lamp_target_matches_instance(rewrite->caller, calls[call].client_instance))
        return 0;
    calls[call].timeout = rewrite->amount;
    return 1;
}

static LampTouched
each_call(const LampRewrite *rewrite, LampReplay *replay, RewriteCall apply,
          gboolean only_meant)
{
    LampTouched touched = {0, 0};
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++)
            if (!only_meant || is_meant(rewrite, &calls[i]))
                touched.calls += apply(rewrite, calls, i);
    }
    return touched;
}

static LampTouched
rewrite_load(const LampRewrite *rewrite, LampReplay *replay)
{
    LampTime begin = replay->flows->len > 0 ? lamp_replay_flow(replay, 0)->start : 0;
    for (guint f = 0; f < replay->flows->len; f++) {
        LampReplayFlow *flow = lamp_replay_flow(replay, f);
        flow->start = begin + scale(flow->start - begin, 1.0 / rewrite->factor);
    }
    return (LampTouched){replay->calls->len, 0};
}

LampTouched
lamp_rewrite_apply(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay,
                   LampStations *stations, guint64 seed)
{
    static const RewriteCall by_call[] = {
        [LAMP_REWRITE_WORK] = rewrite_work,
        [LAMP_REWRITE_NETWORK] = rewrite_network,
        [LAMP_REWRITE_PARALLEL] = lamp_rewrite_parallel,
        [LAMP_REWRITE_SEQUENTIAL] = lamp_rewrite_sequential,
        [LAMP_REWRITE_BATCH] = lamp_rewrite_batch,
        [LAMP_REWRITE_REMOVE] = lamp_rewrite_remove,
        [LAMP_REWRITE_TIMEOUT] = rewrite_timeout,
        [LAMP_REWRITE_FAILOVER] = rewrite_failover,
        [LAMP_REWRITE_LOAD] = NULL,
    };
    switch (rewrite->kind) {
    case LAMP_REWRITE_CACHE:
        return lamp_rewrite_cache(rewrite, replay, seed);
    case LAMP_REWRITE_DOWN:
    case LAMP_REWRITE_REPLICAS:
    case LAMP_REWRITE_LIMIT:
        return lamp_rewrite_places(rewrite, topology, replay, stations);
    case LAMP_REWRITE_LOAD:
        return rewrite_load(rewrite, replay);
    default:
        return each_call(rewrite, replay, by_call[rewrite->kind],
                         rewrite->kind != LAMP_REWRITE_BATCH);
    }
}
