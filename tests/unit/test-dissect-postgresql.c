/* PostgreSQL conversations in every segmentation. */
#include "tests/unit/fake-stream.h"

#define STARTUP "\0\0\0\x10\0\3\0\0user\0a\0\0"
#define AUTHENTICATED                \
    "R\0\0\0\x08\0\0\0\0S\0\0\0\x09" \
    "a\0bc\0"                        \
    "Z\0\0\0\5I"
#define READY "Z\0\0\0\5I"
#define SYNC "S\0\0\0\4"
#define DONE "C\0\0\0\x0dSELECT 1\0"

START_TEST(test_postgresql_simple_query_and_error)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("Q\0\0\0\x29"
                  "SELECT 1 FROM t WHERE sku='SKU-1000'\0"),
        TO_CLIENT(DONE READY),
        TO_SERVER("Q\0\0\0\x08"
                  "bad\0"),
        TO_CLIENT("E\0\0\0\x13SERROR\0C42601\0\0" READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 SELECT ? FROM t WHERE sku=? [ok] 42/20 @2,2,3,3 literal.2=SKU-1000\n"
           "2 bad [42601]! 9/26 @4,4,5,5\n");
}
END_TEST

START_TEST(test_postgresql_extended_with_prepared_name)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("P\0\0\0\x16"
                  "cc\0SELECT f($1)\0\0\0"
                  "B\0\0\0\x18\0cc\0\0\0\0\1\0\0\0\6u10754\0\0" SYNC),
        TO_CLIENT("1\0\0\0\4"
                  "2\0\0\0\4" DONE READY),
        TO_SERVER("B\0\0\0\x18\0cc\0\0\0\0\1\0\0\0\6u11469\0\0" SYNC
                  "B\0\0\0\x18\0cc\0\0\0\0\1\0\0\0\6u11470\0\0" SYNC),
        TO_CLIENT("2\0\0\0\4" DONE READY "2\0\0\0\4" DONE),
        TO_CLIENT(READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 SELECT f(?) [ok] 53/30 @2,2,3,3 sql.1=u10754\n"
           "2 SELECT f(?) [ok] 30/25 @4,4,5,5 sql.1=u11469\n"
           "3 SELECT f(?) [ok] 30/25 @4,4,5,6 sql.1=u11470\n");
}
END_TEST

/* int4 10754, int8 70000, a text, a UUID, float8 1.5, int2 -1. */
START_TEST(test_postgresql_binary_parameters_are_values)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("P\0\0\0\x16"
                  "cc\0SELECT f($1)\0\0\0"
                  "B\0\0\0\x54\0cc\0\0\1\0\1\0\6"
                  "\0\0\0\4\0\0\x2a\2"
                  "\0\0\0\x08\0\0\0\0\0\1\x11\x70"
                  "\0\0\0\6u11469"
                  "\0\0\0\x10\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\0"
                  "\0\0\0\x08\x3f\xf8\0\0\0\0\0\0"
                  "\0\0\0\2\xff\xff\0\0" SYNC),
        TO_CLIENT("1\0\0\0\4"
                  "2\0\0\0\4" DONE READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 SELECT f(?) [ok] 113/30 @2,2,3,3 sql.1=10754 sql.2=70000 sql.3=u11469 "
           "sql.4=123e4567-e89b-12d3-a456-426614174000\n");
}
END_TEST

START_TEST(test_postgresql_prepared_first_and_run_later)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("P\0\0\0\x16"
                  "cc\0SELECT f($1)\0\0\0" SYNC),
        TO_CLIENT("1\0\0\0\4" READY),
        TO_SERVER("B\0\0\0\x18\0cc\0\0\0\0\1\0\0\0\6u11469\0\0" SYNC),
        TO_CLIENT("2\0\0\0\4" DONE READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 PREPARE SELECT f(?) [ok] 28/11 @2,2,3,3\n"
           "2 SELECT f(?) [ok] 30/25 @4,4,5,5 sql.1=u11469\n");
}
END_TEST

START_TEST(test_postgresql_tls_is_handed_over)
{
    static const Turn turns[] = {TO_SERVER("\0\0\0\x08\x04\xd2\x16\x2f"), TO_CLIENT("S")};
    LampStream stream = {0};
    replay(&lamp_dissector_postgresql, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert(stream.has_become);
    ck_assert_str_eq(stream.became, "tls");
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_postgresql_refused_tls_copy_and_unanswered)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x08\x04\xd2\x16\x2f"),
        TO_CLIENT("N"),
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("Q\0\0\0\x16"
                  "COPY t FROM STDIN\0"),
        TO_CLIENT("G\0\0\0\x07\0\0\0"),
        TO_SERVER("d\0\0\0\x07row"
                  "c\0\0\0\4"),
        TO_CLIENT("N\0\0\0\x05\0" DONE READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 2\0"),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 COPY t FROM STDIN [ok] 36/28 @4,6,5,7\n2 SELECT ? []N 14/0 @8,8,-,-\n");
}
END_TEST

