/* TCP situations, with packets made in code. Turns make them visible: one call for each request
 * with its response, four times and sizes each.
 */
#include "tests/unit/suite.h"
#include "tests/unit/wire.h"

#define HANDSHAKE                                                           \
    {.ms = 0, .sequence = 99, .flags = WIRE_SYN},                           \
        {.ms = 1,                                                           \
         .to_client = TRUE,                                                 \
         .sequence = 499,                                                   \
         .acknowledgement = 100,                                            \
         .flags = WIRE_SYN | WIRE_ACK},                                     \
    {                                                                       \
        .ms = 2, .sequence = 100, .acknowledgement = 500, .flags = WIRE_ACK \
    }
#define REQUEST(t, s, a, text)                                                           \
    {                                                                                    \
        .ms = t, .sequence = s, .acknowledgement = a, .flags = WIRE_ACK, .payload = text \
    }
#define RESPONSE(t, s, a, text)                                                             \
    {                                                                                       \
        .ms = t, .to_client = TRUE, .sequence = s, .acknowledgement = a, .flags = WIRE_ACK, \
        .payload = text                                                                     \
    }

#define expect(segments, expected)                           \
    do {                                                     \
        Collect c;                                           \
        wire_send_all(&c, segments, G_N_ELEMENTS(segments)); \
        ck_assert_str_eq(c.text->str, expected);             \
        ck_assert_str_eq(c.findings->str, "");               \
        collect_end(&c);                                     \
    } while (0)

START_TEST(test_in_order)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(10, 100, 500, "ask"), RESPONSE(20, 500, 103, "ans"),
                       RESPONSE(21, 503, 103, "wer")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 21 bytes 3/6\n"
              "connection 1 40000>7777 open bytes 3/6 packets 6 again 0 lost 0\n");
}
END_TEST

START_TEST(test_out_of_order)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(11, 103, 500, "def"), REQUEST(12, 100, 500, "abc"),
                       RESPONSE(20, 500, 106, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 12 11 20 20 bytes 6/1\n"
              "connection 1 40000>7777 open bytes 6/1 packets 6 again 0 lost 0\n");
}
END_TEST

START_TEST(test_retransmission_keeps_time)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(10, 100, 500, "abc"),
                       REQUEST(250, 100, 500, "abcdef"), RESPONSE(260, 500, 106, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 250 260 260 bytes 6/1\n"
              "connection 1 40000>7777 open bytes 6/1 packets 6 again 3 lost 0\n");
}
END_TEST

START_TEST(test_loss_is_a_gap)
{
    WireSegment s[] = {HANDSHAKE,
                       REQUEST(10, 100, 500, "abc"),
                       RESPONSE(20, 500, 106, "x"),
                       REQUEST(50, 106, 501, "ghi"),
                       RESPONSE(60, 501, 109, "y"),
                       REQUEST(90, 109, 502, "jkl")};
    expect(s, "call 1.1 operation=turn flags 18 times 10 10 20 20 bytes 6/1\n"
              "call 1.2 operation=turn flags 16 times 50 50 60 60 bytes 3/1\n"
              "call 1.3 operation=turn flags 17 times 90 90 - - bytes 3/0\n"
              "connection 1 40000>7777 open bytes 12/2 packets 8 again 0 lost 3\n");
}
END_TEST

/* The first request was not captured: its response is not one without a request. */
START_TEST(test_loss_before_the_protocol_is_known)
{
#define EMPTY_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    WireSegment s[] = {HANDSHAKE, RESPONSE(20, 500, 130, EMPTY_RESPONSE),
                       REQUEST(50, 130, 538, "GET / HTTP/1.1\r\n\r\n"),
                       RESPONSE(60, 538, 148, EMPTY_RESPONSE)};
    Collect c;
    wire_send_all(&c, s, G_N_ELEMENTS(s));
    ck_assert_str_eq(c.findings->str, "");
    ck_assert(strstr(c.text->str, "operation=GET /") != NULL);
    ck_assert(strstr(c.text->str, "call 1.1") != NULL &&
              strstr(c.text->str, "call 1.2") != NULL);
    ck_assert(strstr(c.text->str, "lost 30") != NULL);
    collect_end(&c);
}
END_TEST

