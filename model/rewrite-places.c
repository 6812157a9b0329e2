/*
 * Rewriting where calls are served: instances that are gone, added, or limited.
 *
 * An instance that is down refuses at once. Where siblings are left they serve its calls in
 * turn; where none is left the call fails: it takes the way there and back and nothing below it
 * happens. What the caller then does instead cannot be seen in a capture in which the callee
 * was up, so the caller is taken to go on as if answered, and the request counts as failed if
 * its response waited for the call.
 */
#include "model/pools.h"
#include "model/rewrite.h"

static gboolean
is_meant(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->target, call->label, call->server_instance);
}

/* Does the change take this instance away, in whichever part? */
static gboolean
is_down(const LampRewrite *rewrite, guint32 label, guint32 instance)
{
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const LampRewrite *part = rewrite->parts->pdata[i];
        if (part->kind == LAMP_REWRITE_DOWN &&
            lamp_target_matches(part->target, label, instance))
            return TRUE;
    }
    return FALSE;
}

/* Next instance of the service of @call that is up, after @last; 0 if there is none. */
static guint32
find_sibling(const LampRewrite *rewrite, const LampTopology *topology,
             const LampReplayCall *call, guint32 last)
{
    guint n = lamp_topology_instance_count(topology);
    if (call->server_instance >= n)
        return call->server_instance; /* an added replica */
    guint32 service = lamp_topology_instance(topology, call->server_instance)->service;
    for (guint step = 1; step <= n; step++) {
        guint32 other = (last + step) % n;
        if (other != 0 && !is_down(rewrite, call->label, other) &&
            lamp_topology_instance(topology, other)->service == service)
            return other;
    }
    return 0;
}

static void
fail_call(LampReplayCall *calls, guint32 call)
{
    calls[call].lag_leave = 0;
    calls[call].fails = 1;
    for (guint32 i = call + 1; i < calls[call].end_index; i++) {
        calls[i].lag_leave = calls[i].net_out = calls[i].net_back = calls[i].lag_start = 0;
        calls[i].lag_join = calls[i].timeout = 0;
        calls[i].is_removed = 1;
    }
}

/* The call is served by @to, which makes the calls below, over connections of its own. */
static void
move_call(LampStations *stations, LampReplayCall *calls, guint32 call, guint32 to)
{
    calls[call].server_instance = to;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        calls[i].client_instance = to;
        if (calls[i].pool != 0)
            calls[i].pool =
                (guint16) lamp_pools_add(stations, to, calls[i].server_instance,
                                         stations->pools[calls[i].pool].connections);
    }
}

/* Calls to the instances that are meant go to the others of their service in turn. */
static LampTouched
rewrite_down(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay,
             LampStations *stations)
{
    guint n = lamp_topology_instance_count(topology);
    g_autofree guint32 *next = g_new0(guint32, n);
    LampTouched touched = {0, 0};
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            guint32 old = calls[i].server_instance;
            if (!is_meant(rewrite, &calls[i]) || calls[i].is_removed)
                continue;
            guint32 other = find_sibling(rewrite, topology, &calls[i], next[old]);
            touched.calls++;
            touched.failing += other == 0 ? 1 : 0;
            if (other == 0)
                fail_call(calls, i);
            else
                move_call(stations, calls, i, next[old] = other);
            if (other != 0 && calls[i].pool != 0)
                calls[i].pool =
                    (guint16) lamp_pools_find(stations, calls[i].client_instance, other);
        }
    }
    return touched;
}

/* Spreads calls evenly: new instances are numbered after the known ones and inherit the limit
 * of the first known one. */
static LampTouched
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
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            if (!is_meant(rewrite, &calls[i]))
                continue;
            move_call(stations, calls, i, base + turn++ % rewrite->count);
            if (calls[i].pool != 0)
                calls[i].pool = (guint16) lamp_pools_add(
                    stations, calls[i].client_instance, calls[i].server_instance,
                    stations->pools[calls[i].pool].connections);
        }
    }
    return (LampTouched){turn, 0};
}

/* Are there instances that both mean? */
static gboolean
overlap(const LampRewrite *a, const LampRewrite *b, const LampTopology *topology)
{
    for (guint32 i = 1; i < lamp_topology_instance_count(topology); i++)
        if (lamp_target_matches_instance(a->target, i) &&
            lamp_target_matches_instance(b->target, i))
            return TRUE;
    return FALSE;
}

/* Replicas that parts of the change before this one added have the limit, too. They stand
 * behind the known instances in the order of the parts. */
static void
limit_replicas(const LampRewrite *rewrite, const LampTopology *topology, LampStations *stations)
{
    guint32 base = lamp_topology_instance_count(topology);
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const LampRewrite *part = rewrite->parts->pdata[i];
        if (part == rewrite)
            return;
        if (part->kind != LAMP_REWRITE_REPLICAS)
            continue;
        gboolean has_limit = overlap(rewrite, part, topology);
        for (guint32 k = 0; has_limit && k < part->count && base + k < stations->instances; k++)
            stations->limits[base + k] = rewrite->count;
        base += part->count;
    }
}

static LampTouched
rewrite_limit(const LampRewrite *rewrite, const LampTopology *topology, LampStations *stations)
{
    LampTouched touched = {0, 0};
    limit_replicas(rewrite, topology, stations);
    for (guint32 i = 0; i < lamp_topology_instance_count(topology); i++)
        if (lamp_target_matches_instance(rewrite->target, i)) {
            stations->limits[i] = rewrite->count;
            touched.calls++;
        }
    return touched;
}

/* Callers have so many connections and no more, each instance to each. */
static LampTouched
rewrite_pools(const LampRewrite *rewrite, LampReplay *replay, LampStations *stations)
{
    LampTouched touched = {0, 0};
    for (guint i = 0; i < replay->calls->len; i++) {
        LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        if (call->parent == LAMP_FLOW_NONE || call->client_instance == 0 ||
            !is_meant(rewrite, call) ||
            !lamp_target_matches_instance(rewrite->caller, call->client_instance))
            continue;
        call->pool = (guint16) lamp_pools_add(stations, call->client_instance,
                                              call->server_instance, rewrite->count);
        stations->pools[call->pool].connections = rewrite->count;
        touched.calls++;
    }
    return touched;
}

LampTouched
lamp_rewrite_places(const LampRewrite *rewrite, const LampTopology *topology,
                    LampReplay *replay, LampStations *stations)
{
    switch (rewrite->kind) {
    case LAMP_REWRITE_DOWN:
        return rewrite_down(rewrite, topology, replay, stations);
    case LAMP_REWRITE_REPLICAS:
        return rewrite_replicas(rewrite, topology, replay, stations);
    case LAMP_REWRITE_LIMIT:
        if (rewrite->caller != NULL)
            return rewrite_pools(rewrite, replay, stations);
        return rewrite_limit(rewrite, topology, stations);
    default:
        return rewrite_limit(rewrite, topology, stations);
    }
}
