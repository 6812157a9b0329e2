/*
 * Quantile sketch with logarithmic buckets.
 *
 * The bucket of a value is its power of two and the next seven bits, as in HdrHistogram (Tene):
 * integer arithmetic only, so the same values give the same bytes on every machine, and two
 * sketches merge by adding. Values below 128 have buckets of their own. Middle of a bucket is
 * reported, clamped to the exact smallest and largest value.
 */
#include "model/quantiles.h"

#include <math.h>
#include <string.h>

#define SUB_BITS 7
#define SUB_COUNT (1u << SUB_BITS)

void
lamp_quantiles_init(LampQuantiles *sketch)
{
    memset(sketch, 0, sizeof *sketch);
}

void
lamp_quantiles_clear(LampQuantiles *sketch)
{
    g_free(sketch->buckets);
    lamp_quantiles_init(sketch);
}

/* Group 0 holds 0 to 127 exactly; group g > 0 the values of g + 7 bits, halved g - 1 times. */
static void
place(gint64 value, guint *out_group, guint *out_sub)
{
    guint64 v = (guint64) value;
    guint bits = v == 0 ? 0 : 64 - (guint) __builtin_clzll(v);
    *out_group = bits > SUB_BITS ? bits - SUB_BITS : 0;
    *out_sub = *out_group == 0 ? (guint) v : (guint) (v >> (*out_group - 1)) & (SUB_COUNT - 1);
}

static gint64
middle(guint group, guint sub)
{
    if (group == 0)
        return sub;
    guint64 width = G_GUINT64_CONSTANT(1) << (group - 1);
    return (gint64) ((sub + SUB_COUNT) * width + width / 2);
}

static void
cover(LampQuantiles *sketch, guint low, guint high)
{
    if (sketch->buckets != NULL && low >= sketch->low && high <= sketch->high)
        return;
    if (sketch->buckets != NULL) {
        low = MIN(low, sketch->low);
        high = MAX(high, sketch->high);
    }
    guint64 *wider = g_new0(guint64, (gsize) (high - low) * SUB_COUNT);
    if (sketch->buckets != NULL)
        memcpy(wider + (gsize) (sketch->low - low) * SUB_COUNT, sketch->buckets,
               (gsize) (sketch->high - sketch->low) * SUB_COUNT * sizeof *wider);
    g_free(sketch->buckets);
    sketch->buckets = wider;
    sketch->low = (guint8) low;
    sketch->high = (guint8) high;
}

static void
count_totals(LampQuantiles *sketch, guint64 count, gint64 min, gint64 max)
{
    sketch->min = sketch->count == 0 ? min : MIN(sketch->min, min);
    sketch->max = sketch->count == 0 ? max : MAX(sketch->max, max);
    sketch->count += count;
}

void
lamp_quantiles_add(LampQuantiles *sketch, gint64 value, guint64 weight)
{
    guint group, sub;
    if (weight == 0)
        return;
    value = MAX(value, 0);
    place(value, &group, &sub);
    cover(sketch, group, group + 1);
    sketch->buckets[(gsize) (group - sketch->low) * SUB_COUNT + sub] += weight;
    count_totals(sketch, weight, value, value);
    sketch->sum += (double) value * (double) weight;
    sketch->sum_squares += (double) value * (double) value * (double) weight;
}

void
lamp_quantiles_merge(LampQuantiles *sketch, const LampQuantiles *other, guint64 weight)
{
    if (other->count == 0 || weight == 0)
        return;
    cover(sketch, other->low, other->high);
    guint64 *to = sketch->buckets + (gsize) (other->low - sketch->low) * SUB_COUNT;
    gsize n = (gsize) (other->high - other->low) * SUB_COUNT;
    for (gsize i = 0; i < n; i++)
        to[i] += other->buckets[i] * weight;
    count_totals(sketch, other->count * weight, other->min, other->max);
    sketch->sum += other->sum * (double) weight;
    sketch->sum_squares += other->sum_squares * (double) weight;
}

gint64
lamp_quantiles_at(const LampQuantiles *sketch, double q)
{
    if (sketch->count == 0)
        return 0;
    guint64 rank = (guint64) ceil(q * (double) sketch->count);
    if (rank <= 1)
        return sketch->min;
    if (rank >= sketch->count)
        return sketch->max;
    guint64 seen = 0;
    gsize i = 0;
    for (;; i++) {
        seen += sketch->buckets[i];
        if (seen >= rank)
            break;
    }
    gint64 value = middle((guint) (i / SUB_COUNT) + sketch->low, (guint) (i % SUB_COUNT));
    return CLAMP(value, sketch->min, sketch->max);
}

double
lamp_quantiles_mean(const LampQuantiles *sketch)
{
    return sketch->count == 0 ? 0.0 : sketch->sum / (double) sketch->count;
}

double
lamp_quantiles_deviation(const LampQuantiles *sketch)
{
    if (sketch->count < 2)
        return 0.0;
    double mean = lamp_quantiles_mean(sketch);
    double variance = sketch->sum_squares / (double) sketch->count - mean * mean;
    return variance > 0.0 ? sqrt(variance) : 0.0;
}
