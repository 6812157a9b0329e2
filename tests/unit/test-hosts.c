/* Whose capture, whose log: what is not said is found out. */
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)

static void
add_source(Fixture *f, gint64 id, const char *path, const char *kind)
{
    fixture_run(f,
                "INSERT INTO sources (source_id, path, kind, size_bytes, state)"
                " VALUES (%" G_GINT64_FORMAT ", '%s', '%s', 0, 'done')",
                id, path, kind);
}

static void
see(Fixture *f, gint64 source, gint64 client, gint64 server, gint64 number)
{
    Sight s = {.source = source,
               .connection = fixture_connection(f, source, client, server),
               .client = client,
               .server = server,
               .position = 1,
               .sequence = 100 * client + number,
               .request = number * 300 * MS + client * MS,
               .response = number * 300 * MS + (20 - client) * MS + number % 7 * MS,
               .protocol = "http",
               .operation = client == 1 ? "GET /" : "GET /item"};
    fixture_see(f, &s);
}

/* A chain of four hosts. That of the third saw nearly only calls of the second to it, that of
 * the fourth only calls of the third, beside packets for others that a switch let through. */
START_TEST(captures_are_told_apart_by_each_other)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                    " (3, '10.0.0.3', 80), (4, '10.0.0.4', 80)");
    const char *paths[] = {"user.pcap", "web.pcap", "app.pcap", "db.pcap"};
    for (gint64 i = 0; i < 4; i++)
        add_source(&f, i + 1, paths[i], "capture");
    for (gint64 k = 0; k < 30; k++) {
        see(&f, 1, 1, 2, k);
        see(&f, 2, 1, 2, k);
        see(&f, 2, 2, 3, k);
        see(&f, 3, 2, 3, k);
    }
    see(&f, 3, 3, 4, 1);
    see(&f, 4, 3, 4, 1);
    for (gint64 k = 0; k < 3; k++) {
        gint64 stray = fixture_connection(&f, 4, 1, 2);
        fixture_run(&f, "UPDATE connections SET packets = 1 WHERE connection_id = %d",
                    (int) stray);
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *hosts =
        fixture_text(&f, "SELECT name, addresses FROM hosts ORDER BY addresses");
    ck_assert_str_eq(hosts, "user|10.0.0.1 web|10.0.0.2 app|10.0.0.3 db|10.0.0.4");
    fixture_end(&f);
}
END_TEST

/* The second capture of one name saw one peer only: it is the host of the first. */
START_TEST(captures_of_one_name_are_one_host)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                    " (3, '10.0.0.3', 80), (4, '10.0.0.4', 80)");
    add_source(&f, 1, "monday/web.pcap", "capture");
    add_source(&f, 2, "tuesday/web.pcap", "capture");
    for (gint64 k = 0; k < 30; k++) {
        see(&f, 1, 1, 2, k);
        see(&f, 1, 2, 3, k);
        see(&f, 2, 2, 4, k);
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *hosts =
        fixture_text(&f, "SELECT name, addresses FROM hosts ORDER BY addresses");
    ck_assert_str_eq(hosts, "10.0.0.1|10.0.0.1 web|10.0.0.2 10.0.0.3|10.0.0.3"
                            " 10.0.0.4|10.0.0.4");
    fixture_end(&f);
}
END_TEST

enum { REQUESTS = 40 };

/* Captures of two hosts, on which clients call the first and it the second. */
static void
see_web_and_app(Fixture *f)
{
    fixture_run(f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                   " (3, '10.0.0.3', 80)");
    add_source(f, 2, "web.pcap", "capture");
    add_source(f, 3, "app.pcap", "capture");
    for (gint64 k = 0; k < REQUESTS; k++) {
        see(f, 2, 1, 2, k);
        see(f, 2, 2, 3, k);
        see(f, 3, 2, 3, k);
    }
}

/* The hosts that are found for the sources behind these; caller frees. */
static char *
homes_of_logs(Fixture *f)
{
    fixture_ready(f);
    ck_assert(lamp_correlate(f->store, NULL, NULL, NULL));
    return fixture_text(f, "SELECT source_id, name FROM source_hosts JOIN hosts USING (host_id)"
                           " WHERE source_id > 3 ORDER BY 1");
}

