/* Clocks that were set or changed their rate: cuts of one pair, and whose clock it was. */
#include "correlate/clock/cuts.h"
#include "correlate/clock/steps.h"
#include "tests/unit/suite.h"

#include <math.h>

#define SPAN_S 120.0

static guint64 state = 7;

static double
draw(void)
{
    state = state * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return (double) (state >> 11) / 9007199254740992.0;
}

static double
draw_exponential(double mean)
{
    return -mean * log(1 - draw());
}

/* A clock's error in ns at true time t: one line up to the step, another one after it. */
typedef struct {
    double offset, drift, step_at, step, drift_after;
} Clock;

static double
error_at(const Clock *clock, double t)
{
    double error = clock->offset + clock->drift * t;
    if (t >= clock->step_at)
        error += clock->step + (clock->drift_after - clock->drift) * (t - clock->step_at);
    return error;
}

static void
keep(LampClockSlot *slot, LampClockPoint point, gboolean is_upper)
{
    LampClockPoint *kept = is_upper ? &slot->upper : &slot->lower;
    if (is_upper ? point.y < kept->y : point.y > kept->y)
        *kept = point;
}

static guint
slot_of(const Clock *clock, double stamp)
{
    double ends[] = {error_at(clock, -SPAN_S / 2) / 1e9 - SPAN_S / 2,
                     error_at(clock, SPAN_S / 2) / 1e9 + SPAN_S / 2,
                     error_at(clock, clock->step_at) / 1e9 + clock->step_at,
                     error_at(clock, clock->step_at - 1e-9) / 1e9 + clock->step_at};
    double low = INFINITY;
    double high = -INFINITY;
    for (guint i = 0; i < 4; i++) {
        low = fmin(low, ends[i]);
        high = fmax(high, ends[i]);
    }
    return (guint) CLAMP((stamp - low) / (high - low) * LAMP_CLOCK_SLOTS, 0,
                         LAMP_CLOCK_SLOTS - 1);
}

/* @n messages each way between hosts @a and @b; delays of 30 us and more, exponential. One in
 * 500 is mispaired if @has_outliers. */
static LampClockPair *
make_pair(const Clock *clocks, guint32 a, guint32 b, guint n, double jitter,
          gboolean has_outliers)
{
    LampClockPair *pair = g_new0(LampClockPair, 1);
    pair->a = a;
    pair->b = b;
    pair->samples = 2 * n;
    for (guint i = 0; i < 2 * LAMP_CLOCK_SLOTS; i++) {
        pair->slots[i / LAMP_CLOCK_SLOTS][i % LAMP_CLOCK_SLOTS].upper.y = INFINITY;
        pair->slots[i / LAMP_CLOCK_SLOTS][i % LAMP_CLOCK_SLOTS].lower.y = -INFINITY;
    }
    for (guint i = 0; i < 2 * n; i++) {
        gboolean is_upper = i % 2 == 0;
        double sent = SPAN_S * (draw() - 0.5);
        double received = sent + (30000 + draw_exponential(jitter)) / 1e9;
        if (has_outliers && i % 499 == 50)
            received -= 0.4;
        double at[2] = {is_upper ? sent : received, is_upper ? received : sent};
        double stamp[2] = {at[0] + error_at(&clocks[a], at[0]) / 1e9,
                           at[1] + error_at(&clocks[b], at[1]) / 1e9};
        double y =
            (at[1] - at[0]) * 1e9 + error_at(&clocks[b], at[1]) - error_at(&clocks[a], at[0]);
        for (guint axis = 0; axis < 2; axis++) {
            LampClockPoint point = {stamp[axis], y};
            const Clock *clock = &clocks[axis == 0 ? a : b];
            keep(&pair->slots[axis][slot_of(clock, stamp[axis])], point, is_upper);
        }
    }
    return pair;
}

static GArray *
cuts_of(const Clock *clocks, double jitter, gboolean has_outliers)
{
    g_autofree LampClockPair *pair = make_pair(clocks, 0, 1, 2000, jitter, has_outliers);
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    lamp_clock_pair_points(pair, 0, upper, lower);
    return lamp_clock_cuts(upper, lower);
}

static const double jitters[] = {2e4, 2e5, 2e6};

