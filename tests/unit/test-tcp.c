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

int
main(void)
{
    Suite *suite = suite_create("tcp");
    TCase *tests = tcase_create("tcp");
    tcase_add_test(tests, test_in_order);
    tcase_add_test(tests, test_out_of_order);
    tcase_add_test(tests, test_retransmission_keeps_time);
    tcase_add_test(tests, test_loss_is_a_gap);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
