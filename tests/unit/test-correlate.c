/* From observations of several captures to calls, clocks, services, links and traces. */
#include "correlate/eval/eval.h"
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)
#define REQUESTS 60

/* A user (10.0.0.1) asks a web server, it asks one of two replicas; captured on web, app1, app2
 * and in between. Clocks: web is the truth, app1 3 s ahead and 20 ppm fast, app2 1 s behind. */
enum { WEB = 1, APP1, APP2, SWITCH };
enum { USER_END = 1, WEB_END, WEB_OUT1, WEB_OUT2, APP1_END, APP2_END };

static gint64
clock_of(gint64 capture, gint64 time)
{
    switch (capture) {
    case APP1:
        return time + 3000 * MS + time / 50000;
    case APP2:
        return time - 1000 * MS;
    case SWITCH:
        return time + 77 * MS;
    default:
        return time;
    }
}

static void
see_at(Fixture *f, Sight *s, gint64 capture, gint64 request, gint64 response)
{
    static gint64 known[8][8];
    gint64 *connection = &known[capture][s->client];
    if (f->connections == 0)
        memset(known, 0, sizeof known);
    if (*connection == 0)
        *connection = fixture_connection(f, capture, s->client, s->server);
    s->source = capture;
    s->connection = *connection;
    s->request = clock_of(capture, request);
    s->response = clock_of(capture, response);
    fixture_see(f, s);
}

static void
make_request(Fixture *f, gint64 i)
{
    gint64 start = i * 500 * MS;
    gint64 jitter = (i * 7919 % 97) * 1000;
    Sight s = {.client = USER_END,
               .server = WEB_END,
               .position = i + 1,
               .sequence = 1000 + i,
               .protocol = "http",
               .operation = "GET /page"};
    see_at(f, &s, WEB, start, start + 40 * MS + jitter);
    gint64 app = i % 2 == 0 ? APP1 : APP2;
    s = (Sight){.client = app == APP1 ? WEB_OUT1 : WEB_OUT2,
                .server = app == APP1 ? APP1_END : APP2_END,
                .position = i / 2 + 1,
                .sequence = 5000 + i,
                .protocol = "http",
                .operation = "GET /item"};
    gint64 sent = start + 2 * MS;
    gint64 back = start + 35 * MS;
    see_at(f, &s, WEB, sent, back + jitter);
    see_at(f, &s, SWITCH, sent + 20000, back - 25000);
    see_at(f, &s, app, sent + 50000 + jitter, back - 50000);
}

static void
make_system(Fixture *f)
{
    fixture_begin(f);
    fixture_capture(f, WEB, "pcap/web.pcap");
    fixture_capture(f, APP1, "pcap/app1.pcap");
    fixture_capture(f, APP2, "pcap/app2.pcap");
    fixture_capture(f, SWITCH, "pcap/switch.pcap");
    fixture_run(f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                   " (3, '10.0.0.2', 6000), (4, '10.0.0.2', 6001), (5, '10.0.0.3', 3000),"
                   " (6, '10.0.0.4', 3000)");
    for (gint64 i = 0; i < REQUESTS; i++)
        make_request(f, i);
    fixture_ready(f);
}

START_TEST(test_captures_of_one_call_are_merged)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM observations"), 4 * REQUESTS);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), 2 * REQUESTS);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE client_observation_id <>"
                                     " server_observation_id"),
                     REQUESTS);
    fixture_end(&f);
}
END_TEST

START_TEST(test_clocks_come_out_right)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *references = fixture_text(&f, "SELECT name FROM hosts WHERE is_reference");
    ck_assert_str_eq(references, "switch");
    static const struct {
        const char *sql;
        gint64 expected;
    } rows[] = {{"SELECT offset_ns FROM hosts WHERE name = 'web'", -77 * MS},
                /* 20 ppm for half of the time */
                {"SELECT offset_ns FROM hosts WHERE name = 'app1'", 2923 * MS + 295000},
                {"SELECT offset_ns FROM hosts WHERE name = 'app2'", -1077 * MS}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 found = fixture_int(&f, rows[i].sql);
        ck_assert_int_lt(ABS(found - rows[i].expected), 100000);
    }
    ck_assert_int_eq(fixture_int(&f, "SELECT round(drift_ppm) FROM hosts WHERE name = 'app1'"),
                     20);
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls WHERE order_violation_ns > 0"),
                     0);
    fixture_end(&f);
}
END_TEST

