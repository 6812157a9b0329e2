/* Each log format: the fields of its lines, and that cutting the bytes changes nothing. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

/* One line (or more) of a format and texts that what is made of it must hold. */
typedef struct {
    const char *reader, *text;
    const char *expected[12];
} Row;

static const Row rows[] = {
    {"access",
     "10.77.0.10 - bob [21/Nov/2026:09:11:53 +0100] \"GET /product/SKU-1000 HTTP/1.1\" 200 122 "
     "\"-\" "
     "\"curl\" rt=0.104 uct=0.001 uht=0.104 urt=0.104 ua=10.77.0.30:8080 rid=9ed8b213b733bb91",
     {"2026-11-21T08:11:53.000000000Z ~1000000000", "{user=bob}", "{user_agent=curl}",
      "call server 2026-11-21T08:11:52.896000000Z - - 2026-11-21T08:11:53.000000000Z",
      "operation=<GET /product/{}> status=<200> client=10.77.0.10:0", "{path.2=SKU-1000}",
      "{rid=9ed8b213b733bb91} bytes=122", "server=10.77.0.30:8080"}},
    {"access",
     "10.0.0.1 - - [21/Nov/2026:09:11:53 +0000] \"GET / HTTP/1.1\" 502 0 \"-\" \"c\" rt=3.010 "
     "urt=2.000, 1.000 ua=10.0.0.2:80, 10.0.0.3:80 us=504, 502",
     {"call client 2026-11-21T09:11:50.000000000Z - - 2026-11-21T09:11:52.000000000Z",
      "call client 2026-11-21T09:11:52.000000000Z - - 2026-11-21T09:11:53.000000000Z",
      "status=<504> server=10.0.0.2:80", "status=<502> server=10.0.0.3:80"}},
    {"access",
     "www.a.example:443 ::1 - - [21/Nov/2026:09:11:53 +0000] \"GET /x HTTP/2.0\" 404 - ",
     {"{vhost=www.a.example:443}", "{status=404}", "{request=GET /x HTTP/2.0}"}},
    {"access",
     "1.2.3.4 - - [21/Nov/2026:09:11:53 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" 1500",
     {"call server 2026-11-21T09:11:53.000000000Z - - 2026-11-21T09:11:53.001500000Z"}},
    {"haproxy",
     "10.77.0.20:44554 [21/Nov/2026:09:11:53.737] fe be/shop1 1/2/3/102/109 200 265 - - ---- "
     "1/1/0/0/0 0/0 {9ed8b213} \"GET /product/7 HTTP/1.1\"",
     {"call server 2026-11-21T09:11:53.737000000Z 2026-11-21T09:11:53.738000000Z "
      "2026-11-21T09:11:53.845000000Z 2026-11-21T09:11:53.846000000Z",
      "client=10.77.0.20:44554", "{captured_request=9ed8b213}",
      "call client 2026-11-21T09:11:53.743000000Z", "server=shop1:0"}},
    {"haproxy",
     "10.0.0.1:5 [21/Nov/2026:09:11:53.737] fe fe/<NOSRV> -1/-1/-1/-1/10 400 187 - - PR-- "
     "1/1/0/0/0 0/0 \"<BADREQ>\"",
     {"{status=400}", "{termination_state=PR--}"}},
    {"jsonl",
     "{\"level\":30,\"time\":1795252312090,\"pid\":7,\"hostname\":\"shop1\",\"reqId\":\"ab12\","
     "\"req\":{\"method\":\"GET\",\"url\":\"/a\\u0041/9\"},\"res\":{\"statusCode\":200},"
     "\"responseTime\":10.5,\"msg\":\"request \\\"completed\\\"\",\"list\":[1,{\"a\":\"]\"}]}",
     {"2026-11-21T09:11:52.090000000Z ~1000000 host=<shop1> process=<7> severity=<info> "
      "message=<request \"completed\">",
      "{reqId=ab12}", "{req.method=GET}", "{req.url=/aA/9}", "{list=[1,{\"a\":\"]\"}]}",
      "call server 2026-11-21T09:11:52.079500000Z", "operation=<GET /aA/{}> status=<200>"}},
    {"jsonl",
     "{\"level\":\"info\",\"ts\":1795252312.09,\"msg\":\"finished unary call\","
     "\"grpc.service\":\"shop.v1.Catalog\",\"grpc.method\":\"Search\","
     "\"grpc.code\":\"Unavailable\",\"grpc.time_ms\":20.5}",
     {"call server 2026-11-21T09:11:52.069500000Z", "grpc", "error",
      "operation=<POST /shop.v1.Catalog/Search> status=<Unavailable>", "{grpc.method=Search}"}},
    {"jsonl",
     "{\"@timestamp\":\"2026-11-21T09:11:52.1Z\",\"log.level\":\"WARN\",\"message\":\"x\"}",
     {"2026-11-21T09:11:52.100000000Z ~100000000", "severity=<warn> message=<x>"}},
    {"jsonl",
     "{\"instant\":{\"epochSecond\":1795252312,\"nanoOfSecond\":5},\"message\":\"x\"}",
     {"2026-11-21T09:11:52.000000005Z ~1 "}},
    {"jsonl",
     "{\"timestamp\":\"2026-11-21 09:11:52.100 UTC\",\"pid\":7,\"error_severity\":\"LOG\","
     "\"message\":\"duration: 2.000 ms  statement: SELECT 1\",\"backend_type\":\"b\"}",
     {"process=<7> severity=<info>",
      "call server 2026-11-21T09:11:52.098000000Z - - 2026-11-21T09:11:52.100000000Z",
      "protocol=<postgresql> operation=<SELECT ?>"}},
    {"postgresql-csv",
     "2026-11-21 09:11:52.100 UTC,\"shop\",\"db\",7,\"10.0.0.5:5432\",64a1.3e9,1,\"SELECT\","
     "2026-11-21 09:00:00 UTC,1/1,0,LOG,00000,\"duration: 2.000 ms  execute s1: SELECT a\nFROM "
     "\"\"b, c\"\" WHERE i = $1\",\"parameters: $1 = 'x7y8'\",,,,,,,,\"web\",\"client "
     "backend\",0",
     {"process=<7> severity=<info>", "{user=shop}", "{database=db}", "{param.1=x7y8}",
      "{application=web}",
      "message=<duration: 2.000 ms  execute s1: SELECT a\nFROM \"b, c\" WHERE i = $1>",
      "call server 2026-11-21T09:11:52.098000000Z - - 2026-11-21T09:11:52.100000000Z",
      "protocol=<postgresql> operation=<SELECT a FROM", "client=10.0.0.5:5432"}},
    {"postgresql-csv",
     "2026-11-21 09:11:52.100 "
     "UTC,\"shop\",\"db\",7,\"[local]\",64a1.3e9,1,\"SELECT\",2026-11-21 "
     "09:00:00 UTC,1/1,0,ERROR,42P01,\"relation \"\"a\"\" does not exist\",,,,,,\"SELECT * "
     "FROM "
     "a\",15,,\"\",\"client backend\",0",
     {"severity=<error>", "{client=[local]}", "{sqlstate=42P01}", "{STATEMENT=SELECT * FROM a}",
      "message=<relation \"a\" does not exist>"}},
    {"mysql-general",
     "2026-11-21T09:11:52.100000Z\t   42 Connect\tshop@10.0.0.5 on db using TCP/IP\n"
     "2026-11-21T09:11:53.100000Z\t   42 Query\tSELECT a\nFROM b",
     {"2026-11-21T09:11:52.100000000Z ~1000 service=<mysql> process=<42>", "{command=Connect}",
      "{user=shop}", "{client=10.0.0.5}", "{command=Query}", "message=<SELECT a\nFROM b>"}},
    {"mysql-general",
     "261121  9:11:52\t   42 Init DB\tshop\n\t\t   42 Quit\t\n",
     {"2026-11-21T09:11:52.000000000Z ~1000000000 service=<mysql> process=<42> "
      "message=<shop>",
      "{command=Init DB}", "{command=Quit}"}},
    {"logfmt",
     "ts=2026-11-21T09:11:53.240287Z level=info pid=1 thread=2 msg=\"cart \\\"read\\\"\" "
     "method=GET path=/carts/u1 status=200 dur_ms=42.58",
     {"2026-11-21T09:11:53.240287000Z ~1000 process=<1> thread=<2> severity=<info>",
      "message=<cart \"read\">", "call server 2026-11-21T09:11:53.197707000Z",
      "operation=<GET /carts/{}>"}},
    {"syslog",
     "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed on /dev/pts/8",
     {"2026-10-11T22:14:15.000000000Z ~1000000000 host=<mymachine> service=<su> process=<12> "
      "severity=<fatal> message=<'su root' failed on /dev/pts/8>"}},
    {"syslog",
     "<165>1 2026-10-11T22:14:15.003Z h app 8 ID47 [ex@1 iut=\"3\" s=\"a\\]b\"] "
     "\xef\xbb\xbfHello",
     {"2026-10-11T22:14:15.003000000Z ~1000000 host=<h> service=<app> process=<8> "
      "severity=<notice> message=<Hello>",
      "{msgid=ID47} {iut=3} {s=a\\]b}"}},
    {"syslog", "Dec 31 23:59:59 h cron[1]: run", {"2025-12-31T23:59:59.000000000Z"}},
    {"syslog",
     "Nov 21 09:11:58 pay1 pay[5]: info [edf08c0c5f52233a] completed method=POST "
     "path=/payments status=201 dur_ms=164.94",
     {"severity=<info> message=<completed", "{id=edf08c0c5f52233a}",
      "call server 2026-11-21T09:11:57.835060000Z"}},
    {"syslog",
     "Nov 21 09:11:58 h a[5]: {\"level\":\"error\",\"msg\":\"deep\"}",
     {"host=<h> service=<a> process=<5> severity=<error> message=<deep>"}},
    {"application",
     "2026-11-21 09:11:52,671 INFO  [http-exec-0] [rid=9e] c.acme.A - stock low=5",
     {"2026-11-21T09:11:52.671000000Z ~1000000 service=<c.acme.A> thread=<http-exec-0> "
      "severity=<info> message=<stock low=5> {rid=9e} {low=5}"}},
    {"application",
     "2026-11-21 09:11:52,291 - reco - INFO - [11765:Thread-1] (9ed8b213b733bb91) hi",
     {"service=<reco> process=<11765> thread=<Thread-1> severity=<info> message=<hi>",
      "{id=9ed8b213b733bb91}"}},
    {"application",
     "[2026-11-21T09:11:58.873+00:00] [INFO] [11779/1] queued message",
     {"process=<11779> thread=<1> severity=<info> message=<queued message>"}},
    {"application",
     "11672:C 21 Nov 2026 09:11:44.430 # Configuration loaded",
     {"2026-11-21T09:11:44.430000000Z",
      "process=<11672> severity=<warn> message=<Configuration"}},
    {"application",
     "2026/11/21 09:11:49 [notice] 11794#12: *3 start",
     {"process=<11794> thread=<12> severity=<notice> message=<*3 start>"}},
    {"application",
     "I1121 09:11:52.123456   77 file.go:12] ready",
     {"2026-11-21T09:11:52.123456000Z ~1000 service=<file.go:12> process=<77> severity=<info> "
      "message=<ready>"}},
    {"application",
     "2026-11-21 09:11:52,671 ERROR [main] a.B - failed\njava.lang.X: no\n\tat a.B(B.java:1)\n"
     "2026-11-21 09:11:53,000 INFO [main] a.B - next",
     {"event @0+84 ", "message=<failed\njava.lang.X: no\n\tat a.B(B.java:1)>",
      "message=<next>"}},
    {"postgresql",
     "2026-11-21 09:11:55.792 UTC [11808] 10.77.0.51(34814) catalog LOG:  duration: 0.250 ms  "
     "parse <unnamed>: SELECT name FROM item_by_sku($1)\n"
     "2026-11-21 09:11:55.812 UTC [11808] 10.77.0.51(34814) catalog LOG:  duration: 18.000 ms  "
     "execute <unnamed>: SELECT name\n\tFROM item_by_sku($1)\n"
     "2026-11-21 09:11:55.812 UTC [11808] 10.77.0.51(34814) catalog DETAIL:  parameters: "
     "$1 = 'SKU''1000', $2 = NULL",
     {"{client=10.77.0.51(34814)}", "{param.1=SKU''1000}",
      "call server 2026-11-21T09:11:55.791750000Z - - 2026-11-21T09:11:55.812000000Z",
      "protocol=<postgresql> operation=<SELECT name FROM item_by_sku(?)> "
      "client=10.77.0.51:34814"}},
    {"postgresql",
     "2021-02-14 01:34:02 CET [30291]: db=template1,user=postgres,app=psql,client=[local] "
     "ERROR:  syntax error\n2021-02-14 01:34:02 CET [30291]: db=template1 STATEMENT:  SELEC 1",
     {"2021-02-14T00:34:02.000000000Z",
      "process=<30291> severity=<error> message=<syntax error>",
      "{db=template1} {user=postgres}", "{STATEMENT=SELEC 1}"}},
    {"postgresql",
     "2026-11-21 09:11:55.812 UTC [6206] [local] psql LOG:  duration: 0.364 ms  statement: "
     "CREATE ROLE app LOGIN;",
     {"{client=[local]} {prefix=psql}", "client=127.0.0.1:0"}},
    {"envoy",
     "[2026-11-21T09:11:53.310Z] \"POST /api/v1/locations HTTP/2\" 204 - 154 7 226 100 "
     "\"10.0.35.28\" \"agent\" \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"locations\" "
     "\"tcp://10.0.2.1:80\"",
     {"call server 2026-11-21T09:11:53.310000000Z - - 2026-11-21T09:11:53.536000000Z",
      "call client 2026-11-21T09:11:53.436000000Z", "server=10.0.2.1:80",
      "{request_id=cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2}", "bytes=7"}},
    {"elb",
     "https 2026-11-21T09:11:53.186641Z app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 0.001 "
     "0.048 "
     "0.002 200 200 34 366 \"GET https://www.a.example:443/ HTTP/1.1\" \"curl\" C TLSv1.2 arn "
     "\"Root=1-58337262-36d228ad5d99\" \"-\"",
     {"call server 2026-11-21T09:11:53.135641000Z - - 2026-11-21T09:11:53.186641000Z",
      "operation=<GET /> status=<200> client=192.168.131.39:2817", "server=10.0.0.1:80",
      "{trace_id=1-58337262-36d228ad5d99}"}},
    {"table",
     "#Software: x\n#Fields: date time c-ip cs-method cs-uri-stem sc-status time-taken\n"
     "2026-11-21 09:11:53 10.0.0.9 GET /a/b.html 200 31\n",
     {"call server 2026-11-21T09:11:52.969000000Z - - 2026-11-21T09:11:53.000000000Z",
      "operation=<GET /a/b.html> status=<200> client=10.0.0.9:0"}},
    {"mysql-slow",
     "# Time: 2026-11-21T09:11:55.650000Z\n# User@Host: shop[shop] @ web1 [10.0.0.5]  Id: 42\n"
     "# Query_time: 2.001  Lock_time: 0.000  Rows_sent: 1\nSET timestamp=1795252313;\n"
     "SELECT *\nFROM a WHERE id = 7;",
     {"2026-11-21T09:11:55.650000000Z ~1000 service=<mysql> process=<42>",
      "message=<SELECT *\nFROM a WHERE id = 7;>",
      "call server 2026-11-21T09:11:53.649000000Z - - 2026-11-21T09:11:55.650000000Z",
      "operation=<SELECT * FROM a WHERE id = ?>", "client=10.0.0.5:0"}},
    {"cri",
     "2026-11-21T09:11:53.669794202Z stdout P {\"msg\":\"hel\n"
     "2026-11-21T09:11:53.669794203Z stdout F lo\",\"user\":\"u1\"}",
     {"message=<hello>", "{user=u1}", "2026-11-21T09:11:53.669794202Z ~1 "}},
    /* A stack trace behind parts that were put together, and what was read out of them. */
    {"cri",
     "2026-11-21T09:11:53.669794202Z stdout P 2026-11-21 09:11:53,669 ERROR [worker-7] "
     "a.Orders "
     "- order failed user=alice shop=berlin \n"
     "2026-11-21T09:11:53.669794203Z stdout F order_id=4200 reason=timeout\n"
     "2026-11-21T09:11:53.669794204Z stdout F \tat com.foo.Bar.baz(Bar.java:1)\n"
     "2026-11-21T09:11:53.669794205Z stdout F \tat com.foo.Bar.qux(Bar.java:22)\n"
     "2026-11-21T09:11:53.669794206Z stdout F \tat com.foo.Bar.main(Bar.java:333)\n",
     {"service=<a.Orders> thread=<worker-7> severity=<error> message=<order failed user=alice "
      "shop=berlin order_id=4200 reason=timeout\n\tat com.foo.Bar.baz(Bar.java:1)\n\tat "
      "com.foo.Bar.qux(Bar.java:22)\n\tat com.foo.Bar.main(Bar.java:333)>",
      "{user=alice} {shop=berlin} {order_id=4200} {reason=timeout}"}},
    {"application",
     "web_1  | {\"level\":\"info\",\"ts\":1795252313.5,\"msg\":\"up\"}",
     {"service=<web_1> severity=<info> message=<up>"}},
    {"application",
     "2026-11-21 09:11:53.008 257 INFO nova.wsgi [req-38101a0b-2096-447d-96ea-a692162415ae "
     "113d - "
     "-] 10.1.1.1 \"GET /v2/a HTTP/1.1\" status: 200 len: 18 time: 0.25",
     {"service=<nova.wsgi> process=<257> severity=<info>",
      "{id=req-38101a0b-2096-447d-96ea-a692162415ae}",
      "call server 2026-11-21T09:11:52.758000000Z - - 2026-11-21T09:11:53.008000000Z",
      "operation=<GET /v2/a> status=<200>"}},
    {"journal",
     "__CURSOR=s=739ad463\n__REALTIME_TIMESTAMP=1795252311991000\n_HOSTNAME=web\nPRIORITY=3\n"
     "SYSLOG_IDENTIFIER=sshd\n_PID=77\nMESSAGE=refused 10.0.0.1\n",
     {"2026-11-21T09:11:51.991000000Z ~1000 host=<web> service=<sshd> process=<77> "
      "severity=<error> message=<refused 10.0.0.1>"}},
    {"jsonl",
     "{\"log\":\"level=warn msg=slow order=ORD-77\\n\",\"stream\":\"stdout\","
     "\"time\":\"2026-11-21T09:11:51.991Z\"}",
     {"2026-11-21T09:11:51.991000000Z ~1000000", "{order=ORD-77}"}},
    {"text",
     "Nov 21, 2026 9:11:53 PM com.acme.Main start\nWARNING: slow order=ORD-77",
     {"2026-11-21T21:11:53.000000000Z ~1000000000 service=<com.acme.Main> severity=<warn> "
      "message=<slow order=ORD-77>",
      "{order=ORD-77}"}},
    {"text",
     "value 7 at 21.11.2026 09:11:52 reached",
     {"2026-11-21T09:11:52.000000000Z ~1000000000 message=<reached> {before_time=value 7 at}"}},
    {"text", "no time here\n", {"finding log.line @0 line 1"}},
    {"text", "2026-11-21 09:11:52 \xff\n", {"finding log.utf8 @0 line 1"}},
};

