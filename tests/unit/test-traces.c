/* Traces in JSON: three layouts to the same spans, however the bytes are cut. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.json"};

#define NEST(mark) mark mark mark mark mark

typedef struct {
    const char *text;
    guint spans;
    const char *expected[4];
} Row;

static const Row rows[] = {
    /* Jaeger, services named behind the spans; references to other traces do not count */
    {"{\"data\": [{\"traceID\": \"a1\", \"spans\": [{\"traceID\": \"a1\", \"spanID\": \"s1\", "
     "\"operationName\": \"GET /\", \"references\": [], \"startTime\": 1000000, \"duration\": "
     "500, \"tags\": [{\"key\": \"span.kind\", \"type\": \"string\", \"value\": \"server\"}, "
     "{\"key\": \"http.status_code\", \"value\": 503}, {\"key\": \"error\", \"value\": true}], "
     "\"logs\": [{\"timestamp\": 1, \"fields\": []}], \"processID\": \"p1\"}, {\"traceID\": "
     "\"a1\", \"spanID\": \"s2\", \"operationName\": \"a \\\"b\\\"\", \"references\": "
     "[{\"refType\": \"CHILD_OF\", \"traceID\": \"ff\", \"spanID\": \"s9\"}, {\"refType\": "
     "\"CHILD_OF\", \"traceID\": \"a1\", \"spanID\": \"s1\"}], \"startTime\": 1000100, "
     "\"duration\": 200, \"tags\": [{\"key\": \"peer.service\", \"value\": \"db\"}, {\"key\": "
     "\"span.kind\", \"value\": \"client\"}], \"processID\": \"p2\"}], \"processes\": {\"p1\": "
     "{\"serviceName\": \"front\", \"tags\": []}, \"p2\": {\"serviceName\": \"back\"}}}]}",
     2,
     {"call server 1970-01-01T00:00:01.000000000Z 1970-01-01T00:00:01.000000000Z "
      "1970-01-01T00:00:01.000500000Z 1970-01-01T00:00:01.000500000Z id=<s1> trace=<a1> "
      "process=<front> protocol=<http> operation=<GET /> status=<503> {trace_id=a1} error",
      "id=<s2> trace=<a1> parent=<s1> process=<back> peer=<db> operation=<a \"b\">"}},
    /* one trace alone, services before the spans, no kind: work inside */
    {"{\"processes\": {\"S\": {\"serviceName\": \"S1\"}}, \"traceID\": \"A\", \"spans\": [\n"
     "{\"traceID\": \"A\", \"spanID\": \"B\", \"operationName\": \"O\", \"references\": "
     "[{\"refType\": \"FOLLOWS_FROM\", \"traceID\": \"A\", \"spanID\": \"A\"}], \"startTime\": "
     "0, "
     "\"duration\": 1, \"processID\": \"S\"}]}",
     1,
     {"call server 1970-01-01T00:00:00.000000000Z", "id=<B> trace=<A> parent=<A> process=<S1> "
                                                    "peer=<S1> operation=<O>"}},
    /* Zipkin: one id for both ends */
    {"[{\"traceId\": \"t\", \"id\": \"2\", \"parentId\": \"1\", \"kind\": \"CLIENT\", "
     "\"name\": "
     "\"get\", \"timestamp\": 5, \"duration\": 3, \"localEndpoint\": {\"serviceName\": \"a\"}, "
     "\"remoteEndpoint\": {\"serviceName\": \"b\", \"ipv4\": \"10.0.0.1\"}, \"tags\": "
     "{\"http.method\": \"GET\", \"error\": \"true\"}},\n {\"traceId\": \"t\", \"id\": \"2\", "
     "\"parentId\": \"1\", \"kind\": \"SERVER\", \"name\": \"get\", \"timestamp\": 6, "
     "\"duration\": 1, \"localEndpoint\": {\"serviceName\": \"b\"}, \"shared\": true}]",
     2,
     {"call client 1970-01-01T00:00:00.000005000Z 1970-01-01T00:00:00.000005000Z "
      "1970-01-01T00:00:00.000008000Z 1970-01-01T00:00:00.000008000Z id=<2> trace=<t> "
      "parent=<1> process=<a> peer=<b> protocol=<http> operation=<get>",
      "call server 1970-01-01T00:00:00.000006000Z", "process=<b>", " error"}},
    /* lists of lists, as Zipkin's search answers */
    {"[[{\"traceId\": \"t\", \"id\": \"1\", \"timestamp\": 5}], [{\"traceId\": \"u\", \"id\": "
     "\"1\", \"timestamp\": 5}]]",
     2,
     {"id=<1> trace=<t> process=<unknown>", "id=<1> trace=<u> process=<unknown>"}},
    /* OTLP, a document a line; the resource may come last */
    {"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"host.name\",\"value\":{"
     "\"stringValue\":\"h\"}},{\"key\":\"service.name\",\"value\":{\"stringValue\":\"one\"}}]},"
     "\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":\"t\",\"spanId\":\"1\","
     "\"parentSpanId\":\"0000000000000000\",\"name\":\"x\",\"kind\":2,\"startTimeUnixNano\":"
     "\"7\",\"endTimeUnixNano\":\"9\",\"status\":{\"code\":2}}]}]}]}\n"
     "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"t\",\"spanId\":\"2\","
     "\"parentSpanId\":\"1\",\"name\":\"y\",\"kind\":\"SPAN_KIND_CLIENT\","
     "\"startTimeUnixNano\":\"7\",\"endTimeUnixNano\":\"8\",\"attributes\":[{\"key\":"
     "\"http.response.status_code\",\"value\":{\"intValue\":\"404\"}}]}]}],\"resource\":{"
     "\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"two\"}}]}}]}\n",
     2,
     {"call server 1970-01-01T00:00:00.000000007Z 1970-01-01T00:00:00.000000007Z "
      "1970-01-01T00:00:00.000000009Z 1970-01-01T00:00:00.000000009Z id=<1> trace=<t> "
      "process=<one> operation=<x>",
      " error", "call client ",
      "id=<2> trace=<t> parent=<1> process=<two> protocol=<http> "
      "operation=<y> status=<404>"}},
    /* resources inside of other objects; one that names no service; Tempo's name for them */
    {"{\"result\":{\"trace\":{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":"
     "\"service.name\",\"value\":{\"stringValue\":\"one\"}}]},\"scopeSpans\":[{\"spans\":[{"
     "\"traceId\":\"t\",\"spanId\":\"1\",\"startTimeUnixNano\":\"7\"}]}]},{\"scopeSpans\":[{"
     "\"spans\":[{\"traceId\":\"t\",\"spanId\":\"2\",\"startTimeUnixNano\":\"7\"}]}]},{"
     "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"t\",\"spanId\":\"3\",\"startTimeUnixNano\":"
     "\"7\"}]}],\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
     "\"stringValue\":\"three\"}}]}}]}}}\n{\"more\":{\"batches\":[{\"scopeSpans\":[{\"spans\":"
     "[{\"traceId\":\"t\",\"spanId\":\"4\",\"startTimeUnixNano\":\"7\"}]}]},{\"resource\":{"
     "\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"five\"}}]},"
     "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"t\",\"spanId\":\"5\",\"startTimeUnixNano\":"
     "\"7\"}]}]}]}}",
     5,
     {"id=<1> trace=<t> process=<one>", "id=<2> trace=<t> process=<unknown>",
      "id=<3> trace=<t> process=<three>", "id=<4> trace=<t> process=<unknown>"}},
    /* a list of what is no spans: each is told of; documents are looked into */
    {"[{\"traceId\": \"t\", \"id\": \"1\", \"message\": \"a\"}, {\"spans\": [{\"traceID\": "
     "\"t\", \"spanID\": \"2\", \"startTime\": 1}]}]",
     1,
     {"finding traces.span", "id=<2> trace=<t>"}},
    /* brackets that do not match end the walk; deeper ones than are watched do */
    {"{\"spans\":[{\"traceID\":\"t\",\"spanID\":\"2\",\"startTime\":1}]}\n{]{]{\"spans\":[{"
     "\"traceID\":\"t\",\"spanID\":\"3\",\"startTime\":1}]}",
     1,
     {"id=<2> trace=<t>", "finding traces.bracket"}},
    {"{\"a\":" NEST(NEST(NEST("[")))
         NEST(NEST(NEST("]"))) "}{\"spans\":[{\"traceID\":\"t\","
                               "\"spanID\":\"2\",\"startTime\":1}]}",
     1,
     {"id=<2> trace=<t>"}},
    /* times with which nothing can be reckoned */
    {"{\"spans\":[{\"traceId\":\"t\",\"spanId\":\"1\",\"startTimeUnixNano\":\"-"
     "9223372036854775000\"},"
     "{\"traceId\":\"t\",\"spanId\":\"2\",\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":"
     "\"5\"},"
     "{\"traceId\":\"t\",\"spanId\":\"3\",\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":"
     "\"9223372036854775807\"}]}",
     1,
     {"id=<2> trace=<t>", "finding traces.span"}},
    /* a span without start, and one that is cut off */
    {"{\"spans\":[{\"traceID\":\"t\",\"spanID\":\"1\"},{\"traceID\":\"t\",\"spanID\":\"2\","
     "\"startTime\":1,\"duration\":1},{\"traceID\":\"t\",\"spanID\":\"3\",\"startTime\":1",
     1,
     {"id=<2> trace=<t>", "finding traces.span", "finding traces.end"}},
};

