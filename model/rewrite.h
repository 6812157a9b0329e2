/*
 * One change applied to compiled flows. The text form and its meaning: model/change.h.
 */
#pragma once

#include "model/distribution.h"
#include "model/simulate.h"
#include "model/target.h"

typedef enum {
    LAMP_REWRITE_WORK,
    LAMP_REWRITE_NETWORK,
    LAMP_REWRITE_PARALLEL,
    LAMP_REWRITE_SEQUENTIAL,
    LAMP_REWRITE_CACHE,
    LAMP_REWRITE_FRONT,
    LAMP_REWRITE_BATCH,
    LAMP_REWRITE_REMOVE,
    LAMP_REWRITE_DOWN,
    LAMP_REWRITE_REPLICAS,
    LAMP_REWRITE_LIMIT,
    LAMP_REWRITE_RETRIES,
    LAMP_REWRITE_TIMEOUT,
    LAMP_REWRITE_FAILOVER,
    LAMP_REWRITE_LOAD,
} LampRewriteKind;

typedef enum {
    LAMP_EFFECT_SCALE,
    LAMP_EFFECT_ADD,
    LAMP_EFFECT_SET,
    LAMP_EFFECT_DRAW
} LampEffect;

typedef struct {
    LampRewriteKind kind;
    LampTarget *target;             /* owned; NULL for load */
    LampTarget *caller;             /* owned; of an edge */
    LampTarget *callees;            /* owned; of parallel */
    LampTarget *like;               /* owned; of a drawing from another target's work */
    LampDistribution *distribution; /* owned; of another drawing */
    LampEffect effect;
    double factor;          /* scale, failover, load */
    gint64 amount;          /* add, set, timeout, failover, a cache in front: ns */
    double share;           /* cache: hits; -1 off */
    guint32 count;          /* limit, replicas, retries, failover */
    const GPtrArray *parts; /* LampRewrite of the whole change, with this one; borrowed */
} LampRewrite;

void lamp_rewrite_free(LampRewrite *rewrite);

/* How far a change reached: calls that it changed (instances, for a limit), and calls that fail
 * because of it. */
typedef struct {
    guint64 calls, failing;
    guint64 unknown; /* it would reach these, too, but the capture does not show how */
} LampTouched;

LampTouched lamp_rewrite_apply(const LampRewrite *rewrite, const LampTopology *topology,
                               LampReplay *replay, LampStations *stations, guint64 seed);

/* The cache rewriting (model/rewrite-cache.c). */
LampTouched lamp_rewrite_cache(const LampRewrite *rewrite, const LampTopology *topology,
                               LampReplay *replay, guint64 seed);

/* A cache before calls that have none (model/rewrite-front.c); 1 if it changed @call. */
guint lamp_rewrite_front(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);

/* Instances down, added, limited (model/rewrite-places.c). */
LampTouched lamp_rewrite_places(const LampRewrite *rewrite, const LampTopology *topology,
                                LampReplay *replay, LampStations *stations);

/* Attempts (model/rewrite-retries.c). */
LampTouched lamp_rewrite_retries(const LampRewrite *rewrite, LampReplay *replay);

/* Order of the calls below @call of a flow, which begins at @calls (model/rewrite-order.c);
 * each returns how many calls it changed. */
guint lamp_rewrite_parallel(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);
guint lamp_rewrite_sequential(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);
guint lamp_rewrite_remove(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);
guint lamp_rewrite_batch(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call);
