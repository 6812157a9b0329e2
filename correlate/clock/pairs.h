/*
 * Bounds of the differences of clocks, for each two hosts whose captures saw the same calls.
 */
#pragma once

#include "correlate/clock/hull.h"
#include "correlate/correlation.h"

#define LAMP_CLOCK_SLOTS 512

/* The tightest bounds in one slice of time; y infinite: none. */
typedef struct {
    LampClockPoint upper, lower;
} LampClockSlot;

/* Clock @b minus clock @a, in slices of the time of @a (0) and of @b (1). */
typedef struct {
    guint32 a, b; /* hosts, a < b */
    guint64 samples;
    LampClockSlot slots[2][LAMP_CLOCK_SLOTS];
} LampClockPair;

/* All pairs (LampClockPair, owned by the array). Times are relative to @c's epoch. Caller
 * frees. O(calls). */
GPtrArray *lamp_clock_pairs(LampCorrelation *c);

/* Appends the bounds over the time of @axis (0: a, 1: b) and sorts them. */
void lamp_clock_pair_points(const LampClockPair *pair, guint axis, GArray *upper,
                            GArray *lower);
