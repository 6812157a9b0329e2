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
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.0), 0);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 1.0), G_MAXINT64);
    lamp_quantiles_settle(&sketch);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.0), 0);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 1.0), G_MAXINT64);
}
END_TEST

/* 10, 20, ..., 10 n, in a scrambled order. */
static void
add_tens(LampQuantiles *sketch, gint64 n)
{
    for (gint64 i = 0; i < n; i++)
        lamp_quantiles_add(sketch, (i * 7 % n + 1) * 10, 1);
}

START_TEST(test_quantiles_lie_between_ranks)
{
    g_auto(LampQuantiles) few = {0};
    add_tens(&few, 30);
    /* rank 29 q, counted from 0 */
    ck_assert_int_eq(lamp_quantiles_at(&few, 0.5), 155);
    ck_assert_int_eq(lamp_quantiles_at(&few, 0.9), 271);
    ck_assert_int_eq(lamp_quantiles_at(&few, 0.99), 297);
    ck_assert_int_eq(lamp_quantiles_at(&few, 0.0), 10);
    ck_assert_int_eq(lamp_quantiles_at(&few, 1.0), 300);
}
END_TEST

/* Values or buckets: one definition, so few values in buckets are off by the bucket only. */
START_TEST(test_quantiles_are_the_same_in_buckets)
{
    for (gint64 n = 1; n < 100; n += 7) {
        g_auto(LampQuantiles) values = {0}, buckets = {0};
        add_tens(&values, n);
        add_tens(&buckets, n);
        lamp_quantiles_settle(&buckets);
        ck_assert_ptr_nonnull(buckets.buckets);
        for (guint k = 0; k <= 100; k++) {
            double exact = (double) lamp_quantiles_at(&values, k / 100.0);
            double got = (double) lamp_quantiles_at(&buckets, k / 100.0);
            ck_assert_double_eq_tol(got / exact, 1.0, 0.01);
        }
    }
}
END_TEST

START_TEST(test_quantiles_are_exact_up_to_the_limit)
{
    g_auto(LampQuantiles) sketch = {0}, weighted = {0};
    for (gint64 i = 0; i < LAMP_QUANTILES_EXACT; i++)
        lamp_quantiles_add(&sketch, 1000000 + i * 1001, 1);
    ck_assert_ptr_null(sketch.buckets);
    ck_assert_int_eq(lamp_quantiles_at(&sketch, 0.5), 1000000 + 1001 * 1023 / 2 + 1);
    gint64 before = lamp_quantiles_at(&sketch, 0.95);
    lamp_quantiles_add(&sketch, 1500000, 1);
    ck_assert_ptr_nonnull(sketch.buckets);
    double after = (double) lamp_quantiles_at(&sketch, 0.95);
    ck_assert_double_eq_tol(after / (double) before, 1.0, 0.006);
    /* a weight is so many equal values */
    lamp_quantiles_add(&weighted, 100, 3);
    lamp_quantiles_add(&weighted, 200, 1);
    ck_assert_int_eq(lamp_quantiles_at(&weighted, 0.5), 100);
    ck_assert_int_eq(lamp_quantiles_at(&weighted, 0.9), 170);
    lamp_quantiles_add(&weighted, 300, G_GUINT64_CONSTANT(1) << 40);
    ck_assert_int_eq(lamp_quantiles_at(&weighted, 0.5), 300);
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
    tcase_add_test(cases, test_quantiles_lie_between_ranks);
    tcase_add_test(cases, test_quantiles_are_the_same_in_buckets);
    tcase_add_test(cases, test_quantiles_are_exact_up_to_the_limit);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
