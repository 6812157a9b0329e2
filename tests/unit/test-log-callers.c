/* Calls of which only the callee's log tells: who made them. */
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)
#define SECOND (1000 * MS)

static void
begin_logs(Fixture *f, const char *const *names)
{
    fixture_begin(f);
    for (guint i = 0; names[i] != NULL; i++)
        fixture_run(f,
                    "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (%u, 'logs/%s.log', 'log', 0, 'done')",
                    i + 1, names[i]);
}

/* A served call with a value in a field, stamped to the millisecond. */
static void
serve(Fixture *f, gint64 source, const char *operation, gint64 start, gint64 end,
      const char *value)
{
    fixture_line(f, source, "server", 0, operation, start, end);
    fixture_run(f,
                "UPDATE observations SET resolution_ns = 1000000, request_values = %s%s%s"
                " WHERE observation_id = %" G_GINT64_FORMAT,
                value[0] != '\0' ? "'{" : "NULL", value, value[0] != '\0' ? "}'" : "",
                f->observations);
}

static void
serve_with_id(Fixture *f, gint64 source, const char *operation, gint64 start, gint64 end,
              const char *field, guint id)
{
    g_autofree char *value =
        g_strdup_printf("\"%s\":\"%08xab%04u\"", field, id * 2654435761U, id);
    serve(f, source, operation, start, end, value);
}

static void
correlate(Fixture *f)
{
    fixture_ready(f);
    ck_assert(lamp_correlate(f->store, NULL, NULL, NULL));
}

/* Trees as "caller>callee" with how often, and how many requests there are. */
static char *
links_of(Fixture *f)
{
    return fixture_text(f, "SELECT coalesce(p.server_service, '') || '>' ||"
                           " c.server_service, count(*) FROM call_details c LEFT JOIN"
                           " call_details p ON p.call_id = c.parent_call_id GROUP BY 1"
                           " ORDER BY 1");
}

/* One id under three names ties web, app and two services side by side. Of these one always
 * lasts longer, but does not always enclose the other. */
START_TEST(test_a_shared_id_nests_calls)
{
    static const char *const names[] = {"web", "app", "stock", "rates", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * 30 * MS; /* several at once */
        gint64 later = i % 3 == 0 ? -8 * MS : 6 * MS;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /item", at + 5 * MS, at + 90 * MS, "reqId", i);
        serve_with_id(&f, 3, "GET /stock", at + 20 * MS, at + 60 * MS, "id", i);
        serve_with_id(&f, 4, "GET /rate", at + 20 * MS + later, at + 40 * MS, "tag", i);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|40 app>rates|40 app>stock|40 web>app|40");
    ck_assert_int_eq(fixture_int(&f, "SELECT requests FROM totals"), 40);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls c JOIN calls p ON p.call_id ="
                        " c.parent_call_id WHERE abs(c.server_start_ns - p.server_start_ns)"
                        " > 30000000"),
        0);
    fixture_end(&f);
}
END_TEST

/* What lives over many requests is a session: it joins none. */
START_TEST(test_a_session_joins_no_requests)
{
    static const char *const names[] = {"web", "app", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * SECOND;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "trace_id", i % 8);
        serve_with_id(&f, 2, "GET /item", at + 300 * MS, at + 350 * MS, "trace_id", i % 8);
    }
    correlate(&f);
    ck_assert_int_eq(fixture_int(&f, "SELECT requests FROM totals"), 80);
    fixture_end(&f);
}
END_TEST

/* A proxy's entry for an address that no log stands for, and the log of what is there. */
START_TEST(test_an_upstream_entry_and_the_record_behind_it_are_one_call)
{
    static const char *const names[] = {"web", "app", NULL};
    Fixture f;
    begin_logs(&f, names);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.5', 3000)");
    for (guint i = 0; i < 20; i++) {
        gint64 at = i * 40 * MS;
        serve_with_id(&f, 1, "GET /item", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 1, "GET /item", at + MS, at + 99 * MS, "rid", i);
        fixture_run(
            &f,
            "UPDATE observations SET role = 'client', server_endpoint_id = 1, event_id ="
            " event_id - 1 WHERE observation_id = %" G_GINT64_FORMAT,
            f.observations);
        serve_with_id(&f, 2, "GET /item", at + 2 * MS, at + 97 * MS, "req", i);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|20 web>app|20");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE client_start_ns IS NOT"
                                     " NULL AND server_start_ns IS NOT NULL"),
                     20);
    fixture_end(&f);
}
END_TEST

