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
intercept_of(const GArray *points, double slope, double sign)
{
    double extreme = INFINITY;
    for (guint i = 0; i < points->len; i++) {
        const LampClockPoint *p = &g_array_index(points, LampClockPoint, i);
        extreme = fmin(extreme, sign * (p->y - slope * p->t));
    }
    return sign * extreme;
}

static double
gap_of(const GArray *upper, const GArray *lower, double slope)
{
    return intercept_of(upper, slope, 1) - intercept_of(lower, slope, -1);
}

/* Delays between 20 and 520 us on a clock that is @offset off and drifts by @drift. */
static void
make_clouds(GArray *upper, GArray *lower, guint n, double offset, double drift)
{
    for (guint i = 0; i < n; i++) {
        double t = 60 * draw() - 30;
        add_point(upper, t, offset + drift * t + 20000 + 500000 * draw() * draw());
        t = 60 * draw() - 30;
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
        for (double slope = -40000; slope <= 40000; slope += 50) {
            if (gap_of(upper, lower, slope) < 0)
                continue;
            ck_assert(line.low_ns <= intercept_of(lower, slope, -1) + 1e-3);
            ck_assert(line.high_ns >= intercept_of(upper, slope, 1) - 1e-3);
        }
    }
}
END_TEST

START_TEST(test_line_is_near_the_truth)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    make_clouds(upper, lower, 500, -2.5e9, 21000);
    add_point(upper, 5, -2.5e9 - 900e6); /* a mispaired message */
    LampClockLine line;
    ck_assert(lamp_clock_line_fit(upper, lower, &line));
    ck_assert(fabs(line.offset_ns + 2.5e9) < 20000);
    ck_assert(fabs(line.drift_ns_per_s - 21000) < 1000);
}
END_TEST

/* A capture of a second, in which delays grow: a level line is possible and is taken; what the
 * bounds leave open is told. */
START_TEST(test_line_of_a_short_capture_is_level)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    for (guint i = 0; i < 50; i++) {
        add_point(upper, i / 50.0, 278000 + 29000 + 100 * i + 3000 * draw());
        add_point(lower, i / 50.0, 278000 - 60000 + 600 * i - 3000 * draw());
    }
    LampClockLine line;
    ck_assert(lamp_clock_line_fit(upper, lower, &line));
    ck_assert(fabs(line.drift_ns_per_s) < 1e-6);
    ck_assert(line.low_ns <= 278000 && line.high_ns >= 278000);
    ck_assert(line.high_ns - line.low_ns > 30000);
    ck_assert(line.drift_error > 10000);
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
        {0, 1, FALSE, {1000000, 10000, 999000, 1001000, 10, 1, -30, 60, TRUE, TRUE}, 100},
        {1, 2, FALSE, {2000000, -5000, 1999000, 2001000, 10, 1, -30, 60, TRUE, TRUE}, 100},
        {0, 2, FALSE, {3030000, 5000, 3000000, 3060000, 10, 1, -30, 60, TRUE, TRUE}, 100},
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
    /* Each pair alone allows 1 us; the third one takes nothing away. */
    ck_assert(nodes[2].uncertainty_ns >= 1000 && nodes[2].uncertainty_ns < 1300);
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
    tcase_add_test(tc, test_line_of_a_short_capture_is_level);
    tcase_add_test(tc, test_line_of_one_way_follows_the_least_delays);
    tcase_add_test(tc, test_graph_closes_loops);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
