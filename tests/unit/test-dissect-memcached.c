/* memcached conversations, text, meta and binary, in every segmentation. */
#include "tests/unit/fake-stream.h"

START_TEST(test_memcached_text_hits_misses_and_data)
{
    static const Turn turns[] = {
        TO_SERVER("get price:SKU-1406\r\n"),
        TO_CLIENT("END\r\n"),
        TO_SERVER("set price:SKU-1406 0 60 14\r\n{\"sku\":\"A-17\"}\r\n"
                  "set x:1 0 0 2 noreply\r\nok\r\nget a b\r\nincr n 1\r\n"),
        TO_CLIENT("STORED\r\nVALUE a 0 5\r\nEND\r\n\r\n"),
        TO_CLIENT("VALUE b 0 2 7\r\nok\r\nEND\r\n12\r\n"),
        TO_SERVER("bogus 7\r\nget k\r\n"),
        TO_CLIENT("ERROR\r\nEND\r\n"),
    };
    REPLAY(lamp_dissector_memcached, turns,
           "1 get price:{} [miss] 20/5 @0,0,1,1 key=price:SKU-1406 key.2=SKU-1406\n"
           "3 set x:{} []O 27/0 @2,2,-,- key=x:1\n"
           "2 set price:{} [STORED] 44/8 @2,2,3,3 key=price:SKU-1406 key.2=SKU-1406 "
           "argument.sku=A-17\n"
           "4 get a [hit] 9/44 @2,2,3,4 key=a key=b\n5 incr n [ok] 10/4 @2,2,4,4 key=n\n"
           "6 unknown [ERROR]! 9/7 @5,5,6,6\n7 get k [miss] 7/5 @5,5,6,6 key=k\n");
}
END_TEST

START_TEST(test_memcached_meta_quiet_ends_with_noop)
{
    static const Turn turns[] = {
        TO_SERVER("mg foo1 v q\r\nmg foo22 v q\r\nmn\r\n"),
        TO_CLIENT("VA 2 c3\r\nhi\r\nMN\r\n"),
    };
    REPLAY(lamp_dissector_memcached, turns,
           "1 mg foo1 [hit] 13/13 @0,0,1,1 key=foo1\n2 mg {} []O 14/0 @0,0,-,- key=foo22\n"
           "3 mn [MN] 4/4 @0,0,1,1\n");
}
END_TEST

START_TEST(test_memcached_binary_pairs_by_opaque)
{
    static const Turn turns[] = {
        TO_SERVER("\x80\x09\0\2\0\0\0\0\0\0\0\2\0\0\0\7\0\0\0\0\0\0\0\0k1"
                  "\x80\0\0\2\0\0\0\0\0\0\0\2\0\0\0\x08\0\0\0\0\0\0\0\0k2"),
        TO_CLIENT("\x81\0\0\0\4\0\0\0\0\0\0\6\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0hi"),
    };
    REPLAY(lamp_dissector_memcached, turns,
           "1 getq {} []O 26/0 @0,0,-,- key=k1\n2 get {} [hit] 26/30 @0,0,1,1 key=k2\n");
}
END_TEST

START_TEST(test_memcached_gap_in_data_is_counted_over)
{
    static const Turn turns[] = {
        TO_SERVER("get big\r\nget small\r\n"),
        TO_CLIENT("VALUE big 0 20000\r\n0123456789"),
    };
    GString *first = g_string_new("VALUE big 0 20000\r\n");
    for (guint i = 0; i < 10000; i++)
        g_string_append_c(first, 'x');
    GString *second = g_string_new(NULL);
    for (guint i = 0; i < 9000; i++)
        g_string_append_c(second, 'x');
    g_string_append(second, "\r\nEND\r\nEND\r\n");
    Turn all[] = {turns[0],
                  {'<', lamp_bytes(first->str, first->len)},
                  LOST_TO_CLIENT(1000),
                  {'<', lamp_bytes(second->str, second->len)}};
    REPLAY(lamp_dissector_memcached, all,
           "1 get big [hit]G 9/20026 @0,0,1,3 key=big\n2 get small [miss] 11/5 @0,0,3,3 "
           "key=small\n");
    g_string_free(first, TRUE);
    g_string_free(second, TRUE);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/memcached");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_memcached_text_hits_misses_and_data);
    tcase_add_test(tc, test_memcached_meta_quiet_ends_with_noop);
    tcase_add_test(tc, test_memcached_binary_pairs_by_opaque);
    tcase_add_test(tc, test_memcached_gap_in_data_is_counted_over);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
