/* Statistics against known values; comparing finds what changed and nothing where nothing did.
 */
#include "model/compare.h"
#include "model/costs.h"
#include "model/statistics.h"
#include "tests/unit/flow-fixture.h"

START_TEST(test_statistics_known_values)
{
    g_auto(LampQuantiles) a, b;
    lamp_quantiles_init(&a);
    lamp_quantiles_init(&b);
    for (gint64 i = 1; i <= 100; i++) {
        lamp_quantiles_add(&a, i, 1);
        lamp_quantiles_add(&b, i + 20, 1);
    }
    ck_assert_double_eq_tol(lamp_ks_distance(&a, &a), 0.0, 1e-9);
    ck_assert_double_eq_tol(lamp_ks_distance(&a, &b), 0.2, 1e-9);
    ck_assert_double_eq_tol(lamp_ks_probability(0.2, 100, 100), 0.0316, 0.002);
    /* 10 of 100 and 20 of 100: G = 3.99 */
    ck_assert_double_eq_tol(lamp_share_probability(10, 100, 20, 100), 0.0459, 0.0005);
    ck_assert_double_eq_tol(lamp_share_probability(10, 100, 10, 100), 1.0, 1e-9);
    double p[] = {0.04, 0.001, 0.03, 0.9};
    lamp_adjust_probabilities(p, 4);
    ck_assert_double_eq_tol(p[1], 0.004, 1e-12);
    ck_assert_double_eq_tol(p[0], 0.04 * 4 / 3, 1e-12);
    ck_assert_double_eq_tol(p[2], 0.04 * 4 / 3, 1e-12);
    ck_assert_double_eq_tol(p[3], 0.9, 1e-12);
}
END_TEST

/* @requests requests to web, each asking db for @took us; the second half asks a cache too. */
static LampStore *
make_store_with(guint requests, guint took, gboolean with_cache, const char *sql)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < requests; i++) {
        guint t = i * 2000, id = i * 10 + 1, jitter = i * 7 % 20;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + took + 200, t + took + 200));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id,
                                               t + 100, t + 100, t + 100 + took - jitter,
                                               t + 100 + took - jitter));
        if (with_cache)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web cache G %u %u %u %u", id + 2, id,
                                                   t + 20, t + 20, t + 60, t + 60));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store_with((const char *const *) lines->pdata, sql);
}

static LampStore *
make_store(guint requests, guint took, gboolean with_cache)
{
    return make_store_with(requests, took, with_cache, "");
}

static LampComparison *
compare(LampStore *a, LampStore *b)
{
    LampFlowFilter all = {0};
    LampComparison *comparison = lamp_compare_new();
    ck_assert(lamp_compare_read(comparison, LAMP_SIDE_A, a, &all, NULL));
    ck_assert(lamp_compare_read(comparison, LAMP_SIDE_B, b, &all, NULL));
    lamp_compare_finish(comparison);
    return comparison;
}

START_TEST(test_compare_same_shows_nothing)
{
    g_autoptr(LampStore) a = make_store(60, 500, FALSE);
    g_autoptr(LampStore) b = make_store(60, 500, FALSE);
    g_autoptr(LampComparison) c = compare(a, b);
    ck_assert_uint_eq(c->shapes->len, 1);
    for (guint i = 0; i < c->operations->len; i++) {
        const LampCompared *row = &g_array_index(c->operations, LampCompared, i);
        ck_assert(row->share_rate > 0.5 && row->duration_rate > 0.5);
        ck_assert_double_eq_tol(row->added.value, 0.0, 1e-6);
    }
}
END_TEST

START_TEST(test_compare_names_the_slower_operation_first)
{
    g_autoptr(LampStore) a = make_store(60, 500, FALSE);
    g_autoptr(LampStore) b = make_store(60, 800, FALSE);
    g_autoptr(LampComparison) c = compare(a, b);
    const LampCompared *first = &g_array_index(c->operations, LampCompared, 0);
    ck_assert_str_eq(first->name, "db S");
    ck_assert(first->duration_rate < 0.001);
    ck_assert_double_eq_tol(first->added.value, 300e3, 1.0);
}
END_TEST

/* Requests that ask the database, each a little later than the one before; the last one took
 * @last. */
static LampStore *
make_outlier(guint took, guint last)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 60; i++) {
        guint t = i * 2000, id = i * 10 + 1, end = t + took + i % 7 + (i == 59 ? last : 0);
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               end + 200, end + 200));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id, t + 10,
                                               t + 10, end, end));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store((const char *const *) lines->pdata);
}

