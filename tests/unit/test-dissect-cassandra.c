/* Cassandra's protocol: the segments of version 5, plain and with LZ4, and the compressed
 * bodies of the versions before it. Bytes are those of the Python driver's encoder, LZ4's and
 * Snappy's libraries. */
#include "tests/unit/fake-stream.h"

#define PREPARE_SEGMENT                                                        \
    "\046\000\002\142\015\003\005\000\000\001\011\000\000\000\035\000\000\000" \
    "\031\123\105\114\105\103\124\040\141\040\106\122\117\115\040\164\040\127" \
    "\110\105\122\105\040\142\075\061\020\352\347\223"
#define PREPARED_SEGMENTS                                                      \
    "\007\000\000\064\210\363\205\000\000\001\010\000\000\052\252\152\005\016" \
    "\000\000\372\166\366\000\014\000\000\000\004\000\002\151\144\000\002\155" \
    "\144\105\030\173\365"
#define EXECUTE_SEGMENT                                                        \
    "\025\000\002\265\244\101\005\000\000\002\012\000\000\000\014\000\002\151" \
    "\144\000\002\155\144\000\000\000\000\145\010\164\371"
#define ROWS_SEGMENT                                                           \
    "\015\000\002\317\007\367\205\000\000\002\010\000\000\000\004\000\000\000" \
    "\002\247\251\213\217"
#define BAD_SEGMENT                                                            \
    "\046\000\002\142\015\003\005\000\000\001\011\000\000\000\035\000\000\000" \
    "\031\123\104\114\105\103\124\040\141\040\106\122\117\115\040\164\040\127" \
    "\110\105\122\105\040\142\075\061\020\352\347\223"
#define EXECUTE_LZ4                                                            \
    "\025\000\000\000\004\154\220\252\005\000\000\002\012\000\000\000\014\000" \
    "\002\151\144\000\002\155\144\000\000\000\000\145\010\164\371"
#define ROWS_LZ4                                                               \
    "\033\000\066\002\004\052\001\173\377\001\205\000\000\002\010\000\000\001" \
    "\022\000\000\000\002\141\142\143\003\000\363\120\142\143\141\142\143\204" \
    "\150\252\356"
#define QUERY_LZ4_BODY                                                         \
    "\004\001\000\001\007\000\000\000\112\000\000\000\111\362\035\000\000\000" \
    "\102\123\105\114\105\103\124\040\156\141\155\145\040\106\122\117\115\040" \
    "\165\163\145\162\163\040\127\110\105\122\105\040\151\144\040\075\040\061" \
    "\067\040\101\116\104\042\000\201\075\040\047\156\141\155\145\047\022\000" \
    "\240\151\144\040\075\040\061\067\000\001\000"
#define QUERY_SNAPPY_BODY                                                      \
    "\004\001\000\002\007\000\000\000\110\111\260\000\000\000\102\123\105\114" \
    "\105\103\124\040\156\141\155\145\040\106\122\117\115\040\165\163\145\162" \
    "\163\040\127\110\105\122\105\040\151\144\040\075\040\061\067\040\101\116" \
    "\104\040\005\042\010\075\040\047\001\010\074\047\040\101\116\104\040\151" \
    "\144\040\075\040\061\067\000\001\000"
#define ERROR_LZ4_BODY                                                         \
    "\204\001\000\001\000\000\000\000\040\000\000\000\102\377\002\000\000\020" \
    "\000\000\074\156\157\164\040\145\156\157\165\147\150\040\013\000\031\120" \
    "\156\157\144\145\163"
#define ERROR_SNAPPY_BODY                                                      \
    "\204\003\000\002\000\000\000\000\037\122\000\007\072\001\000\100\000\000" \
    "\040\000\000\074\156\157\164\040\145\156\157\165\147\150\040\266\013\000" \
    "\010\144\145\163"

#define STARTUP_5                    \
    "\5\0\0\0\1\0\0\0\x16\0\1\0\x0b" \
    "CQL_VERSION\0\5"                \
    "3.4.6"
#define READY_5 "\x85\0\0\0\2\0\0\0\0"

