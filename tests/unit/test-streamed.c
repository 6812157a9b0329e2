/* Requests that a proxy passes on before they are whole. */
#include "tests/unit/correlate-fixture.h"

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)
#define REQUESTS 40

/* Users ask a proxy, which asks an application @passed after the request's first byte. The body
 * is there 200 us after the head. */
static void
make_system(Fixture *f, gint64 passed)
{
    fixture_begin(f);
    fixture_capture(f, 1, "bridge.pcap");
    fixture_run(f, "INSERT INTO endpoints VALUES (1, '10.0.0.8', 4000), (2, '10.0.0.1', 80),"
                   " (3, '10.0.0.1', 4001), (4, '10.0.0.2', 8001)");
    gint64 front = fixture_connection(f, 1, 1, 2);
    gint64 back = fixture_connection(f, 1, 3, 4);
    for (gint64 i = 0; i < REQUESTS; i++) {
        gint64 start = i * 50 * MS;
        Sight s = {1, front, 1, 2, i + 1, i, start, start + 10 * MS, "http", "POST /order"};
        gint64 id = fixture_see(f, &s);
        fixture_run(f,
                    "UPDATE observations SET request_last_ns = request_first_ns + 200000"
                    " WHERE observation_id = %" G_GINT64_FORMAT,
                    id);
        s = (Sight){1,      back,         3, 4, i + 1, i, start + passed, start + 9 * MS,
                    "http", "POST /order"};
        fixture_see(f, &s);
    }
    fixture_ready(f);
    ck_assert(lamp_correlate(f->store, NULL, NULL, NULL));
}

START_TEST(requests_that_are_passed_on_early_keep_their_calls)
{
    Fixture f;
    make_system(&f, 50 * US);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM call_links"), REQUESTS);
    ck_assert_int_eq(fixture_int(&f, "SELECT sum(is_background) FROM trace_roots"), 0);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls WHERE server_start_ns % 50000000 = 0"),
        REQUESTS);
    fixture_end(&f);
}
END_TEST

START_TEST(who_waits_begins_when_the_request_is_whole)
{
    Fixture f;
    make_system(&f, 300 * US);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM call_links"), REQUESTS);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls WHERE server_start_ns % 50000000 = 200000"),
        REQUESTS);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("streamed");
    TCase *tcase = tcase_create("streamed");
    tcase_add_test(tcase, requests_that_are_passed_on_early_keep_their_calls);
    tcase_add_test(tcase, who_waits_begins_when_the_request_is_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
