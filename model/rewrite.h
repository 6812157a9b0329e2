/*
 * One change applied to compiled flows. The text form and its meaning: model/change.h.
 */
#pragma once

#include "model/simulate.h"
#include "model/target.h"

typedef enum {
    LAMP_REWRITE_WORK,
    LAMP_REWRITE_NETWORK,
    LAMP_REWRITE_PARALLEL,
    LAMP_REWRITE_SEQUENTIAL,
    LAMP_REWRITE_CACHE,
    LAMP_REWRITE_BATCH,
    LAMP_REWRITE_REMOVE,
    LAMP_REWRITE_DOWN,
    LAMP_REWRITE_REPLICAS,
    LAMP_REWRITE_LIMIT,
    LAMP_REWRITE_TIMEOUT,
    LAMP_REWRITE_FAILOVER,
    LAMP_REWRITE_LOAD,
} LampRewriteKind;

typedef enum { LAMP_EFFECT_SCALE, LAMP_EFFECT_ADD, LAMP_EFFECT_SET } LampEffect;

typedef struct {
    LampRewriteKind kind;
    LampTarget *target;  /* owned; NULL for load */
    LampTarget *caller;  /* owned; of an edge */
    LampTarget *callees; /* owned; of parallel */
    LampEffect effect;
    double factor; /* scale, failover, load */
    gint64 amount; /* add, set, timeout, failover: ns */
    double share;  /* cache: hits; -1 off */
    guint32 count; /* limit, replicas */
} LampRewrite;

void lamp_rewrite_free(LampRewrite *rewrite);

void lamp_rewrite_apply(const LampRewrite *rewrite, const LampTopology *topology,
                        LampReplay *replay, LampStations *stations, guint64 seed);

/* The cache rewriting (model/rewrite-cache.c). */
void lamp_rewrite_cache(const LampRewrite *rewrite, LampReplay *replay, guint64 seed);
