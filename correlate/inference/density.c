/* density.c — kernel density of the logarithm of a delay, on a histogram
 *
 * In: weights in bins. Out: log density per ns for every bin. A pilot estimate with one
 * bandwidth (Silverman's rule on the bin index, that is on log time) gives each bin its own
 * bandwidth (Abramson 1982: inverse square root of the pilot), so that a few stray values in
 * the tails do not make a peak that would confirm itself in the next round of learning. One per
 * cent of the mass is spread over all bins: no delay is impossible.
 *
 * Limits: delays above 2^34 resolutions share the last bin. */
#include "correlate/inference/density.h"

#include <math.h>

#define BROAD_SHARE 0.05

static double
bin_width(int bin, float scale)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    return ldexp(1.0 / LAMP_SUB, at >> LAMP_SUB_BITS) / (double) scale;
}

/* Lower edge of a bin in ns, on the side of its sign. */
static double
bin_edge(int bin, float scale)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    double base = ldexp(1.0, at >> LAMP_SUB_BITS);
    double x = base * (1.0 + (double) (at & (LAMP_SUB - 1)) / LAMP_SUB);
    return (x - 1.0) / (double) scale;
}

void
lamp_histogram_add(float *bins, gint64 gap, float scale, float weight)
{
    gint64 half = (gint64) (0.5f / scale);
    int first = (int) lamp_density_bin(gap - half, scale);
    int last = (int) lamp_density_bin(gap + half, scale);
    if (first == last) {
        bins[first] += weight;
        return;
    }
    double total = 0;
    for (int b = first; b <= last; b++)
        total += bin_width(b, scale);
    for (int b = first; b <= last; b++)
        bins[b] += (float) ((double) weight * bin_width(b, scale) / total);
}

/* First and last bin with weight, and the total. */
static double
find_range(const float *bins, int *first, int *last)
{
    double total = 0;
    *first = LAMP_BINS;
    *last = -1;
    for (int b = 0; b < LAMP_BINS; b++) {
        if (bins[b] <= 0)
            continue;
        total += (double) bins[b];
        *first = MIN(*first, b);
        *last = b;
    }
    return total;
}

static double
find_quantile_bin(const float *bins, int first, int last, double want)
{
    double sum = 0;
    for (int b = first; b <= last; b++) {
        sum += (double) bins[b];
        if (sum >= want)
            return b;
    }
    return last;
}

/* Silverman's rule, with the robust one of two measures of spread. */
static double
choose_bandwidth(const float *bins, int first, int last, double total)
{
    double mean = 0, square = 0;
    for (int b = first; b <= last; b++)
        mean += (double) bins[b] * b;
    mean /= total;
    for (int b = first; b <= last; b++)
        square += (double) bins[b] * (b - mean) * (b - mean);
    double spread = sqrt(square / total);
    double quartiles = find_quantile_bin(bins, first, last, 0.75 * total) -
                       find_quantile_bin(bins, first, last, 0.25 * total) + 1;
    double narrow = MIN(spread, quartiles / 1.34);
    return CLAMP(0.9 * narrow * pow(MAX(total, 1), -0.2), 0.6, 48);
}

/* Gaussian kernels of KERNELS widths in geometric steps, each normalised, computed once. */
#define KERNELS 64
#define NARROWEST 0.6
#define WIDEST 240.0
#define MAX_REACH 722 /* 3 * WIDEST + 2 */

typedef struct {
    int reach;
    float at[2 * MAX_REACH + 1]; /* at[reach] is the middle */
} Kernel;

static const Kernel *
kernels(void)
{
    static Kernel all[KERNELS];
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        for (int i = 0; i < KERNELS; i++) {
            double width = NARROWEST * pow(WIDEST / NARROWEST, (double) i / (KERNELS - 1));
            int reach = all[i].reach = (int) (3 * width) + 1;
            double total = 0;
            for (int k = -reach; k <= reach; k++)
                total += exp(-k * k / (2 * width * width));
            for (int k = -reach; k <= reach; k++)
                all[i].at[k + reach] = (float) (exp(-k * k / (2 * width * width)) / total);
        }
        g_once_init_leave(&ready, 1);
    }
    return all;
}

