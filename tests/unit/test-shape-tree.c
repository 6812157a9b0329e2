/* Trees of flows as people see them. */
#include "cli/shape-tree.h"

#include "model/flow.h"
#include "tests/unit/flow-fixture.h"

/* A request that puts a job; a worker that takes it, and asks for something itself. */
START_TEST(work_from_a_queue_names_the_worker)
{
    static const char *const lines[] = {
        "1 0 client web1 POST_/order 0 10 990 1000",
        "2 1 web1 queue PUSH 100 110 190 200",
        "3 2 worker1 mail POST_/send 400 410 690 700 async",
        "4 1 web1 audit POST_/log 300 310 1200 1300 async",
        NULL,
    };
    LampStore *store = fixture_store(lines);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
    g_autoptr(LampStructure) structure = lamp_structure_new();
    g_autoptr(GString) out = g_string_new(NULL);
    const LampFlow *flow;
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL);
    lamp_structure_observe(structure, flow);
    lamp_shape_tree_append(out, topology, structure, flow, "", TRUE, 9);
    ck_assert_str_eq(out->str, "web POST_/order\n"
                               "|- queue PUSH\n"
                               "|  `- mail POST_/send (asynchronous, by worker)\n"
                               "`- audit POST_/log (asynchronous)\n");
    g_clear_pointer(&reader, lamp_flow_reader_free);
    lamp_store_close(store);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("shape tree");
    TCase *tcase = tcase_create("shape tree");
    tcase_add_test(tcase, work_from_a_queue_names_the_worker);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
