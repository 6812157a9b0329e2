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
#define USUAL_SPREAD 12.0 /* bins: three quarters of an octave */
#define FEW 1.0           /* observation's weight of that in the spread of others */

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

/* Bin widths relative to that of the narrowest. */
static float
relative_width(int bin)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    return (float) (G_GUINT64_CONSTANT(1) << ((guint32) at >> LAMP_SUB_BITS & 63));
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
    float total = 0;
    for (int b = first; b <= last; b++)
        total += relative_width(b);
    for (int b = first; b <= last; b++)
        bins[b] += weight * relative_width(b) / total;
}

/* The bins with weight, in order. */
typedef struct {
    int n;
    int at[LAMP_BINS + 1];
    double total;
} Occupied;

static void
find_occupied(const float *bins, Occupied *out)
{
    int n = 0;
    for (int b = 0; b < LAMP_BINS; b++) {
        out->at[n] = b;
        n += bins[b] > 0;
    }
    out->n = n;
    out->total = 0;
    for (int i = 0; i < n; i++)
        out->total += (double) bins[out->at[i]];
}

static int
find_quantile_bin(const float *bins, const Occupied *occupied, double q)
{
    double sum = 0;
    for (int i = 0; i < occupied->n; i++) {
        sum += (double) bins[occupied->at[i]];
        if (sum >= q * occupied->total)
            return occupied->at[i];
    }
    return occupied->at[occupied->n - 1];
}

/* Silverman's rule, with the robust one of two measures of spread; of a few values none is. */
static double
choose_bandwidth(const float *bins, const Occupied *occupied)
{
    double mean = 0, square = 0, total = occupied->total;
    for (int i = 0; i < occupied->n; i++)
        mean += (double) bins[occupied->at[i]] * occupied->at[i];
    mean /= total;
    for (int i = 0; i < occupied->n; i++) {
        double apart = occupied->at[i] - mean;
        square += (double) bins[occupied->at[i]] * apart * apart;
    }
    double spread = sqrt(square / total);
    double quartiles =
        find_quantile_bin(bins, occupied, 0.75) - find_quantile_bin(bins, occupied, 0.25) + 1;
    double narrow = MIN(spread, quartiles / 1.34);
    narrow =
        sqrt((narrow * narrow * total + FEW * USUAL_SPREAD * USUAL_SPREAD) / (total + FEW));
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

/* Fills in `mass`, and the first and last bin that got some. */
static void
smooth(const float *bins, const Occupied *occupied, float *mass, int *first, int *last)
{
    float pilot[LAMP_BINS] = {0};
    double width = choose_bandwidth(bins, occupied), log_mean = 0, total = occupied->total;
    double at_width = log(WIDEST / NARROWEST) / (KERNELS - 1), least = log(0.7), most = log(5);
    double even_at = log(width / NARROWEST) / at_width;
    const Kernel *all = kernels(), *even = &all[kernel_of(width)];
    for (int i = 0; i < occupied->n; i++)
        spread_kernel(pilot, occupied->at[i], bins[occupied->at[i]], even);
    for (int i = 0; i < occupied->n; i++) {
        int b = occupied->at[i];
        pilot[b] = logf(pilot[b]);
        log_mean += (double) bins[b] * (double) pilot[b];
    }
    for (int i = 0; i < occupied->n; i++) {
        int b = occupied->at[i];
        double wider = CLAMP((log_mean / total - (double) pilot[b]) / 2, least, most);
        int own = (int) (even_at + wider / at_width + 0.5);
        const Kernel *kernel = &all[CLAMP(own, 0, KERNELS - 1)];
        *first = MIN(*first, b - kernel->reach);
        *last = MAX(*last, b + kernel->reach);
        spread_kernel(mass, b, bins[b] / (float) total, kernel);
    }
}

/* Log of the mass of a broad density per ns: the same for every bin. */
static double
log_broad(int bin, float scale)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    return log((double) scale * LAMP_SUB / LAMP_BINS) - (at >> LAMP_SUB_BITS) * G_LN2;
}

/* Exponential of x <= 80, without branches like lamp_log; 0 below -88. */
static inline float
exp_of(float x)
{
    gint32 whole = (gint32) (x * 1.44269504f + 127.5f);
    float r = x - (float) (whole - 127) * 0.69314718f, power;
    whole = MAX(whole, 0) << 23;
    memcpy(&power, &whole, sizeof power);
    return power * (1 + r * (1 + r * (0.5f + r * (1 / 6.0f + r * (1 / 24.0f + r / 120.0f)))));
}

/* One octave: the log of the density (mass times `per_width`) and of what it leans on. */
static void
mix_octave(const float *restrict mass, float per_width, const float *restrict back,
           float *restrict out)
{
    for (int i = 0; i < LAMP_SUB; i++)
        out[i] = lamp_log(mass[i] * per_width + exp_of(back[i]));
}

double
lamp_density_fit(const float *bins, float scale, const float *prior, double prior_weight,
                 float *out)
{
    float mass[LAMP_BINS] = {0}, back[LAMP_SUB];
    int first = LAMP_BINS, last = -1;
    Occupied occupied;
    find_occupied(bins, &occupied);
    double total = occupied.total;
    double lean = prior ? prior_weight / (total + prior_weight) : BROAD_SHARE;
    if (total > 0)
        smooth(bins, &occupied, mass, &first, &last);
    else
        lean = 1;
    float log_lean = (float) log(lean);
    for (int b = 0; b < LAMP_BINS; b += LAMP_SUB) {
        float even = prior ? 0 : (float) log_broad(b, scale);
        for (int i = 0; i < LAMP_SUB; i++)
            back[i] = log_lean + (prior ? prior[b + i] : even);
        float per_width = (float) ((1 - lean) / bin_width(b, scale));
        if (b + LAMP_SUB > first && b <= last)
            mix_octave(mass + b, per_width, back, out + b);
        else
            memcpy(out + b, back, sizeof back);
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
    Occupied occupied;
    find_occupied(bins, &occupied);
    if (occupied.n == 0)
        return 0;
    int b = find_quantile_bin(bins, &occupied, q);
    double middle = bin_edge(b, scale) + bin_width(b, scale) / 2;
    return b >= LAMP_SIDE ? middle : -middle;
}
