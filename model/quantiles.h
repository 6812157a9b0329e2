/*
 * A mergeable sketch of a distribution of durations: the one rule for quantiles of every
 * command.
 *
 * lamp_quantiles_init() (or zeroed memory) makes an empty one, lamp_quantiles_add() counts a
 * value, lamp_quantiles_at() reads a quantile, lamp_quantiles_clear() frees. The quantile q of
 * n values lies at rank q (n - 1), counted from 0, and between two ranks in proportion. Up to
 * LAMP_QUANTILES_EXACT values are kept and quantiles exact; beyond that values fall into
 * buckets of 1/128 of their power of two, so a quantile is off by at most 0.4 %; count, sum,
 * smallest and largest stay exact. Memory is at most 8 KiB for the values, then grows with
 * their spread and not with their number: 1 KiB for each power of two that occurs.
 */
#pragma once

#include <glib.h>

#define LAMP_QUANTILES_EXACT 1024u

typedef struct {
    guint64 count;
    double sum, sum_squares;
    gint64 min, max;
    gint64 *values;   /* `count` of them in any order, until there are buckets; owned */
    guint room;       /* for values */
    guint8 low, high; /* powers of two of the buckets, the last one excluded */
    guint64 *buckets; /* 128 for each power of two; owned; NULL: values */
} LampQuantiles;

void lamp_quantiles_init(LampQuantiles *sketch);

/* Frees what it holds; usable again afterwards. */
void lamp_quantiles_clear(LampQuantiles *sketch);

/* Counts @value (negative ones count as 0) @weight times. O(1) amortised. */
void lamp_quantiles_add(LampQuantiles *sketch, gint64 value, guint64 weight);

/* Adds what @other counted, @weight times. O(values or buckets). */
void lamp_quantiles_merge(LampQuantiles *sketch, const LampQuantiles *other, guint64 weight);

/* Counts what is held in buckets from now on, for those who read these. */
void lamp_quantiles_settle(LampQuantiles *sketch);

/* Value at the share @q (0 to 1) of the values; 0 if empty. Puts the values in order the first
 * time: O(values log values), else O(buckets). */
gint64 lamp_quantiles_at(const LampQuantiles *sketch, double q);

double lamp_quantiles_mean(const LampQuantiles *sketch);

/* Standard deviation; 0 below two values. */
double lamp_quantiles_deviation(const LampQuantiles *sketch);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LampQuantiles, lamp_quantiles_clear)
