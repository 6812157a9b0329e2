/* Real logs from the test sets of other projects: the reader that is chosen, how many records,
 * and the fields of some lines. Skipped where the sets are absent. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

#include <stdio.h>

#define ROOT "../shared/data/public/"

typedef struct {
    const char *path, *reader;
    guint records, rejected;
    const char *expected[8];
} Sample;

static const Sample samples[] = {
    {"darold+pgbadger/weeknumber.log",
     "postgresql-csv",
     6,
     0,
     {"service=<postgresql> process=<77962> severity=<info> message=<duration: 0.576 ms",
      "{user=foobar}", "{client=10.200.48.82:39364}", "{param.1=foo.bar}",
      "call server 2021-01-01T07:13:44.119424000Z - - 2021-01-01T07:13:44.120000000Z"}},
    {"darold+pgbadger/csv_statement_without_duration.log",
     "postgresql-csv",
     2,
     0,
     {"{application=example app}", "process=<1001>", "{duration_ms=688786.283}",
      "- - 2026-05-16T05:11:50.269000000Z"}},
    {"darold+pgbadger/multiline_param.log", "postgresql", 8, 0, {"{user=user1}", "{db=mydb}"}},
    {"darold+pgbadger/pg_rawcsv.log",
     "postgresql",
     9,
     0,
     {"severity=<fatal>", "{STATEMENT=SELECT TO_DATE('311299999','DDMMYYYYY');}"}},
    {"percona+percona-toolkit/slowlogs/slow006.txt",
     "mysql-slow",
     6,
     0,
     {"2007-12-18T11:48:27.000000000Z", "message=<SELECT col FROM foo_tbl;>",
      "{Query_time=0.000012}", "{Thread_id=10}"}},
    {"tstack+lnav/logfile_mysql_slow.0",
     "mysql-slow",
     6,
     0,
     {"process=<2>", "{user=owncloud}", "{Rows_sent=268}", "{Query_time=0.011853}"}},
    {"tstack+lnav/logfile_access_log_dupe.0",
     "access",
     3,
     0,
     {"2009-07-20T22:59:26.000000000Z", "{client=192.168.202.254}", "{status=404}",
      "{bytes_sent=46210}", "{user_agent=gPXE/0.9.7}"}},
    {"tstack+lnav/logfile_caddy_log.0",
     "application",
     39,
     0,
     {"2025-10-21T04:10:22.315275700Z", "service=<caddy>", "severity=<info>",
      "message=<maxprocs: Leaving GOMAXPROCS=12: CPU quota undefined>"}},
    {"tstack+lnav/logfile_mongodb.0",
     "jsonl",
     3,
     0,
     {"2026-03-10T20:58:09.401000000Z", "service=<NETWORK>", "thread=<listener>",
      "{attr.remote=10.29.42.162:56982}", "{attr.connectionId=162095}"}},
    {"tstack+lnav/logfile_pino.0",
     "jsonl",
     1,
     0,
     {"2025-04-24T22:08:37.537000000Z", "host=<7d82d3f28bad> service=<payment> process=<17>",
      "{trace_id=c759f29f5f1e2162be56f32dd1e77fce}"}},
    {"tstack+lnav/logfile_cloudflare.json",
     "jsonl",
     1,
     0,
     {"2022-10-30T00:00:02.000000000Z", "{ClientIP=87.226.160.250}", "{EdgeResponseStatus=301}",
      "{ClientRequestMethod=HEAD}"}},
    {"tstack+lnav/logfile_rust_tracing.0",
     "jsonl",
     5,
     0,
     {"2025-10-28T19:15:10.821315000Z", "severity=<info> message=<preparing to shave yaks>",
      "{fields.number_of_yaks=3}"}},
    {"tstack+lnav/logfile_spark.0",
     "application",
     399,
     0,
     {"2017-06-09T20:10:40.000000000Z", "service=<executor.CoarseGrainedExecutorBackend>",
      "message=<Registered signal handlers for [TERM, HUP, INT]>"}},
    {"tstack+lnav/logfile_postgres.2",
     "postgresql",
     2,
     0,
     {"2025-08-16T11:02:58.095000000Z", "process=<885178> severity=<error>",
      "message=<invalid input syntax for type json at character 61>",
      "{DETAIL=Token \"'\" is invalid.}"}},
    {"tstack+lnav/logfile_syslog.1",
     "syslog",
     4,
     0,
     {"host=<veridian> service=<automount> process=<7998>",
      "message=<lookup(file): lookup for foobar failed>"}},
    {"tstack+lnav/logfile_logfmt.0",
     "logfmt",
     5,
     0,
     {"2021-09-15T21:17:10.220731000Z", "severity=<error> message=<error retrieving pod status",
      "{namespace=inc-1-enh-domain-c14-ns-2}"}},
};

static const LampReader *
choose(LampBytes head, const char *path)
{
    const LampReader *best = NULL;
    guint most = 0;
    for (gsize i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(head, path);
        if (score > most) {
            most = score;
            best = lamp_readers[i];
        }
    }
    return best;
}

static guint
count_lines(const char *text, const char *begin)
{
    guint count = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++)
        count += g_str_has_prefix(lines[i], begin) ? 1 : 0;
    return count;
}

START_TEST(test_sample)
{
    const Sample *sample = &samples[_i];
    const LampSourceContext context = {.path = sample->path,
                                       .modified = 1795305600 * LAMP_NS_PER_SECOND};
    g_autofree char *path = g_strconcat(ROOT, sample->path, NULL);
    g_autofree char *content = NULL;
    gsize length = 0;
    if (!g_file_get_contents(path, &content, &length, NULL)) {
        fprintf(stderr, "skipped: %s is absent\n", path);
        return;
    }
    const LampReader *reader = choose(lamp_bytes(content, MIN(length, 65536)), path);
    ck_assert_msg(reader != NULL, "%s: no reader", sample->path);
    ck_assert_msg(g_str_equal(reader->name, sample->reader), "%s: %s", sample->path,
                  reader->name);
    LogSink s;
    log_sink_begin(&s);
    log_sink_read(&s, reader, &context, lamp_bytes(content, length), G_MAXSIZE / 2);
    ck_assert_msg(count_lines(s.text->str, "event ") == sample->records, "%s: %u records",
                  sample->path, count_lines(s.text->str, "event "));
    ck_assert_msg(count_lines(s.text->str, "finding log.line") == sample->rejected, "%s:\n%s",
                  sample->path, s.text->str);
    for (gsize i = 0; i < G_N_ELEMENTS(sample->expected) && sample->expected[i] != NULL; i++)
        ck_assert_msg(strstr(s.text->str, sample->expected[i]) != NULL, "%s: missing %s in\n%s",
                      sample->path, sample->expected[i], s.text->str);
    g_string_free(s.text, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("logs-public");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_sample, 0, G_N_ELEMENTS(samples));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
