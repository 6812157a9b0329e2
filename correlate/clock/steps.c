/*
 * Steps of clocks, from the cuts of all pairs of hosts.
 *
 * A pair whose corridor closes (correlate/clock/cuts.c) tells that one of its two clocks
 * changed, and not which. The other pairs of both hosts tell: the clock is the one of the host
 * that has more of its pairs cut at that time, by the same step. Cuts of several pairs that one
 * step explains are one. A pair that did not notice the step (little traffic) is cut where the
 * host's stamps pass it. Each part of a host's time is a clock of its own for the solver
 * (correlate/clock/graph.c); the parts are tied together by the hosts that kept their rate.
 *
 * Pairs are cut along the time of the host that leaves fewer cuts, and less time open in them:
 * a clock that was set back stamps two times alike, the other one does not.
 *
 * Limits: of two hosts that saw traffic with each other alone, nothing tells whose clock
 * changed. Steps of one host are ordered by its own stamps, so of several that follow each
 * other faster than they set the clock back, the order is lost.
 */
#include "correlate/clock/steps.h"
#include "correlate/clock/cuts.h"

#include <math.h>

/* More changes than these are no steps of clocks. */
#define MOST_CHANGES 2000
/* Open time, as a share of the whole, for which one cut more is taken. */
#define CUT_WORTH 0.05

/* A change that one pair alone saw, of so many at both its hosts, is mispaired messages; so
 * many that agree outvote it. */
#define WITNESSES 3

#define SAME_TIME_S 1e-3
#define SAME_STEP_NS 1e6
#define SAME_STEP_SHARE 0.1

/* One pair along the time of one of its hosts. */
typedef struct {
    const LampClockPair *pair;
    guint axis;
    GArray *upper, *lower, *cuts;
    double first[2], last[2]; /* on the clocks of a and b */
} Course;

/* One cut of a pair: between which stamps, before the step, on the clocks of a and b. */
typedef struct {
    guint32 course;
    double from; /* first point after it, on the axis */
    double low[2], high[2];
    double step_ns;                /* of b minus a */
    guint culprit;                 /* 0: a, 1: b */
    guint present[2], agreeing[2]; /* pairs of a and b: with traffic then; that changed alike */
    guint32 part;                  /* of the culprit's parts the one that begins here */
} Change;

/* One step of a host's clock: all changes that it explains. */
typedef struct {
    guint32 host, part;
    double low, high; /* between which stamps, before the step */
    double step_ns;
} Step;

typedef struct {
    GArray *courses; /* Course */
    GArray *changes; /* Change */
    GArray *steps;   /* Step, by host, then by time */
    const guint64 *steadiness;
    guint32 n_hosts;
} Survey;

static guint32
host_of(const Course *course, guint end)
{
    return end == 0 ? course->pair->a : course->pair->b;
}

/* The stamp of the pair's host @end that belongs to @point. */
static double
stamp_at(const Course *course, const LampClockPoint *point, guint end)
{
    if (end == course->axis)
        return point->t;
    return point->t + (end == 1 ? 1 : -1) * point->y / 1e9;
}

static void
measure_course(Course *course)
{
    const GArray *sides[] = {course->upper, course->lower};
    for (guint end = 0; end < 2; end++) {
        course->first[end] = INFINITY;
        course->last[end] = -INFINITY;
    }
    for (guint k = 0; k < 2; k++)
        for (guint i = 0; i < sides[k]->len; i++)
            for (guint end = 0; end < 2; end++) {
                double t = stamp_at(course, &lamp_clock_points(sides[k])[i], end);
                course->first[end] = fmin(course->first[end], t);
                course->last[end] = fmax(course->last[end], t);
            }
}

static Course
course_along(const LampClockPair *pair, guint axis)
{
    Course course = {.pair = pair, .axis = axis};
    course.upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    course.lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    lamp_clock_pair_points(pair, axis, course.upper, course.lower);
    course.cuts = lamp_clock_cuts(course.upper, course.lower);
    measure_course(&course);
    return course;
}

static void
clear_course(Course *course)
{
    g_array_unref(course->upper);
    g_array_unref(course->lower);
    g_array_unref(course->cuts);
}

