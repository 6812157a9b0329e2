/* Links, tunnels, extension headers and fragments around one TCP packet, made in code.
 */
#include "tests/unit/suite.h"
#include "tests/unit/wire.h"

#include "base/text.h"

/* The packet inside: IPv4, TCP, 40000 to 7777, "hello". */
static GByteArray *
inner(void)
{
    WireSegment s = {.sequence = 1, .flags = WIRE_ACK, .payload = "hello"};
    return wire_frame(&s);
}

static void
put_hex(GByteArray *a, const char *hex)
{
    for (; *hex != '\0'; hex++) {
        guint64 value = 0;
        if (*hex == ' ')
            continue;
        ck_assert(lamp_text_parse_hex(lamp_bytes(hex, 2), &value));
        guint8 byte = (guint8) value;
        g_byte_array_append(a, &byte, 1);
        hex++;
    }
}

static void
send_frame(Collect *c, guint32 link_type, const GByteArray *frame, gsize captured)
{
    LampPacket packet = {.link_type = link_type,
                         .number = 1,
                         .time = LAMP_NS_PER_SECOND,
                         .resolution_ns = 1,
                         .frame = lamp_bytes(frame->data, captured),
                         .wire_bytes = frame->len};
    c->sink.packet(c->sink.owner, &packet);
}

/* What the packet layer makes of @before, the packet inside, and @after. */
static void
expect_inside(guint32 link_type, const char *before, const char *after)
{
    GByteArray *frame = g_byte_array_new(), *packet = inner();
    put_hex(frame, before);
    g_byte_array_append(frame, packet->data, packet->len);
    put_hex(frame, after);
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    send_frame(&c, link_type, frame, frame->len);
    lamp_packets_finish(c.packets);
    ck_assert_str_eq(c.findings->str, "");
    ck_assert(strstr(c.text->str, "connection 1 40000>7777 midstream bytes 5/0 packets 1") !=
              NULL);
    collect_end(&c);
    /* No prefix of the frame may be read beyond its end or give another connection. */
    for (gsize n = 0; n < frame->len; n++) {
        collect_begin(&c);
        collect_attach(&c, NULL);
        g_autofree guint8 *copy = g_memdup2(frame->data, n);
        GByteArray cut = {.data = copy, .len = frame->len};
        send_frame(&c, link_type, &cut, n);
        lamp_packets_finish(c.packets);
        ck_assert(c.text->len == 0 || g_str_has_prefix(c.text->str, "event ") ||
                  strstr(c.text->str, "connection 1 ") != NULL);
        collect_end(&c);
    }
    g_byte_array_unref(packet);
    g_byte_array_unref(frame);
}

#define ETHERNET "020000000001 020000000002 "
#define IPV4_TO(protocol) "4500 0000 0001 4000 40" protocol "0000 c0a80001 c0a80002 "
#define IPV6_TO(next)                                           \
    "60000000 0000" next "40 20010db8000000000000000000000001 " \
    "20010db8000000000000000000000002 "
#define UDP_TO(port) IPV4_TO("11") "d000 " port " 0000 0000 "

START_TEST(test_links)
{
    expect_inside(1, ETHERNET "0800", "");
    expect_inside(1, ETHERNET "0800", "0000000000000000"); /* padding is not payload */
    expect_inside(113, "0000 0001 0006 020000000001 0000 0800", "");
    expect_inside(276, "0800 0000 00000002 0001 00 06 0200000000010000", "");
    expect_inside(0, "02000000", "");
    expect_inside(108, "00000002", "");
    expect_inside(101, "", "");
    expect_inside(12, "", "");
    expect_inside(228, "", "");
    expect_inside(9, "ff03 0021", "");
    expect_inside(9, "21", "");
    expect_inside(10, "57 020000000001 020000000002 aaaa03 000000 0800", "");
    expect_inside(105, "0802 0000 " ETHERNET "020000000003 0000 aaaa03 000000 0800", "");
    expect_inside(127,
                  "0000 0900 00000000 00 8802 0000 " ETHERNET
                  "020000000003 0000 0000 aaaa03 000000 0800",
                  "");
    expect_inside(192, "0000 0800 01000000 " ETHERNET "0800", "");
    expect_inside(258, "0c000000 01000000 65000000", "");
    expect_inside(104, "0f00 0800", "");
    expect_inside(109, "02000000 00000000 00000000", "");
    expect_inside(117,
                  "3d 02 00 00 00000000 00000000 00000000 00000000 00000000 00000000 "
                  "00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
                  "00000000 00000000",
                  "");
    expect_inside(239, "02 00 0000 0800 0100 08000001 0700 0a00 616200 00 3100 0900", "");
    expect_inside(239, "02 00 0000 0008 0001 08000001 0031 0009", "");
}
END_TEST

