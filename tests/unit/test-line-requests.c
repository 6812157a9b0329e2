/* Requests and durations that lines tell in words, and requests of which one line tells the
 * begin and another the end. An expectation that begins with `!` must not be found. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

#define HEAD "2026-11-20 09:11:52,671 INFO [main] c.acme.A - "
#define TAG_1 "[9ed8b213-0001-4b7a-9f00-000000000001] "
#define TAG_2 "[9ed8b213-0001-4b7a-9f00-000000000002] "

static const struct {
    const char *reader, *text, *expected[5];
} rows[] = {
    {"application",
     HEAD "GET /orders/7 took 31 ms",
     {"call server 2026-11-20T09:11:52.640000000Z - - 2026-11-20T09:11:52.671000000Z",
      "protocol=<http> operation=<GET /orders/{}>"}},
    {"application",
     HEAD "POST /api/orders -> 201 in 31ms",
     {"operation=<POST /api/orders> status=<201>", "09:11:52.640000000Z - -"}},
    {"application",
     HEAD "\"GET /api/orders HTTP/1.1\" 503 took 0.25s",
     {"operation=<GET /api/orders> status=<503> error", "09:11:52.421000000Z - -"}},
    {"application",
     HEAD "GET /x 200 12.345 ms - 123",
     {"operation=<GET /x> status=<200>", "09:11:52.658655000Z - -"}},
    {"application", HEAD "GET /index (1.2 ms)", {"09:11:52.669800000Z - -"}},
    {"application",
     HEAD "GET /x status=200 duration=12ms",
     {"operation=<GET /x> status=<200>", "09:11:52.659000000Z - -"}},
    {"text",
     "[GIN] 2026/11/20 - 09:11:54 | 404 |  1m2.5s |  10.0.0.7 | GET      \"/z\"",
     {"call server 2026-11-20T09:10:51.500000000Z",
      "operation=<GET /z> status=<404> client=10.0.0.7:0"}},
    {"jsonl",
     "{\"time\":\"2026-11-20T09:11:52.671Z\",\"level\":\"info\",\"msg\":\"GET /x took 31 ms\"}",
     {"operation=<GET /x>", "09:11:52.640000000Z - -"}},
    /* A field tells how long what is said to be done took; what was only begun is no call. */
    {"application",
     HEAD "done GET /orders/7 status=200 took=31.5ms",
     {"operation=<GET /orders/{}> status=<200>", "09:11:52.639500000Z - -", "path.2=7"}},
    {"application", HEAD "calling GET /orders/7 took=31.5ms", {"!call "}},
    {"application", HEAD "start GET /orders/7", {"!call "}},
    /* A duration alone is none of a known piece of work: a field. */
    {"application", HEAD "batch 7 completed in 0.25s", {"{duration_ms=250.000000}", "!call "}},
    {"application",
     HEAD "sync done, elapsed: 5 seconds",
     {"{duration_ms=5000.000000}", "!call "}},
    {"application", HEAD "rendered index (1.2 ms)", {"{duration_ms=1.200000}", "!call "}},
    {"application", HEAD "started in 1.5 s", {"{duration_ms=1500.000000}", "!call "}},
    /* What is no duration of the line's own work. */
    {"application", HEAD "retrying in 5s", {"!duration", "!call "}},
    {"application", HEAD "timeout after 30 s", {"!duration", "!call "}},
    {"application", HEAD "cache ttl 300 s", {"!duration", "!call "}},
    {"application", HEAD "order 7 will be processed in 5 s", {"!duration", "!call "}},
    {"application", HEAD "sent in 31 messages", {"!duration", "!call "}},
    {"application", HEAD "GET /x with timeout 30 s", {"!duration", "!call "}},
    {"application", HEAD "GET http://stock:8080/x took 31 ms", {"{duration_ms=31.0", "!call "}},
    {"application", HEAD "FORGET /x took 31 ms", {"!call "}},
    {"application",
     HEAD "GET /orders/7 failed with 503, retrying in 5 s",
     {"!duration", "!call "}},
    {"application", HEAD "POST /jobs ok, next run in 30 s", {"!duration", "!call "}},
    {"application",
     HEAD "GET /x returned 200, session expires in 300 s",
     {"!duration", "!call "}},
    {"application", HEAD "GET /orders/7 timeout (30 s)", {"!duration", "!call "}},
    {"application",
     HEAD "GET /x took 1,234 ms",
     {"call server 2026-11-20T09:11:51.437000000Z"}},
    {"application",
     HEAD "Request GET /v completed in 31 ms with status 503",
     {"operation=<GET /v> status=<503> error", "09:11:52.640000000Z - -"}},
    /* Units that the logger tells, however it sets its blanks. */
    {"jsonl",
     "{\"time\": \"2026-11-20T09:11:52.671Z\", \"level\": \"INFO\", \"msg\": \"request\", "
     "\"method\": \"GET\", \"path\": \"/s\", \"status\": 200, \"duration\": 31000000}",
     {"operation=<GET /s> status=<200>", "09:11:52.640000000Z - -"}},
    {"logfmt",
     "time=2026-11-20T09:11:52.671Z method=GET path=/x format=html controller=XController "
     "action=show status=200 duration=31.00 view=2.10",
     {"operation=<GET /x> status=<200>", "09:11:52.640000000Z - -"}},
    /* Numbers that were measured are no times. */
    {"text", "40123456.12345 measured value ok", {"!2004-"}},
    /* Without a duration: counted, no call. */
    {"application",
     "2026-11-20 09:11:52,671 INFO: 127.0.0.1:40112 - \"GET /x HTTP/1.1\" 200 OK",
     {"{request=GET /x HTTP/1.1} {status=200}", "!call "}},
    {"application",
     "2026-11-20 09:11:55,123 django.request WARNING Not Found: /favicon.ico",
     {"service=<django.request> severity=<warn> message=<Not Found"}},
};