START_TEST(test_lines)
{
    const Row *row = &rows[_i];
    g_autofree char *text = log_sink_of(row->reader, &context, row->text);
    for (gsize i = 0; i < G_N_ELEMENTS(row->expected) && row->expected[i] != NULL; i++)
        ck_assert_msg(strstr(text, row->expected[i]) != NULL, "missing: %s\nin: %s",
                      row->expected[i], text);
}
END_TEST

START_TEST(test_chunks_change_nothing)
{
    const Row *row = &rows[_i];
    const LampReader *reader = lamp_reader_find(row->reader);
    g_autofree char *input = g_strconcat(row->text, "\r\n", row->text, "\n\n", row->text, NULL);
    LogSink whole, cut;
    log_sink_begin(&whole);
    log_sink_read(&whole, reader, &context, lamp_bytes_text(input), G_MAXSIZE / 2);
    for (gsize chunk = 1; chunk < 40; chunk += 3) {
        log_sink_begin(&cut);
        log_sink_read(&cut, reader, &context, lamp_bytes_text(input), chunk);
        ck_assert_str_eq(whole.text->str, cut.text->str);
        ck_assert_uint_eq(cut.understood_bytes + cut.rejected_bytes, strlen(input));
        g_string_free(cut.text, TRUE);
    }
    g_string_free(whole.text, TRUE);
}
END_TEST

