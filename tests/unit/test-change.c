/* The grammar of changes, durations and distributions. */
#include "model/change.h"
#include "tests/unit/flow-fixture.h"

START_TEST(test_change_says_what_is_wrong)
{
    static const char *const bad[] = {"",
                                      " ; ",
                                      "db",
                                      "db 2",
                                      "db *x",
                                      "db +20",
                                      "cache c hit 2",
                                      "parallel web",
                                      "limit web many",
                                      "failover db",
                                      "load +1ms",
                                      "limit web 0",
                                      "limit web->db 0",
                                      "replicas web 0",
                                      "replicas web none"};
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_msg(lamp_change_parse(bad[i], &error) == NULL, "%s", bad[i]);
        ck_assert(g_error_matches(error, LAMP_CHANGE_ERROR, LAMP_CHANGE_ERROR_SYNTAX));
    }
    g_autoptr(GError) whole = NULL;
    ck_assert(lamp_change_parse("; db *2;; replicas web 0", &whole) == NULL);
    ck_assert_str_eq(whole->message, "change 'replicas web 0': must be 'replicas SERVICE N', N "
                                     "from 1 to 65535");
    g_autoptr(LampChange) none = lamp_change_parse("limit web none; limit web->db none", NULL);
    ck_assert_ptr_nonnull(none);
    g_autoptr(GError) error = NULL;
    g_autoptr(LampChange) nowhere = lamp_change_parse("nosuch *2", NULL);
    ck_assert(!lamp_change_resolve(nowhere, topology, &error));
    ck_assert(g_error_matches(error, LAMP_CHANGE_ERROR, LAMP_CHANGE_ERROR_NO_MATCH));
}
END_TEST

START_TEST(test_change_parses_durations)
{
    gint64 ns;
    ck_assert(lamp_change_duration_parse("20ms", &ns));
    ck_assert_int_eq(ns, 20000000);
    ck_assert(lamp_change_duration_parse("1.5s", &ns));
    ck_assert_int_eq(ns, 1500000000);
    ck_assert(lamp_change_duration_parse("300us", &ns));
    ck_assert_int_eq(ns, 300000);
    ck_assert(!lamp_change_duration_parse("20", &ns));
    ck_assert(!lamp_change_duration_parse("ms", &ns));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("change");
    TCase *cases = tcase_create("change");
    tcase_add_test(cases, test_change_says_what_is_wrong);
    tcase_add_test(cases, test_change_parses_durations);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
