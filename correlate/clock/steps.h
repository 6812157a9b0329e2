/*
 * Which host's clock was set, or changed its rate, and when.
 */
#pragma once

#include "correlate/clock/graph.h"
#include "correlate/clock/pairs.h"

/* Every host has one node for each part of its time in which its clock kept its rate: nodes
 * first_node[host] to first_node[host + 1] - 1, in order of time. */
typedef struct {
    guint32 *first_node; /* one more than hosts */
    GArray *edges;       /* LampClockEdge between nodes, in order */
} LampClockParts;

/* Cuts the pairs (LampClockPair) where no one line relates the two clocks, finds whose clock
 * it was and fits a line to each part. @steadiness: of two hosts to whom alone a change can be
 * due, the one of the lower figure is taken. Clear with lamp_clock_parts_clear(). */
void lamp_clock_parts(const GPtrArray *pairs, guint32 n_hosts, const guint64 *steadiness,
                      LampClockParts *out_parts);
void lamp_clock_parts_clear(LampClockParts *parts);