/* An access log in a folder that names nobody, beside captures of two hosts. */
START_TEST(a_log_finds_its_host)
{
    Fixture f;
    fixture_begin(&f);
    see_web_and_app(&f);
    add_source(&f, 9, "logs/access.log", "log");
    add_source(&f, 10, "logs/strange.log", "log");
    for (gint64 k = 0; k < REQUESTS; k++) {
        gint64 end = k * 300 * MS + 19 * MS + k % 7 * MS, second = end - end % (1000 * MS);
        fixture_line(&f, 9, "server", 0, "GET /", second - 18 * MS - k % 7 * MS, second);
        fixture_line(&f, 10, "server", 0, "GET /strange", second - 18 * MS, second);
    }
    g_autofree char *homes = homes_of_logs(&f);
    ck_assert_str_eq(homes, "9|web 10|strange");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM call_events JOIN call_details USING"
                                     " (call_id) WHERE server_instance = 'web'"),
                     40);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM hosts WHERE name = 'access'"), 0);
    fixture_end(&f);
}
END_TEST

/* A call of the switch's capture from @client to the next address. */
static void
pass_by(Fixture *f, gint64 client, gint64 start, gint64 end, const char *operation)
{
    Sight s = {.source = 1,
               .connection = fixture_connection(f, 1, client, client + 1),
               .client = client,
               .server = client + 1,
               .position = 1,
               .sequence = start / 1000 + client,
               .request = start,
               .response = end,
               .protocol = "http",
               .operation = operation};
    fixture_see(f, &s);
}

/* A proxy serves what the server behind it serves; the log of that begins later and ends
 * before, by much where the last bytes of responses wait. */
START_TEST(a_log_behind_a_proxy_is_the_servers)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                    " (3, '10.0.0.3', 80)");
    add_source(&f, 1, "switch.pcap", "capture");
    add_source(&f, 9, "x.log", "log");
    for (gint64 k = 0; k < REQUESTS; k++) {
        gint64 start = k * 300 * MS, end = start + 10 * MS + k % 7 * MS;
        gint64 late = k % 2 * 40 * MS;
        pass_by(&f, 1, start, end + late, "GET /");
        pass_by(&f, 2, start + MS / 2, end + late - MS / 2, "GET /");
        fixture_line(&f, 9, "server", 0, "GET /", start + MS, end - MS);
    }
    fixture_run(&f, "UPDATE observations SET resolution_ns = 100000 WHERE source_id = 9");
    g_autofree char *homes = homes_of_logs(&f);
    ck_assert_str_eq(homes, "9|10.0.0.3");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), 2 * REQUESTS);
    fixture_end(&f);
}
END_TEST

/* Every third call in a store's log was made by a host whose capture is there: the others are
 * calls, too. */
START_TEST(a_log_of_which_a_part_was_captured)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80)");
    add_source(&f, 1, "app.pcap", "capture");
    add_source(&f, 9, "store.log", "log");
    for (gint64 k = 0; k < 3 * REQUESTS; k++) {
        gint64 start = k * 100 * MS + k * k % 37 * MS, end = start + 10 * MS + k % 7 * MS;
        if (k % 3 == 0)
            pass_by(&f, 1, start, end, "GET /");
        fixture_line(&f, 9, "server", 0, "GET /", start + MS / 5, end - MS / 5);
    }
    fixture_run(&f, "UPDATE observations SET resolution_ns = 100000 WHERE source_id = 9");
    g_autofree char *homes = homes_of_logs(&f);
    ck_assert_str_eq(homes, "9|10.0.0.2");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), 3 * REQUESTS);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM findings"), 0);
    fixture_end(&f);
}
END_TEST

/* A log of a captured host: what the capture does not show is counted. */
START_TEST(records_without_a_call_are_counted)
{
    Fixture f;
    fixture_begin(&f);
    see_web_and_app(&f);
    add_source(&f, 9, "web.log", "log");
    for (gint64 k = 0; k < REQUESTS; k++) {
        gint64 end = k * 300 * MS + 19 * MS + k % 7 * MS;
        fixture_line(&f, 9, "server", 0, k % 8 == 1 ? "GET /strange" : "GET /",
                     end - 18 * MS - k % 7 * MS, end);
    }
    g_autofree char *homes = homes_of_logs(&f);
    ck_assert_str_eq(homes, "9|web");
    g_autofree char *found =
        fixture_text(&f, "SELECT source_id, count FROM findings WHERE code = 'log.no-call'");
    ck_assert_str_eq(found, "9|5");
    fixture_end(&f);
}
END_TEST

