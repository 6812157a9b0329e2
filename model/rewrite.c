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

typedef void (*RewriteCall)(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);

static gboolean
is_meant(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->target, call->label, call->server_instance);
}

static gint64
scale(gint64 ns, double factor)
{
    return (gint64) llround((double) ns * factor);
}

/* All lags that are the call's own work: before its response and before the calls it makes. */
static gint64
own_work(const LampReplayCall *calls, guint32 call)
{
    gint64 sum = calls[call].lag_leave;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        sum += calls[i].starts_late ? 0 : calls[i].lag_start;
    return sum;
}

static void
scale_work(LampReplayCall *calls, guint32 call, double factor)
{
    calls[call].lag_leave = scale(calls[call].lag_leave, factor);
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        calls[i].lag_start = scale(calls[i].lag_start, factor);
}

static void
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
}

static void
rewrite_network(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    LampReplayCall *c = &calls[call];
    if (rewrite->caller != NULL &&
        !lamp_target_matches_instance(rewrite->caller, c->client_instance))
        return;
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
}

static void
rewrite_failover(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    calls[call].net_out += rewrite->amount / 2;
    calls[call].net_back += rewrite->amount - rewrite->amount / 2;
    scale_work(calls, call, rewrite->factor);
}

static void
rewrite_timeout(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    if (lamp_target_matches_instance(rewrite->caller, calls[call].client_instance))
        calls[call].timeout = rewrite->amount;
}

/* Neither the call nor what it causes takes time; what waited for it waits for nothing. */
static void
rewrite_remove(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    (void) rewrite;
    if (call == 0)
        return;
    for (guint32 i = call; i < calls[call].end_index; i++) {
        calls[i].lag_leave = calls[i].net_out = calls[i].net_back = 0;
        calls[i].lag_start = i == call ? calls[i].lag_start : 0;
        calls[i].timeout = 0;
        calls[i].is_removed = 1;
    }
}

/* Sibling that stands @distance ordinals before @call, or LAMP_FLOW_NONE. */
static guint32
find_sibling(const LampReplayCall *calls, guint32 call, guint distance)
{
    guint32 parent = calls[call].parent;
    if (calls[call].ordinal < distance)
        return LAMP_FLOW_NONE;
    guint wanted = calls[call].ordinal - distance;
    for (guint32 i = parent + 1; i < call; i = calls[i].end_index)
        if (calls[i].ordinal == wanted)
            return i;
    return LAMP_FLOW_NONE;
}

static gboolean
is_callee(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->callees, call->label, call->server_instance);
}

/*
 * A call that waited for another of the group waits for what that one waited for, and starts
 * with it; the work between the two is not lost, it comes after the join.
 */
static void
join_group(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    LampReplayCall *c = &calls[call];
    guint32 nearest = LAMP_FLOW_NONE;
    guint32 kept = 0, inherited = 0;
    for (guint k = 1; k <= LAMP_REPLAY_WAITS; k++) {
        guint32 other =
            (c->waits >> (k - 1) & 1) != 0 ? find_sibling(calls, call, k) : LAMP_FLOW_NONE;
        if (other == LAMP_FLOW_NONE)
            continue;
        if (!is_callee(rewrite, &calls[other])) {
            kept |= 1u << (k - 1);
            continue;
        }
        nearest = nearest == LAMP_FLOW_NONE ? other : nearest;
        inherited |= (guint32) calls[other].waits << k;
    }
    if (nearest == LAMP_FLOW_NONE)
        return;
    calls[c->parent].lag_leave += c->lag_start;
    c->lag_start = calls[nearest].lag_start;
    c->waits = (guint16) (kept | inherited);
}

static void
rewrite_parallel(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        if (is_callee(rewrite, &calls[i]))
            join_group(rewrite, calls, i);
}

/* Calls that one event released were prepared together: the later one, made to wait for the
 * earlier, does not do the work before the fork again. */
static void
rewrite_sequential(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    (void) rewrite;
    gint64 lag_before = 0;
    guint16 waits_before = 0;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        gint64 lag = calls[i].lag_start;
        guint16 waits = calls[i].waits;
        if (calls[i].ordinal > 0 && (waits & 1) == 0 && !calls[i].starts_late) {
            gboolean same_release = waits == (guint16) (waits_before << 1);
            calls[i].waits = (guint16) (waits | 1u);
            calls[i].lag_start = same_release ? MAX(lag - lag_before, 0) : lag;
        }
        lag_before = lag;
        waits_before = waits;
    }
}

