/* JSON over several lines and in lists: whose file it is, what is left out, and what it costs
 * where brackets do not match. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.json"};

#define TIMED(text) "{\"time\":\"2026-11-21T09:11:53Z\",\"msg\":\"" text "\"}"

static const char *
reader_of(const char *text)
{
    LampBytes head = lamp_bytes_text(text);
    guint json = lamp_reader_find("json")->probe(head, "x");
    guint lines = lamp_reader_find("jsonl")->probe(head, "x");
    return json > lines ? "json" : "jsonl";
}

/* The first of the lines need not have a time; answers of log stores may be one a line. */
START_TEST(leaves_lines)
{
    static const struct {
        const char *text, *reader;
    } rows[] = {
        {"{\"msg\":\"starting\"}\n{\"msg\":\"listening\"}\n" TIMED("a") "\n", "jsonl"},
        {"{\"metric\":\"m\",\"data\":{\"type\":\"counter\"}}\n\n"
         "{\"metric\":\"m\",\"data\":{\"time\":\"2026-11-21T09:11:53Z\"}}\n",
         "jsonl"},
        {"{\"events\":[" TIMED("a") "]}\n{\"events\":[" TIMED("b") "]}\n", "json"},
        {"{\"msg\":\"starting\"}\n[" TIMED("a") "]\n", "json"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_str_eq(reader_of(rows[i].text), rows[i].reader);
}
END_TEST

/* A document that is longer than the head of a file of which the reader is told. */
START_TEST(knows_long_documents)
{
    g_autoptr(GString) text = g_string_new("{\"took\":3,\"hits\":{\"hits\":[");
    while (text->len < 70000)
        g_string_append(text, "{\"_id\":\"1\",\"_source\":" TIMED("a") "},");
    g_string_truncate(text, 65536);
    ck_assert_str_eq(reader_of(text->str), "json");
}
END_TEST

typedef struct {
    const char *text;
    guint events, findings;
    guint64 rejected; /* bytes */
    const char *expected;
} Row;

static const Row rows[] = {
    {"[{\"msg\":\"a\",\"x\":[{},{}]}, {\"msg\":\"b\"}, " TIMED("c") ",{\"msg\":\"d\"}]", 2, 2,
     38, "finding json.time @1"},
    {TIMED("a") "\n{\"msg\":\"b\"}\n" TIMED("c") "\n", 2, 1, 12, "finding json.time @42"},
    {"{\"shards\":[{\"x\":1}],\"hits\":[" TIMED("a") "]}", 1, 0, 0, ""},
    {"{\"hits\":[{\"_source\":" TIMED("a") "},{\"_source\":" TIMED("b") "}]}", 2, 0, 0, ""},
    {"[" TIMED("a") ",{]" TIMED("b") "]", 1, 1, 42, "finding json.bracket @44"},
};

START_TEST(tells_what_is_left_out)
{
    const Row *row = &rows[_i];
    LogSink s;
    log_sink_begin(&s);
    log_sink_read(&s, lamp_reader_find("json"), &context, lamp_bytes_text(row->text), 1 << 20);
    ck_assert_msg(s.events == row->events, "%s", s.text->str);
    ck_assert_msg(s.findings == row->findings, "%s", s.text->str);
    ck_assert_msg(s.rejected_bytes == row->rejected, "%s", s.text->str);
    ck_assert_msg(strstr(s.text->str, row->expected) != NULL, "%s", s.text->str);
    g_string_free(s.text, TRUE);
}
END_TEST

START_TEST(cuts_change_nothing)
{
    log_sink_check_cuts("json", &context, rows[_i].text);
}
END_TEST

static const struct {
    const char *reader, *begin, *piece;
} hostile[] = {
    {"json", "[" TIMED("a") ",", "{]"},
    {"json", "[" TIMED("a") ",", "{\"a\":[{"},
    {"otlp-logs", "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[", "{]"},
    {"otlp-logs", "{\"resourceLogs\":[", "{\"resource\":{\"resourceLogs\":["},
};

/* Seconds to minutes where every bracket costs a look at all that follows. */
START_TEST(takes_linear_time)
{
    g_autoptr(GString) text = g_string_new(hostile[_i].begin);
    while (text->len < 512 * 1024)
        g_string_append(text, hostile[_i].piece);
    LogSink s;
    log_sink_begin(&s);
    gint64 begun = g_get_monotonic_time();
    log_sink_read(&s, lamp_reader_find(hostile[_i].reader), &context,
                  lamp_bytes(text->str, text->len), 1 << 20);
    ck_assert_int_lt(g_get_monotonic_time() - begun, G_USEC_PER_SEC);
    ck_assert_uint_eq(s.findings, 1);
    g_string_free(s.text, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json-documents");
    TCase *tests = tcase_create("json-documents");
    tcase_add_test(tests, leaves_lines);
    tcase_add_test(tests, knows_long_documents);
    tcase_add_loop_test(tests, tells_what_is_left_out, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, cuts_change_nothing, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, takes_linear_time, 0, G_N_ELEMENTS(hostile));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