/* The database is 20 us faster, but one call took a second: that alone is no cause. */
START_TEST(test_compare_effects_tell_how_sure_they_are)
{
    g_autoptr(LampStore) a = make_outlier(500, 0);
    g_autoptr(LampStore) b = make_outlier(480, 1000000);
    g_autoptr(LampComparison) c = compare(a, b);
    const LampCompared *db = &g_array_index(c->operations, LampCompared, 0);
    ck_assert_str_eq(db->name, "db S");
    ck_assert_double_lt(db->duration_rate, 0.001);
    ck_assert_double_gt(db->added.value, 16e6);
    ck_assert_double_lt(db->added.low, 0.0);
    ck_assert_double_gt(db->added.high, 30e6);
    g_autoptr(LampStore) d = make_outlier(480, 0);
    g_autoptr(LampComparison) faster = compare(a, d);
    db = &g_array_index(faster->operations, LampCompared, 0);
    ck_assert_double_eq_tol(db->added.value, -20e3, 1.0);
    ck_assert_double_lt(db->added.high, -18e3);
    ck_assert_double_gt(db->added.low, -22e3);
}
END_TEST

static const LampCompared *
find_operation(const LampComparison *c, const char *name)
{
    for (guint i = 0; i < c->operations->len; i++)
        if (g_str_equal(g_array_index(c->operations, LampCompared, i).name, name))
            return &g_array_index(c->operations, LampCompared, i);
    ck_abort_msg("no operation %s", name);
}

/* web waits longer, but does as much as before: its callee is the cause, it is none. */
START_TEST(test_compare_own_time_is_not_that_of_callees)
{
    g_autoptr(LampStore) a = make_store(60, 500, FALSE);
    g_autoptr(LampStore) b = make_store(60, 800, FALSE);
    g_autoptr(LampComparison) c = compare(a, b);
    const LampCompared *web = find_operation(c, "web GET");
    ck_assert_double_gt(web->duration_rate, 0.5);
    ck_assert_int_lt(lamp_quantiles_at(&web->duration[LAMP_SIDE_B], 0.5), 230000);
    const LampCompared *edge = &g_array_index(c->edges, LampCompared, 0);
    ck_assert_str_eq(edge->name, "web GET -> db S");
    ck_assert_double_lt(edge->duration_rate, 0.001);
}
END_TEST

/* Requests that ask the database @asked times each, for @took. */
static LampStore *
make_repeats(guint asked, guint took)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 200; i++) {
        guint t = i * 2000, id = i * 10 + 1;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + 900, t + 900));
        for (guint k = 1; k <= asked; k++)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + k, id,
                                                   t + 100 * k, t + 100 * k, t + 100 * k + took,
                                                   t + 100 * k + took));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store((const char *const *) lines->pdata);
}

/* All requests ask the database, before and after; but more often after. */
START_TEST(test_compare_finds_more_calls_in_each_request)
{
    g_autoptr(LampStore) three = make_repeats(3, 50);
    g_autoptr(LampStore) four = make_repeats(4, 50);
    g_autoptr(LampComparison) c = compare(three, four);
    const LampCompared *db = find_operation(c, "db S");
    ck_assert_uint_eq(db->requests[LAMP_SIDE_A], 200);
    ck_assert_double_eq_tol(db->squares[LAMP_SIDE_A], 200 * 9, 1e-6);
    ck_assert_double_eq_tol(db->squares[LAMP_SIDE_B], 200 * 16, 1e-6);
    ck_assert_double_lt(db->share_rate, 0.02);
    ck_assert_double_gt(find_operation(c, "web GET")->share_rate, 0.5);
    /* one more of 50 us each; none of them takes longer */
    ck_assert_double_eq_tol(db->by_calls.value, 50e3, 1e-6);
    ck_assert_double_eq_tol(db->by_time.value, 0.0, 1e-6);
    ck_assert_double_eq_tol(db->added.value, 50e3, 1e-6);
    g_autoptr(LampComparison) same = compare(three, three);
    ck_assert_double_gt(find_operation(same, "db S")->share_rate, 0.5);
}
END_TEST