/* Index of the kernel of about this width. */
static int
kernel_of(double width)
{
    double i = log(width / NARROWEST) / log(WIDEST / NARROWEST) * (KERNELS - 1);
    return (int) CLAMP(i + 0.5, 0, KERNELS - 1);
}

/* Spreads `weight` at bin `at`; what would fall off the table is dropped. */
static void
spread_kernel(float *restrict out, int at, float weight, const Kernel *kernel)
{
    int first = MAX(0, at - kernel->reach), last = MIN(LAMP_BINS - 1, at + kernel->reach);
    const float *restrict from = kernel->at + kernel->reach - at + first;
    float *restrict to = out + first;
    for (int i = 0; i <= last - first; i++)
        to[i] += weight * from[i];
}

static void
smooth(const float *bins, int first, int last, double total, float *mass)
{
    float pilot[LAMP_BINS] = {0};
    double width = choose_bandwidth(bins, first, last, total), log_mean = 0;
    const Kernel *all = kernels(), *even = &all[kernel_of(width)];
    for (int b = first; b <= last; b++)
        if (bins[b] > 0)
            spread_kernel(pilot, b, bins[b], even);
    for (int b = first; b <= last; b++) {
        if (bins[b] <= 0)
            continue;
        pilot[b] = logf(pilot[b]);
        log_mean += (double) bins[b] * (double) pilot[b];
    }
    double middle = log_mean / total, at_width = log(WIDEST / NARROWEST) / (KERNELS - 1);
    for (int b = first; b <= last; b++) {
        if (bins[b] <= 0)
            continue;
        double wider = CLAMP((middle - (double) pilot[b]) / 2, log(0.7), log(5));
        int own = (int) (log(width / NARROWEST) / at_width + wider / at_width + 0.5);
        spread_kernel(mass, b, bins[b] / (float) total, &all[CLAMP(own, 0, KERNELS - 1)]);
    }
}

/* Log of the mass of a broad density per ns: the same for every bin. */
static double
log_broad(int bin, float scale)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    return log((double) scale * LAMP_SUB / LAMP_BINS) - (at >> LAMP_SUB_BITS) * G_LN2;
}

double
lamp_density_fit(const float *bins, float scale, const float *prior, double prior_weight,
                 float *out)
{
    float mass[LAMP_BINS] = {0};
    int first, last;
    double total = find_range(bins, &first, &last);
    double lean = prior ? prior_weight / (total + prior_weight) : BROAD_SHARE;
    if (total > 0)
        smooth(bins, first, last, total, mass);
    else
        lean = 1;
    double log_lean = log(lean), octave = 0, width = 1;
    for (int b = 0; b < LAMP_BINS; b++) {
        if (b % LAMP_SUB == 0) {
            octave = log_broad(b, scale);
            width = bin_width(b, scale);
        }
        double back = log_lean + (prior ? (double) prior[b] : octave);
        if (mass[b] > 0)
            back = (double) logf((float) ((1 - lean) * (double) mass[b] / width) +
                                 expf((float) back));
        out[b] = (float) back;
    }
    return total;
}

double
lamp_density_cost(const float *bins, const float *log_density)
{
    double sum = 0;
    for (int b = 0; b < LAMP_BINS; b++)
        if (bins[b] > 0)
            sum -= (double) bins[b] * (double) log_density[b];
    return sum;
}

double
lamp_histogram_quantile(const float *bins, float scale, double q)
{
    int first, last;
    double total = find_range(bins, &first, &last);
    if (total <= 0)
        return 0;
    int b = (int) find_quantile_bin(bins, first, last, q * total);
    double middle = bin_edge(b, scale) + bin_width(b, scale) / 2;
    return b >= LAMP_SIDE ? middle : -middle;
}
