/* Starts and ends in order of time. */
#include "model/ticks.h"

#include "tests/unit/suite.h"

START_TEST(test_ticks_are_in_order)
{
    g_autoptr(GArray) ticks = lamp_ticks_new(3);
    lamp_ticks_add(ticks, 0, 10, 20);
    lamp_ticks_add(ticks, 1, 20, 30);
    lamp_ticks_add(ticks, 2, 10, 15);
    ck_assert_uint_eq(lamp_ticks_sort(ticks), 2);
    static const struct {
        LampTime time;
        guint32 index, is_start;
    } expected[] = {{10, 0, 1}, {10, 2, 1}, {15, 2, 0}, {20, 0, 0}, {20, 1, 1}, {30, 1, 0}};
    ck_assert_uint_eq(ticks->len, G_N_ELEMENTS(expected));
    for (guint i = 0; i < ticks->len; i++) {
        ck_assert_int_eq(lamp_tick(ticks, i)->time, expected[i].time);
        ck_assert_uint_eq(lamp_tick(ticks, i)->index, expected[i].index);
        ck_assert_uint_eq(lamp_tick(ticks, i)->is_start, expected[i].is_start);
    }
}
END_TEST

START_TEST(test_what_takes_no_time_is_never_there)
{
    g_autoptr(GArray) ticks = lamp_ticks_new(0);
    ck_assert_uint_eq(lamp_ticks_sort(ticks), 0);
    lamp_ticks_add(ticks, 0, 5, 5);
    ck_assert_uint_eq(lamp_ticks_sort(ticks), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ticks");
    TCase *cases = tcase_create("ticks");
    tcase_add_test(cases, test_ticks_are_in_order);
    tcase_add_test(cases, test_what_takes_no_time_is_never_there);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