static guint
count_lines(const char *text, const char *begin)
{
    guint count = 0;
    /* Not g_strsplit(): under AddressSanitizer each of its searches measures all that is left.
     */
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        count += strncmp(line, begin, strlen(begin)) == 0 ? 1 : 0;
    }
    return count;
}

START_TEST(reads_spans)
{
    const Row *row = &rows[_i];
    g_autofree char *text = log_sink_of("traces", &context, row->text);
    ck_assert_msg(count_lines(text, "call ") == row->spans, "%s", text);
    log_sink_check_has(text, row->expected, G_N_ELEMENTS(row->expected));
}
END_TEST

START_TEST(cuts_change_nothing)
{
    log_sink_check_cuts("traces", &context, rows[_i].text);
}
END_TEST

START_TEST(recognises_its_layouts_only)
{
    const LampReader *reader = lamp_reader_find("traces");
    for (gsize i = 0; i + 1 < G_N_ELEMENTS(rows); i++)
        if (i < 3 || i == 4)
            ck_assert_uint_ge(reader->probe(lamp_bytes_text(rows[i].text), "x"), 90);
    ck_assert_uint_eq(
        reader->probe(lamp_bytes_text("{\"traceId\":\"a\",\"id\":1,\"timestamp\":5}\n"), "x"),
        0);
}
END_TEST