/* A third of the calls less, each of them longer: both are told apart and add up. */
START_TEST(test_compare_tells_longer_from_oftener)
{
    g_autoptr(LampStore) a = make_repeats(3, 50);
    g_autoptr(LampStore) b = make_repeats(2, 90);
    g_autoptr(LampComparison) c = compare(a, b);
    const LampCompared *db = find_operation(c, "db S");
    ck_assert_double_eq_tol(db->by_time.value, 40e3 * 2.5, 1e-3);
    ck_assert_double_eq_tol(db->by_calls.value, -1.0 * 70e3, 1e-3);
    ck_assert_double_eq_tol(db->added.value, 30e3, 1e-3);
    ck_assert_double_lt(db->share_rate, 0.05);
    ck_assert_double_lt(db->duration_rate, 0.001);
    ck_assert_double_gt(db->error_rate, 0.5);
}
END_TEST

/* Calls that fail more often are told as that and as nothing else. */
START_TEST(test_compare_finds_errors)
{
    g_autoptr(LampStore) a = make_store(60, 500, FALSE);
    g_autoptr(LampStore) b = make_store_with(
        60, 500, FALSE,
        "UPDATE calls SET is_error = 1 WHERE call_id % 10 = 2 AND call_id < 250");
    g_autoptr(LampComparison) c = compare(a, b);
    const LampCompared *db = find_operation(c, "db S");
    ck_assert_uint_eq(db->errors[LAMP_SIDE_B], 25);
    ck_assert_double_lt(db->error_rate, 0.001);
    ck_assert_double_gt(db->share_rate, 0.5);
    ck_assert_double_gt(db->duration_rate, 0.5);
    ck_assert_double_gt(find_operation(c, "web GET")->error_rate, 0.5);
    ck_assert_double_gt(c->error_probability, 0.5);
    ck_assert_double_eq_tol(lamp_compare_rate(c, LAMP_SIDE_A), 500.0, 1e-6);
}
END_TEST

START_TEST(test_compare_finds_new_and_vanished_shapes)
{
    g_autoptr(LampStore) a = make_store(60, 500, FALSE);
    g_autoptr(LampStore) b = make_store(60, 500, TRUE);
    g_autoptr(LampComparison) c = compare(a, b);
    guint fresh = 0, gone = 0;
    for (guint i = 0; i < c->shapes->len; i++) {
        const LampCompared *row = &g_array_index(c->shapes, LampCompared, i);
        fresh += row->count[0] == 0 && row->share_rate < 0.001 ? 1 : 0;
        gone += row->count[1] == 0 && row->share_rate < 0.001 ? 1 : 0;
    }
    ck_assert_uint_eq(fresh, 1);
    ck_assert_uint_eq(gone, 1);
}
END_TEST

/* Sum of direct own times is the same in both views and equals the own times of all calls. */
START_TEST(test_costs_direct_times_are_counted_once)
{
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    gint64 sums[2] = {0, 0};
    for (guint view = 0; view < 2; view++) {
        g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
        g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
        g_autoptr(LampCosts) costs = lamp_costs_new(topology, (LampCostsView) view);
        const LampFlow *flow;
        while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL)
            lamp_costs_add(costs, flow);
        g_autoptr(GArray) ranked = lamp_costs_rank(costs);
        /* who makes a call is seen; that it is for the client rests on a link of 0.9 */
        for (guint i = 0; i < ranked->len; i++) {
            const LampCost *cost = &g_array_index(ranked, LampCost, i);
            double sure = cost->confidence / (double) cost->calls;
            ck_assert_double_eq_tol(sure, cost->direct_calls > 0 ? 1.0 : 0.9, 1e-6);
        }
        for (guint i = 0; i < ranked->len; i++)
            sums[view] += g_array_index(ranked, LampCost, i).direct_time;
    }
    ck_assert_int_eq(sums[0], sums[1]);

    ck_assert_int_eq(sums[0],
                     (980 - 500 + 980 - 610 + 480 - 250 + 160 + 770 + 570 + 165) * 1000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("compare");
    TCase *cases = tcase_create("compare");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_statistics_known_values);
    tcase_add_test(cases, test_compare_same_shows_nothing);
    tcase_add_test(cases, test_compare_names_the_slower_operation_first);
    tcase_add_test(cases, test_compare_effects_tell_how_sure_they_are);
    tcase_add_test(cases, test_compare_own_time_is_not_that_of_callees);
    tcase_add_test(cases, test_compare_finds_more_calls_in_each_request);
    tcase_add_test(cases, test_compare_tells_longer_from_oftener);
    tcase_add_test(cases, test_compare_finds_errors);
    tcase_add_test(cases, test_compare_finds_new_and_vanished_shapes);
    tcase_add_test(cases, test_costs_direct_times_are_counted_once);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