static void
add_changes(Survey *survey, const Course *course)
{
    for (guint i = 0; i < course->cuts->len && survey->changes->len < MOST_CHANGES; i++) {
        const LampClockCut *cut = &g_array_index(course->cuts, LampClockCut, i);
        double level = lamp_clock_level(course->upper, course->lower, cut->before, FALSE);
        LampClockPoint point = {cut->before, level};
        Change change = {.course = survey->courses->len - 1, .from = cut->from};
        for (guint end = 0; end < 2; end++) {
            change.low[end] = stamp_at(course, &point, end);
            change.high[end] = change.low[end] + cut->after - cut->before;
        }
        change.step_ns =
            lamp_clock_level(course->upper, course->lower, cut->after, TRUE) - level;
        g_array_append_val(survey->changes, change);
    }
}

/* Time that the cuts leave open. */
static double
open_time(const Course *course)
{
    double sum = 0;
    for (guint i = 0; i < course->cuts->len; i++) {
        const LampClockCut *cut = &g_array_index(course->cuts, LampClockCut, i);
        sum += cut->after - cut->before;
    }
    return sum;
}

/* Both little open time and few cuts speak for an axis. */
static gboolean
is_better_cut(const Course *a, const Course *b)
{
    double worth = CUT_WORTH * fmin(a->last[a->axis] - a->first[a->axis],
                                    b->last[b->axis] - b->first[b->axis]);
    return a->cuts->len * worth + open_time(a) < b->cuts->len * worth + open_time(b);
}

static void
add_course(Survey *survey, const LampClockPair *pair)
{
    Course course = course_along(pair, 0);
    if (course.cuts->len > 0) {
        Course other = course_along(pair, 1);
        gboolean is_better = is_better_cut(&other, &course);
        clear_course(is_better ? &course : &other);
        course = is_better ? other : course;
    }
    g_array_append_val(survey->courses, course);
    add_changes(survey, &course);
}

/* Does the pair of @course include @host? Which end it is. */
static gboolean
find_end(const Course *course, guint32 host, guint *out_end)
{
    *out_end = course->pair->b == host ? 1 : 0;
    return course->pair->a == host || course->pair->b == host;
}

/* By how much the clock of @end itself went forward, if the change is its own. */
static double
own_step(const Change *change, guint end)
{
    return end == 1 ? change->step_ns : -change->step_ns;
}

static gboolean
is_same_step(double a, double b)
{
    return fabs(a - b) <= SAME_STEP_NS + SAME_STEP_SHARE * fmax(fabs(a), fabs(b));
}

/* Counts the pairs of the change's host @end with traffic at that time, and those of them that
 * have the change too. */
static void
count_witnesses(const Survey *survey, Change *change, guint end)
{
    const Course *own = &g_array_index(survey->courses, Course, change->course);
    guint32 host = host_of(own, end);
    guint at = 0;
    for (guint i = 0; i < survey->courses->len; i++) {
        const Course *course = &g_array_index(survey->courses, Course, i);
        if (find_end(course, host, &at) && course->first[at] < change->low[end] &&
            course->last[at] > change->high[end])
            change->present[end]++;
    }
    for (guint i = 0; i < survey->changes->len; i++) {
        const Change *other = &g_array_index(survey->changes, Change, i);
        const Course *course = &g_array_index(survey->courses, Course, other->course);
        if (find_end(course, host, &at) && other->low[at] <= change->high[end] + SAME_TIME_S &&
            other->high[at] >= change->low[end] - SAME_TIME_S &&
            is_same_step(own_step(other, at), own_step(change, end)))
            change->agreeing[end]++;
    }
}

static double
support_of(const Change *change, guint end)
{
    double most = MAX(change->present[end], change->agreeing[end]);
    return change->agreeing[end] / fmax(most, 1) + 1e-3 * change->agreeing[end];
}

/* Did several pairs of a host of the change see another one? */
static gboolean
is_outvoted(const Survey *survey, const Change *change)
{
    const Course *own = &g_array_index(survey->courses, Course, change->course);
    for (guint i = 0; i < survey->changes->len; i++) {
        const Change *other = &g_array_index(survey->changes, Change, i);
        const Course *course = &g_array_index(survey->courses, Course, other->course);
        guint at = 0;
        for (guint end = 0; end < 2; end++)
            if (find_end(course, host_of(own, end), &at) && other->agreeing[at] >= WITNESSES)
                return TRUE;
    }
    return FALSE;
}

/* Seen by one pair alone, where others should have seen it, or saw something else. */
static gboolean
stands_alone(const Survey *survey, const Change *change)
{
    if (change->agreeing[0] > 1 || change->agreeing[1] > 1)
        return FALSE;
    return (change->present[0] >= WITNESSES && change->present[1] >= WITNESSES) ||
           is_outvoted(survey, change);
}

