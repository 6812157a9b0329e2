/* Reading flows, shapes, context tree, critical path, slack, graphs, on a database by hand. */
#include "model/calling-context-tree.h"
#include "model/flow-graph.h"
#include "model/red.h"
#include "model/shape.h"
#include "model/slack.h"
#include "model/unusual.h"
#include "tests/unit/flow-fixture.h"

typedef struct {
    LampStore *store;
    LampTopology *topology;
    LampStructure *structure;
    GPtrArray *flows;
} Loaded;

static void
load(Loaded *loaded, const char *const *lines)
{
    loaded->store = fixture_store(lines);
    loaded->topology = lamp_topology_load(loaded->store, NULL);
    loaded->structure = lamp_structure_learn(loaded->store, loaded->topology, NULL, 0, NULL);
    loaded->flows = g_ptr_array_new_with_free_func((GDestroyNotify) lamp_flow_free);
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(loaded->store, loaded->topology, NULL, NULL);
    const LampFlow *flow;
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    while (flow != NULL) {
        g_ptr_array_add(loaded->flows, lamp_flow_dup(flow));
        ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    }
}

static void
unload(Loaded *loaded)
{
    g_ptr_array_unref(loaded->flows);
    lamp_structure_free(loaded->structure);
    lamp_topology_free(loaded->topology);
    lamp_store_close(loaded->store);
}

START_TEST(test_flow_reader_hands_out_trees_in_preorder)
{
    Loaded l;
    load(&l, fixture_shop);
    ck_assert_uint_eq(l.flows->len, 3);
    const LampFlow *flow = l.flows->pdata[1];
    ck_assert_uint_eq(flow->count, 4);
    ck_assert_int_eq(flow->calls[0].call_id, 11);
    ck_assert_int_eq(flow->calls[3].call_id, 14);
    ck_assert(flow->calls[3].is_asynchronous);
    ck_assert_uint_eq(flow->calls[0].end_index, 4);
    ck_assert_int_eq(lamp_flow_duration(flow), 1000 * LAMP_NS_PER_US);
    ck_assert_double_eq_tol(flow->calls[1].confidence, 0.9, 1e-6);
    ck_assert_double_eq_tol(flow->confidence, 0.8, 1e-9);
    unload(&l);
}
END_TEST

static guint
count_flows(const Loaded *l, const LampFlowFilter *filter)
{
    guint n = 0;
    const LampFlow *flow;
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(l->store, l->topology, filter, NULL);
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL)
        n++;
    return n;
}

START_TEST(test_flow_filter_by_service_means_passing_through)
{
    static const struct {
        LampFlowFilter filter;
        guint flows;
    } wanted[] = {
        {{.service = "cache"}, 2},
        {{.service = "stock|cache"}, 3},
        {{.service = "web2"}, 1},
        {{.service = "nosuch"}, 0},
        {{.root = "cache"}, 0},
        {{.root = "web"}, 3},
        {{.root = "web", .service = "stock"}, 1},
    };
    Loaded l;
    load(&l, fixture_shop);
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        ck_assert_uint_eq(count_flows(&l, &wanted[i].filter), wanted[i].flows);
    unload(&l);
}
END_TEST

START_TEST(test_flow_reader_survives_cycles_and_missing_parents)
{
    static const char *const lines[] = {"1 0 client web GET 0 10 90 100",
                                        "2 3 web db A 20 30 40 50", "3 2 web db B 60 65 70 75",
                                        "4 99 web db C 80 81 82 83", NULL};
    g_autoptr(LampStore) store = fixture_store_with(
        lines, "UPDATE calls SET trace_id = 1; DELETE FROM trace_roots;"
               "INSERT INTO trace_roots VALUES (1, 0, 100000, 4, 0, 1, 1.0, 0)");
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
    const LampFlow *flow;
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    ck_assert_uint_eq(flow->count, 1);
    ck_assert_uint_eq(lamp_flow_reader_unplaced(reader), 3);
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    ck_assert_ptr_null(flow);
}
END_TEST