START_TEST(test_steps_are_cut)
{
    static const double steps[] = {1e6, -1e6, 2e7, -2e7, 1.5e9, -1.5e9, 3.6e12, -3.6e12};
    double jitter = jitters[_i];
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (fabs(steps[i]) < jitter)
            continue;
        Clock clocks[] = {{.step_at = INFINITY},
                          {1e8 * draw(), 2e4 * draw(), 40 * draw() - 20, steps[i], 0}};
        clocks[1].drift_after = clocks[1].drift;
        g_autoptr(GArray) cuts = cuts_of(clocks, jitter, TRUE);
        ck_assert_msg(cuts->len == 1, "step %g, jitter %g: %u cuts", steps[i], jitter,
                      cuts->len);
        const LampClockCut *cut = &g_array_index(cuts, LampClockCut, 0);
        ck_assert(cut->before <= clocks[1].step_at && cut->after >= clocks[1].step_at);
        ck_assert(cut->after - cut->before < 10);
    }
}
END_TEST

START_TEST(test_steady_clocks_are_not_cut)
{
    for (guint i = 0; i < 20; i++) {
        Clock clocks[] = {{.step_at = INFINITY}, {1e9 * draw(), 5e4 * draw(), INFINITY, 0, 0}};
        g_autoptr(GArray) cuts = cuts_of(clocks, jitters[i % 3], i % 2 == 0);
        ck_assert_uint_eq(cuts->len, 0);
    }
}
END_TEST

START_TEST(test_change_of_rate_is_cut)
{
    Clock clocks[] = {{.step_at = INFINITY}, {1e6, 2e4, 10, 0, -6e4}};
    g_autoptr(GArray) cuts = cuts_of(clocks, 2e4, FALSE);
    ck_assert_uint_ge(cuts->len, 1);
    ck_assert(fabs(g_array_index(cuts, LampClockCut, 0).from - 10) < 5);
}
END_TEST

/* Four hosts, each pair with traffic; host 2 is set. It is found, both parts are within their
 * uncertainty, and no other host is cut. */
START_TEST(test_whose_clock_was_set)
{
    static const double steps[] = {3e6, -3e6, 4e9, -4e9, 3.6e12, -3.6e12};
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        double d = 3e4;
        Clock clocks[] = {{0, 0, INFINITY, 0, 0},
                          {7e8, -2e4, INFINITY, 0, 0},
                          {-5e8, d, 12.5, steps[i], d},
                          {1e7, 1e4, INFINITY, 0, 0}};
        GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
        for (guint32 a = 0; a < 4; a++)
            for (guint32 b = a + 1; b < 4; b++)
                g_ptr_array_add(
                    pairs, make_pair(clocks, a, b, a == 1 ? 60 : 1000, jitters[i % 2], FALSE));
        guint64 steadiness[] = {4, 3, 2, 1};
        LampClockParts parts;
        lamp_clock_parts(pairs, 4, steadiness, &parts);
        guint32 n = parts.first_node[4];
        ck_assert_msg(n == 5 && parts.first_node[3] - parts.first_node[2] == 2,
                      "step %g: %u parts", steps[i], n);
        guint64 rank[] = {9, 1, 1, 1, 1};
        LampClockNode nodes[5];
        lamp_clock_graph_solve((const LampClockEdge *) (gpointer) parts.edges->data,
                               parts.edges->len, rank, nodes, n);
        const double truth[] = {0, clocks[1].offset, clocks[2].offset,
                                clocks[2].offset + steps[i], clocks[3].offset};
        for (guint k = 1; k < 5; k++) {
            /* A part away from the epoch: what its rate may be wrong by comes on top. */
            double reach = k == 2 || k == 3 ? 13 * nodes[k].drift_error + 1 : 1;
            ck_assert_msg(fabs(nodes[k].offset_ns - truth[k]) <=
                              nodes[k].uncertainty_ns + reach,
                          "step %g, node %u: %g from %g, +-%g", steps[i], k, nodes[k].offset_ns,
                          truth[k], nodes[k].uncertainty_ns);
            ck_assert(nodes[k].uncertainty_ns < 3e6 && nodes[k].reference == 0);
        }
        lamp_clock_parts_clear(&parts);
        g_ptr_array_unref(pairs);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("clock-steps");
    TCase *tc = tcase_create("clock-steps");
    tcase_add_loop_test(tc, test_steps_are_cut, 0, (int) G_N_ELEMENTS(jitters));
    tcase_add_test(tc, test_steady_clocks_are_not_cut);
    tcase_add_test(tc, test_change_of_rate_is_cut);
    tcase_add_test(tc, test_whose_clock_was_set);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