/* Every beginning of an input is an input: no crash, all bytes counted. */
START_TEST(test_prefixes)
{
    const Row *row = &rows[_i];
    const LampReader *reader = lamp_reader_find(row->reader);
    for (gsize n = 0; n <= strlen(row->text); n++) {
        g_autofree char *copy = g_strndup(row->text, n);
        LogSink s;
        log_sink_begin(&s);
        log_sink_read(&s, reader, NULL, lamp_bytes(copy, n), G_MAXSIZE / 2);
        ck_assert_uint_eq(s.understood_bytes + s.rejected_bytes, n);
        g_string_free(s.text, TRUE);
    }
}
END_TEST

START_TEST(test_probe_prefers_the_right_reader)
{
    const Row *row = &rows[_i];
    const LampReader *best = NULL;
    guint most = 0;
    if (strstr(row->expected[0], "finding") != NULL)
        return;
    for (gsize i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(lamp_bytes_text(row->text), "x");
        if (score > most) {
            most = score;
            best = lamp_readers[i];
        }
    }
    ck_assert_ptr_nonnull(best);
    ck_assert_str_eq(best->name, row->reader);
}
END_TEST

/* A header line counts once, so this one cannot be repeated as the rows above are. */
START_TEST(test_table_with_first_line_as_header)
{
    g_autofree char *text =
        log_sink_of("table", &context,
                    "time,level,service,message\n2026-11-21T09:11:53Z,info,shop,\"said "
                    "\"\"hi\"\", ok\"\n");
    ck_assert_ptr_nonnull(
        strstr(text, "service=<shop> severity=<info> message=<said \"hi\", ok>"));
}
END_TEST

