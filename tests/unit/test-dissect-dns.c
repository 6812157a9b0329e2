/* DNS in datagrams, and over TCP in every segmentation. */
#include "tests/unit/fake-stream.h"

#define QUESTION "\3www\7example\4test\0\0\1\0\1"
#define QUERY "\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION
#define ANSWER \
    "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x0a\0\0\7"

static void
check_datagrams(const Turn *turns, gsize count, const char *expected)
{
    LampStream stream = {0};
    replay(&lamp_dissector_dns, turns, count, 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, expected);
    g_string_free(stream.lines, TRUE);
}

START_TEST(test_dns_pairs_by_id_and_name)
{
    static const Turn turns[] = {
        TO_SERVER(QUERY), TO_SERVER("\x12\x35\1\0\0\1\0\0\0\0\0\0\4u107\4test\0\0\x1c\0\1"),
        TO_CLIENT(ANSWER), TO_SERVER(QUERY)};
    check_datagrams(turns, G_N_ELEMENTS(turns),
                    "1 A www.example.test [NOERROR] 34/50 @0,0,2,2 name=www.example.test "
                    "<address=10.0.0.7\n"
                    "2 AAAA {}.test []N 27/0 @1,1,-,- name=u107.test\n"
                    "3 A www.example.test []N 34/0 @3,3,-,- name=www.example.test\n");
}
END_TEST

START_TEST(test_dns_pointer_loop_ends)
{
    static const Turn turns[] = {TO_SERVER("\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")};
    check_datagrams(turns, 1, "");
}
END_TEST

START_TEST(test_dns_over_tcp)
{
    static const Turn turns[] = {TO_SERVER("\0\x22" QUERY), TO_CLIENT("\0\x32" ANSWER)};
    REPLAY(lamp_dissector_dns_tcp, turns,
           "1 A www.example.test [NOERROR] 36/52 @0,0,1,1 name=www.example.test "
           "<address=10.0.0.7\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/dns");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_dns_pairs_by_id_and_name);
    tcase_add_test(tc, test_dns_pointer_loop_ends);
    tcase_add_test(tc, test_dns_over_tcp);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
