/*
 * Dependencies from flows: merging of records, direction, tests on flows of known cause.
 */
#include "correlate/correlate.h"
#include "correlate/dependencies/dependencies.h"
#include "correlate/dependencies/point-fit.h"
#include "correlate/dependencies/volume-fit.h"
#include "store/statement.h"
#include "tests/unit/flow-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)
#define SECOND (1000 * MS)

static LampStore *
new_store(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("lamp-flows-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "test.db", NULL);
    LampStore *store = lamp_store_open(path, LAMP_STORE_CREATE, &error);
    ck_assert(store != NULL);
    fixture_run(store,
                "INSERT INTO sources (source_id, path, size_bytes, state) VALUES (1, 'a',"
                " 0, 'done'), (2, 'b', 0, 'done')");
    return store;
}

static void
close_store(LampStore *store)
{
    g_autofree char *path = g_strdup(lamp_store_path(store));
    lamp_store_close(store);
    g_unlink(path);
    g_autofree char *folder = g_path_get_dirname(path);
    g_rmdir(folder);
}

static gint64
endpoint(LampStore *store, const char *address, guint port)
{
    static gint64 next = 0;
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO endpoints VALUES (%" G_GINT64_FORMAT ", '%s', %u)", ++next, address, port);
    fixture_run(store, sql);
    return next;
}

static void
record(LampStore *store, int source, gint64 from, gint64 to, gint64 first, gint64 last,
       int flags)
{
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO flow_records VALUES (NULL, %d, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
        ", 6, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 5, 500, %d, 1, NULL, NULL)",
        source, from, to, first, last, flags);
    fixture_run(store, sql);
}

START_TEST(merges_cut_records_and_joins_directions)
{
    LampStore *store = new_store();
    gint64 client = endpoint(store, "10.0.0.1", 40000),
           server = endpoint(store, "10.0.0.2", 80);
    record(store, 1, client, server, 1 * SECOND, 30 * SECOND, 2);
    record(store, 1, server, client, 1 * SECOND + MS, 30 * SECOND, 2);
    record(store, 1, client, server, 31 * SECOND, 50 * SECOND, 17);
    record(store, 2, client, server, 1 * SECOND, 29 * SECOND, 2); /* another exporter */
    /* and a listing of the same in whole seconds */
    record(store, 2, server, client, 1 * SECOND, 30 * SECOND, 2);
    record(store, 1, client, server, 55 * SECOND, 56 * SECOND, 2); /* port used again */
    g_autoptr(LampBiflows) b = lamp_biflows_load(store, NULL);
    ck_assert(b != NULL);
    ck_assert_uint_eq(b->flows->len, 2);
    ck_assert_uint_eq(b->ignored, 2);
    const LampBiflow *flow = lamp_biflow(b, 0);
    ck_assert_uint_eq(lamp_flow_endpoint(b, flow->server)->port, 80);
    ck_assert_int_eq(flow->first, 1 * SECOND);
    ck_assert_int_eq(flow->last, 50 * SECOND);
    ck_assert_double_eq(flow->packets, 15);
    ck_assert_int_eq(b->resolution, MS);
    close_store(store);
}
END_TEST

/* Requests to a (port 80) at random times. Each is followed by a flow to b (port 81) 20 ms
 * later; flows to c (port 82) come at times of their own. */
static void
fill_known(LampStore *store, guint requests, gint64 spacing)
{
    guint64 state = 7;
    ck_assert(lamp_store_begin(store, NULL));
    gint64 a = endpoint(store, "10.0.0.2", 80), b = endpoint(store, "10.0.0.3", 81);
    gint64 c = endpoint(store, "10.0.0.4", 82);
    gint64 now = SECOND;
    for (guint i = 0; i < requests; i++) {
        now += 1 + (gint64) lamp_draw(&state, (guint64) (2 * spacing));
        gint64 from = endpoint(store, "10.0.0.1", 33000 + i);
        gint64 down = endpoint(store, "10.0.0.2", 33000 + i);
        gint64 apart = endpoint(store, "10.0.0.2", 43000 + i);
        gint64 delay = 20 * MS + (gint64) lamp_draw(&state, 3 * (guint64) MS);
        gint64 other = SECOND + (gint64) lamp_draw(&state, requests * (guint64) spacing);
        record(store, 1, from, a, now, now + 60 * MS, 27);
        record(store, 1, a, from, now + 1, now + 60 * MS, 27);
        record(store, 1, down, b, now + delay, now + delay + 10 * MS, 27);
        record(store, 1, apart, c, other, other + 10 * MS, 27);
    }
    ck_assert(lamp_store_commit(store, NULL));
}

static const LampDependency *
find_row(const LampDependencies *found, const char *caller, const char *callee)
{
    for (guint i = 0; i < found->rows->len; i++) {
        const LampDependency *row = g_ptr_array_index(found->rows, i);
        if (g_str_equal(row->caller, caller) && g_str_equal(row->callee, callee))
            return row;
    }
    ck_abort_msg("no row %s, %s", caller, callee);
    return NULL;
}

START_TEST(tells_dependent_from_independent)
{
    LampStore *store = new_store();
    fill_known(store, 400, 300 * MS);
    g_autoptr(LampDependencies) found = lamp_dependencies_find(store, NULL);
    ck_assert(found != NULL);
    const LampDependency *real = find_row(found, "10.0.0.2:80", "10.0.0.3:81");
    ck_assert_int_eq(real->verdict, LAMP_VERDICT_DEPENDENT);
    ck_assert_double_gt(real->share, 0.9);
    ck_assert_double_eq_tol(real->per_request, 1, 0.1);
    ck_assert_int_ge(real->lag, 17 * MS);
    ck_assert_int_le(real->lag, 28 * MS);
    const LampDependency *none = find_row(found, "10.0.0.2:80", "10.0.0.4:82");
    ck_assert_int_eq(none->verdict, LAMP_VERDICT_INDEPENDENT);
    ck_assert_double_lt(none->share, 0.25);
    const LampDependency *opener = find_row(found, "10.0.0.1", "10.0.0.2:80");
    ck_assert_str_eq(opener->method, "opener");
    ck_assert(lamp_dependencies_write(store, found, NULL));
    close_store(store);
}
END_TEST

START_TEST(cannot_tell_from_few_flows)
{
    LampStore *store = new_store();
    fill_known(store, 8, 300 * MS);
    g_autoptr(LampDependencies) found = lamp_dependencies_find(store, NULL);
    ck_assert(found != NULL);
    const LampDependency *row = find_row(found, "10.0.0.2:80", "10.0.0.3:81");
    ck_assert_int_eq(row->verdict, LAMP_VERDICT_CANNOT_TELL);
    ck_assert(strstr(row->reason, "too few") != NULL);
    close_store(store);
}
END_TEST

/* Of 200 pairs without a tie, no more than 1 % should be called significant. */
START_TEST(test_holds_its_level)
{
    guint64 state = 99;
    guint hits = 0;
    for (guint round = 0; round < 200; round++) {
        gint64 causes[60], effects[60];
        gint64 a = 0, b = 0;
        for (guint i = 0; i < 60; i++) {
            causes[i] = a += 1 + (gint64) lamp_draw(&state, 2 * (guint64) SECOND);
            effects[i] = b += 1 + (gint64) lamp_draw(&state, 2 * (guint64) SECOND);
        }
        LampPanel panel = {.causes = causes,
                           .effects = effects,
                           .cause_count = 60,
                           .effect_count = 60,
                           .from = 0,
                           .to = MAX(a, b) + 1};
        LampPointOptions options = {.resolution = 1, .max_lag = 2 * SECOND, .shifts = 200};
        LampPointFit fit;
        ck_assert(lamp_point_fit(&panel, 1, &options, &fit));
        hits += fit.p <= 0.01;
    }
    ck_assert_uint_le(hits, 7);
}
END_TEST

START_TEST(traffic_shows_what_long_connections_hide)
{
    guint64 state = 3;
    double cause[200], tied[200], apart[200], none[200] = {0};
    for (guint i = 0; i < 200; i++) {
        double rhythm = i; /* a slow trend common to all */
        cause[i] = 100 + rhythm + (double) lamp_draw(&state, 100);
        tied[i] = 3 * cause[i] + (double) lamp_draw(&state, 60);
        apart[i] = 300 + 3 * rhythm + (double) lamp_draw(&state, 300);
    }
    LampVolumeFit fit;
    ck_assert(lamp_volume_fit(cause, none, tied, 200, 200, &fit));
    ck_assert_double_le(fit.p, 1e-3);
    ck_assert_double_le(fit.slope_low, 3);
    ck_assert_double_ge(fit.slope_high, 3);
    ck_assert(lamp_volume_fit(cause, none, apart, 200, 200, &fit));
    ck_assert_double_gt(fit.p, 0.01);
    ck_assert(!lamp_volume_fit(cause, none, tied, 20, 200, &fit));
}
END_TEST

/* Two lines of a firewall's log: what it blocked, and what it only wrote down. */
static void
log_packet(LampStore *store, gint64 from, gint64 to, gint64 time, const char *attributes)
{
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO flow_records VALUES (NULL, 1, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
        ", 6, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 1, 60, 2, 1, '%s', 1)",
        from, to, time, time, attributes);
    fixture_run(store, sql);
}

START_TEST(what_never_came_about_is_no_dependence)
{
    LampStore *store = new_store();
    gint64 served = endpoint(store, "10.0.0.2", 80), closed = endpoint(store, "10.0.0.2", 81),
           blocked = endpoint(store, "10.0.0.2", 82), noted = endpoint(store, "10.0.0.2", 83),
           passed = endpoint(store, "10.0.0.2", 84);
    gint64 client = endpoint(store, "10.0.0.1", 40000),
           scanner = endpoint(store, "10.0.0.9", 40001);
    record(store, 1, client, served, SECOND, 2 * SECOND, 27);
    record(store, 1, served, client, SECOND + MS, 2 * SECOND, 27);
    record(store, 1, scanner, closed, SECOND, SECOND, 2);
    record(store, 1, closed, scanner, SECOND + MS, SECOND + MS, 20);
    log_packet(store, scanner, blocked, SECOND,
               "{\"prefix\": \"DROP\", \"action\": \"block\"}");
    log_packet(store, scanner, noted, SECOND, "{\"prefix\": \"NEW\"}");
    log_packet(store, client, passed, SECOND, "{\"prefix\": \"ok\", \"action\": \"pass\"}");
    g_autoptr(LampDependencies) found = lamp_dependencies_find(store, NULL);
    ck_assert(found != NULL);
    ck_assert_uint_eq(found->rows->len, 3);
    ck_assert_uint_eq(found->blocked, 1);
    ck_assert_uint_eq(found->unanswered, 1);
    ck_assert_int_eq(find_row(found, "10.0.0.1", "10.0.0.2:80")->verdict,
                     LAMP_VERDICT_DEPENDENT);
    ck_assert_int_eq(find_row(found, "10.0.0.1", "10.0.0.2:84")->verdict,
                     LAMP_VERDICT_DEPENDENT);
    const LampDependency *row = find_row(found, "10.0.0.9", "10.0.0.2:83");
    ck_assert_int_eq(row->verdict, LAMP_VERDICT_CANNOT_TELL);
    ck_assert(strstr(row->reason, "firewall") != NULL);
    close_store(store);
}
END_TEST

START_TEST(records_become_spans)
{
    LampStore *store = new_store();
    gint64 client = endpoint(store, "10.0.0.1", 40000),
           server = endpoint(store, "10.0.0.2", 80), closed = endpoint(store, "10.0.0.2", 81);
    record(store, 1, client, server, 1 * SECOND, 30 * SECOND, 2);
    record(store, 1, server, client, 1 * SECOND + MS, 29 * SECOND, 18);
    record(store, 1, client, server, 31 * SECOND, 50 * SECOND, 17);
    record(store, 1, client, closed, 60 * SECOND, 60 * SECOND, 2);
    fixture_run(store, "INSERT OR REPLACE INTO meta VALUES ('ingest.state', 'done')");
    ck_assert(lamp_correlate(store, NULL, NULL, NULL));
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT client || ' ' || server || ' ' || transport || ' ' || (start_ns / 1000000000) "
        "||"
        " ' ' || (end_ns / 1000000000) || ' ' || packets || ' ' || request_bytes || ' ' ||"
        " response_bytes || ' ' || records || ' ' || state FROM flow_spans ORDER BY 1",
        NULL);
    static const char *const expected[] = {
        "10.0.0.1 10.0.0.2:80 6 1 50 15 1000 500 3 connected",
        "10.0.0.1 10.0.0.2:81 6 60 60 5 500 0 1 unanswered",
    };
    gboolean has_row = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
        ck_assert_str_eq(lamp_statement_text(rows, 0), expected[i]);
    }
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && !has_row);
    close_store(store);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dependencies");
    TCase *tests = tcase_create("flows");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, merges_cut_records_and_joins_directions);
    tcase_add_test(tests, tells_dependent_from_independent);
    tcase_add_test(tests, cannot_tell_from_few_flows);
    tcase_add_test(tests, test_holds_its_level);
    tcase_add_test(tests, traffic_shows_what_long_connections_hide);
    tcase_add_test(tests, what_never_came_about_is_no_dependence);
    tcase_add_test(tests, records_become_spans);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
