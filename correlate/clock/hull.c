/*
 * Convex hulls of clock differences.
 *
 * Of all points that a line must stay below, only their lower hull matters, and of those that
 * it must stay above the upper hull (Moon, Skelly and Towsley 1999). Hulls are Andrew's
 * monotone chains over points sorted by time. The gap between two hulls is concave in the
 * slope, so a ternary search finds the widest.
 */
#include "correlate/clock/hull.h"

#include <math.h>

#define SEARCH_STEPS 120

static gint
compare_points(gconstpointer left, gconstpointer right)
{
    const LampClockPoint *a = left;
    const LampClockPoint *b = right;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return a->y < b->y ? -1 : a->y > b->y;
}

void
lamp_clock_points_sort(GArray *points)
{
    g_array_sort(points, compare_points);
}

/* Does @middle lie on or above the line from @a to @b (sign 1), or below (sign -1)? */
static gboolean
is_inside(const LampClockPoint *a, const LampClockPoint *middle, const LampClockPoint *b,
          double sign)
{
    double cross = (b->t - a->t) * (middle->y - a->y) - (b->y - a->y) * (middle->t - a->t);
    return sign * cross >= 0;
}

GArray *
lamp_clock_hull(const GArray *points, double sign)
{
    GArray *hull = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    for (guint i = 0; i < points->len; i++) {
        LampClockPoint p = lamp_clock_points(points)[i];
        LampClockPoint *kept = lamp_clock_points(hull);
        while (hull->len >= 2 &&
               is_inside(&kept[hull->len - 2], &kept[hull->len - 1], &p, sign))
            g_array_set_size(hull, hull->len - 1);
        g_array_append_val(hull, p);
    }
    return hull;
}

double
lamp_clock_intercept(const GArray *hull, double slope, double sign)
{
    double best = INFINITY;
    for (guint i = 0; i < hull->len; i++) {
        const LampClockPoint *p = &lamp_clock_points(hull)[i];
        best = fmin(best, sign * (p->y - slope * p->t));
    }
    return sign * best;
}

double
lamp_clock_gap(const GArray *lower_hull, const GArray *upper_hull, double slope)
{
    return lamp_clock_intercept(lower_hull, slope, 1) -
           lamp_clock_intercept(upper_hull, slope, -1);
}

double
lamp_clock_widest_slope(const GArray *lower_hull, const GArray *upper_hull, double limit)
{
    double low = -limit;
    double high = limit;
    for (guint i = 0; i < SEARCH_STEPS; i++) {
        double a = low + (high - low) / 3;
        double b = high - (high - low) / 3;
        double gap_a = lamp_clock_gap(lower_hull, upper_hull, a);
        double gap_b = lamp_clock_gap(lower_hull, upper_hull, b);
        if (gap_a < gap_b)
            low = a;
        else if (gap_b < gap_a)
            high = b;
        else if (fabs(a) < fabs(b))
            high = b;
        else
            low = a;
    }
    return (low + high) / 2;
}

/* Last point of sorted @points not after @t (or the first after it, if @is_after). */
static const LampClockPoint *
point_near(const GArray *points, double t, gboolean is_after)
{
    const LampClockPoint *found = NULL;
    for (guint i = 0; i < points->len; i++) {
        const LampClockPoint *p = &lamp_clock_points(points)[i];
        if (is_after ? p->t >= t : p->t > t)
            return is_after ? p : found;
        found = p;
    }
    return is_after ? NULL : found;
}

double
lamp_clock_level(const GArray *upper, const GArray *lower, double t, gboolean is_after)
{
    const LampClockPoint *u = point_near(upper, t, is_after);
    const LampClockPoint *l = point_near(lower, t, is_after);
    if (u == NULL || l == NULL)
        return u != NULL ? u->y : l != NULL ? l->y : 0;
    return u->y / 2 + l->y / 2;
}
