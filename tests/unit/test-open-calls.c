/* Calls without a response: in no duration, counted apart, never replayed as if they took no
 * time. */
#include "model/advice.h"
#include "model/calling-context-tree.h"
#include "model/compare.h"
#include "model/costs.h"
#include "model/flow-graph.h"
#include "model/red.h"
#include "model/shape.h"
#include "model/slack.h"
#include "tests/unit/whatif-fixture.h"

/* Twice a request whose database call is answered, once one whose is not, once a request that
 * is not answered itself, and a message that is not meant to be. */
static const char *const lines[] = {"1 0 client web1 GET_/ 0 10 990 1000",
                                    "2 1 web1 db SELECT 300 320 680 700",
                                    "11 0 client web1 GET_/ 2000 2010 2990 3000",
                                    "12 11 web1 db SELECT 2300 2320 2680 2700",
                                    "21 0 client web1 GET_/ 4000 4010 6990 7000",
                                    "22 21 web1 db SELECT 4300 4305 - -",
                                    "31 0 client web1 GET_/ 8000 8010 - -",
                                    "32 31 web1 db SELECT 8300 8320 8680 8700",
                                    "41 0 client web1 GET_/ 9000 9010 9990 10000",
                                    "42 41 web1 bus PUBLISH 9300 9310 - - oneway",
                                    NULL};

#define US LAMP_NS_PER_US

typedef void (*Each)(const Loaded *l, const LampFlow *flow, gpointer payload);

static void
each_flow(const Loaded *l, Each each, gpointer payload)
{
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(l->store, l->topology, NULL, NULL);
    const LampFlow *flow;
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL)
        each(l, flow, payload);
}

static void
check_flow(const Loaded *l, const LampFlow *flow, gpointer payload)
{
    guint *seen = payload;
    LampCritical critical[2];
    gint64 slacks[2];
    ++*seen;
    ck_assert_uint_eq(flow->count, 2);
    ck_assert_int_eq(lamp_flow_is_open(flow), flow->trace_id == 31);
    ck_assert_int_eq(flow->calls[1].is_open, flow->trace_id == 21);
    lamp_critical_path_find(flow, critical);
    lamp_slack_find(flow, l->structure, slacks);
    if (flow->trace_id == 31) {
        /* at work at least as long as what it caused */
        ck_assert_int_eq(flow->calls[0].server_end, 8700 * US);
        ck_assert_int_eq(lamp_flow_duration(flow), 0);
        ck_assert_int_eq(critical[0].own + critical[1].own, 0);
    }
    if (flow->trace_id == 21) {
        ck_assert_int_eq(critical[0].own, 2980 * US);
        ck_assert_int_eq(critical[1].own, 0);
        ck_assert_int_eq(slacks[1], G_MAXINT64);
    }
}

START_TEST(test_a_call_without_response_is_open)
{
    Loaded l;
    guint seen = 0;
    load(&l, lines);
    each_flow(&l, check_flow, &seen);
    ck_assert_uint_eq(seen, 5);
    unload(&l);
}
END_TEST

/* All that adds durations up. */
typedef struct {
    LampRed *red;
    LampShapes *shapes;
    LampCct *cct;
    LampGraph *graph;
    LampCosts *costs;
} Sums;

static void
add_flow(const Loaded *l, const LampFlow *flow, gpointer payload)
{
    Sums *sums = payload;
    LampCritical critical[2];
    (void) l;
    lamp_critical_path_find(flow, critical);
    lamp_red_add(sums->red, flow, critical);
    lamp_shapes_add(sums->shapes, flow);
    lamp_cct_add(sums->cct, flow);
    lamp_graph_add(sums->graph, flow, critical);
    lamp_costs_add(sums->costs, flow);
}

static void
check_red(const Loaded *l, const LampRed *red)
{
    guint64 unanswered = 0;
    for (guint32 i = 0; i < lamp_topology_label_count(l->topology); i++) {
        const LampRedRow *row = lamp_red_row(red, i);
        unanswered += row->unanswered;
        gboolean is_message =
            g_str_equal(lamp_topology_label(l->topology, i)->operation, "PUBLISH");
        ck_assert_uint_eq(row->server.count + row->unanswered, is_message ? 0 : row->calls);
        if (g_str_equal(lamp_topology_label(l->topology, i)->operation, "SELECT")) {
            ck_assert_uint_eq(row->calls, 4);
            ck_assert_int_eq(row->server.min, 360 * US);
        }
    }
    ck_assert_uint_eq(unanswered, 2);
    ck_assert_int_eq(lamp_red_total_duration(red), (3 * 1000 + 3000) * US);
}

static void
check_shapes(const LampShapes *shapes)
{
    guint64 unanswered = 0, counted = 0;
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, i);
        unanswered += shape->unanswered;
        counted += shape->duration.count;
        ck_assert_int_ge(shape->duration.min, 1000 * US);
        ck_assert(lamp_shape_typical(shape) != 31);
        ck_assert(lamp_shape_slowest(shape) != 31);
    }
    ck_assert_uint_eq(unanswered, 1);
    ck_assert_uint_eq(counted, 4);
}

static void
check_contexts(const LampCct *cct)
{
    const LampContext *all = lamp_cct_context(cct, 0);
    ck_assert_int_eq(all->inclusive, (3 * 1000 + 3000 + 400) * US);
    const LampContext *root = lamp_cct_context(cct, 1);
    ck_assert_uint_eq(root->unanswered, 1);
    const LampContext *select = lamp_cct_context(cct, 2);
    ck_assert_uint_eq(select->unanswered, 1);
    ck_assert_int_eq(select->inclusive, 3 * 400 * US);
}

