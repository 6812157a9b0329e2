/* NetFlow 5 and 9, IPFIX and sFlow: datagrams made in code, every prefix of them, and real ones
 * where they are there.
 */
#include "ingest/flow/netflow.h"
#include "ingest/flow/sflow.h"
#include "tests/unit/collect.h"
#include "tests/unit/seed.h"
#include "tests/unit/suite.h"

#include "base/text.h"

static GByteArray *
bytes_of(const char *hex)
{
    GByteArray *a = g_byte_array_new();
    for (; *hex != '\0'; hex++) {
        guint64 value = 0;
        if (*hex == ' ')
            continue;
        ck_assert(lamp_text_parse_hex(lamp_bytes(hex, 2), &value));
        guint8 byte = (guint8) value;
        g_byte_array_append(a, &byte, 1);
        hex++;
    }
    return a;
}

static void
emit(gpointer owner, const LampFlowRow *row)
{
    Collect *c = owner;
    collect_flow(c, row);
    g_string_append_printf(c->findings, "sampling %u\n", row->sampling);
}

typedef struct {
    const char *hex;
    LampNetflowResult result;
} Datagram;

/* Reads the datagrams in turn; then all prefixes of the last, which must stay inside it. */
static void
expect_netflow(const Datagram *datagrams, guint count, const char *flows, const char *samplings)
{
    LampNetflow *netflow = lamp_netflow_new();
    Collect c;
    collect_begin(&c);
    GByteArray *last = NULL;
    g_autoptr(GByteArray) seed = g_byte_array_new();
    g_byte_array_append(seed, (const guint8 *) "", 1);
    for (guint i = 0; i < count; i++) {
        g_clear_pointer(&last, g_byte_array_unref);
        last = bytes_of(datagrams[i].hex);
        LampBytes bytes = lamp_bytes(last->data, last->len);
        seed_add_piece(seed, 0, bytes);
        ck_assert_uint_ge(lamp_netflow_probe(bytes), 80);
        ck_assert_int_eq(lamp_netflow_read(netflow, bytes, LAMP_NS_PER_SECOND, emit, &c),
                         datagrams[i].result);
    }
    seed_write("dissector", "netflow", lamp_bytes(seed->data, seed->len));
    ck_assert_str_eq(c.text->str, flows);
    ck_assert_str_eq(c.findings->str, samplings);
    for (gsize n = 0; n < last->len; n++) {
        g_autofree guint8 *cut = g_memdup2(last->data, MAX(n, 1));
        lamp_netflow_read(netflow, lamp_bytes(cut, n), LAMP_NS_PER_SECOND, emit, &c);
    }
    g_byte_array_unref(last);
    collect_end(&c);
    lamp_netflow_free(netflow);
}

START_TEST(test_version_5)
{
    static const Datagram d[] = {
        {"0005 0001 00002710 5e000000 00000000 00000001 0000 4064"
         "0a000001 0a000002 00000000 0001 0002 00000007 00000384 00001388 00001770"
         "9c40 01bb 00 1b 06 00 fc00 0000 18 18 0000",
         LAMP_NETFLOW_GOOD},
        {"0005 0002 00002710 5e000000 00000000 00000001 0000 0000"
         "0a000001 0a000002 00000000 0001 0002 00000007 00000384 00001388 00001770"
         "9c40 01bb 00 1b 06 00 0000 0000 18 18 0000" /* the second record is missing */,
         LAMP_NETFLOW_INVALID}};
    expect_netflow(d, 1,
                   "flow 40000>443 transport 6 packets 7 bytes 900 flags 27 times "
                   "1577058299000 1577058300000 "
                   "{\"input\":1,\"output\":2,\"source_as\":64512}\n",
                   "sampling 100\n");
    LampNetflow *netflow = lamp_netflow_new();
    GByteArray *cut = bytes_of(d[1].hex);
    Collect c;
    collect_begin(&c);
    ck_assert_int_eq(lamp_netflow_read(netflow, lamp_bytes(cut->data, cut->len), 0, emit, &c),
                     d[1].result);
    ck_assert_str_eq(c.findings->str, "sampling 1\n");
    collect_end(&c);
    g_byte_array_unref(cut);
    lamp_netflow_free(netflow);
}
END_TEST

/* The exporter's clock turns over after 49.7 days: the flow began 4 s before that, the datagram
 * left 10 s after it. */
START_TEST(test_uptime_turns_over)
{
    static const Datagram v5[] = {
        {"0005 0001 00002710 5e000000 00000000 00000001 0000 0000"
         "0a000001 0a000002 00000000 0001 0002 00000007 00000384 fffff060 000003e8"
         "9c40 01bb 00 1b 06 00 0000 0000 18 18 0000",
         LAMP_NETFLOW_GOOD}};
    static const Datagram v9[] = {
        {"0009 0002 00002710 5e000000 00000001 00000007 "
         "0000 0024 0100 0007 0008 0004 000c 0004 0007 0002 000b 0002 0004 0001 0016 0004 "
         "0015 0004 "
         "0100 001c 0a000001 0a000002 9c40 01bb 06 fffff060 000003e8 000000",
         LAMP_NETFLOW_GOOD}};
    expect_netflow(v5, 1,
                   "flow 40000>443 transport 6 packets 7 bytes 900 flags 27 times "
                   "1577058290000 1577058295000 {\"input\":1,\"output\":2}\n",
                   "sampling 1\n");
    expect_netflow(v9, 1,
                   "flow 40000>443 transport 6 packets 0 bytes 0 flags 0 times "
                   "1577058290000 1577058295000\n",
                   "sampling 1\n");
}
END_TEST

