/*
 * Who calls whom, counted by groups of hosts that are replicas.
 */
#pragma once

#include "correlate/correlation.h"

/* Fields are caller-counts.c's own. */
typedef struct {
    LampCorrelation *c;
    const guint32 *group; /* by host; borrowed */
    GHashTable *calls;    /* callee's group << 32 | caller's: how many calls name that caller */
    GHashTable *asked;    /* callee's group << 32 | host of an address that asks it */
    guint *named;         /* by group: calls to it that name their caller */
} LampCallerCounts;

/* Counts all calls. O(n). */
void lamp_caller_counts_begin(LampCallerCounts *counts, LampCorrelation *c,
                              const guint32 *group);
void lamp_caller_counts_end(LampCallerCounts *counts);

/* Gives the call to the caller @host. O(1). */
void lamp_caller_counts_move(const LampCallerCounts *counts, LampCall *call, guint32 host);

/* Do most calls to the group @callee that name a caller come from the group @caller? O(1). */
gboolean lamp_caller_counts_is_most(const LampCallerCounts *counts, guint32 callee,
                                    guint32 caller);

/* Does the address that the record of @call names ask the group @caller, too? Then it is not of
 * that group: a browser fetches pages and pictures side by side. O(1). */
gboolean lamp_caller_counts_asks_too(const LampCallerCounts *counts, guint32 caller,
                                     const LampCall *call);
