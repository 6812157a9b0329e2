/* Which sights of several captures are one call. */
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)

/* Of twenty requests that were seen before and behind a rewriting of addresses. */
static void
check_one_call_each(Fixture *f)
{
    ck_assert(lamp_correlate(f->store, NULL, NULL, NULL));
    g_autofree char *found = fixture_text(
        f, "SELECT client_address, server_address, count(*) FROM call_details GROUP BY 1, 2");
    ck_assert_str_eq(found, "10.0.0.5|10.9.0.6|20");
}

START_TEST(rewritten_addresses_are_seen_through)
{
    /* The client sees a public address that is mapped to the server's own, and so back. */
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, 1, "client.pcap");
    fixture_capture(&f, 2, "server.pcap");
    fixture_run(&f,
                "INSERT INTO endpoints VALUES (1, '10.0.0.5', 4000), (2, '198.51.100.1', 80),"
                " (3, '203.0.113.9', 4000), (4, '10.9.0.6', 80)");
    gint64 near = fixture_connection(&f, 1, 1, 2);
    gint64 far = fixture_connection(&f, 2, 3, 4);
    fixture_run(&f, "UPDATE connections SET client_sequence = 3141592653,"
                    " server_sequence = 271828;"
                    "UPDATE connections SET handshake_server_ns = 4000000,"
                    " handshake_client_ns = 10000 WHERE source_id = 1;"
                    "UPDATE connections SET handshake_server_ns = 10000,"
                    " handshake_client_ns = 4000000, first_time_ns = first_time_ns + 52000000"
                    " WHERE source_id = 2");
    for (gint64 i = 0; i < 20; i++) {
        gint64 start = i * 100 * MS;
        Sight s = {1, near, 1, 2, i + 1, 100 + i, start, start + 9 * MS, "http", "GET /"};
        fixture_see(&f, &s);
        s = (Sight){2,      far,    3, 4, i + 1, 100 + i, start + 52 * MS, start + 57 * MS,
                    "http", "GET /"};
        fixture_see(&f, &s);
    }
    fixture_ready(&f);
    check_one_call_each(&f);
    gint64 apart = fixture_int(&f, "SELECT abs(a.offset_ns - b.offset_ns) FROM hosts a, hosts b"
                                   " WHERE a.name = 'server' AND b.name = 'client'");
    ck_assert_int_lt(ABS(apart - 50 * MS), MS);
    fixture_end(&f);
}
END_TEST

/* Captures that were made up, or made anonymous, begin all connections at the same numbers. */
START_TEST(numbers_that_all_share_join_nothing)
{
    static const struct {
        const char *numbers;
        int clients; /* that the first capture saw */
    } rows[] = {{"client_sequence = 0, server_sequence = 0", 1},
                {"client_sequence = 1000, server_sequence = 65535", 1},
                {"client_sequence = 3141592653, server_sequence = 0", 6}};
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, 1, "one.pcap");
    fixture_capture(&f, 2, "other.pcap");
    for (int i = 0; i <= rows[_i].clients; i++) {
        fixture_run(
            &f, "INSERT INTO endpoints VALUES (%d, '10.0.0.%d', 4000), (%d, '10.9.0.%d', 80)",
            2 * i + 1, i + 1, 2 * i + 2, i + 1);
        gint64 source = i == 0 ? 2 : 1, start = i * 100 * MS;
        gint64 connection = fixture_connection(&f, source, 2 * i + 1, 2 * i + 2);
        Sight s = {source, connection, 2 * i + 1,      2 * i + 2, 1,
                   1,      start,      start + 9 * MS, "http",    "GET /"};
        fixture_see(&f, &s);
    }
    fixture_run(&f, "UPDATE connections SET %s", rows[_i].numbers);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f,
                                 "SELECT count(DISTINCT client_address || server_address) FROM"
                                 " call_details"),
                     rows[_i].clients + 1);
    fixture_end(&f);
}
END_TEST

/* One identity for many calls of two captures: the first goes with the first, and so on. */
START_TEST(what_has_no_identity_is_taken_in_order)
{
    enum { CALLS = 50 };
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, 1, "client.pcap");
    fixture_capture(&f, 2, "server.pcap");
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.5', 4000), (2, '10.0.0.6', 80)");
    gint64 near = fixture_connection(&f, 1, 1, 2), far = fixture_connection(&f, 2, 1, 2);
    for (gint64 i = 0; i < CALLS; i++) {
        gint64 start = i * 100 * MS;
        Sight s = {1, near, 1, 2, 1, 1, start, start + 9 * MS, "http", "GET /"};
        fixture_see(&f, &s);
        s = (Sight){2, far, 1, 2, 1, 1, start + MS, start + 8 * MS, "http", "GET /"};
        if (i < CALLS - 5)
            fixture_see(&f, &s);
    }
    fixture_run(&f, "UPDATE connections SET handshake_server_ns = 4000000 * (2 - source_id),"
                    " handshake_client_ns = 4000000 * (source_id - 1)");
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), CALLS);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls"
                        " JOIN observations a ON a.observation_id = client_observation_id"
                        " JOIN observations b ON b.observation_id = server_observation_id"
                        " WHERE b.request_first_ns - a.request_first_ns = 1000000"),
        CALLS - 5);
    fixture_end(&f);
}
END_TEST

/* A router that captured before and behind its rewriting of addresses. */
START_TEST(one_capture_of_both_sides_sees_one_call)
{
    enum { CALLS = 20 };
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, 1, "router.pcap");
    fixture_run(&f,
                "INSERT INTO endpoints VALUES (1, '10.0.0.5', 4000), (2, '198.51.100.1', 80),"
                " (3, '203.0.113.9', 61000), (4, '10.9.0.6', 80)");
    gint64 behind = fixture_connection(&f, 1, 3, 4), before = fixture_connection(&f, 1, 1, 2);
    fixture_run(&f, "UPDATE connections SET client_sequence = 3141592653, server_sequence = 7");
    for (gint64 i = 0; i < CALLS; i++) {
        gint64 start = i * 100 * MS;
        Sight s = {1, before, 1, 2, i + 1, 100 + i, start, start + 9 * MS, "http", "GET /"};
        fixture_see(&f, &s);
        s = (Sight){1,      behind, 3, 4, i + 1, 100 + i, start + MS / 100, start + 8 * MS,
                    "http", "GET /"};
        fixture_see(&f, &s);
    }
    fixture_ready(&f);
    check_one_call_each(&f);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("merge");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, rewritten_addresses_are_seen_through);
    tcase_add_test(tcase, one_capture_of_both_sides_sees_one_call);
    tcase_add_loop_test(tcase, numbers_that_all_share_join_nothing, 0, 3);
    tcase_add_test(tcase, what_has_no_identity_is_taken_in_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