/* Few spans with long names wait no longer than many with short ones. */
START_TEST(bounds_what_waits_in_bytes)
{
    const guint spans = 1100;
    g_autofree char *name = g_strnfill(65000, 'n');
    g_autoptr(GString) text = g_string_new("{\"spans\":[");
    for (guint i = 0; i < spans; i++)
        g_string_append_printf(text,
                               "%s{\"traceID\":\"t\",\"spanID\":\"%u\",\"startTime\":1,"
                               "\"processID\":\"%s\"}",
                               i > 0 ? "," : "", i, name);
    g_string_append(text, "]}");
    g_autofree char *out = log_sink_of("traces", &context, text->str);
    ck_assert_uint_eq(count_lines(out, "call "), spans);
    ck_assert_uint_eq(count_lines(out, "finding limit.TRACE"), 1);
}
END_TEST

/* What is known of its service need not wait for the end of its resource. */
START_TEST(many_spans_of_one_resource_are_told_at_once)
{
    const guint spans = 70000;
    g_autoptr(GString) text = g_string_new(
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
        "\"value\":{\"stringValue\":\"s\"}}]},\"scopeSpans\":[{\"spans\":[");
    for (guint i = 0; i < spans; i++)
        g_string_append_printf(
            text, "%s{\"traceId\":\"t\",\"spanId\":\"%u\",\"startTimeUnixNano\":\"7\"}",
            i > 0 ? "," : "", i);
    g_string_append(text, "]}]}]}");
    g_autofree char *out = log_sink_of("traces", &context, text->str);
    ck_assert_uint_eq(count_lines(out, "call "), spans);
    ck_assert_uint_eq(count_lines(out, "finding"), 0);
}
END_TEST

START_TEST(leaves_logs_to_others)
{
    static const char *const logs[] = {
        "[2026-01-01 00:00:00] {\"traceId\":\"a\",\"id\":1,\"timestamp\":5,\"kind\":1}\n",
        "[INFO] {\"traceId\":\"a\",\"id\":1,\"timestamp\":5,\"localEndpoint\":{}}\n",
        "[{\"traceId\":\"a\",\"id\":1,\"timestamp\":5,\"message\":\"m\"}]\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(logs); i++)
        ck_assert_uint_eq(lamp_reader_find("traces")->probe(lamp_bytes_text(logs[i]), "x"), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("traces");
    TCase *tests = tcase_create("traces");
    tcase_add_loop_test(tests, reads_spans, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, cuts_change_nothing, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, recognises_its_layouts_only);
    tcase_add_test(tests, bounds_what_waits_in_bytes);
    tcase_add_test(tests, many_spans_of_one_resource_are_told_at_once);
    tcase_add_test(tests, leaves_logs_to_others);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