/* Each observation domain samples for itself; one packet of every 1 + 99 (RFC 5477, 8.2.2). */
START_TEST(test_sampling_of_two_domains)
{
#define TWO_TEMPLATES                                    \
    "0002 0014 0101 0003 0008 0004 000c 0004 0002 0004 " \
    "0003 0016 0102 0003 0001 012e 0004 0131 0004 0132 0004 "
#define ONE_FLOW "0101 0010 0a000001 0a000002 00000003 "
    static const Datagram d[] = {
        {"000a 003a 5e000000 00000001 00000001 " TWO_TEMPLATES, LAMP_NETFLOW_GOOD},
        {"000a 003a 5e000000 00000001 00000002 " TWO_TEMPLATES, LAMP_NETFLOW_GOOD},
        {"000a 0020 5e000000 00000002 00000001 0102 0010 00000001 00000001 00000063",
         LAMP_NETFLOW_GOOD},
        {"000a 0020 5e000000 00000003 00000001 " ONE_FLOW, LAMP_NETFLOW_GOOD},
        {"000a 0020 5e000000 00000002 00000002 " ONE_FLOW, LAMP_NETFLOW_GOOD}};
    expect_netflow(d, G_N_ELEMENTS(d),
                   "flow 0>0 transport 0 packets 3 bytes 0 flags 0 times 1577058304000 "
                   "1577058304000\n"
                   "flow 0>0 transport 0 packets 3 bytes 0 flags 0 times 1577058304000 "
                   "1577058304000\n",
                   "sampling 100\nsampling 1\n");
}
END_TEST

#define DATA_9                                       \
    "0009 0001 00002710 5e000000 00000002 00000007 " \
    "0100 001c 0a000001 0a000002 9c40 01bb 06 0384 00001388 00001770 000000"

START_TEST(test_version_9)
{
    static const Datagram d[] = {
        {DATA_9, LAMP_NETFLOW_NO_TEMPLATE},
        {"0009 0001 00002710 5e000000 00000001 00000007 "
         "0000 0024 0100 0007 0008 0004 000c 0004 0007 0002 000b 0002 0004 0001 0001 0002 "
         "0016 0004",
         LAMP_NETFLOW_GOOD},
        /* the same template again, with one more field */
        {"0009 0001 00002710 5e000000 00000001 00000007 "
         "0000 0028 0100 0008 0008 0004 000c 0004 0007 0002 000b 0002 0004 0001 0001 0002 "
         "0016 0004 0015 0004",
         LAMP_NETFLOW_GOOD},
        {DATA_9, LAMP_NETFLOW_GOOD}};
    expect_netflow(d, G_N_ELEMENTS(d),
                   "flow 40000>443 transport 6 packets 0 bytes 900 flags 0 times "
                   "1577058299000 1577058300000\n",
                   "sampling 1\n");
}
END_TEST

START_TEST(test_ipfix)
{
    static const Datagram d[] = {
        /* templates: one with a foreign and a variable field, and options with the sampling */
        {"000a 0054 5e000000 00000001 00000001 "
         "0002 002c 0101 0008 001b 0010 001c 0010 8001 ffff 0000 1234 0052 ffff 0055 0008 "
         "0056 0004 0098 0008 0099 0008 "
         "0003 0018 0102 0003 0001 012e 0004 0135 0004 0136 0004 0000",
         LAMP_NETFLOW_GOOD},
        {"000a 0020 5e000000 00000002 00000001 "
         "0102 0010 00000001 00000001 00000040",
         LAMP_NETFLOW_GOOD},
        {"000a 005c 5e000000 00000002 00000001 "
         "0101 004c 20010db8000000000000000000000001 20010db8000000000000000000000002 "
         "03 616263 ff0004 65746830 000000012a05f200 00000003 0000016f2d7a3000 "
         "0000016f2d7a33e8 00",
         LAMP_NETFLOW_GOOD}};
    expect_netflow(d, G_N_ELEMENTS(d),
                   "flow 0>0 transport 0 packets 3 bytes 5000000000 flags 0 times "
                   "1577015980032 1577015981032\n",
                   "sampling 64\n");
}
END_TEST

#define SFLOW_HEADER "00000005 00000001 0a000009 00000000 00000001 00001000 00000001 "
#define SFLOW_TCP                                                                     \
    "020000000001 020000000002 0800 4500 0040 0001 4000 4006 0000 0a000001 0a000002 " \
    "9c40 01bb 00000001 00000002 5018 0100 0000 0000 0000"

