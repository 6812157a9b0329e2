/* Windows of time leave out long silences, and lose no packet. */
#include "correlate/dependencies/windows.h"
#include "tests/unit/suite.h"

#define SECOND G_GINT64_CONSTANT(1000000000)
#define YEAR (365 * 86400 * SECOND)

enum { SECONDS = 40 };

/* Two flows, each with a piece a second; the second half of their pieces @gap later. */
static LampBiflows
make_flows(gint64 gap)
{
    LampBiflows b = {.pieces = g_array_new(FALSE, TRUE, sizeof(LampFlowPiece))};
    for (guint flow = 0; flow < 2; flow++)
        for (guint i = 0; i < SECONDS; i++) {
            gint64 at = i * SECOND + (i >= SECONDS / 2 ? gap : 0);
            LampFlowPiece piece = {.first = at + SECOND / 4,
                                   .last = at + SECOND * 3 / 2,
                                   .packets = 1 + i % 3 + flow,
                                   .flow = flow};
            g_array_append_val(b.pieces, piece);
        }
    return b;
}

static double
spread_sum(gint64 gap, guint *out_count, double *out_third)
{
    static const gboolean first[] = {TRUE, FALSE}, second[] = {FALSE, TRUE};
    LampBiflows b = make_flows(gap);
    g_autoptr(LampWindows) windows = lamp_windows_new(&b, first, second, SECOND);
    g_autofree double *sums = g_new0(double, lamp_windows_count(windows) + 1);
    double sum = 0;
    lamp_windows_spread(windows, &b, first, sums);
    for (guint i = 0; i < lamp_windows_count(windows); i++)
        sum += sums[i];
    *out_count = lamp_windows_count(windows);
    *out_third = sums[2];
    g_array_unref(b.pieces);
    return sum;
}

START_TEST(test_a_long_silence_costs_nothing)
{
    guint together, apart;
    double third, third_apart;
    double sum = spread_sum(0, &together, &third);
    ck_assert_double_eq_tol(spread_sum(YEAR, &apart, &third_apart), sum, 1e-9);
    ck_assert_double_eq_tol(sum, 13 * 1 + 13 * 2 + 13 * 3 + 1, 1e-9);
    ck_assert_double_eq_tol(third, third_apart, 1e-9);
    ck_assert_uint_ge(together, SECONDS);
    ck_assert_uint_le(apart, together + 10);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("windows");
    TCase *cases = tcase_create("windows");
    tcase_add_test(cases, test_a_long_silence_costs_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
