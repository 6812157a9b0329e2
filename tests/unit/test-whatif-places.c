/* Limits that are found, who waits for them, and caches. */
#include "tests/unit/whatif-fixture.h"

/* One place, three calls that come together: the second waits 100, the third 200. */
static GPtrArray *
queue_lines(guint requests)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < requests; i++) {
        guint t = i / 3 * 1000 + i % 3 * 5, done = i / 3 * 1000 + (i % 3 + 1) * 100;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client%u shop GET %u %u %u %u", i + 1,
                                               i % 3, t, t, done, done));
    }
    g_ptr_array_add(lines, NULL);
    return lines;
}

START_TEST(test_stations_find_a_limit_of_one)
{
    Loaded l;
    g_autoptr(GPtrArray) lines = queue_lines(90);
    load(&l, (const char *const *) lines->pdata);
    const GArray *limits = lamp_whatif_limits(l.whatif);
    ck_assert_uint_eq(limits->len, 1);
    ck_assert_uint_eq(g_array_index(limits, LampStationLimit, 0).limit, 1);
    ck_assert_double_eq_tol(mean_after(&l, "shop *1"), (100 + 195 + 290) / 3.0, 1e-6);
    /* twice as long each: 200, 395, 590 */
    ck_assert_double_eq_tol(mean_after(&l, "shop *2"), (200 + 395 + 590) / 3.0, 1.0);
    ck_assert_double_eq_tol(mean_after(&l, "limit shop 3"), (100 + 95 + 95) / 3.0, 5.0);
    unload(&l);
}
END_TEST

START_TEST(test_stations_find_no_limit_where_there_is_none)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    guint64 random = 7;
    for (guint i = 0; i < 300; i++) {
        random = random * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
        guint t = i * 40, took = 60 + (guint) (random >> 33) % 80;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client shop GET %u %u %u %u", i + 1, t, t,
                                               t + took, t + took));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    ck_assert_uint_eq(lamp_whatif_limits(l.whatif)->len, 0);
    unload(&l);
    g_ptr_array_unref(lines);
}
END_TEST

START_TEST(test_whatif_cache_takes_donors_of_the_other_outcome)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 40; i++) {
        guint t = i * 1000, id = i * 10 + 1, end = i % 2 == 0 ? 100 : 300;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + end, t + end));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web cache GET %u %u %u %u", id + 1, id,
                                               t + 10, t + 10, t + 20, t + 20));
        if (i % 2 == 1)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 2, id,
                                                   t + 30, t + 30, t + 230, t + 230));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 0.5"), 200.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 1"), 100.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 0"), 300.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache off"), 290.0, 1e-6);
    unload(&l);
    g_ptr_array_unref(lines);
}
END_TEST

START_TEST(test_whatif_cache_in_front_answers_a_share)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 2000; i++) {
        guint t = i * 1000, id = i * 10 + 1;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + 400, t + 400));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web shop GET %u %u %u %u", id + 1, id,
                                               t + 50, t + 60, t + 340, t + 350));
        g_ptr_array_add(lines, g_strdup_printf("%u %u shop db S %u %u %u %u", id + 2, id + 1,
                                               t + 100, t + 100, t + 300, t + 300));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    /* all answered in 20 us instead of 300; none, and each asks in vain */
    ck_assert_double_eq_tol(mean_after(&l, "cache shop hit 1 in 20us"), 120.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache shop hit 0 in 20us"), 420.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache shop hit 0.25 in 20us"), 345.0, 10.0);
    ck_assert_double_eq_tol(mean_after(&l, "cache db/S hit 1 in 0us"), 200.0, 1e-6);
    /* what hits takes no place */
    g_autoptr(LampWhatifResult) none = run_text(&l, "cache shop hit 1 in 20us; limit shop 1");
    ck_assert_double_eq_tol(none->busiest_use, 0.0, 1e-9);
    ck_assert_double_eq_tol(mean_after(&l, "cache shop hit 1 in 20us; shop *5"), 120.0, 1e-6);
    ck_assert_ptr_null(lamp_change_parse("cache shop hit 2 in 20us", NULL));
    ck_assert_ptr_null(lamp_change_parse("cache shop off in 20us", NULL));
    unload(&l);
    g_ptr_array_unref(lines);
}
END_TEST

