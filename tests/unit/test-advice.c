/* What the advisor finds, what it leaves alone, and that its changes can be replayed. */
#include "model/advice-queries.h"
#include "model/what-if.h"
#include "tests/unit/flow-fixture.h"

static GArray *
advise(LampStore *store, LampTopology *topology, LampStructure *structure,
       const LampFlowFilter *filter)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LampAdvisor) advisor = lamp_advisor_new(topology, structure);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, NULL);
    const LampFlow *flow;
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL)
        lamp_advisor_add(advisor, flow);
    GArray *list = lamp_advisor_list(advisor, store, &error);
    ck_assert_msg(list != NULL, "%s", error != NULL ? error->message : "");
    return list;
}

/* Advice on a system in which @calls are those of each request. */
typedef struct {
    LampStore *store;
    LampTopology *topology;
    LampStructure *structure;
    GArray *list;
} Advised;

static void
advise_with(Advised *a, const char *const *calls, guint requests, const char *sql)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < requests; i++)
        for (guint k = 0; calls[k] != NULL; k++) {
            g_auto(GStrv) w = g_strsplit(calls[k], " ", -1);
            GString *line = g_string_new(NULL);
            guint64 id, parent, time;
            ck_assert(lamp_text_parse_u64(lamp_bytes_text(w[0]), &id));
            ck_assert(lamp_text_parse_u64(lamp_bytes_text(w[1]), &parent));
            g_string_append_printf(line, "%u %u %s %s %s", (guint) id + i * 100,
                                   parent == 0 ? 0 : (guint) parent + i * 100, w[2], w[3],
                                   w[4]);
            for (guint t = 5; t < 9; t++) {
                ck_assert(lamp_text_parse_u64(lamp_bytes_text(w[t]), &time));
                g_string_append_printf(line, " %u", (guint) time + i * 10000);
            }
            g_ptr_array_add(lines, g_string_free(line, FALSE));
        }
    g_ptr_array_add(lines, NULL);
    a->store = fixture_store_with((const char *const *) lines->pdata, sql);
    a->topology = lamp_topology_load(a->store, NULL);
    a->structure = lamp_structure_learn(a->store, a->topology, NULL, 0, NULL);
    a->list = advise(a->store, a->topology, a->structure, NULL);
}

static void
advise_on(Advised *a, const char *const *calls)
{
    advise_with(a, calls, 10, "");
}

static void
clear_advised(Advised *a)
{
    g_array_unref(a->list);
    lamp_structure_free(a->structure);
    lamp_topology_free(a->topology);
    lamp_store_close(a->store);
}

/* Change of the mean in us that the replay of the advice predicts. */
static double
replay(const Advised *a, const LampAdvice *advice)
{
    g_autoptr(LampWhatif) whatif =
        lamp_whatif_load(a->store, a->topology, a->structure, NULL, 0, NULL);
    g_autoptr(LampChange) change = lamp_change_parse(advice->change, NULL);
    ck_assert_ptr_nonnull(change);
    ck_assert(lamp_change_resolve(change, a->topology, NULL));
    return (lamp_whatif_mean(whatif, change) - lamp_whatif_mean(whatif, NULL)) / 1e3;
}

START_TEST(test_advice_finds_repeated_calls)
{
    static const char *const calls[] = {
        "1 0 client web GET 0 0 1000 1000", "2 1 web db S 100 100 200 200",
        "3 1 web db S 210 210 310 310", "4 1 web db S 320 320 420 420", NULL};
    Advised a;
    advise_on(&a, calls);
    ck_assert_uint_eq(a.list->len, 1);
    const LampAdvice *advice = &g_array_index(a.list, LampAdvice, 0);
    ck_assert_int_eq(advice->kind, LAMP_ADVICE_BATCH);
    ck_assert_uint_eq(advice->requests, 10);
    ck_assert_double_eq_tol(replay(&a, advice), -220.0, 1e-6);
    clear_advised(&a);
}
END_TEST

