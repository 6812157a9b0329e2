/*
 * Regression of traffic per window of time.
 *
 * In: packets of a cause, of other causes and of an effect in consecutive windows. Changes from
 * window to window are used and not levels, so a slow rhythm that both follow (day and night)
 * ties nothing. y = a x + b z with a, b >= 0: two unknowns, solved by trying the corners
 * (Lawson and Hanson 1974, in the plane). The test shifts x in time. Limits: linear; the delay
 * must be short against the window.
 */
#include "correlate/dependencies/volume-fit.h"

#include "correlate/dependencies/point-fit.h"

#include <math.h>

#define BLOCK 5u
#define BOOTSTRAPS 200

typedef struct {
    double xx, zz, xz, xy, zy, yy;
} Sums;

typedef struct {
    const double *x, *z, *y; /* changes */
    guint count;
} Series;

static void
add_point(Sums *sums, double x, double z, double y)
{
    sums->xx += x * x;
    sums->zz += z * z;
    sums->xz += x * z;
    sums->xy += x * y;
    sums->zy += z * y;
    sums->yy += y * y;
}

/* Slope of x; *out_rest gets the sum of squares that is left. */
static double
solve(const Sums *s, double *out_rest)
{
    double both = s->xx * s->zz - s->xz * s->xz;
    if (both > 1e-9 * s->xx * s->zz) {
        double a = (s->xy * s->zz - s->zy * s->xz) / both;
        double b = (s->zy * s->xx - s->xy * s->xz) / both;
        if (a >= 0 && b >= 0) {
            *out_rest = s->yy - a * s->xy - b * s->zy;
            return a;
        }
    }
    double a = s->xx > 0 ? fmax(0, s->xy / s->xx) : 0;
    double b = s->zz > 0 ? fmax(0, s->zy / s->zz) : 0;
    double rest_x = s->yy - a * s->xy, rest_z = s->yy - b * s->zy;
    *out_rest = fmin(rest_x, rest_z);
    return rest_x <= rest_z ? a : 0;
}

/* Sum of squares that x takes away beyond what z alone does. */
static double
gain_of_shift(const Series *series, guint shift, double *out_slope)
{
    Sums sums = {0};
    for (guint i = 0; i < series->count; i++)
        add_point(&sums, series->x[(i + shift) % series->count], series->z[i], series->y[i]);
    double rest;
    double slope = solve(&sums, &rest);
    double b = sums.zz > 0 ? fmax(0, sums.zy / sums.zz) : 0;
    if (out_slope != NULL)
        *out_slope = slope;
    return fmax(0, sums.yy - b * sums.zy - rest);
}

static void
bootstrap(const Series *series, LampVolumeFit *out)
{
    double slopes[BOOTSTRAPS];
    guint blocks = series->count / BLOCK;
    guint64 state = 2;
    for (guint i = 0; i < BOOTSTRAPS; i++) {
        Sums sums = {0};
        for (guint k = 0; k < blocks; k++) {
            guint begin = (guint) lamp_draw(&state, series->count - BLOCK + 1);
            for (guint j = begin; j < begin + BLOCK; j++)
                add_point(&sums, series->x[j], series->z[j], series->y[j]);
        }
        double rest;
        slopes[i] = solve(&sums, &rest);
    }
    out->slope_low = lamp_quantile_of(slopes, BOOTSTRAPS, 0.025);
    out->slope_high = lamp_quantile_of(slopes, BOOTSTRAPS, 0.975);
}

static double *
changes(const double *levels, guint windows)
{
    double *steps = g_new(double, windows);
    for (guint i = 0; i + 1 < windows; i++)
        steps[i] = levels[i + 1] - levels[i];
    return steps;
}

static double
sum_of(const double *values, guint count)
{
    double sum = 0;
    for (guint i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

gboolean
lamp_volume_fit(const double *cause, const double *other, const double *effect, guint windows,
                guint shifts, LampVolumeFit *out_fit)
{
    if (windows < LAMP_VOLUME_WINDOWS)
        return FALSE;
    g_autofree double *x = changes(cause, windows), *z = changes(other, windows);
    g_autofree double *y = changes(effect, windows);
    Series series = {x, z, y, windows - 1};
    Sums plain = {0};
    for (guint i = 0; i < series.count; i++)
        add_point(&plain, x[i], 0, y[i]);
    if (plain.xx <= 0 || plain.yy <= 0)
        return FALSE;
    LampVolumeFit out = {0};
    double gain = gain_of_shift(&series, 0, &out.slope);
    g_autofree double *null = g_new(double, MAX(shifts, 1));
    for (guint i = 0; i < shifts; i++) {
        gint64 shift = lamp_shift_at(i, 3, series.count / 2 - 1);
        null[i] = gain_of_shift(
            &series, (guint) (shift < 0 ? (gint64) series.count + shift : shift), NULL);
    }
    out.p = lamp_shift_test(gain, null, shifts);
    out.correlation = plain.xy / sqrt(plain.xx * plain.yy);
    out.share = CLAMP(out.slope * sum_of(cause, windows) / sum_of(effect, windows), 0, 1);
    bootstrap(&series, &out);
    *out_fit = out;
    return TRUE;
}
