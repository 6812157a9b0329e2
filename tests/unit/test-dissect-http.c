/* HTTP/1.x conversations in every segmentation. */
#include "tests/unit/fake-stream.h"

START_TEST(test_http_keep_alive_with_ids_and_secrets)
{
    static const Turn turns[] = {
        TO_SERVER("GET /items/SKU-1406?stock=1&token=abc1234 HTTP/1.1\r\nHost: a\r\n"
                  "X-Request-ID: 9ed8b213b733bb91\r\nCookie: sid=s_u10065\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 33\r\n"
                  "\r\n{\"sku\":\"SKU-1406\",\"price\":5.99}\r\n"),
        TO_SERVER("POST /cart/items HTTP/1.1\r\nContent-Type: application/json\r\n"
                  "content-LENGTH: 40\r\n\r\n{\"order\":\"ORD-12\",\"password\":\"hunter22\"}"),
        TO_CLIENT("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 GET /items/{} [200] 117/104 @0,0,1,1 header.x-request-id=9ed8b213b733bb91 "
           "path.2=SKU-1406 query.stock=1 <body.sku=SKU-1406\n"
           "2 POST /cart/items [503]! 121/40 @2,2,3,3 body.order=ORD-12\n");
}
END_TEST

START_TEST(test_http_pipelining_head_and_no_content)
{
    static const Turn turns[] = {
        TO_SERVER("HEAD / HTTP/1.1\r\n\r\nGET /a HTTP/1.1\n\nDELETE /b/7 HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
                  "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 204 No Content\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 HEAD / [200] 19/40 @0,0,1,1\n2 GET /a [304] 17/48 @0,0,1,1\n"
           "3 DELETE /b/{} [204] 24/27 @0,0,2,2 path.2=7\n");
}
END_TEST

START_TEST(test_http_chunked_interim_and_folded_header)
{
    static const Turn turns[] = {
        TO_SERVER("POST /up HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\nExpect: 100-continue"
                  "\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 100 Continue\r\n\r\n"),
        TO_SERVER("5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 Made\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        TO_CLIENT("0\r\n\r\n"),
        TO_SERVER("GET /z HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.0 200 OK\r\n\r\nuntil the close"),
        TO_CLIENT("HTTP/1.1 is only text here"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 POST /up [201] 119/62 @0,2,3,4\n2 GET /z [200] 19/60 @5,5,6,7\n");
}
END_TEST

/* Lines that said nothing are skipped when they come again; those that said something, and
 * those that only begin alike, are not. */
START_TEST(test_http_lines_come_again)
{
    static const Turn turns[] = {
        TO_SERVER("POST /a HTTP/1.1\r\nX-Colour: red\r\nContent-Length: 2\r\n"
                  "X-Request-ID: 9ed8b213\r\nX-Last: 1\r\n\r\nxx"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nX-Colour: red\r\nContent-Length: 0\r\n\r\n"),
        TO_SERVER("POST /b HTTP/1.1\r\nX-Colour: red\r\nContent-Length: 2\r\n"
                  "X-Request-ID: 9ed8b213\r\nX-Last: 1\r\n\r\nxx"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nX-Colour: red\r\nContent-Length: 0\r\n\r\n"),
        TO_SERVER("POST /c HTTP/1.1\r\nX-Colour: red\r\n X-Request-ID: 00000001\r\n"
                  "Content-Length: 2\r\nX-Last: 1\r\n X-Request-ID: 00000002\r\n\r\nxx"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nX-Colour: red\n\tContent-Length: 5\r\n"
                  "Content-Length: 0\r\n\r\n"),
        TO_SERVER("GET /d HTTP/1.1\r\nX-Colour: rex\r\nX-Request-ID: 9ed8b214\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 204 No\r\nX-Colour: red\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 POST /a [200] 91/53 @0,0,1,1 header.x-request-id=9ed8b213\n"
           "2 POST /b [200] 91/53 @2,2,3,3 header.x-request-id=9ed8b213\n"
           "3 POST /c [200] 117/72 @4,4,5,5\n"
           "4 GET /d [204] 58/34 @6,6,7,7 header.x-request-id=9ed8b214\n");
}
END_TEST

START_TEST(test_http_response_before_request_ends)
{
    static const Turn turns[] = {
        TO_SERVER("POST /big HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234"),
        TO_CLIENT("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
        TO_SERVER("56789GET /next HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        TO_SERVER("GET /unanswered HTTP/1.1\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 POST /big [413] 52/45 @0,2,1,1\n2 GET /next [200] 22/38 @2,2,3,3\n"
           "3 GET /unanswered []N 28/0 @4,4,-,-\n");
}
END_TEST

/* A snap length that leaves the first thirty bytes of each packet. */
START_TEST(test_http_heads_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_SERVER("GET /nosuch-0 HTTP/1.1\r\nHost:"),
        LOST_TO_SERVER(40),
        TO_CLIENT("HTTP/1.1 200 OK\r\nServer: nginx"),
        LOST_TO_CLIENT(1400),
        TO_CLIENT("Wherever the body of it goes o"),
        LOST_TO_CLIENT(400),
        TO_SERVER("GET /api/v1/products/search/al"),
        LOST_TO_SERVER(70),
        TO_CLIENT("HTTP/1.1 500 Internal Server E"),
        LOST_TO_CLIENT(100),
        TO_SERVER("GET /a HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 204 No Content\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 GET /nosuch-0 [200]G 69/1860 @0,0,2,4\n"
           "2 GET /api/v1/products/search/\xe2\x80\xa6 [500]!G 100/130 @6,6,8,8\n"
           "3 GET /a [204] 19/27 @10,10,11,11\n");
}
END_TEST

/* Of a target that is longer than what is kept of the line the last segment is not known. */
START_TEST(test_http_long_target_cut_by_the_snap_length)
{
#define WORDS "some-words-of-a-title-in-a-url-" /* 31 bytes */
#define TITLE WORDS WORDS WORDS WORDS WORDS
    static const Turn turns[] = {
        TO_SERVER("GET /shop/" TITLE TITLE TITLE TITLE "?page=2"),
        LOST_TO_SERVER(40),
        TO_CLIENT("HTTP/1.1 200 OK\r\nServer: nginx"),
        LOST_TO_CLIENT(1400),
        TO_SERVER("GET /shop/" TITLE "?page=2"),
        LOST_TO_SERVER(40),
        TO_CLIENT("HTTP/1.1 404 Not Found\r\nServer:"),
        LOST_TO_CLIENT(1400),
        TO_SERVER("GET /find?text=" TITLE TITLE TITLE TITLE " HTTP/1"),
        LOST_TO_SERVER(39),
        TO_CLIENT("HTTP/1.1 200 OK\r\nServer: nginx"),
        LOST_TO_CLIENT(1400),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 GET /shop/\xe2\x80\xa6 [200]G 677/1430 @0,0,2,2\n"
           "2 GET /shop/" TITLE " [404]G 212/1431 @4,4,6,6\n"
           "3 GET /find [200]G 681/1430 @8,8,10,10\n");
#undef TITLE
#undef WORDS
}
END_TEST

START_TEST(test_http_midstream_resynchronises)
{
    static const Turn turns[] = {
        TO_CLIENT("rest of a body}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        TO_SERVER("ody\r\nGET /a HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    };
    REPLAY_MIDSTREAM(lamp_dissector_http, turns,
                     "1  [200]P 0/40 @-,-,0,0\n2 GET /a [200] 19/40 @1,1,2,2\n");
}
END_TEST

START_TEST(test_http_gap_in_body_is_counted_over)
{
    static const Turn turns[] = {
        TO_SERVER("GET /a HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01"),
        LOST_TO_CLIENT(5),
        TO_CLIENT("789"),
        TO_SERVER("GET /b HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 GET /a [200]G 19/49 @0,0,1,3\n2 GET /b [200] 19/38 @4,4,5,5\n");
}
END_TEST

START_TEST(test_http_gap_in_pipeline_never_shifts_pairs)
{
    static const Turn turns[] = {
        TO_SERVER("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n"),
        LOST_TO_CLIENT(38),
        TO_CLIENT("HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n"
                  "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns,
           "1 GET /a []NG 19/0 @0,0,-,-\n2 GET /b []NG 19/0 @0,0,-,-\n"
           "3 GET /c []NG 19/0 @0,0,-,-\n");
}
END_TEST

START_TEST(test_http_garbage_loses_and_finds_again)
{
    static const Turn turns[] = {
        TO_SERVER("GET /old\r\n"),
        TO_SERVER("\x01\x02\xff GARBAGE / \r\n"),
        TO_SERVER("GET /new HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, turns, "1 GET /new [200] 21/38 @2,2,3,3\n");
}
END_TEST

START_TEST(test_http_what_is_no_request_may_be_answered)
{
    static const Turn refused[] = {
        TO_SERVER("GET /ok HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        TO_SERVER("get /a HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n"),
    };
    REPLAY(lamp_dissector_http, refused,
           "1 GET /ok [200] 20/38 @0,0,1,1\n2 (malformed) [400] 19/50 @2,2,3,3\n");
    /* What comes next is the answer to something else. */
    static const Turn served[] = {
        TO_SERVER("\x01\x02\xff GARBAGE / \r\n"),
        TO_SERVER("GET /new HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, served, "1 GET /new [400] 21/47 @1,1,2,2\n");
}
END_TEST

START_TEST(test_http_upgrade_and_connect_leave)
{
    static const Turn upgrade[] = {
        TO_SERVER("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\n\r\n\x81\x02hi"),
    };
    static const Turn tunnel[] = {
        TO_SERVER("CONNECT example.test:443 HTTP/1.1\r\n\r\n"),
        TO_CLIENT("HTTP/1.1 200 Established\r\n\r\n"),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_http, upgrade, G_N_ELEMENTS(upgrade), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 GET /chat [101] 42/46 @0,0,1,1\n");
    ck_assert(stream.has_become);
    ck_assert_str_eq(stream.became, "websocket");
    g_string_free(stream.lines, TRUE);
    stream = (LampStream){0};
    replay(&lamp_dissector_http, tunnel, G_N_ELEMENTS(tunnel), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 CONNECT [200] 37/28 @0,0,1,1\n");
    ck_assert(stream.has_become);
    ck_assert_ptr_null(stream.became);
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_http_head_limit_is_a_finding)
{
    g_autofree char *head = g_strnfill(200000, 'a');
    memcpy(head, "GET /", 5);
    Turn turns[] = {{'>', lamp_bytes(head, 200000)}};
    LampStream stream = {0};
    replay(&lamp_dissector_http, turns, 1, 1000, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "");
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_http_pipeline_limit_gives_up)
{
    GString *requests = g_string_new(NULL);
    for (guint i = 0; i < 1030; i++)
        g_string_append(requests, "GET / HTTP/1.1\r\n\r\n");
    Turn turns[] = {{'>', lamp_bytes(requests->str, requests->len)}};
    LampStream stream = {0};
    replay(&lamp_dissector_http, turns, 1, 0, 0, &stream);
    ck_assert_uint_eq(stream.calls, 1029);
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
    g_string_free(requests, TRUE);
}
END_TEST

static guint
probe(const char *to_server, const char *to_client, gboolean *swapped)
{
    *swapped = FALSE;
    return lamp_dissector_http.probe(lamp_bytes_text(to_server), lamp_bytes_text(to_client), 80,
                                     swapped);
}

START_TEST(test_http_probe)
{
    gboolean swapped;
    ck_assert_uint_ge(probe("GET / HTTP/1.1\r\n", "", &swapped), 90);
    ck_assert(!swapped);
    ck_assert_uint_ge(probe("HTTP/1.1 200 OK\r\n", "GET / HTTP/1.1\r\n", &swapped), 90);
    ck_assert(swapped);
    ck_assert_uint_ge(probe("", "HTTP/1.0 404 No\r\n", &swapped), 90);
    ck_assert(!swapped);
    ck_assert_uint_eq(probe("GET /\r\n", "", &swapped), 0);
    ck_assert_uint_eq(probe("OPTIONS * RTSP/1.0\r\n", "RTSP/1.0 200 OK\r\n", &swapped), 0);
    ck_assert_uint_eq(probe("*1\r\n$4\r\nPING\r\n", "+PONG\r\n", &swapped), 0);
}
END_TEST

/* A server that waited in vain, or had enough, answers what there is. */
START_TEST(test_http_head_without_end)
{
    static const Turn cut[] = {
        TO_SERVER("POST /a?x=1 HTTP/1.1\r\nHost: x\r\nX-Long: aaa"),
        TO_CLIENT("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"),
    };
    static const Turn line[] = {
        TO_SERVER("GET /a/very/long"),
        TO_CLIENT("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
    };
    static const Turn other[] = {
        TO_SERVER("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n"),
        TO_CLIENT("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    };
    REPLAY(lamp_dissector_http, cut, "1 POST /a [400] 42/49 @0,0,1,1 query.x=1\n");
    REPLAY(lamp_dissector_http, line, "1 GET /a/very/… [408] 16/51 @0,0,1,1\n");
    REPLAY(lamp_dissector_http, other, "1 GET /a [400] 19/47 @0,0,1,1\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/http");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_http_keep_alive_with_ids_and_secrets);
    tcase_add_test(tc, test_http_pipelining_head_and_no_content);
    tcase_add_test(tc, test_http_chunked_interim_and_folded_header);
    tcase_add_test(tc, test_http_lines_come_again);
    tcase_add_test(tc, test_http_response_before_request_ends);
    tcase_add_test(tc, test_http_heads_cut_by_the_snap_length);
    tcase_add_test(tc, test_http_long_target_cut_by_the_snap_length);
    tcase_add_test(tc, test_http_midstream_resynchronises);
    tcase_add_test(tc, test_http_gap_in_body_is_counted_over);
    tcase_add_test(tc, test_http_gap_in_pipeline_never_shifts_pairs);
    tcase_add_test(tc, test_http_garbage_loses_and_finds_again);
    tcase_add_test(tc, test_http_what_is_no_request_may_be_answered);
    tcase_add_test(tc, test_http_upgrade_and_connect_leave);
    tcase_add_test(tc, test_http_head_limit_is_a_finding);
    tcase_add_test(tc, test_http_pipeline_limit_gives_up);
    tcase_add_test(tc, test_http_probe);
    tcase_add_test(tc, test_http_head_without_end);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
