/* Lines of firewalls, connection tracking and VPC flow logs become flow records. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

typedef struct {
    const char *reader, *text;
    const char *flows[3]; /* each must be found; as many flows as texts */
} Row;

#define AT "Nov  3 10:00:00 gw "

static const Row rows[] = {
    {"syslog",
     AT "kernel: [12345.678901] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:5e:02:03:01:18:53:33:33:d6:"
        "41:08:00 SRC=203.0.113.9 DST=10.0.0.5 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=1 DF PROTO="
        "TCP SPT=51000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 ",
     {"flow 2026-11-03T10:00:00.000000000Z 2026-11-03T10:00:00.000000000Z "
      "from=203.0.113.9:51000 to=10.0.0.5:22 6: 1 packets 60 bytes flags 2 event 1 "
      "{\"prefix\":\"UFW BLOCK\",\"action\":\"block\",\"input\":\"eth0\"}"}},
    {"syslog",
     AT "kernel: ok: IN= OUT=eth0 SRC=10.0.0.5 DST=10.0.0.9 LEN=69 TOS=0x00 TTL=64 ID=1 PROTO="
        "UDP SPT=40000 DPT=53 LEN=49",
     {"from=10.0.0.5:40000 to=10.0.0.9:53 17: 1 packets 69 bytes flags 0"}},
    {"syslog", /* an ICMP error quotes another packet */
     AT
     "kernel: Shorewall:net2fw:DROP:IN=eth0 OUT=eth1 SRC=10.0.0.5 DST=10.0.0.9 LEN=88 TTL=64 "
     "PROTO=ICMP TYPE=3 CODE=3 [SRC=10.0.0.9 DST=10.0.0.5 LEN=60 PROTO=UDP SPT=53 DPT=4000 "
     "LEN=40 ]",
     {"from=10.0.0.5:0 to=10.0.0.9:771 1: 1 packets 88 bytes flags 0 event 1 {\"prefix\":"
      "\"Shorewall:net2fw:DROP\",\"action\":\"block\",\"input\":\"eth0\",\"output\":"
      "\"eth1\"}"}},
    {"syslog",
     AT "conntrack[22]: [NEW] tcp      6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=41000 "
        "dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=41000",
     {"from=10.0.0.1:41000 to=10.0.0.2:80 6: 0 packets 0 bytes flags 2 event 1 {\"event\":\"new"
      "\"}"}},
    {"text", /* conntrack -E -o timestamp,extended; the reply comes from behind a NAT */
     "[1700000006.500000]\t[DESTROY] ipv4     2 tcp      6 src=10.0.0.1 dst=10.0.0.2 "
     "sport=41000 "
     "dport=80 packets=6 bytes=500 src=192.168.0.2 dst=10.0.0.1 sport=8080 dport=41000 "
     "packets=4 bytes=9000 [ASSURED] delta-time=6",
     {"flow 2023-11-14T22:13:20.500000000Z 2023-11-14T22:13:26.500000000Z from=10.0.0.1:41000 "
      "to=10.0.0.2:80 6: 6 packets 500 bytes flags 0",
      "from=10.0.0.2:80 to=10.0.0.1:41000 6: 4 packets 9000 bytes flags 0 event 1"}},
    {"syslog",
     AT
     "ulogd[33]: [DESTROY] ORIG: SRC=10.0.0.1 DST=10.0.0.2 PROTO=UDP SPT=41001 DPT=53 PKTS=1 "
     "BYTES=60 , REPLY: SRC=10.0.0.2 DST=10.0.0.1 PROTO=UDP SPT=53 DPT=41001 PKTS=2 "
     "BYTES=120",
     {"from=10.0.0.1:41001 to=10.0.0.2:53 17: 1 packets 60 bytes",
      "from=10.0.0.2:53 to=10.0.0.1:41001 17: 2 packets 120 bytes"}},
    {"syslog",
     AT "filterlog[70001]: 5,,,1000000103,em0,match,block,in,4,0x0,,64,4242,0,DF,6,tcp,60,"
        "198.51.100.7,192.0.2.4,51000,443,0,S,1234567,,64240,,mss;sackOK",
     {"from=198.51.100.7:51000 to=192.0.2.4:443 6: 1 packets 60 bytes flags 2 event 1 "
      "{\"prefix\":\"1000000103\",\"action\":\"block\",\"direction\":\"in\",\"input\":"
      "\"em0\"}"}},
    {"syslog",
     AT "filterlog: 7,,,104,em1,match,pass,out,6,0x00,0x00000,64,UDP,17,56,2001:db8::1,"
        "2001:db8::2,40000,53,48",
     {" 17: 1 packets 56 bytes"}},
    {"syslog",
     AT "kernel: ipfw: 65500 Deny TCP 10.0.0.1:1234 10.0.0.2:80 in via em0",
     {"from=10.0.0.1:1234 to=10.0.0.2:80 6: 1 packets 0 bytes flags 0 event 1 {\"prefix\":"
      "\"65500\",\"action\":\"block\",\"direction\":\"in\",\"input\":\"em0\"}"}},
    {"syslog",
     AT "kernel: ipfw: 300 Accept ICMP:8.0 10.0.0.1 10.0.0.2 out via em0",
     {"from=10.0.0.1:0 to=10.0.0.2:2048 1: 1 packets"}},
    {"syslog",
     AT "pf: rule 4/0(match): block in on em0: 10.0.0.1.5000 > 10.0.0.2.80: Flags [S.], seq 1, "
        "win 65535, length 20",
     {"from=10.0.0.1:5000 to=10.0.0.2:80 6: 1 packets 20 bytes flags 18"}},
    {"syslog", AT "app[4]: moved src=10.0.0.1 dst=10.0.0.2 took 31 ms", {NULL}},
    {"syslog", AT "kernel: DROP IN=eth0 OUT= SRC=10.0.0.1 DST=elsewhere PROTO=TCP", {NULL}},
    {"syslog", AT "app[4]: LOGIN=ok src=10.0.0.1 dst=10.0.0.2 proto=tcp", {NULL}},
    {"jsonl",
     "{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"info\",\"service\":\"ipfw\",\"x\":1}",
     {NULL}},
    {"syslog", AT "filterlog: 5,,,1000000103,em0,match,block,in,4,0x0", {NULL}},
    {"syslog", AT "pf: rule 4/0(match): block in on em0: 10.0.0.1.5000 >", {NULL}},
    {"syslog", AT "kernel: ipfw: 65500 Deny", {NULL}},
    {"vpc-flow",
     "2 123456789010 eni-1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 "
     "ACCEPT OK\n2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n"
     "2014-12-14T04:07:50.000Z 2 1 eni-1 10.0.0.1 10.0.0.2 1 2 17 3 4 1418530010 1418530070 "
     "REJECT OK\n",
     {"flow 2014-12-14T04:06:50.000000000Z 2014-12-14T04:07:50.000000000Z "
      "from=172.31.16.139:20641 to=172.31.16.21:22 6: 20 packets 4249 bytes flags 0 event 0 "
      "{\"action\":\"ACCEPT\",\"interface\":\"eni-1\"}",
      "from=10.0.0.1:1 to=10.0.0.2:2 17: 3 packets 4 bytes"}},
    {"vpc-flow",
     "version vpc-id interface-id srcaddr dstaddr srcport dstport pkt-srcaddr protocol bytes "
     "packets start end action tcp-flags log-status\n"
     "5 vpc-1 eni-1 10.0.0.62 52.213.180.42 43416 5001 10.0.1.9 6 568 8 1566848875 1566848933 "
     "ACCEPT 2 OK\n",
     {"from=10.0.0.62:43416 to=52.213.180.42:5001 6: 8 packets 568 bytes flags 2 event 0 "
      "{\"action\":\"ACCEPT\",\"interface\":\"eni-1\",\"packet_source\":\"10.0.1.9\"}"}},
};

