/*
 * Clouds of clock differences and the hulls that bound the line between them.
 */
#pragma once

#include <glib.h>

/* @t: seconds on the first clock since some epoch; @y: ns, second clock minus first. */
typedef struct {
    double t, y;
} LampClockPoint;

static inline LampClockPoint *
lamp_clock_points(const GArray *array)
{
    return (LampClockPoint *) (gpointer) array->data;
}

/* By time, then by value. */
void lamp_clock_points_sort(GArray *points);

/* Lower hull (@sign 1) or upper hull (@sign -1) of sorted points. Caller frees. O(n). */
GArray *lamp_clock_hull(const GArray *points, double sign);

/* Extreme intercept at t = 0 of lines of @slope: the least (@sign 1) or the greatest (-1). */
double lamp_clock_intercept(const GArray *hull, double slope, double sign);

/* Vertical gap between the hulls for @slope; below 0 where they cross. Concave in the slope. */
double lamp_clock_gap(const GArray *lower_hull, const GArray *upper_hull, double slope);

/* The slope of the widest gap within +-@limit; of several the one nearest to none. */
double lamp_clock_widest_slope(const GArray *lower_hull, const GArray *upper_hull,
                               double limit);

/* Value of the corridor beside @t: the middle of the nearest bounds not after it, or not before
 * it. 0 where there is none. */
double lamp_clock_level(const GArray *upper, const GArray *lower, double t, gboolean is_after);
