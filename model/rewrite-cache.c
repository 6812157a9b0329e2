/*
 * Another hit rate of a cache, or none at all.
 *
 * Every lookup (model/cache-lookups.h) is drawn to hit or to miss. Where a served call then has
 * more or fewer misses than it had, its whole inside is replaced by that of a donor: a call to
 * the same operation, elsewhere in the batch, with as many. So everything that differs between
 * hits and misses comes along (the database, storing in the cache, the service's own work) and
 * keeps its measured distribution. Among donors with that share of misses, or the nearest,
 * those with as many lookups are taken, and of these one of the nearest in time: misses crowd
 * where caches are cold, and calls are slower there for other reasons, too. Which keys would be
 * hit is not known, so the draw is independent of the key.
 */
#include "model/cache-lookups.h"
#include "model/index-map.h"
#include "model/rewrite.h"

/* So many donors, nearest in time, are drawn from. */
#define NEAREST 16u

/* Donors are told apart by the number of lookups, up to so many, and by the share of misses in
 * so many steps. */
#define MOST_ASKED 8u
#define STEPS 16u
#define GROUPS (MOST_ASKED * (STEPS + 1))

/* A call in the old batch. */
typedef struct {
    LampTime arrived;
    guint32 flow_first, call;
} Donor;

/* Where the donors of one operation are: GArray of Donor, by group; NULL: none. */
typedef struct {
    GArray *groups[GROUPS];
} Donors;

typedef struct {
    const LampRewrite *rewrite;
    const LampCacheLookups *lookups;
    GHashTable *donors; /* label -> Donors */
    GArray *old_calls;
    GArray *calls; /* the new batch */
    guint64 random;
    guint64 hits, misses;
} Rebuild;

static void
free_donors(gpointer pointer)
{
    Donors *donors = pointer;
    for (guint i = 0; i < GROUPS; i++)
        g_clear_pointer(&donors->groups[i], g_array_unref);
    g_free(donors);
}

/* All and nothing are steps of their own. */
static guint
step_of(LampLookups found)
{
    guint step = (guint) (((guint64) found.missed * STEPS + found.asked / 2) / found.asked);
    if (found.missed == 0 || found.missed == found.asked)
        return step;
    return CLAMP(step, 1, STEPS - 1);
}

static guint
group_of(LampLookups found)
{
    return (MIN(found.asked, MOST_ASKED) - 1) * (STEPS + 1) + step_of(found);
}

static void
add_donor(Rebuild *rebuild, guint32 label, LampLookups found, Donor donor)
{
    Donors *donors = g_hash_table_lookup(rebuild->donors, GUINT_TO_POINTER(label));
    if (donors == NULL) {
        donors = g_new0(Donors, 1);
        g_hash_table_insert(rebuild->donors, GUINT_TO_POINTER(label), donors);
    }
    GArray **group = &donors->groups[group_of(found)];
    if (*group == NULL)
        *group = g_array_new(FALSE, FALSE, sizeof(Donor));
    g_array_append_val(*group, donor);
    rebuild->hits += found.asked - found.missed;
    rebuild->misses += found.missed;
}

static void
collect_donors(Rebuild *rebuild, const LampReplay *replay)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            LampLookups found = lamp_cache_lookups_of(rebuild->lookups, calls, i);
            Donor donor = {calls[i].arrived, flow->first, i};
            if (found.asked > 0)
                add_donor(rebuild, calls[i].label, found, donor);
        }
    }
}

