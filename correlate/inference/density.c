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

static int
octave_of(int bin)
{
    int at = bin >= LAMP_SIDE ? bin - LAMP_SIDE : LAMP_SIDE - 1 - bin;
    return at >> LAMP_SUB_BITS;
}

static double
bin_width(int bin, float scale)
{
    return ldexp(1.0 / LAMP_SUB, octave_of(bin)) / (double) scale;
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
    return (float) (G_GUINT64_CONSTANT(1) << (octave_of(bin) & 63));
}

void
lamp_histogram_spread(float *bins, LampBinned at, float weight)
{
    float total = 0;
    for (guint32 b = at.first; b <= at.last; b++)
        total += relative_width((int) b);
    for (guint32 b = at.first; b <= at.last; b++)
        bins[b] += weight * relative_width((int) b) / total;
}

/* The bins with weight, in order. */
typedef struct {
    int n;
    int at[LAMP_BINS + 1];
    double total;
} Occupied;

/* Whether an octave has any weight; no branches, so the compiler takes several bins at once. */
static gboolean
has_weight(const float *bins)
{
    int any = 0;
    for (int i = 0; i < LAMP_SUB; i++)
        any |= bins[i] > 0;
    return any;
}

static void
find_occupied(const float *bins, Occupied *out)
{
    int n = 0;
    for (int octave = 0; octave < LAMP_BINS; octave += LAMP_SUB) {
        if (!has_weight(bins + octave))
            continue;
        for (int b = octave; b < octave + LAMP_SUB; b++) {
            out->at[n] = b;
            n += bins[b] > 0;
        }
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
choose_bandwidth(const float *bins, const Occupied *occupied, double share)
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
    total *= share;
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

/* Adds `weight` times `from`; eight at a time, so that the compiler needs no branches. */
static inline void
add_scaled(float *restrict to, const float *restrict from, float weight, int n)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            to[i + k] += weight * from[i + k];
    for (; i < n; i++)
        to[i] += weight * from[i];
}

/* Spreads `weight` at bin `at`; what would fall outside `first` to `last` is dropped. */
static void
spread_kernel(float *restrict out, int first, int last, int at, float weight,
              const Kernel *kernel)
{
    first = MAX(first, at - kernel->reach);
    last = MIN(last, at + kernel->reach);
    add_scaled(out + first, kernel->at + kernel->reach - at + first, weight, last - first + 1);
}

/* How each bin with weight is to be spread. */
typedef struct {
    Occupied occupied;
    int first, last; /* the bins that get something, in whole octaves */
    const Kernel *kernels[LAMP_BINS];
} Plan;

/* Logs of what kernels of one width make of the histogram, at the bins with weight. */
static void
estimate_pilot(const float *bins, const Occupied *occupied, const Kernel *kernel, float *out)
{
    float pilot[LAMP_BINS];
    int first = occupied->at[0], last = occupied->at[occupied->n - 1];
    memset(pilot + first, 0, (gsize) (last - first + 1) * sizeof *pilot);
    for (int i = 0; i < occupied->n; i++)
        spread_kernel(pilot, first, last, occupied->at[i], bins[occupied->at[i]], kernel);
    for (int i = 0; i < occupied->n; i++)
        out[i] = lamp_log(pilot[occupied->at[i]]);
}

/* `share` of the histogram, which is not empty, is to be smoothed at a time. */
static void
make_plan(const float *bins, double share, Plan *out)
{
    const Occupied *occupied = &out->occupied;
    float pilot[LAMP_BINS];
    out->first = LAMP_BINS;
    out->last = -1;
    double width = choose_bandwidth(bins, occupied, share), log_mean = 0;
    double at_width = log(WIDEST / NARROWEST) / (KERNELS - 1), least = log(0.7), most = log(5);
    double even_at = log(width / NARROWEST) / at_width;
    const Kernel *all = kernels();
    estimate_pilot(bins, occupied, &all[kernel_of(width)], pilot);
    for (int i = 0; i < occupied->n; i++)
        log_mean += (double) bins[occupied->at[i]] * (double) pilot[i];
    for (int i = 0; i < occupied->n; i++) {
        double wider = (log_mean / occupied->total - (double) pilot[i]) / 2;
        int own = (int) (even_at + CLAMP(wider, least, most) / at_width + 0.5);
        const Kernel *kernel = out->kernels[i] = &all[CLAMP(own, 0, KERNELS - 1)];
        out->first = MIN(out->first, occupied->at[i] - kernel->reach);
        out->last = MAX(out->last, occupied->at[i] + kernel->reach);
    }
    out->first = MAX(out->first, 0) / LAMP_SUB * LAMP_SUB;
    out->last = MIN(out->last, LAMP_BINS - 1) | (LAMP_SUB - 1);
}

/* Returns the weight. */
static double
spread_all(const Plan *plan, const float *bins, float *out)
{
    double total = 0;
    if (plan->first > plan->last)
        return 0;
    memset(out + plan->first, 0, (gsize) (plan->last - plan->first + 1) * sizeof *out);
    for (int i = 0; i < plan->occupied.n; i++) {
        int at = plan->occupied.at[i];
        if (bins[at] > 0)
            spread_kernel(out, plan->first, plan->last, at, bins[at], plan->kernels[i]);
        total += (double) bins[at];
    }
    return total;
}

/* Adds what one part makes to all but its own place. */
static void
add_part(const Plan *plan, const float *part, guint32 own, guint32 n_parts, LampSmoothed *out)
{
    float mass[LAMP_BINS];
    double total = spread_all(plan, part, mass);
    for (guint32 i = 0; i < n_parts; i++) {
        if (i == own)
            continue;
        out[i].total += total;
        add_scaled(out[i].mass + plan->first, mass + plan->first, 1,
                   plan->last - plan->first + 1);
    }
}

void
lamp_density_smooth(const float *bins, const float *const *parts, guint32 n_parts,
                    LampSmoothed *out)
{
    Plan plan;
    find_occupied(bins, &plan.occupied);
    plan.first = LAMP_BINS;
    plan.last = -1;
    if (plan.occupied.total > 0)
        make_plan(bins, n_parts > 1 ? 1 - 1.0 / n_parts : 1, &plan);
    for (guint32 i = 0; i < MAX(n_parts, 1); i++) {
        out[i].total = 0;
        out[i].first = plan.first;
        out[i].last = plan.last;
        memset(out[i].mass, 0, sizeof out[i].mass);
    }
    if (n_parts == 0)
        out->total = spread_all(&plan, bins, out->mass);
    for (guint32 i = 0; i < n_parts; i++)
        if (parts[i])
            add_part(&plan, parts[i], i, n_parts, out);
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

/* The log of what the octave at `b` leans on: `prior`, or `broad`, the same mass in every bin.
 */
static void
lean_octave(const float *prior, double broad, int b, float log_lean, float *restrict out)
{
    float even = log_lean + (float) (broad - octave_of(b) * G_LN2);
    if (prior)
        for (int i = 0; i < LAMP_SUB; i++)
            out[i] = log_lean + prior[b + i];
    else
        for (int i = 0; i < LAMP_SUB; i++)
            out[i] = even;
}

void
lamp_density_mix(const LampSmoothed *smoothed, float scale, const float *prior,
                 double prior_weight, float *out)
{
    double total = smoothed->total, lean = 1, each = 0; /* share of an observation */
    if (total > 0) {
        lean = prior ? prior_weight / (total + prior_weight) : BROAD_SHARE;
        each = (1 - lean) / total;
    }
    double broad = prior ? 0 : log((double) scale * LAMP_SUB / LAMP_BINS);
    float log_lean = (float) log(lean), back[LAMP_SUB];
    for (int b = 0; b < LAMP_BINS; b += LAMP_SUB) {
        if (b < smoothed->first || b > smoothed->last) {
            lean_octave(prior, broad, b, log_lean, out + b);
            continue;
        }
        lean_octave(prior, broad, b, log_lean, back);
        mix_octave(smoothed->mass + b, (float) (each / bin_width(b, scale)), back, out + b);
    }
}

double
lamp_density_fit(const float *bins, float scale, const float *prior, double prior_weight,
                 float *out)
{
    LampSmoothed smoothed;
    lamp_density_smooth(bins, NULL, 0, &smoothed);
    lamp_density_mix(&smoothed, scale, prior, prior_weight, out);
    return smoothed.total;
}

double
lamp_density_cost(const float *bins, float scale, double *out_weight)
{
    Plan plan;
    float mass[LAMP_BINS];
    double sum = 0, even = (double) scale * LAMP_SUB / LAMP_BINS;
    find_occupied(bins, &plan.occupied);
    *out_weight = plan.occupied.total;
    if (plan.occupied.total <= 0)
        return 0;
    make_plan(bins, 1, &plan);
    double each = (1 - BROAD_SHARE) / spread_all(&plan, bins, mass);
    for (int i = 0; i < plan.occupied.n; i++) {
        int b = plan.occupied.at[i];
        double density = each * (double) mass[b] / bin_width(b, scale) +
                         ldexp(BROAD_SHARE * even, -octave_of(b));
        sum -= (double) bins[b] * (double) lamp_log((float) density);
    }
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
