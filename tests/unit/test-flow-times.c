/* Times of flows: made consistent, with their durations kept. */
#include "tests/unit/flow-fixture.h"

/* The first flow of the calls. */
static LampFlow *
load_flow(LampStore **store, LampTopology **topology, const char *const *lines)
{
    const LampFlow *flow;
    *store = fixture_store(lines);
    *topology = lamp_topology_load(*store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(*store, *topology, NULL, NULL);
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    ck_assert_ptr_nonnull(flow);
    return lamp_flow_dup(flow);
}

START_TEST(test_flow_times_are_made_consistent)
{
    /* a child that seems to start before its parent, one without server's times, one without
     * an end */
    static const char *const lines[] = {
        "1 0 client web GET 0 100 900 1000", "2 1 web db A 50 60 190 200",
        "3 1 web db B 300 - - 400", "4 1 web db C 500 510 - -", NULL};
    LampStore *store;
    LampTopology *topology;
    LampFlow *flow = load_flow(&store, &topology, lines);
    ck_assert_uint_eq(flow->count, 4);
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *c = &flow->calls[i];
        ck_assert(c->client_start <= c->server_start && c->server_start <= c->server_end &&
                  c->server_end <= c->client_end);
        ck_assert(i == 0 || c->client_start >= flow->calls[0].server_start);
    }
    ck_assert_int_eq(flow->calls[2].server_end, 400 * LAMP_NS_PER_US);
    lamp_flow_free(flow);
    lamp_topology_free(topology);
    lamp_store_close(store);
}
END_TEST

START_TEST(test_flow_times_keep_durations)
{
    /* a server whose clock is 700 us ahead, and its own call; a message that arrives late */
    static const char *const lines[] = {
        "1 0 client web GET 0 100 900 1000", "2 1 web app A 200 910 1000 300",
        "3 2 app db B 920 930 980 990", "4 1 web job C 400 600 650 410 oneway", NULL};
    LampStore *store;
    LampTopology *topology;
    LampFlow *flow = load_flow(&store, &topology, lines);
    const LampFlowCall *c = flow->calls;
    ck_assert_uint_eq(flow->count, 4);
    ck_assert_int_eq(c[1].client_end - c[1].client_start, 100 * LAMP_NS_PER_US);
    ck_assert_int_eq(c[1].server_end, 300 * LAMP_NS_PER_US);
    ck_assert_int_eq(c[1].server_end - c[1].server_start, 90 * LAMP_NS_PER_US);
    ck_assert_int_eq(c[2].server_end - c[2].server_start, 50 * LAMP_NS_PER_US);
    ck_assert_int_eq(c[2].client_start - c[1].server_start, 10 * LAMP_NS_PER_US);
    ck_assert_int_eq(c[3].server_start, 600 * LAMP_NS_PER_US);
    lamp_flow_free(flow);
    lamp_topology_free(topology);
    lamp_store_close(store);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("flow times");
    TCase *tc = tcase_create("flow times");
    tcase_add_test(tc, test_flow_times_are_made_consistent);
    tcase_add_test(tc, test_flow_times_keep_durations);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