/* A call that goes on after its request is of the same trace. Where it begins after it, that is
 * a guess, which its confidence says. */
START_TEST(test_a_late_call_with_the_id_is_of_the_trace)
{
    static const char *const names[] = {"web", "app", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * 500 * MS;
        gint64 late = i % 16 == 15 ? 200 * MS : 10 * MS;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /item", at + late, at + late + 50 * MS, "rid", i);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|40 web>app|40");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM call_links WHERE rank = 1 AND pass"
                                     " = 'shared-id' AND confidence = 0.5"),
                     2);
    ck_assert_int_eq(fixture_int(&f, "SELECT expected_accuracy < 0.98 FROM totals"), 1);
    fixture_end(&f);
}
END_TEST

/* Clocks that disagree by more than the calls last, and a log in local time. */
START_TEST(test_shared_ids_tell_clocks_and_zones)
{
    static const char *const names[] = {"web", "app", "stock", "rates", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * 70 * MS;
        gint64 app = at + 7200 * SECOND;
        gint64 stock = at + 300 * MS;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /item", app + 5 * MS, app + 90 * MS, "rid", i);
        serve_with_id(&f, 3, "GET /stock", stock + 10 * MS, stock + 80 * MS, "rid", i);
        serve_with_id(&f, 4, "GET /rate", at + 20 * MS, at + 60 * MS, "rid", i);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|40 app>stock|40 stock>rates|40 web>app|40");
    g_autofree char *clocks = fixture_text(
        &f, "SELECT name, (offset_ns + 550000000) / 100000000 - 5 FROM hosts ORDER BY name");
    ck_assert_str_eq(clocks, "app|0 rates|0 stock|3 web|0");
    ck_assert_int_eq(
        fixture_int(&f, "SELECT max(server_end_ns) - min(server_start_ns) < 3000000000 FROM"
                        " calls"),
        1);
    fixture_end(&f);
}
END_TEST

/* Two services that work for a third, one shortly after the other: it is not their clocks. */
START_TEST(test_one_after_the_other_tells_of_no_clock)
{
    static const char *const names[] = {"web", "cart", "pay", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * 700 * MS, cart = at + (20 + i % 3) * MS;
        gint64 pay = cart + 40 * MS, done = pay + (150 + 20 * (i % 7)) * MS;
        serve_with_id(&f, 1, "GET /", at, done + 30 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /cart", cart, cart + 35 * MS, "rid", i);
        serve_with_id(&f, 3, "POST /pay", pay, done, "rid", i);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|40 web>cart|40 web>pay|40");
    ck_assert_int_eq(fixture_int(&f, "SELECT max(abs(offset_ns)) FROM hosts"), 0);
    fixture_end(&f);
}
END_TEST

/* A database names its callers by address, and its clock is half a second ahead. */
START_TEST(test_named_callers_tell_the_clock_of_a_database)
{
    static const char *const names[] = {"web", "app", "pg", NULL};
    Fixture f;
    begin_logs(&f, names);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, 'app', 0)");
    for (guint i = 0; i < 40; i++) {
        gint64 at = i * 170 * MS + i % 7 * 13 * MS;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /item", at + 5 * MS, at + 90 * MS, "rid", i);
        serve(&f, 3, "SELECT ?", at + 540 * MS, at + 560 * MS, "");
        fixture_run(&f,
                    "UPDATE observations SET client_endpoint_id = 1 WHERE observation_id = "
                    "%" G_GINT64_FORMAT,
                    f.observations);
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|40 app>pg|40 web>app|40");
    ck_assert_int_eq(
        fixture_int(&f, "SELECT offset_ns BETWEEN 440000000 AND 560000000 FROM hosts WHERE"
                        " name = 'pg'"),
        1);
    fixture_end(&f);
}
END_TEST

/* A database that names nobody, and whose calls bear no id, is called by who was always busy
 * then: of a proxy and the service behind it, the service. */
START_TEST(test_time_alone_tells_the_caller_of_a_database)
{
    static const char *const names[] = {"web", "app", "pg", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 60; i++) {
        gint64 at = i * 300 * MS + i % 7 * 33 * MS;
        serve_with_id(&f, 1, "GET /", at, at + 100 * MS, "rid", i);
        serve_with_id(&f, 2, "GET /item", at + 2 * MS, at + 98 * MS, "rid", i);
        serve(&f, 3, "SELECT ?", at + 40 * MS, at + 60 * MS, "");
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|60 app>pg|60 web>app|60");
    fixture_end(&f);
}
END_TEST

/* Where but half of them are always within another's requests, they stay, in doubt. */
/* Every tenth record lacks the id that the others bear, whoever wrote it; a busy host. */
START_TEST(test_records_without_the_id_have_the_usual_caller)
{
    static const char *const names[] = {"web", "cart", "pay", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 200; i++) {
        gint64 at = i * 31 * MS + i % 7 * 5 * MS;
        const char *operations[] = {"GET /", "GET /cart", "POST /pay"};
        gint64 start[] = {at, at + 10 * MS, at + 50 * MS}, end[] = {100, 45, 90};
        for (guint k = 0; k < 3; k++) {
            if ((i * 3 + k) % 10 == 7)
                serve(&f, k + 1, operations[k], start[k], at + end[k] * MS, "");
            else
                serve_with_id(&f, k + 1, operations[k], start[k], at + end[k] * MS, "rid", i);
        }
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">web|200 web>cart|200 web>pay|200");
    ck_assert_int_eq(fixture_int(&f, "SELECT expected_accuracy > 0.95 FROM totals"), 1);
    fixture_end(&f);
}
END_TEST

/* Pods of a shop, whose logs name nobody: the two of the front end take turns, and each third
 * of its requests goes through orders, which looks at the stock, too. */
START_TEST(test_replicas_call_together)
{
    static const char *const names[] = {"front-6d4cf56db6-abcde",
                                        "front-6d4cf56db6-x7k2p",
                                        "orders1",
                                        "stock1",
                                        "stock2",
                                        NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 240; i++) {
        gint64 at = i * 170 * MS + i % 7 * 13 * MS;
        serve(&f, 1 + i % 2, "GET /", at, at + 100 * MS, "");
        if (i % 3 == 0)
            serve(&f, 3, "POST /orders", at + 10 * MS, at + 90 * MS, "");
        serve(&f, 4 + i / 2 % 2, "GET /stock", at + 40 * MS, at + 60 * MS, "");
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">front|240 front>orders1|80 front>stock|160 orders1>stock|80");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM trace_roots"), 240);
    fixture_end(&f);
}
END_TEST

/* An address that no host is known by: a private one may be the web server's, a public one is a
 * user's. */
START_TEST(test_a_private_address_may_be_a_known_host)
{
    static const char *const names[] = {"web", "app", NULL};
    static const char *const addresses[] = {"10.9.9.9", "198.51.100.7"};
    static const char *const links[] = {">web|60 web>app|60", ">app|60 >web|60"};
    for (guint k = 0; k < 2; k++) {
        Fixture f;
        begin_logs(&f, names);
        fixture_run(&f, "INSERT INTO endpoints VALUES (1, '%s', 0)", addresses[k]);
        for (guint i = 0; i < 60; i++) {
            gint64 at = i * 300 * MS + i % 7 * 33 * MS;
            serve(&f, 1, "GET /", at, at + 100 * MS, "");
            serve(&f, 2, "GET /item", at + 40 * MS, at + 60 * MS, "");
            fixture_run(&f,
                        "UPDATE observations SET client_endpoint_id = 1 WHERE observation_id"
                        " = %" G_GINT64_FORMAT,
                        f.observations);
        }
        correlate(&f);
        g_autofree char *found = links_of(&f);
        ck_assert_str_eq(found, links[k]);
        fixture_end(&f);
    }
}
END_TEST

START_TEST(test_calls_that_may_be_of_another_are_doubted)
{
    static const char *const names[] = {"web", "job", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 240; i++) {
        gint64 at = i * 300 * MS + i % 7 * 3 * MS;
        gint64 job = i % 2 == 0 ? at + 40 * MS : at + 180 * MS;
        serve(&f, 1, "GET /", at, at + 100 * MS, "");
        serve(&f, 2, "POST /job", job, job + 20 * MS, "");
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">job|240 >web|240");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE root_confidence < 0.5"),
                     120);
    ck_assert_int_eq(fixture_int(&f, "SELECT expected_accuracy < 0.5 FROM totals"), 1);
    fixture_end(&f);
}
END_TEST

/* Where some request is always open, nesting tells nothing; users seldom ask a store. */
START_TEST(test_a_store_behind_a_busy_service_is_doubted)
{
    static const char *const names[] = {"web", "pg", NULL};
    for (guint is_store = 0; is_store < 2; is_store++) {
        Fixture f;
        begin_logs(&f, names);
        gint64 protocol = lamp_store_intern(f.store, lamp_bytes_text("postgresql"));
        for (guint i = 0; i < 200; i++) {
            gint64 at = i * 100 * MS + i % 7 * 3 * MS;
            serve(&f, 1, "GET /", at, at + 500 * MS, "");
            serve(&f, 2, "SELECT ?", at + 40 * MS, at + 60 * MS, "");
            if (is_store)
                fixture_run(&f,
                            "UPDATE observations SET protocol_id = %" G_GINT64_FORMAT
                            " WHERE observation_id = %" G_GINT64_FORMAT,
                            protocol, f.observations);
        }
        correlate(&f);
        ck_assert_int_eq(
            fixture_int(&f, "SELECT count(*) FROM calls WHERE root_confidence < 0.5"),
            is_store ? 200 : 0);
        fixture_end(&f);
    }
}
END_TEST

/* Browsers inside fetch a page and its pictures side by side: one does not call the other. */
START_TEST(test_what_one_client_asks_side_by_side_is_no_call)
{
    static const char *const names[] = {"web", "img", NULL};
    Fixture f;
    begin_logs(&f, names);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '192.168.1.20', 0)");
    for (guint i = 0; i < 60; i++) {
        gint64 at = i * 300 * MS + i % 7 * 33 * MS;
        serve(&f, 1, "GET /page", at, at + 100 * MS, "");
        serve(&f, 2, "GET /avatar", at + 20 * MS, at + 40 * MS, "");
        fixture_run(&f, "UPDATE observations SET client_endpoint_id = 1");
    }
    correlate(&f);
    g_autofree char *found = links_of(&f);
    ck_assert_str_eq(found, ">img|60 >web|60");
    fixture_end(&f);
}
END_TEST

/* Numbered machines that all answer probes are no replicas. */
START_TEST(test_machines_with_common_probes_call_each_other)
{
    static const char *const names[] = {"vm1", "vm2", NULL};
    Fixture f;
    begin_logs(&f, names);
    for (guint i = 0; i < 60; i++) {
        gint64 at = i * 300 * MS + i % 7 * 33 * MS;
        serve(&f, 1, "GET /", at, at + 100 * MS, "");
        serve(&f, 2, "GET /item", at + 40 * MS, at + 60 * MS, "");
        if (i % 20 == 0) {
            serve(&f, 1, "GET /health", at + 200 * MS, at + 201 * MS, "");
            serve(&f, 2, "GET /health", at + 210 * MS, at + 211 * MS, "");
        }
    }
    correlate(&f);
    ck_assert_int_eq(fixture_int(&f,
                                 "SELECT count(*) FROM call_details c JOIN call_details p ON"
                                 " p.call_id = c.parent_call_id WHERE c.operation = "
                                 "'GET /item' AND p.operation = 'GET /'"),
                     60);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log callers");
    TCase *tc = tcase_create("log callers");
    tcase_add_test(tc, test_a_shared_id_nests_calls);
    tcase_add_test(tc, test_a_session_joins_no_requests);
    tcase_add_test(tc, test_an_upstream_entry_and_the_record_behind_it_are_one_call);
    tcase_add_test(tc, test_a_late_call_with_the_id_is_of_the_trace);
    tcase_add_test(tc, test_shared_ids_tell_clocks_and_zones);
    tcase_add_test(tc, test_one_after_the_other_tells_of_no_clock);
    tcase_add_test(tc, test_named_callers_tell_the_clock_of_a_database);
    tcase_add_test(tc, test_time_alone_tells_the_caller_of_a_database);
    tcase_add_test(tc, test_records_without_the_id_have_the_usual_caller);
    tcase_add_test(tc, test_a_private_address_may_be_a_known_host);
    tcase_add_test(tc, test_replicas_call_together);
    tcase_add_test(tc, test_calls_that_may_be_of_another_are_doubted);
    tcase_add_test(tc, test_a_store_behind_a_busy_service_is_doubted);
    tcase_add_test(tc, test_what_one_client_asks_side_by_side_is_no_call);
    tcase_add_test(tc, test_machines_with_common_probes_call_each_other);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
