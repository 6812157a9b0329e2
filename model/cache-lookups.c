/*
 * Finding the lookups among the calls to a cache.
 *
 * In: compiled flows. Out: for each served call, how many lookups it made and how many missed.
 * A key's text is its operation up to the first ':' ("GET product", "get item"): what stands
 * after it differs from call to call or is a parameter already. The first word is the verb, the
 * rest the noun; without the cache, lookups are not made, and neither are other calls with the
 * noun of one (SETEX product, DEL product). What the target is asked for besides (sessions,
 * carts, queues) is no business of a cache and stays.
 *
 * Limits: where no miss of a form, from this operation, led to further calls (to others than
 * the target), what is asked is taken for a store; what is computed on a miss is not seen.
 */
#include "model/cache-lookups.h"

#include "base/keyed-map.h"
#include "model/index-map.h"

#include <string.h>

/* What an operation did beside the lookups of one form: [0] after hits, [1] after misses. */
typedef struct {
    guint64 calls[2], others[2];
} Seen;

struct LampCacheLookups {
    const LampTarget *cache;
    gboolean is_recorded;      /* some call to the cache says that it missed */
    guint64 *forms, *nouns;    /* hashes, by label; owned */
    guint8 *misses_somewhere;  /* by label: its form did */
    guint8 *is_noun_of_lookup; /* by label */
    LampIndexMap pairs;        /* (operation, form) -> index in `seen` */
    GArray *seen;              /* Seen */
    guint64 unknown;
};

static gboolean
is_to_cache(const LampCacheLookups *lookups, const LampReplayCall *call)
{
    return lamp_target_matches(lookups->cache, call->label, call->server_instance);
}

static guint64
pair_of(const LampCacheLookups *lookups, const LampReplayCall *calls, guint32 call)
{
    guint32 parent = calls[call].parent;
    guint64 asker = parent == LAMP_FLOW_NONE ? G_MAXUINT32 : calls[parent].label;
    return lamp_mix64(lookups->forms[calls[call].label] + lamp_mix64(asker + 1));
}

static void
hash_texts(LampCacheLookups *lookups, const LampTopology *topology)
{
    guint labels = lamp_topology_label_count(topology);
    lookups->forms = g_new0(guint64, labels + 1);
    lookups->nouns = g_new0(guint64, labels + 1);
    lookups->misses_somewhere = g_new0(guint8, labels + 1);
    lookups->is_noun_of_lookup = g_new0(guint8, labels + 1);
    for (guint i = 0; i < labels; i++) {
        const char *text = lamp_topology_label(topology, i)->operation;
        gsize size = strcspn(text, ":"), verb = MIN(strcspn(text, " "), size);
        lookups->forms[i] = lamp_content_hash(lamp_bytes(text, size));
        lookups->nouns[i] = lamp_content_hash(lamp_bytes(text + verb, size - verb));
    }
}

/* Calls that call @call makes itself, but for those to the cache. */
static guint64
count_others(const LampCacheLookups *lookups, const LampReplayCall *calls, guint32 call)
{
    guint64 others = 0;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        others += is_to_cache(lookups, &calls[i]) ? 0 : 1;
    return others;
}

/* Counts the lookups of one served call: each with all that the call did. */
static void
see_call(LampCacheLookups *lookups, const LampReplayCall *calls, guint32 call)
{
    guint64 others = 0;
    gboolean is_counted = FALSE;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        if (!is_to_cache(lookups, &calls[i]))
            continue;
        if (!is_counted)
            others = count_others(lookups, calls, call);
        is_counted = TRUE;
        gboolean is_new;
        guint32 at = lamp_index_map_add(&lookups->pairs, pair_of(lookups, calls, i),
                                        lookups->seen->len, &is_new);
        if (is_new)
            g_array_set_size(lookups->seen, at + 1);
        Seen *seen = &g_array_index(lookups->seen, Seen, at);
        guint way = calls[i].is_miss ? 1 : 0;
        seen->calls[way]++;
        seen->others[way] += others;
        lookups->is_recorded = lookups->is_recorded || calls[i].is_miss;
    }
}