/* Folders named as the captures are; a name of the log's own goes before. A log of the same
 * name in another folder is another's. */
START_TEST(a_folder_names_the_host_of_a_log)
{
    Fixture f;
    fixture_begin(&f);
    see_web_and_app(&f);
    add_source(&f, 9, "logs/app/var/log/pooler.log", "log");
    add_source(&f, 10, "web/app.log", "log");
    add_source(&f, 11, "logs/other/pooler.log", "log");
    g_autofree char *homes = homes_of_logs(&f);
    ck_assert_str_eq(homes, "9|app 10|app 11|other");
    fixture_end(&f);
}
END_TEST

/* A served call of @source, whose record names @writer; empty: nobody. */
static void
see_line_of(Fixture *f, gint64 source, const char *writer, gint64 at)
{
    fixture_line(f, source, "server", 0, "GET /", at * 300 * MS, at * 300 * MS + 20 * MS);
    if (writer[0] != '\0')
        fixture_run(
            f,
            "INSERT OR IGNORE INTO strings (text) VALUES ('%s'); UPDATE observations SET"
            " process_id = (SELECT string_id FROM strings WHERE text = '%s') WHERE"
            " observation_id = (SELECT max(observation_id) FROM observations)",
            writer, writer);
}

static char *
served_by(Fixture *f)
{
    fixture_ready(f);
    ck_assert(lamp_correlate(f->store, NULL, NULL, NULL));
    return fixture_text(f, "SELECT server_service, server_instance, count(*) FROM call_details"
                           " GROUP BY 1, 2 ORDER BY 1, 2");
}

/* Logs of one name: what tells their folders apart, with their names where several serve. */
START_TEST(folders_part_logs_of_one_name)
{
    static const char *const paths[] = {
        "in/web1/var/log/access.log", "in/web2/var/log/access.log", "in/cart/app.log",
        "in/order/app.log",           "in/order/old/app.log.1",     "in/both/app.log",
        "in/both/access.log",         "in/cart-2026-11-21.log",
    };
    Fixture f;
    fixture_begin(&f);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        add_source(&f, i + 1, paths[i], "log");
        see_line_of(&f, i + 1, "", i);
    }
    g_autofree char *served = served_by(&f);
    ck_assert_str_eq(served, "both/access|both/access|1 both/app|both/app|1 cart|cart|2 "
                             "order|order|2 web|web1|1 web|web2|1");
    fixture_end(&f);
}
END_TEST

/* Containers' logs: pods are instances of their deployments. */
START_TEST(pods_are_instances)
{
    static const char *const paths[] = {
        "pods/shop_cart-7d9f8b6c5-x2x7k_11111111-2222-3333-4444-555555555555/cart/0.log",
        "pods/shop_cart-7d9f8b6c5-b4k9z_11111111-2222-3333-4444-555555555556/cart/0.log",
        "pods/shop_web-5c4d7f8b9d-b4k9z_11111111-2222-3333-4444-555555555557/proxy/1.log",
        ("web-5c4d7f8b9d-zz2x4_shop_web-"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.log"),
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef-json.log",
    };
    Fixture f;
    fixture_begin(&f);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        add_source(&f, i + 1, paths[i], "log");
        see_line_of(&f, i + 1, "", i);
    }
    g_autofree char *served = served_by(&f);
    ck_assert_str_eq(served, "0123456789ab|0123456789ab|1 cart|cart-7d9f8b6c5-b4k9z|1 "
                             "cart|cart-7d9f8b6c5-x2x7k|1 web|web-5c4d7f8b9d-zz2x4|1 "
                             "web/proxy|web-5c4d7f8b9d-b4k9z/proxy|1");
    fixture_end(&f);
}
END_TEST

/* A log told to be of an address that an operator's table names: one host, not two. */
START_TEST(told_addresses_are_their_hosts)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80)");
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state, host)"
                    " VALUES (1, 'switch.pcap', 'capture', 0, 'done', NULL),"
                    " (2, 'x.log', 'log', 0, 'done', '10.0.0.2'),"
                    " (3, 'y.log', 'log', 0, 'done', '10.0.0.3')");
    fixture_run(&f, "INSERT INTO host_names (source_id, address, name) VALUES"
                    " (1, '10.0.0.2', 'shop'), (1, '10.0.0.3', 'stock')");
    see(&f, 1, 1, 2, 1);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *hosts = fixture_text(
        &f, "SELECT s.path, h.name FROM sources s JOIN source_hosts USING (source_id)"
            " JOIN hosts h USING (host_id) ORDER BY 1");
    ck_assert_str_eq(hosts, "switch.pcap|switch x.log|shop y.log|stock");
    fixture_end(&f);
}
END_TEST