START_TEST(test_whatif_counts_the_chosen_and_lets_the_others_wait)
{
    Loaded l;
    g_autoptr(GPtrArray) lines = queue_lines(90);
    for (guint i = 2; i < 90; i += 3) { /* the last of each three asks for something else */
        g_autofree char *line = lines->pdata[i];
        g_auto(GStrv) parts = g_strsplit(line, "GET", 2);
        lines->pdata[i] = g_strjoin("PUT", parts[0], parts[1], NULL);
    }
    load(&l, (const char *const *) lines->pdata);
    lamp_whatif_free(l.whatif);
    LampFlowFilter filter = {.operation = "PUT"};
    l.whatif = lamp_whatif_load(l.store, l.topology, l.structure, &filter, 0, NULL);
    ck_assert_uint_eq(lamp_whatif_requests(l.whatif), 30);
    ck_assert_uint_eq(lamp_whatif_limits(l.whatif)->len, 1);
    ck_assert_double_eq_tol(mean_after(&l, "shop *1"), 290.0, 1e-6);
    /* it is the others that it waits for */
    ck_assert_double_eq_tol(mean_after(&l, "shop/GET *2"), 490.0, 1.0);
    unload(&l);
}
END_TEST

/* Every third request is given up after 500, though the database answers later. */
static LampStore *
given_up_store(void)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 30; i++) {
        guint t = i * 1000, id = i * 10 + 1, work = i % 3 == 0 ? 800 : 400;
        guint end = MIN(work + 20, 500);
        const char *kind = i % 3 == 0 ? " async" : "";
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + end + 10, t + end + 10));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web shop GET %u %u %u %u", id + 1, id,
                                               t + 5, t + 5, t + end, t + end));
        g_ptr_array_add(lines,
                        g_strdup_printf("%u %u shop db S %u %u %u %u%s", id + 2, id + 1, t + 10,
                                        t + 10, t + work + 10, t + work + 10, kind));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store_with((const char *const *) lines->pdata,
                              "UPDATE calls SET is_error = 1 WHERE call_id % 30 IN (1, 2);"
                              "UPDATE calls SET is_error = 0 WHERE call_id % 30 NOT IN (1, 2)");
}

START_TEST(test_whatif_lets_in_what_was_given_up)
{
    static const struct {
        const char *change;
        guint64 errors;
        double mean;
    } cases[] = {
        {"db *1", 10, (510 + 2 * 430) / 3.0},
        {"db *0.5", 0, (430 + 2 * 230) / 3.0},
        {"db *0", 0, 30},
        {"db +200us", 30, 510},
    };
    Loaded l = {.store = given_up_store()};
    load_store(&l);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LampWhatifResult) result = run_text(&l, cases[i].change);
        const LampWhatifRow *all = &g_array_index(result->rows, LampWhatifRow, 0);
        ck_assert_uint_eq(all->errors_before, 10);
        ck_assert_msg(all->errors_after == cases[i].errors, "%s: %lu errors", cases[i].change,
                      (gulong) all->errors_after);
        ck_assert_double_eq_tol(mean_after(&l, cases[i].change), cases[i].mean, 2.0);
    }
    unload(&l);
}
END_TEST

/* Calls of 100 us at @instance, one in a ms; five of them come 40 us after another and wait. */
static void
add_replica(GPtrArray *lines, const char *instance, guint first_id, guint offset)
{
    guint id = first_id;
    for (guint i = 0; i < 60; i++) {
        guint t = i * 1000 + offset, held = 96 + i * 7 % 9;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client %s GET %u %u %u %u", id++, instance,
                                               t, t, t + held, t + held));
        if (i % 12 == 5)
            g_ptr_array_add(lines,
                            g_strdup_printf("%u 0 client %s GET %u %u %u %u", id++, instance,
                                            t + 40, t + 40, t + held + 100, t + held + 100));
    }
}

/* Four calls to web1 and two to web2, 200 us each, in 1,000 us. */
START_TEST(test_whatif_tells_where_the_load_goes)
{
    static const char *const lines[] = {"1 0 client web1 GET 0 0 200 200",
                                        "2 0 client web1 GET 100 100 300 300",
                                        "3 0 client web2 GET 200 200 400 400",
                                        "4 0 client web1 GET 400 400 600 600",
                                        "5 0 client web2 GET 700 700 900 900",
                                        "6 0 client web1 GET 1000 1000 1200 1200",
                                        NULL};
    static const struct {
        const char *change, *name;
        guint place, places, before, after, limit;
        double work;
    } cases[] = {
        {"down web1", "web1", 0, 2, 4, 0, 0, 0.0},
        {"down web1", "web2", 1, 2, 2, 6, 0, 1.2},
        {"down web1; limit web2 3", "web2", 1, 2, 2, 6, 3, 1.2},
        {"replicas web 3", "web1", 0, 3, 4, 2, 0, 0.4},
        {"replicas web 3", "web2", 1, 3, 2, 2, 0, 0.4},
        {"replicas web 3", "web replica 3", 2, 3, 0, 2, 0, 0.4},
        {"replicas web 3; limit web 2", "web replica 3", 2, 3, 0, 2, 2, 0.4},
        {"limit web 2; replicas web 3", "web replica 3", 2, 3, 0, 2, 2, 0.4},
        {"replicas web 1", "web2", 1, 2, 2, 0, 0, 0.0},
        {"down web", "web1", 0, 2, 4, 0, 0, 0.0},
    };
    Loaded l;
    load(&l, lines);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LampWhatifResult) result = run_text(&l, cases[i].change);
        ck_assert_uint_eq(result->places->len, cases[i].places);
        const LampWhatifPlace *place =
            &g_array_index(result->places, LampWhatifPlace, cases[i].place);
        ck_assert_str_eq(place->name, cases[i].name);
        ck_assert_uint_eq(place->calls_before, cases[i].before);
        ck_assert_uint_eq(place->calls_after, cases[i].after);
        ck_assert_uint_eq(place->limit, cases[i].limit);
        ck_assert_double_eq_tol(place->work_after, cases[i].work, 1e-9);
    }
    g_autoptr(LampWhatifResult) other = run_text(&l, "web *2");
    ck_assert_uint_eq(other->places->len, 0);
    ck_assert_uint_eq(other->notes->len, 0);
    unload(&l);
}
END_TEST

