/* What calls cost, and that waiting for work costs nothing. */
#include "model/costs.h"

#include "model/calling-context-tree.h"
#include "tests/unit/flow-fixture.h"

/* A blocking pop of 5 ms, and one that is answered at once whether there is work or not. */
START_TEST(test_waits_for_work_are_no_work)
{
    static const char *const lines[] = {"1 0 worker queue BRPOP_x 0 10 4990 5000",
                                        "2 0 worker queue LPOP_x 6000 6010 6020 6030", NULL};
    LampStore *store = fixture_store_with(
        lines, "UPDATE strings SET text = replace(text, '_', ' ');"
               "INSERT INTO strings (text) VALUES ('redis');"
               "UPDATE calls SET protocol_id = (SELECT string_id FROM strings WHERE text = "
               "'redis');");
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

int
main(void)
{
    Suite *suite = suite_create("costs");
    TCase *cases = tcase_create("costs");
    tcase_add_test(cases, test_waits_for_work_are_no_work);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