START_TEST(test_shapes_do_not_depend_on_duration)
{
    Loaded l;
    LampShapeOptions options = {.keep_members = TRUE};
    load(&l, fixture_shop);
    g_autoptr(LampShapes) shapes = lamp_shapes_new(l.topology, l.structure, &options);
    ck_assert_uint_eq(lamp_shapes_add(shapes, l.flows->pdata[0]), 0);
    ck_assert_uint_eq(lamp_shapes_add(shapes, l.flows->pdata[1]), 1);
    ck_assert_uint_eq(lamp_shapes_add(shapes, l.flows->pdata[2]), 0);
    ck_assert_int_eq(lamp_shape_slowest(lamp_shapes_get(shapes, 0)), 1);
    g_autofree guint *ranks = lamp_shapes_rank(shapes, LAMP_SHAPES_BY_COUNT);
    ck_assert_uint_eq(lamp_shapes_get(shapes, ranks[0])->count, 2);
    unload(&l);
}
END_TEST

/* Two flows whose parallel calls start in another order each. */
START_TEST(test_shapes_ignore_the_order_of_parallel_calls)
{
    static const char *const lines[] = {"1 0 client web GET 0 10 990 1000",
                                        "2 1 web a X 100 110 390 400",
                                        "3 1 web b Y 110 120 490 500",
                                        "11 0 client web GET 2000 2010 2990 3000",
                                        "12 11 web b Y 2100 2110 2390 2400",
                                        "13 11 web a X 2110 2120 2490 2500",
                                        "21 0 client web GET 4000 4010 4990 5000",
                                        "22 21 web a X 4100 4110 4150 4160",
                                        "23 21 web b Y 4170 4180 4490 4500",
                                        NULL};
    Loaded l;
    LampShapeOptions options = {0};
    load(&l, lines);
    g_autoptr(LampShapes) shapes = lamp_shapes_new(l.topology, l.structure, &options);
    guint first = lamp_shapes_add(shapes, l.flows->pdata[0]);
    ck_assert_uint_eq(lamp_shapes_add(shapes, l.flows->pdata[1]), first);
    /* in the third flow they happen not to overlap; they are parallel all the same */
    ck_assert_uint_eq(lamp_shapes_add(shapes, l.flows->pdata[2]), first);
    unload(&l);
}
END_TEST

START_TEST(test_shapes_bucket_repeats)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    static const guint repeats[] = {3, 5, 6};
    for (guint f = 0; f < G_N_ELEMENTS(repeats); f++) {
        guint t = f * 1000;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", f * 100 + 1,
                                               t, t, t + 900, t + 900));
        for (guint k = 0; k < repeats[f]; k++)
            g_ptr_array_add(lines,
                            g_strdup_printf("%u %u web db S %u %u %u %u", f * 100 + 2 + k,
                                            f * 100 + 1, t + 100 * k + 10, t + 100 * k + 10,
                                            t + 100 * k + 50, t + 100 * k + 50));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    LampShapeOptions options = {0}, folded = {.fold = TRUE};
    load(&l, (const char *const *) lines->pdata);
    g_autoptr(LampShapes) shapes = lamp_shapes_new(l.topology, l.structure, &options);
    g_autoptr(LampShapes) coarse = lamp_shapes_new(l.topology, l.structure, &folded);
    guint64 three = lamp_shapes_identify(shapes, l.flows->pdata[0]);
    ck_assert(three == lamp_shapes_identify(shapes, l.flows->pdata[1]));
    ck_assert(three != lamp_shapes_identify(shapes, l.flows->pdata[2]));
    ck_assert(lamp_shapes_identify(coarse, l.flows->pdata[0]) ==
              lamp_shapes_identify(coarse, l.flows->pdata[2]));
    unload(&l);
    g_ptr_array_unref(lines);
}
END_TEST

START_TEST(test_critical_path_adds_up_to_the_latency)
{
    Loaded l;
    load(&l, fixture_shop);
    for (guint f = 0; f < l.flows->len; f++) {
        const LampFlow *flow = l.flows->pdata[f];
        g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
        gint64 sum = 0;
        lamp_critical_path_find(flow, critical);
        for (guint32 i = 0; i < flow->count; i++)
            sum += critical[i].own + critical[i].network + critical[i].idle;
        ck_assert_int_eq(sum, lamp_flow_duration(flow));
    }
    const LampFlow *both = l.flows->pdata[1];
    LampCritical critical[4];
    lamp_critical_path_find(both, critical);
    ck_assert_int_eq(critical[1].own, 0); /* the faster of the two */
    ck_assert_int_eq(critical[2].own, 570 * LAMP_NS_PER_US);
    ck_assert_int_eq(critical[3].own, 0); /* ends after the response */
    unload(&l);
}
END_TEST

