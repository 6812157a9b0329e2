/*
 * The pairs that can depend on each other: a party that serves on a host, and a party that the
 * same host calls. Private to correlate/dependencies/.
 */
#pragma once

#include "correlate/dependencies/parties.h"
#include "correlate/dependencies/point-fit.h"

typedef struct {
    guint32 caller, callee, host, flow;
} LampUse;

typedef struct {
    const LampBiflows *biflows;
    const LampParties *parties;
    GArray *served; /* LampUse with callee = caller: flows served, by (caller, host, flow) */
    GArray *used;   /* LampUse by (caller, callee, host, flow) */
} LampPairs;

LampPairs *lamp_pairs_new(const LampBiflows *biflows, const LampParties *parties);
void lamp_pairs_free(LampPairs *pairs);

/* One host's part of a pair. */
typedef struct {
    GArray *cause_flows, *effect_flows; /* guint32 */
    GArray *causes, *others, *effects;  /* gint64: first times */
    LampPanel panel;
} LampPairHost;

/* The part in used[begin, end), which must be of one caller, callee and host. Caller frees. */
LampPairHost *lamp_pair_host_new(const LampPairs *pairs, guint begin, guint end);
void lamp_pair_host_free(LampPairHost *host);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampPairs, lamp_pairs_free)