/* A central log: its records name programs and hosts. */
START_TEST(records_name_their_writers)
{
    static const char *const writers[] = {"cart@n1", "cart@n2", "pay", "@db1", "cart@n1", ""};
    Fixture f;
    fixture_begin(&f);
    add_source(&f, 1, "all.log", "log");
    add_source(&f, 2, "shop1.log", "log");
    for (guint i = 0; i < G_N_ELEMENTS(writers); i++)
        see_line_of(&f, 1, writers[i], i);
    see_line_of(&f, 2, "shop", 10);
    g_autofree char *served = served_by(&f);
    ck_assert_str_eq(served, "all|all|1 cart|cart@n1|2 cart|cart@n2|1 db1|db1|1 pay|pay|1 "
                             "shop|shop1|1");
    fixture_end(&f);
}
END_TEST

/* Requests of the same length at the same time: only the line tells whose upstream call it is.
 */
START_TEST(a_line_ties_its_request_to_its_upstream)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (3, '10.0.0.3', 80)");
    add_source(&f, 9, "logs/web.log", "log");
    for (gint64 k = 0; k < 60; k++) {
        gint64 start = k / 4 * 1000 * MS;
        fixture_line(&f, 9, "server", 0, "GET /", start, start + 50 * MS);
        fixture_line(&f, 9, "client", 3, "GET /", start + 5 * MS, start + 40 * MS);
        fixture_run(&f,
                    "UPDATE observations SET event_id = event_id - 1, resolution_ns = 5000000"
                    " WHERE observation_id = %d",
                    (int) f.observations);
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls c JOIN observations o ON o.observation_id ="
                        " c.client_observation_id JOIN calls p ON p.call_id = c.parent_call_id"
                        " JOIN observations s ON s.observation_id = p.server_observation_id"
                        " WHERE s.event_id = o.event_id"),
        60);
    fixture_end(&f);
}
END_TEST

/* A file with the content of another was not read, and is no host of its own. */
START_TEST(a_duplicate_is_no_host)
{
    Fixture f;
    fixture_begin(&f);
    add_source(&f, 1, "web.log", "log");
    add_source(&f, 2, "web-copy.log", "log");
    fixture_run(&f, "UPDATE sources SET state = 'duplicate' WHERE source_id = 2");
    fixture_run(&f, "INSERT INTO events (event_id, source_id, offset_bytes, length_bytes,"
                    " time_ns, resolution_ns) VALUES (1, 1, 0, 1, 100, 1)");
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autoptr(LampStatement) hosts = lamp_statement_new(
        f.store, "SELECT count(*), min(name) FROM hosts JOIN source_hosts USING (host_id)",
        NULL);
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(hosts, &has_row, NULL) && has_row);
    ck_assert_int_eq(lamp_statement_int(hosts, 0), 1);
    ck_assert_str_eq(lamp_statement_text(hosts, 1), "web");
    g_clear_pointer(&hosts, lamp_statement_free);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("hosts");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, captures_are_told_apart_by_each_other);
    tcase_add_test(tcase, captures_of_one_name_are_one_host);
    tcase_add_test(tcase, a_log_finds_its_host);
    tcase_add_test(tcase, a_log_behind_a_proxy_is_the_servers);
    tcase_add_test(tcase, a_log_of_which_a_part_was_captured);
    tcase_add_test(tcase, records_without_a_call_are_counted);
    tcase_add_test(tcase, a_folder_names_the_host_of_a_log);
    tcase_add_test(tcase, folders_part_logs_of_one_name);
    tcase_add_test(tcase, pods_are_instances);
    tcase_add_test(tcase, told_addresses_are_their_hosts);
    tcase_add_test(tcase, records_name_their_writers);
    tcase_add_test(tcase, a_duplicate_is_no_host);
    tcase_add_test(tcase, a_line_ties_its_request_to_its_upstream);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
