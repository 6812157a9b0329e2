/* Redis conversations in every segmentation. */
#include "tests/unit/fake-stream.h"

START_TEST(test_redis_pipelined_commands_and_statuses)
{
    static const Turn turns[] = {
        TO_SERVER("*2\r\n$3\r\nget\r\n$11\r\nitem:u10065\r\n"
                  "*3\r\n$5\r\nLPUSH\r\n$6\r\norders\r\n$22\r\n{\"order\":\"ORD-230002\"}\r\n"
                  "*1\r\n$4\r\nINCR\r\n"),
        TO_CLIENT("$-1\r\n:1\r\n-ERR wrong number of arguments\r\n"),
        TO_SERVER("PING\r\n"),
        TO_CLIENT("+PONG\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 GET item:{} [nil] 31/5 @0,0,1,1 key=item:u10065 key.2=u10065\n"
           "2 LPUSH orders [ok] 56/4 @0,0,1,1 key=orders argument.order=ORD-230002 "
           "payload=023daef04360d1f4\n"
           "3 INCR [ERR]! 14/32 @0,0,1,1\n4 PING [ok] 6/7 @2,2,3,3\n");
}
END_TEST

START_TEST(test_redis_blocking_pop_carries_the_payload)
{
    static const Turn turns[] = {
        TO_SERVER("*3\r\n$5\r\nBRPOP\r\n$6\r\norders\r\n$1\r\n5\r\n"),
        TO_CLIENT("*-1\r\n"),
        TO_SERVER("*3\r\n$5\r\nBRPOP\r\n$6\r\norders\r\n$1\r\n5\r\n"),
        TO_CLIENT("*2\r\n$6\r\norders\r\n$22\r\n{\"order\":\"ORD-230002\"}\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 BRPOP orders [nil] 34/5 @0,0,1,1 key=orders\n"
           "2 BRPOP orders [ok] 34/45 @2,2,3,3 key=orders <reply.order=ORD-230002 "
           "<payload=023daef04360d1f4\n");
}
END_TEST

START_TEST(test_redis_secrets_are_not_stored)
{
    static const Turn turns[] = {
        TO_SERVER("*2\r\n$4\r\nAUTH\r\n$8\r\nhunter22\r\n"),
        TO_CLIENT("+OK\r\n"),
        TO_SERVER("*2\r\n$3\r\nGET\r\n$10\r\nsess:ab123\r\n"),
        TO_CLIENT("$30\r\n{\"user\":\"u10065\",\"tier\":\"std\"}\r\n"),
        TO_SERVER("*2\r\n$3\r\nGET\r\n$26\r\nshop:session:oswmzxgr:cart\r\n"),
        TO_CLIENT("$-1\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 AUTH [ok] 28/5 @0,0,1,1\n"
           "2 GET sess:{} [ok] 30/37 @2,2,3,3 key=03464054dc096403 <reply.user=u10065\n"
           "3 GET shop:session:{}:{} [nil] 46/5 @4,4,5,5 key=67c7e253b7422f8b\n");
}
END_TEST

/* As job queues are written: a script puts in what another hands out. Keys are no payload. */
START_TEST(test_redis_scripts_have_names_and_payloads)
{
    static const Turn turns[] = {
        TO_SERVER("*7\r\n$7\r\nevalsha\r\n$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"
                  "$1\r\n2\r\n$6\r\nq:wait\r\n$22\r\nq:a-rather-long-key-12\r\n"
                  "$16\r\nplease post this\r\n$5\r\nshort\r\n"),
        TO_CLIENT("*1\r\n$16\r\nplease post this\r\n"),
        TO_SERVER("*4\r\n$5\r\nFCALL\r\n$5\r\ntally\r\n$1\r\n0\r\n$8\r\nu1000055\r\n"),
        TO_CLIENT(":1\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 EVALSHA 01234567 q:wait [ok] 146/27 @0,0,1,1 key=q:wait payload=08f051039ca7b53c "
           "<payload=08f051039ca7b53c\n2 FCALL tally [ok] 47/4 @2,2,3,3 argument=u1000055\n");
}
END_TEST

START_TEST(test_redis_push_and_subscription_are_one_way)
{
    static const Turn turns[] = {
        TO_SERVER("*3\r\n$9\r\nSUBSCRIBE\r\n$2\r\nc1\r\n$2\r\nc2\r\n"),
        TO_CLIENT("*3\r\n$9\r\nsubscribe\r\n$2\r\nc1\r\n:1\r\n"
                  "*3\r\n$9\r\nsubscribe\r\n$2\r\nc2\r\n:2\r\n"),
        TO_CLIENT("*3\r\n$7\r\nmessage\r\n$2\r\nc1\r\n$12\r\nhello-000001\r\n"),
        TO_CLIENT(">3\r\n$7\r\nmessage\r\n$2\r\nc1\r\n$2\r\nhi\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 SUBSCRIBE {} [ok] 35/31 @0,0,1,1 key=c1\n"
           "1 MESSAGE {} [ok]O 0/44 @-,-,2,2 <key=c1 <reply=hello-000001 "
           "<payload=85904f57241f3803\n"
           "1 MESSAGE {} [ok]O 0/33 @-,-,3,3 <key=c1\n");
}
END_TEST

START_TEST(test_redis_resp3_nesting_attribute_and_long_string)
{
    GString *reply = g_string_new("|1\r\n+ttl\r\n:3\r\n%1\r\n$1\r\na\r\n*2\r\n*0\r\n$5000\r\n");
    for (guint i = 0; i < 5000; i++)
        g_string_append_c(reply, 'x');
    g_string_append(reply, "\r\n_\r\n");
    Turn turns[] = {
        TO_SERVER("*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nLPOP\r\n"),
        {'<', lamp_bytes(reply->str, reply->len)},
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 EXEC [ok] 14/5042 @0,0,1,1\n2 LPOP [nil] 14/3 @0,0,1,1\n");
    g_string_free(reply, TRUE);
}
END_TEST

START_TEST(test_redis_gap_in_pipeline_never_shifts_pairs)
{
    static const Turn turns[] = {
        TO_SERVER("*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nEXEC\r\n"),
        LOST_TO_CLIENT(5),
        TO_CLIENT("+OK\r\n"),
        TO_SERVER("*1\r\n$5\r\nMULTI\r\n"),
        TO_CLIENT("+OK\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 EXEC []NG 14/0 @0,0,-,-\n2 EXEC []NG 14/0 @0,0,-,-\n3 EXEC []NG 14/0 @0,0,-,-\n"
           "4 MULTI [ok] 15/5 @3,3,4,4\n");
}
END_TEST

START_TEST(test_redis_midstream_counts_the_first_reply)
{
    static const Turn turns[] = {
        TO_CLIENT("$2\r\nok\r\n"),
        TO_SERVER("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        TO_CLIENT("$2\r\nok\r\n"),
    };
    REPLAY_MIDSTREAM(lamp_dissector_redis, turns,
                     "1  [ok]P 0/8 @-,-,0,0\n2 GET a [ok] 20/8 @1,1,2,2 key=a\n");
}
END_TEST

START_TEST(test_redis_deep_nesting_is_refused)
{
    static const Turn turns[] = {
        TO_SERVER("*1\r\n$4\r\nEXEC\r\n"),
        TO_CLIENT(
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
            "*1\r\n*1\r\n*1\r\n*1\r\n+a\r\n"),
    };
    LampStream stream = {0};
    replay(&lamp_dissector_redis, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_uint_eq(stream.findings, 1);
    g_string_free(stream.lines, TRUE);
}
END_TEST

/* A snap length that leaves the begin of each packet. */
START_TEST(test_redis_packets_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_SERVER("*2\r\n$3\r\nGET\r\n$20\r\nitem:1000"),
        LOST_TO_SERVER(13),
        TO_CLIENT("$40\r\nsome text of"),
        LOST_TO_CLIENT(30),
        TO_SERVER("*3\r\n$3\r\nSET\r\n$9\r\nitem:1000\r\n$2"),
        LOST_TO_SERVER(28),
        TO_CLIENT("+O"),
        LOST_TO_CLIENT(3),
        TO_SERVER("*2\r\n$4\r\nMGET\r\n$9\r\nitem:"),
        LOST_TO_SERVER(6),
        TO_CLIENT("*2\r\n$5\r\nabc"),
        LOST_TO_CLIENT(20),
        TO_CLIENT("$3\r\nend"),
        LOST_TO_CLIENT(2),
        TO_SERVER("*1\r\n$4\r\nPING\r\n"),
        TO_CLIENT("-ERR no\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 GET item:… [ok]G 40/47 @0,0,2,2\n"
           "2 SET item:{} [ok]G 58/5 @4,4,6,6 key=item:1000 key.2=1000\n"
           "3 MGET item:… [ok]G 29/40 @8,8,10,12\n"
           "4 PING [ERR]! 14/9 @14,14,15,15\n");
}
END_TEST

/* Which of two that wait a cut reply belongs to is not known. */
START_TEST(test_redis_pipeline_cut_by_the_snap_length)
{
    static const Turn turns[] = {
        TO_SERVER("*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nEXEC\r\n"),
        TO_CLIENT("*2\r\n$5\r\nabc"),
        LOST_TO_CLIENT(20),
        TO_SERVER("*1\r\n$4\r\nPING\r\n"),
        TO_CLIENT("+OK\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 EXEC [ok]GA 14/11 @0,0,1,1\n2 EXEC []NG 14/0 @0,0,-,-\n"
           "3 PING [ok] 14/5 @3,3,4,4\n");
}
END_TEST

START_TEST(test_redis_replies_that_are_turned_off)
{
    static const Turn turns[] = {
        TO_SERVER("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n"
                  "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
                  "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        TO_CLIENT("$1\r\n1\r\n"),
        TO_SERVER("*3\r\n$6\r\nclient\r\n$5\r\nreply\r\n$3\r\noff\r\n"
                  "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
                  "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"),
        TO_SERVER("*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n"
                  "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        TO_CLIENT("+OK\r\n$1\r\n3\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 CLIENT []O 37/0 @0,0,-,-\n"
           "2 INCR a []O 21/0 @0,0,-,- key=a\n"
           "3 GET a [ok] 20/7 @0,0,1,1 key=a\n"
           "4 CLIENT []O 36/0 @2,2,-,-\n"
           "5 INCR a []O 21/0 @2,2,-,- key=a\n"
           "6 INCR a []O 21/0 @2,2,-,- key=a\n"
           "7 CLIENT [ok] 35/5 @3,3,4,4\n"
           "8 GET a [ok] 20/7 @3,3,4,4 key=a\n");
}
END_TEST

/* A replica acknowledges what it got without being answered; what it is sent are no answers. */
START_TEST(test_redis_replication)
{
    static const Turn turns[] = {
        TO_SERVER("*1\r\n$4\r\nPING\r\n"),
        TO_CLIENT("+PONG\r\n"),
        TO_SERVER("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"),
        TO_CLIENT("+FULLRESYNC 8de1787ba490483314a4d30f1c628bc5025eb761 0\r\n"),
        TO_CLIENT("$9\r\nREDIS0011"),
        TO_CLIENT("*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"),
        TO_SERVER("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n"),
        TO_CLIENT("*1\r\n$4\r\nPING\r\n"),
        TO_SERVER("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n14\r\n"),
    };
    REPLAY(lamp_dissector_redis, turns,
           "1 PING [ok] 14/7 @0,0,1,1\n"
           "2 PSYNC [ok] 30/56 @2,2,3,3\n"
           "3 REPLCONF []O 34/0 @6,6,-,-\n"
           "4 REPLCONF []O 35/0 @8,8,-,-\n");
}
END_TEST

/* Commands typed as lines are known in the middle of a connection, too, by their answers. */
START_TEST(test_redis_lines_midstream)
{
    static const Turn turns[] = {
        TO_SERVER("get item:1000\r\n"),
        TO_CLIENT("$2\r\nok\r\n"),
        TO_SERVER("*1\r\n$4\r\nPING\r\n"),
        TO_CLIENT("+PONG\r\n"),
    };
    static const Turn tail[] = {
        TO_SERVER("of a value\r\n"),
        TO_CLIENT("+OK\r\n"),
    };
    gboolean swapped = FALSE;
    LampBytes none = lamp_bytes("", 0), client = turns[0].bytes, server = turns[1].bytes;
    ck_assert_uint_ge(lamp_dissector_redis.probe(client, server, 6379, &swapped), 80);
    ck_assert_uint_lt(lamp_dissector_memcached.probe(client, none, 6379, &swapped), 80);
    ck_assert_uint_lt(lamp_dissector_memcached.probe(client, server, 6379, &swapped), 80);
    LampStream stream = {.is_midstream = TRUE};
    replay(&lamp_dissector_redis, turns, G_N_ELEMENTS(turns), 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str,
                     "1 GET item:{} [ok] 15/8 @0,0,1,1 key=item:1000 key.2=1000\n"
                     "2 PING [ok] 14/7 @2,2,3,3\n");
    g_string_free(stream.lines, TRUE);
    REPLAY_MIDSTREAM(lamp_dissector_redis, tail, "1  [ok]P 0/5 @-,-,1,1\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/redis");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_redis_pipelined_commands_and_statuses);
    tcase_add_test(tc, test_redis_blocking_pop_carries_the_payload);
    tcase_add_test(tc, test_redis_secrets_are_not_stored);
    tcase_add_test(tc, test_redis_scripts_have_names_and_payloads);
    tcase_add_test(tc, test_redis_push_and_subscription_are_one_way);
    tcase_add_test(tc, test_redis_resp3_nesting_attribute_and_long_string);
    tcase_add_test(tc, test_redis_gap_in_pipeline_never_shifts_pairs);
    tcase_add_test(tc, test_redis_midstream_counts_the_first_reply);
    tcase_add_test(tc, test_redis_deep_nesting_is_refused);
    tcase_add_test(tc, test_redis_packets_cut_by_the_snap_length);
    tcase_add_test(tc, test_redis_pipeline_cut_by_the_snap_length);
    tcase_add_test(tc, test_redis_replies_that_are_turned_off);
    tcase_add_test(tc, test_redis_replication);
    tcase_add_test(tc, test_redis_lines_midstream);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
