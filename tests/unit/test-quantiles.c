/* Sketch against exact quantiles, merging, extremes. */
#include "model/quantiles.h"
#include "tests/unit/suite.h"

START_TEST(test_quantiles_stay_within_half_a_percent)
{
    g_auto(LampQuantiles) sketch;
    lamp_quantiles_init(&sketch);
    for (gint64 i = 1; i <= 100000; i++)
        lamp_quantiles_add(&sketch, i * i, 1);
    for (guint k = 1; k < 100; k++) {
        double exact = (double) (k * 1000) * (double) (k * 1000);
        double got = (double) lamp_quantiles_at(&sketch, k / 100.0);
        ck_assert_double_eq_tol(got / exact, 1.0, 0.005);
    }
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.0), 1);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 1.0), 10000000000);
}
END_TEST

START_TEST(test_quantiles_small_values_are_exact)
{
    g_auto(LampQuantiles) sketch;
    lamp_quantiles_init(&sketch);
    for (gint64 i = 0; i <= 100; i++)
        lamp_quantiles_add(&sketch, i, 1);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.5), 50);
    ck_assert_double_eq_tol(lamp_quantiles_mean(&sketch), 50.0, 1e-9);
    ck_assert_double_eq_tol(lamp_quantiles_deviation(&sketch), 29.1547594742265, 1e-9);
}
END_TEST

START_TEST(test_quantiles_merge_equals_adding)
{
    g_auto(LampQuantiles) a, b, both;
    lamp_quantiles_init(&a);
    lamp_quantiles_init(&b);
    lamp_quantiles_init(&both);
    for (gint64 i = 0; i < 1000; i++) {
        lamp_quantiles_add(i % 2 == 0 ? &a : &b, i * i * i, 1);
        lamp_quantiles_add(&both, i * i * i, 1);
    }
    lamp_quantiles_merge(&a, &b, 1);
    ck_assert_uint_eq(a.count, 1000);
    for (guint k = 0; k <= 20; k++)
        ck_assert_int_eq(lamp_quantiles_at(&a, k / 20.0), lamp_quantiles_at(&both, k / 20.0));
}
END_TEST

START_TEST(test_quantiles_hold_extremes)
{
    g_auto(LampQuantiles) sketch;
    lamp_quantiles_init(&sketch);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.5), 0);
    lamp_quantiles_add(&sketch, G_MAXINT64, 1);
    lamp_quantiles_add(&sketch, -5, 1);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.5), 0);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 1.0), G_MAXINT64);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("quantiles");
    TCase *cases = tcase_create("quantiles");
    tcase_add_test(cases, test_quantiles_stay_within_half_a_percent);
    tcase_add_test(cases, test_quantiles_small_values_are_exact);
    tcase_add_test(cases, test_quantiles_merge_equals_adding);
    tcase_add_test(cases, test_quantiles_hold_extremes);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
