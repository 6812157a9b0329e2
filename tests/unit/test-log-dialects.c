/* Lines in the dialects of today's servers and loggers: what their parts mean, and in which
 * unit a number is, where only the rest of the line tells. An expectation that begins with `!`
 * must not be found. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

typedef struct {
    const char *reader, *text;
    gsize length;
    const char *expected[7];
} Row;

#define TEXT(literal) literal, sizeof(literal) - 1

static const Row rows[] = {
    {"application", /* zap's console */
     TEXT("2026-11-21T09:11:53.100+0200\tINFO\tserver/handler.go:40\trequest completed\t"
          "{\"method\": \"GET\", \"path\": \"/orders/7\", \"status\": 200, \"duration\": "
          "0.013}\n"
          "2026-11-21T09:11:54.100+0200\tWARN\tpayments\tpay/client.go:12\tretry\t{\"n\": 3}"),
     {"message=<request completed> {caller=server/handler.go:40} {method=GET}",
      "call server 2026-11-21T07:11:53.087000000Z - - 2026-11-21T07:11:53.100000000Z",
      "service=<payments> severity=<warn> message=<retry> {caller=pay/client.go:12} {n=3}",
      "!service=<server"}},
    {"application", /* an object that is none */
     TEXT("2026-11-21 09:11:53,100 INFO  [main] a.B - got {\"a\": 1, \"b\"}"),
     {"message=<got {\"a\": 1, \"b\"}>", "!{a=1}"}},
    {"postgresql", /* log_statement with log_duration */
     TEXT("2026-11-21 09:11:53.100 UTC [41] a@b LOG:  statement: SELECT *\n\tFROM t WHERE id = "
          "7\n"
          "2026-11-21 09:11:53.101 UTC [42] a@b LOG:  execute <unnamed>: SELECT 1\n"
          "2026-11-21 09:11:53.131 UTC [41] a@b LOG:  duration: 31.250 ms\n"
          "2026-11-21 09:11:53.201 UTC [42] a@b ERROR:  no\n"
          "2026-11-21 09:11:53.201 UTC [42] a@b STATEMENT:  SELECT\n\t1"),
     {"- - 2026-11-21T09:11:53.131000000Z", "SELECT * FROM t WHERE id = ?",
      "call server 2026-11-21T09:11:53.101000000Z - - 2026-11-21T09:11:53.201000000Z",
      "{STATEMENT=SELECT\n\t1}"}},
    {"postgresql", /* a duration that does not reach back to the statement */
     TEXT("2026-11-21 09:11:53.100 UTC [41] a@b LOG:  statement: SELECT 1\n"
          "2026-11-21 09:12:53.100 UTC [41] a@b LOG:  duration: 31.250 ms"),
     {"{duration_ms=31.250}", "!call server"}},
    {"application", /* commas of thousands, and an earlier one that may be either */
     TEXT("2026-11-21 09:11:53,500 INFO [main] a.B - GET /a took 1,234 ms\n"
          "2026-11-21 09:11:54,500 INFO [main] a.B - GET /b took 12,345.5 ms\n"
          "2026-11-21 09:11:55,500 INFO [main] a.B - GET /c took 1,234 s"),
     {"call server 2026-11-21T09:11:52.266000000Z",
      "call server 2026-11-21T09:11:42.154500000Z",
      "call server 2026-11-21T08:51:21.500000000Z"}},
    {"application", /* decimal commas */
     TEXT("2026-11-21 09:11:53,500 INFO [main] a.B - GET /a took 31,5 ms\n"
          "2026-11-21 09:11:54,500 INFO [main] a.B - GET /b took 1,234 ms\n"
          "2026-11-21 09:11:55,500 INFO [main] a.B - GET /c took 1.234,5 ms\n"
          "2026-11-21 09:11:56,500 INFO [main] a.B - GET /d took 1,23,4 ms"),
     {"call server 2026-11-21T09:11:53.468500000Z",
      "call server 2026-11-21T09:11:54.498766000Z",
      "call server 2026-11-21T09:11:54.265500000Z", "!- 2026-11-21T09:11:56.500000000Z"}},
    {"cri", /* what was set aside is the next record's of its stream alone */
     TEXT("2026-11-21T09:11:00.1Z stdout P alpha part one \n"
          "2026-11-21T09:11:00.2Z stderr F noise\n"
          "2026-11-21T09:11:00.3Z stdout F alpha part two\n"
          "2026-11-21T09:11:05.4Z stdout F beta whole\n"
          "2026-11-21T09:11:06.5Z stdout F gamma whole"),
     {"message=<alpha part one alpha part two>", "message=<beta whole>",
      "message=<gamma whole>"}},
    {"cri", /* parts of both streams between each other; the last one has no end */
     TEXT("2026-11-21T09:11:53.000000001Z stdout P {\"level\":\"info\",\"msg\":\"first, \n"
          "2026-11-21T09:11:53.000000002Z stderr P between \n"
          "2026-11-21T09:11:53.000000003Z stdout F second\",\"id\":\"abc123\"}\n"
          "2026-11-21T09:11:53.000000004Z stderr F both\n"
          "2026-11-21T09:11:53.000000005Z stdout P left\n"
          "2026-11-21T09:11:53.000000006Z stderr F over"),
     {"2026-11-21T09:11:53.000000001Z ~1 severity=<info> message=<first, second>",
      "2026-11-21T09:11:53.000000002Z ~1 message=<between both>", "message=<left>",
      "message=<over>", "!message=<between >"}},
    {"application",
     TEXT("4018:M 14 Nov 07:01:22.119 * DB saved on disk"),
     {"2026-11-14T07:01:22.119000000Z", "process=<4018>", "severity=<notice>"}},
    {"text",
     TEXT("=ERROR REPORT==== 3-May-2015::10:20:31 ===\nclosing AMQP connection"),
     {"2015-05-03T10:20:31", "severity=<error> message=<closing AMQP connection>"}},
    {"text",
     TEXT("2023/05/04 10:20:35 \"GET http://localhost:3333/chi/8 HTTP/1.1\" from "
          "[::1]:55001 - 500 0B in 1.2s\n2023/05/04 10:20:36 GET /a/9 took 250 milliseconds"),
     {"operation=<GET /chi/{}> status=<500> client=", "2023-05-04T10:20:33.800000000Z",
      "2023-05-04T10:20:35.750000000Z", "!status=<250>"}},
    {"application",
     TEXT("2023/05/03 10:20:30 [error] 77#78: *5 connect() failed (111: Connection refused) "
          "while connecting to upstream, client: 10.0.0.1, server: e.com, request: \"GET /x "
          "HTTP/1.1\", upstream: \"http://10.0.0.9:80/x\", host: \"e.com\""),
     {"!{status=", "!{request=GET /x HTTP/1.1} {server=e.com} {request", "server=10.0.0.9:80"}},
    {"access",
     TEXT("10.1.1.1 - - [10/Oct/2023:13:55:39 +0000] \"GET /i HTTP/1.1\" 200 612 \"-\" "
          "\"curl/7.68\" 412 0.045 [default-web-80] [] 10.244.0.12:8080 612 0.044 200 "
          "6c3f4aa1b2c3d4e5f60718293a4b5c6d"),
     {"{number=612}", "{upstream_status=200}", "server=10.244.0.12:8080", "!_status=612"}},
    {"access",
     TEXT("192.168.1.10 - - [28/Aug/2023:17:43:00 +0000] \"GET /w HTTP/1.1\" 200 452 \"-\" "
          "\"curl/7.88.1\" 13 \"whoami@docker\" \"http://172.18.0.3:80\" 2ms"),
     {"{requests=13}", "!{request_time_us", "{request_time=2ms}"}},
    {"access",
     TEXT(
         "10.1.1.1 - - [10/Oct/2023:13:55:39 +0000] \"GET /a HTTP/1.1\" 200 612 \"-\" \"curl\" "
         "0.012 \"10.0.0.1:80, 10.0.0.2:80\" \"0.001, 0.010\" \"502, 200\""),
     {"server=10.0.0.1:80", "status=<502>", "server=10.0.0.2:80"}},
    {"text",
     TEXT("May 03, 2023 10:20:30 AM com.x.Main main\nINFO: server started"),
     {"service=<com.x.Main> severity=<info> message=<server started>"}},
    {"application",
     TEXT("2023-05-03 10:20:30.123 29103 INFO nova.api [None req-9bc36dd9-91c5-4314-898a-"
          "47625eb93b09 8f7a demo] [instance: 5a1b2c3d-0000-4000-8000-000000000001] Took 1.23 "
          "seconds\n2023-05-03 10:20:30.323 29104 INFO nova.api [req-11111111-91c5-4314-898a-"
          "47625eb93b09 req-22222222-91c5-4314-898a-47625eb93b09 8f7a demo] x"),
     {"{id=req-9bc36dd9-91c5-4314-898a-47625eb93b09}", "!thread=<None",
      "{id=req-11111111-91c5-4314-898a-47625eb93b09}",
      "{local_id=req-22222222-91c5-4314-898a-47625eb93b09}"}},
    {"jsonl",
     TEXT("{\"level\":\"info\",\"msg\":\"A walrus appears\",\"time\":\"2014-03-10 "
          "19:57:38.562264131 -0400 EDT\"}"),
     {"2014-03-10T23:57:38.562264131Z"}},
    {"jsonl",
     TEXT("{\"level\":\"debug\",\"ts\":1646861402.1,\"logger\":\"http.handlers.reverse_proxy\","
          "\"msg\":\"upstream roundtrip\",\"upstream\":\"10.1.2.3:8080\",\"duration\":0.025,"
          "\"request\":{\"method\":\"GET\",\"uri\":\"/abc\"},\"status\":200}"),
     {"call client 2022-03-09T21:30:02.075000000Z", "server=10.1.2.3:8080", "!call server"}},
    {"application",
     TEXT("2023-05-01 10:00:02,000 INFO [main] x.Y - three\n\0\0\0\0"
          "2023-05-01 10:00:09,000 "
          "INFO [main] x.Y - after hole"),
     {"2023-05-01T10:00:09.000000000Z"}},
    {"application",
     TEXT("\x1b[2m2023-05-03T17:20:31.123456Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mapp\x1b[0m: "
          "hello"),
     {"2023-05-03T17:20:31.123456000Z", "severity=<info> message=<hello>"}},
    {"application", /* colours, and lines behind */
     TEXT("2023-05-03 17:20:31.123 \x1b[31mERROR\x1b[0m [main] com.x.Y - failed\n"
          "java.lang.X: order 7714\n\tat com.x.Y.z(Y.java:1)\n"),
     {"message=<failed\njava.lang.X: order 7714\n\tat com.x.Y.z(Y.java:1)>"}},
    {"text",
     TEXT("12/05/2023 10:00:00 a\n13/05/2023 10:00:00 b"),
     {"2023-05-12T10", "!time.order"}},
    {"text",
     TEXT("05/06/2023 10:00:00 a\n06/06/2023 10:00:00 b"),
     {"2023-05-06T10", "time.order"}},
    {"text", TEXT("2023-05-03 05:20:31 PM a"), {"2023-05-03T17:20:31"}},
    {"text",
     TEXT("5/3/2023 5:20:31 PM a\n[2023-05-03][17:20:32] b\n03-MAY-23 05.20.33.5 PM c\n"
          "2023-05-03 17:20:34:123 d\n5/3/23 17:20:35:123 UTC e"),
     {"2023-05-03T17:20:31.000000000Z", "2023-05-03T17:20:32.000000000Z",
      "2023-05-03T17:20:33.500000000Z", "2023-05-03T17:20:34.123000000Z",
      "2023-05-03T17:20:35.123000000Z"}},
    {"syslog",
     TEXT("May  3 10:20:00 web1 nginx: 10.0.0.1 - - [03/May/2023:10:20:00 +0000] \"GET /a "
          "HTTP/1.1\" 200 5 \"-\" \"-\" 0.010"),
     {"process=<nginx@web1>", "client=10.0.0.1:0"}},
    {"access",
     TEXT("10.1.2.3 - - [21/Nov/2026:09:11:53 +0000] \"GET /a HTTP/1.1\" 200 402 \"-\" "
          "\"curl/7.88\" 1/1523000"),
     {"call server 2026-11-21T09:11:53.000000000Z - - 2026-11-21T09:11:54.523000000Z"}},
    {"access",
     TEXT("10.1.2.3 - - [21/Nov/2026:09:11:53 +0000] \"GET /a HTTP/1.1\" 200 402 \"-\" "
          "\"curl/7.88\" 0.104 0.101 10.0.0.5:8080 200"),
     {"{upstream_status=200}", "server=10.0.0.5:8080"}},
    {"access",
     TEXT("::1 - - [21/Nov/2026:09:11:53 +0000] \"GET /a HTTP/1.1\" 200 402 \"-\" \"curl\" "
          "17.123 ms"),
     {"call server 2026-11-21T09:11:52.982877000Z - - 2026-11-21T09:11:53.000000000Z",
      "{request_time_ms=17.123}"}},
    {"syslog",
     TEXT("Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2 - - [06/Feb/2026:12:14:14 +0000] "
          "\"GET /index.html HTTP/1.1\" 200 2750 \"\" \"\" 33317 655 \"http-in\" \"static\" "
          "\"srv1\" 10 0 30 69 109 ---- 1 1 1 1 0 0 0 \"\" \"\""),
     {"call server 2026-02-06T12:14:14.655000000Z", "- 2026-02-06T12:14:14.764000000Z",
      "client=10.0.1.2:33317", "call client 2026-02-06T12:14:14.695000000Z", "server=srv1:0",
      "!{server=srv1} bytes"}},
    {"application",
     TEXT("[Sat Nov 21 09:11:53.123456 2026] [core:error] [pid 1234:tid 139872] [client "
          "10.1.2.3:51234] AH00128: File does not exist: /var/www/x\n[Sat Nov 21 "
          "09:11:54.123456 2026] [mpm_event:notice] [pid 1:tid 139872] AH00489: Apache/2.4.57 "
          "(Debian) configured -- resuming normal operations\n[Sat Nov 21 09:11:54 2026] "
          "[error] [client 10.1.2.3] File does not exist: /favicon.ico"),
     {"process=<1234> thread=<139872> severity=<error> message=<AH00128: File", "{module=core}",
      "{client=10.1.2.3:51234}", "process=<1> thread=<139872> severity=<notice>"}},
    {"application",
     TEXT("2026-11-21 09:11:53,157 - INFO  [main:QuorumPeerConfig@103] - Reading configuration "
          "from: x\n2026-11-21 09:11:53,257 [myid:1] - INFO  "
          "[NIOWorkerThread-1:ZooKeeperServer@1234] - Established session 0x14f05578bd80001"),
     {"service=<QuorumPeerConfig> thread=<main> severity=<info>",
      "service=<ZooKeeperServer> thread=<NIOWorkerThread-1>"}},
    {"application",
     TEXT("2026-11-21T09:11:53.157+01:00  INFO 42 --- [shop] [nio-8080-exec-1] c.a.B           "
          "                         : GET /a took 31 ms\n2026-11-21 09:11:53.157  INFO "
          "[shop,5b8efff798038103,eee19b7ec3c1b174] 42 --- [nio-8080-exec-1] c.a.B : hi"),
     {"service=<c.a.B> process=<42> thread=<nio-8080-exec-1>", "{application=shop}",
      "{id=5b8efff798038103}"}},
    {"application",
     TEXT("[2026-11-21 09:11:53,157] INFO [GroupCoordinator 0]: Preparing to rebalance group g "
          "in state X with old generation 1 (__consumer_offsets-9) "
          "(kafka.coordinator.group.GroupCoordinator)\n[2026-11-21 09:11:54,157] WARN "
          "[ReplicaFetcher replicaId=1, leaderId=2, fetcherId=0] Error "
          "(kafka.server.ReplicaFetcherThread)\njava.io.IOException: x\n\tat y"),
     {"service=<kafka.coordinator.group.GroupCoordinator> thread=<GroupCoordinator 0>",
      "service=<kafka.server.ReplicaFetcherThread>"}},
    {"application",
     TEXT("[2026-11-21 09:11:53] production.ERROR: boom {\"exception\":\"[object] "
          "(Exception(code: 0): boom at /x.php:1)\n[stacktrace]\n#0 /x.php(1): f()\n#1 "
          "{main}\n\"} \n[2026-11-21 09:11:54] local.INFO: hi  "),
     {"service=<production> severity=<error>", "service=<local> severity=<info>"}},
    {"application",
     TEXT("2026-11-21T09:11:53.157123Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld "
          "(mysqld 8.0.35) starting as process 1\n2026-11-21T09:11:54.157123Z 8 [Warning] "
          "[MY-013360] [Server] Plugin mysql_native_password reported: ''\n2026-11-21  9:11:55 "
          "0 [Note] InnoDB: Buffer pool(s) load completed"),
     {"process=<8> severity=<warn> message=<Plugin", "{code=MY-013360}", "{subsystem=Server}",
      "2026-11-21T09:11:55.000000000Z"}},
    {"application",
     TEXT("2026-11-21T09:11:53.157123Z  INFO request{method=GET path=/a request_id=abc-1234}: "
          "my_crate::server: finished processing request latency=17 ms status=200"),
     {"{request_id=abc-1234}", "operation=<GET /a> status=<200>"}},
    {"syslog",
     TEXT("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!"),
     {"2026-02-05T17:32:18.000000000Z", "host=<10.0.0.99>", "message=<Use the BFG!>"}},
    {"syslog",
     TEXT("<189>123: Oct 11 22:14:15: %SYS-5-CONFIG_I: Configured from console by vty0"),
     {"2026-10-11T22:14:15.000000000Z", "service=<%SYS-5-CONFIG_I> severity=<notice>"}},
    {"syslog",
     TEXT("Nov 21 09:11:54 web1 kernel: [123456.789012] eth0: link up\nNov 21 09:11:57 web1 "
          "last message repeated 3 times"),
     {"host=<web1> service=<kernel> message=<eth0: link up>", "{uptime_s=123456.789012}",
      "host=<web1> message=<last message repeated 3 times>"}},
    {"syslog",
     TEXT("95 <34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' "
          "failed for lonvick"),
     {"host=<mymachine.example.com> service=<su> severity=<fatal>"}},
    {"logfmt",
     TEXT("date=2026-11-21 time=09:11:53 devname=\"FGT\" devid=\"FG1\" logid=\"0000000013\" "
          "type=\"traffic\" srcip=10.1.2.3 srcport=5 dstip=10.0.0.1 dstport=443 "
          "action=\"accept\"\ndate=2026-11-21 time=09:11:54 devname=\"FGT\" devid=\"FG1\" "
          "logid=\"0000000013\" type=\"traffic\" srcip=10.1.2.3 srcport=6 dstip=10.0.0.1 "
          "dstport=443 action=\"deny\""),
     {"2026-11-21T09:11:53.000000000Z", "2026-11-21T09:11:54.000000000Z"}},
    {"elb",
     TEXT(
         "2026-11-21T09:11:53.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 "
         "0.001048 0.000057 200 200 0 29 \"GET http://www.example.com:80/ HTTP/1.1\" "
         "\"curl/7.38.0\" - -\n2026-11-21T09:11:54.945958Z my-loadbalancer 192.168.131.39:2817 "
         "10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 \"- - - \" \"-\" - -"),
     {"protocol=<tcp> operation=<connection>"}},
    {"envoy",
     TEXT("[2026-11-21T09:11:54.000Z] \"- - -\" 0 - - - \"-\" 1524 4183 5201 - \"-\" \"-\" "
          "\"-\" \"-\" \"10.0.0.9:3306\" outbound|3306||mysql.default.svc.cluster.local "
          "10.244.0.3:41234 10.0.0.9:3306 10.244.0.3:51236 - -"),
     {"protocol=<tcp> operation=<connection>"}},
    {"jsonl",
     TEXT(
         "{\"start_time\":\"2026-11-21T09:11:53.000Z\",\"method\":\"GET\",\"path\":\"/"
         "x\",\"protocol\":\"HTTP/"
         "1.1\",\"response_code\":200,\"response_flags\":\"-\",\"bytes_received\":0,\"bytes_"
         "sent\":4183,\"duration\":52,\"upstream_service_time\":\"50\",\"x_forwarded_for\":"
         "null,\"user_agent\":\"curl\",\"request_id\":\"9f2b3c1d-9e8a-7b6c-5d4e-3f2a1b0c9d8e\","
         "\"authority\":\"x:9080\",\"upstream_host\":\"10.244.0.7:9080\",\"upstream_cluster\":"
         "\"outbound|9080||x\",\"downstream_remote_address\":\"10.1.1.1:3333\"}"),
     {"call server 2026-11-21T09:11:53.000000000Z - - 2026-11-21T09:11:53.052000000Z",
      "call client 2026-11-21T09:11:53.002000000Z - - 2026-11-21T09:11:53.052000000Z"}},
    {"jsonl",
     TEXT("{\"ClientAddr\":\"10.1.2.3:51234\",\"ClientHost\":\"10.1.2.3\",\"DownstreamStatus\":"
          "404,\"Duration\":71234,\"RequestMethod\":\"GET\",\"RequestPath\":\"/"
          "none\",\"StartUTC\":\"2026-11-21T09:11:54.123456789Z\",\"level\":\"info\",\"msg\":"
          "\"\",\"time\":\"2026-11-21T09:11:54Z\"}"),
     {"call server 2026-11-21T09:11:54.123456789Z - - 2026-11-21T09:11:54.123528023Z"}},
    {"jsonl",
     TEXT("{\"name\":\"myapp\",\"hostname\":\"banana.local\",\"pid\":40161,\"level\":30,"
          "\"msg\":\"hi\",\"time\":\"2026-11-21T09:11:53.157Z\",\"v\":0}"),
     {"host=<banana.local> service=<myapp> process=<40161>"}},
    {"jsonl",
     TEXT(
         "{\"asctime\": \"2026-11-21 09:11:53,157\", \"name\": \"app.views\", \"levelname\": "
         "\"INFO\", \"message\": \"hi\", \"taskName\": null, \"request_id\": \"abc-123-def\"}"),
     {"service=<app.views> severity=<info>"}},
    {"jsonl",
     TEXT("{\"@timestamp\":\"2026-11-21T09:11:53.157Z\",\"log\":{\"level\":\"info\",\"logger\":"
          "\"a\"},\"message\":\"GET "
          "/a\",\"ecs\":{\"version\":\"8.0\"},\"service\":{\"name\":\"shop\"},\"host\":{"
          "\"hostname\":\"web1\"},\"process\":{\"pid\":42,\"thread\":{\"name\":\"t-1\"}},"
          "\"http\":{\"request\":{\"method\":\"GET\",\"id\":\"abc-1\"},\"response\":{\"status_"
          "code\":200}},\"url\":{\"path\":\"/"
          "a\"},\"event\":{\"duration\":17123456},\"trace\":{\"id\":"
          "\"4bf92f3577b34da6a3ce929d0e0e4736\"}}"),
     {"host=<web1> service=<shop> process=<42> thread=<t-1>", "{log.logger=a}"}},
    {"jsonl",
     TEXT("{\"time\":\"2026-11-21T09:11:53.157123456+01:00\",\"level\":\"INFO\",\"msg\":"
          "\"req\",\"method\":\"GET\",\"path\":\"/a\",\"status\":200,\"duration\":17123456}"),
     {"call server 2026-11-21T08:11:53.140000000Z - - 2026-11-21T08:11:53.157123456Z"}},
    {"jsonl",
     TEXT("{\"level\":\"info\",\"time\":1795252313,\"message\":\"req\",\"method\":\"GET\","
          "\"url\":\"/"
          "a\",\"status\":200,\"size\":12,\"duration\":17.5,\"req_id\":"
          "\"c0umremcie6smuu506pg\"}"),
     {"call server 2026-11-21T09:11:52.982500000Z - - 2026-11-21T09:11:53.000000000Z"}},
    {"application",
     TEXT("I, [2026-11-21T09:11:53.223456 #7]  INFO -- : method=GET path=/posts format=html "
          "controller=PostsController action=index status=200 duration=100.12 view=50.10 "
          "db=0.50"),
     {"call server 2026-11-21T09:11:53.123336000Z - - 2026-11-21T09:11:53.223456000Z"}},
    {"jsonl",
     TEXT("{\"@t\":\"2026-11-21T09:11:53.1570000Z\",\"@mt\":\"HTTP {RequestMethod} "
          "{RequestPath} responded {StatusCode} in {Elapsed:0.0000} "
          "ms\",\"@r\":[\"17.1234\"],\"RequestMethod\":\"GET\",\"RequestPath\":\"/"
          "a\",\"StatusCode\":200,\"Elapsed\":17.1234,\"SourceContext\":\"Serilog.AspNetCore."
          "RequestLoggingMiddleware\",\"RequestId\":\"0HM:01\",\"ConnectionId\":\"0HM\"}"),
     {"service=<Serilog.AspNetCore.RequestLoggingMiddleware> severity=<info>"}},
    {"jsonl",
     TEXT("{\"event\": \"request_finished\", \"code\": 200, \"request\": \"GET /a\", "
          "\"request_id\": \"8a2f3b4c-0000-4000-8000-000000000001\", \"timestamp\": "
          "\"2026-11-21T09:11:53.157000Z\", \"logger\": \"django_structlog\", \"level\": "
          "\"info\"}"),
     {"severity=<info> message=<request_finished>"}},
    {"jsonl",
     TEXT("{\"severity\":\"INFO\",\"timestamp\":\"2026-11-21T09:11:53.157Z\",\"httpRequest\":{"
          "\"requestMethod\":\"GET\",\"requestUrl\":\"http://x/"
          "a\",\"status\":200,\"responseSize\":\"12\",\"latency\":\"0.017s\",\"remoteIp\":\"10."
          "1.2.3\"},\"resource\":{\"type\":\"k8s_container\",\"labels\":{\"container_name\":"
          "\"shop\",\"pod_name\":\"shop-1\"}},\"logName\":\"projects/x\"}"),
     {"host=<shop-1> service=<shop>", "- - 2026-11-21T09:11:53.157000000Z",
      "operation=<GET /a> status=<200>"}},
    {"jsonl",
     TEXT("{\"t\":{\"$date\":\"2026-11-21T09:11:53.157+00:00\"},\"s\":\"I\",  "
          "\"c\":\"COMMAND\",  \"id\":51803,   \"ctx\":\"conn12\",\"msg\":\"Slow "
          "query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\",\"command\":{\"find\":"
          "\"orders\",\"filter\":{\"_id\":{\"$oid\":\"5f2b3c1d9e8a7b6c5d4e3f2a\"}},\"$db\":"
          "\"shop\"},\"planSummary\":\"COLLSCAN\",\"keysExamined\":0,\"docsExamined\":1000,"
          "\"nreturned\":1,\"reslen\":120,\"remote\":\"10.0.0.3:41234\",\"protocol\":\"op_"
          "msg\",\"durationMillis\":117}}"),
     {"protocol=<mongodb> operation=<find orders>"}},
    {"jsonl",
     TEXT(
         "{\"level\":\"warn\",\"ts\":\"2026-11-21T09:11:53.157Z\",\"caller\":\"etcdserver/"
         "util.go:163\",\"msg\":\"apply request took too "
         "long\",\"took\":\"117.123ms\",\"expected-duration\":\"100ms\",\"prefix\":\"read-only "
         "range \",\"request\":\"key:\\\"/x\\\" \",\"response\":\"range_response_count:1\"}"),
     {"!call "}},
    {"jsonl",
     TEXT(
         "{\"__REALTIME_TIMESTAMP\":\"1795252314157123\",\"PRIORITY\":\"6\",\"SYSLOG_"
         "IDENTIFIER\":\"x\",\"_PID\":\"42\",\"_HOSTNAME\":\"web1\",\"MESSAGE\":[72,105,255]}"),
     {"message=<Hi"}},
    {"journal",
     TEXT("__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1795252313157123\n__MONOTONIC_TIMESTAMP="
          "123\n_BOOT_ID=abc\nPRIORITY=6\nSYSLOG_IDENTIFIER=sshd\n_PID=42\n_HOSTNAME="
          "web1\nMESSAGE=Accepted\n\n__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP="
          "1795252314157123\nPRIORITY=3\nSYSLOG_IDENTIFIER=app\n_PID=43\n_HOSTNAME="
          "web1\nMESSAGE\n\t\000\000\000\000\000\000\000two\nlines"),
     {"severity=<error> message=<two\nlines>", "host=<web1> service=<app> process=<43>",
      "!log.nul"}},
    {"cri",
     TEXT("2026-11-21T09:11:53.157123456Z stdout F hello\n2026-11-21T09:11:53.257123456Z "
          "stderr P part one \n2026-11-21T09:11:53.357123456Z stderr F part "
          "two\n2026-11-21T09:11:54.357123456Z stdout F 10.1.2.3 - - [21/Nov/2026:09:11:54 "
          "+0000] \"GET /a HTTP/1.1\" 200 402 \"-\" \"curl\" rt=0.104"),
     {"message=<part one part two>", "- - 2026-11-21T09:11:54.357123456Z"}},
    {"otlp-logs",
     TEXT("{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
          "\"value\":{\"stringValue\":\"shop\"}},{\"key\":\"host.name\",\"value\":{"
          "\"stringValue\":\"web1\"}}]},\"scopeLogs\":[{\"scope\":{\"name\":\"my.lib\","
          "\"version\":\"1.0\"},\"logRecords\":[{\"timeUnixNano\":\"1795252313157000000\","
          "\"observedTimeUnixNano\":\"1795252313158000000\",\"severityNumber\":10,"
          "\"severityText\":\"Information\",\"traceId\":\"5B8EFFF798038103D269B633813FC60C\","
          "\"spanId\":\"EEE19B7EC3C1B174\",\"body\":{\"stringValue\":\"Example log "
          "record\"},\"attributes\":[{\"key\":\"string.attribute\",\"value\":{\"stringValue\":"
          "\"some "
          "string\"}},{\"key\":\"int\",\"value\":{\"intValue\":\"10\"}},{\"key\":\"map\","
          "\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"stringValue\":"
          "\"b\"}}]}}}]},{\"timeUnixNano\":\"1795252314157000000\",\"severityNumber\":17,"
          "\"body\":{\"stringValue\":\"second\"}}]}]}]}\n{\"resourceLogs\":[{\"resource\":{"
          "\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"cart\"}}]},"
          "\"scopeLogs\":[{\"scope\":{},\"logRecords\":[{\"observedTimeUnixNano\":"
          "\"1795252315158000000\",\"severityText\":\"ERROR\",\"body\":{\"stringValue\":"
          "\"third\"}}]}]}]}"),
     {"2026-11-21T09:11:53.157000000Z",
      "host=<web1> service=<shop> severity=<info> message=<Example log record>",
      "{spanId=EEE19B7EC3C1B174}", "{string.attribute=some string}",
      "service=<shop> severity=<error> message=<second>", "2026-11-21T09:11:55.158000000Z"}},
    {"otlp-logs",
     TEXT("{\n  \"resourceLogs\": [\n    {\n      \"resource\": {\n        \"attributes\": [\n "
          "         { \"key\": \"service.name\", \"value\": { \"stringValue\": \"my.service\" "
          "} }\n        ]\n      },\n      \"scopeLogs\": [\n        {\n          \"scope\": { "
          "\"name\": \"my.library\", \"version\": \"1.0.0\", \"attributes\": [] },\n          "
          "\"logRecords\": [\n            {\n              \"timeUnixNano\": "
          "\"1544712660300000000\",\n              \"observedTimeUnixNano\": "
          "\"1544712660300000000\",\n              \"severityNumber\": 10,\n              "
          "\"severityText\": \"Information\",\n              \"traceId\": "
          "\"5B8EFFF798038103D269B633813FC60C\",\n              \"spanId\": "
          "\"EEE19B7EC3C1B174\",\n              \"body\": { \"stringValue\": \"Example log "
          "record\" },\n              \"attributes\": [ { \"key\": \"boolean.attribute\", "
          "\"value\": { \"boolValue\": true } } ]\n            }\n          ]\n        }\n     "
          " ]\n    }\n  ]\n}"),
     {"2018-12-13T14:51:00.300000000Z", "service=<my.service>", "{boolean.attribute=true}"}},
    {"application",
     TEXT("2026/11/21 09:11:53 [error] 1234#1234: *56 connect() failed (111: Connection "
          "refused) while connecting to upstream, client: 10.1.2.3, server: example.com, "
          "request: \"GET /api HTTP/1.1\", upstream: \"http://10.0.0.5:8080/api\", host: "
          "\"example.com\"\n2026/11/21 09:11:54 [warn] 1234#1234: *57 an upstream response is "
          "buffered to a temporary file /var/cache/nginx/proxy_temp/1/00/0000000001 while "
          "reading upstream, client: 10.1.2.3, server: example.com, request: \"GET /big "
          "HTTP/1.1\", upstream: \"http://10.0.0.5:8080/big\", host: \"example.com\", "
          "referrer: \"http://example.com/\"\n2026/11/21 09:11:54 [notice] 1#1: using the "
          "\"epoll\" event method\n2026/11/21 09:12:54 [error] 1234#1234: *58 upstream timed "
          "out (110: Connection timed out) while reading response header from upstream, "
          "client: 10.1.2.3, server: example.com, request: \"POST /slow HTTP/1.1\", upstream: "
          "\"http://10.0.0.5:8080/slow\", host: \"example.com\""),
     {"call client 2026-11-21T09:11:53.000000000Z - - - protocol=<http> operation=<GET /api> "
      "server=10.0.0.5:8080 error",
      "{upstream=http://10.0.0.5:8080/api}", "!operation=<GET /big>",
      "operation=<POST /slow> server=10.0.0.5:8080 error"}},
    {"syslog",
     TEXT("Jun  9 15:41:42 host proxy-server: 127.0.0.1 127.0.0.2 09/Jun/2026/15/41/42 PUT "
          "/v1/AUTH_20/glance HTTP/1.0 201 - python-swiftclient-2.1.0 token... - 64 - "
          "txf8fd3c035f524658baf48-005395d5b6 - 0.0266 - - 1402328502.794791937 "
          "1402328502.821345091"),
     {"service=<proxy-server>", "call server 2026-06-09T15:41:41.973400000Z",
      "operation=<PUT /v1/{}/glance> status=<201> client=127.0.0.1:0",
      "{request_id=txf8fd3c035f524658baf48-005395d5b6}"}},
    {"access",
     TEXT("127.0.0.1 - - [09/Jun/2026:15:50:48 +0000] \"DELETE /sdb1/205/a/c/o\" 204 - "
          "\"DELETE http://127.0.0.1:8080/v1/a/c/o\" \"tx501a51f4f420401d9d016-005395d7d8\" "
          "\"proxy-server 32605\" 0.0038 \"-\""),
     {"{request_id=tx501a51f4f420401d9d016-005395d7d8}", "!user_agent"}},
    {"mysql-slow",
     TEXT("/usr/sbin/mysqld, Version: 8.0.35 (MySQL Community Server - GPL). started "
          "with:\nTcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock\nTime               "
          "  Id Command    Argument\n# Time: 2026-11-21T09:11:53.157123Z\n# User@Host: "
          "shop[shop] @  [10.0.0.3]  Id:     8\n# Query_time: 2.004123  Lock_time: 0.000123 "
          "Rows_sent: 1  Rows_examined: 10000\nuse shop;\nSET timestamp=1795252311;\nSELECT * "
          "FROM orders\nWHERE total > 10;\n# Time: 261121  9:11:55\n# User@Host: shop[shop] @ "
          "app1 [10.0.0.3]\n# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: "
          "10\nSET timestamp=1795252315;\nUPDATE x SET y=1;"),
     {"- - 2026-11-21T09:11:53.157123000Z", "!log.line"}},
    {"mysql-general",
     TEXT("/usr/sbin/mysqld, Version: 8.0.35 (MySQL Community Server - GPL). started "
          "with:\nTcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock\nTime               "
          "  Id Command    Argument\n2026-11-21T09:11:53.157123Z\t    8 "
          "Connect\troot@localhost on shop using Socket\n2026-11-21T09:11:53.257123Z\t    8 "
          "Query\tSELECT *\nFROM orders\n2026-11-21T09:11:54.257123Z\t    8 Quit\t"),
     {"message=<SELECT *\nFROM orders>", "!log.line"}},
    {"cri",
     TEXT("2026-11-20T09:11:53.1Z stdout F 2026-11-20 09:11:53,111 ERROR [t1] c.A - trace\n"
          "2026-11-20T09:11:53.123456793Z stdout F java.lang.X: y\n"
          "2026-11-20T09:11:53.123456794Z stdout F \tat c.A.b(A.java:1)\n"
          "2026-11-20T09:11:53.123456795Z stderr F   other\n"
          "2026-11-20T09:11:54.123456794Z stdout F 2026-11-20 09:11:54,111 INFO [t1] c.A - "
          "fine\n"
          "2026-11-20T09:11:54.123456795Z stdout F {\"msg\":\"json\"}\n"),
     {"message=<trace\njava.lang.X: y\n\tat c.A.b(A.java:1)>", "message=<other>",
      "message=<fine>", "message=<json>"}},
    {"cri",
     TEXT("2026-11-20T09:11:53.123456792Z stdout F one plain line\n"
          "2026-11-20T09:11:53.123456793Z stdout F another plain line\n"),
     {"message=<one plain line>", "message=<another plain line>"}},
    {"jsonl",
     TEXT("{\"log\":\"2026-11-20 09:11:53,111 ERROR [t1] c.A - trace\\n\",\"stream\":"
          "\"stdout\",\"time\":\"2026-11-20T09:11:53.1Z\"}\n"
          "{\"log\":\"java.lang.X: y\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T09:11:"
          "53.2Z\"}\n"
          "{\"log\":\"\\tat c.A.b(A.java:1)\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T"
          "09:11:53.3Z\"}\n"
          "{\"log\":\"other\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T09:11:53.4Z\"}\n"),
     {"message=<trace\njava.lang.X: y\n\tat c.A.b(A.java:1)>", "message=<other>"}},
    {"text",
     TEXT("673f1d28.1a2b3c4d 0x7f1 conn=1000 op=1 SRCH base=\"dc=y\"\n"
          "673f1d28.3d090 0x7f1 conn=1000 op=2 UNBIND\n"),
     {"2024-11-21T11:44:40.439041101Z ~1 ", "2024-11-21T11:44:40.250000000Z ~1000 ",
      "{conn=1000} {op=1}"}},
};

START_TEST(reads_fields)
{
    const Row *row = &rows[_i];
    g_autofree char *text =
        log_sink_of_bytes(row->reader, &context, lamp_bytes(row->text, row->length));
    for (gsize i = 0; i < G_N_ELEMENTS(row->expected) && row->expected[i] != NULL; i++) {
        gboolean is_wanted = row->expected[i][0] != '!';
        const char *found = strstr(text, row->expected[i] + !is_wanted);
        ck_assert_msg((found != NULL) == is_wanted, "'%s' in\n%s", row->expected[i], text);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-dialects");
    TCase *tests = tcase_create("log-dialects");
    tcase_add_loop_test(tests, reads_fields, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
