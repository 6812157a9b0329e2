/*
 * Rewriting compiled flows.
 *
 * In: one change and a batch. All changes work on lags and on what an event waits for, never on
 * times, so their effect on everything later comes out of the simulation.
 */
#include "model/rewrite.h"

#include "model/index-map.h"

#include <math.h>

void
lamp_rewrite_free(LampRewrite *rewrite)
{
    if (rewrite == NULL)
        return;
    lamp_target_free(rewrite->target);
    lamp_target_free(rewrite->caller);
    lamp_target_free(rewrite->callees);
    lamp_target_free(rewrite->like);
    lamp_distribution_free(rewrite->distribution);
    g_free(rewrite);
}

/* Returns how many calls it changed. */
typedef guint (*RewriteCall)(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);

static gboolean
is_meant(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return !call->is_hit &&
           lamp_target_matches(rewrite->target, call->label, call->server_instance);
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

/* A draw for one call, whatever the order of the calls. */
static gint64
draw(const LampRewrite *rewrite, const LampReplayCall *calls, guint32 call)
{
    guint64 random = lamp_mix64(calls[call].number);
    return lamp_distribution_draw(rewrite->distribution, lamp_mix64(random));
}

static void
scale_work(LampReplayCall *calls, guint32 call, double factor)
{
    if (calls[call].is_idle)
        return;
    calls[call].lag_leave = scale(calls[call].lag_leave, factor);
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        calls[i].lag_start = scale(calls[i].lag_start, factor);
        calls[i].lag_join = scale(calls[i].lag_join, factor);
    }
}

static void
set_work(LampReplayCall *calls, guint32 call, gint64 wanted)
{
    gint64 own = own_work(calls, call);
    if (own > 0)
        scale_work(calls, call, (double) wanted / (double) own);
    else
        calls[call].lag_leave = wanted;
}

static void
set_network(LampReplayCall *call, gint64 round_trip)
{
    call->net_out = round_trip / 2;
    call->net_back = round_trip - round_trip / 2;
}

static guint
rewrite_work(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    if (calls[call].is_idle)
        return 0;
    switch (rewrite->effect) {
    case LAMP_EFFECT_SCALE:
        scale_work(calls, call, rewrite->factor);
        break;
    case LAMP_EFFECT_ADD:
        calls[call].lag_leave = MAX(calls[call].lag_leave + rewrite->amount, 0);
        break;
    case LAMP_EFFECT_SET:
        set_work(calls, call, rewrite->amount);
        break;
    case LAMP_EFFECT_DRAW:
        set_work(calls, call, draw(rewrite, calls, call));
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
        set_network(c, rewrite->amount);
        break;
    case LAMP_EFFECT_DRAW:
        set_network(c, draw(rewrite, calls, call));
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

/* The same change with the work of the calls to `like` as its distribution. */
static LampTouched
rewrite_like(const LampRewrite *rewrite, LampReplay *replay)
{
    LampRewrite drawing = *rewrite;
    drawing.distribution = lamp_distribution_new();
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++)
            if (lamp_target_matches(rewrite->like, calls[i].label, calls[i].server_instance))
                lamp_distribution_add(drawing.distribution, own_work(calls, i));
    }
    LampTouched touched = each_call(&drawing, replay, rewrite_work, TRUE);
    lamp_distribution_free(drawing.distribution);
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
        [LAMP_REWRITE_FRONT] = lamp_rewrite_front,
        [LAMP_REWRITE_LOAD] = NULL,
    };
    if (rewrite->like != NULL)
        return rewrite_like(rewrite, replay);
    switch (rewrite->kind) {
    case LAMP_REWRITE_RETRIES:
        return lamp_rewrite_retries(rewrite, replay);
    case LAMP_REWRITE_CACHE:
        return lamp_rewrite_cache(rewrite, topology, replay, seed);
    case LAMP_REWRITE_DOWN:
    case LAMP_REWRITE_REPLICAS:
    case LAMP_REWRITE_LIMIT:
        return lamp_rewrite_places(rewrite, topology, replay, stations);
    case LAMP_REWRITE_LOAD:
        return rewrite_load(rewrite, replay);
    case LAMP_REWRITE_FAILOVER:
        if (rewrite->count > 0)
            lamp_rewrite_places(rewrite, topology, replay, stations);
        return each_call(rewrite, replay, rewrite_failover, TRUE);
    default:
        return each_call(rewrite, replay, by_call[rewrite->kind],
                         rewrite->kind != LAMP_REWRITE_BATCH);
    }
}
