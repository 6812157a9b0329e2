/*
 * The line between two clouds of clock differences.
 *
 * A message from a to b gives receive_b - send_a = theta(t) + delay, so the true line theta
 * lies below all forward points; messages from b to a bound it from below. Of all lines between
 * the two clouds, half of the vertical gap bounds the error, which is the asymmetry of the
 * smallest delays (Paxson 1998; Huygens, NSDI 2018, for the two-sided form). Only the lower
 * hull of the one and the upper hull of the other matter.
 *
 * The slope is the likeliest one when delays beyond the least are exponential and drifts are
 * normal around none: with many points that is the hull edge below the middle of the points
 * (Moon, Skelly and Towsley 1999), in a short capture it is near zero. The cost is convex in
 * the slope, so a ternary search finds it. The line runs in the middle of the gap at that
 * slope.
 *
 * Bad points (mispaired messages) make the clouds cross. Then, of the two points that meet, the
 * one that is further from its own neighbours is dropped, up to one point in fifty. With one
 * direction only, the line is that side's hull edge, and its error is not known.
 */
#include "correlate/clock/line.h"

#include <math.h>
#include <string.h>

/* No clock in use drifts by more: 1000 ppm. */
#define MAX_DRIFT_NS_PER_S 1e6
#define SEARCH_STEPS 120

/* Crystals in use are within some tens of ppm: standard deviation of what is expected. */
#define USUAL_DRIFT_NS_PER_S 30000.0
#define LEAST_SCATTER_NS 1000.0
#define NEIGHBOURS 15

static LampClockPoint *
points_of(const GArray *array)
{
    return (LampClockPoint *) (gpointer) array->data;
}

static gint
compare_points(gconstpointer left, gconstpointer right)
{
    const LampClockPoint *a = left;
    const LampClockPoint *b = right;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return a->y < b->y ? -1 : a->y > b->y;
}

static gint
compare_doubles(gconstpointer left, gconstpointer right)
{
    double a = *(const double *) left;
    double b = *(const double *) right;
    return a < b ? -1 : a > b;
}

/* Does @middle lie on or above the line from @a to @b (sign 1), or below (sign -1)? */
static gboolean
is_inside(const LampClockPoint *a, const LampClockPoint *middle, const LampClockPoint *b,
          double sign)
{
    double cross = (b->t - a->t) * (middle->y - a->y) - (b->y - a->y) * (middle->t - a->t);
    return sign * cross >= 0;
}

/* Lower hull (sign 1) or upper hull (sign -1) of points sorted by time. Andrew's chain. */
static GArray *
hull_of(const GArray *points, double sign)
{
    GArray *hull = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    for (guint i = 0; i < points->len; i++) {
        LampClockPoint p = points_of(points)[i];
        while (hull->len >= 2 && is_inside(&points_of(hull)[hull->len - 2],
                                           &points_of(hull)[hull->len - 1], &p, sign))
            g_array_set_size(hull, hull->len - 1);
        g_array_append_val(hull, p);
    }
    return hull;
}

/* Extreme intercept of @hull for @slope: the least (sign 1) or the greatest (sign -1). */
static double
intercept(const GArray *hull, double slope, double sign)
{
    double best = INFINITY;
    for (guint i = 0; i < hull->len; i++)
        best = fmin(best, sign * (points_of(hull)[i].y - slope * points_of(hull)[i].t));
    return sign * best;
}

static double
gap_at(const GArray *lower_hull, const GArray *upper_hull, double slope)
{
    return intercept(lower_hull, slope, 1) - intercept(upper_hull, slope, -1);
}

