/* density.h — what is known of a delay: a histogram over the logarithm of time, smoothed
 *
 * Bins divide each octave of |gap| / resolution + 1 in LAMP_SUB parts, on both sides of zero,
 * so that signed gaps (the start of one parallel call after another) need no special case. A
 * smoothed density is a table of log p(gap) per nanosecond; looking up one gap costs a few
 * instructions. */
#ifndef LAMP_CORRELATE_INFERENCE_DENSITY_H
#define LAMP_CORRELATE_INFERENCE_DENSITY_H

#include <glib.h>
#include <string.h>

#define LAMP_SUB_BITS 4
#define LAMP_SUB (1 << LAMP_SUB_BITS)
#define LAMP_OCTAVES 34
#define LAMP_SIDE (LAMP_OCTAVES * LAMP_SUB)
#define LAMP_BINS (2 * LAMP_SIDE)

/* The bin of a gap; `scale` is 1 / resolution in ns. */
static inline guint32
lamp_density_bin(gint64 gap, float scale)
{
    float x = 1.0f + (float) (gap < 0 ? -gap : gap) * scale;
    guint32 bits;
    memcpy(&bits, &x,
           sizeof bits); /* exponent and first mantissa bits are log2, piecewise linear */
    guint32 at = (bits >> (23 - LAMP_SUB_BITS)) - (127u << LAMP_SUB_BITS);
    if (at >= LAMP_SIDE)
        at = LAMP_SIDE - 1;
    return gap < 0 ? LAMP_SIDE - 1 - at : LAMP_SIDE + at;
}

/* Logarithm of a normal positive number, relative error 1e-6: the reduction to [0.7, 1.4) of
 * Cephes (Moshier 1989) and a series in (x - 1) / (x + 1), without branches, so that the
 * compiler takes several bins at a time. */
static inline float
lamp_log(float x)
{
    gint32 bits;
    memcpy(&bits, &x, sizeof bits);
    bits -= 0x3f3504f3;
    float exponent = (float) (bits >> 23);
    bits = (bits & 0x7fffff) + 0x3f3504f3;
    memcpy(&x, &bits, sizeof x);
    float y = (x - 1) / (x + 1), z = y * y;
    return exponent * 0.69314718f +
           2 * y * (1 + z * (1 / 3.0f + z * (1 / 5.0f + z * (1 / 7.0f + z / 9.0f))));
}

/* The bins that a gap is spread over: one resolution, since a rounded gap is an interval. */
typedef struct {
    guint32 first, last;
} LampBinned;

static inline LampBinned
lamp_gap_binned(gint64 gap, float scale)
{
    gint64 half = (gint64) (0.5f / scale);
    return (LampBinned){lamp_density_bin(gap - half, scale),
                        lamp_density_bin(gap + half, scale)};
}

/* Adds `weight` to these bins, to each by its width. */
void lamp_histogram_spread(float *bins, LampBinned at, float weight);

static inline void
lamp_histogram_add_binned(float *bins, const LampBinned *at, float weight)
{
    if (at->first == at->last)
        bins[at->first] += weight;
    else
        lamp_histogram_spread(bins, *at, weight);
}

static inline void
lamp_histogram_add(float *bins, gint64 gap, float scale, float weight)
{
    LampBinned at = lamp_gap_binned(gap, scale);
    lamp_histogram_add_binned(bins, &at, weight);
}

/* A histogram after smoothing; all bins weigh `total`; outside first to last (whole octaves)
 * there is none. */
typedef struct {
    double total;
    int first, last;
    float mass[LAMP_BINS];
} LampSmoothed;

/* Smooths `bins`. With n_parts > 0: `parts` (NULL is empty) sum up to `bins`, and out[i] is
 * what all parts but the i-th make; how wide each bin is spread is chosen from all of them. */
void lamp_density_smooth(const float *bins, const float *const *parts, guint32 n_parts,
                         LampSmoothed *out);

/* Logs of density per ns from what was smoothed; as lamp_density_fit. */
void lamp_density_mix(const LampSmoothed *smoothed, float scale, const float *prior,
                      double prior_weight, float *out);

/* Smooths `bins` (LAMP_BINS weights) to `out` (LAMP_BINS logs of density per ns). `prior` is a
 * density (not its log) to lean on with the weight of `prior_weight` observations, or NULL for
 * the broad one. Returns the total weight. */
double lamp_density_fit(const float *bins, float scale, const float *prior, double prior_weight,
                        float *out);

/* Sum over the observations in `bins`, which weigh `out_weight` together, of -log of their own
 * smoothed density, in nats. */
double lamp_density_cost(const float *bins, float scale, double *out_weight);

/* The q-quantile in ns of a histogram; 0 when empty. */
double lamp_histogram_quantile(const float *bins, float scale, double q);

#endif
