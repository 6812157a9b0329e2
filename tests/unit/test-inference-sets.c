/* Shares of sets of steps: means over the looks at a request, whatever the order. */
#include "correlate/inference/sets.h"

#include "tests/unit/suite.h"

enum { REQUESTS = 300 };

static guint64
set_of(guint32 a, guint32 b)
{
    return lamp_sets_name(a) + lamp_sets_name(b);
}

START_TEST(shares_are_means_over_the_looks)
{
    LampSets *sets = lamp_sets_new(2);
    lamp_sets_look(sets, 1);
    lamp_sets_add(sets, 1, set_of(3, 4), 0.75f);
    lamp_sets_add(sets, 1, set_of(3, 5), 0.25f);
    lamp_sets_look(sets, 1);
    lamp_sets_add(sets, 1, set_of(5, 3), 1);
    ck_assert_float_eq(lamp_sets_share(sets, 1, set_of(4, 3)), 0.375f);
    ck_assert_float_eq(lamp_sets_share(sets, 1, set_of(3, 5)), 0.625f);
    ck_assert_float_eq(lamp_sets_share(sets, 1, set_of(4, 5)), 0);
    lamp_sets_free(sets);
}
END_TEST

START_TEST(a_request_that_was_never_looked_at_has_none)
{
    LampSets *sets = lamp_sets_new(2);
    lamp_sets_look(sets, 1);
    lamp_sets_add(sets, 1, 0, 1);
    ck_assert_float_eq(lamp_sets_share(sets, 0, 0), -1);
    ck_assert_float_eq(lamp_sets_share(sets, 1, 0), 1); /* no step at all */
    lamp_sets_free(sets);
}
END_TEST

START_TEST(nothing_is_lost_as_the_table_grows)
{
    LampSets *sets = lamp_sets_new(REQUESTS);
    for (guint32 r = 0; r < REQUESTS; r++) {
        lamp_sets_look(sets, r);
        lamp_sets_add(sets, r, set_of(r, r + 1), 0.5f);
        lamp_sets_add(sets, r, set_of(7, 8), 0.25f);
    }
    for (guint32 r = 0; r < REQUESTS; r++) {
        ck_assert_float_eq(lamp_sets_share(sets, r, set_of(r + 1, r)), r == 7 ? 0.75f : 0.5f);
        ck_assert_float_eq(lamp_sets_share(sets, r, set_of(r + 1, r + 2)), r == 6 ? 0.25f : 0);
    }
    lamp_sets_free(sets);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference-sets");
    TCase *cases = tcase_create("inference-sets");
    tcase_add_test(cases, shares_are_means_over_the_looks);
    tcase_add_test(cases, a_request_that_was_never_looked_at_has_none);
    tcase_add_test(cases, nothing_is_lost_as_the_table_grows);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
