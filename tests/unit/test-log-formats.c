/* Lines as the programs of today write them, in their variants: times, durations, upstreams,
 * ids and clients come out right. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

typedef struct {
    const char *reader, *text;
    const char *expected[6];
} Row;

static const Row rows[] = {
    {"access",
     "10.0.0.9 - - [21/Nov/2026:09:11:53 +0000] \"GET /a/1 HTTP/1.1\" 200 512 \"-\" \"curl/8\" "
     "request_time=0.250 upstream_response_time=0.100, 0.050 : 0.080 "
     "upstream_addr=10.0.0.2:80, 10.0.0.3:80 : 10.0.0.4:80 upstream_status=502, 502 : 200 "
     "request_id=7f3a9c0d1b2e4f56",
     {"call client 2026-11-21T09:11:52.770000000Z - - 2026-11-21T09:11:52.870000000Z",
      "status=<502> server=10.0.0.3:80",
      "call client 2026-11-21T09:11:52.920000000Z - - 2026-11-21T09:11:53.000000000Z",
      "status=<200> server=10.0.0.4:80"}},
    {"access",
     "10.0.0.9 - - [21/Nov/2026:09:11:53 +0000] \"GET /api/v1 HTTP/2.0\" 200 512 \"-\" "
     "\"curl/8\" 350 0.012 [default-web-80] [] 10.244.0.7:8080 512 0.010 200 "
     "4f5e6d7c8b9a00112233445566778899",
     {"call server 2026-11-21T09:11:52.988000000Z - - 2026-11-21T09:11:53.000000000Z",
      "call client 2026-11-21T09:11:52.990000000Z", "server=10.244.0.7:8080",
      "{request_length=350}", "{request_id=4f5e6d7c8b9a00112233445566778899}"}},
    {"access",
     "10.0.0.9 - - [21/Nov/2026:09:11:53 +0000] \"GET /whoami HTTP/1.1\" 200 345 \"-\" "
     "\"curl/8\" 12 \"whoami@docker\" \"http://172.18.0.3:80\" 5ms",
     {"call server 2026-11-21T09:11:53.000000000Z - - 2026-11-21T09:11:53.005000000Z",
      "server=172.18.0.3:80"}},
    {"jsonl",
     "{\"ClientAddr\":\"10.0.0.9:51000\",\"ClientHost\":\"10.0.0.9\",\"ClientPort\":\"51000\","
     "\"ClientUsername\":\"-\",\"DownstreamContentSize\":345,\"DownstreamStatus\":200,"
     "\"Duration\":5123456,\"OriginContentSize\":345,\"OriginDuration\":5000000,"
     "\"OriginStatus\":200,\"Overhead\":123456,\"RequestAddr\":\"shop.example\","
     "\"RequestContentSize\":0,\"RequestCount\":12,\"RequestHost\":\"shop.example\","
     "\"RequestMethod\":\"GET\",\"RequestPath\":\"/whoami/"
     "77\",\"RequestPort\":\"-\",\"RequestProtocol\":\"HTTP/"
     "1.1\",\"RequestScheme\":\"http\",\"RetryAttempts\":0,\"RouterName\":\"whoami@docker\","
     "\"ServiceAddr\":\"172.18.0.3:80\",\"ServiceName\":\"whoami@docker\",\"ServiceURL\":"
     "\"http://"
     "172.18.0.3:80\",\"StartLocal\":\"2026-11-21T09:11:53.100000000Z\",\"StartUTC\":\"2026-11-"
     "21T09:11:53.100000000Z\",\"entryPointName\":\"web\",\"level\":\"info\",\"msg\":\"\","
     "\"time\":\"2026-11-21T09:11:53Z\"}",
     {"call server 2026-11-21T09:11:53.100000000Z - - 2026-11-21T09:11:53.105123456Z",
      "operation=<GET /whoami/{}> status=<200> client=10.0.0.9:51000",
      "call client 2026-11-21T09:11:53.100123456Z - - 2026-11-21T09:11:53.105123456Z",
      "server=172.18.0.3:80"}},
    {"jsonl",
     "{\"level\":\"info\",\"ts\":1795252313.1234567,\"logger\":\"http.log.access.log0\","
     "\"msg\":\"handled "
     "request\",\"request\":{\"remote_ip\":\"10.0.0.9\",\"remote_port\":\"51000\",\"client_"
     "ip\":\"10.0.0.9\",\"proto\":\"HTTP/"
     "2.0\",\"method\":\"GET\",\"host\":\"shop.example\",\"uri\":\"/cart/"
     "5?x=1\",\"headers\":{\"User-Agent\":[\"curl/"
     "8\"],\"X-Request-Id\":[\"req-1\"]},\"tls\":{\"resumed\":false,\"version\":772,\"cipher_"
     "suite\":4865,\"proto\":\"h2\",\"server_name\":\"shop.example\"}},\"bytes_read\":0,\"user_"
     "id\":\"\",\"duration\":0.0125,\"size\":345,\"status\":200,\"resp_headers\":{\"Server\":["
     "\"Caddy\"]}}",
     {"{request.headers.X-Request-Id=req-1}", "call server 2026-11-21T09:11:53.110956700Z",
      "operation=<GET /cart/{}> status=<200> client=10.0.0.9:51000"}},
    {"jsonl",
     "{\"@t\":\"2026-11-21T09:11:53.1234567Z\",\"@mt\":\"HTTP {RequestMethod} {RequestPath} "
     "responded {StatusCode} in {Elapsed:0.0000} "
     "ms\",\"@r\":[\"12.3456\"],\"RequestMethod\":\"GET\",\"RequestPath\":\"/cart/"
     "5\",\"StatusCode\":200,\"Elapsed\":12.3456,\"SourceContext\":\"Serilog.AspNetCore."
     "RequestLoggingMiddleware\",\"RequestId\":\"0HLQ:1\",\"ConnectionId\":\"0HLQ\"}",
     {"call server 2026-11-21T09:11:53.111111100Z - - 2026-11-21T09:11:53.123456700Z",
      "operation=<GET /cart/{}> status=<200>",
      "service=<Serilog.AspNetCore.RequestLoggingMiddleware>"}},
    {"jsonl",
     "{\"@t\":\"2026-11-21T09:11:54.1234567Z\",\"@m\":\"Hello, "
     "Ann\",\"@i\":\"a1b2c3d4\",\"@l\":\"Warning\",\"@x\":\"System.Exception: "
     "boom\",\"@tr\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"@sp\":\"00f067aa0ba902b7\"}",
     {"severity=<warn> message=<Hello, Ann>", "{@tr=4bf92f3577b34da6a3ce929d0e0e4736}"}},
    {"jsonl",
     "{\"version\":\"1.1\",\"host\":\"web1.example.org\",\"short_message\":\"A short "
     "message\",\"full_message\":\"Backtrace "
     "here\\n\\nmore\",\"timestamp\":1795252313.3072,\"level\":3,\"_user_id\":9001,\"_request_"
     "id\":\"rid-9\",\"_facility\":\"shop\"}",
     {"2026-11-21T09:11:53.307200000Z",
      "host=<web1.example.org> severity=<error> message=<A short message>",
      "{_request_id=rid-9}"}},
    {"jsonl",
     "{\"t\":{\"$date\":\"2026-11-21T09:11:53.123+00:00\"},\"s\":\"I\",  \"c\":\"COMMAND\",  "
     "\"id\":51803,   \"ctx\":\"conn11\",\"msg\":\"Slow "
     "query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.items\",\"command\":{\"find\":"
     "\"items\",\"filter\":{\"sku\":\"A-7\"},\"lsid\":{\"id\":{\"$uuid\":\"6f0c1c5a-4a3c-4e34-"
     "9b0f-000000000001\"}},\"$db\":\"shop\"},\"planSummary\":\"COLLSCAN\",\"keysExamined\":0,"
     "\"docsExamined\":10000,\"nreturned\":1,\"queryHash\":\"801AFD5D\",\"reslen\":230,"
     "\"remote\":\"10.0.0.9:50000\",\"protocol\":\"op_msg\",\"durationMillis\":153}}",
     {"call server 2026-11-21T09:11:52.970000000Z - - 2026-11-21T09:11:53.123000000Z",
      "service=<COMMAND> thread=<conn11> severity=<info>", "client=10.0.0.9:50000"}},
    {"haproxy",
     "10.0.0.9:50001 [21/Nov/2026:09:11:53.200] tcpfe tcpbe/db1 1/2/503 2048 -- 3/2/1/0/0 0/0",
     {"call server 2026-11-21T09:11:53.200000000Z",
      "2026-11-21T09:11:53.703000000Z protocol=<tcp> operation=<connection>",
      "client=10.0.0.9:50001", "call client 2026-11-21T09:11:53.203000000Z", "server=db1:0",
      "bytes=2048"}},
    {"elb",
     "h2 2026-11-21T09:11:53.186641Z app/my-loadbalancer/50dc6c495c0c9188 2001:db8::9:2817 "
     "10.0.1.252:48160 0.001 0.002 0.003 200 200 34 366 \"GET "
     "https://www.example.com:443/cart/7 HTTP/2.0\" \"curl/8\" ECDHE-RSA-AES128-GCM-SHA256 "
     "TLSv1.2 "
     "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "
     "\"Root=1-58337281-1d84f3d73c47ec4e58577259\" \"www.example.com\" \"arn:aws:acm:x\" 1 "
     "2026-11-21T09:11:53.180641Z \"waf,forward\" \"-\" \"-\" \"10.0.1.252:48160\" \"200\" "
     "\"-\" \"-\"",
     {"call server 2026-11-21T09:11:53.180641000Z", "client 2026-11-21T09:11:53.184641000Z",
      "server=10.0.1.252:48160", "{client=2001:db8::9:2817}",
      "operation=<GET /cart/{}> status=<200>"}},
    {"table",
     "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) "
     "cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) "
     "x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
     "x-forwarded-for "
     "ssl-protocol\n2026-11-21\t09:11:53\tFRA2\t392\t192.0.2.100\tGET\td111.cloudfront.net\t/"
     "index.html\t200\t-\tcurl/"
     "8\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms\td111.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1."
     "2\n",
     {"call server 2026-11-21T09:11:52.999000000Z - - 2026-11-21T09:11:53.000000000Z",
      "operation=<GET /index.html> status=<200> client=192.0.2.100:0"}},
    {"table",
     "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: "
     "2026-11-21 09:11:53\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port "
     "cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status "
     "time-taken\n2026-11-21 09:11:53 10.0.0.1 GET /shop/item id=7 443 - 10.0.0.9 curl/8 - 200 "
     "0 0 62\n#Fields: date time cs-method cs-uri-stem c-ip sc-status sc-bytes cs-bytes "
     "time-taken\n2026-11-21 09:12:53 POST /shop/order 10.0.0.9 500 711 900 1062\n",
     {"call server 2026-11-21T09:11:52.938000000Z - - 2026-11-21T09:11:53.000000000Z",
      "operation=<POST /shop/order> status=<500>",
      "call server 2026-11-21T09:12:51.938000000Z"}},
    {"application",
     "I, [2026-11-21T09:11:53.123456 #7]  INFO -- : [4f5e6d7c-8b9a-0011-2233-445566778899] "
     "Started GET \"/items/5\" for 10.0.0.9 at 2026-11-21 09:11:53 +0000",
     {"2026-11-21T09:11:53.123456000Z",
      "process=<7> severity=<info> message=<Started GET \"/items/5\""}},
    {"application",
     "DEBUG [ScheduledTasks:1] 2026-11-21 09:11:55,123 MonitoringTask.java:152 - 1 operations "
     "were slow in the last 4998 msecs:",
     {"service=<MonitoringTask.java:152> thread=<ScheduledTasks:1> severity=<debug> message=<1 "
      "operations were slow"}},
    {"text",
     "[21/Nov/2026 09:11:53] \"GET /items/5 HTTP/1.1\" 200 1234",
     {"message=<\"GET /items/5 HTTP/1.1\" 200 1234>"}},
};

START_TEST(reads_fields)
{
    const Row *row = &rows[_i];
    g_autofree char *text = log_sink_of(row->reader, &context, row->text);
    for (gsize i = 0; i < G_N_ELEMENTS(row->expected) && row->expected[i] != NULL; i++)
        ck_assert_msg(strstr(text, row->expected[i]) != NULL, "no '%s' in\n%s",
                      row->expected[i], text);
}
END_TEST

START_TEST(recognises_its_lines)
{
    const Row *row = &rows[_i];
    guint best = 0, own = 0;
    for (gsize i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(lamp_bytes_text(row->text), "x.log");
        best = MAX(best, score);
        own = g_str_equal(lamp_readers[i]->name, row->reader) ? score : own;
    }
    ck_assert_msg(own == best && own > 0, "%s: %u, best %u", row->reader, own, best);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-formats");
    TCase *tests = tcase_create("log-formats");
    tcase_add_loop_test(tests, reads_fields, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, recognises_its_lines, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
