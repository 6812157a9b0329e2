/*
 * How long calls waited for a connection in the capture.
 *
 * In: a batch whose calls are marked with their pools. A call that takes a connection at the
 * moment it comes back, while all were in use, has waited; when it began to is no message. Its
 * caller's work before it is drawn from the same caller's work before the same call where no
 * connection was waited for, and what remains is the wait: not before all were in use, and in
 * the order in which connections were given, as a queue is first come first served. Work and
 * wait then are two things: a faster callee shortens the wait, a slower caller does not make
 * it longer.
 *
 * What is split must give the observed times back. Where a run does not, the requests stay as
 * they were.
 */
#include "model/pools.h"

#include "model/index-map.h"
#include "model/ticks.h"

#include <string.h>

/* A connection that comes back is taken within so long by who waits for it. */
#define AT_ONCE (500 * LAMP_NS_PER_US)
/* The work before a call is drawn from at least so many that did not wait. */
#define LEAST_FREE 10u
#define MOST_ROUNDS 8u

/* A connection in use. */
typedef struct {
    LampTime start, end;
    guint32 call; /* in the batch */
    guint32 owner;
    LampTime granted; /* when it came back, for a call that waited; else its start */
    gboolean has_waited;
} Use;

typedef struct {
    LampReplay *replay;
    GHashTable *free_lags; /* parent's label, label -> GArray of gint64, sorted */
} Split;

static LampReplayCall *
call_at(const LampReplay *replay, guint32 call)
{
    return &g_array_index(replay->calls, LampReplayCall, call);
}

static GArray *
lay_out_ticks(const GArray *uses)
{
    GArray *ticks = lamp_ticks_new(uses->len);
    for (guint32 i = 0; i < uses->len; i++) {
        const Use *use = &g_array_index(uses, Use, i);
        lamp_ticks_add(ticks, i, use->granted, MAX(use->end, use->granted + 1));
    }
    lamp_ticks_sort(ticks);
    return ticks;
}

/* The uses of each pool, by its number. */
static GArray **
collect_uses(const LampReplay *replay, guint pools)
{
    GArray **uses = g_new0(GArray *, pools);
    for (guint p = 1; p < pools; p++)
        uses[p] = g_array_new(FALSE, FALSE, sizeof(Use));
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 1; i < flow->count; i++) {
            if (calls[i].pool == 0 || calls[i].pool >= pools || calls[i].connection_of > 0)
                continue;
            LampTime start = calls[i].arrived - calls[i].net_out;
            Use use = {start,           lamp_pools_hold_end(calls, i),
                       flow->first + i, flow->first + calls[i].parent,
                       start,           FALSE};
            g_array_append_val(uses[calls[i].pool], use);
        }
    }
    return uses;
}

/* The use that takes the connection which comes back with tick @at: the next to start, if at
 * once and of another request; NULL if nobody waited. *next is the first tick that may be its
 * start, for later ends as well: it only ever goes on. */
static Use *
find_taker(GArray *uses, const GArray *ticks, guint at, guint *next)
{
    const LampTick *end = lamp_tick(ticks, at);
    for (*next = MAX(*next, at + 1); *next < ticks->len; (*next)++) {
        const LampTick *start = lamp_tick(ticks, *next);
        Use *use = &g_array_index(uses, Use, start->index);
        if (!start->is_start || use->has_waited)
            continue;
        gboolean is_other = use->owner != g_array_index(uses, Use, end->index).owner;
        return is_other && start->time - end->time <= AT_ONCE ? use : NULL;
    }
    return NULL;
}

/* Finds the uses that began when a connection came back while all @connections were in use; who
 * waited has it from then on. */
static void
find_waiters(GArray *uses, guint32 connections)
{
    g_autoptr(GArray) ticks = lay_out_ticks(uses);
    guint busy = 0, next = 0;
    for (guint i = 0; i < ticks->len; i++) {
        const LampTick *tick = lamp_tick(ticks, i);
        if (tick->is_start) {
            busy += g_array_index(uses, Use, tick->index).has_waited ? 0 : 1;
            continue;
        }
        Use *taker = busy-- >= connections ? find_taker(uses, ticks, i, &next) : NULL;
        if (taker == NULL)
            continue;
        taker->has_waited = TRUE;
        taker->granted = tick->time;
        busy++;
    }
}

static gpointer
pair_key(const LampReplay *replay, const Use *use)
{
    guint64 parent = call_at(replay, use->owner)->label,
            own = call_at(replay, use->call)->label;
    return GSIZE_TO_POINTER((gsize) (parent << 32 | own));
}

static gint
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

static void
collect_free_lags(Split *split, GArray **uses, guint pools)
{
    GHashTableIter iter;
    gpointer lags;
    for (guint p = 1; p < pools; p++)
        for (guint i = 0; i < uses[p]->len; i++) {
            const Use *use = &g_array_index(uses[p], Use, i);
            gpointer key = pair_key(split->replay, use);
            if (use->has_waited)
                continue;
            lags = g_hash_table_lookup(split->free_lags, key);
            if (lags == NULL) {
                lags = g_array_new(FALSE, FALSE, sizeof(gint64));
                g_hash_table_insert(split->free_lags, key, lags);
            }
            g_array_append_val((GArray *) lags, call_at(split->replay, use->call)->lag_start);
        }
    g_hash_table_iter_init(&iter, split->free_lags);
    while (g_hash_table_iter_next(&iter, NULL, &lags))
        g_array_sort(lags, compare_ns);
}

