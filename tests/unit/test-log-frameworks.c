/* Logs of frameworks, workers and kernels, whose lines say less than others: no time, or the
 * message on the next line, or jobs instead of requests; and rare forms of times. An
 * expectation that begins with `!` must not be found. */
#include "ingest/log/begin-time.h"
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

typedef struct {
    const char *reader, *text;
    const char *expected[7];
} Row;

static const Row rows[] = {
    {"text", "May 1, 2023 @ 10:00:00.000 a", {"2023-05-01T10:00:00.000"}},
    {"text",
     "May 01, 2023, 10:00:00 AM UTC a\nMay 1, 2023, 3:00:01 PM b",
     {"2023-05-01T10:00:00", "message=<a>", "2023-05-01T15:00:01"}},
    {"text", "11/21/26 09:11:53 the file is of 2026", {"2026-11-21T09:11:53"}},
    {"text", /* one of another form */
     "2023-05-01 10:00:00 something odd\n<34>May  1 10:00:00 web sshd[77]: Accepted x",
     {"host=<web> service=<sshd> process=<77>"}},
    {"journal", /* entries whose first field is another */
     "__REALTIME_TIMESTAMP=1795252313157123\nSYSLOG_IDENTIFIER=a\nMESSAGE=one\n\n"
     "__REALTIME_TIMESTAMP=1795252314157123\nSYSLOG_IDENTIFIER=b\nMESSAGE=two\n",
     {"service=<a>", "service=<b>"}},
    {"rails", /* in order: lines have the time of their request */
     "Started GET \"/orders/12\" for 10.0.0.7 at 2026-11-21 09:11:53 +0000\n"
     "Processing by OrdersController#show as HTML\n"
     "  Parameters: {\"id\"=>\"12\"}\n"
     "Completed 200 OK in 12ms (Views: 8.3ms | ActiveRecord: 0.4ms)\n",
     {"2026-11-21T09:11:53.000000000Z ~1000000000 message=<Processing by "
      "OrdersController#show as HTML> {controller=OrdersController} {action=show}",
      "2026-11-21T09:11:53.012000000Z ~1000000000 message=<Completed 200",
      "call server 2026-11-21T09:11:53.000000000Z - - 2026-11-21T09:11:53.012000000Z",
      "operation=<GET /orders/{}> status=<200>", "client=10.0.0.7:0"}},
    {"rails", /* tags; the second request begins before the first ends */
     "[5b8efff7-9803-4103-8103-eee19b7ec3c1] [web] Started GET \"/a\" for 10.0.0.7 at "
     "2026-11-21 09:11:53 +0200\n"
     "[6b8efff7-9803-4103-8103-eee19b7ec3c2] Started POST \"/b\" for ::1 at 2026-11-21 "
     "09:11:54 +0200\n"
     "[5b8efff7-9803-4103-8103-eee19b7ec3c1] hello\n"
     "[5b8efff7-9803-4103-8103-eee19b7ec3c1] Completed 200 OK in 1500ms (Views: 8.3ms)\n"
     "[6b8efff7-9803-4103-8103-eee19b7ec3c2] Completed 500 Internal Server Error in 3ms\n",
     {"2026-11-21T07:11:53.000000000Z ~1000000000 message=<hello>",
      "call server 2026-11-21T07:11:53.000000000Z - - 2026-11-21T07:11:54.500000000Z",
      "operation=<GET /a> status=<200>",
      "call server 2026-11-21T07:11:54.000000000Z - - 2026-11-21T07:11:54.003000000Z",
      "operation=<POST /b> status=<500>", "{tag=web}"}},
    {"rails", /* several at once without tags: whose end it is, nobody knows */
     "Started GET \"/a\" for 10.0.0.7 at 2026-11-21 09:11:53 +0000\n"
     "Started GET \"/b\" for 10.0.0.7 at 2026-11-21 09:11:53 +0000\n"
     "Completed 200 OK in 12ms\n"
     "Completed 200 OK in 13ms\n"
     "Started GET \"/c\" for 10.0.0.7 at 2026-11-21 09:11:54 +0000\n"
     "Completed 200 OK in 14ms\n",
     {"!/a> status", "!/b> status", "operation=<GET /c> status=<200>"}},
    {"rails", /* no route: no end; and one that is never ended */
     "Started GET \"/a\" for 10.0.0.7 at 2026-11-21 09:11:53 +0000\n"
     "ActionController::RoutingError (No route matches [GET] \"/a\"):\n"
     "Started GET \"/b\" for 10.0.0.7 at 2026-11-21 09:11:53 +0000\n"
     "Completed 200 OK in 12ms\n"
     "Started GET \"/c\" for 10.0.0.7 at 2026-11-21 09:11:54 +0000\n"
     "Started GET \"/d\" for 10.0.0.7 at 2026-11-21 09:13:54 +0000\n"
     "Completed 200 OK in 14ms\n",
     {"operation=<GET /b> status=<200>", "operation=<GET /d> status=<200>", "!/c> status"}},
    {"rails", /* the begin is in another file */
     "[5b8efff7-9803-4103-8103-eee19b7ec3c1] Completed 200 OK in 12ms\n"
     "[5b8efff7-9803-4103-8103-eee19b7ec3c1] Completed 200 OK in 12ms\n",
     {"finding log.time @0 line 1", "!log.time @8", "!call "}},
    {"dotnet", /* two lines; scopes; an exception */
     "2026-11-21T09:11:54.1684567+00:00 info: Microsoft.AspNetCore.Hosting.Diagnostics[2]\n"
     "      => TraceId:5b8efff798038103d269b633813fc60c, ParentId:0 => RequestPath:/orders/7 "
     "RequestId:0HMV:02\n"
     "      Request finished HTTP/1.1 GET http://localhost:5000/orders/7?a=1 - - - 200 - "
     "text/plain;+charset=utf-8 45.1234ms\n"
     "2026-11-21T09:11:55.1684567+00:00 fail: Shop.Orders[0]\n"
     "      boom\n"
     "         at Program.Main()\n",
     {"service=<Microsoft.AspNetCore.Hosting.Diagnostics> severity=<info> message=<Request fin",
      "{event_number=2} {TraceId=5b8efff798038103d269b633813fc60c} {ParentId=0} "
      "{RequestPath=/orders/7} {RequestId=0HMV:02} {status=200}",
      "call server 2026-11-21T09:11:54.123333300Z - - 2026-11-21T09:11:54.168456700Z",
      "operation=<GET /orders/{}> status=<200>",
      "service=<Shop.Orders> severity=<error> message=<boom\n   at Program.Main()>"}},
    {"dotnet", /* no time at all: told once */
     "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://localhost:5000\n"
     "trce: Shop.A[-1]\n      x\nwarn: Shop.B[3]\n      y\n",
     {"severity=<info> message=<Now listening on: http://localhost:5000>",
      "service=<Shop.A> severity=<trace> message=<x>", "finding log.time @0 line 1",
      "!log.time @8"}},
    {"dotnet", /* one line */
     "2026-11-21 09:11:54 info: Microsoft.AspNetCore.Hosting.Diagnostics[2] Request finished "
     "HTTP/2 POST https://e.com/orders application/json 12 - 201 - - 45.1234ms\n"
     "2026-11-21 09:11:55 crit: Shop.Orders[0] boom\n",
     {"operation=<POST /orders> status=<201>", "severity=<fatal> message=<boom>"}},
    {"cri", /* in containers every line is stamped */
     "2026-11-21T09:11:54.123456793Z stdout F info: Shop.Web[2]\n"
     "2026-11-21T09:11:54.123456794Z stdout F       => RequestId:0HMV:02\n"
     "2026-11-21T09:11:54.123456795Z stdout F       Request finished HTTP/1.1 GET "
     "http://h/x - 200 - text/plain 45.1ms\n"
     "2026-11-21T09:11:55.1Z stdout F 2026-11-21T09:11:55.0Z warn: Shop.Web[3]\n"
     "2026-11-21T09:11:55.2Z stdout F       slow\n"
     "2026-11-21T09:11:56.2Z stdout F other\n",
     {"service=<Shop.Web> severity=<info> message=<Request finished", "{RequestId=0HMV:02}",
      "operation=<GET /x> status=<200>", "severity=<warn> message=<slow>", "message=<other>"}},
    {"jsonl", /* Docker's wrapping of the same */
     "{\"log\":\"fail: Shop.Web[3]\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:11:"
     "54Z\"}\n"
     "{\"log\":\"      => "
     "RequestId:0HMV:02\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:"
     "11:54Z\"}\n"
     "{\"log\":\"      no \\\"luck\\\"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:11:"
     "54Z\"}\n"
     "{\"log\":\"         at X\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:11:54Z\"}\n",
     {"service=<Shop.Web> severity=<error> message=<no \"luck\"\n   at X>",
      "{RequestId=0HMV:02}"}},
    {"jsonl", /* .NET's JSON console */
     "{\"Timestamp\":\"2026-11-21T09:11:54.1234567Z\",\"EventId\":2,\"LogLevel\":"
     "\"Information\",\"Category\":\"Shop.Web\",\"Message\":\"Request finished\",\"State\":{"
     "\"ElapsedMilliseconds\":45.1,\"StatusCode\":200,\"Method\":\"GET\",\"Path\":\"/orders/"
     "7\"},\"Scopes\":[{\"TraceId\":\"5b8efff798038103d269b633813fc60c\"},{\"RequestId\":"
     "\"0HMV:02\"}]}\n",
     {"service=<Shop.Web> severity=<info>", "operation=<GET /orders/{}> status=<200>",
      "{TraceId=5b8efff798038103d269b633813fc60c} {RequestId=0HMV:02}",
      "call server 2026-11-21T09:11:54.078356700Z"}},
    {"kernel",
     "[    0.000000] Linux version 6.1.0\n"
     "<4>[  123.456789][   T12] usb 1-1: USB disconnect\n"
     "kern  :warn  : [15123.456789] oom\n"
     "[Sat Nov 21 09:11:54 2026] EXT4-fs (sda1): re-mounted\n"
     "2026-11-21T09:11:55,123456+00:00 usb 1-1: new\n",
     {"service=<kernel> thread=<T12> severity=<warn> message=<usb 1-1: USB disconnect> "
      "{uptime_s=123.456789}",
      "severity=<warn> message=<oom> {facility=kern} {uptime_s=15123.456789}",
      "2026-11-21T09:11:54.000000000Z ~1000000000 service=<kernel> message=<EXT4-fs",
      "2026-11-21T09:11:55.123456000Z ~1000 service=<kernel> message=<usb 1-1: new>",
      "finding log.time @0 line 1", "!log.time @3"}},
    {"php-fpm",
     "[21-Nov-2026 09:11:54] WARNING: [pool www] child 12 exited\n"
     "[21-Nov-2026 09:11:55] WARNING: [pool www] child 12, script '/x.php' (request: \"GET "
     "/x.php\") executing too slow (5.123456 sec), logging\n"
     "[21-Nov-2026 09:11:59 Europe/Berlin] PHP Fatal error:  Uncaught Exception: no\n"
     "Stack trace:\n#0 {main}\n"
     "[21-Nov-2026 09:12:00 UTC] told by error_log()\n",
     {"severity=<warn> message=<child 12 exited> {pool=www}",
      "2026-11-21T08:11:59.000000000Z ~1000000000 severity=<fatal> message=<Uncaught "
      "Exception: no\nStack trace:\n#0 {main}>",
      "2026-11-21T09:12:00.000000000Z ~1000000000 message=<told by error_log()>", "!call "}},
    {"php-fpm",
     "\n[21-Nov-2026 09:11:53]  [pool www] pid 1234\n"
     "script_filename = /var/www/index.php\n"
     "[0x00007f1c2a815080] sleep() /var/www/index.php:4\n\n"
     "[21-Nov-2026 09:11:54]  [pool www] pid 1235\n"
     "script_filename = /var/www/other.php\n",
     {"process=<1234> severity=<warn> message=<script_filename = /var/www/index.php\n"
      "[0x00007f1c2a815080] sleep() /var/www/index.php:4> {pool=www} "
      "{script=/var/www/index.php}",
      "process=<1235>"}},
    {"php-fpm",
     "10.0.0.7 - ada 21/Nov/2026:09:11:54 +0000 \"GET /index.php?q=1\" 200 /var/www/index.php "
     "12.345 2048 81.01%\n"
     "- -  21/Nov/2026:09:11:55 +0000 \"GET /y.php\" 404\n",
     {"{user=ada} {client=10.0.0.7} {request=GET /index.php?q=1} {status=200}",
      "call server 2026-11-21T09:11:54.000000000Z - - 2026-11-21T09:11:54.012345000Z",
      "{request=GET /y.php} {status=404}", "!GET /y.php> status"}},
    {"php-fpm", /* zones that do not exist take no one's place, and old ones make room */
     "[21-Nov-2026 09:11:50 Nope/0] PHP Warning:  x\n[21-Nov-2026 09:11:50 Nope/1] PHP "
     "Warning:  x\n"
     "[21-Nov-2026 09:11:50 Nope/2] PHP Warning:  x\n[21-Nov-2026 09:11:50 Nope/3] PHP "
     "Warning:  x\n"
     "[21-Nov-2026 09:11:50 Nope/4] PHP Warning:  x\n[21-Nov-2026 09:11:50 Nope/5] PHP "
     "Warning:  x\n"
     "[21-Nov-2026 09:11:50 Nope/6] PHP Warning:  x\n[21-Nov-2026 09:11:50 Nope/7] PHP "
     "Warning:  x\n"
     "[21-Nov-2026 09:11:53 Europe/Berlin] PHP Warning:  x\n",
     {"2026-11-21T08:11:53.000000000Z"}},
    {"elasticsearch",
     "[2026-11-21T09:11:53,123][INFO ][o.e.n.Node               ] [node-1] started\n"
     "[2026-11-21T09:11:54,123][WARN ][i.s.s.query              ] [node-1] [orders][0] "
     "took[1.2s], took_millis[1234], total_hits[5 hits], source[{\"a\":1}], id[7],\n"
     "[2026-11-21T09:11:55,123][DEBUG][o.e.a.Search] [node-1] failed\n"
     "org.elasticsearch.X: [node-2] y\n",
     {"service=<o.e.n.Node> severity=<info> message=<started> {node=node-1}",
      "call server 2026-11-21T09:11:52.923000000Z - - 2026-11-21T09:11:54.123000000Z",
      "operation=<query orders>", "{index=orders} {shard=0} {took=1.2s}",
      "message=<failed\norg.elasticsearch.X: [node-2] y>"}},
    {"jsonl",
     "{\"type\": \"index_search_slowlog\", \"timestamp\": \"2026-11-21T09:11:54,123Z\", "
     "\"level\": \"WARN\", \"component\": \"i.s.s.query\", \"message\": \"[orders][0]\", "
     "\"took\": \"250.1micros\", \"took_millis\": \"0\"}\n"
     "{\"@timestamp\":\"2026-11-21T09:11:56.123Z\",\"elasticsearch.slowlog.message\":"
     "\"[carts][0]\",\"elasticsearch.slowlog.took\":\"3.5ms\",\"elasticsearch.slowlog.took_"
     "millis\":3,\"log.logger\":\"index.search.slowlog.fetch\"}\n",
     {"operation=<query orders>", "call server 2026-11-21T09:11:54.122749900Z",
      "operation=<fetch carts>", "message=<[carts][0]>"}},
    {"text", /* log4j's `[%d][%p][%t]`: a thread, no logger */
     "[2026-11-21 09:11:53][INFO][http-nio-8080-exec-1] order created\n",
     {"!service=<http-nio-8080-exec-1>"}},
    {"labels", /* prose */
     "2026-11-21 09:11:53 Error: connect refused, errno: -111\n"
     "2026-11-21 09:11:54 WARNING: retrying, attempt: 2\n"
     "2026-11-21 09:11:55 db: cannot connect, host: 10.0.0.5\n"
     "2026-11-21 09:11:56 sshd: Accepted, user: alice, host: laptop-3\n",
     {"severity=<error>", "severity=<warn>", "!{attempt", "!{db=", "!host=<",
      "{host=laptop-3}"}},
    {"labels",
     "2026-11-21 09:11:53 [WARN] request_id: 5b8efff79803 user: \"al ice\" status: 200\n"
     "2026-11-21 09:11:54 request_id:6b8e, path:/a, note: two words; status:200\n",
     {"severity=<warn> message=<request_id: 5b", "{request_id=5b8efff79803} {user=al ice}",
      "{request_id=6b8e} {path=/a} {note=two words} {status=200}"}},
    {"labels",
     "time:[21/Nov/2026:09:11:53 +0000]\thost:10.0.0.7\treq:GET /x HTTP/1.1\tstatus:200\t"
     "reqtime:0.012\n",
     {"client=10.0.0.7:0", "operation=<GET /x> status=<200>",
      "call server 2026-11-21T09:11:52.988000000Z"}},
    {"application",
     "[2026-11-21 09:11:53,280: INFO/ForkPoolWorker-1] Task shop.tasks.mail[5b8efff7-9803-4103-"
     "8103-eee19b7ec3c1] succeeded in 0.03s: None\n"
     "[2026-11-21 09:11:54,280: WARNING/MainProcess] Task shop.tasks.mail[6b8efff7-9803-4103-"
     "8103-eee19b7ec3c1] received\n",
     {"thread=<ForkPoolWorker-1> severity=<info>",
      "{task=shop.tasks.mail} {task_id=5b8efff7-9803-4103-8103-eee19b7ec3c1}",
      "call server 2026-11-21T09:11:53.250000000Z - - 2026-11-21T09:11:53.280000000Z",
      "operation=<shop.tasks.mail> status=<succeeded>", "!2026-11-21T09:11:54.280000000Z -",
      "{task_id=6b8efff7-9803-4103-8103-eee19b7ec3c1}"}},
    {"application",
     "2026-11-21T09:11:53.623Z pid=12 tid=abc1 class=HardJob jid=b4a577edbccf1d805744efa9 "
     "elapsed=0.5 INFO: done\n"
     "2026-11-21T09:11:56.623Z 12 TID-ovq1xv45k MailJob JID-e4a577edbccf1d805744efa9 WARN: "
     "fail: 1.0 sec\n"
     "2026-11-21T09:11:57.623Z pid=12 tid=abc1 INFO: Booted Rails\n",
     {"process=<12> thread=<abc1> severity=<info> message=<done> {class=HardJob} "
      "{jid=b4a577edbccf1d805744efa9} {elapsed=0.5}",
      "call server 2026-11-21T09:11:53.123000000Z - - 2026-11-21T09:11:53.623000000Z",
      "operation=<HardJob> status=<done>", "thread=<ovq1xv45k> severity=<warn>",
      "operation=<MailJob> status=<fail>", "message=<Booted Rails>"}},
    {"application", /* Active Job */
     "2026-11-21 09:11:53 INFO [main] jobs - Performed MailJob (Job ID: 5b8efff7-9803) from "
     "Sidekiq(default) in 12.5ms\n",
     {"operation=<MailJob>", "{job=MailJob} {job_id=5b8efff7-9803}",
      "2026-11-21T09:11:52.987500000Z"}},
    {"application", /* structlog's columns */
     "2026-11-21 09:11:55 [info     ] user logged in                 [shop.orders] id=5b8e "
     "who='a b'\n"
     "2026-11-21 09:11:56 [error    ] no more\n",
     {"service=<shop.orders> severity=<info> message=<user logged in>", "{id=5b8e}",
      "severity=<error> message=<no more>"}},
    {"levels",
     "\x1b[32mINFO\x1b[0m:     10.0.0.7:51234 - \"\x1b[1mGET /orders/7 HTTP/1.1\x1b[0m\" 200 "
     "OK\n"
     "WARNING:shop.orders:the stock is low n=3\n"
     "ERROR:    Exception\nTraceback (most recent call last):\n  File \"x\"\nValueError: no\n",
     {"severity=<info> message=<10.0.0.7:51234 - \"GET", "{client=10.0.0.7:51234}",
      "{request=GET /orders/7 HTTP/1.1} {status=200}",
      "service=<shop.orders> severity=<warn> message=<the stock is low n=3> {n=3}",
      "severity=<error> message=<Exception\nTraceback", "finding log.time @0 line 1",
      "!log.line"}},
    {"cri", /* the same in a container */
     "2026-11-21T09:11:54.1Z stdout F INFO:     10.0.0.7:51234 - \"GET /x HTTP/1.1\" 200 OK\n"
     "2026-11-21T09:11:55.1Z stderr F WARNING:shop.orders:low\n",
     {"severity=<info> message=<10.0.0.7:51234 - \"GET", "{status=200}", "severity=<warn>",
      "message=<low>"}},
    {"haproxy",
     "10.0.1.2:33317 [21/Nov/2026:09:11:53.655] http-in static/srv1 9/10/7/14/+30 200 +243 - - "
     "---- 3/1/1/1/0 0/0 \"GET /image.iso HTTP/1.0\"\n"
     "10.0.1.2:33317 [21/Nov/2026:09:11:59.655] https-in~ s/s1 10/0/30/69/109 200 2750 - - "
     "---- 1/1/1/1/0 0/0 \"GET /x HTTP/1.1\" 0/0000000000000000/0/0/0 "
     "e.org/TLSv1.3/TLS_AES_256_GCM_SHA384\n"
     "10.0.1.2:33317 [21/Nov/2026:09:11:59.755] https-in/1: SSL handshake failure\n",
     {"operation=<GET /image.iso> status=<200>",
      "{tls_errors=0/0000000000000000/0/0/0} {tls=e.org/TLSv1.3/TLS_AES_256_GCM_SHA384}",
      "2026-11-21T09:11:59.755000000Z ~1000000 message=<SSL handshake failure> "
      "{client=10.0.1.2:33317} {frontend=https-in/1}"}},
    {"text", /* JSON between other lines */
     "2026-11-21 09:11:53 something\n"
     "{\"time\":\"2026-11-21T09:11:54Z\",\"level\":\"warn\",\"msg\":\"x\"}\n",
     {"severity=<warn> message=<x>"}},
    {"table", /* line ends in cells; a quote that never ends */
     "time,level,message,code\n"
     "2026-11-21 09:11:53,ERROR,\"first\nsecond, \"\"quoted\"\"\r\nthird\",7\n"
     "2026-11-21 09:11:54,INFO,\"broken,8\n"
     "2026-11-21 09:11:55,WARN,whole,9\n",
     {"2026-11-21T09:11:53.000000000Z ~1000000000 severity=<error> message=<first\nsecond, "
      "\"quoted\"\r\nthird> {code=7}",
      "message=<2026-11-21 09:11:54,INFO,\"broken,8>", "severity=<warn> message=<whole>"}},
    {"json", /* over several lines; a bracket in a text; one without a time, one unread */
     "[\n  {\n    \"timestamp\": \"2026-11-21T09:11:53Z\",\n    \"message\": \"a } b\",\n"
     "    \"labels\": {\"zone\": \"z1\"}\n  },\n  {\"message\": \"none\"},\n"
     "  {\"timestamp\": \"noon\", \"message\": \"unread\"}\n]\n",
     {"event @4+99 2026-11-21T09:11:53.000000000Z ~1000000000 message=<a } b> "
      "{labels.zone=z1}",
      "message=<none>", "message=<unread> {timestamp=noon}", "finding log.time @107 line 2",
      "finding log.time @130 line 3"}},
    {"json", /* an answer of Elasticsearch; then one of CloudWatch */
     "{\"took\":3,\"hits\":{\"total\":{\"value\":1},\"hits\":[{\"_id\":\"7\",\"_source\":{"
     "\"@timestamp\":\"2026-11-21T09:11:53Z\",\"message\":\"GET /x took 12 ms\"},\"sort\":["
     "1]}]}}\n{\"events\":[{\"timestamp\":1795252313500,\"message\":\"2026-11-21 09:11:53,"
     "500 WARN [main] a.B - slow\",\"ingestionTime\":1795252314000}],\"nextForwardToken\":"
     "\"f/1\"}\n",
     {"operation=<GET /x>",
      "2026-11-21T09:11:53.500000000Z ~1000000 service=<a.B> thread=<main> severity=<warn> "
      "message=<slow>",
      "!_id"}},
    {"json", /* cut, and closed too often */
     "{\"Records\":[{\"eventTime\":\"2026-11-21T09:11:53Z\",\"eventName\":\"Run\"}",
     {"2026-11-21T09:11:53.000000000Z", "finding json.end @"}},
    {"json",
     "{\"time\":\"2026-11-21T09:11:53Z\"}]{\"time\":\"2026-11-21T09:11:54Z\"}",
     {"finding json.bracket @31", "!09:11:54"}},
    {"jsonl", /* of k6 */
     "{\"metric\":\"m\",\"type\":\"Point\",\"data\":{\"time\":\"2026-11-21T09:11:53.1Z\"}}\n",
     {"event @0+71 2026-11-21T09:11:53.100000000Z"}},
    {"jsonl", /* a time that cannot be read, and none */
     "{\"time\":\"yesterday\",\"msg\":\"x\"}\n{\"msg\":\"y\"}\n",
     {"finding log.time @0 line 1", "finding log.time @31 line 2"}},
};