START_TEST(test_overlap_counts_once)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(12, 102, 500, "cdef"), REQUEST(13, 104, 500, "ef"),
                       REQUEST(14, 100, 500, "abcd"), RESPONSE(20, 500, 106, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 14 12 20 20 bytes 6/1\n"
              "connection 1 40000>7777 open bytes 6/1 packets 7 again 4 lost 0\n");
}
END_TEST

START_TEST(test_wrap_around)
{
    WireSegment s[] = {{.ms = 0, .sequence = 0xfffffffe, .flags = WIRE_SYN},
                       {.ms = 1,
                        .to_client = TRUE,
                        .sequence = 0xffffffff,
                        .acknowledgement = 0xffffffff,
                        .flags = WIRE_SYN | WIRE_ACK},
                       REQUEST(10, 0xffffffff, 0, "abc"),
                       REQUEST(11, 5, 0, "ghi"),
                       REQUEST(12, 2, 0, "def"),
                       RESPONSE(20, 0, 8, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 11 20 20 bytes 9/1\n"
              "connection 1 40000>7777 open bytes 9/1 packets 6 again 0 lost 0\n");
}
END_TEST

START_TEST(test_response_written_before_request)
{
    /* Two capture queues: the response and the next request come first in the file. */
    WireSegment s[] = {HANDSHAKE, RESPONSE(12, 500, 103, "x"), REQUEST(11, 100, 500, "abc"),
                       REQUEST(20, 103, 501, "def"), RESPONSE(22, 501, 106, "y")};
    expect(s, "call 1.1 operation=turn flags 16 times 11 11 12 12 bytes 3/1\n"
              "call 1.2 operation=turn flags 16 times 20 20 22 22 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 6/2 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_keep_alive_probe)
{
    WireSegment s[] = {HANDSHAKE,
                       REQUEST(10, 100, 500, "abc"),
                       RESPONSE(20, 500, 103, "x"),
                       REQUEST(9000, 102, 501, NULL),
                       RESPONSE(9001, 501, 103, NULL),
                       REQUEST(18000, 102, 501, "c"),
                       RESPONSE(18001, 501, 103, NULL)};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 9 again 0 lost 0\n");
}
END_TEST

/* A capture that begins with a keep-alive: the byte before the next is no end of stream. */
START_TEST(test_keep_alive_first)
{
    WireSegment s[] = {REQUEST(0, 99, 500, NULL),       RESPONSE(1, 500, 100, NULL),
                       REQUEST(15000, 99, 500, NULL),   RESPONSE(15001, 500, 100, NULL),
                       REQUEST(20000, 100, 500, "abc"), RESPONSE(20010, 500, 103, "x"),
                       REQUEST(20020, 103, 501, "d")};
    expect(s, "call 1.1 operation=turn flags 16 times 20000 20000 20010 20010 bytes 3/1\n"
              "call 1.2 operation=turn flags 17 times 20020 20020 - - bytes 1/0\n"
              "connection 1 40000>7777 midstream bytes 4/1 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_zero_window_probe)
{
    /* The probe's byte was sent before; the rest comes when the window opens. */
    WireSegment s[] = {HANDSHAKE,
                       REQUEST(10, 100, 500, "abc"),
                       RESPONSE(11, 500, 103, NULL),
                       REQUEST(300, 103, 500, "d"),
                       RESPONSE(301, 500, 103, NULL),
                       REQUEST(600, 103, 500, "def"),
                       RESPONSE(620, 500, 106, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 600 620 620 bytes 6/1\n"
              "connection 1 40000>7777 open bytes 6/1 packets 9 again 1 lost 0\n");
}
END_TEST

START_TEST(test_close)
{
    WireSegment s[] = {
        HANDSHAKE,
        REQUEST(10, 100, 500, "abc"),
        {.ms = 20,
         .to_client = TRUE,
         .sequence = 500,
         .acknowledgement = 103,
         .flags = WIRE_ACK | WIRE_FIN,
         .payload = "answer"},
        {.ms = 21, .sequence = 103, .acknowledgement = 507, .flags = WIRE_ACK | WIRE_FIN},
        RESPONSE(22, 507, 104, NULL)};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/6\n"
              "connection 1 40000>7777 closed bytes 3/6 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_reset)
{
    WireSegment s[] = {HANDSHAKE,
                       REQUEST(10, 100, 500, "abc"),
                       {.ms = 15, .to_client = TRUE, .sequence = 400000000, .flags = WIRE_RST},
                       RESPONSE(20, 500, 103, "x"),
                       {.ms = 21, .to_client = TRUE, .sequence = 501, .flags = WIRE_RST}};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 reset bytes 3/1 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_reuse_of_ports)
{
    WireSegment s[] = {HANDSHAKE,
                       REQUEST(10, 100, 500, "abc"),
                       RESPONSE(20, 500, 103, "x"),
                       {.ms = 30, .sequence = 90000, .flags = WIRE_SYN},
                       {.ms = 31, .sequence = 90000, .flags = WIRE_SYN, .ip_id = 7},
                       {.ms = 32,
                        .to_client = TRUE,
                        .sequence = 70000,
                        .acknowledgement = 90001,
                        .flags = WIRE_SYN | WIRE_ACK},
                       REQUEST(40, 90001, 70001, "de"),
                       RESPONSE(50, 70001, 90003, "yz")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 5 again 0 lost 0\n"
              "call 2.1 operation=turn flags 16 times 40 40 50 50 bytes 2/2\n"
              "connection 2 40000>7777 open bytes 2/2 packets 5 again 0 lost 0\n");
}
END_TEST

START_TEST(test_reuse_without_syn)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(10, 100, 500, "abc"), RESPONSE(20, 500, 103, "x"),
                       REQUEST(100000, 900000000, 800000000, "de"),
                       RESPONSE(100010, 800000000, 900000002, "y")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 5 again 0 lost 0\n"
              "call 2.1 operation=turn flags 24 times 100000 100000 100010 100010 bytes 2/1\n"
              "connection 2 40000>7777 midstream bytes 2/1 packets 2 again 0 lost 0\n");
}
END_TEST

START_TEST(test_simultaneous_open)
{
    WireSegment s[] = {
        {.ms = 0, .sequence = 99, .flags = WIRE_SYN},
        {.ms = 0, .to_client = TRUE, .sequence = 499, .flags = WIRE_SYN},
        {.ms = 1, .sequence = 99, .acknowledgement = 500, .flags = WIRE_SYN | WIRE_ACK},
        {.ms = 1,
         .to_client = TRUE,
         .sequence = 499,
         .acknowledgement = 100,
         .flags = WIRE_SYN | WIRE_ACK},
        REQUEST(10, 100, 500, "abc"),
        RESPONSE(20, 500, 103, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 6 again 0 lost 0\n");
}
END_TEST

START_TEST(test_midstream)
{
    /* The server's port is known by its number; the first response is to nothing captured. */
    WireSegment s[] = {RESPONSE(5, 500, 100, "tail"), REQUEST(10, 100, 504, "abc"),
                       RESPONSE(20, 504, 103, "x"), REQUEST(30, 103, 505, "d")};
    expect(s, "call 1.1 operation=turn flags 24 times 10 10 20 20 bytes 3/1\n"
              "call 1.2 operation=turn flags 17 times 30 30 - - bytes 1/0\n"
              "connection 1 40000>7777 midstream bytes 4/5 packets 4 again 0 lost 0\n");
}
END_TEST

START_TEST(test_one_direction_only)
{
    WireSegment s[] = {RESPONSE(5, 500, 100, "one"), RESPONSE(30, 503, 140, "two"),
                       RESPONSE(60, 506, 180, "three"), RESPONSE(90, 511, 180, "four")};
    expect(s, "connection 1 40000>7777 midstream bytes 80/15 packets 4 again 0 lost 80\n");
}
END_TEST

START_TEST(test_same_packet_twice)
{
    WireSegment s[] = {HANDSHAKE,
                       {.ms = 10,
                        .sequence = 100,
                        .acknowledgement = 500,
                        .flags = WIRE_ACK,
                        .ip_id = 9,
                        .payload = "abc"},
                       {.ms = 11,
                        .sequence = 100,
                        .acknowledgement = 500,
                        .flags = WIRE_ACK,
                        .ip_id = 9,
                        .payload = "abc"},
                       RESPONSE(20, 500, 103, "x")};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 5 again 0 lost 0\n");
}
END_TEST

START_TEST(test_snap_length_is_a_gap)
{
    WireSegment s[] = {HANDSHAKE,
                       {.ms = 10,
                        .sequence = 100,
                        .acknowledgement = 500,
                        .flags = WIRE_ACK,
                        .payload = "abcdef",
                        .cut = 4},
                       RESPONSE(20, 500, 106, "x")};
    expect(s, "call 1.1 operation=turn flags 18 times 10 10 20 20 bytes 6/1\n"
              "connection 1 40000>7777 open bytes 6/1 packets 5 again 0 lost 4\n");
}
END_TEST

/* What a dissector asks for while it reads a message that was cut is done as well: MySQL's
 * request for TLS, of which a snap length left the begin. */
START_TEST(test_protocol_changes_behind_a_gap)
{
    static const char greeting[] = "\x0e\0\0\0\x0a"
                                   "8.0.32\0abcdef";
    static const char request[36] = "\x20\0\0\1\0\x0a";
    static const char asks[] = "\x17\3\3\0\4abcd", answers[] = "\x17\3\3\0\4efgh";
    WireSegment s[] = {HANDSHAKE, RESPONSE(5, 500, 100, greeting),
                       REQUEST(6, 100, 518, request), REQUEST(10, 136, 518, asks),
                       RESPONSE(20, 518, 145, answers)};
    s[3].length = sizeof greeting - 1;
    s[4].length = sizeof request;
    s[5].length = s[6].length = sizeof asks - 1;
    for (gsize cut = 0; cut <= 20; cut += 10) {
        Collect c;
        s[4].cut = cut;
        wire_send_all(&c, s, G_N_ELEMENTS(s));
        ck_assert_msg(strstr(c.text->str,
                             "protocol=tls operation=turn flags 16 times 10 10 20 20") != NULL,
                      "%u: %s", (guint) cut, c.text->str);
        collect_end(&c);
    }
}
END_TEST

/* HTTP/2 answers the request that asked for it, as its stream 1 (RFC 7540, 3.2). */
START_TEST(test_upgrade_to_http2_is_answered_there)
{
    static const char request[] = "GET /a HTTP/1.1\r\nUpgrade: h2c\r\n\r\n";
    static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    static const char frames[] = "\0\0\0\4\0\0\0\0\0\0\0\1\1\5\0\0\0\1\x88";
    enum { ASKED = sizeof request - 1, TOLD = sizeof upgrade - 1 };
    WireSegment s[] = {HANDSHAKE, REQUEST(10, 100, 500, request),
                       RESPONSE(20, 500, 100 + ASKED, upgrade),
                       REQUEST(21, 100 + ASKED, 500 + TOLD, preface),
                       RESPONSE(30, 500 + TOLD, 100 + ASKED, frames)};
    s[5].length = sizeof preface - 1;
    s[6].length = sizeof frames - 1;
    expect(s, "call 1.1 protocol=http2 operation=GET /a status=200 flags 0 times 10 10 30 30 "
              "bytes 33/10\n"
              "connection 1 40000>7777 open bytes 66/69 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_lost_fin)
{
    WireSegment s[] = {HANDSHAKE, REQUEST(10, 100, 500, "abc"), RESPONSE(20, 500, 103, "x"),
                       RESPONSE(30, 501, 104, NULL), RESPONSE(60, 501, 104, NULL)};
    expect(s, "call 1.1 operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/1 packets 7 again 0 lost 0\n");
}
END_TEST

START_TEST(test_server_speaks_first)
{
    WireSegment s[] = {HANDSHAKE, RESPONSE(5, 500, 100, "SSH-2.0-x"),
                       REQUEST(10, 100, 509, "abc"), RESPONSE(20, 509, 103, "x")};
    expect(s, "call 1.1 protocol=ssh operation=turn flags 16 times 10 10 20 20 bytes 3/1\n"
              "connection 1 40000>7777 open bytes 3/10 packets 6 again 0 lost 0\n");
}
END_TEST

/* More segments than may be held: the first hole is given up, and the run goes on. */
START_TEST(test_held_segments_are_bounded)
{
    static const WireSegment start[] = {HANDSHAKE};
    Collect c;
    wire_send_all(&c, start, G_N_ELEMENTS(start));
    lamp_packets_free(c.packets);
    collect_attach(&c, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(start); i++)
        wire_send(&c, &start[i]);
    for (guint32 i = 0; i <= LAMP_LIMIT_SEGMENTS; i++) {
        ck_assert_str_eq(c.findings->str, "");
        WireSegment s = REQUEST(10, 102 + 2 * i, 500, "a");
        wire_send(&c, &s);
    }
    ck_assert_str_eq(c.findings->str, "limit.REASSEMBLY_DIRECTION 0\n");
    lamp_packets_finish(c.packets);
    collect_end(&c);
}
END_TEST

static guint
count_lines(const GString *text)
{
    guint lines = 0;
    for (gsize i = 0; i < text->len; i++)
        lines += text->str[i] == '\n';
    return lines;
}

/* Ended connections wait for late packets, but not all of them in any number. */
START_TEST(test_ended_connections_are_bounded)
{
    enum { CONNECTIONS = 5000 };
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    for (guint i = 0; i < CONNECTIONS; i++) {
        guint16 port = (guint16) (20000 + i);
        wire_send(&c, &(WireSegment){.sequence = 99, .flags = WIRE_SYN, .client_port = port});
        wire_send(&c, &(WireSegment){.sequence = 100, .flags = WIRE_RST, .client_port = port});
    }
    guint left = count_lines(c.text);
    ck_assert_uint_gt(left, CONNECTIONS / 2);
    ck_assert_uint_lt(left, CONNECTIONS - 1000);
    wire_send(&c, &(WireSegment){.ms = 10,
                                 .to_client = TRUE,
                                 .sequence = 500,
                                 .acknowledgement = 100,
                                 .flags = WIRE_RST | WIRE_ACK,
                                 .client_port = 20000 + CONNECTIONS - 1000});
    lamp_packets_finish(c.packets);
    ck_assert_uint_eq(count_lines(c.text), CONNECTIONS);
    ck_assert_str_eq(c.findings->str, "");
    collect_end(&c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tcp");
    TCase *tests = tcase_create("tcp");
    tcase_add_test(tests, test_in_order);
    tcase_add_test(tests, test_out_of_order);
    tcase_add_test(tests, test_retransmission_keeps_time);
    tcase_add_test(tests, test_loss_is_a_gap);
    tcase_add_test(tests, test_loss_before_the_protocol_is_known);
    tcase_add_test(tests, test_overlap_counts_once);
    tcase_add_test(tests, test_wrap_around);
    tcase_add_test(tests, test_response_written_before_request);
    tcase_add_test(tests, test_keep_alive_probe);
    tcase_add_test(tests, test_keep_alive_first);
    tcase_add_test(tests, test_zero_window_probe);
    tcase_add_test(tests, test_close);
    tcase_add_test(tests, test_reset);
    tcase_add_test(tests, test_reuse_of_ports);
    tcase_add_test(tests, test_reuse_without_syn);
    tcase_add_test(tests, test_simultaneous_open);
    tcase_add_test(tests, test_midstream);
    tcase_add_test(tests, test_one_direction_only);
    tcase_add_test(tests, test_same_packet_twice);
    tcase_add_test(tests, test_snap_length_is_a_gap);
    tcase_add_test(tests, test_protocol_changes_behind_a_gap);
    tcase_add_test(tests, test_upgrade_to_http2_is_answered_there);
    tcase_add_test(tests, test_lost_fin);
    tcase_add_test(tests, test_server_speaks_first);
    tcase_add_test(tests, test_held_segments_are_bounded);
    tcase_add_test(tests, test_ended_connections_are_bounded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