START_TEST(test_sums_leave_open_calls_out)
{
    Loaded l;
    load(&l, lines);
    LampShapeOptions keep = {.keep_members = TRUE};
    Sums sums = {lamp_red_new(), lamp_shapes_new(l.topology, l.structure, &keep),
                 lamp_cct_new(0, LAMP_CCT_SUBMITTER),
                 lamp_graph_new(LAMP_GRAPH_OPERATIONS, l.topology, l.structure),
                 lamp_costs_new(l.topology, LAMP_COSTS_SUBMITTER)};
    each_flow(&l, add_flow, &sums);
    check_red(&l, sums.red);
    check_shapes(sums.shapes);
    check_contexts(sums.cct);
    guint64 unanswered = 0;
    for (guint i = 0; i < lamp_graph_node_count(sums.graph); i++)
        unanswered += lamp_graph_node(sums.graph, i)->unanswered;
    ck_assert_uint_eq(unanswered, 2);
    g_autoptr(GArray) costs = lamp_costs_rank(sums.costs);
    for (guint i = 0; i < costs->len; i++)
        ck_assert_int_ge(g_array_index(costs, LampCost, i).direct_time, 0);
    lamp_red_free(sums.red);
    lamp_shapes_free(sums.shapes);
    lamp_cct_free(sums.cct);
    lamp_graph_free(sums.graph);
    lamp_costs_free(sums.costs);
    unload(&l);
}
END_TEST

START_TEST(test_a_replay_does_not_make_them_fast)
{
    Loaded l;
    load(&l, lines);
    ck_assert_uint_eq(lamp_whatif_requests(l.whatif), 4);
    ck_assert_double_eq_tol(lamp_whatif_mean(l.whatif, NULL) / 1e3, 1500.0, 1e-6);
    g_autoptr(LampWhatifResult) result = run_text(&l, "db +100us");
    ck_assert_uint_eq(result->unanswered, 1);
    const char *note = result->notes->pdata[0];
    ck_assert_str_eq(note, "1 request without a response is in no figure");
    /* Only the two requests that waited for an answer wait longer. */
    ck_assert_double_eq_tol(mean_after(&l, "db +100us"), 1550.0, 1e-6);
    unload(&l);
}
END_TEST

START_TEST(test_a_comparison_leaves_them_out)
{
    Loaded l;
    load(&l, lines);
    g_autoptr(LampComparison) c = lamp_compare_new();
    LampFlowFilter all = {0};
    ck_assert(lamp_compare_read(c, LAMP_SIDE_A, l.store, &all, NULL));
    ck_assert(lamp_compare_read(c, LAMP_SIDE_B, l.store, &all, NULL));
    lamp_compare_finish(c);
    ck_assert_uint_eq(c->unanswered[LAMP_SIDE_A], 2);
    ck_assert_uint_eq(c->duration[LAMP_SIDE_A].count, 4);
    for (guint i = 0; i < c->operations->len; i++) {
        const LampCompared *row = &g_array_index(c->operations, LampCompared, i);
        if (g_str_has_suffix(row->name, "SELECT"))
            ck_assert_int_eq(row->duration[LAMP_SIDE_A].min, 360 * US);
    }
    unload(&l);
}
END_TEST

/* What users' own queries see. */
static gint64
ask(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    ck_assert(query != NULL && lamp_statement_step(query, &has_row, NULL) && has_row);
    return lamp_statement_int_or(query, 0, -1);
}

START_TEST(test_views_give_them_no_duration)
{
    Loaded l;
    load(&l, lines);
    ck_assert_int_eq(ask(l.store, "SELECT unanswered FROM totals"), 2);
    ck_assert_int_eq(ask(l.store, "SELECT duration_ns FROM traces WHERE is_open"), -1);
    ck_assert_int_eq(ask(l.store, "SELECT count(*) FROM traces WHERE is_open"), 1);
    ck_assert_int_eq(ask(l.store, "SELECT count(*) FROM call_details WHERE is_open"), 2);
    ck_assert_int_eq(ask(l.store, "SELECT count(*) FROM spans WHERE is_open"), 4);
    ck_assert_int_eq(
        ask(l.store, "SELECT count(*) FROM spans WHERE is_open AND duration_ns IS NOT NULL"),
        0);
    ck_assert_int_eq(ask(l.store, "SELECT min(duration_ns) FROM call_details"), 400 * US);
    unload(&l);
}
END_TEST

/* A message that nobody answers takes no time that could be told. */
START_TEST(test_messages_have_no_duration)
{
    g_autoptr(LampStore) store = fixture_store(lines);
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    LampFlowFilter filter = {.trace_id = 41};
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, &filter, NULL);
    g_autoptr(LampRed) red = lamp_red_new();
    LampCritical critical[2];
    const LampFlow *flow;
    ck_assert(lamp_flow_reader_next(reader, &flow, NULL));
    lamp_critical_path_find(flow, critical);
    lamp_red_add(red, flow, critical);
    const LampRedRow *row = lamp_red_row(red, flow->calls[1].label);
    ck_assert_uint_eq(row->calls, 1);
    ck_assert_uint_eq(row->unanswered, 0);
    ck_assert_uint_eq(row->server.count, 0);
    ck_assert_uint_eq(row->client.count, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("open calls");
    TCase *cases = tcase_create("open calls");
    tcase_add_test(cases, test_messages_have_no_duration);
    tcase_add_test(cases, test_a_call_without_response_is_open);
    tcase_add_test(cases, test_sums_leave_open_calls_out);
    tcase_add_test(cases, test_a_replay_does_not_make_them_fast);
    tcase_add_test(cases, test_a_comparison_leaves_them_out);
    tcase_add_test(cases, test_views_give_them_no_duration);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