static const char *const statement_lines[] = {
    "09:11:55.750 UTC [7] LOG:  duration: 1.000 ms  parse <unnamed>: SELECT a\n\tFROM find($1)",
    "09:11:55.752 UTC [7] LOG:  duration: 0.500 ms  bind <unnamed>: SELECT a\n\tFROM find($1)",
    "09:11:55.760 UTC [7] ERROR:  42601: no operand: \"red &\"",
    "09:11:55.760 UTC [7] CONTEXT:  SQL statement\n\tin find()",
    "09:11:55.760 UTC [7] STATEMENT:  SELECT a\n\tFROM find($1)",
    "09:11:55.990 UTC [7] LOG:  duration: 2.000 ms  bind s1: SELECT b FROM item($1)",
    "09:11:56.000 UTC [7] LOG:  duration: 3.000 ms  execute s1: SELECT b FROM item($1)",
    "09:11:56.100 UTC [7] LOG:  duration: 1.000 ms  parse <unnamed>: SELECT c FROM left($1)",
    "09:11:56.200 UTC [7] LOG:  duration: 3.000 ms  execute s1: SELECT b FROM item($1)",
    "09:11:56.300 UTC [7] ERROR:  no step before it",
    "09:11:56.300 UTC [7] STATEMENT:  SELECT c FROM left($1)",
    "09:11:56.400 UTC [7] LOG:  duration: 1.000 ms  bind s1: SELECT b FROM item($1)",
    "09:11:56.500 UTC [7] ERROR:  its statement is not logged",
    "09:11:56.600 UTC [7] LOG:  duration: 3.000 ms  execute s1: SELECT b FROM item($1)",
    "09:11:56.700 UTC [7] LOG:  duration: 1.000 ms  bind s1: SELECT b FROM item($1)",
    "09:11:56.750 UTC [7] 40P01 ERROR:  deadlock detected",
    "09:11:56.750 UTC [7] STATEMENT:  SELECT b FROM item($1)",
    "09:11:57.000 UTC [7] LOG:  duration: 1.000 ms  parse s1: SELECT d FROM late($1)",
    "09:11:57.500 UTC [7] LOG:  duration: 1.000 ms  execute s1: SELECT d FROM late($1)",
    "09:11:58.000 UTC [7] LOG:  duration: 1.000 ms  bind s1: SELECT d FROM late($1)",
    "09:11:58.001 UTC [8] LOG:  duration: 1.000 ms  execute s1: SELECT d FROM late($1)",
};

