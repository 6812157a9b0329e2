/* Protocols whose messages carry the number of their request: Kafka, MongoDB, Cassandra,
 * Thrift, LDAP; and SMTP's lines. In every segmentation. */
#include "tests/unit/fake-stream.h"

START_TEST(test_kafka_produce_and_fetch_share_the_batch)
{
#define BATCH                                                                          \
    "\0\0\0\0\0\0\0\0\0\0\0\x38\0\0\0\0\2\xaa\xbb\xcc\xdd\0\0\0\0\0\0\0\1\2\3\4\5\6\7" \
    "\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\1wxyzuvw"
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x70\0\0\0\7\0\0\0\5\0\2c1\xff\xff\0\1\0\0\0\x0a\0\0\0\1\0\6orders"
                  "\0\0\0\1\0\0\0\0\0\0\0\x44" BATCH "01234567"),
        TO_SERVER("\0\0\0\x0c\0\x03\0\0\0\0\0\6\0\2c1"),
        TO_CLIENT("\0\0\0\6\0\0\0\6ab"),
        TO_CLIENT("\0\0\0\4\0\0\0\5"),
    };
    REPLAY(lamp_dissector_kafka, turns,
           "2 Metadata [ok] 16/10 @1,1,2,2\n"
           "1 Produce orders [ok] 116/8 @0,0,3,3 payload=aabbccdd0001020304050607\n");
}
END_TEST

/* Since version 13 topics have ids where names stood, and some requests have high numbers. */
START_TEST(test_kafka_topic_ids_and_new_requests)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x29\0\0\0\x0d\0\0\0\7\0\2c1\0\0\0\1\0\0\x75\x30\2"
                  "\x04"
                  "BCDEFGHIJKLMNOP\1\0\0\0"),
        TO_CLIENT("\0\0\0\6\0\0\0\7ab"),
        TO_SERVER("\0\0\0\x0c\0\x5a\0\0\0\0\0\x08\0\2c1"),
        TO_CLIENT("\0\0\0\6\0\0\0\x08"
                  "ab"),
    };
    REPLAY(lamp_dissector_kafka, turns,
           "1 Produce [ok] 45/10 @0,0,1,1\n2 API 90 [ok] 16/10 @2,2,3,3\n");
}
END_TEST

START_TEST(test_mongodb_command_and_error)
{
    static const Turn turns[] = {
        TO_SERVER(
            "\x42\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0"
            "\x2d\0\0\0\2find\0\6\0\0\0query\0\2user\0\7\0\0\0u10065\0\2pwd\0\1\0\0\0\0\0"),
        TO_CLIENT("\x2b\0\0\0\7\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0"
                  "\x16\0\0\0\x10"
                  "code\0\x0b\0\0\0\x10ok\0\0\0\0\0\0"),
    };
    REPLAY(lamp_dissector_mongodb, turns,
           "1 find query [11]! 66/43 @0,0,1,1 body.user=u10065\n");
}
END_TEST

/* The same command with snappy and with zlib, by the libraries of these formats. */
START_TEST(test_mongodb_compressed)
{
    static const Turn turns[] = {
        TO_SERVER(
            "\117\000\000\000\001\000\000\000\000\000\000\000\334\007\000\000\335\007\000\000"
            "\065\000\000\000\001\065\000\000\001\001\274\055\000\000\000\002\146\151\156\144"
            "\000\006\000\000\000\161\165\145\162\171\000\002\165\163\145\162\000\007\000\000"
            "\000\165\061\060\060\066\065\000\002\160\167\144\000\001\000\000\000\000\000"),
        TO_CLIENT("\055\000\000\000\011\000\000\000\001\000\000\000\334\007\000\000\335\007\000"
                  "\000\022\000\000\000\002\170\234\143\140\000\002\101\040\026\310\317\146\140"
                  "\004\161\000\007\351\000\375"),
        TO_SERVER(
            "\116\000\000\000\002\000\000\000\000\000\000\000\334\007\000\000\335\007\000\000"
            "\065\000\000\000\002\170\234\143\140\000\002\135\040\146\112\313\314\113\141\140"
            "\003\262\012\113\123\213\052\031\230\112\213\123\213\030\330\201\374\122\103\003"
            "\003\063\123\006\246\202\362\024\006\106\220\162\006\000\344\115\010\224"),
        TO_CLIENT("\054\000\000\000\012\000\000\000\002\000\000\000\334\007\000\000\335\007\000"
                  "\000\022\000\000\000\001\022\000\000\001\001\060\021\000\000\000\020\157\153"
                  "\000\001\000\000\000\000"),
    };
    REPLAY(lamp_dissector_mongodb, turns,
           "1 find query [ok] 79/45 @0,0,1,1 body.user=u10065\n"
           "2 find query [ok] 78/44 @2,2,3,3 body.user=u10065\n");
}
END_TEST

