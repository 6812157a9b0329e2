/*
 * The line between two clouds of clock differences.
 *
 * A message from a to b gives receive_b - send_a = theta(t) + delay, so the true line theta
 * lies below all forward points; messages from b to a bound it from below. Only the lower hull
 * of the one and the upper hull of the other matter (Paxson 1998; Huygens, NSDI 2018, for the
 * two-sided form). All lines between the two are possible; how far they reach at t = 0 bounds
 * the error, the asymmetry of the smallest delays included, which nothing can tell.
 *
 * The slope is none unless the points refute a level line; then it is the likeliest when delays
 * beyond the least are exponential and drifts are normal around none. With many points that is
 * the hull edge below the middle of the points (Moon, Skelly and Towsley 1999). A short capture
 * says nothing about a drift, and one that is fitted to its noise would only tilt the line. The
 * line runs in the middle of the gap at the slope taken.
 *
 * Bad points (mispaired messages) make the clouds cross. Then, of the two points that meet, the
 * one that is further from its own neighbours is dropped, up to one point in fifty. With one
 * direction only, the line touches that side's hull and is bounded on that side alone.
 */
#include "correlate/clock/line.h"

#include <math.h>
#include <string.h>

/* A kernel slews a clock by at most 500 ppm; a crystal adds some tens. */
#define MAX_DRIFT_NS_PER_S 6e5
#define SEARCH_STEPS 120

/* Crystals in use are within some tens of ppm: standard deviation of what is expected, and what
 * is thought possible on either side of the slope taken. */
#define USUAL_DRIFT_NS_PER_S 30000.0
#define POSSIBLE_DRIFT_NS_PER_S 100000.0
#define LEAST_SCATTER_NS 1000.0
#define NEIGHBOURS 15

/* A level line is refuted where it does not part the clouds, or where it has less than this
 * share of the widest gap and the logarithm of the odds against it is at least that. */
#define WIDE_SHARE 0.25
#define REFUTING_ODDS 12.0

/* Points and hull of one side. */
typedef struct {
    const GArray *points;
    GArray *hull;
    double sign, mean_t, mean_y;
} Cloud;

typedef struct {
    Cloud upper, lower;
    double scale; /* mean delay beyond the least */
} Corridor;

static gint
compare_doubles(gconstpointer left, gconstpointer right)
{
    double a = *(const double *) left;
    double b = *(const double *) right;
    return a < b ? -1 : a > b;
}

static void
measure_span(const GArray *a, const GArray *b, LampClockLine *line)
{
    double last = -INFINITY;
    const GArray *sides[] = {a, b};
    line->first_t = INFINITY;
    for (guint s = 0; s < 2; s++) {
        if (sides[s]->len == 0)
            continue;
        line->first_t = fmin(line->first_t, lamp_clock_points(sides[s])[0].t);
        last = fmax(last, lamp_clock_points(sides[s])[sides[s]->len - 1].t);
    }
    line->span_s = last - line->first_t;
}

/* Median of the values of points[from, to). */
static double
local_median(const GArray *points, guint from, guint to)
{
    double values[2 * NEIGHBOURS + 1];
    guint n = 0;
    for (guint i = from; i < to && n < G_N_ELEMENTS(values); i++)
        values[n++] = lamp_clock_points(points)[i].y;
    qsort(values, n, sizeof values[0], compare_doubles);
    return values[n / 2];
}