START_TEST(reads_fields)
{
    const Row *row = &rows[_i];
    g_autofree char *text =
        log_sink_of_bytes(row->reader, &context, lamp_bytes_text(row->text));
    for (gsize i = 0; i < G_N_ELEMENTS(row->expected) && row->expected[i] != NULL; i++) {
        gboolean is_wanted = row->expected[i][0] != '!';
        const char *found = strstr(text, row->expected[i] + !is_wanted);
        ck_assert_msg((found != NULL) == is_wanted, "'%s' in\n%s", row->expected[i], text);
    }
}
END_TEST

/* Audit's time is finer than that of the real-time clock; both count back to the boot. */
START_TEST(finds_boot)
{
    static const char clock[] = "<6>[    0.000000] Linux version\n"
                                "[    1.500000] rtc_cmos 00:04: setting system clock to "
                                "2026-11-21T09:11:40 UTC (1795252300)\n",
                      audit[] = "[    5.250000] audit: type=1400 audit(1795252305.350:2): x\n";
    g_autofree char *both = g_strconcat(clock, audit, NULL);
    ck_assert_int_eq(lamp_log_boot_time(lamp_bytes_text(clock)),
                     1795252298500 * LAMP_NS_PER_MS);
    ck_assert_int_eq(lamp_log_boot_time(lamp_bytes_text(both)), 1795252300100 * LAMP_NS_PER_MS);
    ck_assert_int_eq(lamp_log_boot_time(lamp_bytes_text("[    5.250000] usb\n")), 0);
    ck_assert_int_eq(lamp_log_boot_time(lamp_bytes_text("audit(1795252305.350:2)\n")), 0);
}
END_TEST

