/*
 * Densities of gaps, smoothed in their logarithm.
 *
 * The kernel is a box applied three times (nearly a Gaussian; its variance is that of three
 * boxes), so smoothing is linear in the bins. Five hundredths of the mass are spread over all
 * bins.
 */
#include "correlate/ownership/gaps.h"

#include <math.h>
#include <string.h>

#define BINS LAMP_OWNED_GAP_BINS
#define BINS_PER_OCTAVE 16.0
#define LEAST_NS 1000.0
#define BROAD 0.05
#define LEAST_WIDTH 2.0 /* of the kernel: standard deviation in bins */
#define MOST_WIDTH 16.0
#define BOXES 3u

guint16
lamp_owned_gap_bin(gint64 gap)
{
    double octaves = log2(MAX((double) gap, LEAST_NS) / LEAST_NS);
    return (guint16) MIN(octaves * BINS_PER_OCTAVE, BINS - 1.0);
}

void
lamp_owned_gaps_add(LampOwnedGaps *gaps, guint16 bin, double weight)
{
    gaps->count[bin] += (float) weight;
}

/* The bin below which @share of the weight lies. */
static guint
quantile(const LampOwnedGaps *gaps, double share)
{
    double sum = 0;
    for (guint i = 0; i < BINS; i++) {
        sum += (double) gaps->count[i];
        if (sum >= share * gaps->total)
            return i;
    }
    return BINS - 1;
}

/* Half a width of the box, in bins. */
static guint
choose_half_box(const LampOwnedGaps *gaps)
{
    double spread = (quantile(gaps, 0.75) - quantile(gaps, 0.25)) / 1.34;
    double width = 0.9 * spread * pow(MAX(gaps->total, 1), -0.2);
    width = CLAMP(width, LEAST_WIDTH, MOST_WIDTH);
    return (guint) lround((sqrt(4 * width * width + 1) - 1) / 2);
}

/* Mean over each bin and @half on both sides; what would leave the ends stays at them. */
static void
blur(float *bins, guint half)
{
    float from[BINS];
    memcpy(from, bins, sizeof from);
    double sum = 0, length = 2.0 * half + 1;
    for (gint i = -(gint) half; i <= (gint) half; i++)
        sum += (double) from[CLAMP(i, 0, (gint) BINS - 1)];
    for (gint i = 0; i < (gint) BINS; i++) {
        bins[i] = (float) MAX(sum / length, 0);
        sum += (double) from[MIN(i + (gint) half + 1, (gint) BINS - 1)] -
               (double) from[MAX(i - (gint) half, 0)];
    }
}

static double
find_peak(guint half)
{
    float one[BINS] = {0};
    one[BINS / 2] = 1;
    for (guint i = 0; i < BOXES; i++)
        blur(one, half);
    return (double) one[BINS / 2];
}

void
lamp_owned_gaps_settle(LampOwnedGaps *gaps)
{
    gaps->total = 0;
    for (guint i = 0; i < BINS; i++)
        gaps->total += (double) gaps->count[i];
    guint half = choose_half_box(gaps);
    gaps->peak = find_peak(half);
    for (guint i = 0; i < BINS; i++)
        gaps->smooth[i] = gaps->total > 0 ? (float) ((double) gaps->count[i] / gaps->total) : 0;
    for (guint i = 0; i < BOXES; i++)
        blur(gaps->smooth, half);
    memset(gaps->count, 0, sizeof gaps->count);
}

double
lamp_owned_gap_width(guint16 bin)
{
    return LEAST_NS * exp2(bin / BINS_PER_OCTAVE) * (exp2(1 / BINS_PER_OCTAVE) - 1);
}

double
lamp_owned_gaps_mass(const LampOwnedGaps *gaps, guint16 bin, double own)
{
    double rest = MAX(gaps->total - own, 0);
    double seen = (double) gaps->smooth[bin] * gaps->total - own * gaps->peak;
    double learnt = (MAX(seen, 0) + 1.0 / BINS) / (rest + 1);
    return (1 - BROAD) * learnt + BROAD / BINS;
}

double
lamp_owned_gaps_below(const LampOwnedGaps *gaps, gint64 gap)
{
    double sum = 0;
    for (guint i = 0; i < lamp_owned_gap_bin(gap); i++)
        sum += (double) gaps->smooth[i];
    return sum * gaps->total;
}