/* One question, and answers that each refer to the one before. */
START_TEST(test_mongodb_streamed_replies)
{
#define REPLY(id, to, more)                                        \
    "\x22\0\0\0" id "\0\0\0" to "\0\0\0\xdd\7\0\0" more "\0\0\0\0" \
    "\x0d\0\0\0\x10ok\0\1\0\0\0\0"
    static const Turn turns[] = {
        TO_SERVER("\x25\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\1\0\0"
                  "\x10\0\0\0\x10hello\0\1\0\0\0\0"),
        TO_CLIENT(REPLY("\7", "\1", "\2")),
        TO_CLIENT(REPLY("\x08", "\7", "\2")),
        TO_CLIENT(REPLY("\x09", "\x08", "\0")),
    };
    REPLAY(lamp_dissector_mongodb, turns,
           "1 hello [ok] 37/34 @0,0,1,1\n2 reply []O 0/34 @-,-,2,2\n"
           "3 reply []O 0/34 @-,-,3,3\n");
}
END_TEST

START_TEST(test_fastcgi_two_requests_at_once)
{
    static const Turn turns[] = {
        TO_SERVER("\1\1\0\1\0\x08\0\0\0\1\1\0\0\0\0\0"
                  "\1\4\0\1\0\x43\2\0"
                  "\x0e\3REQUEST_METHODGET\x0b\x0bREQUEST_URI/items/17?a"
                  "\x11\5HTTP_X_REQUEST_IDreq-7"
                  "\0\0"),
        TO_SERVER("\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0"),
        TO_SERVER("\1\1\0\2\0\x08\0\0\0\1\1\0\0\0\0\0"
                  "\1\4\0\2\0\x26\0\0"
                  "\x0e\4REQUEST_METHODPOST\x0b\5SCRIPT_NAME/cart"),
        TO_CLIENT("\1\6\0\2\0\x1b\5\0Status: 503 Busy\r\nA: b\r\n\r\nx\0\0\0\0\0"),
        TO_CLIENT("\1\6\0\1\0\5\0\0A: b\n\1\6\0\1\0\0\0\0\1\3\0\1\0\x08\0\0\0\0\0\0\0\0\0\0"),
        TO_CLIENT("\1\3\0\2\0\x08\0\0\0\0\0\0\0\0\0\0"),
    };
    REPLAY(lamp_dissector_fastcgi, turns,
           "1 GET /items/{} [200] 109/37 @0,1,4,4 header.x-request-id=req-7 path.2=17\n"
           "2 POST /cart [503]! 62/56 @2,2,3,5\n");
}
END_TEST

START_TEST(test_cassandra_out_of_order_and_prepared)
{
    static const Turn turns[] = {
        TO_SERVER("\4\0\0\1\x09\0\0\0\x1d\0\0\0\x19SELECT a FROM t WHERE b=1"),
        TO_CLIENT("\x84\0\0\1\x08\0\0\0\x08\0\0\0\4\0\2id"),
        TO_SERVER("\4\0\0\2\x0a\0\0\0\4\0\2id\4\0\0\3\7\0\0\0\7\0\0\0\3bad"),
        TO_CLIENT("\x84\0\0\3\0\0\0\0\4\0\0\x20\0"),
        TO_CLIENT("\x84\0\0\2\x08\0\0\0\4\0\0\0\1"),
    };
    REPLAY(lamp_dissector_cassandra, turns,
           "1 PREPARE SELECT a FROM t WHERE b=? [ok] 38/17 @0,0,1,1\n3 bad [0x2000]! 16/13 "
           "@2,2,3,3\n"
           "2 SELECT a FROM t WHERE b=? [ok] 13/13 @2,2,4,4\n");
}
END_TEST

START_TEST(test_thrift_binary_and_compact)
{
    static const Turn turns[] = {
        TO_SERVER("\0\0\0\x11\x80\1\0\1\0\0\0\4echo\0\0\0\1x"),
        TO_CLIENT("\0\0\0\x11\x80\1\0\2\0\0\0\4echo\0\0\0\1y"),
        TO_SERVER("\0\0\0\x09\x82\x21\2\4ping\0"),
        TO_CLIENT("\0\0\0\x09\x82\x61\2\4ping\0"),
    };
    REPLAY(lamp_dissector_thrift, turns,
           "1 echo [ok] 21/21 @0,0,1,1\n2 ping [exception]! 13/13 @2,2,3,3\n");
}
END_TEST

/* A binary call with a text, a list of two numbers, a map, a struct; replies; compact ones. */
START_TEST(test_thrift_without_frames)
{
    static const Turn turns[] = {
        TO_SERVER("\x80\1\0\1\0\0\0\4echo\0\0\0\1"
                  "\x0b\0\1\0\0\0\2hi\x0f\0\2\x06\0\0\0\2\0\1\0\2"
                  "\x0d\0\3\x08\x0b\0\0\0\1\0\0\0\7\0\0\0\1x\x0c\0\4\2\0\1\1\0\0"),
        TO_CLIENT("\x80\1\0\2\0\0\0\4echo\0\0\0\1\x0b\0\0\0\0\0\1y\0"),
        TO_SERVER("\x80\1\0\4\0\0\0\4note\0\0\0\2\0"
                  "\x80\1\0\1\0\0\0\3buy\0\0\0\3\0"),
        TO_CLIENT("\x80\1\0\2\0\0\0\3buy\0\0\0\3\x0c\0\1\x0b\0\1\0\0\0\2no\0\0"),
    };
    REPLAY(lamp_dissector_thrift, turns,
           "1 echo [ok] 64/25 @0,0,1,1\n2 note []O 17/0 @2,2,-,-\n"
           "3 buy [declared exception] 16/29 @2,2,3,3\n");
    static const Turn compact[] = {
        TO_SERVER("\x82\x21\5\3add\x15\2\x15\4\x19\x25\2\4\x1b\1\x58\2\1x\x11\0"),
        TO_CLIENT("\x82\x41\5\3add\5\0\6\0"),
    };
    REPLAY(lamp_dissector_thrift, compact, "1 add [ok] 23/11 @0,0,1,1\n");
}
END_TEST