static gint
compare_donors(gconstpointer a, gconstpointer b)
{
    const Donor *x = a, *y = b;
    if (x->arrived != y->arrived)
        return x->arrived < y->arrived ? -1 : 1;
    if (x->flow_first != y->flow_first)
        return x->flow_first < y->flow_first ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

static void
sort_donors(Rebuild *rebuild)
{
    GHashTableIter iter;
    gpointer donors;
    g_hash_table_iter_init(&iter, rebuild->donors);
    while (g_hash_table_iter_next(&iter, NULL, &donors))
        for (guint i = 0; i < GROUPS; i++)
            if (((Donors *) donors)->groups[i] != NULL)
                g_array_sort(((Donors *) donors)->groups[i], compare_donors);
}

/* Where the donors begin that arrived at @time or later. */
static guint
find_time(const GArray *donors, LampTime time)
{
    guint low = 0, high = donors->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (g_array_index(donors, Donor, middle).arrived < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double
draw(Rebuild *rebuild)
{
    rebuild->random += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return (double) (lamp_mix64(rebuild->random) >> 11) * 0x1p-53;
}

/* The same lookups with other outcomes, as drawn. */
static LampLookups
draw_outcomes(Rebuild *rebuild, LampLookups found)
{
    double now = (double) rebuild->hits / (double) (rebuild->hits + rebuild->misses);
    double wanted = MAX(rebuild->rewrite->share, 0.0);
    double to_hit = (wanted - now) / MAX(1.0 - now, 1e-9);
    double to_miss = (now - wanted) / MAX(now, 1e-9);
    LampLookups drawn = found;
    for (guint i = 0; i < found.asked; i++) {
        gboolean is_miss = i < found.missed;
        if (draw(rebuild) < (is_miss ? to_hit : to_miss))
            drawn.missed += is_miss ? -1u : 1u;
    }
    return drawn;
}

static guint
distance(guint a, guint b)
{
    return a > b ? a - b : b - a;
}

/* Donors with a share of misses as in @wanted, or the nearest; NULL if none is nearer than what
 * was @found. */
static GArray *
choose_group(const Donors *donors, LampLookups found, LampLookups wanted)
{
    guint step = step_of(wanted), asked = MIN(wanted.asked, MOST_ASKED) - 1;
    guint least = distance(step_of(found), step) * MOST_ASKED;
    GArray *best = NULL;
    for (guint i = 0; i < GROUPS; i++) {
        guint steps = distance(i % (STEPS + 1), step);
        guint far = steps * MOST_ASKED + distance(i / (STEPS + 1), asked);
        if (donors->groups[i] == NULL || far >= least ||
            steps >= distance(step_of(found), step))
            continue;
        least = far;
        best = donors->groups[i];
    }
    return best;
}

/* A donor for call @i of @calls, or NULL if it stays as it is. */
static const Donor *
choose_donor(Rebuild *rebuild, const LampReplayCall *calls, guint32 i)
{
    LampLookups found = lamp_cache_lookups_of(rebuild->lookups, calls, i);
    if (found.asked == 0)
        return NULL;
    LampLookups wanted = draw_outcomes(rebuild, found);
    const Donors *donors =
        g_hash_table_lookup(rebuild->donors, GUINT_TO_POINTER(calls[i].label));
    GArray *others = wanted.missed == found.missed ? NULL : choose_group(donors, found, wanted);
    if (others == NULL)
        return NULL;
    guint near = MIN(NEAREST, others->len), at = find_time(others, calls[i].arrived);
    guint first = MIN(at > near / 2 ? at - near / 2 : 0, others->len - near);
    return &g_array_index(others, Donor, first + (guint) (draw(rebuild) * near));
}

/* Appends the subtree of call @root of @old below @parent of the new flow, which begins at
 * @flow_first. Ends of subtrees are set afterwards. */
static void
append_subtree(Rebuild *rebuild, const LampReplayCall *old, guint32 root, guint32 parent,
               guint32 flow_first)
{
    guint32 base = rebuild->calls->len - flow_first;
    for (guint32 i = root; i < old[root].end_index; i++) {
        LampReplayCall call = old[i];
        call.parent = i == root ? parent : base + (old[i].parent - root);
        g_array_append_val(rebuild->calls, call);
    }
}

/* The call itself keeps its way through the network and its place among its siblings. */
static void
keep_outside(LampReplayCall *to, const LampReplayCall *from)
{
    to->client_instance = from->client_instance;
    to->lag_start = from->lag_start;
    to->lag_connect = from->lag_connect;
    to->lag_join = from->lag_join;
    to->starts_with = from->starts_with;
    to->joins = from->joins;
    to->net_out = from->net_out;
    to->net_back = from->net_back;
    to->ordinal = from->ordinal;
    to->waits = from->waits;
    to->is_awaited = from->is_awaited;
    to->starts_late = from->starts_late;
    to->timeout = from->timeout;
    to->fails_if_cut = from->fails_if_cut;
    to->was_cut = from->was_cut;
}

static void
set_ends(LampReplayCall *calls, guint32 count)
{
    for (guint32 i = 0; i < count; i++)
        calls[i].end_index = i + 1;
    for (guint32 i = count; i-- > 1;)
        calls[calls[i].parent].end_index =
            MAX(calls[calls[i].parent].end_index, calls[i].end_index);
}

/* Rebuilds one flow call by call; where a donor is chosen its subtree is taken instead. */
static void
rebuild_flow(Rebuild *rebuild, LampReplayFlow *flow, GArray *places)
{
    const LampReplayCall *old = &g_array_index(rebuild->old_calls, LampReplayCall, flow->first);
    guint32 first = rebuild->calls->len;
    g_array_set_size(places, flow->count);
    for (guint32 i = 0; i < flow->count;) {
        const Donor *donor = choose_donor(rebuild, old, i);
        guint32 parent = old[i].parent == LAMP_FLOW_NONE
                             ? LAMP_FLOW_NONE
                             : g_array_index(places, guint32, old[i].parent);
        guint32 at = rebuild->calls->len;
        g_array_index(places, guint32, i) = at - first;
        if (donor == NULL) {
            LampReplayCall call = old[i];
            call.parent = parent;
            g_array_append_val(rebuild->calls, call);
            i++;
            continue;
        }
        const LampReplayCall *from =
            &g_array_index(rebuild->old_calls, LampReplayCall, donor->flow_first);
        append_subtree(rebuild, from, donor->call, parent, first);
        LampReplayCall *top = &g_array_index(rebuild->calls, LampReplayCall, at);
        top->server_instance = old[i].server_instance;
        keep_outside(top, &old[i]);
        i = old[i].end_index;
    }
    flow->count = rebuild->calls->len - first;
    flow->first = first;
    set_ends(&g_array_index(rebuild->calls, LampReplayCall, first), flow->count);
}

/* Calls that nobody makes without the cache. */
static guint64
remove_cache_calls(const LampCacheLookups *lookups, LampReplay *replay)
{
    guint64 removed = 0;
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            if (!lamp_cache_lookups_drops(lookups, calls, i))
                continue;
            calls[i].lag_leave = calls[i].net_out = calls[i].net_back = 0;
            calls[i].is_removed = 1;
            removed++;
        }
    }
    return removed;
}

LampTouched
lamp_rewrite_cache(const LampRewrite *rewrite, const LampTopology *topology, LampReplay *replay,
                   guint64 seed)
{
    g_autoptr(LampCacheLookups) lookups =
        lamp_cache_lookups_new(rewrite->target, topology, replay);
    Rebuild rebuild = {
        .rewrite = rewrite, .lookups = lookups, .old_calls = replay->calls, .random = seed};
    rebuild.donors = g_hash_table_new_full(NULL, NULL, NULL, free_donors);
    rebuild.calls = g_array_new(FALSE, TRUE, sizeof(LampReplayCall));
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(guint32));
    collect_donors(&rebuild, replay);
    sort_donors(&rebuild);
    for (guint f = 0; f < replay->flows->len; f++)
        rebuild_flow(&rebuild, lamp_replay_flow(replay, f), places);
    g_hash_table_unref(rebuild.donors);
    g_array_unref(replay->calls);
    replay->calls = rebuild.calls;
    guint64 removed = rewrite->share < 0.0 ? remove_cache_calls(lookups, replay) : 0;
    return (LampTouched){rebuild.hits + rebuild.misses + removed, 0,
                         lamp_cache_lookups_unknown(lookups)};
}