START_TEST(test_replicas_are_one_service)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *services =
        fixture_text(&f, "SELECT s.name, i.name, s.is_external FROM services s JOIN instances i"
                         " USING (service_id) ORDER BY i.name");
    ck_assert_str_eq(services, "external|10.0.0.1|1 app|app1|0 app|app2|0 web|web|0");
    fixture_end(&f);
}
END_TEST

START_TEST(test_every_call_finds_its_request)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM trace_roots WHERE calls = 2 AND"
                                     " depth = 2 AND is_background = 0"),
                     REQUESTS);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM calls c JOIN calls p ON p.call_id ="
                        " c.parent_call_id WHERE c.server_start_ns BETWEEN p.server_start_ns"
                        " AND p.server_end_ns"),
        REQUESTS);
    g_autofree char *clocks =
        fixture_text(&f, "SELECT DISTINCT lamport_request_send, lamport_request_receive,"
                         " lamport_response_send, lamport_response_receive FROM calls"
                         " WHERE parent_call_id IS NOT NULL");
    ck_assert_str_eq(clocks, "2|3|4|5");
    fixture_end(&f);
}
END_TEST

START_TEST(test_a_second_run_gives_the_same)
{
    static const char all[] = "SELECT * FROM calls ORDER BY call_id";
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *first = fixture_text(&f, all);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *second = fixture_text(&f, all);
    ck_assert_str_eq(first, second);
    fixture_end(&f);
}
END_TEST

START_TEST(test_nothing_to_correlate_is_fine)
{
    Fixture f;
    fixture_begin(&f);
    ck_assert(!lamp_correlate(f.store, NULL, NULL, NULL));
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), 0);
    fixture_end(&f);
}
END_TEST

START_TEST(test_log_lines_of_captured_calls_are_evidence)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_store_begin(f.store, NULL));
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (9, 'logs/app1.log', 'log', 0, 'done'),"
                    " (10, 'logs/other.log', 'log', 0, 'done')");
    for (gint64 i = 0; i < REQUESTS; i += 2) {
        gint64 end = clock_of(APP1, i * 500 * MS + 35 * MS);
        gint64 second = end - end % (1000 * MS);
        fixture_line(&f, 9, "server", 0, "GET /item", second - 33 * MS, second);
    }
    fixture_line(&f, 10, "server", 0, "GET /elsewhere", 0, 100 * MS);
    ck_assert(lamp_store_commit(f.store, NULL));
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM calls"), 2 * REQUESTS + 1);
    ck_assert_int_eq(
        fixture_int(&f, "SELECT count(*) FROM call_events JOIN call_details USING (call_id)"
                        " WHERE server_instance = 'app1' AND side = 'server'"),
        REQUESTS / 2);
    fixture_end(&f);
}
END_TEST

/* A line on a captured host whose call no capture shows: no port, so the instance of its
 * protocol. */
START_TEST(test_a_call_without_port_is_its_hosts_instance)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_store_begin(f.store, NULL));
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (9, 'logs/app1.log', 'log', 0, 'done')");
    fixture_line(&f, 9, "server", 0, "GET /unseen", 9000000 * MS, 9000100 * MS);
    ck_assert(lamp_store_commit(f.store, NULL));
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *served =
        fixture_text(&f, "SELECT server_instance FROM call_details WHERE operation = "
                         "'GET /unseen'");
    ck_assert_str_eq(served, "app1");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM instances WHERE name LIKE '%:0'"),
                     0);
    fixture_end(&f);
}
END_TEST