/* A list of two billion elements without a size is no message. */
START_TEST(test_thrift_list_of_nothing)
{
    static const Turn turns[] = {
        TO_SERVER("\x80\1\0\1\0\0\0\4echo\0\0\0\1\x0f\0\1\1\x7f\xff\xff\xff"),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_thrift, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "");
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
}
END_TEST

#define PING_REPLY(n) "\0\0\0\x09\x82\x41" n "\4ping\0"
#define PING_CALL(n) "\0\0\0\x09\x82\x21" n "\4ping\0"
START_TEST(test_messages_are_found_inside_a_segment)
{
    static const Turn turns[] = {
        TO_SERVER(PING_CALL("\1") PING_CALL("\2") PING_CALL("\3")),
        LOST_TO_CLIENT(7),
        TO_CLIENT("ing\0" PING_REPLY("\2") PING_REPLY("\3")),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_thrift, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "2 ping [ok]G 13/13 @0,0,2,2\n"
                                        "3 ping [ok]G 13/13 @0,0,2,2\n"
                                        "1 ping []NG 13/0 @0,0,-,-\n");
    g_string_free(stream.lines, TRUE);
}
END_TEST

START_TEST(test_ldap_search_with_entries)
{
    static const Turn turns[] = {
        TO_SERVER("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
        TO_CLIENT("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0"),
        TO_SERVER("\x30\x05\2\1\2\x63\0"),
        TO_CLIENT("\x30\x05\2\1\2\x64\0\x30\x05\2\1\2\x64\0"),
        TO_CLIENT("\x30\x0c\2\1\2\x65\7\x0a\1\x20\4\0\4\0"),
        TO_SERVER("\x30\x05\2\1\3\x42\0"),
    };
    REPLAY(lamp_dissector_ldap, turns,
           "1 bind [0] 14/14 @0,0,1,1\n2 search [32] 7/28 @2,2,3,4\n");
}
END_TEST

START_TEST(test_smtp_mail_with_pipelining)
{
    static const Turn turns[] = {
        TO_CLIENT("220-mail.test\r\n220 ready\r\n"),
        TO_SERVER("EHLO a\r\n"),
        TO_CLIENT("250-mail\r\n250 PIPELINING\r\n"),
        TO_SERVER("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        TO_CLIENT("250 ok\r\n550 no such user\r\n354 go\r\n"),
        TO_SERVER("Subject: x\r\n\r\nDATA\r\n..\r\n.\r\n"),
        TO_CLIENT("250 queued\r\n"),
        TO_SERVER("AUTH LOGIN\r\n"),
        TO_CLIENT("334 VXNlcm5hbWU6\r\n"),
        TO_SERVER("c2VjcmV0\r\n"),
        TO_CLIENT("235 ok\r\n"),
        TO_SERVER("BOGUS x\r\n"),
        TO_CLIENT("500 what?\r\n"),
        TO_SERVER("QUIT\r\n"),
    };
    REPLAY(
        lamp_dissector_smtp, turns,
        "1 EHLO [250] 8/26 @1,1,2,2\n2 MAIL [250] 17/8 @3,3,4,4\n3 RCPT [550]! 15/18 @3,3,4,4\n"
        "4 DATA [354] 6/8 @3,3,4,4\n5 message [250] 27/12 @5,5,6,6\n"
        "6 AUTH [235] 22/26 @7,9,8,10\n7 unknown [500]! 9/11 @11,11,12,12\n"
        "8 QUIT []N 6/0 @13,13,-,-\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/keyed");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_kafka_produce_and_fetch_share_the_batch);
    tcase_add_test(tc, test_kafka_topic_ids_and_new_requests);
    tcase_add_test(tc, test_mongodb_command_and_error);
    tcase_add_test(tc, test_mongodb_compressed);
    tcase_add_test(tc, test_mongodb_streamed_replies);
    tcase_add_test(tc, test_fastcgi_two_requests_at_once);
    tcase_add_test(tc, test_cassandra_out_of_order_and_prepared);
    tcase_add_test(tc, test_thrift_binary_and_compact);
    tcase_add_test(tc, test_thrift_without_frames);
    tcase_add_test(tc, test_thrift_list_of_nothing);
    tcase_add_test(tc, test_messages_are_found_inside_a_segment);
    tcase_add_test(tc, test_ldap_search_with_entries);
    tcase_add_test(tc, test_smtp_mail_with_pipelining);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