/* The firewall's prefix, hook, user and group become an event beside the connection. */
START_TEST(test_nflog_event)
{
    GByteArray *frame = g_byte_array_new(), *packet = inner();
    put_hex(frame, "02 00 0000 0800 0100 0800 03 00 0a00 0a00 6465 6e79 3a00 0000"
                   "0800 0b00 0000064c 0800 0e00 00000402 3100 0900");
    g_byte_array_append(frame, packet->data, packet->len);
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    send_frame(&c, 239, frame, frame->len);
    lamp_packets_finish(c.packets);
    ck_assert_ptr_nonnull(strstr(c.text->str, "message=deny: slot=prefix value=deny: slot=hook "
                                              "value=output slot=uid value=1612 slot=gid "
                                              "value=1026\n"));
    ck_assert_ptr_nonnull(strstr(c.text->str, "connection 1 40000>7777"));
    collect_end(&c);
    g_byte_array_unref(packet);
    g_byte_array_unref(frame);
}
END_TEST

START_TEST(test_tags_and_labels)
{
    expect_inside(1, ETHERNET "8100 0064 0800", "");
    expect_inside(1, ETHERNET "88a8 0064 8100 0065 9100 0066 0800", "");
    expect_inside(1, ETHERNET "8847 00010040 00011140", "");
    expect_inside(1, ETHERNET "8847 00010140 00000000 " ETHERNET "0800", "");
    expect_inside(1, ETHERNET "8864 1100 0001 002f 0021", "0000");
    expect_inside(1, ETHERNET "0035 aaaa03 000000 0800", "0000");
    expect_inside(1, ETHERNET "8926 00000001 0800", "");
    expect_inside(1, ETHERNET "8903 0001 " ETHERNET "0800", "");
    expect_inside(1, ETHERNET "894f 0002 0101 00000000", "");
    expect_inside(1, ETHERNET "88e7 00000001 " ETHERNET "0800", "");
}
END_TEST

START_TEST(test_tunnels)
{
    expect_inside(101, IPV4_TO("04"), "");
    expect_inside(101, IPV6_TO("04"), "");
    expect_inside(101, IPV4_TO("2f") "0000 0800", "");
    expect_inside(101, IPV4_TO("2f") "b000 0800 00000000 00000001 00000002", "");
    expect_inside(101, IPV4_TO("2f") "3081 880b 002f0001 00000001 00000002 0021", "");
    expect_inside(101, IPV4_TO("2f") "0000 6558 " ETHERNET "0800", "");
    expect_inside(101, IPV4_TO("2f") "0000 88be " ETHERNET "0800", "");
    expect_inside(101, IPV4_TO("2f") "1000 88be 00000001 10000000 00000000 " ETHERNET "0800",
                  "");
    expect_inside(101,
                  IPV4_TO("2f") "1000 22eb 00000001 20000000 00000000 00000001 "
                                "0000000000000000 " ETHERNET "0800",
                  "");
    expect_inside(101, IPV4_TO("2f") "0000 883e 00000000", "");
    expect_inside(101, IPV4_TO("61") "3000 " ETHERNET "0800", "");
    expect_inside(101, IPV4_TO("89") "00010140", "");
    expect_inside(101, UDP_TO("12b5") "08000000 00000100 " ETHERNET "0800", "");
    expect_inside(101, UDP_TO("12b5") "88000001 00000100 " ETHERNET "0800", "");
    expect_inside(101, UDP_TO("12b5") "0c000003 00000100 " ETHERNET "0800", "");
    expect_inside(101, UDP_TO("12b6") "0c000001 00000100", "");
    expect_inside(101, UDP_TO("17c1") "02006558 00000100 0000000000000000 " ETHERNET "0800",
                  "");
    expect_inside(101, UDP_TO("0868") "30ff0031 00000001", "");
    expect_inside(101, UDP_TO("0868") "34ff0031 00000001 00000085 01000100", "");
}
END_TEST

