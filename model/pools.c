/*
 * Learning how many connections callers keep.
 *
 * A caller with a pool of k connections to a callee has at most k calls there at once; a call
 * that finds all in use begins the moment one comes back. That a limit was reached shows in
 * just that: where all k (the most ever seen) were in use, a connection that comes back is
 * taken at once by a call of another request, much oftener than where one or two fewer were in
 * use. The log-likelihood ratio of the two rates is the evidence. How long such a call had
 * waited is estimated in model/pool-waits.c.
 *
 * From BEGIN to COMMIT or ROLLBACK a transaction keeps its connection.
 *
 * Where more connections than that stood open at the same time, there is no such limit
 * (model/pool-connections.c).
 *
 * Not found: pools that were never exhausted, and protocols that carry many calls on one
 * connection (their calls do not wait for each other's end).
 */
#include "model/pools.h"

#include "model/index-map.h"
#include "model/ticks.h"

#include <math.h>
#include <string.h>

#define LEAST_CONNECTIONS 2u
#define LEAST_AWAITED 5u
#define LEAST_EVIDENCE 6.0
/* A connection that comes back is taken within so long. */
#define AT_ONCE (500 * LAMP_NS_PER_US)
/* A pool is learnt from so many calls of a pair of instances. */
#define MOST_HOLDS 20000u
#define MOST_TRANSACTION 200u

typedef enum { PLAIN, BEGINS, ENDS } Role;

typedef struct {
    LampTime start, end;
    guint32 owner; /* number of the call that makes it, over the batch */
} Hold;

typedef struct {
    guint32 client, server;
    GArray *holds; /* Hold */
} Edge;

static Role
role_of(const char *operation)
{
    static const char *const begins[] = {"BEGIN", "START TRANSACTION"};
    static const char *const ends[] = {"COMMIT", "ROLLBACK"};
    for (gsize i = 0; i < G_N_ELEMENTS(begins); i++)
        if (g_ascii_strncasecmp(operation, begins[i], strlen(begins[i])) == 0)
            return BEGINS;
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        if (g_ascii_strncasecmp(operation, ends[i], strlen(ends[i])) == 0)
            return ENDS;
    return PLAIN;
}

/* Role of each label; caller frees. */
static guint8 *
find_roles(const LampTopology *topology)
{
    guint n = lamp_topology_label_count(topology);
    guint8 *roles = g_new0(guint8, n + 1);
    for (guint32 i = 0; i < n; i++)
        roles[i] = (guint8) role_of(lamp_topology_label(topology, i)->operation);
    return roles;
}

static gboolean
is_same_edge(const LampReplayCall *a, const LampReplayCall *b)
{
    return a->client_instance == b->client_instance && a->server_instance == b->server_instance;
}

/* The sibling that ends the transaction that @call begins; LAMP_FLOW_NONE if none does. */
static guint32
find_commit(const LampReplayCall *calls, guint32 call, const guint8 *roles)
{
    guint32 end = calls[calls[call].parent].end_index;
    guint n = 0;
    for (guint32 i = calls[call].end_index; i < end && n < MOST_TRANSACTION;
         i = calls[i].end_index, n++)
        if (is_same_edge(&calls[i], &calls[call]) && roles[calls[i].label] != PLAIN)
            return roles[calls[i].label] == ENDS ? i : LAMP_FLOW_NONE;
    return LAMP_FLOW_NONE;
}

/* Calls of one transaction use the connection of the first and keep it until the last. */
static void
bind_transaction(LampReplayCall *calls, guint32 first, guint32 last)
{
    for (guint32 i = first; i <= last; i = calls[i].end_index) {
        if (!is_same_edge(&calls[i], &calls[first]))
            continue;
        calls[i].connection_of = (guint8) (calls[i].ordinal - calls[first].ordinal);
        calls[i].keeps_connection = i != last;
    }
}

static void
bind_transactions(LampReplay *replay, const guint8 *roles)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 1; i < flow->count; i++) {
            if (roles[calls[i].label] != BEGINS)
                continue;
            guint32 last = find_commit(calls, i, roles);
            if (last != LAMP_FLOW_NONE)
                bind_transaction(calls, i, last);
        }
    }
}

static LampTime
start_of(const LampReplayCall *call)
{
    return call->arrived - call->net_out;
}

static LampTime
end_of(const LampReplayCall *call)
{
    return call->arrived + call->held + call->net_back;
}

