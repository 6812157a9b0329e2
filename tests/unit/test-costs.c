/* What calls cost, and that waiting for work costs nothing. */
#include "model/costs.h"

#include "model/calling-context-tree.h"
#include "model/critical-path.h"
#include "model/red.h"
#include "tests/unit/whatif-fixture.h"

static const char as_redis[] =
    "UPDATE strings SET text = replace(text, '_', ' ');"
    "INSERT INTO strings (text) VALUES ('redis');"
    "UPDATE calls SET protocol_id = (SELECT string_id FROM strings WHERE text = 'redis');";

/* A blocking pop of 5 ms, and one that is answered at once whether there is work or not. */
START_TEST(test_waits_for_work_are_no_work)
{
    static const char *const lines[] = {"1 0 worker queue BRPOP_x 0 10 4990 5000",
                                        "2 0 worker queue LPOP_x 6000 6010 6020 6030", NULL};
    LampStore *store = fixture_store_with(lines, as_redis);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
    g_autoptr(LampCct) cct = lamp_cct_new(0, LAMP_CCT_SUBMITTER);
    g_autoptr(LampCosts) costs = lamp_costs_new(topology, LAMP_COSTS_SUBMITTER);
    const LampFlow *flow;
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL) {
        lamp_cct_add(cct, flow);
        lamp_costs_add(costs, flow);
    }
    ck_assert_int_eq(lamp_cct_context(cct, 0)->inclusive, 30 * LAMP_NS_PER_US);
    g_autoptr(GArray) ranked = lamp_costs_rank(costs);
    ck_assert_uint_eq(ranked->len, 1);
    ck_assert_int_eq(g_array_index(ranked, LampCost, 0).direct_time, 10 * LAMP_NS_PER_US);
    ck_assert_uint_eq(g_array_index(ranked, LampCost, 0).direct_calls, 2);
    g_clear_pointer(&reader, lamp_flow_reader_free);
    lamp_store_close(store);
}
END_TEST

/* A request that waits for work for 380 us and then asks for 280 us of work. */
static const char *const fetching[] = {"1 0 client web GET_/ 0 10 990 1000",
                                       "2 1 web queue BLPOP_x 100 110 490 500",
                                       "3 1 web queue INCR_x 600 610 890 900", NULL};

START_TEST(test_waits_are_idle_on_the_critical_path)
{
    LampStore *store = fixture_store_with(fetching, as_redis);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
    g_autoptr(LampRed) red = lamp_red_new();
    const LampFlow *flow;
    LampCritical critical[3];
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL);
    lamp_critical_path_find(flow, critical);
    ck_assert_int_eq(critical[1].own, 0);
    ck_assert_int_eq(critical[1].network, 0);
    ck_assert_int_eq(critical[1].idle, 400 * LAMP_NS_PER_US);
    ck_assert_int_eq(critical[2].own, 280 * LAMP_NS_PER_US);
    ck_assert_int_eq(critical[0].own, 280 * LAMP_NS_PER_US);
    lamp_red_add(red, flow, critical);
    ck_assert_int_eq(lamp_red_row(red, flow->calls[1].label)->critical_own, 0);
    ck_assert_uint_eq(lamp_red_row(red, flow->calls[1].label)->critical_calls, 0);
    g_clear_pointer(&reader, lamp_flow_reader_free);
    lamp_store_close(store);
}
END_TEST

START_TEST(test_waits_are_reached_by_no_change_of_speed)
{
    Loaded l;
    l.store = fixture_store_with(fetching, as_redis);
    load_store(&l);
    ck_assert_double_eq_tol(mean_after(&l, "queue *2"), 1280.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "queue *0"), 720.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "queue +100us"), 1100.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "failover queue +0us *2"), 1280.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "remove queue/BLPOP*"), 600.0, 1e-6);
    unload(&l);
}
END_TEST

/* Workers that wait for work all the time leave the places of the queue free. */
START_TEST(test_waits_take_no_place)
{
    static const char *const lines[] = {"1 0 client queue BRPOP_x 0 10 990 1000",
                                        "2 0 client queue BRPOP_x 100 110 1090 1100",
                                        "3 0 client queue INCR_x 200 210 290 300", NULL};
    Loaded l;
    l.store = fixture_store_with(lines, as_redis);
    load_store(&l);
    double base = mean_after(&l, "queue *1");
    ck_assert_double_eq_tol(mean_after(&l, "limit queue 1"), base, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "limit client->queue 1"), base, 1e-6);
    unload(&l);
}
END_TEST

/* A request may be answered well though a call of it failed. */
START_TEST(test_flow_filter_by_errors_inside)
{
    g_autoptr(LampStore) store =
        fixture_store_with(fixture_shop, "UPDATE calls SET is_error = 1 WHERE call_id = 13");
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    LampFlowFilter inside = {.errors_inside = TRUE}, answered = {.only_errors = TRUE};
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, &inside, NULL);
    const LampFlow *flow;
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    ck_assert_ptr_nonnull(flow);
    ck_assert_int_eq(flow->trace_id, 11);
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL) && flow == NULL);
    g_autoptr(LampFlowReader) none = lamp_flow_reader_new(store, topology, &answered, NULL);
    ck_assert(lamp_flow_reader_next(none, &flow, NULL) && flow == NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("costs");
    TCase *cases = tcase_create("costs");
    tcase_add_test(cases, test_flow_filter_by_errors_inside);
    tcase_add_test(cases, test_waits_for_work_are_no_work);
    tcase_add_test(cases, test_waits_are_idle_on_the_critical_path);
    tcase_add_test(cases, test_waits_are_reached_by_no_change_of_speed);
    tcase_add_test(cases, test_waits_take_no_place);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
