/*
 * Who costs whom: time, calls and bytes that each service causes in each other one.
 *
 * A call's own time is put on the account of its direct caller and, transitively, of every
 * service on the path to the root (each counted once), of the root's operation, and of the
 * client. Two points of view on work that one request causes on behalf of another (asynchronous
 * calls): the *submitter* pays for all that its request caused; the *trigger* view charges
 * asynchronous work to the service that runs it.
 */
#pragma once

#include "model/flow.h"

typedef enum { LAMP_COSTS_SUBMITTER, LAMP_COSTS_TRIGGER } LampCostsView;

typedef struct {
    guint32 payer, provider; /* services */
    guint64 direct_calls, calls;
    gint64 direct_time, time; /* the provider's own time, ns */
    guint64 bytes;
    double confidence; /* sum over the calls: probability that the payer caused it */
} LampCost;

/* Serving time of call @call less the union of the calls it made; 0 of one that waited for
 * work. ns. */
gint64 lamp_own_time(const LampFlow *flow, guint32 call);

typedef struct LampCosts LampCosts;

/* Caller frees. */
LampCosts *lamp_costs_new(const LampTopology *topology, LampCostsView view);
void lamp_costs_free(LampCosts *costs);
void lamp_costs_add(LampCosts *costs, const LampFlow *flow);

/* LampCost, most time first; caller unrefs. */
GArray *lamp_costs_rank(const LampCosts *costs);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampCosts, lamp_costs_free)
