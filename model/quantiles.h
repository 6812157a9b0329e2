/*
 * A mergeable sketch of a distribution of durations.
 *
 * lamp_quantiles_init() (or zeroed memory) makes an empty one, lamp_quantiles_add() counts a
 * value, lamp_quantiles_at() reads a quantile, lamp_quantiles_clear() frees. Values fall into
 * buckets of 1/128 of their power of two, so a quantile is off by at most 0.4 %; count, sum,
 * smallest and largest are exact. Memory grows with the spread of the values, not with their
 * number: 1 KiB for each power of two that occurs.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 count;
    double sum, sum_squares;
    gint64 min, max;
    guint64 *buckets; /* from power of two `low` to below `high`, 128 for each; owned */
    guint8 low, high;
} LampQuantiles;

void lamp_quantiles_init(LampQuantiles *sketch);

/* Frees the buckets; usable again afterwards. */
void lamp_quantiles_clear(LampQuantiles *sketch);

/* Counts @value (negative ones count as 0) @weight times. O(1) amortised. */
void lamp_quantiles_add(LampQuantiles *sketch, gint64 value, guint64 weight);

/* Adds what @other counted, @weight times. O(buckets). */
void lamp_quantiles_merge(LampQuantiles *sketch, const LampQuantiles *other, guint64 weight);

/* Value below which the share @q (0 to 1) of the values lies; 0 if empty. O(buckets). */
gint64 lamp_quantiles_at(const LampQuantiles *sketch, double q);

double lamp_quantiles_mean(const LampQuantiles *sketch);

/* Standard deviation; 0 below two values. */
double lamp_quantiles_deviation(const LampQuantiles *sketch);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LampQuantiles, lamp_quantiles_clear)