START_TEST(test_message_tells_a_call)
{
    g_autofree char *text = log_sink_of(rows[_i].reader, &context, rows[_i].text);
    for (guint i = 0; i < G_N_ELEMENTS(rows[_i].expected) && rows[_i].expected[i] != NULL;
         i++) {
        const char *expected = rows[_i].expected[i];
        gboolean is_wanted = expected[0] != '!';
        ck_assert_msg(is_wanted == (strstr(text, expected + !is_wanted) != NULL), "'%s' in\n%s",
                      expected, text);
    }
}
END_TEST

/* Reads @text in pieces: @n texts must be told, and so many calls. */
static void
check_calls(const char *reader, const char *text, const char *const expected[], gsize n,
            guint64 calls)
{
    for (gsize chunk = 61; chunk < 4000; chunk *= 7) {
        LogSink s;
        log_sink_begin(&s);
        log_sink_read(&s, lamp_reader_find(reader), &context, lamp_bytes_text(text), chunk);
        ck_assert_msg(s.observations == calls, "%s", s.text->str);
        for (gsize i = 0; i < n; i++)
            ck_assert_msg(strstr(s.text->str, expected[i]) != NULL, "%s in:\n%s", expected[i],
                          s.text->str);
        g_string_free(s.text, TRUE);
    }
}

START_TEST(test_begin_and_end_of_one_id_are_a_call)
{
    static const char rails[] =
        "I, [2026-11-20T09:11:52.100000 #7]  INFO -- : " TAG_1 "Started GET \"/orders/12\" for "
        "10.0.0.7 at 2026-11-20 09:11:52 +0000\n"
        "I, [2026-11-20T09:11:52.110000 #7]  INFO -- : " TAG_2 "Started POST \"/orders\" for "
        "10.0.0.8 at 2026-11-20 09:11:52 +0000\n"
        "I, [2026-11-20T09:11:52.131000 #7]  INFO -- : " TAG_2 "Completed 500 Internal Server "
        "Error in 21ms (ActiveRecord: 0.4ms)\n"
        "I, [2026-11-20T09:11:52.150000 #7]  INFO -- : " TAG_1 "Completed 404 Not Found in "
        "50ms (Views: 3.2ms | ActiveRecord: 0.4ms)\n"
        "I, [2026-11-20T09:11:52.160000 #7]  INFO -- : " TAG_1 "Completed 200 OK in 60ms\n";
    static const char *const rails_calls[] = {
        "call server 2026-11-20T09:11:52.110000000Z - - 2026-11-20T09:11:52.131000000Z "
        "protocol=<http> operation=<POST /orders> status=<500> client=10.0.0.8",
        "call server 2026-11-20T09:11:52.100000000Z - - 2026-11-20T09:11:52.150000000Z "
        "protocol=<http> operation=<GET /orders/{}> status=<404> client=10.0.0.7"};
    static const char fastify[] =
        "{\"level\":30,\"time\":1795252311991,\"reqId\":\"req-1\",\"req\":{\"method\":\"GET\","
        "\"url\":\"/x/1\",\"remoteAddress\":\"10.0.0.9\"},\"msg\":\"incoming request\"}\n"
        "{\"level\":30,\"time\":1795252311996,\"reqId\":\"req-1\",\"responseTime\":3,"
        "\"res\":{\"statusCode\":200},\"msg\":\"stock answered\"}\n"
        "{\"level\":30,\"time\":1795252312021,\"reqId\":\"req-1\",\"res\":{\"statusCode\":200},"
        "\"responseTime\":29.9,\"msg\":\"request completed\"}\n"
        "{\"level\":30,\"time\":1795252312022,\"reqId\":\"req-2\",\"res\":{\"statusCode\":200},"
        "\"responseTime\":9.7,\"msg\":\"request completed\"}\n";
    static const char *const fastify_calls[] = {"operation=<GET /x/{}> status=<200> client="};
    check_calls("application", rails, rails_calls, 2, 2);
    check_calls("jsonl", fastify, fastify_calls, 1, 1);
}
END_TEST

