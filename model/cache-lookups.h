/*
 * Which calls look something up in a cache, and what they found.
 *
 * A lookup is told by outcomes that the protocol records (`nil`, `miss`): calls of one form
 * ("GET product:") from one operation are lookups if misses led to more calls to others than
 * hits did. Where the target records no miss at all, structure tells: a call that asks the
 * cache and then somebody else missed.
 */
#pragma once

#include "model/target.h"

/* Of the lookups of one served call. */
typedef struct {
    guint asked, missed;
} LampLookups;

typedef struct LampCacheLookups LampCacheLookups;

/* Looks through all of @replay. @cache is borrowed. Caller frees. O(calls). */
LampCacheLookups *lamp_cache_lookups_new(const LampTarget *cache, const LampTopology *topology,
                                         const LampReplay *replay);
void lamp_cache_lookups_free(LampCacheLookups *lookups);

/* What call @call of the flow that begins at @calls looked up itself. */
LampLookups lamp_cache_lookups_of(const LampCacheLookups *lookups, const LampReplayCall *calls,
                                  guint32 call);

/* Would call @call not be made without the cache? */
gboolean lamp_cache_lookups_drops(const LampCacheLookups *lookups, const LampReplayCall *calls,
                                  guint32 call);

/* Calls to the target that are no lookups and go with none: they stay as they are. 0 where no
 * outcome is recorded. */
guint64 lamp_cache_lookups_unknown(const LampCacheLookups *lookups);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampCacheLookups, lamp_cache_lookups_free)