START_TEST(test_postgresql_midstream)
{
    static const Turn turns[] = {
        TO_CLIENT(DONE READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 2\0"),
        TO_CLIENT(DONE READY),
    };
    REPLAY_MIDSTREAM(lamp_dissector_postgresql, turns,
                     "1  [ok]P 0/20 @-,-,0,0\n2 SELECT ? [ok] 14/20 @1,1,2,2\n");
}
END_TEST

START_TEST(test_postgresql_start_up_without_handshake)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT("R\0\0\0\x08\0\0\0\0" READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 2\0"),
        TO_CLIENT(DONE READY),
    };
    LampStream stream = {.is_midstream = TRUE};
    replay(&lamp_dissector_postgresql, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 SELECT ? [ok] 14/20 @2,2,3,3\n");
    ck_assert_uint_eq(stream.findings, 0);
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_postgresql_cancel)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1secr"),
    };
    REPLAY(lamp_dissector_postgresql, turns, "1 CANCEL []O 16/0 @0,0,-,-\n");
}
END_TEST

/* Rows fill segments without regard to their borders. */
START_TEST(test_postgresql_goes_on_inside_a_segment)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT("R\0\0\0\x08\0\0\0\0" READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 2\0"),
        LOST_TO_CLIENT(100),
        TO_CLIENT("wxyz" DONE READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 3\0"),
        TO_CLIENT(DONE READY),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_postgresql, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 SELECT ? [ok]G 14/124 @2,2,4,4\n"
                                        "2 SELECT ? [ok] 14/20 @5,5,6,6\n");
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_postgresql_probe)
{
    gboolean swapped = FALSE;
    ck_assert_uint_ge(lamp_dissector_postgresql.probe(lamp_bytes(STARTUP, 16),
                                                      lamp_bytes(NULL, 0), 5432, &swapped),
                      90);
    ck_assert_uint_ge(lamp_dissector_postgresql.probe(lamp_bytes(DONE READY, 20),
                                                      lamp_bytes("Q\0\0\0\x0dSELECT 2\0", 14),
                                                      5432, &swapped),
                      90);
    ck_assert(swapped);
}
END_TEST

/* Of two Syncs around a COPY in the extended protocol only the second is answered: the server
 * passes over the first while it takes in rows. */
START_TEST(test_postgresql_copy_in_the_extended_protocol)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("P\0\0\0\x19\0COPY t FROM STDIN\0\0\0"
                  "B\0\0\0\x0c\0\0\0\0\0\0\0\0"
                  "E\0\0\0\x09\0\0\0\0\0" SYNC),
        TO_CLIENT("1\0\0\0\4"
                  "2\0\0\0\4"
                  "G\0\0\0\x07\0\0\0"),
        TO_SERVER("d\0\0\0\x07row"
                  "c\0\0\0\4" SYNC),
        TO_CLIENT(DONE READY),
        TO_SERVER("Q\0\0\0\x0d"
                  "SELECT 2\0"),
        TO_CLIENT(DONE READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 COPY t FROM STDIN [ok] 72/38 @2,4,3,5\n2 SELECT ? [ok] 14/20 @6,6,7,7\n");
}
END_TEST

/* A parameter longer than what is looked at belongs to its own call, not to the one before. */
START_TEST(test_postgresql_long_message_before_its_sync)
{
    enum { LONG = 70000, HEAD = 19 };
    static char bind[HEAD + LONG + 2] = "B\0\1\x11\x83\0\0\0\0\0\1\0\1\x11\x70";
    static const char select[] = "Q\0\0\0\x0dSELECT 2";
    memcpy(bind, "B\0\1\x11\x80\0\0\0\0\0\1\0\1\x11\x70", 15);
    memset(bind + 15, 'x', LONG);
    const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        {'>', {(const guint8 *) select, sizeof select}},
        {'>', {(const guint8 *) bind, 15 + LONG + 2}},
        TO_SERVER(SYNC),
        TO_CLIENT(DONE READY),
        TO_CLIENT("2\0\0\0\4" READY),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_postgresql, turns, G_N_ELEMENTS(turns), 1400, 0, &stream);
    ck_assert_str_eq(stream.lines->str,
                     "1 SELECT ? [ok] 14/20 @2,2,5,5\n2  [ok] 70022/11 @3,4,6,6\n");
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_postgresql_cancel_with_a_long_key)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x14\x04\xd2\x16\x2e\0\0\0\1keykeyk\1"),
    };
    REPLAY(lamp_dissector_postgresql, turns, "1 CANCEL []O 20/0 @0,0,-,-\n");
    gboolean swapped = FALSE;
    ck_assert_uint_ge(
        lamp_dissector_postgresql.probe(turns[0].bytes, lamp_bytes("", 0), 5432, &swapped), 95);
}
END_TEST