START_TEST(test_sflow)
{
    static const char *const datagrams[] = {
        SFLOW_HEADER "00000001 00000070 00000001 00000003 00000200 00001000 00000000 00000003 "
                     "00000004 00000001 00000001 00000048 00000001 0000004e 00000004 "
                     "00000038 " SFLOW_TCP,
        SFLOW_HEADER
        "00000003 0000007c 00000001 00000000 00000003 00000200 00001000 00000000 00000000 "
        "00000003 00000000 00000004 00000001 00000001 00000048 00000001 0000004e 00000004 "
        "00000038 " SFLOW_TCP};
    for (guint i = 0; i < G_N_ELEMENTS(datagrams); i++) {
        GByteArray *a = bytes_of(datagrams[i]);
        g_autoptr(GByteArray) seed = g_byte_array_new();
        g_byte_array_append(seed, (const guint8 *) "", 1);
        seed_add_piece(seed, 0, lamp_bytes(a->data, a->len));
        seed_write("dissector", "sflow", lamp_bytes(seed->data, seed->len));
        LampFlowRecord record = {0};
        Collect c;
        collect_begin(&c);
        ck_assert_uint_ge(lamp_sflow_probe(lamp_bytes(a->data, a->len)), 80);
        ck_assert(lamp_sflow_read(&record, lamp_bytes(a->data, a->len), LAMP_NS_PER_SECOND,
                                  emit, &c));
        ck_assert_str_eq(c.text->str, "flow 40000>443 transport 6 packets 1 bytes 78 flags 24 "
                                      "times 1000 1000 {\"input\":3,\"output\":4}\n");
        ck_assert_str_eq(c.findings->str, "sampling 512\n");
        for (gsize n = 0; n < a->len; n++) {
            g_autofree guint8 *cut = g_memdup2(a->data, MAX(n, 1));
            ck_assert(!lamp_sflow_read(&record, lamp_bytes(cut, n), 0, emit, &c));
        }
        lamp_flow_record_free(&record);
        collect_end(&c);
        g_byte_array_unref(a);
    }
}
END_TEST

/* Captures of exporters, with the numbers of rows, packets and bytes that another collector
 * has. */
START_TEST(test_real_captures)
{
    static const struct {
        const char *name;
        guint flows;
    } files[] = {{"100-IPFIXv10-CISCO", 12},
                 {"101-NFv9-CISCO-cust_primitives", 51},
                 {"104-IPFIXv10-IPv6-CISCO-sampling_option", 3}};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename("../shared/data/public/pmacct+pmacct",
                                                 files[i].name, "traffic-00.pcap", NULL);
        g_autofree char *text = NULL;
        gsize length = 0;
        if (!g_file_get_contents(path, &text, &length, NULL)) {
            g_print("skipped: %s is absent\n", path);
            return;
        }
        Collect c;
        collect_begin(&c);
        collect_read(&c, &lamp_reader_pcap, lamp_bytes(text, length), 0, TRUE);
        guint flows = 0;
        for (const char *p = c.text->str; (p = strstr(p, "flow ")) != NULL; p++)
            flows += p == c.text->str || p[-1] == '\n';
        ck_assert_uint_eq(flows, files[i].flows);
        ck_assert_str_eq(c.findings->str, "");
        collect_end(&c);
    }
}
END_TEST

/* Numbers of every length and all octets, as the fields of a record. */
START_TEST(test_numbers_and_addresses_as_text)
{
    LampFlowRecord f = {0};
    for (guint i = 0; i < 65; i++) {
        guint64 number = i == 0 ? G_MAXUINT64 : (guint64) 1 << (i - 1);
        for (guint less = 0; less < 2; less++, number--) {
            g_autofree char *expected =
                g_strdup_printf("{\"n\":%" G_GUINT64_FORMAT "}", number);
            lamp_flow_record_begin(&f);
            lamp_flow_record_number(&f, "n", number);
            LampBytes text = lamp_flow_record_finish(&f)->attributes;
            ck_assert(lamp_bytes_equal(text, lamp_bytes_text(number == 0 ? "" : expected)));
        }
    }
    for (guint i = 0; i < 256; i++) {
        guint8 address[4] = {(guint8) i, 1, (guint8) ~i, (guint8) i};
        g_autofree char *expected =
            g_strdup_printf("{\"n\":7,\"a\":\"%u.1.%u.%u\"}", i, address[2], i);
        lamp_flow_record_begin(&f);
        lamp_flow_record_number(&f, "n", 7);
        lamp_flow_record_address(&f, "a", address, 4);
        LampBytes text = lamp_flow_record_finish(&f)->attributes;
        ck_assert(lamp_bytes_equal(text, lamp_bytes_text(expected)));
    }
    lamp_flow_record_free(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("netflow");
    TCase *tests = tcase_create("netflow");
    tcase_add_test(tests, test_version_5);
    tcase_add_test(tests, test_version_9);
    tcase_add_test(tests, test_uptime_turns_over);
    tcase_add_test(tests, test_sampling_of_two_domains);
    tcase_add_test(tests, test_ipfix);
    tcase_add_test(tests, test_sflow);
    tcase_add_test(tests, test_real_captures);
    tcase_add_test(tests, test_numbers_and_addresses_as_text);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
