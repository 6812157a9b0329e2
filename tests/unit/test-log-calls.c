/* Calls that only log lines show: a caller's and a callee's line of one call. */
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)

START_TEST(test_client_and_server_lines_become_one_call)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'logs/web.log', 'log', 0, 'done'),"
                    " (2, 'logs/app.log', 'log', 0, 'done');"
                    "INSERT INTO endpoints VALUES (1, 'app', 0)");
    for (gint64 i = 0; i < 10; i++) {
        gint64 start = i * 5000 * MS;
        fixture_line(&f, 1, "client", 1, "GET /item", start, start + 300 * MS);
        fixture_line(&f, 2, "server", 0, "GET /item", start + 50 * MS, start + 250 * MS);
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *found = fixture_text(
        &f, "SELECT client_instance, server_instance, count(*) FROM call_details WHERE"
            " client_start_ns IS NOT NULL AND server_start_ns IS NOT NULL GROUP BY 1, 2");
    ck_assert_str_eq(found, "web|app|10");
    fixture_end(&f);
}
END_TEST

/* A proxy stamps whole seconds, the server behind it milliseconds: the proxy's times are moved
 * to where the server's are, with their durations. */
START_TEST(test_coarse_stamps_follow_the_finer_ones_they_are_tied_to)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'logs/web.log', 'log', 0, 'done'),"
                    " (2, 'logs/app.log', 'log', 0, 'done');"
                    "INSERT INTO endpoints VALUES (1, 'app', 0)");
    for (gint64 i = 0; i < 10; i++) {
        gint64 second = i * 5000 * MS;
        fixture_line(&f, 1, "server", 0, "GET /item", second - 230 * MS, second);
        fixture_line(&f, 1, "client", 1, "GET /item", second - 210 * MS, second);
        fixture_run(&f, "UPDATE observations SET event_id = event_id - 1 WHERE role = 'client'"
                        " AND observation_id = (SELECT max(observation_id) FROM observations)");
        fixture_line(&f, 2, "server", 0, "GET /item", second + 700 * MS, second + 900 * MS);
    }
    fixture_run(&f, "UPDATE observations SET resolution_ns = 1000000 WHERE source_id = 2");
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls WHERE client_start_ns + 5000000 ="
                        " server_start_ns AND client_end_ns - 5000000 = server_end_ns"),
        10);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls p JOIN calls c ON c.parent_call_id ="
                        " p.call_id WHERE p.server_end_ns - p.server_start_ns = 230000000"
                        " AND p.server_start_ns <= c.client_start_ns"
                        " AND p.server_end_ns >= c.client_end_ns"),
        10);
    fixture_end(&f);
}
END_TEST

/* Whole seconds say nothing about the order within one. */
START_TEST(test_order_is_not_violated_within_the_resolution)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'logs/web.log', 'log', 0, 'done'),"
                    " (2, 'logs/app.log', 'log', 0, 'done');"
                    "INSERT INTO endpoints VALUES (1, 'app', 0)");
    fixture_line(&f, 1, "client", 1, "GET /item", 900 * MS, 1000 * MS);
    fixture_line(&f, 2, "server", 0, "GET /item", 0, 95 * MS);
    fixture_line(&f, 1, "client", 1, "GET /far", 12600 * MS, 12700 * MS);
    fixture_line(&f, 2, "server", 0, "GET /far", 10000 * MS, 10095 * MS);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE client_start_ns >"
                                     " server_start_ns"),
                     2);
    ck_assert_int_eq(fixture_int(&f, "SELECT max(order_violation_ns) FROM calls"), 600 * MS);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE order_violation_ns > 0"),
                     1);
    fixture_end(&f);
}
END_TEST

/* What came from the server's own host over its socket is work inside, no user's request. */
START_TEST(test_a_local_session_is_no_request_from_outside)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'logs/pg.log', 'log', 0, 'done');"
                    "INSERT INTO endpoints VALUES (1, '127.0.0.1', 0)");
    fixture_line(&f, 1, "server", 0, "CREATE ROLE app LOGIN", 0, 10 * MS);
    fixture_line(&f, 1, "server", 0, "GRANT ALL", 2 * MS, 8 * MS);
    fixture_line(&f, 1, "server", 0, "SELECT ?", 1000 * MS, 1010 * MS);
    fixture_run(&f, "UPDATE observations SET client_endpoint_id = 1 WHERE observation_id < 3");
    gint64 protocol = lamp_store_intern(f.store, lamp_bytes_text("postgresql"));
    fixture_run(&f, "UPDATE observations SET protocol_id = %" G_GINT64_FORMAT, protocol);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *found = fixture_text(
        &f, "SELECT operation, is_background FROM trace_roots JOIN call_details USING"
            " (trace_id) ORDER BY 1");
    ck_assert_str_eq(found, "CREATE ROLE app LOGIN|1 GRANT ALL|1 SELECT ?|0");
    fixture_end(&f);
}
END_TEST

/* What a proxy hands on to a port of its own host is served by another program than itself. */
START_TEST(test_a_server_behind_a_proxy_of_its_host_is_another_service)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'logs/web.log', 'log', 0, 'done');"
                    "INSERT INTO endpoints VALUES (1, '127.0.0.1', 8080)");
    for (gint64 i = 0; i < 20; i++) {
        gint64 start = i * 5000 * MS;
        fixture_line(&f, 1, "server", 0, "GET /item", start, start + 300 * MS);
        fixture_line(&f, 1, "client", 1, "GET /item", start + 10 * MS, start + 300 * MS);
    }
    fixture_run(&f, "UPDATE observations SET resolution_ns = 1000000");
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *found = fixture_text(
        &f, "SELECT client_service, server_service, count(*) FROM call_details GROUP BY 1, 2");
    ck_assert_str_eq(found, "-|web|20 web|web:8080|20");
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log calls");
    TCase *tc = tcase_create("log calls");
    tcase_add_test(tc, test_client_and_server_lines_become_one_call);
    tcase_add_test(tc, test_coarse_stamps_follow_the_finer_ones_they_are_tied_to);
    tcase_add_test(tc, test_order_is_not_violated_within_the_resolution);
    tcase_add_test(tc, test_a_local_session_is_no_request_from_outside);
    tcase_add_test(tc, test_a_server_behind_a_proxy_of_its_host_is_another_service);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