START_TEST(counts_from_boot)
{
    LampSourceContext booted = context;
    booted.begun = 1795252298500 * LAMP_NS_PER_MS;
    g_autofree char *text = log_sink_of_bytes(
        "kernel", &booted, lamp_bytes_text("[    1.500001] usb 1-1: new device\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "2026-11-21T09:11:40.000001000Z ~1000 service=<kernel>"));
}
END_TEST

/* A second boot counts from its own clock, and has no times before that. */
START_TEST(counts_from_next_boot)
{
    static const char lines[] =
        "[    1.500000] rtc_cmos 00:04: setting system clock to 2026-11-21T09:11:40 UTC "
        "(1795252300)\n[  100.500000] usb 1-1: first\n[    0.500000] Linux version 6\n"
        "[    1.500000] rtc_cmos 00:04: setting system clock to 2026-11-21T12:11:40 UTC "
        "(1795263100)\n[  100.500000] usb 1-1: second\n"
        "[  105.000000] audit: type=1400 audit(1795270300.000:2): awake\n";
    LampSourceContext booted = context;
    booted.begun = lamp_log_boot_time(lamp_bytes_text(lines));
    ck_assert_int_eq(booted.begun, 1795252298500 * LAMP_NS_PER_MS);
    g_autofree char *text = log_sink_of_bytes("kernel", &booted, lamp_bytes_text(lines));
    static const char *const expected[] = {
        "2026-11-21T09:13:19.000000000Z ~1000 service=<kernel> message=<usb 1-1: first>",
        "finding log.time", "2026-11-21T12:11:40.000000000Z ~1000",
        "2026-11-21T12:13:19.000000000Z ~1000 service=<kernel> message=<usb 1-1: second>",
        "2026-11-21T14:11:40.000000000Z ~1000"};
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "'%s' in\n%s", expected[i], text);
    ck_assert_ptr_null(strstr(text, "09:11:39.000"));
}
END_TEST

/* Lines of servers begin as `dmesg -T`'s do. */
START_TEST(leaves_lines_of_servers)
{
    static const char *const lines[] = {
        "[Sat Nov 21 09:11:53.123456 2026] [core:notice] [pid 12:tid 14] AH00094: x\n",
        "[Sat Nov 21 09:11:53 2026] [error] [client 10.0.0.7] File does not exist: /x\n",
        "[Sat Nov 21 09:11:53 2026] [mpm_event:notice] [pid 12] AH00163: x\n",
        "[Sat Nov 21 09:11:53 2026] PHP 8.1.2 Development Server (http://localhost:8000) "
        "started\n",
        "[Sat Nov 21 09:11:54 2026] 127.0.0.1:51234 Accepted\n",
        "[Sat Nov 21 09:11:54 2026] [::1]:51234 [200]: GET /index.php\n",
        "[Sat Nov 21 09:11:53 2026] [1234:3086] [info] init_jk::mod_jk.c (3365): "
        "initialized\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        ck_assert_uint_eq(
            lamp_reader_find("kernel")->probe(lamp_bytes_text(lines[i]), "error.log"), 0);
    ck_assert_uint_ge(
        lamp_reader_find("kernel")->probe(
            lamp_bytes_text("[Sat Nov 21 09:11:53 2026] [drm] Initialized simpledrm\n"), "x"),
        80);
    LampBytes other =
        lamp_bytes_text("[Sat Nov 21 09:11:54 2026] worker1 shop.example 0.012\n");
    ck_assert_uint_lt(lamp_reader_find("kernel")->probe(other, "x"),
                      lamp_reader_find("text")->probe(other, "x"));
}
END_TEST

/* Lines are for the reader of lines; what holds records only further in is not. */
START_TEST(tells_json_from_lines)
{
    static const struct {
        const char *text, *reader;
    } texts[] = {
        {"{\"time\":\"2026-11-21T09:11:53Z\"}\n{\"time\":\"2026-11-21T09:11:54Z\"}\n", "jsonl"},
        {"[{\"time\":\"2026-11-21T09:11:53Z\"},{\"time\":\"2026-11-21T09:11:54Z\"}]", "json"},
        {"\xef\xbb\xbf\n{\n\"time\":\"2026-11-21T09:11:53Z\"\n}\n", "json"},
        {"{\"events\":[{\"timestamp\":1795252313500,\"message\":\"x\"}]}\n", "json"},
        {"{\"events\":[{\"message\":\"x\"}]}\n", "jsonl"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        LampBytes head = lamp_bytes_text(texts[i].text);
        guint json = lamp_reader_find("json")->probe(head, "x");
        guint lines = lamp_reader_find("jsonl")->probe(head, "x");
        ck_assert_str_eq(json > lines ? "json" : "jsonl", texts[i].reader);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-frameworks");
    TCase *tests = tcase_create("log-frameworks");
    tcase_add_loop_test(tests, reads_fields, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, finds_boot);
    tcase_add_test(tests, counts_from_boot);
    tcase_add_test(tests, counts_from_next_boot);
    tcase_add_test(tests, tells_json_from_lines);
    tcase_add_test(tests, leaves_lines_of_servers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
