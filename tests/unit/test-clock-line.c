/* The line between two clocks, against a search over all slopes; the graph of clocks. */
#include "correlate/clock/graph.h"
#include "tests/unit/suite.h"

#include <math.h>

static guint32 state = 1;

/* A small generator, the same everywhere: values in [0, 1). */
static double
draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / 16777216.0;
}

static void
add_point(GArray *points, double t, double y)
{
    LampClockPoint point = {t, y};
    g_array_append_val(points, point);
}

static double
gap_of(const GArray *upper, const GArray *lower, double slope)
{
    double top = INFINITY;
    double bottom = -INFINITY;
    for (guint i = 0; i < upper->len; i++) {
        const LampClockPoint *p = &g_array_index(upper, LampClockPoint, i);
        top = fmin(top, p->y - slope * p->t);
    }
    for (guint i = 0; i < lower->len; i++) {
        const LampClockPoint *p = &g_array_index(lower, LampClockPoint, i);
        bottom = fmax(bottom, p->y - slope * p->t);
    }
    return top - bottom;
}

/* Delays between 20 and 520 us on a clock that is @offset off and drifts by @drift. */
static void
make_clouds(GArray *upper, GArray *lower, guint n, double offset, double drift)
{
    for (guint i = 0; i < n; i++) {
        double t = 60 * draw();
        add_point(upper, t, offset + drift * t + 20000 + 500000 * draw() * draw());
        t = 60 * draw();
        add_point(lower, t, offset + drift * t - 20000 - 500000 * draw() * draw());
    }
}

START_TEST(test_line_lies_between_the_clouds)
{
    for (guint round = 0; round < 20; round++) {
        g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
        g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
        make_clouds(upper, lower, 40, 1e9 * (draw() - 0.5), 50000 * (draw() - 0.5));
        LampClockLine line;
        ck_assert(lamp_clock_line_fit(upper, lower, &line));
        ck_assert(line.is_two_way);
        ck_assert(gap_of(upper, lower, line.drift_ns_per_s) >= 0);
        double widest = 2 * line.half_width_ns;
        for (double slope = -40000; slope <= 40000; slope += 50)
            ck_assert(gap_of(upper, lower, slope) <= widest + 1e-3);
    }
}
END_TEST

START_TEST(test_line_is_near_the_truth)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    make_clouds(upper, lower, 500, -2.5e9, 21000);
    add_point(upper, 30, -2.5e9 - 900e6); /* a mispaired message */
    LampClockLine line;
    ck_assert(lamp_clock_line_fit(upper, lower, &line));
    ck_assert(fabs(line.offset_ns + 2.5e9) < 20000);
    ck_assert(fabs(line.drift_ns_per_s - 21000) < 1000);
}
END_TEST

START_TEST(test_line_of_one_way_follows_the_least_delays)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    make_clouds(upper, lower, 500, 7e6, -9000);
    g_array_set_size(lower, 0);
    LampClockLine line;
    ck_assert(lamp_clock_line_fit(upper, lower, &line));
    ck_assert(!line.is_two_way);
    ck_assert(fabs(line.offset_ns - 7e6) < 40000);
    ck_assert(fabs(line.drift_ns_per_s + 9000) < 1000);
    g_array_set_size(upper, 0);
    ck_assert(!lamp_clock_line_fit(upper, lower, &line));
}
END_TEST

START_TEST(test_graph_closes_loops)
{
    /* Three clocks, each pair measured; one pair is 30 us wrong and says so by its width. */
    LampClockEdge edges[] = {
        {0, 1, {1000000, 10000, 1000, 60, TRUE}, 100},
        {1, 2, {2000000, -5000, 1000, 60, TRUE}, 100},
        {0, 2, {3030000, 5000, 30000, 60, TRUE}, 100},
    };
    guint64 rank[5] = {1, 5, 1, 0, 0};
    LampClockNode nodes[5];
    lamp_clock_graph_solve(edges, G_N_ELEMENTS(edges), rank, nodes, 5);
    ck_assert_uint_eq(nodes[0].reference, 1);
    ck_assert_uint_eq(nodes[2].reference, 1);
    ck_assert_uint_eq(nodes[4].reference, 4);
    ck_assert(fabs(nodes[0].offset_ns + 1000000) < 300);
    ck_assert(fabs(nodes[2].offset_ns - 2000000) < 300);
    ck_assert(fabs(nodes[2].drift_ns_per_s + 5000) < 10);
    ck_assert(fabs(nodes[2].uncertainty_ns - 1000) < 1);
    ck_assert_uint_eq(nodes[3].samples, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("clock-line");
    TCase *tc = tcase_create("clock-line");
    tcase_add_test(tc, test_line_lies_between_the_clouds);
    tcase_add_test(tc, test_line_is_near_the_truth);
    tcase_add_test(tc, test_line_of_one_way_follows_the_least_delays);
    tcase_add_test(tc, test_graph_closes_loops);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