LampTime
lamp_pools_hold_end(const LampReplayCall *calls, guint32 call)
{
    guint32 last = call;
    if (calls[call].keeps_connection)
        for (guint32 i = calls[call].end_index; calls[last].keeps_connection;
             i = calls[i].end_index)
            if (is_same_edge(&calls[i], &calls[call]))
                last = i;
    return MAX(end_of(&calls[last]), start_of(&calls[call]));
}

static void
clear_edge(gpointer pointer)
{
    g_array_unref(((Edge *) pointer)->holds);
}

static guint64
edge_key(const LampReplayCall *call)
{
    return (guint64) call->client_instance << 32 | call->server_instance;
}

/* Pairs of instances with up to @most times that a connection was in use. */
static GArray *
collect_edges(const LampReplay *replay, guint most)
{
    GArray *edges = g_array_new(FALSE, TRUE, sizeof(Edge));
    LampIndexMap index;
    g_array_set_clear_func(edges, clear_edge);
    lamp_index_map_init(&index);
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 1; i < flow->count; i++) {
            if (calls[i].client_instance == 0 || calls[i].server_instance == 0 ||
                calls[i].is_idle || /* a worker's own connection */
                calls[i].connection_of > 0 || calls[i].is_open)
                continue;
            gboolean is_new;
            guint32 at = lamp_index_map_add(&index, edge_key(&calls[i]), edges->len, &is_new);
            if (is_new) {
                Edge edge = {calls[i].client_instance, calls[i].server_instance,
                             g_array_new(FALSE, FALSE, sizeof(Hold))};
                g_array_append_val(edges, edge);
            }
            Hold hold = {start_of(&calls[i]), lamp_pools_hold_end(calls, i),
                         flow->first + calls[i].parent};
            GArray *holds = g_array_index(edges, Edge, at).holds;
            if (holds->len < most)
                g_array_append_val(holds, hold);
        }
    }
    lamp_index_map_clear(&index);
    return edges;
}

static GArray *
lay_out_ticks(const Edge *edge, guint *out_peak)
{
    GArray *ticks = lamp_ticks_new(edge->holds->len);
    for (guint32 i = 0; i < edge->holds->len; i++) {
        const Hold *hold = &g_array_index(edge->holds, Hold, i);
        /* a call without duration would end before it starts */
        lamp_ticks_add(ticks, i, hold->start, MAX(hold->end, hold->start + 1));
    }
    *out_peak = lamp_ticks_sort(ticks);
    return ticks;
}

/* Does a call of another request start at once after tick @at? */
static gboolean
is_taken_at_once(const Edge *edge, const GArray *ticks, guint at)
{
    const LampTick *end = lamp_tick(ticks, at);
    for (guint i = at + 1; i < ticks->len; i++) {
        const LampTick *tick = lamp_tick(ticks, i);
        if (tick->time - end->time > AT_ONCE)
            return FALSE;
        if (tick->is_start)
            return g_array_index(edge->holds, Hold, tick->index).owner !=
                   g_array_index(edge->holds, Hold, end->index).owner;
    }
    return FALSE;
}

/* k of n successes at their own rate rather than at @rate. */
static double
weigh(guint32 k, guint32 n, double rate)
{
    double own = (double) k / n;
    double rest = own < 1.0 ? (n - k) * log((1.0 - own) / (1.0 - rate)) : 0.0;
    return own <= rate ? 0.0 : k * log(own / rate) + rest;
}

static gboolean
find_limit(const Edge *edge, LampPoolLimit *out_limit)
{
    guint peak, busy = 0;
    guint32 returned[2] = {0, 0}, awaited[2] = {0, 0}; /* below the peak, at it */
    g_autoptr(GArray) ticks = lay_out_ticks(edge, &peak);
    for (guint i = 0; peak >= LEAST_CONNECTIONS && i < ticks->len; i++) {
        if (lamp_tick(ticks, i)->is_start) {
            busy++;
            continue;
        }
        if (busy + 2 >= peak) {
            guint full = busy == peak ? 1 : 0;
            returned[full]++;
            awaited[full] += is_taken_at_once(edge, ticks, i) ? 1 : 0;
        }
        busy--;
    }
    if (awaited[1] < LEAST_AWAITED || returned[0] == 0)
        return FALSE;
    double rate = (awaited[0] + 0.5) / (returned[0] + 1.0);
    *out_limit = (LampPoolLimit){.client = edge->client,
                                 .server = edge->server,
                                 .connections = peak,
                                 .full = returned[1],
                                 .awaited = awaited[1],
                                 .evidence = weigh(awaited[1], returned[1], rate)};
    return out_limit->evidence > LEAST_EVIDENCE;
}

