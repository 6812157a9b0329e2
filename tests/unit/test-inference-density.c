/* Densities of delays: nothing is lost by smoothing, and a part is scored without itself. */
#include "correlate/inference/density.h"

#include "tests/unit/suite.h"

#include <math.h>

#define SCALE 0.001f /* microseconds */
#define PARTS 4

static gint64
gap_of(guint32 i)
{
    return 1000 * (gint64) (900 + 37 * (i % 11) + 5 * (i % 7));
}

static double
integrate(const float *logs)
{
    double sum = 0;
    for (int b = 0; b < LAMP_BINS; b++) {
        int at = b >= LAMP_SIDE ? b - LAMP_SIDE : LAMP_SIDE - 1 - b;
        sum += exp((double) logs[b]) * ldexp(1.0 / LAMP_SUB, at >> LAMP_SUB_BITS) / SCALE;
    }
    return sum;
}

START_TEST(a_density_integrates_to_one)
{
    float bins[LAMP_BINS] = {0}, logs[LAMP_BINS], leaning[LAMP_BINS];
    for (guint32 i = 0; i < 200; i++)
        lamp_histogram_add(bins, gap_of(i), SCALE, 1);
    ck_assert_double_eq_tol(lamp_density_fit(bins, SCALE, NULL, 0, logs), 200, 1e-3);
    ck_assert_double_eq_tol(integrate(logs), 1, 0.01);
    lamp_density_fit(bins, SCALE, logs, 100, leaning);
    ck_assert_double_eq_tol(integrate(leaning), 1, 0.01);
    guint32 at = lamp_density_bin(gap_of(3), SCALE), far = lamp_density_bin(90000000, SCALE);
    ck_assert_double_gt((double) logs[at], (double) logs[far] + 5);
}
END_TEST

/* What one part alone has seen is as improbable to it as if nobody had; to the others it is
 * not. */
START_TEST(parts_are_smoothed_without_themselves)
{
    float parts[PARTS][LAMP_BINS] = {{0}}, sum[LAMP_BINS] = {0};
    const float *const list[PARTS] = {parts[0], parts[1], parts[2], parts[3]};
    const gint64 odd = 64000000;
    LampSmoothed out[PARTS];
    for (guint32 i = 0; i < 200; i++)
        lamp_histogram_add(parts[i % PARTS], gap_of(i), SCALE, 1);
    for (int i = 0; i < 3; i++)
        lamp_histogram_add(parts[1], odd, SCALE, 1);
    for (int p = 0; p < PARTS; p++)
        for (int b = 0; b < LAMP_BINS; b++)
            sum[b] += parts[p][b];
    lamp_density_smooth(sum, list, PARTS, out);
    for (int p = 0; p < PARTS; p++) {
        double mass = 0;
        for (int b = out[p].first; b <= out[p].last; b++)
            mass += (double) out[p].mass[b];
        ck_assert_double_eq_tol(out[p].total, p == 1 ? 150 : 153, 1e-3);
        ck_assert_double_eq_tol(mass, out[p].total, 0.01 * out[p].total);
        float at_odd = out[p].mass[lamp_density_bin(odd, SCALE)];
        ck_assert(p == 1 ? at_odd < 1e-6f : at_odd > 0.05f);
    }
}
END_TEST

START_TEST(an_empty_part_or_histogram_is_harmless)
{
    float bins[LAMP_BINS] = {0}, logs[LAMP_BINS];
    const float *const list[PARTS] = {bins, NULL, NULL, NULL};
    LampSmoothed out[PARTS];
    ck_assert_double_eq(lamp_density_fit(bins, SCALE, NULL, 0, logs), 0);
    ck_assert_double_eq_tol(integrate(logs), 1, 0.01);
    lamp_histogram_add(bins, gap_of(1), SCALE, 1);
    lamp_density_smooth(bins, list, PARTS, out);
    ck_assert_double_eq(out[0].total, 0);
    ck_assert_double_eq_tol(out[1].total, 1, 1e-6);
    lamp_density_mix(&out[0], SCALE, NULL, 0, logs);
    ck_assert_double_eq_tol(integrate(logs), 1, 0.01);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/density");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, a_density_integrates_to_one);
    tcase_add_test(tc, parts_are_smoothed_without_themselves);
    tcase_add_test(tc, an_empty_part_or_histogram_is_harmless);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