static void
find_culprits(Survey *survey)
{
    for (guint i = 0; i < survey->changes->len; i++) {
        Change *change = &g_array_index(survey->changes, Change, i);
        const Course *course = &g_array_index(survey->courses, Course, change->course);
        count_witnesses(survey, change, 0);
        count_witnesses(survey, change, 1);
        double a = support_of(change, 0);
        double b = support_of(change, 1);
        guint64 steady_a = survey->steadiness[course->pair->a];
        guint64 steady_b = survey->steadiness[course->pair->b];
        change->culprit = a != b ? b > a : steady_b <= steady_a;
    }
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(Change));
    for (guint i = 0; i < survey->changes->len; i++) {
        Change change = g_array_index(survey->changes, Change, i);
        if (!stands_alone(survey, &change))
            g_array_append_val(kept, change);
    }
    g_array_set_size(survey->changes, 0);
    g_array_append_vals(survey->changes, kept->data, kept->len);
}

static gint
compare_changes(gconstpointer left, gconstpointer right, gpointer user)
{
    const Survey *survey = user;
    const Change *a = left;
    const Change *b = right;
    guint32 host_a = host_of(&g_array_index(survey->courses, Course, a->course), a->culprit);
    guint32 host_b = host_of(&g_array_index(survey->courses, Course, b->course), b->culprit);
    if (host_a != host_b)
        return host_a < host_b ? -1 : 1;
    if (a->low[a->culprit] != b->low[b->culprit])
        return a->low[a->culprit] < b->low[b->culprit] ? -1 : 1;
    if (a->course != b->course)
        return a->course < b->course ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Is the change the last step once more, as another pair saw it? */
static gboolean
is_explained(const Step *step, guint32 host, const Change *change)
{
    guint end = change->culprit;
    return step->host == host && change->low[end] <= step->high + SAME_TIME_S &&
           change->high[end] >= step->low - SAME_TIME_S &&
           is_same_step(step->step_ns, own_step(change, end));
}

/* Gathers the changes of each host in the order of its stamps. */
static void
gather_steps(Survey *survey)
{
    g_array_sort_with_data(survey->changes, compare_changes, survey);
    for (guint i = 0; i < survey->changes->len; i++) {
        Change *change = &g_array_index(survey->changes, Change, i);
        guint end = change->culprit;
        guint32 host = host_of(&g_array_index(survey->courses, Course, change->course), end);
        Step *last = survey->steps->len == 0
                         ? NULL
                         : &g_array_index(survey->steps, Step, survey->steps->len - 1);
        if (last != NULL && is_explained(last, host, change)) {
            last->low = fmax(last->low, change->low[end]);
            last->high = fmin(last->high, change->high[end]);
        } else {
            guint32 part = last != NULL && last->host == host ? last->part + 1 : 1;
            Step step = {host, part, change->low[end], change->high[end],
                         own_step(change, end)};
            g_array_append_val(survey->steps, step);
        }
        change->part = g_array_index(survey->steps, Step, survey->steps->len - 1).part;
    }
}

/* Where a part of one of the pair's hosts begins, on the axis. */
typedef struct {
    double t;
    guint end;
    guint32 part;
} Border;

static gint
compare_borders(gconstpointer left, gconstpointer right)
{
    const Border *a = left;
    const Border *b = right;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return a->part < b->part ? -1 : a->part > b->part;
}

/* First time on the axis at which the stamps of @end are past @step. */
static double
passing_of(const Course *course, guint end, const Step *step)
{
    double passed = INFINITY;
    double middle = step->low / 2 + step->high / 2;
    const GArray *sides[] = {course->upper, course->lower};
    for (guint k = 0; k < 2; k++) {
        double latest = -INFINITY;
        for (guint i = 0; i < sides[k]->len; i++) {
            const LampClockPoint *p = &lamp_clock_points(sides[k])[i];
            double stamp = stamp_at(course, p, end);
            if (stamp > middle || stamp < latest - fabs(step->step_ns) / 2e9 - SAME_TIME_S)
                passed = fmin(passed, p->t);
            latest = fmax(latest, stamp);
        }
    }
    return passed;
}

/* Where the pair passes @step. Its own cut of it may be wide; where in it the step was, the
 * other pairs tell. */
static double
border_of(const Survey *survey, guint32 index, guint end, const Step *step)
{
    const Course *course = &g_array_index(survey->courses, Course, index);
    double passed = passing_of(course, end, step);
    for (guint i = 0; i < survey->changes->len; i++) {
        const Change *change = &g_array_index(survey->changes, Change, i);
        if (change->course != index || change->culprit != end || change->part != step->part)
            continue;
        gboolean is_inside =
            passed > change->low[course->axis] && passed <= change->high[course->axis];
        return is_inside ? passed : change->from;
    }
    return passed;
}

static GArray *
borders_of(const Survey *survey, guint32 index)
{
    const Course *course = &g_array_index(survey->courses, Course, index);
    GArray *borders = g_array_new(FALSE, FALSE, sizeof(Border));
    for (guint i = 0; i < survey->steps->len; i++) {
        const Step *step = &g_array_index(survey->steps, Step, i);
        guint end = 0;
        if (!find_end(course, step->host, &end))
            continue;
        Border border = {border_of(survey, index, end, step), end, step->part};
        g_array_append_val(borders, border);
    }
    g_array_sort(borders, compare_borders);
    return borders;
}

static GArray *
points_between(const GArray *points, double from, double to)
{
    GArray *part = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    for (guint i = 0; i < points->len; i++) {
        LampClockPoint p = lamp_clock_points(points)[i];
        if (p.t >= from && p.t < to)
            g_array_append_val(part, p);
    }
    return part;
}

static void
add_edge(const Course *course, double from, double to, const guint32 node[2], GArray *edges)
{
    g_autoptr(GArray) upper = points_between(course->upper, from, to);
    g_autoptr(GArray) lower = points_between(course->lower, from, to);
    guint all = course->upper->len + course->lower->len;
    double share = (double) (upper->len + lower->len) / MAX(all, 1);
    LampClockEdge edge = {.a = node[0], .b = node[1], .is_over_b = course->axis == 1};
    edge.samples = (guint64) llround(share * (double) course->pair->samples);
    if (lamp_clock_line_fit(upper, lower, &edge.line))
        g_array_append_val(edges, edge);
}

/* The edges of one pair: one for each part in which neither clock changed. */
static void
add_edges(const Survey *survey, guint32 index, const guint32 *first_node, GArray *edges)
{
    const Course *course = &g_array_index(survey->courses, Course, index);
    g_autoptr(GArray) borders = borders_of(survey, index);
    guint32 node[2] = {first_node[course->pair->a], first_node[course->pair->b]};
    double from = -INFINITY;
    for (guint i = 0; i < borders->len; i++) {
        const Border *border = &g_array_index(borders, Border, i);
        if (border->t > from)
            add_edge(course, from, border->t, node, edges);
        from = border->t;
        node[border->end] = first_node[host_of(course, border->end)] + border->part;
    }
    add_edge(course, from, INFINITY, node, edges);
}

static gint
compare_edges(gconstpointer left, gconstpointer right)
{
    const LampClockEdge *a = left;
    const LampClockEdge *b = right;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

void
lamp_clock_parts(const GPtrArray *pairs, guint32 n_hosts, const guint64 *steadiness,
                 LampClockParts *out_parts)
{
    Survey survey = {
        .courses = g_array_new(FALSE, TRUE, sizeof(Course)),
        .changes = g_array_new(FALSE, TRUE, sizeof(Change)),
        .steps = g_array_new(FALSE, TRUE, sizeof(Step)),
        .steadiness = steadiness,
        .n_hosts = n_hosts,
    };
    for (guint i = 0; i < pairs->len; i++)
        add_course(&survey, g_ptr_array_index(pairs, i));
    find_culprits(&survey);
    gather_steps(&survey);
    guint32 *first_node = g_new0(guint32, (gsize) n_hosts + 1);
    for (guint i = 0; i < survey.steps->len; i++)
        first_node[g_array_index(survey.steps, Step, i).host + 1]++;
    for (guint32 i = 0; i < n_hosts; i++)
        first_node[i + 1] += first_node[i] + 1;
    out_parts->first_node = first_node;
    out_parts->edges = g_array_new(FALSE, TRUE, sizeof(LampClockEdge));
    for (guint32 i = 0; i < survey.courses->len; i++)
        add_edges(&survey, i, first_node, out_parts->edges);
    g_array_sort(out_parts->edges, compare_edges);
    for (guint i = 0; i < survey.courses->len; i++)
        clear_course(&g_array_index(survey.courses, Course, i));
    g_array_unref(survey.courses);
    g_array_unref(survey.changes);
    g_array_unref(survey.steps);
}

void
lamp_clock_parts_clear(LampClockParts *parts)
{
    g_free(parts->first_node);
    g_array_unref(parts->edges);
}
