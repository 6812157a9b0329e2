/*
 * Clocks of many hosts from the differences of pairs of them.
 */
#pragma once

#include "correlate/clock/line.h"

typedef struct {
    guint32 a, b;       /* nodes; the line is clock b minus clock a, over a's clock */
    LampClockLine line; /* t in seconds since the epoch given to lamp_clock_graph_solve() */
    guint64 samples;
} LampClockEdge;

typedef struct {
    double offset_ns;      /* minus the component's reference, at the epoch on the reference */
    double drift_ns_per_s; /* likewise */
    double uncertainty_ns; /* sum of half widths on the surest way to the reference */
    guint32 reference;     /* root of the component; itself where it has no edges */
    guint64 samples;       /* of its edges */
    gboolean is_two_way;   /* the surest way consists of two-way edges only */
} LampClockNode;

/* Fills @nodes (@n of them). @rank orders candidates for a component's reference: the highest
 * wins, the lowest index among equals. O(edges) for each of at most some hundred sweeps. */
void lamp_clock_graph_solve(const LampClockEdge *edges, gsize n_edges, const guint64 *rank,
                            LampClockNode *nodes, guint32 n);
