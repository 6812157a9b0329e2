/*
 * What hosts served, in the order in which it is looked for.
 */
#pragma once

#include "correlate/correlation.h"

/* A request that a host served. */
typedef struct {
    guint32 host;
    gint64 start, end, slack; /* what its stamps leave open */
    guint32 replica;          /* where `host` stands for several: the one that it was */
} LampServed;

/* Sorts an array of LampServed by host, start and end. */
void lamp_served_sort(GArray *served);

/* All calls whose begin and end at their servers are known, sorted. Caller frees. O(n log n).
 */
GArray *lamp_served_of_calls(LampCorrelation *c);

/* The same with @group (by host) in the place of hosts. Caller frees. */
GArray *lamp_served_of_groups(LampCorrelation *c, const guint32 *group);

/* The first of a sorted array that is not before a request of @host from @start to @end;
 * its length if there is none. O(log n). */
guint lamp_served_find(const GArray *served, guint32 host, gint64 start, gint64 end);