/* Of repeated equal calls the first stays, the others take no time. */
static void
rewrite_batch(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        if (!is_meant(rewrite, &calls[i]) || calls[i].is_removed)
            continue;
        for (guint32 k = calls[i].end_index; k < calls[call].end_index; k = calls[k].end_index)
            if (calls[k].label == calls[i].label && is_meant(rewrite, &calls[k])) {
                rewrite_remove(rewrite, calls, k);
                calls[k].lag_start = 0;
            }
    }
}

static void
each_call(const LampRewrite *rewrite, LampReplay *replay, RewriteCall apply,
          gboolean only_meant)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++)
            if (!only_meant || is_meant(rewrite, &calls[i]))
                apply(rewrite, calls, i);
    }
}

/* Calls to the instances that are meant go to the others of their service in turn. */
static void
rewrite_down(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay)
{
    g_autofree guint32 *next = g_new0(guint32, lamp_topology_instance_count(topology));
    guint n = lamp_topology_instance_count(topology);
    for (guint i = 0; i < replay->calls->len; i++) {
        LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        guint32 old = call->server_instance;
        if (!is_meant(rewrite, call))
            continue;
        for (guint step = 1; step <= n; step++) {
            guint32 other = (next[old] + step) % n;
            if (other != 0 && !lamp_target_matches(rewrite->target, call->label, other) &&
                lamp_topology_instance(topology, other)->service ==
                    lamp_topology_instance(topology, old)->service) {
                call->server_instance = next[old] = other;
                break;
            }
        }
    }
}

/* Spreads calls evenly: new instances are numbered after the known ones and inherit the limit
 * of the first known one. */
static void
rewrite_replicas(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay,
                 LampStations *stations)
{
    guint32 base = stations->instances, limit = 0, turn = 0;
    for (guint32 i = 0; i < lamp_topology_instance_count(topology) && limit == 0; i++)
        if (lamp_target_matches_instance(rewrite->target, i))
            limit = stations->limits[i];
    stations->limits = g_renew(guint32, stations->limits, base + rewrite->count);
    stations->instances = base + rewrite->count;
    for (guint32 i = base; i < stations->instances; i++)
        stations->limits[i] = limit;
    for (guint i = 0; i < replay->calls->len; i++) {
        LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        if (is_meant(rewrite, call))
            call->server_instance = base + turn++ % rewrite->count;
    }
}

static void
rewrite_limit(const LampRewrite *rewrite, const LampTopology *topology, LampStations *stations)
{
    for (guint32 i = 0; i < lamp_topology_instance_count(topology); i++)
        if (lamp_target_matches_instance(rewrite->target, i))
            stations->limits[i] = rewrite->count;
}

static void
rewrite_load(const LampRewrite *rewrite, LampReplay *replay)
{
    LampTime begin = replay->flows->len > 0 ? lamp_replay_flow(replay, 0)->start : 0;
    for (guint f = 0; f < replay->flows->len; f++) {
        LampReplayFlow *flow = lamp_replay_flow(replay, f);
        flow->start = begin + scale(flow->start - begin, 1.0 / rewrite->factor);
    }
}

void
lamp_rewrite_apply(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay,
                   LampStations *stations, guint64 seed)
{
    static const RewriteCall by_call[] = {
        [LAMP_REWRITE_WORK] = rewrite_work,
        [LAMP_REWRITE_NETWORK] = rewrite_network,
        [LAMP_REWRITE_PARALLEL] = rewrite_parallel,
        [LAMP_REWRITE_SEQUENTIAL] = rewrite_sequential,
        [LAMP_REWRITE_BATCH] = rewrite_batch,
        [LAMP_REWRITE_REMOVE] = rewrite_remove,
        [LAMP_REWRITE_TIMEOUT] = rewrite_timeout,
        [LAMP_REWRITE_FAILOVER] = rewrite_failover,
        [LAMP_REWRITE_LOAD] = NULL,
    };
    switch (rewrite->kind) {
    case LAMP_REWRITE_CACHE:
        lamp_rewrite_cache(rewrite, replay, seed);
        break;
    case LAMP_REWRITE_DOWN:
        rewrite_down(rewrite, topology, replay);
        break;
    case LAMP_REWRITE_REPLICAS:
        rewrite_replicas(rewrite, topology, replay, stations);
        break;
    case LAMP_REWRITE_LIMIT:
        rewrite_limit(rewrite, topology, stations);
        break;
    case LAMP_REWRITE_LOAD:
        rewrite_load(rewrite, replay);
        break;
    default:
        each_call(rewrite, replay, by_call[rewrite->kind], rewrite->kind != LAMP_REWRITE_BATCH);
    }
}