/* A snap length that leaves the begin of each packet. */
START_TEST(test_postgresql_packets_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x40\0\3\0\0user\0appl"),
        LOST_TO_SERVER(47),
        TO_CLIENT("R\0\0\0\x08\0\0\0\0S\0\0\0\x16"
                  "appl"),
        LOST_TO_CLIENT(200),
        TO_SERVER("Q\0\0\0\x20SELECT x FROM"),
        LOST_TO_SERVER(15),
        TO_CLIENT("T\0\0\0\x1a\0\1x\0"),
        LOST_TO_CLIENT(70),
        TO_CLIENT("rest of a row"),
        LOST_TO_CLIENT(30),
        TO_SERVER("Q\0\0\0\x0aSELEC\0"),
        TO_CLIENT("E\0\0\0\x40SERROR\0VERROR\0C42601\0Msynt"),
        LOST_TO_CLIENT(44),
        TO_SERVER("P\0\0\0\x14\0SELECT f($1)\0\0\0B"),
        LOST_TO_SERVER(38),
        TO_CLIENT("1\0\0\0\4"
                  "2\0\0\0\4" DONE READY),
        TO_SERVER("P\0\0\0\x14\0SELECT g($1)\0\0\0B"),
        LOST_TO_SERVER(38),
        TO_CLIENT("1\0\0\0\4"
                  "2\0\0\0\4" DONE),
        LOST_TO_CLIENT(6),
        TO_SERVER("P\0\0\0\x14\0SELECT h($1)\0\0\0B"),
        LOST_TO_SERVER(38),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 SELECT x FROM []G 33/122 @4,4,6,8\n"
           "2 SELEC [42601]!G 11/75 @10,10,11,11\n"
           "3 SELECT f(?) [ok]G 60/30 @13,13,15,15\n"
           "4 SELECT g(?) [ok]G 60/30 @16,16,18,18\n"
           "5 SELECT h(?) []NG 60/0 @20,20,-,-\n");
}
END_TEST

/* Where several calls wait a cut answer may be anybody's. */
START_TEST(test_postgresql_pipeline_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_SERVER(STARTUP),
        TO_CLIENT(AUTHENTICATED),
        TO_SERVER("Q\0\0\0\x0dSELECT 1\0"
                  "Q\0\0\0\x0dSELECT 2\0"),
        TO_CLIENT("T\0\0\0\x1a\0\1x\0"),
        LOST_TO_CLIENT(70),
        TO_SERVER("Q\0\0\0\x0dSELECT 3\0"),
        TO_CLIENT(DONE READY),
    };
    REPLAY(lamp_dissector_postgresql, turns,
           "1 SELECT ? []GA 14/9 @2,2,3,3\n2 SELECT ? []NG 14/0 @2,2,-,-\n"
           "3 SELECT ? [ok] 14/20 @5,5,6,6\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/postgresql");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_postgresql_simple_query_and_error);
    tcase_add_test(tc, test_postgresql_extended_with_prepared_name);
    tcase_add_test(tc, test_postgresql_binary_parameters_are_values);
    tcase_add_test(tc, test_postgresql_prepared_first_and_run_later);
    tcase_add_test(tc, test_postgresql_tls_is_handed_over);
    tcase_add_test(tc, test_postgresql_refused_tls_copy_and_unanswered);
    tcase_add_test(tc, test_postgresql_midstream);
    tcase_add_test(tc, test_postgresql_start_up_without_handshake);
    tcase_add_test(tc, test_postgresql_cancel);
    tcase_add_test(tc, test_postgresql_goes_on_inside_a_segment);
    tcase_add_test(tc, test_postgresql_copy_in_the_extended_protocol);
    tcase_add_test(tc, test_postgresql_long_message_before_its_sync);
    tcase_add_test(tc, test_postgresql_cancel_with_a_long_key);
    tcase_add_test(tc, test_postgresql_packets_cut_by_the_snap_length);
    tcase_add_test(tc, test_postgresql_pipeline_cut_by_the_snap_length);
    tcase_add_test(tc, test_postgresql_probe);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
