/* MySQL conversations in every segmentation. */
#include "tests/unit/fake-stream.h"

#define GREETING     \
    "\x0e\0\0\0\x0a" \
    "8.0.32\0abcdef"
#define LOGIN "\x0a\0\0\1\x05\xa2\0\0\0\0\0\1\x08x"
#define OK "\7\0\0\1\0\0\0\2\0\0\0"
#define LOGIN_OK "\7\0\0\2\0\0\0\2\0\0\0"

START_TEST(test_mysql_query_rows_and_error)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(LOGIN),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x20\0\0\0\3SELECT * FROM t WHERE id='A-17'"),
        TO_CLIENT("\1\0\0\1\1\3\0\0\2"
                  "def\2\0\0\3\1x"),
        TO_CLIENT("\1\0\0\4\xfe"),
        TO_SERVER("\4\0\0\0\3bad\1\0\0\0\1"),
        TO_CLIENT("\x0b\0\0\1\xff\x28\4#42000no"),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 SELECT * FROM t WHERE id=? [ok] 36/23 @3,3,4,5 literal.1=A-17\n"
           "2 bad [1064]! 8/15 @6,6,7,7\n");
}
END_TEST

START_TEST(test_mysql_prepared_and_pipelined)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(LOGIN),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x0c\0\0\0\x16SELECT f(?)"),
        TO_CLIENT("\x0c\0\0\1\0\7\0\0\0\0\0\0\0\0\0\0"),
        TO_SERVER("\x0a\0\0\0\x17\7\0\0\0\0\1\0\0\0"
                  "\x0a\0\0\0\x17\7\0\0\0\0\1\0\0\0"),
        TO_CLIENT(OK),
        TO_CLIENT(OK),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 PREPARE SELECT f(?) [ok] 16/16 @3,3,4,4\n2 SELECT f(?) [ok] 14/11 @5,5,6,6\n"
           "3 SELECT f(?) [ok] 14/11 @5,5,7,7\n");
}
END_TEST

/* The server asks for another way to log in: that is its work, not the request's way to it. */
START_TEST(test_mysql_asks_back)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(LOGIN),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\6\0\0\0\x11shop\0"),
        TO_CLIENT("\2\0\0\1\xfe\0"),
        TO_SERVER("\4\0\0\2hash"),
        TO_CLIENT("\7\0\0\3\0\0\0\2\0\0\0"),
    };
    REPLAY(lamp_dissector_mysql, turns, "1 CHANGE USER [ok] 18/17 @3,3,4,6\n");
}
END_TEST

START_TEST(test_mysql_tls_is_handed_over)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(
            "\x20\0\0\1\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_mysql, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert(stream.has_become);
    ck_assert_str_eq(stream.became, "tls");
    g_string_free(stream.lines, TRUE);
}
END_TEST

/* After the login, packets within packets: as they are, and of 320 bytes with zlib. */
START_TEST(test_mysql_compressed)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER("\x0a\0\0\1\x25\xa2\0\0\0\0\0\1\x08x"),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x0d\0\0\0\0\0\0"
                  "\x09\0\0\0\3SELECT 7"),
        TO_CLIENT(
            "\041\000\000\001\101\001\000\170\234\143\144\140\140\144\144\146\140\140\112\111"
            "\115\323\141\144\140\116\034\005\104\003\106\006\006\226\177\000\306\077\164\027"),
        TO_SERVER("\5\0\0\0\0\0\0\1\0\0\0\x0e"),
        TO_CLIENT("\x0b\0\0\1\0\0\0" OK),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 SELECT ? [ok] 13/321 @3,3,4,4\n2 PING [ok] 5/11 @5,5,6,6\n");
}
END_TEST