/* Neither of two replicas shows enough alone; both together show that each serves one. */
/* Each of two replicas alone is made up for by the other; both are not. */
START_TEST(test_whatif_takes_all_that_is_down_together)
{
    static const char *const both[] = {"1 0 client web1 GET 0 0 100 100",
                                       "2 0 client web2 GET 200 200 300 300", NULL};
    Loaded l;
    load(&l, both);
    static const struct {
        const char *change;
        guint64 errors;
    } cases[] = {{"down web1", 0}, {"down web1; down web2", 2}, {"down web1|web2", 2}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LampWhatifResult) result = run_text(&l, cases[i].change);
        ck_assert_uint_eq(g_array_index(result->rows, LampWhatifRow, 0).errors_after,
                          cases[i].errors);
    }
    unload(&l);
}
END_TEST

/* Of 20 requests five fail at their first attempt and five give it up, while the callee works
 * on: that does not refute that a second attempt waits for the failure of the first. */
START_TEST(test_whatif_retries_are_seen_beside_timeouts)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 20; i++) {
        guint t = i * 2000, id = i * 10 + 1;
        gboolean is_given_up = i % 4 == 1;
        g_autofree char *end = is_given_up ? g_strdup("-") : g_strdup_printf("%u", t + 200);
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + 1000, t + 1000));
        g_ptr_array_add(lines,
                        g_strdup_printf("%u %u web pay P %u %u %u %s", id + 1, id, t + 100,
                                        t + 100, t + (is_given_up ? 900 : 200), end));
        if (i % 2 == 1)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web pay P %u %u %u %u", id + 2, id,
                                                   t + 400, t + 400, t + 950, t + 950));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l = {.store = fixture_store_with(
                    (const char *const *) lines->pdata,
                    "UPDATE calls SET is_error = 1 WHERE call_id % 40 = 32;"
                    "UPDATE calls SET is_error = 1, flags = 1 WHERE call_id % 40 = 12;")};
    load_store(&l);
    g_autoptr(LampWhatifResult) none = run_text(&l, "retries web->pay 0");
    const LampWhatifRow *all = &g_array_index(none->rows, LampWhatifRow, 0);
    ck_assert_uint_eq(all->errors_after, 5);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_replicas_show_their_limit_together)
{
    for (guint replicas = 1; replicas <= 2; replicas++) {
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
        add_replica(lines, "app1", 1, 0);
        if (replicas == 2)
            add_replica(lines, "app2", 1001, 500);
        g_ptr_array_add(lines, NULL);
        Loaded l;
        load(&l, (const char *const *) lines->pdata);
        const GArray *limits = lamp_whatif_limits(l.whatif);
        ck_assert_uint_eq(limits->len, replicas == 1 ? 0 : 2);
        for (guint i = 0; i < limits->len; i++) {
            const LampStationLimit *limit = &g_array_index(limits, LampStationLimit, i);
            ck_assert_uint_eq(limit->limit, 1);
            ck_assert_uint_eq(limit->queued, 5);
            ck_assert(limit->is_shared);
        }
        unload(&l);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("whatif-places");
    TCase *cases = tcase_create("whatif-places");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_stations_find_a_limit_of_one);
    tcase_add_test(cases, test_stations_find_no_limit_where_there_is_none);
    tcase_add_test(cases, test_whatif_cache_takes_donors_of_the_other_outcome);
    tcase_add_test(cases, test_whatif_cache_in_front_answers_a_share);
    tcase_add_test(cases, test_whatif_counts_the_chosen_and_lets_the_others_wait);
    tcase_add_test(cases, test_whatif_lets_in_what_was_given_up);
    tcase_add_test(cases, test_whatif_replicas_show_their_limit_together);
    tcase_add_test(cases, test_whatif_takes_all_that_is_down_together);
    tcase_add_test(cases, test_whatif_tells_where_the_load_goes);
    tcase_add_test(cases, test_whatif_retries_are_seen_beside_timeouts);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