/* The slope of the widest gap; where several are equally good, the one nearest to none. */
static double
widest_slope(const GArray *lower_hull, const GArray *upper_hull)
{
    double low = -MAX_DRIFT_NS_PER_S;
    double high = MAX_DRIFT_NS_PER_S;
    for (guint i = 0; i < SEARCH_STEPS; i++) {
        double a = low + (high - low) / 3;
        double b = high - (high - low) / 3;
        double gap_a = gap_at(lower_hull, upper_hull, a);
        double gap_b = gap_at(lower_hull, upper_hull, b);
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

static double
span_of(const GArray *a, const GArray *b)
{
    double first = INFINITY;
    double last = -INFINITY;
    const GArray *sides[] = {a, b};
    for (guint s = 0; s < 2; s++) {
        if (sides[s]->len == 0)
            continue;
        first = fmin(first, points_of(sides[s])[0].t);
        last = fmax(last, points_of(sides[s])[sides[s]->len - 1].t);
    }
    return last > first ? last - first : 0;
}

/* Median of the values of points[from, to). */
static double
local_median(const GArray *points, guint from, guint to)
{
    double values[2 * NEIGHBOURS + 1];
    guint n = 0;
    for (guint i = from; i < to && n < G_N_ELEMENTS(values); i++)
        values[n++] = points_of(points)[i].y;
    qsort(values, n, sizeof values[0], compare_doubles);
    return values[n / 2];
}

/* Index of the point of @points on the line of @slope that leaves the least room. */
static guint
support(const GArray *points, double slope, double sign)
{
    guint best = 0;
    for (guint i = 1; i < points->len; i++) {
        const LampClockPoint *p = &points_of(points)[i];
        const LampClockPoint *b = &points_of(points)[best];
        if (sign * (p->y - slope * p->t) < sign * (b->y - slope * b->t))
            best = i;
    }
    return best;
}

/* Of the two points that make the clouds cross, the one that lies further from its own cloud's
 * middle is taken for wrong. */
static void
drop_worst(GArray *upper, GArray *lower, double slope)
{
    guint u = support(upper, slope, 1);
    guint l = support(lower, slope, -1);
    guint ranges[2][2] = {
        {u > NEIGHBOURS ? u - NEIGHBOURS : 0, MIN(upper->len, u + NEIGHBOURS)},
        {l > NEIGHBOURS ? l - NEIGHBOURS : 0, MIN(lower->len, l + NEIGHBOURS)}};
    double above = local_median(upper, ranges[0][0], ranges[0][1]) - points_of(upper)[u].y;
    double below = points_of(lower)[l].y - local_median(lower, ranges[1][0], ranges[1][1]);
    if (above >= below)
        g_array_remove_index(upper, u);
    else
        g_array_remove_index(lower, l);
}

static double
fit_between(GArray *upper, GArray *lower, double *out_gap)
{
    guint budget = 2 + (upper->len + lower->len) / 50;
    for (;;) {
        g_autoptr(GArray) below = hull_of(upper, 1);
        g_autoptr(GArray) above = hull_of(lower, -1);
        double slope = widest_slope(below, above);
        *out_gap = gap_at(below, above, slope);
        if (*out_gap >= 0 || budget-- == 0 || upper->len < 2 || lower->len < 2)
            return slope;
        drop_worst(upper, lower, slope);
    }
}

/* Median distance of @points from the line of @slope that touches their hull: how far delays of
 * single messages scatter. */
static double
scatter(const GArray *points, const GArray *hull, double slope, double sign)
{
    double level = intercept(hull, slope, sign);
    g_autofree double *values = g_new(double, points->len + 1);
    for (guint i = 0; i < points->len; i++)
        values[i] = sign * (points_of(points)[i].y - slope * points_of(points)[i].t - level);
    qsort(values, points->len, sizeof values[0], compare_doubles);
    return values[points->len / 2];
}

/* Points and hull of one side. */
typedef struct {
    const GArray *points, *hull;
    double sign, mean_t, mean_y;
} Cloud;

static Cloud
cloud_of(const GArray *points, const GArray *hull, double sign)
{
    Cloud cloud = {points, hull, sign, 0, 0};
    for (guint i = 0; i < points->len; i++) {
        cloud.mean_t += points_of(points)[i].t / points->len;
        cloud.mean_y += points_of(points)[i].y / points->len;
    }
    return cloud;
}

/* Sum of the distances of all points from the line of @slope that touches the hull. */
static double
total_excess(const Cloud *cloud, double slope)
{
    double mean = cloud->mean_y - slope * cloud->mean_t;
    return cloud->points->len * cloud->sign *
           (mean - intercept(cloud->hull, slope, cloud->sign));
}

/* Minus the logarithm of the posterior: delays exponential of mean @scale, drifts normal. */
static double
cost_of(const Cloud *upper, const Cloud *lower, double scale, double slope)
{
    double excess = total_excess(upper, slope) + total_excess(lower, slope);
    double steep = slope / USUAL_DRIFT_NS_PER_S;
    return excess / scale + steep * steep / 2;
}

static double
likeliest_slope(const Cloud *upper, const Cloud *lower, double scale)
{
    double low = -MAX_DRIFT_NS_PER_S;
    double high = MAX_DRIFT_NS_PER_S;
    for (guint i = 0; i < SEARCH_STEPS; i++) {
        double a = low + (high - low) / 3;
        double b = high - (high - low) / 3;
        if (cost_of(upper, lower, scale, a) < cost_of(upper, lower, scale, b))
            high = b;
        else
            low = a;
    }
    return (low + high) / 2;
}

/* The likeliest slope between the clouds, given that they can be parted. */
static double
fit_slope(const GArray *upper, const GArray *lower, double widest)
{
    g_autoptr(GArray) below = hull_of(upper, 1);
    g_autoptr(GArray) above = hull_of(lower, -1);
    double scale =
        fmax(fmin(scatter(upper, below, widest, 1), scatter(lower, above, widest, -1)),
             LEAST_SCATTER_NS);
    Cloud forward = cloud_of(upper, below, 1);
    Cloud backward = cloud_of(lower, above, -1);
    double slope = likeliest_slope(&forward, &backward, scale);
    return gap_at(below, above, slope) >= 0 ? slope : widest;
}

/* Slope of the hull edge that crosses the middle of the time span. */
static double
one_way_slope(const GArray *hull, double middle)
{
    const LampClockPoint *p = points_of(hull);
    for (guint i = 0; i + 1 < hull->len; i++)
        if (p[i].t <= middle && middle <= p[i + 1].t && p[i + 1].t > p[i].t)
            return (p[i + 1].y - p[i].y) / (p[i + 1].t - p[i].t);
    return 0;
}

static void
fit_one_way(const GArray *points, double sign, LampClockLine *line)
{
    g_autoptr(GArray) hull = hull_of(points, sign);
    const LampClockPoint *p = points_of(points);
    line->drift_ns_per_s = one_way_slope(hull, (p[0].t + p[points->len - 1].t) / 2);
    line->offset_ns = intercept(hull, line->drift_ns_per_s, sign);
    line->half_width_ns = 0;
    line->is_two_way = FALSE;
}

gboolean
lamp_clock_line_fit(GArray *upper, GArray *lower, LampClockLine *out_line)
{
    if (upper->len == 0 && lower->len == 0)
        return FALSE;
    g_array_sort(upper, compare_points);
    g_array_sort(lower, compare_points);
    LampClockLine line = {.span_s = span_of(upper, lower)};
    if (upper->len == 0 || lower->len == 0) {
        fit_one_way(upper->len > 0 ? upper : lower, upper->len > 0 ? 1 : -1, &line);
    } else {
        double gap = 0;
        double widest = fit_between(upper, lower, &gap);
        line.drift_ns_per_s = gap >= 0 ? fit_slope(upper, lower, widest) : widest;
        line.offset_ns = intercept(upper, line.drift_ns_per_s, 1) / 2 +
                         intercept(lower, line.drift_ns_per_s, -1) / 2;
        line.half_width_ns = fabs(gap) / 2; /* of the widest: what the bounds allow */
        line.is_two_way = TRUE;
    }
    *out_line = line;
    return TRUE;
}
