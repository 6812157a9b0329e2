/* Imported spans and joins, through the reader's own interface. */
#include "ingest/readers.h"
#include "tests/unit/suite.h"

typedef struct {
    GString *seen;
    guint findings;
} Heard;

static void
hear_span(gpointer owner, const LampObservationRow *row)
{
    Heard *heard = owner;
    g_string_append_printf(
        heard->seen,
        "%.*s %d %.*s>%.*s %.*s %" G_GINT64_FORMAT "+%" G_GINT64_FORMAT " r%" G_GINT64_FORMAT
        " v%u;",
        (int) row->external_id.len, (const char *) row->external_id.at, (int) row->role,
        (int) row->process.len, (const char *) row->process.at, (int) row->peer.len,
        row->peer.len > 0 ? (const char *) row->peer.at : "", (int) row->operation.len,
        row->operation.len > 0 ? (const char *) row->operation.at : "", row->request_first,
        row->response_last - row->request_first, row->resolution_ns, (guint) row->value_count);
    for (gsize i = 0; i < row->value_count; i++)
        g_string_append_printf(heard->seen, "%.*s=%.*s;", (int) row->values[i].slot.len,
                               (const char *) row->values[i].slot.at,
                               (int) row->values[i].value.len,
                               (const char *) row->values[i].value.at);
}

static void
hear_join(gpointer owner, const LampSpanJoinRow *row)
{
    Heard *heard = owner;
    g_string_append_printf(heard->seen, "%.*s=%.*s;", (int) row->client_external_id.len,
                           (const char *) row->client_external_id.at,
                           (int) row->server_external_id.len,
                           (const char *) row->server_external_id.at);
}

static void
hear_finding(gpointer owner, const LampFinding *finding G_GNUC_UNUSED)
{
    ((Heard *) owner)->findings++;
}

static void
hear_coverage(gpointer owner G_GNUC_UNUSED, guint64 offset G_GNUC_UNUSED,
              guint64 length G_GNUC_UNUSED, gboolean understood G_GNUC_UNUSED)
{
}

/* Reads @text; gives what was heard, caller frees. */
static char *
read_all(const char *text, guint *out_findings)
{
    Heard heard = {.seen = g_string_new(NULL)};
    LampSink sink = {.owner = &heard,
                     .observation = hear_span,
                     .span_join = hear_join,
                     .finding = hear_finding,
                     .coverage = hear_coverage};
    g_autofree gpointer state = g_malloc0(lamp_reader_spans.state_size);
    LampSourceContext context = {.path = "x.csv"};
    lamp_reader_spans.begin(state, &context);
    LampCursor in = lamp_cursor(lamp_bytes_text(text));
    lamp_reader_spans.step(state, &in, 0, TRUE, &sink);
    ck_assert_uint_eq(lamp_cursor_left(&in), 0);
    lamp_reader_spans.end(state, &sink);
    if (out_findings != NULL)
        *out_findings = heard.findings;
    return g_string_free(heard.seen, FALSE);
}

START_TEST(test_spans_with_evidence)
{
    g_autofree char *seen =
        read_all("span_id,process,kind,peer,operation,start_us,end_us,user\n"
                 "s1,web,server,client,\"GET /a, b\",1000,1500,u7\n"
                 "s2,web,client,db,Find,1100,1200,\n",
                 NULL);
    ck_assert_str_eq(seen, "s1 2 web>client GET /a, b 1000000+500000 r1000 v1;user=u7;"
                           "s2 1 web>db Find 1100000+100000 r1000 v0;");
}
END_TEST

START_TEST(test_joins)
{
    g_autofree char *seen = read_all("client_span_id,server_span_id\r\nc1,s1\r\nc2,s2", NULL);
    ck_assert_str_eq(seen, "c1=s1;c2=s2;");
}
END_TEST

START_TEST(test_wrong_lines_are_findings)
{
    guint findings;
    g_autofree char *seen =
        read_all("span_id,process,kind,start_ns,end_ns\n"
                 "s1,web,sideways,1,2\ns2,web,server,one,2\n,web,server,1,2\n\"s3\n"
                 "s4,web,server,5,9\n",
                 &findings);
    ck_assert_str_eq(seen, "s4 2 web>  5+4 r1 v0;");
    ck_assert_uint_eq(findings, 4);
}
END_TEST

/* Times that no clock tells would overflow in every later step. */
START_TEST(test_times_beyond_any_clock)
{
    guint findings;
    g_autofree char *seen = read_all("span_id,process,kind,start_ns,end_ns\n"
                                     "s1,web,server,-9223372036854775808,5\n"
                                     "s2,web,server,-9223372036854775807,9223372036854775807\n"
                                     "s3,web,server,0,9223372036854775807\n"
                                     "s4,web,server,9,5\n",
                                     &findings);
    ck_assert_str_eq(seen, "s4 2 web>  9+0 r1 v0;");
    ck_assert_uint_eq(findings, 3);
}
END_TEST

/* As spreadsheets write it: a byte order mark, capitals, semicolons. */
START_TEST(test_spreadsheet)
{
    guint findings;
    const char *text = "\xef\xbb\xbfSpan ID;Process;Kind;Start_NS;End-ns;Order\r\n"
                       "s1;web;Server;1;2;7\r\n\"s2\";\"a;b\";CLIENT;5;9;\r\n";
    g_autofree char *seen = read_all(text, &findings);
    ck_assert_str_eq(seen, "s1 2 web>  1+1 r1 v1;Order=7;s2 1 a;b>  5+4 r1 v0;");
    ck_assert_uint_eq(findings, 0);
    ck_assert_uint_ge(lamp_reader_spans.probe(lamp_bytes_text(text), "a"), 90);
    g_autofree char *tabs = read_all("span_id\tprocess\tkind\tstart_ns\tend_ns\tstatus\n"
                                     "s1\tweb\tserver\t1\t2\t\n",
                                     &findings);
    ck_assert_str_eq(tabs, "s1 2 web>  1+1 r1 v0;");
    ck_assert_uint_eq(findings, 0);
}
END_TEST

/* A header that is none is told once, not for each line. */
START_TEST(test_wrong_header_is_told_once)
{
    guint findings;
    g_autofree char *seen = read_all("id,process,kind,begin,end\na,b,server,1,2\n", &findings);
    ck_assert_str_eq(seen, "");
    ck_assert_uint_eq(findings, 1);
}
END_TEST

START_TEST(test_probe_wants_the_columns)
{
    const char *spans = "span_id,process,kind,start_us,end_us\n";
    const char *other = "host,ip,port\n";
    ck_assert_uint_ge(lamp_reader_spans.probe(lamp_bytes_text(spans), "a"), 90);
    ck_assert_uint_eq(lamp_reader_spans.probe(lamp_bytes_text(other), "a"), 0);
    ck_assert_uint_eq(lamp_reader_spans.probe(lamp_bytes(NULL, 0), "a"), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reader-spans");
    TCase *tc = tcase_create("reader-spans");
    tcase_add_test(tc, test_spans_with_evidence);
    tcase_add_test(tc, test_joins);
    tcase_add_test(tc, test_wrong_lines_are_findings);
    tcase_add_test(tc, test_times_beyond_any_clock);
    tcase_add_test(tc, test_spreadsheet);
    tcase_add_test(tc, test_wrong_header_is_told_once);
    tcase_add_test(tc, test_probe_wants_the_columns);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