START_TEST(test_slack_is_the_lead_over_the_slower_branch)
{
    Loaded l;
    gint64 slack[4];
    load(&l, fixture_shop);
    lamp_slack_find(l.flows->pdata[1], l.structure, slack);
    ck_assert_int_eq(slack[1], 300 * LAMP_NS_PER_US);
    ck_assert_int_eq(slack[2], 0);
    ck_assert_int_eq(slack[3], G_MAXINT64);
    lamp_slack_find(l.flows->pdata[0], l.structure, slack);
    ck_assert_int_eq(slack[1], 0);
    unload(&l);
}
END_TEST

START_TEST(test_cct_inclusive_equals_the_sum_over_requests)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampCct) cct = lamp_cct_new(0, LAMP_CCT_SUBMITTER);
    gint64 durations = 0, roots = 0, exclusive = 0, critical = 0;
    for (guint f = 0; f < l.flows->len; f++) {
        lamp_cct_add(cct, l.flows->pdata[f]);
        durations += lamp_flow_duration(l.flows->pdata[f]);
    }
    for (guint i = 1; i < lamp_cct_count(cct); i++) {
        const LampContext *context = lamp_cct_context(cct, i);
        roots += context->depth == 1 ? context->inclusive : 0;
        exclusive += context->exclusive;
        critical += context->critical;
    }
    ck_assert_int_eq(roots, durations);
    ck_assert_int_eq(critical, durations);
    /* the parallel calls and the tail are counted on their own: 290 us overlap, 200 us tail */
    ck_assert_int_eq(exclusive, durations + (290 + 200) * LAMP_NS_PER_US);
    unload(&l);
}
END_TEST

/* 600 requests of 300 us: one in 50 takes 3 ms, one in 100 fails (its call does). */
static LampStore *
many_requests(void)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 600; i++) {
        guint t = i * 10000, id = i * 10 + 1, took = i % 50 == 7 ? 3000 : 300;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + took, t + took));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id, t + 10,
                                               t + 10, t + 100, t + 100));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store_with((const char *const *) lines->pdata,
                              "UPDATE calls SET is_error = 1 WHERE call_id % 1000 = 32;"
                              "UPDATE trace_roots SET errors = 1 WHERE trace_id % 1000 = 31");
}

typedef struct {
    double flows, calls, slow, failed;
    guint read, slow_read, failed_read;
} Sampled;

static Sampled
sample(LampStore *store, LampTopology *topology, const LampFlowFilter *filter)
{
    Sampled sampled = {0};
    const LampFlow *flow;
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, NULL);
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL) {
        gboolean slow = lamp_flow_duration(flow) > LAMP_NS_PER_MS;
        gboolean failed = flow->calls[1].is_error != 0;
        sampled.read++;
        sampled.slow_read += slow ? 1 : 0;
        sampled.failed_read += failed ? 1 : 0;
        sampled.flows += flow->weight;
        sampled.slow += slow ? flow->weight : 0;
        sampled.failed += failed ? flow->weight : 0;
        for (guint32 i = 0; i < flow->count; i++)
            sampled.calls += flow->calls[i].weight;
    }
    return sampled;
}

