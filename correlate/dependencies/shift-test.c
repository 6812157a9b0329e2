/*
 * Tests by shifting one series in time against the other.
 *
 * A shift keeps what each series is in itself (bursts, periods) and breaks what ties the two.
 * Only near shifts are used, so that a daily rhythm common to both stays in the null. Limits:
 * a period common to both series is taken for chance only where the shifts are no multiples.
 */
#include "correlate/dependencies/point-fit.h"

#include <math.h>
#include <stdlib.h>

static int
compare_reals(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

double
lamp_quantile_of(double *values, gsize count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_reals);
    return values[(gsize) (share * (double) (count - 1) + 0.5)];
}

guint64
lamp_draw(guint64 *state, guint64 bound)
{
    *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    guint64 h = *state;
    h = (h ^ (h >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return (h ^ (h >> 31)) % MAX(bound, 1);
}

gint64
lamp_shift_at(guint i, gint64 low, gint64 high)
{
    guint pair = i / 2 + 1;
    double place = fmod((double) pair * 0.6180339887498949, 1.0);
    gint64 shift = low + (gint64) (place * (double) MAX(high - low, 0));
    return i % 2 == 0 ? shift : -shift;
}

/* Upper tail of a gamma law with the mean and variance of the cube roots. */
static double
tail_beyond(double observed, const double *null, guint count)
{
    double sum = 0, squares = 0;
    for (guint i = 0; i < count; i++) {
        double root = cbrt(fmax(null[i], 0));
        sum += root;
        squares += root * root;
    }
    double mean = sum / count;
    double deviation = sqrt(fmax(squares / count - mean * mean, 1e-12));
    return 0.5 * erfc((cbrt(observed) - mean) / deviation / sqrt(2.0));
}

double
lamp_shift_test(double observed, const double *null, guint count)
{
    if (count == 0)
        return 1;
    guint as_high = 0;
    for (guint i = 0; i < count; i++)
        as_high += null[i] >= observed;
    double rank = (1.0 + as_high) / (1.0 + count);
    if (as_high > 0 || observed <= 0)
        return rank;
    return CLAMP(tail_beyond(observed, null, count), 1e-12, rank);
}