/* More requests are open than a small table could hold, and end as they began. */
START_TEST(test_many_requests_are_open)
{
    enum { OPEN = 1500 };
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < OPEN; i++)
        g_string_append_printf(
            text,
            "{\"time\":%u,\"reqId\":\"r-%u\",\"req\":{\"method\":\"GET\",\"url\":\"/x\"},"
            "\"msg\":\"incoming request\"}\n",
            1795252311u, i);
    for (guint i = 0; i < OPEN; i++)
        g_string_append_printf(text,
                               "{\"time\":%u,\"reqId\":\"r-%u\",\"res\":{\"statusCode\":200},"
                               "\"responseTime\":9000,\"msg\":\"request completed\"}\n",
                               1795252320u, i);
    LogSink s;
    log_sink_begin(&s);
    log_sink_read(&s, lamp_reader_find("jsonl"), &context, lamp_bytes_text(text->str), 65536);
    ck_assert_uint_eq(s.observations, OPEN);
    g_string_free(s.text, TRUE);
}
END_TEST

/* Lines between that look like the end, and lines of other things that have an id. */
START_TEST(test_what_is_no_end)
{
    static const char inner[] =
        "{\"time\":1795252311000,\"reqId\":\"q7\",\"req\":{\"method\":\"GET\",\"url\":\"/b\"},"
        "\"msg\":\"incoming request\"}\n"
        "{\"time\":1795252311004,\"reqId\":\"q7\",\"duration_ms\":2.5,\"msg\":\"db query\"}\n"
        "{\"time\":1795252311500,\"reqId\":\"q7\",\"res\":{\"statusCode\":200},"
        "\"responseTime\":500.1,\"msg\":\"request completed\"}\n";
    static const char *const outer[] = {
        "call server 2026-11-21T09:11:50.999900000Z - - 2026-11-21T09:11:51.500000000Z"};
    static const char other[] =
        "{\"time\":1795252311000,\"id\":\"7\",\"req\":{\"method\":\"GET\",\"url\":\"/b\"},"
        "\"msg\":\"incoming request\"}\n"
        "{\"time\":1795252312000,\"id\":\"7\",\"status\":\"active\",\"msg\":\"transfer "
        "done\"}\n"
        "{\"time\":1795252313000,\"id\":\"7\",\"status\":\"200\",\"msg\":\"row appended\"}\n";
    check_calls("jsonl", inner, outer, 1, 1);
    check_calls("jsonl", other, NULL, 0, 0);
}
END_TEST

/* A target that is longer than what is looked at. */
START_TEST(test_request_longer_than_the_look)
{
    g_autofree char *name = g_strnfill(1100, 'a');
    g_autofree char *text = g_strconcat(HEAD "serving method=GET uri=/", name, " for z", NULL);
    g_autofree char *out = log_sink_of("application", &context, text);
    ck_assert(strstr(out, "call ") == NULL);
}
END_TEST

START_TEST(test_operations_of_slapd)
{
    static const char text[] =
        "673f1d29.1a2b3e4d 0x7f1 conn=1000 op=1 SRCH base=\"dc=y\" scope=2 filter=\"(uid=a)\"\n"
        "673f1d29.1a2b3e5d 0x7f1 conn=1000 op=1 SRCH attr=uid\n"
        "673f1d29.1a2b3f4d 0x7f2 conn=1001 op=1 BIND dn=\"cn=x\" method=128\n"
        "673f1d29.1a2b9f4d 0x7f2 conn=1001 op=1 BIND dn=\"cn=x\" mech=SIMPLE bind_ssf=0\n"
        "673f1d29.1a391b4d 0x7f1 conn=1000 op=1 SEARCH RESULT tag=101 err=0 qtime=0.000010 "
        "etime=0.000910 nentries=1 text=\n"
        "673f1d29.1a391c4d 0x7f2 conn=1001 op=1 RESULT tag=97 err=80 text=\n"
        "673f1d29.1a392c4d 0x7f2 conn=1001 op=2 RESULT tag=97 err=0 etime=0.000100 text=\n";
    static const char *const calls[] = {
        "thread=<0x7f1> message=<conn=1000 op=1 SEARCH RESULT",
        "call server 2024-11-21T11:44:41.439040157Z - - 2024-11-21T11:44:41.439950157Z",
        "protocol=<ldap> operation=<search> status=<0>",
        "protocol=<ldap> operation=<bind> status=<80> error"};
    check_calls("text", text, calls, G_N_ELEMENTS(calls), 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("line-requests");
    TCase *tests = tcase_create("line-requests");
    tcase_add_loop_test(tests, test_message_tells_a_call, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, test_begin_and_end_of_one_id_are_a_call);
    tcase_add_test(tests, test_many_requests_are_open);
    tcase_add_test(tests, test_what_is_no_end);
    tcase_add_test(tests, test_request_longer_than_the_look);
    tcase_add_test(tests, test_operations_of_slapd);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