START_TEST(test_samples_estimate_all)
{
    g_autoptr(LampStore) store = many_requests();
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    LampFlowFilter filter = {.sample_one_in = 5, .sample_by = LAMP_SAMPLE_HEAD};
    Sampled head = sample(store, topology, &filter);
    ck_assert_uint_lt(head.read, 180);
    ck_assert_double_eq_tol(head.flows, 600.0, 200.0);
    filter.sample_by = LAMP_SAMPLE_TAIL;
    Sampled tail = sample(store, topology, &filter);
    ck_assert_uint_lt(tail.read, 250);
    ck_assert_uint_eq(tail.slow_read, 12);
    ck_assert_double_eq_tol(tail.slow, 12.0, 1e-9);
    ck_assert_uint_eq(tail.failed_read, 6);
    ck_assert_double_eq_tol(tail.flows, 600.0, 200.0);
    filter.sample_by = LAMP_SAMPLE_CALL;
    Sampled call = sample(store, topology, &filter);
    ck_assert_double_eq_tol(call.calls, 1200.0, 300.0);
    ck_assert_double_eq_tol(call.flows, 600.0, 200.0);
    /* the same seed takes the same, another one another sample */
    ck_assert_double_eq_tol(sample(store, topology, &filter).calls, call.calls, 1e-9);
    filter.sample_by = LAMP_SAMPLE_HEAD;
    filter.sample_seed = 5;
    g_autoptr(LampCct) cct = lamp_cct_new(0, LAMP_CCT_SUBMITTER);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, &filter, NULL);
    const LampFlow *flow;
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL)
        lamp_cct_add(cct, flow);
    ck_assert_double_eq_tol((double) lamp_cct_context(cct, 1)->count, 600.0, 200.0);
}
END_TEST

START_TEST(test_unusual_paths_are_rare_or_fail)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 30; i++) {
        guint t = i * 1000, id = i * 10 + 1;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + 300, t + 300));
        if (i != 7)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id,
                                                   t + 10, t + 10, t + 100, t + 100));
        if (i == 7 || i == 9)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web log W %u %u %u %u", id + 2, id,
                                                   t + 150, t + 150, t + 200, t + 200));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    LampShapeOptions options = {0};
    g_autoptr(LampShapes) shapes = lamp_shapes_new(l.topology, l.structure, &options);
    for (guint f = 0; f < l.flows->len; f++) {
        LampFlow *flow = l.flows->pdata[f];
        flow->calls[0].is_error = f == 9;
        lamp_shapes_add(shapes, flow);
    }
    g_autoptr(GArray) found = lamp_unusual_find(shapes);
    ck_assert_uint_eq(found->len, 2);
    const LampUnusual *failed = &g_array_index(found, LampUnusual, 0);
    const LampUnusual *rare = &g_array_index(found, LampUnusual, 1);
    ck_assert_uint_eq(failed->errors, 1);
    ck_assert_uint_eq(failed->more->len, 1);
    ck_assert_uint_eq(failed->fewer->len, 0);
    ck_assert(rare->is_rare);
    ck_assert_uint_eq(rare->count, 1);
    ck_assert_uint_eq(rare->requests, 30);
    ck_assert_uint_eq(rare->more->len, 1);
    ck_assert_uint_eq(rare->fewer->len, 1);
    unload(&l);
}
END_TEST

START_TEST(test_cct_by_trigger_puts_asynchronous_work_by_itself)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampCct) cct = lamp_cct_new(0, LAMP_CCT_TRIGGER);
    guint roots = 0;
    for (guint f = 0; f < l.flows->len; f++)
        lamp_cct_add(cct, l.flows->pdata[f]);
    for (guint i = 1; i < lamp_cct_count(cct); i++) {
        const LampContext *context = lamp_cct_context(cct, i);
        if (context->depth == 1 && context->inclusive == 220 * LAMP_NS_PER_US)
            roots++;
    }
    ck_assert_uint_eq(roots, 1);
    unload(&l);
}
END_TEST

START_TEST(test_flows_by_trigger_come_in_parts)
{
    static const LampFlowFilter by_trigger = {.view = LAMP_VIEW_TRIGGER};
    static const LampFlowFilter outside = {.view = LAMP_VIEW_TRIGGER, .skip_background = TRUE};
    static const LampFlowFilter queue = {.view = LAMP_VIEW_TRIGGER, .service = "queue"};
    const struct {
        const LampFlowFilter *filter;
        guint flows, calls, background;
    } cases[] = {{&by_trigger, 4, 10, 1}, {&outside, 3, 9, 0}, {&queue, 1, 1, 1}};
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LampFlowReader) reader =
            lamp_flow_reader_new(store, topology, cases[i].filter, NULL);
        guint flows = 0, calls = 0, background = 0;
        const LampFlow *flow;
        while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL) {
            flows++;
            calls += flow->count;
            background += flow->is_background ? 1 : 0;
            ck_assert_uint_eq(flow->calls[0].parent, LAMP_FLOW_NONE);
            ck_assert_uint_eq(flow->calls[0].end_index, flow->count);
            ck_assert(!flow->calls[0].is_asynchronous);
            ck_assert(!flow->is_background || flow->trace_id == 14);
        }
        ck_assert_uint_eq(flows, cases[i].flows);
        ck_assert_uint_eq(calls, cases[i].calls);
        ck_assert_uint_eq(background, cases[i].background);
    }
}
END_TEST

