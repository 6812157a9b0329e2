/*
 * Clocks of many hosts from the differences of pairs of them.
 */
#pragma once

#include "correlate/clock/line.h"

typedef struct {
    guint32 a, b;       /* nodes; the line is clock b minus clock a */
    gboolean is_over_b; /* over the time of b's clock, else of a's */
    LampClockLine line; /* t in seconds since the epoch given to lamp_clock_graph_solve() */
    guint64 samples;
} LampClockEdge;

typedef struct {
    double offset_ns;      /* minus the component's reference, at the epoch on the reference */
    double drift_ns_per_s; /* likewise */
    double uncertainty_ns; /* the truth lies within it of the offset; infinite if one-way */
    double statistical_ns; /* standard error, were the least delays of both ways equal */
    double drift_error;    /* ns per s: half of the range that the messages allow */
    guint32 reference;     /* root of the component; itself where it has no edges */
    guint64 samples;       /* of its edges */
    gboolean is_two_way;   /* bounded from both sides */
} LampClockNode;

/* Fills @nodes (@n of them). @rank orders candidates for a component's reference: the highest
 * wins, the lowest index among equals. O(edges) for each of at most some hundred sweeps. */
void lamp_clock_graph_solve(const LampClockEdge *edges, gsize n_edges, const guint64 *rank,
                            LampClockNode *nodes, guint32 n);
