/*
 * Times at which the relation of two clocks changed.
 */
#pragma once

#include "correlate/clock/hull.h"

/* The clocks changed after @before and not after @after; points from @from on are of the new
 * part. On the clock of the points. */
typedef struct {
    double before, after, from;
} LampClockCut;

/* The fewest cuts (LampClockCut, in order) of sorted @upper and @lower after which one line
 * lies between the points of each part, single mispaired messages apart. Caller frees the
 * array; empty where one line does, or where more than some dozens of parts would be needed. */
GArray *lamp_clock_cuts(const GArray *upper, const GArray *lower);
