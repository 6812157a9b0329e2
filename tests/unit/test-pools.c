/* Pools of connections: found where they were exhausted, kept by transactions, waited for. */
#include "tests/unit/whatif-fixture.h"

/* Three requests at once every millisecond; the third gets a connection when the first one is
 * done. @steps: the calls of one to the database, as "OPERATION START END" after its begin. */
static GPtrArray *
exhausted_lines(guint rounds, const char *const *steps)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < rounds * 3; i++) {
        guint id = i * 10 + 1, begin = i / 3 * 1000 + i % 3 * 5;
        guint t = i % 3 == 2 ? i / 3 * 1000 + 100 : begin;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, begin,
                                               begin, t + 110, t + 110));
        for (guint k = 0; steps[k] != NULL; k++) {
            g_auto(GStrv) w = g_strsplit(steps[k], " ", -1);
            guint64 from, to;
            ck_assert(lamp_text_parse_u64(lamp_bytes_text(w[1]), &from));
            ck_assert(lamp_text_parse_u64(lamp_bytes_text(w[2]), &to));
            g_ptr_array_add(lines, g_strdup_printf("%u %u web db %s %u %u %u %u", id + 1 + k,
                                                   id, w[0], t + (guint) from, t + (guint) from,
                                                   t + (guint) to, t + (guint) to));
        }
    }
    g_ptr_array_add(lines, NULL);
    return lines;
}

static void
load_exhausted(Loaded *l, const char *const *steps)
{
    g_autoptr(GPtrArray) lines = exhausted_lines(30, steps);
    load(l, (const char *const *) lines->pdata);
    const GArray *pools = lamp_whatif_pools(l->whatif);
    ck_assert_uint_eq(pools->len, 2);
    const LampPoolLimit *pool = &g_array_index(pools, LampPoolLimit, 1);
    ck_assert_uint_eq(pool->connections, 2);
    ck_assert_uint_eq(pool->full, 60);
    ck_assert_uint_eq(pool->awaited, 30);
    ck_assert_double_eq_tol(mean_after(l, "db *1"), (110 + 110 + 200) / 3.0, 1e-6);
}

START_TEST(test_pools_are_waited_for)
{
    static const char *const steps[] = {"S 0 100", NULL};
    Loaded l;
    load_exhausted(&l, steps);
    ck_assert_uint_eq(lamp_whatif_limits(l.whatif)->len, 0);
    /* the third starts when the first is done, at 200, and not at 100 */
    ck_assert_double_eq_tol(mean_after(&l, "db +100us"), (210 + 210 + 400) / 3.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "web->db +100us"), (210 + 210 + 400) / 3.0, 1e-6);
    /* neither what is removed nor what a cache answers needs a connection */
    ck_assert_double_eq_tol(mean_after(&l, "remove db"), 10.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache db hit 1 in 300us"), 310.0, 1e-6);
    /* the wait is no work of web: web slower, it is no longer; more connections, it is gone */
    ck_assert_double_eq_tol(mean_after(&l, "web *2"), (120 + 120 + 210) / 3.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "limit web->db 3"), 110.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "db *0.5"), (60 + 60 + 100) / 3.0, 1e-6);
    unload(&l);
}
END_TEST

START_TEST(test_pools_are_kept_by_transactions)
{
    static const char *const steps[] = {"BEGIN 0 10", "S 40 60", "COMMIT 90 100", NULL};
    Loaded l;
    load_exhausted(&l, steps);
    ck_assert_double_eq_tol(mean_after(&l, "db +100us"), (410 + 410 + 800) / 3.0, 1e-6);
    /* without its end a transaction still gives its connection back */
    ck_assert_double_eq_tol(mean_after(&l, "remove db/COMMIT; db/S +100us"),
                            (200 + 200 + 380) / 3.0, 1e-6);
    unload(&l);
}
END_TEST

/* Pools found where the calls to the database are made on @connections, in turn. */
static guint
pools_on(guint connections)
{
    static const char *const steps[] = {"S 0 100", NULL};
    g_autoptr(GPtrArray) lines = exhausted_lines(30, steps);
    g_autofree char *sql = g_strdup_printf(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
        " INSERT INTO endpoints (endpoint_id, address, port)"
        " SELECT i, '10.0.0.1', i FROM n;"
        "UPDATE calls SET client_endpoint_id = 1 + call_id / 10 %% %u WHERE call_id %% 10 = 2;",
        connections, connections);
    Loaded l;
    l.store = fixture_store_with((const char *const *) lines->pdata, sql);
    load_store(&l);
    guint pools = lamp_whatif_pools(l.whatif)->len - 1;
    unload(&l);
    return pools;
}

/* Two calls at a time that wait for each other are a pool of two, but not if a third connection
 * stood open beside them all the while. */
START_TEST(test_open_connections_are_no_limit)
{
    ck_assert_uint_eq(pools_on(1), 1);
    ck_assert_uint_eq(pools_on(2), 1);
    ck_assert_uint_eq(pools_on(3), 0);
    /* connections that were used once were not open side by side */
    ck_assert_uint_eq(pools_on(90), 1);
}
END_TEST

START_TEST(test_pools_are_not_invented)
{
    /* as many at once, but nobody starts when another ends */
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 90; i++) {
        guint id = i * 10 + 1, t = i / 3 * 2000 + i % 3 * 5;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + 110, t + 110));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id, t, t,
                                               t + 100, t + 100));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    ck_assert_uint_eq(lamp_whatif_pools(l.whatif)->len, 1);
    ck_assert_double_eq_tol(mean_after(&l, "db +100us"), 210.0, 1e-6);
    /* but for those that are told */
    ck_assert_double_eq_tol(mean_after(&l, "limit web->db 1"), (110 + 205 + 300) / 3.0, 1e-6);
    g_autoptr(LampWhatifResult) full = run_text(&l, "limit web->db 1; load *10");
    ck_assert_str_eq(full->busiest, "the pool of connections from web to db");
    ck_assert_double_gt(full->busiest_use, 1.0);
    unload(&l);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pools");
    TCase *cases = tcase_create("pools");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_pools_are_waited_for);
    tcase_add_test(cases, test_pools_are_kept_by_transactions);
    tcase_add_test(cases, test_pools_are_not_invented);
    tcase_add_test(cases, test_open_connections_are_no_limit);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