/* Unanswered messages to groups are no calls; answered ones, and those to one host, are. */
START_TEST(test_messages_to_groups_are_no_calls)
{
    static const char *const addresses[] = {"224.0.0.251",   "239.255.255.250", "ff02::fb",
                                            "192.168.1.255", "255.255.255.255", "192.168.1.7",
                                            "fe80::1"};
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, 1, "pcap/web.pcap");
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '192.168.1.9', 5353)");
    for (gint64 i = 0; i < (gint64) G_N_ELEMENTS(addresses); i++) {
        fixture_run(&f, "INSERT INTO endpoints VALUES (%" G_GINT64_FORMAT ", '%s', 5353)",
                    i + 2, addresses[i]);
        Sight s = {.source = 1,
                   .client = 1,
                   .server = i + 2,
                   .position = 1,
                   .sequence = -1,
                   .protocol = "dns",
                   .operation = "A local"};
        s.connection = fixture_connection(&f, 1, 1, i + 2);
        s.request = i * 10 * MS;
        s.response = s.request + MS;
        fixture_see(&f, &s);
    }
    fixture_run(&f, "UPDATE observations SET flags = 1 WHERE observation_id <> 4");
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *called =
        fixture_text(&f, "SELECT server_address FROM call_details ORDER BY server_address");
    ck_assert_str_eq(called, "192.168.1.255 192.168.1.7 fe80::1");
    fixture_end(&f);
}
END_TEST

/* The worker was not captured: only the store shows that it waits. */
START_TEST(test_waiting_for_work_is_no_request)
{
    static const char *const operations[] = {"GET a", "BRPOP jobs", "XREADGROUP jobs",
                                             "LPUSH jobs"};
    Fixture f;
    fixture_begin(&f);
    fixture_capture(&f, WEB, "store");
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 0), (2, '10.0.0.2', 6379),"
                    " (3, '10.0.0.3', 0)");
    for (gint64 i = 0; i < 4; i++) {
        gint64 client = i == 1 || i == 2 ? 3 : 1;
        Sight s = {.source = WEB,
                   .connection = fixture_connection(&f, WEB, client, 2),
                   .client = client,
                   .server = 2,
                   .position = 1,
                   .sequence = 100 + i,
                   .request = i * 10 * MS,
                   .response = i * 10 * MS + 5 * MS,
                   .protocol = "redis",
                   .operation = operations[i]};
        fixture_see(&f, &s);
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *waits = fixture_text(
        &f,
        "SELECT operation FROM trace_roots JOIN call_details ON call_id = trace_roots.trace_id"
        " WHERE is_background ORDER BY 1");
    ck_assert_str_eq(waits, "BRPOP jobs XREADGROUP jobs");
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM trace_roots"), 4);
    fixture_end(&f);
}
END_TEST

START_TEST(test_log_of_a_host_without_capture_gets_its_clock)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_store_begin(f.store, NULL));
    /* The user's side of the web server's calls, by a log that is 700 ms ahead. */
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (9, 'logs/user.log', 'log', 0, 'done');"
                    "INSERT INTO host_names VALUES (9, '10.0.0.1', 'user', 0, NULL)");
    for (gint64 i = 0; i < REQUESTS; i++) {
        gint64 end = i * 500 * MS + 40 * MS + 700 * MS;
        fixture_line(&f, 9, "client", 0, "GET /page", end - 40 * MS, end);
    }
    fixture_run(&f, "UPDATE observations SET resolution_ns = 1 WHERE source_id = 9");
    ck_assert(lamp_store_commit(f.store, NULL));
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    ck_assert_int_eq(fixture_int(&f, "SELECT count(*) FROM hosts WHERE name = 'user' AND"
                                     " method = 'log'"),
                     1);
    gint64 ahead = fixture_int(&f, "SELECT a.offset_ns - b.offset_ns FROM hosts a, hosts b"
                                   " WHERE a.name = 'user' AND b.name = 'web'");
    ck_assert_int_lt(ABS(ahead - 700 * MS), 20 * MS);
    fixture_end(&f);
}
END_TEST

/* Two spans of each call; told ones and ones that only time joins. */
static void
add_span(Fixture *f, const char *id, const char *role, const char *process, const char *peer,
         gint64 start, gint64 end)
{
    f->observations++;
    fixture_run(
        f,
        "INSERT INTO observations (observation_id, source_id, origin, role,"
        " external_id, process_id, peer_id, operation_id, request_first_ns,"
        " response_last_ns) VALUES (%" G_GINT64_FORMAT ", 1, 'span', '%s', '%s',"
        " %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
        ", %" G_GINT64_FORMAT ")",
        f->observations, role, id, lamp_store_intern(f->store, lamp_bytes_text(process)),
        lamp_store_intern(f->store, lamp_bytes_text(peer)),
        lamp_store_intern(f->store, lamp_bytes_text("Find")), EPOCH + start, EPOCH + end);
}