START_TEST(test_advice_tells_the_confidence_of_all_links_of_a_loop)
{
    static const char *const calls[] = {
        "1 0 client web GET 0 0 1000 1000", "2 1 web db S 100 100 200 200",
        "3 1 web db S 210 210 310 310", "4 1 web db S 320 320 420 420", NULL};
    Advised a;
    advise_with(&a, calls, 10,
                "UPDATE call_links SET confidence = CASE child_call_id % 100 WHEN 2 THEN 1.0 "
                "WHEN 3 THEN 0.5 ELSE 0.6 END;");
    ck_assert_double_eq_tol(g_array_index(a.list, LampAdvice, 0).confidence, 0.7, 1e-6);
    clear_advised(&a);
}
END_TEST

START_TEST(test_advice_finds_calls_in_turn)
{
    static const char *const calls[] = {"1 0 client web GET 0 0 1000 1000",
                                        "2 1 web stock S 100 100 400 400",
                                        "3 1 web price P 410 410 810 810", NULL};
    Advised a;
    advise_on(&a, calls);
    ck_assert_uint_eq(a.list->len, 1);
    const LampAdvice *advice = &g_array_index(a.list, LampAdvice, 0);
    ck_assert_int_eq(advice->kind, LAMP_ADVICE_PARALLEL);
    ck_assert_double_eq_tol(replay(&a, advice), -300.0, 1e-6);
    clear_advised(&a);
}
END_TEST

START_TEST(test_advice_leaves_parallel_and_short_calls_alone)
{
    static const char *const calls[] = {
        "1 0 client web GET 0 0 1000 1000", "2 1 web stock S 100 100 400 400",
        "3 1 web price P 110 110 510 510", "4 1 web log L 520 520 530 530", NULL};
    Advised a;
    advise_on(&a, calls);
    ck_assert_uint_eq(a.list->len, 0);
    clear_advised(&a);
}
END_TEST

START_TEST(test_advice_finds_chatter)
{
    static const char *const calls[] = {
        "1 0 client web GET 0 0 1000 1000", "2 1 web db A 100 110 150 160",
        "3 1 web db B 170 180 220 230",     "4 1 web db A 240 250 290 300",
        "5 1 web db B 310 320 360 370",     "6 1 web db A 380 390 430 440",
        "7 1 web log L 450 460 500 510",    NULL};
    Advised a;
    advise_on(&a, calls);
    ck_assert_uint_eq(a.list->len, 1);
    const LampAdvice *advice = &g_array_index(a.list, LampAdvice, 0);
    ck_assert_int_eq(advice->kind, LAMP_ADVICE_CHATTY);
    ck_assert_ptr_nonnull(strstr(advice->text, "5.0 calls to db"));
    ck_assert_double_eq_tol(replay(&a, advice), -80.0, 1e-6);
    clear_advised(&a);
}
END_TEST

START_TEST(test_advice_finds_large_responses_passed_on_whole)
{
    static const char *const calls[] = {"1 0 client web GET 0 0 1000 1000",
                                        "2 1 web files F 100 100 900 900",
                                        "3 1 web log L 920 920 930 930", NULL};
    Advised a;
    advise_with(&a, calls, 10,
                "UPDATE calls SET response_bytes = 1 << 20 WHERE call_id % 100 < 3;");
    ck_assert_uint_eq(a.list->len, 1);
    const LampAdvice *advice = &g_array_index(a.list, LampAdvice, 0);
    ck_assert_int_eq(advice->kind, LAMP_ADVICE_STREAM);
    ck_assert_ptr_nonnull(strstr(advice->text, "1024 KiB from files F"));
    clear_advised(&a);
}
END_TEST

/* The same is asked every time; `page` is passed on by a proxy, `item` is looked up in a cache,
 * `flag` is answered faster than a cache would. */