START_TEST(test_cct_drops_contexts_beyond_its_limit)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampCct) cct = lamp_cct_new(3, LAMP_CCT_SUBMITTER);
    for (guint f = 0; f < l.flows->len; f++)
        lamp_cct_add(cct, l.flows->pdata[f]);
    ck_assert_uint_eq(lamp_cct_count(cct), 3);
    ck_assert_uint_eq(lamp_cct_dropped(cct), 4 + 2);
    unload(&l);
}
END_TEST

START_TEST(test_graph_shows_fork_and_order)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampGraph) graph = lamp_graph_new(LAMP_GRAPH_CONTEXTS, l.topology, l.structure);
    for (guint f = 0; f < l.flows->len; f++) {
        const LampFlow *flow = l.flows->pdata[f];
        g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
        lamp_critical_path_find(flow, critical);
        lamp_graph_add(graph, flow, critical);
    }
    guint calls = 0, orders = 0;
    for (guint i = 0; i < lamp_graph_edge_count(graph); i++) {
        const LampGraphEdge *edge = lamp_graph_edge(graph, i);
        calls += edge->is_order ? 0 : (guint) edge->calls;
        orders += edge->is_order ? (guint) edge->calls : 0;
    }
    ck_assert_uint_eq(calls, 10);
    ck_assert_uint_eq(orders, 4); /* cache before db, twice; db, stock before the push */
    ck_assert_uint_eq(lamp_graph_node_count(graph), 1 + 3 + 4);
    unload(&l);
}
END_TEST

START_TEST(test_red_counts_calls_of_each_operation)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampRed) red = lamp_red_new();
    for (guint f = 0; f < l.flows->len; f++) {
        const LampFlow *flow = l.flows->pdata[f];
        g_autofree LampCritical *critical = g_new(LampCritical, flow->count);
        lamp_critical_path_find(flow, critical);
        lamp_red_add(red, flow, critical);
    }
    const LampFlow *first = l.flows->pdata[0];
    const LampRedRow *row = lamp_red_row(red, first->calls[2].label);
    ck_assert_uint_eq(row->calls, 3);
    ck_assert_uint_eq(row->requests, 3);
    ck_assert_uint_eq(row->critical_calls, 2);
    ck_assert_int_eq(row->server.max, 360 * LAMP_NS_PER_US);
    unload(&l);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("flow");
    TCase *cases = tcase_create("flow");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_flow_reader_hands_out_trees_in_preorder);
    tcase_add_test(cases, test_flow_filter_by_service_means_passing_through);
    tcase_add_test(cases, test_flow_reader_survives_cycles_and_missing_parents);
    tcase_add_test(cases, test_shapes_do_not_depend_on_duration);
    tcase_add_test(cases, test_shapes_ignore_the_order_of_parallel_calls);
    tcase_add_test(cases, test_shapes_bucket_repeats);
    tcase_add_test(cases, test_critical_path_adds_up_to_the_latency);
    tcase_add_test(cases, test_slack_is_the_lead_over_the_slower_branch);
    tcase_add_test(cases, test_cct_inclusive_equals_the_sum_over_requests);
    tcase_add_test(cases, test_samples_estimate_all);
    tcase_add_test(cases, test_unusual_paths_are_rare_or_fail);
    tcase_add_test(cases, test_cct_by_trigger_puts_asynchronous_work_by_itself);
    tcase_add_test(cases, test_flows_by_trigger_come_in_parts);
    tcase_add_test(cases, test_cct_drops_contexts_beyond_its_limit);
    tcase_add_test(cases, test_graph_shows_fork_and_order);
    tcase_add_test(cases, test_red_counts_calls_of_each_operation);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