START_TEST(test_ends_of_spans_are_joined)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO sources (source_id, path, kind, size_bytes, state) VALUES"
                    " (1, 'x.spans.csv', 'span', 0, 'done');"
                    "INSERT INTO span_joins VALUES (1, 'told-c', 'told-s')");
    add_span(&f, "told-c", "client", "a", "b", 100, 900);
    add_span(&f, "near-c", "client", "a", "b", 150, 700);
    add_span(&f, "near-s", "server", "b", "a", 200, 600);
    add_span(&f, "told-s", "server", "b", "a", 250, 650);
    add_span(&f, "late-s", "server", "b", "a", 1000, 1100);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *found =
        fixture_text(&f, "SELECT client_external_id, server_external_id FROM calls"
                         " ORDER BY call_id");
    ck_assert_str_eq(found, "told-c|told-s near-c|near-s -|late-s");
    fixture_end(&f);
}
END_TEST

/* Truth in which the k-th request caused the k-th item, but for one that is said to have been
 * caused by the first. */
static void
write_truth(const char *folder)
{
    g_autoptr(GString) csv = g_string_new("span_id,trace_id,parent_span_id,kind,proto,op,"
                                          "client_ip,client_port,server_ip,server_port,n,"
                                          "flags\n");
    for (guint i = 0; i < REQUESTS; i++) {
        guint parent = i == REQUESTS - 1 ? 0 : i;
        g_string_append_printf(csv,
                               "r%u,t%u,,rpc,http,\"GET /page, \"\"x\"\"\",10.0.0.1,5000,"
                               "10.0.0.2,80,%u,\n",
                               i, i, i + 1);
        g_string_append_printf(csv, "i%u,t%u,r%u,rpc,http,GET /item,10.0.0.2,%u,%s,3000,%u,\n",
                               i, parent, parent, 6000 + i % 2,
                               i % 2 == 0 ? "10.0.0.3" : "10.0.0.4", i / 2 + 1);
    }
    g_autofree char *path = g_build_filename(folder, "spans.csv", NULL);
    ck_assert(g_file_set_contents(path, csv->str, -1, NULL));
}

START_TEST(test_eval_counts_right_links)
{
    Fixture f;
    make_system(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    write_truth(f.folder);
    g_autoptr(LampEvalReport) report = lamp_eval(f.store, f.folder, NULL);
    ck_assert_ptr_nonnull(report);
    ck_assert_uint_eq(report->spans_truth, 2 * REQUESTS);
    ck_assert_uint_eq(report->spans_found, 2 * REQUESTS);
    ck_assert_uint_eq(report->links_truth, REQUESTS);
    ck_assert_uint_eq(report->links_right, REQUESTS - 1);
    /* The first trace lacks a call and the last was given one that is not its own; the last
     * has no links of its own in this truth. */
    ck_assert_uint_eq(report->traces_truth, REQUESTS - 1);
    ck_assert_uint_eq(report->traces_right, REQUESTS - 2);
    g_autofree char *path = g_build_filename(f.folder, "spans.csv", NULL);
    g_unlink(path);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("correlate");
    TCase *tc = tcase_create("correlate");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_captures_of_one_call_are_merged);
    tcase_add_test(tc, test_clocks_come_out_right);
    tcase_add_test(tc, test_replicas_are_one_service);
    tcase_add_test(tc, test_every_call_finds_its_request);
    tcase_add_test(tc, test_a_second_run_gives_the_same);
    tcase_add_test(tc, test_nothing_to_correlate_is_fine);
    tcase_add_test(tc, test_log_lines_of_captured_calls_are_evidence);
    tcase_add_test(tc, test_a_call_without_port_is_its_hosts_instance);
    tcase_add_test(tc, test_messages_to_groups_are_no_calls);
    tcase_add_test(tc, test_waiting_for_work_is_no_request);
    tcase_add_test(tc, test_log_of_a_host_without_capture_gets_its_clock);
    tcase_add_test(tc, test_ends_of_spans_are_joined);
    tcase_add_test(tc, test_eval_counts_right_links);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