/* One answer lies in two segments, cut inside the header of its frame. */
START_TEST(test_cassandra_segments)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP_5),         TO_CLIENT(READY_5),         TO_SERVER(PREPARE_SEGMENT),
        TO_CLIENT(PREPARED_SEGMENTS), TO_SERVER(EXECUTE_SEGMENT), TO_CLIENT(ROWS_SEGMENT),
    };
    REPLAY(lamp_dissector_cassandra, turns,
           "1 STARTUP [ok] 31/9 @0,0,1,1\n2 PREPARE SELECT a FROM t WHERE b=? [ok] 38/21 "
           "@2,2,3,3\n3 SELECT a FROM t WHERE b=? [ok] 21/13 @4,4,5,5\n");
}
END_TEST

/* Segments begin where TCP's do; a capture that begins inside looks there. */
START_TEST(test_cassandra_segments_midstream)
{
    static const Turn turns[] = {TO_SERVER(EXECUTE_LZ4), TO_CLIENT(ROWS_LZ4)};
    LampStream stream = {.is_midstream = TRUE};
    replay(&lamp_dissector_cassandra, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 EXECUTE [ok] 21/283 @0,0,1,1\n");
    g_string_free(stream.lines, TRUE);
    gboolean swapped = FALSE;
    ck_assert_uint_eq(
        lamp_dissector_cassandra.probe(turns[0].bytes, turns[1].bytes, 9042, &swapped), 90);
}
END_TEST

/* Bytes inside a segment that was under way look like a long frame; what is taken for it ends
 * where segments begin. */
START_TEST(test_cassandra_segments_behind_a_frame)
{
    static const Turn turns[] = {
        TO_CLIENT("\x85\0\0\1\x08\0\0\1\0\0\0\0\2"),
        LOST_TO_CLIENT(100),
        TO_SERVER(EXECUTE_SEGMENT),
        TO_CLIENT(ROWS_SEGMENT),
    };
    LampStream stream = {.is_midstream = TRUE};
    replay(&lamp_dissector_cassandra, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1  [ok]GP 0/113 @-,-,0,0\n"
                                        "2 EXECUTE [ok] 21/13 @2,2,3,3\n");
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_cassandra_damaged_segment)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP_5),       TO_CLIENT(READY_5),           TO_SERVER(BAD_SEGMENT),
        TO_SERVER(PREPARE_SEGMENT), TO_CLIENT(PREPARED_SEGMENTS), LOST_TO_SERVER(100),
        TO_SERVER(EXECUTE_SEGMENT), TO_CLIENT(ROWS_SEGMENT),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_cassandra, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str,
                     "1 STARTUP [ok] 31/9 @0,0,1,1\n"
                     "2 PREPARE SELECT a FROM t WHERE b=? [ok] 38/21 @3,3,4,4\n"
                     "3 SELECT a FROM t WHERE b=? [ok] 21/13 @6,6,7,7\n");
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
}
END_TEST

/* Behind the id of a trace, which a flag puts first, in the last. */
START_TEST(test_cassandra_compressed_bodies)
{
    static const Turn turns[] = {
        TO_SERVER(QUERY_LZ4_BODY),
        TO_SERVER(QUERY_SNAPPY_BODY),
        TO_CLIENT(ERROR_LZ4_BODY),
        TO_CLIENT(ERROR_SNAPPY_BODY),
    };
#define SHAPE "SELECT name FROM users WHERE id = ? AND name = ? AND id = ?"
#define VALUES " literal.1=17 literal.2=name literal.3=17\n"
    REPLAY(lamp_dissector_cassandra, turns,
           "1 " SHAPE " [0x1000]! 83/41 @0,0,2,2" VALUES "2 " SHAPE
           " [0x2000]! 81/40 @1,1,3,3" VALUES);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/cassandra");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_cassandra_segments);
    tcase_add_test(tc, test_cassandra_segments_midstream);
    tcase_add_test(tc, test_cassandra_segments_behind_a_frame);
    tcase_add_test(tc, test_cassandra_damaged_segment);
    tcase_add_test(tc, test_cassandra_compressed_bodies);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