/* A failed statement ends with its error, and no begin goes over to another statement. */
START_TEST(test_steps_belong_to_one_statement)
{
    static const char *const calls[] = {
        "55.749000000Z - - 2026-11-21T09:11:55.760000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT a FROM find(?)> status=<42601> error bytes=0",
        "55.988000000Z - - 2026-11-21T09:11:56.000000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT b FROM item(?)> bytes=0",
        "56.197000000Z - - 2026-11-21T09:11:56.200000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT b FROM item(?)> bytes=0",
        "56.597000000Z - - 2026-11-21T09:11:56.600000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT b FROM item(?)> bytes=0",
        "56.699000000Z - - 2026-11-21T09:11:56.750000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT b FROM item(?)> status=<40P01> error bytes=0",
        "57.499000000Z - - 2026-11-21T09:11:57.500000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT d FROM late(?)> bytes=0",
        "58.000000000Z - - 2026-11-21T09:11:58.001000000Z "
        "protocol=<postgresql> "
        "operation=<SELECT d FROM late(?)> bytes=0"};
    GString *input = g_string_new(NULL);
    g_autoptr(GString) actual = g_string_new(NULL);
    g_autoptr(GString) expected = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(statement_lines); i++)
        g_string_append_printf(input, "2026-11-21 %s\n", statement_lines[i]);
    g_autofree char *whole = g_string_free(input, FALSE);
    g_autofree char *text = log_sink_of("postgresql", &context, whole);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++)
        if (g_str_has_prefix(lines[i], "call "))
            g_string_append_printf(actual, "%s\n", lines[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
        g_string_append_printf(expected, "call server 2026-11-21T09:11:%s\n", calls[i]);
    ck_assert_str_eq(actual->str, expected->str);
}
END_TEST

static char *
read_by_pattern(const char *patterns, const char *text)
{
    LampSourceContext own = context;
    own.pattern = patterns;
    return log_sink_of("pattern", &own, text);
}

START_TEST(test_pattern_of_the_user)
{
    g_autofree char *text = read_by_pattern(
        "[broken]\npattern=(\n[pay]\n"
        "pattern=^(?<time>\\S+ \\S+) <(?<who>\\w+)> (?<method>\\w+) (?<path>\\S+) "
        "(?<dur_ms>[\\d.]+)$\ntime-is=begin\nservice=pay\nmeans.who=request-id\n",
        "2026-11-21 09:11:53.5 <ab12> GET /a/77 12.5\nno match, but joined\n");
    ck_assert_ptr_nonnull(strstr(text, "finding pattern.compile"));
    ck_assert_ptr_nonnull(strstr(text, "service=<pay>"));
    ck_assert_ptr_nonnull(strstr(text, "{who=ab12}"));
    ck_assert_ptr_nonnull(strstr(
        text, "call server 2026-11-21T09:11:53.500000000Z - - 2026-11-21T09:11:53.512500000Z"));
    ck_assert_ptr_nonnull(strstr(text, "no match, but joined"));
}
END_TEST

/* Two formats of lnav: a pattern with names of its own, and JSON lines. */
START_TEST(test_format_of_lnav)
{
    static const char formats[] =
        "{\"$schema\": \"https://lnav.org/schemas/format-v1.schema.json\",\n"
        " \"shop_log\": {\"title\": \"Shop\", \"regex\": {\"std\": {\"pattern\": "
        "\"^(?<ts>\\\\S+) (?<lv>\\\\w+) <(?<op>[^>]*)> (?<body>.*)$\"}},\n"
        "  \"timestamp-field\": \"ts\", \"level-field\": \"lv\", \"opid-field\": \"op\",\n"
        "  \"value\": {\"op\": {\"kind\": \"string\", \"identifier\": true}},\n"
        "  \"sample\": [{\"line\": \"x\"}]},\n"
        " \"pay_log\": {\"json\": true, \"timestamp-field\": \"a.t\", \"body-field\": "
        "\"what\",\n"
        "  \"line-format\": [{\"field\": \"a.t\"}, \" \"], \"thread-id-field\": \"w\"}}\n";
    g_autofree char *text = read_by_pattern(
        formats,
        "2026-11-21T09:11:53Z warn <r7> one\n"
        "{\"a\":{\"t\":\"2026-11-21T09:11:54Z\"},\"what\":\"two\",\"w\":\"t9\",\"n\":1}\n");
    ck_assert_msg(strstr(text, "09:11:53.000000000Z ~1000000000 severity=<warn> "
                               "message=<one>") != NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "{op=r7}") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "09:11:54.000000000Z ~1000000000 thread=<t9> message=<two>") !=
                      NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "{n=1}") != NULL && strstr(text, "finding") == NULL, "%s", text);
}
END_TEST

START_TEST(test_pattern_that_explodes_is_dropped)
{
    GString *input = g_string_new(NULL);
    for (guint i = 0; i < 40; i++)
        g_string_append(input, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n");
    g_autofree char *text = read_by_pattern("[x]\npattern=^(a+)+$\n", input->str);
    ck_assert_ptr_nonnull(strstr(text, "finding limit.PATTERN_MATCH"));
    g_string_free(input, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-readers");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_lines, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, test_chunks_change_nothing, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, test_prefixes, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, test_probe_prefers_the_right_reader, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, test_steps_belong_to_one_statement);
    tcase_add_test(tcase, test_pattern_of_the_user);
    tcase_add_test(tcase, test_format_of_lnav);
    tcase_add_test(tcase, test_pattern_that_explodes_is_dropped);
    tcase_add_test(tcase, test_table_with_first_line_as_header);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
