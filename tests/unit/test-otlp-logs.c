/* OpenTelemetry's logs in JSON: records of several resources, however the bytes are cut. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.json"};

typedef struct {
    const char *text;
    guint events;
    const char *expected[4];
} Row;

#define RESOURCE(name)                                                                    \
    "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":" \
    "\"" name "\"}}]}"
#define RECORDS(list) "\"scopeLogs\":[{\"scope\":{},\"logRecords\":[" list "]}]"
#define RECORD(time, body) \
    "{\"timeUnixNano\":\"" time "\",\"body\":{\"stringValue\":\"" body "\"}}"

static const Row rows[] = {
    /* two resources, the second without a name; two documents */
    {"{\"resourceLogs\":[{" RESOURCE("one") "," RECORDS(RECORD("7", "a") "," RECORD(
         "8", "b")) "},"
                    "{" RECORDS(RECORD("9", "c")) "}]}\n{\"resourceLogs\":[{" RESOURCE(
                        "two") "," RECORDS(RECORD("10", "d")) "}]}\n",
     4,
     {"000000007Z ~1 service=<one> message=<a>", "000000008Z ~1 service=<one> message=<b>",
      "000000009Z ~1 message=<c>", "000000010Z ~1 service=<two> message=<d>"}},
    /* a call told by attributes; severity by number; observed time where no other is known */
    {"{\"resourceLogs\":[{" RESOURCE("web") "," RECORDS(
         "{\"timeUnixNano\":\"0\",\"observedTimeUnixNano\":\"5000000000\",\"severityNumber\":"
         "13,"
         "\"attributes\":[{\"key\":\"http.request.method\",\"value\":{\"stringValue\":\"GET\"}}"
         ","
         "{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/a\"}},{\"key\":\"duration_ms\","
         "\"value\":{\"intValue\":\"20\"}}]}") "}]}",
     1,
     {"1970-01-01T00:00:05.000000000Z ~1 service=<web> severity=<warn>",
      "call server 1970-01-01T00:00:04.980000000Z - - 1970-01-01T00:00:05.000000000Z",
      "operation=<GET /a>"}},
    /* records without a time, brackets that do not match, an end that is missing */
    {"{\"resourceLogs\":[{" RECORDS("{\"body\":{\"stringValue\":\"x\"}}," RECORD(
         "7", "a")) "}]}"
                    "]{\"resourceLogs\":[{" RECORDS(RECORD("8", "b")) "}]}",
     1,
     {"finding otlp-logs.record", "message=<a>", "finding otlp-logs.bracket"}},
    {"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[" RECORD("7", "a \\\"{") ",{\"tim",
     1,
     {"message=<a \"{>", "finding otlp-logs.end"}},
};

START_TEST(reads_records)
{
    const Row *row = &rows[_i];
    LogSink s;
    log_sink_begin(&s);
    log_sink_read(&s, lamp_reader_find("otlp-logs"), &context, lamp_bytes_text(row->text),
                  1 << 20);
    ck_assert_msg(s.events == row->events, "%s", s.text->str);
    log_sink_check_has(s.text->str, row->expected, G_N_ELEMENTS(row->expected));
    g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(cuts_change_nothing)
{
    log_sink_check_cuts("otlp-logs", &context, rows[_i].text);
}
END_TEST

START_TEST(is_recognised)
{
    ck_assert_uint_ge(
        lamp_reader_find("otlp-logs")->probe(lamp_bytes_text(rows[0].text), "x.json"), 90);
    ck_assert_uint_lt(lamp_reader_find("jsonl")->probe(lamp_bytes_text(rows[0].text), "x.json"),
                      90);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("otlp-logs");
    TCase *tests = tcase_create("otlp-logs");
    tcase_add_loop_test(tests, reads_records, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, cuts_change_nothing, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, is_recognised);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
