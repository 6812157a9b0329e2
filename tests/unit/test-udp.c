/* Datagrams of one exchange, seen at several interfaces. */
#include "tests/unit/suite.h"
#include "tests/unit/wire.h"

#define DNS_NAME "\4shop\4test\0\0\1\0\1"
#define DNS_QUERY "\x12\x34\1\0\0\1\0\0\0\0\0\0" DNS_NAME
#define DNS_ANSWER "\x12\x34\x81\x80\0\1\0\0\0\0\0\0" DNS_NAME

static void
send_datagram(Collect *c, gint64 us, gboolean to_client, guint16 ip_id, LampBytes payload)
{
    g_autoptr(GByteArray) a = g_byte_array_new();
    wire_ipv4(a, 17, to_client, ip_id, 8 + payload.len);
    wire_be16(a, to_client ? 53 : WIRE_CLIENT);
    wire_be16(a, to_client ? WIRE_CLIENT : 53);
    wire_be16(a, (guint) (8 + payload.len));
    wire_be16(a, 0);
    g_byte_array_append(a, payload.at, (guint) payload.len);
    LampPacket packet = {.link_type = 101,
                         .number = c->frames + 1,
                         .time = us * 1000,
                         .resolution_ns = 1,
                         .frame = lamp_bytes(a->data, a->len),
                         .wire_bytes = a->len};
    c->sink.packet(c->sink.owner, &packet);
}

static guint
count_calls(const Collect *c)
{
    guint calls = 0;
    for (const char *p = c->text->str; (p = strstr(p, "A shop.test")) != NULL; p++)
        calls++;
    return calls;
}

/* A client that gets no answer asks again, which is a call; a copy is none. */
START_TEST(test_copies_of_a_datagram_are_one)
{
    static const struct {
        guint16 ip_ids[2];
        gint64 between_us;
        guint calls;
    } cases[] = {{{7, 7}, 50, 1},      {{7, 7}, 90000, 1}, {{7, 8}, 50, 2},
                 {{7, 7}, 5000000, 2}, {{0, 0}, 50, 1},    {{0, 0}, 5000, 2}};
    LampBytes query = lamp_bytes(DNS_QUERY, sizeof DNS_QUERY - 1);
    LampBytes answer = lamp_bytes(DNS_ANSWER, sizeof DNS_ANSWER - 1);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Collect c;
        collect_begin(&c);
        collect_attach(&c, NULL);
        send_datagram(&c, 1000000, FALSE, cases[i].ip_ids[0], query);
        send_datagram(&c, 1000000 + cases[i].between_us, FALSE, cases[i].ip_ids[1], query);
        send_datagram(&c, 9000000, TRUE, 1, answer);
        send_datagram(&c, 9000010, TRUE, 1, answer);
        lamp_packets_finish(c.packets);
        ck_assert_uint_eq(count_calls(&c), cases[i].calls);
        ck_assert_uint_eq(lamp_packets_counts(c.packets).duplicates,
                          cases[i].calls == 1 ? 2 : 1);
        collect_end(&c);
    }
}
END_TEST

/* Where nothing is known of the protocol equal datagrams may be meant. */
START_TEST(test_unknown_datagrams_may_repeat)
{
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    for (guint i = 0; i < 3; i++)
        send_datagram(&c, 1000000 + i, FALSE, 0, lamp_bytes("hits:1|c", 8));
    lamp_packets_finish(c.packets);
    ck_assert_uint_eq(lamp_packets_counts(c.packets).duplicates, 0);
    collect_end(&c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("udp");
    TCase *tc = tcase_create("udp");
    tcase_add_test(tc, test_copies_of_a_datagram_are_one);
    tcase_add_test(tc, test_unknown_datagrams_may_repeat);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
