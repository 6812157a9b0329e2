/* AMQP conversations in every segmentation. */
#include "tests/unit/fake-stream.h"

#define OPENING "AMQP\0\0\x09\x01"
#define PUBLISH "\1\0\1\0\0\0\x0f\0\x3c\0\x28\0\0\0\6orders\0\xce"
#define CONTENT "\2\0\1\0\0\0\x14\0\x3c\0\0\0\0\0\0\0\0\0\x12\0\x80\5msg-7\xce"
#define BODY "\3\0\1\0\0\0\x12{\"order\":\"ORD-23\"}\xce"
#define DELIVER "\1\0\1\0\0\0\x18\0\x3c\0\x3c\2c1\0\0\0\0\0\0\0\1\0\0\6orders\xce"

START_TEST(test_amqp_publish_and_deliver_share_values)
{
    static const Turn publisher[] = {TO_SERVER(OPENING PUBLISH CONTENT BODY)};
    static const Turn consumer[] = {TO_SERVER(OPENING), TO_CLIENT(DELIVER CONTENT BODY)};
    REPLAY(lamp_dissector_amqp, publisher,
           "1 publish orders []O 77/0 @0,0,-,- routing-key=orders message-id=msg-7 "
           "body.order=ORD-23 payload=6a0ee450f01874ef\n");
    REPLAY(lamp_dissector_amqp, consumer,
           "1 deliver orders [ok]O 0/86 @-,-,1,1 <routing-key=orders <message-id=msg-7 "
           "<body.order=ORD-23 <payload=6a0ee450f01874ef\n");
}
END_TEST

START_TEST(test_amqp_confirmed_publish_is_a_call)
{
    static const Turn turns[] = {
        TO_SERVER(OPENING "\1\0\1\0\0\0\5\0\x55\0\x0a\0\xce"),
        TO_SERVER(PUBLISH CONTENT BODY PUBLISH CONTENT BODY),
        TO_CLIENT("\1\0\1\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\2\1\xce"),
    };
    REPLAY(lamp_dissector_amqp, turns,
           "1 publish orders [ack] 77/21 @1,1,2,2 routing-key=orders message-id=msg-7 "
           "body.order=ORD-23 payload=6a0ee450f01874ef\n"
           "2 publish orders [ack] 77/21 @1,1,2,2 routing-key=orders message-id=msg-7 "
           "body.order=ORD-23 payload=6a0ee450f01874ef\n");
}
END_TEST

START_TEST(test_amqp_get_empty)
{
    static const Turn turns[] = {
        TO_SERVER(OPENING "\1\0\1\0\0\0\x0c\0\x3c\0\x46\0\0\4jobs\1\xce"),
        TO_CLIENT("\1\0\1\0\0\0\5\0\x3c\0\x48\0\xce"),
    };
    REPLAY(lamp_dissector_amqp, turns, "1 get jobs [empty] 20/13 @0,0,1,1\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/amqp");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_amqp_publish_and_deliver_share_values);
    tcase_add_test(tc, test_amqp_confirmed_publish_is_a_call);
    tcase_add_test(tc, test_amqp_get_empty);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