static guint
count_lines(const char *text, const char *begin)
{
    guint count = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++)
        count += g_str_has_prefix(lines[i], begin) ? 1 : 0;
    return count;
}

START_TEST(makes_flow_records)
{
    const Row *row = &rows[_i];
    g_autofree char *text = log_sink_of(row->reader, &context, row->text);
    guint expected = 0;
    for (; expected < G_N_ELEMENTS(row->flows) && row->flows[expected] != NULL; expected++)
        ck_assert_msg(strstr(text, row->flows[expected]) != NULL, "no '%s' in\n%s",
                      row->flows[expected], text);
    ck_assert_msg(count_lines(text, "flow ") == expected, "%u flows expected in\n%s", expected,
                  text);
    ck_assert_uint_eq(count_lines(text, "call "), 0);
}
END_TEST

/* Which reader recognises the row by its content? Lines of logs stay events. */
START_TEST(keeps_the_event)
{
    const Row *row = &rows[_i];
    g_autofree char *text = log_sink_of(row->reader, &context, row->text);
    gboolean is_log = !g_str_equal(row->reader, "vpc-flow");
    ck_assert_uint_eq(count_lines(text, "event "), is_log ? 1 : 0);
    if (!is_log)
        ck_assert_uint_ge(lamp_reader_find(row->reader)->probe(lamp_bytes_text(row->text), "x"),
                          95);
}
END_TEST

START_TEST(tells_of_lines_that_are_no_flows)
{
    g_autofree char *text = log_sink_of(
        "vpc-flow", &context,
        "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
        "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 tcp? 20 4249 1418530010 0 ACCEPT OK\n"
        "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 9223372036 9223372036 ACCEPT OK\n"
        "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530070 1418530010 ACCEPT OK\n"
        "something else\n");
    ck_assert_uint_eq(count_lines(text, "flow "), 2);
    ck_assert_uint_eq(count_lines(text, "finding vpc-flow.times"), 1);
    ck_assert_uint_eq(count_lines(text, "finding vpc-flow.line"), 3);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("packet-line");
    TCase *tests = tcase_create("packet-line");
    tcase_add_loop_test(tests, makes_flow_records, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, keeps_the_event, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, tells_of_lines_that_are_no_flows);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