/* A snap length that leaves the begin of each packet; even of the greeting's version. */
START_TEST(test_mysql_packets_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_CLIENT("\x40\0\0\0\x0a"
                  "5.5.5-10.11.6"),
        LOST_TO_CLIENT(50),
        TO_SERVER("\x28\0\0\1\x05\xa2\0\0\0\0\0\1\x08x"),
        LOST_TO_SERVER(30),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x20\0\0\0\3SELECT x FROM"),
        LOST_TO_SERVER(18),
        TO_CLIENT("\x0b\0\0\1\xff\x28\4#42"),
        LOST_TO_CLIENT(5),
        TO_SERVER("\1\0\0\0\x0e"),
        TO_CLIENT(OK),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 SELECT x FROM [1064]!G 36/15 @5,5,7,7\n2 PING [ok] 5/11 @9,9,10,10\n");
    gboolean swapped = FALSE;
    ck_assert_uint_eq(
        lamp_dissector_mysql.probe(lamp_bytes(NULL, 0), turns[0].bytes, 3306, &swapped), 95);
}
END_TEST

START_TEST(test_mysql_damaged_compression)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER("\x0a\0\0\1\x25\xa2\0\0\0\0\0\1\x08x"),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\5\0\0\0\x50\0\0zzzzz"),
        TO_SERVER("\5\0\0\0\0\0\0\1\0\0\0\x0e"),
        TO_CLIENT("\x0b\0\0\1\0\0\0" OK),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_mysql, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 PING [ok] 5/11 @4,4,5,5\n");
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
}
END_TEST

/* Packets of a file that the server asked for; their numbers wrap, and content is no command.
 */
START_TEST(test_mysql_local_infile)
{
    GString *file = g_string_new(NULL);
    for (guint i = 0; i < 300; i++) {
        const guint8 packet[] = {3, 0, 0, (guint8) (2 + i), 0x03, 'a', '\n'};
        g_string_append_len(file, (const char *) packet, sizeof packet);
    }
    g_string_append_len(file, "\0\0\0\x2e", 4);
    const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(LOGIN),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x05\0\0\0\3LOAD"),
        TO_CLIENT("\5\0\0\1\xfb"
                  "file"),
        {'>', {(const guint8 *) file->str, file->len}},
        TO_CLIENT("\7\0\0\x2f\0\0\0\2\0\0\0"),
        TO_SERVER("\1\0\0\0\x0e"),
        TO_CLIENT(OK),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 LOAD [ok] 2113/20 @3,3,4,6\n2 PING [ok] 5/11 @7,7,8,8\n");
    g_string_free(file, TRUE);
}
END_TEST

/* MariaDB's bulk command is beyond the numbers of MySQL's. */
START_TEST(test_mysql_bulk_execute_and_unknown_commands)
{
    static const Turn turns[] = {
        TO_CLIENT(GREETING),
        TO_SERVER(LOGIN),
        TO_CLIENT(LOGIN_OK),
        TO_SERVER("\x0c\0\0\0\x16INSERT x(?)"),
        TO_CLIENT("\x0c\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0"),
        TO_SERVER("\x0a\0\0\0\xfa\1\0\0\0\x80\0\0\0\7"),
        TO_CLIENT(OK),
        TO_SERVER("\2\0\0\0\xee\1"),
        TO_CLIENT(OK),
    };
    REPLAY(lamp_dissector_mysql, turns,
           "1 PREPARE INSERT x(?) [ok] 16/16 @3,3,4,4\n"
           "2 INSERT x(?) [ok] 14/11 @5,5,6,6\n"
           "3 unknown [ok] 6/11 @7,7,8,8\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/mysql");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_mysql_query_rows_and_error);
    tcase_add_test(tc, test_mysql_prepared_and_pipelined);
    tcase_add_test(tc, test_mysql_asks_back);
    tcase_add_test(tc, test_mysql_compressed);
    tcase_add_test(tc, test_mysql_packets_cut_by_the_snap_length);
    tcase_add_test(tc, test_mysql_local_infile);
    tcase_add_test(tc, test_mysql_bulk_execute_and_unknown_commands);
    tcase_add_test(tc, test_mysql_damaged_compression);
    tcase_add_test(tc, test_mysql_tls_is_handed_over);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