/* Pools by the pair of instances, but for those of which this batch shows more connections. */
static void
index_pools(const LampReplay *replay, const GArray *limits, LampIndexMap *index)
{
    LampIndexMap all;
    gboolean is_new;
    lamp_index_map_init(&all);
    for (guint i = 1; i < limits->len; i++) {
        const LampPoolLimit *limit = &g_array_index(limits, LampPoolLimit, i);
        lamp_index_map_add(&all, (guint64) limit->client << 32 | limit->server, i, &is_new);
    }
    g_autoptr(GArray) edges = collect_edges(replay, G_MAXUINT);
    for (guint i = 0; i < edges->len; i++) {
        const Edge *edge = &g_array_index(edges, Edge, i);
        guint64 key = (guint64) edge->client << 32 | edge->server;
        guint32 pool = lamp_index_map_find(&all, key);
        guint peak;
        if (pool == G_MAXUINT32)
            continue;
        g_array_unref(lay_out_ticks(edge, &peak));
        if (peak <= g_array_index(limits, LampPoolLimit, pool).connections)
            lamp_index_map_add(index, key, pool, &is_new);
    }
    lamp_index_map_clear(&all);
}

static void
mark(LampReplay *replay, const GArray *limits)
{
    LampIndexMap index;
    if (limits->len <= 1)
        return;
    lamp_index_map_init(&index);
    index_pools(replay, limits, &index);
    for (guint i = 0; i < replay->calls->len; i++) {
        LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        guint32 pool = call->parent == LAMP_FLOW_NONE || call->is_idle
                           ? LAMP_FLOW_NONE
                           : lamp_index_map_find(&index, edge_key(call));
        call->pool = pool == LAMP_FLOW_NONE ? 0 : (guint16) pool;
    }
    lamp_index_map_clear(&index);
}

guint32
lamp_pools_find(const LampStations *stations, guint32 client, guint32 server)
{
    for (guint32 i = 1; i < stations->pool_count; i++)
        if (stations->pools[i].client == client && stations->pools[i].server == server)
            return i;
    return 0;
}

guint32
lamp_pools_add(LampStations *stations, guint32 client, guint32 server, guint32 connections)
{
    guint32 known = lamp_pools_find(stations, client, server);
    guint32 at = MAX(stations->pool_count, 1);
    if (known != 0 || at >= G_MAXUINT16)
        return known;
    stations->pools = g_renew(LampPool, stations->pools, at + 1);
    stations->pools[at] = (LampPool){client, server, connections};
    stations->pool_count = at + 1;
    return at;
}

void
lamp_pools_mark(LampReplay *replay, const LampTopology *topology, const GArray *limits)
{
    g_autofree guint8 *roles = find_roles(topology);
    bind_transactions(replay, roles);
    mark(replay, limits);
}

void
lamp_pools_learn(LampReplay *replay, const LampTopology *topology, LampStations *stations,
                 GArray **out_limits)
{
    GArray *limits = g_array_new(FALSE, TRUE, sizeof(LampPoolLimit));
    g_autofree guint8 *roles = find_roles(topology);
    g_array_set_size(limits, 1);
    bind_transactions(replay, roles);
    g_autoptr(GArray) edges = collect_edges(replay, MOST_HOLDS);
    for (guint i = 0; i < edges->len && limits->len < G_MAXUINT16; i++) {
        LampPoolLimit limit;
        if (find_limit(&g_array_index(edges, Edge, i), &limit) &&
            lamp_pools_open_at_once(topology, limit.client, limit.server) <= limit.connections)
            g_array_append_val(limits, limit);
    }
    mark(replay, limits);
    stations->pool_count = limits->len;
    stations->pools = g_new0(LampPool, limits->len);
    for (guint i = 1; i < limits->len; i++) {
        const LampPoolLimit *limit = &g_array_index(limits, LampPoolLimit, i);
        stations->pools[i] = (LampPool){limit->client, limit->server, limit->connections};
    }
    *out_limits = limits;
}