/* How many of the sorted @lags are at most @most. */
static guint
count_up_to(const GArray *lags, gint64 most)
{
    guint low = 0, high = lags->len;
    while (low < high) {
        guint mid = low + (high - low) / 2;
        if (g_array_index(lags, gint64, mid) <= most)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The work before @use, if it was like that before others; at most what was seen. */
static gint64
draw_work(const Split *split, const Use *use)
{
    const LampReplayCall *call = call_at(split->replay, use->call);
    const GArray *lags = g_hash_table_lookup(split->free_lags, pair_key(split->replay, use));
    gint64 most = call->lag_start - (use->start - use->granted);
    if (lags == NULL || lags->len < LEAST_FREE)
        return most;
    guint below = count_up_to(lags, most);
    if (below == 0)
        return most;
    guint64 random = lamp_mix64(call->number + G_GUINT64_CONSTANT(0x2545f4914f6cdd1d));
    return g_array_index(lags, gint64, random % below);
}

/* Splits the waits of one pool off, in the order in which connections were given. */
static void
split_pool(const Split *split, GArray *uses, guint32 connections)
{
    g_autoptr(GArray) ticks = lay_out_ticks(uses);
    LampTime full_since = 0, last_wish = 0, last_end = 0;
    guint busy = 0;
    for (guint i = 0; i < ticks->len; i++) {
        const LampTick *tick = lamp_tick(ticks, i);
        const Use *use = &g_array_index(uses, Use, tick->index);
        if (!tick->is_start) {
            last_end = tick->time;
            busy--;
            continue;
        }
        if (++busy >= connections && last_end != tick->time)
            full_since = tick->time;
        if (!use->has_waited)
            continue;
        LampReplayCall *call = call_at(split->replay, use->call);
        LampTime release = use->start - call->lag_start;
        LampTime wish = MAX(release + draw_work(split, use), full_since + 1);
        wish = MIN(MAX(wish, last_wish), use->granted);
        last_wish = wish;
        if (wish < release)
            continue;
        call->lag_connect = use->start - use->granted;
        call->lag_start = wish - release;
        call->connect_wait = use->start - wish;
    }
}

static gboolean
undo_split(LampReplayCall *call)
{
    if (call->connect_wait == 0)
        return FALSE;
    call->lag_start += call->connect_wait;
    call->connect_wait = call->lag_connect = 0;
    return TRUE;
}

static gboolean
undo_flow(LampReplay *replay, guint f)
{
    const LampReplayFlow *flow = lamp_replay_flow(replay, f);
    LampReplayCall *calls = lamp_replay_calls(replay, flow);
    gboolean has_undone = FALSE;
    for (guint32 i = 0; i < flow->count; i++)
        has_undone |= undo_split(&calls[i]);
    return has_undone;
}

static LampTime
end_of(const LampReplayFlow *flow)
{
    return flow->start + flow->duration;
}

/* Requests in order of their starts, and when the latest of those up to here ends. */
typedef struct {
    LampTime start, latest;
} Beside;

static void
add_beside(GArray *beside, const LampReplayFlow *flow)
{
    LampTime latest = end_of(flow);
    if (beside->len > 0)
        latest = MAX(latest, g_array_index(beside, Beside, beside->len - 1).latest);
    Beside one = {flow->start, latest};
    g_array_append_val(beside, one);
}

/* Does one of @beside go on while @flow does? O(log n). */
static gboolean
is_beside(const GArray *beside, const LampReplayFlow *flow)
{
    guint low = 0, high = beside->len;
    while (low < high) {
        guint mid = low + (high - low) / 2;
        if (g_array_index(beside, Beside, mid).start <= end_of(flow))
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && g_array_index(beside, Beside, low - 1).latest >= flow->start;
}

/* Undoes the split in requests that a run does not repeat; where one of these has none, it is
 * another's that stands in its way: in all that go on while it does. @all: in all requests.
 * Returns how many are not repeated. */
static guint
undo_wrong(LampReplay *replay, const LampStations *stations, gboolean all)
{
    guint32 none[1] = {0};
    LampStations only_pools = {none, 1, stations->pools, stations->pool_count};
    g_autofree LampOutcome *out = g_new(LampOutcome, replay->flows->len + 1);
    g_autoptr(GArray) beside = g_array_new(FALSE, FALSE, sizeof(Beside));
    guint wrong = 0;
    lamp_simulate(replay, &only_pools, out, NULL);
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        if (out[f].duration == flow->duration)
            continue;
        wrong++;
        gboolean is_undone = !is_beside(beside, flow) && undo_flow(replay, f);
        if (!is_undone)
            add_beside(beside, flow);
    }
    for (guint f = 0; f < replay->flows->len; f++)
        if ((all && wrong > 0) || is_beside(beside, lamp_replay_flow(replay, f)))
            undo_flow(replay, f);
    return wrong;
}

void
lamp_pools_split(LampReplay *replay, const LampStations *stations)
{
    if (stations->pool_count <= 1)
        return;
    Split split = {replay,
                   g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify) g_array_unref)};
    GArray **uses = collect_uses(replay, stations->pool_count);
    for (guint p = 1; p < stations->pool_count; p++)
        find_waiters(uses[p], stations->pools[p].connections);
    collect_free_lags(&split, uses, stations->pool_count);
    for (guint p = 1; p < stations->pool_count; p++) {
        split_pool(&split, uses[p], stations->pools[p].connections);
        g_array_unref(uses[p]);
    }
    g_free(uses);
    g_hash_table_unref(split.free_lags);
    for (guint round = 1; undo_wrong(replay, stations, round == MOST_ROUNDS) > 0; round++)
        if (round == MOST_ROUNDS)
            break;
}
