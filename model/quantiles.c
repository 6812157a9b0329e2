/*
 * Quantile sketch: the values themselves while they are few, then logarithmic buckets.
 *
 * The bucket of a value is its power of two and the next seven bits, as in HdrHistogram (Tene):
 * integer arithmetic only, so the same values give the same bytes on every machine, and two
 * sketches merge by adding. Values below 128 have buckets of their own. The middle of a bucket
 * stands for its values, clamped to the exact smallest and largest. Quantiles lie between ranks
 * by their distance (type 7 of Hyndman and Fan, 1996) in both forms, so a table does not jump
 * where one form passes into the other.
 */
#include "model/quantiles.h"

#include <math.h>
#include <stdlib.h>
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
    g_free(sketch->values);
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

static void
count_bucket(LampQuantiles *sketch, gint64 value, guint64 weight)
{
    guint group, sub;
    place(value, &group, &sub);
    cover(sketch, group, group + 1);
    sketch->buckets[(gsize) (group - sketch->low) * SUB_COUNT + sub] += weight;
}

void
lamp_quantiles_settle(LampQuantiles *sketch)
{
    if (sketch->buckets != NULL)
        return;
    for (guint64 i = 0; i < sketch->count; i++)
        count_bucket(sketch, sketch->values[i], 1);
    g_clear_pointer(&sketch->values, g_free);
    sketch->room = 0;
}

/* Makes room for @more values; FALSE where buckets count them. */
static gboolean
keep_values(LampQuantiles *sketch, guint64 more)
{
    if (sketch->buckets != NULL)
        return FALSE;
    if (more > LAMP_QUANTILES_EXACT || sketch->count + more > LAMP_QUANTILES_EXACT) {
        lamp_quantiles_settle(sketch);
        return FALSE;
    }
    guint wanted = (guint) (sketch->count + more);
    if (wanted > sketch->room) {
        sketch->room = MIN(MAX(wanted, sketch->room * 2), LAMP_QUANTILES_EXACT);
        sketch->values = g_renew(gint64, sketch->values, sketch->room);
    }
    return TRUE;
}

void
lamp_quantiles_add(LampQuantiles *sketch, gint64 value, guint64 weight)
{
    if (weight == 0)
        return;
    value = MAX(value, 0);
    if (keep_values(sketch, weight))
        for (guint64 i = 0; i < weight; i++)
            sketch->values[sketch->count + i] = value;
    else
        count_bucket(sketch, value, weight);
    count_totals(sketch, weight, value, value);
    sketch->sum += (double) value * (double) weight;
    sketch->sum_squares += (double) value * (double) value * (double) weight;
}

static void
merge_buckets(LampQuantiles *sketch, const LampQuantiles *other, guint64 weight)
{
    lamp_quantiles_settle(sketch);
    cover(sketch, other->low, other->high);
    guint64 *to = sketch->buckets + (gsize) (other->low - sketch->low) * SUB_COUNT;
    gsize n = (gsize) (other->high - other->low) * SUB_COUNT;
    for (gsize i = 0; i < n; i++)
        to[i] += other->buckets[i] * weight;
    count_totals(sketch, other->count * weight, other->min, other->max);
    sketch->sum += other->sum * (double) weight;
    sketch->sum_squares += other->sum_squares * (double) weight;
}

void
lamp_quantiles_merge(LampQuantiles *sketch, const LampQuantiles *other, guint64 weight)
{
    if (other->count == 0 || weight == 0)
        return;
    if (other->buckets != NULL) {
        merge_buckets(sketch, other, weight);
        return;
    }
    for (guint64 i = 0; i < other->count; i++)
        lamp_quantiles_add(sketch, other->values[i], weight);
}

static gint
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

static void
sort_values(gint64 *values, guint64 n)
{
    guint64 i = 1;
    while (i < n && values[i - 1] <= values[i])
        i++;
    if (i < n)
        qsort(values, n, sizeof *values, compare_ns);
}

/* Middle of the bucket that holds rank @rank, and how many ranks lie in or before it. */
static gint64
find_rank(const LampQuantiles *sketch, guint64 rank, guint64 *out_until)
{
    guint64 seen = 0;
    gsize i = 0;
    for (;; i++) {
        seen += sketch->buckets[i];
        if (seen > rank)
            break;
    }
    gint64 value = middle((guint) (i / SUB_COUNT) + sketch->low, (guint) (i % SUB_COUNT));
    *out_until = seen;
    return CLAMP(value, sketch->min, sketch->max);
}

static gint64
value_at(const LampQuantiles *sketch, guint64 rank, guint64 *out_until)
{
    *out_until = rank + 1;
    if (rank == 0)
        return sketch->min;
    if (rank + 1 >= sketch->count)
        return sketch->max;
    return sketch->buckets == NULL ? sketch->values[rank] : find_rank(sketch, rank, out_until);
}

gint64
lamp_quantiles_at(const LampQuantiles *sketch, double q)
{
    if (sketch->count == 0)
        return 0;
    if (sketch->buckets == NULL)
        sort_values(sketch->values, sketch->count);
    double rank = CLAMP(q, 0.0, 1.0) * (double) (sketch->count - 1);
    guint64 before = MIN((guint64) rank, sketch->count - 1), until;
    double part = rank - (double) before;
    gint64 low = value_at(sketch, before, &until);
    if (part <= 0.0 || before + 1 < until)
        return low;
    gint64 high = value_at(sketch, before + 1, &until);
    return low + (gint64) (part * (double) (high - low) + 0.5);
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