/* Index of the point of @points on the line of @slope that leaves the least room. */
static guint
support(const GArray *points, double slope, double sign)
{
    guint best = 0;
    for (guint i = 1; i < points->len; i++) {
        const LampClockPoint *p = &lamp_clock_points(points)[i];
        const LampClockPoint *b = &lamp_clock_points(points)[best];
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
    double above =
        local_median(upper, ranges[0][0], ranges[0][1]) - lamp_clock_points(upper)[u].y;
    double below =
        lamp_clock_points(lower)[l].y - local_median(lower, ranges[1][0], ranges[1][1]);
    if (above >= below)
        g_array_remove_index(upper, u);
    else
        g_array_remove_index(lower, l);
}

/* Drops points until the clouds can be parted or too many are gone; the slope that parts them
 * most. */
static double
part_clouds(GArray *upper, GArray *lower, double limit, double *out_gap)
{
    guint budget = 2 + (upper->len + lower->len) / 50;
    for (;;) {
        g_autoptr(GArray) below = lamp_clock_hull(upper, 1);
        g_autoptr(GArray) above = lamp_clock_hull(lower, -1);
        double slope = lamp_clock_widest_slope(below, above, limit);
        *out_gap = lamp_clock_gap(below, above, slope);
        if (*out_gap >= 0 || budget-- == 0 || upper->len < 2 || lower->len < 2)
            return slope;
        drop_worst(upper, lower, slope);
    }
}

gboolean
lamp_clock_part(GArray *upper, GArray *lower, double limit)
{
    double gap = 0;
    if (upper->len > 0 && lower->len > 0)
        part_clouds(upper, lower, limit, &gap);
    return gap >= 0;
}

/* Median distance of the points from the line of @slope that touches their hull: how far delays
 * of single messages scatter. */
static double
scatter(const Cloud *cloud, double slope)
{
    double level = lamp_clock_intercept(cloud->hull, slope, cloud->sign);
    guint n = cloud->points->len;
    const LampClockPoint *p = lamp_clock_points(cloud->points);
    g_autofree double *values = g_new(double, n + 1);
    for (guint i = 0; i < n; i++)
        values[i] = cloud->sign * (p[i].y - slope * p[i].t - level);
    qsort(values, n, sizeof values[0], compare_doubles);
    return values[n / 2];
}

static Cloud
cloud_of(const GArray *points, double sign)
{
    Cloud cloud = {points, lamp_clock_hull(points, sign), sign, 0, 0};
    for (guint i = 0; i < points->len; i++) {
        cloud.mean_t += lamp_clock_points(points)[i].t / points->len;
        cloud.mean_y += lamp_clock_points(points)[i].y / points->len;
    }
    return cloud;
}

static double
gap_at(const Corridor *corridor, double slope)
{
    return lamp_clock_gap(corridor->upper.hull, corridor->lower.hull, slope);
}

/* Sum of the distances of all points from the line of @slope that touches the hull. */
static double
total_excess(const Cloud *cloud, double slope)
{
    double mean = cloud->mean_y - slope * cloud->mean_t;
    return cloud->points->len * cloud->sign *
           (mean - lamp_clock_intercept(cloud->hull, slope, cloud->sign));
}

/* Minus the logarithm of the posterior: delays exponential, drifts normal. Convex. */
static double
cost_of(const Corridor *corridor, double slope)
{
    double excess =
        total_excess(&corridor->upper, slope) + total_excess(&corridor->lower, slope);
    double steep = slope / USUAL_DRIFT_NS_PER_S;
    return excess / corridor->scale + steep * steep / 2;
}

static double
likeliest_slope(const Corridor *corridor)
{
    double low = -MAX_DRIFT_NS_PER_S;
    double high = MAX_DRIFT_NS_PER_S;
    for (guint i = 0; i < SEARCH_STEPS; i++) {
        double a = low + (high - low) / 3;
        double b = high - (high - low) / 3;
        if (cost_of(corridor, a) < cost_of(corridor, b))
            high = b;
        else
            low = a;
    }
    return (low + high) / 2;
}

static double
choose_slope(const Corridor *corridor, double widest)
{
    double likeliest = likeliest_slope(corridor);
    if (gap_at(corridor, likeliest) < 0)
        likeliest = widest;
    double gap = gap_at(corridor, 0);
    gboolean is_level = gap >= WIDE_SHARE * gap_at(corridor, widest) ||
                        cost_of(corridor, 0) - cost_of(corridor, likeliest) < REFUTING_ODDS;
    if (gap < 0)
        is_level = FALSE;
    return is_level ? 0 : likeliest;
}

/* The last slope from @slope towards @end at which the clouds are still parted. */
static double
last_possible(const Corridor *corridor, double slope, double end)
{
    if (gap_at(corridor, end) >= 0)
        return end;
    for (guint i = 0; i < 60; i++) {
        double middle = (slope + end) / 2;
        if (gap_at(corridor, middle) >= 0)
            slope = middle;
        else
            end = middle;
    }
    return slope;
}

/* The farthest that a line of a slope in [@low, @high] can reach at @center on the cloud's
 * side: that is concave (upper) or convex (lower) in the slope. */
static double
farthest(const Cloud *cloud, double low, double high, double center)
{
    for (guint i = 0; i < SEARCH_STEPS; i++) {
        double a = low + (high - low) / 3;
        double b = high - (high - low) / 3;
        double at_a = lamp_clock_intercept(cloud->hull, a, cloud->sign) + a * center;
        double at_b = lamp_clock_intercept(cloud->hull, b, cloud->sign) + b * center;
        if (cloud->sign * at_a < cloud->sign * at_b)
            low = a;
        else
            high = b;
    }
    double slope = (low + high) / 2;
    return lamp_clock_intercept(cloud->hull, slope, cloud->sign) + slope * center;
}

/* The bounds are taken at the time of the points that is nearest to t = 0, and moved along the
 * line to there. */
static void
bound_line(const Corridor *corridor, LampClockLine *line)
{
    double slope = line->drift_ns_per_s;
    double center = fmin(fmax(0, line->first_t), line->first_t + line->span_s);
    double low = last_possible(corridor, slope, slope - POSSIBLE_DRIFT_NS_PER_S);
    double high = last_possible(corridor, slope, slope + POSSIBLE_DRIFT_NS_PER_S);
    line->low_ns = farthest(&corridor->lower, low, high, center) - slope * center;
    line->high_ns = farthest(&corridor->upper, low, high, center) - slope * center;
    line->drift_error = (high - low) / 2;
}

static void
fit_two_way(GArray *upper, GArray *lower, LampClockLine *line)
{
    double gap = 0;
    double widest = part_clouds(upper, lower, MAX_DRIFT_NS_PER_S, &gap);
    Corridor corridor = {cloud_of(upper, 1), cloud_of(lower, -1), 1};
    corridor.scale =
        fmax(fmin(scatter(&corridor.upper, widest), scatter(&corridor.lower, widest)),
             LEAST_SCATTER_NS);
    line->is_two_way = TRUE;
    line->is_parted = gap >= 0;
    line->drift_ns_per_s = gap >= 0 ? choose_slope(&corridor, widest) : widest;
    double top = lamp_clock_intercept(corridor.upper.hull, line->drift_ns_per_s, 1);
    double bottom = lamp_clock_intercept(corridor.lower.hull, line->drift_ns_per_s, -1);
    line->offset_ns = top / 2 + bottom / 2;
    line->statistical_ns = hypot(corridor.scale / upper->len, corridor.scale / lower->len) / 2;
    if (gap >= 0) {
        bound_line(&corridor, line);
    } else { /* crossing: the truth may be on either side of both */
        line->low_ns = fmin(top, bottom);
        line->high_ns = fmax(top, bottom);
        line->drift_error = (line->high_ns - line->low_ns) / fmax(line->span_s, 1e-3);
    }
    g_array_unref(corridor.upper.hull);
    g_array_unref(corridor.lower.hull);
}

/* Slope of the hull edge that crosses the middle of the time span. */
static double
one_way_slope(const GArray *hull, double middle)
{
    const LampClockPoint *p = lamp_clock_points(hull);
    for (guint i = 0; i + 1 < hull->len; i++)
        if (p[i].t <= middle && middle <= p[i + 1].t && p[i + 1].t > p[i].t)
            return CLAMP((p[i + 1].y - p[i].y) / (p[i + 1].t - p[i].t), -MAX_DRIFT_NS_PER_S,
                         MAX_DRIFT_NS_PER_S);
    return 0;
}

static void
fit_one_way(const GArray *points, double sign, LampClockLine *line)
{
    Cloud cloud = cloud_of(points, sign);
    const LampClockPoint *p = lamp_clock_points(points);
    double slope = one_way_slope(cloud.hull, (p[0].t + p[points->len - 1].t) / 2);
    double scale = fmax(scatter(&cloud, slope), LEAST_SCATTER_NS);
    double gained = total_excess(&cloud, 0) - total_excess(&cloud, slope);
    line->drift_ns_per_s = gained / scale < REFUTING_ODDS ? 0 : slope;
    line->offset_ns = lamp_clock_intercept(cloud.hull, line->drift_ns_per_s, sign);
    line->low_ns = sign > 0 ? -INFINITY : line->offset_ns;
    line->high_ns = sign > 0 ? line->offset_ns : INFINITY;
    line->drift_error = POSSIBLE_DRIFT_NS_PER_S;
    line->statistical_ns = scale / points->len;
    line->is_two_way = FALSE;
    line->is_parted = TRUE;
    g_array_unref(cloud.hull);
}

gboolean
lamp_clock_line_fit(GArray *upper, GArray *lower, LampClockLine *out_line)
{
    if (upper->len == 0 && lower->len == 0)
        return FALSE;
    lamp_clock_points_sort(upper);
    lamp_clock_points_sort(lower);
    LampClockLine line = {0};
    measure_span(upper, lower, &line);
    if (upper->len == 0 || lower->len == 0)
        fit_one_way(upper->len > 0 ? upper : lower, upper->len > 0 ? 1 : -1, &line);
    else
        fit_two_way(upper, lower, &line);
    *out_line = line;
    return TRUE;
}