START_TEST(test_extension_headers)
{
    expect_inside(101, IPV6_TO("00") "2b00000000000000 3c00000000000000 0400000000000000", "");
    expect_inside(101, IPV6_TO("33") "0401000000000001 00000002", "");
    expect_inside(101, IPV6_TO("2c") "0400000000000001", "");
}
END_TEST

START_TEST(test_too_many_tunnels)
{
    GByteArray *frame = g_byte_array_new();
    for (guint i = 0; i <= LAMP_LIMIT_TUNNEL_DEPTH + 1; i++)
        put_hex(frame, IPV4_TO("04"));
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    send_frame(&c, 101, frame, frame->len);
    ck_assert_str_eq(c.findings->str, "limit.TUNNEL_DEPTH 0\n");
    collect_end(&c);
    g_byte_array_unref(frame);
}
END_TEST

/* ---- fragments */

/* The payload of the packet inside from @from to @to as an IPv4 fragment. */
static void
send_fragment(Collect *c, guint from, guint to, gboolean more, guint id)
{
    GByteArray *packet = inner(), *frame = g_byte_array_new();
    to = MIN(to, packet->len - 20);
    wire_be16(frame, 0x4500);
    wire_be16(frame, 20 + to - from);
    wire_be16(frame, id);
    wire_be16(frame, (more ? 0x2000u : 0u) | from / 8);
    g_byte_array_append(frame, packet->data + 8, 12);
    g_byte_array_append(frame, packet->data + 20 + from, to - from);
    send_frame(c, 101, frame, frame->len);
    g_byte_array_unref(frame);
    g_byte_array_unref(packet);
}

START_TEST(test_fragments)
{
    static const guint orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 1, 3, 0}, {2, 0, 3, 1}};
    for (guint i = 0; i < G_N_ELEMENTS(orders); i++) {
        Collect c;
        collect_begin(&c);
        collect_attach(&c, NULL);
        for (guint k = 0; k < 4; k++) {
            guint n = orders[i][k];
            send_fragment(&c, n * 8, n == 3 ? 99 : n * 8 + 8, n < 3, 77);
        }
        if (i == 2) /* a part that overlaps two others */
            send_fragment(&c, 8, 24, TRUE, 77);
        lamp_packets_finish(c.packets);
        ck_assert_str_eq(c.findings->str, "");
        ck_assert(strstr(c.text->str, "connection 1 40000>7777 midstream bytes 5/0") != NULL);
        collect_end(&c);
    }
}
END_TEST

START_TEST(test_fragments_are_bounded)
{
    Collect c;
    collect_begin(&c);
    collect_attach(&c, NULL);
    for (guint id = 0; id < 60000; id++)
        send_fragment(&c, 8, 16, TRUE, id);
    lamp_packets_finish(c.packets);
    ck_assert_str_eq(c.text->str, "");
    ck_assert_str_eq(c.findings->str, "packet.fragments 0\n");
    collect_end(&c);
}
END_TEST

START_TEST(test_filter)
{
    static const char *const filters[] = {"tcp port 7777", "tcp port 7778", "host 10.0.0.1"};
    for (guint i = 0; i < G_N_ELEMENTS(filters); i++) {
        GByteArray *packet = inner();
        LampPacketsOptions options = {.filter = filters[i]};
        Collect c;
        collect_begin(&c);
        collect_attach(&c, &options);
        send_frame(&c, 101, packet, packet->len);
        lamp_packets_finish(c.packets);
        ck_assert_uint_eq(lamp_packets_counts(c.packets).connections, i == 1 ? 0 : 1);
        ck_assert_uint_eq(lamp_packets_counts(c.packets).filtered, i == 1 ? 1 : 0);
        collect_end(&c);
        g_byte_array_unref(packet);
    }
    g_autoptr(GError) error = NULL;
    ck_assert(lamp_packets_check_filter("udp or vlan", NULL));
    ck_assert(!lamp_packets_check_filter("tcp prot 1", &error));
    ck_assert(g_error_matches(error, LAMP_PACKETS_ERROR, LAMP_PACKETS_ERROR_FILTER));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("layers");
    TCase *tests = tcase_create("layers");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_links);
    tcase_add_test(tests, test_nflog_event);
    tcase_add_test(tests, test_tags_and_labels);
    tcase_add_test(tests, test_tunnels);
    tcase_add_test(tests, test_extension_headers);
    tcase_add_test(tests, test_too_many_tunnels);
    tcase_add_test(tests, test_fragments);
    tcase_add_test(tests, test_fragments_are_bounded);
    tcase_add_test(tests, test_filter);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