/* Do misses lead to further calls, by half a call and more on average? */
static gboolean
may_miss(const LampCacheLookups *lookups, const LampReplayCall *calls, guint32 call)
{
    guint32 at = lamp_index_map_find(&lookups->pairs, pair_of(lookups, calls, call));
    if (at == G_MAXUINT32)
        return FALSE;
    const Seen *seen = &g_array_index(lookups->seen, Seen, at);
    double after_hit = (double) seen->others[0] / (double) MAX(seen->calls[0], 1);
    double after_miss = (double) seen->others[1] / (double) MAX(seen->calls[1], 1);
    return seen->calls[1] > 0 && after_miss >= after_hit + 0.5;
}

static void
mark_labels(LampCacheLookups *lookups, const LampReplay *replay, const LampTopology *topology)
{
    LampIndexMap forms, nouns;
    lamp_index_map_init(&forms);
    lamp_index_map_init(&nouns);
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            if (!calls[i].is_miss || !is_to_cache(lookups, &calls[i]) ||
                !may_miss(lookups, calls, i))
                continue;
            lamp_index_map_add(&forms, lookups->forms[calls[i].label], 0, NULL);
            lamp_index_map_add(&nouns, lookups->nouns[calls[i].label], 0, NULL);
        }
    }
    for (guint i = 0; i < lamp_topology_label_count(topology); i++) {
        lookups->misses_somewhere[i] =
            lamp_index_map_find(&forms, lookups->forms[i]) != G_MAXUINT32;
        lookups->is_noun_of_lookup[i] =
            lamp_index_map_find(&nouns, lookups->nouns[i]) != G_MAXUINT32;
    }
    lamp_index_map_clear(&forms);
    lamp_index_map_clear(&nouns);
}

/* Lookups whose misses are not known to cost anything. */
static void
count_unknown(LampCacheLookups *lookups, const LampReplay *replay)
{
    for (guint f = 0; lookups->is_recorded && f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++)
            if (is_to_cache(lookups, &calls[i]) &&
                !lookups->is_noun_of_lookup[calls[i].label] && !may_miss(lookups, calls, i))
                lookups->unknown++;
    }
}

LampCacheLookups *
lamp_cache_lookups_new(const LampTarget *cache, const LampTopology *topology,
                       const LampReplay *replay)
{
    LampCacheLookups *lookups = g_new0(LampCacheLookups, 1);
    lookups->cache = cache;
    lookups->seen = g_array_new(FALSE, TRUE, sizeof(Seen));
    lamp_index_map_init(&lookups->pairs);
    hash_texts(lookups, topology);
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        for (guint32 i = 0; i < flow->count; i++)
            see_call(lookups, lamp_replay_calls(replay, flow), i);
    }
    mark_labels(lookups, replay, topology);
    count_unknown(lookups, replay);
    return lookups;
}

void
lamp_cache_lookups_free(LampCacheLookups *lookups)
{
    if (lookups == NULL)
        return;
    g_free(lookups->forms);
    g_free(lookups->nouns);
    g_free(lookups->misses_somewhere);
    g_free(lookups->is_noun_of_lookup);
    lamp_index_map_clear(&lookups->pairs);
    g_array_unref(lookups->seen);
    g_free(lookups);
}

/* A call that asks the cache and then somebody else. */
static LampLookups
tell_by_structure(const LampCacheLookups *lookups, const LampReplayCall *calls, guint32 call)
{
    LampLookups found = {0, 0};
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        if (is_to_cache(lookups, &calls[i]))
            found.asked = 1;
        else if (found.asked > 0)
            found.missed = 1;
    }
    return found;
}

LampLookups
lamp_cache_lookups_of(const LampCacheLookups *lookups, const LampReplayCall *calls,
                      guint32 call)
{
    LampLookups found = {0, 0};
    if (!lookups->is_recorded)
        return tell_by_structure(lookups, calls, call);
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        if (!is_to_cache(lookups, &calls[i]) || !may_miss(lookups, calls, i))
            continue;
        found.asked++;
        found.missed += calls[i].is_miss;
    }
    return found;
}

gboolean
lamp_cache_lookups_drops(const LampCacheLookups *lookups, const LampReplayCall *calls,
                         guint32 call)
{
    const LampReplayCall *c = &calls[call];
    if (!is_to_cache(lookups, c))
        return FALSE;
    if (!lookups->is_recorded)
        return TRUE;
    return lookups->misses_somewhere[c->label] ? may_miss(lookups, calls, call)
                                               : lookups->is_noun_of_lookup[c->label] != 0;
}

guint64
lamp_cache_lookups_unknown(const LampCacheLookups *lookups)
{
    return lookups->unknown;
}