START_TEST(test_advice_puts_no_cache_before_a_cache)
{
    static const char *const calls[] = {"1 0 client proxy GET_/page 0 0 4000 4000",
                                        "2 1 proxy web GET_/page 100 100 3900 3900",
                                        "3 0 client web GET_/item 5000 5000 7900 7900",
                                        "4 3 web memc get_item:{} 5100 5100 5200 5200",
                                        "5 3 web memc set_item:{} 5300 5300 5400 5400",
                                        "6 0 client web GET_/flag 8000 8000 8900 8900",
                                        NULL};
    Advised a;
    advise_with(
        &a, calls, 60,
        "UPDATE strings SET text = replace(text, '_', ' ');"
        "INSERT INTO strings (text) VALUES ('memcached');"
        "UPDATE calls SET protocol_id = (SELECT string_id FROM strings WHERE text = "
        "'memcached') WHERE call_id % 100 IN (4, 5);"
        "INSERT INTO observations (observation_id, source_id, origin, request_values) VALUES "
        "(1, 1, 'wire', '{\"path\":\"x\"}');"
        "UPDATE calls SET server_observation_id = 1;");
    ck_assert_uint_eq(a.list->len, 1);
    const LampAdvice *advice = &g_array_index(a.list, LampAdvice, 0);
    ck_assert_int_eq(advice->kind, LAMP_ADVICE_CACHE);
    ck_assert_str_eq(advice->change, "cache proxy/GET /page hit 0.98 in 1ms");
    ck_assert_double_lt(advice->confidence, 0.0);
    LampFlowFilter filter = {.operation = "item"};
    g_autoptr(GArray) others = advise(a.store, a.topology, a.structure, &filter);
    ck_assert_uint_eq(others->len, 0);
    clear_advised(&a);
}
END_TEST

/* A hundred calls that ask the same again, behind as many others as are looked at; the last of
 * these are left in if @others is one less. */
static GArray *
advise_behind(guint others)
{
    static const char *const one[] = {"1 0 client web GET 0 0 1000 1000", NULL};
    g_autofree char *sql = g_strdup_printf(
        "UPDATE strings SET text = 'GET /' WHERE text = 'GET';"
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %u + 100)"
        " INSERT INTO calls (call_id, trace_id, server_instance_id, operation_id, is_error, "
        "flags,"
        " position, request_bytes, response_bytes, server_start_ns, server_end_ns,"
        " server_observation_id)"
        " SELECT i, 1, server_instance_id, iif(i > %u, operation_id, NULL), 0, 0, 1, 0, 0,"
        " i * 1000, i * 1000 + 5000000, 1 FROM n, calls WHERE call_id = 1;"
        "INSERT INTO observations (observation_id, source_id, origin, request_values) VALUES"
        " (1, 1, 'wire', '{\"path\":\"x\"}');",
        others, others);
    g_autoptr(LampStore) store = fixture_store_with(one, sql);
    GArray *list = g_array_new(FALSE, TRUE, sizeof(LampAdvice));
    LampAdviceScope scope = {"[1]", others + 100};
    g_autoptr(GError) error = NULL;
    ck_assert_msg(lamp_advice_query(store, &scope, list, &error), "%s",
                  error != NULL ? error->message : "");
    return list;
}

START_TEST(test_advice_looks_at_so_many_calls_for_caches)
{
    g_autoptr(GArray) within = advise_behind(199900);
    ck_assert_uint_eq(within->len, 1);
    g_autofree char *whole = g_array_index(within, LampAdvice, 0).text;
    g_free(g_array_index(within, LampAdvice, 0).change);
    ck_assert_ptr_null(strstr(whole, "looked at"));
    g_autoptr(GArray) partly = advise_behind(199920);
    g_autofree char *cut = g_array_index(partly, LampAdvice, 0).text;
    g_free(g_array_index(partly, LampAdvice, 0).change);
    ck_assert_uint_eq(g_array_index(partly, LampAdvice, 0).requests, 80);
    ck_assert_ptr_nonnull(strstr(cut, "(looked at: the first 200000 calls)"));
    g_autoptr(GArray) beyond = advise_behind(200000);
    ck_assert_uint_eq(beyond->len, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("advice");
    TCase *cases = tcase_create("advice");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_advice_finds_repeated_calls);
    tcase_add_test(cases, test_advice_tells_the_confidence_of_all_links_of_a_loop);
    tcase_add_test(cases, test_advice_finds_calls_in_turn);
    tcase_add_test(cases, test_advice_leaves_parallel_and_short_calls_alone);
    tcase_add_test(cases, test_advice_finds_chatter);
    tcase_add_test(cases, test_advice_finds_large_responses_passed_on_whole);
    tcase_add_test(cases, test_advice_puts_no_cache_before_a_cache);
    tcase_add_test(cases, test_advice_looks_at_so_many_calls_for_caches);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
