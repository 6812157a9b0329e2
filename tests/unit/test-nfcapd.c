/* The reader of nfcapd files, on files made in code and, where they are there, on real ones;
 * and the decompression of their blocks.
 */
#include "ingest/flow/nfcapd.h"
#include "ingest/flow/unpack.h"
#include "tests/unit/reader-checks.h"
#include "tests/unit/suite.h"

#include <malloc.h>

static void
put(GByteArray *a, guint64 value, guint bytes)
{
    for (guint i = 0; i < bytes; i++) {
        guint8 byte = (guint8) (i < sizeof value ? value >> (8 * i) : 0);
        g_byte_array_append(a, &byte, 1);
    }
}

static GByteArray *
header_2(guint method)
{
    GByteArray *a = g_byte_array_new();
    put(a, 0xa50c, 2);
    put(a, 2, 2);
    put(a, 0x01070100, 4);
    put(a, 0, 8);
    put(a, method, 1);
    put(a, 0, 40 - 17);
    return a;
}

/* A record of layout 2: generic, IPv4 and translated addresses. */
static void
put_record_2(GByteArray *a, guint64 first, guint64 last, guint16 port)
{
    put(a, 11, 2);
    put(a, 12 + 52 + 12 + 12, 2);
    put(a, 3, 2);
    put(a, 0, 6);
    put(a, 1, 2);
    put(a, 52, 2);
    put(a, first, 8);
    put(a, last, 8);
    put(a, 0, 8);
    put(a, 7, 8);
    put(a, 900, 8);
    put(a, port, 2);
    put(a, 443, 2);
    put(a, 0x00001b06, 4);
    put(a, 2, 2);
    put(a, 12, 2);
    put(a, 0x0a000001, 4);
    put(a, 0x0a000002, 4);
    put(a, 20, 2);
    put(a, 12, 2);
    put(a, 0xc0a80001, 4);
    put(a, 0, 4);
}

static void
put_block(GByteArray *a, guint32 records, const GByteArray *content, guint flags)
{
    put(a, records, 4);
    put(a, content->len, 4);
    put(a, 3, 2);
    put(a, flags, 2);
    g_byte_array_append(a, content->data, content->len);
}

static void
expect_flows(GByteArray *a, const char *text, const char *findings)
{
    LampBytes bytes = lamp_bytes(a->data, a->len);
    Collect c;
    collect_begin(&c);
    collect_read(&c, &lamp_reader_nfcapd, bytes, 0, FALSE);
    ck_assert_str_eq(c.text->str, text);
    ck_assert_str_eq(c.findings->str, findings);
    guint flows = 0;
    for (const char *p = text; (p = strstr(p, "flow ")) != NULL; p++)
        flows++;
    ck_assert_uint_eq(c.records, flows);
    collect_end(&c);
    check_chunking(&lamp_reader_nfcapd, bytes, FALSE);
    check_prefixes(&lamp_reader_nfcapd, bytes, 1);
    g_byte_array_unref(a);
}

START_TEST(test_layout_2)
{
    GByteArray *a = header_2(0), *block = g_byte_array_new();
    put_record_2(block, 1000, 1500, 40000);
    put(block, 9, 2); /* a kind of record that is not a flow */
    put(block, 8, 2);
    put(block, 0, 4);
    put_record_2(block, 2000, 1900, 40001);
    put_block(a, 3, block, 0);
    g_byte_array_unref(block);
    expect_flows(a,
                 "flow 40000>443 transport 6 packets 7 bytes 900 flags 27 times 1000 1500 "
                 "{\"nat_source\":\"192.168.0.1\"}\n"
                 "flow 40001>443 transport 6 packets 7 bytes 900 flags 27 times 2000 1900 "
                 "{\"nat_source\":\"192.168.0.1\"}\n",
                 "nfcapd.times 148\n");
}
END_TEST

START_TEST(test_layout_1)
{
    GByteArray *a = g_byte_array_new(), *block = g_byte_array_new();
    put(a, 0xa50c, 2);
    put(a, 1, 2);
    put(a, 0, 272);
    put(block, 2, 2); /* extension map 3: autonomous systems, bytes back */
    put(block, 16, 2);
    put(block, 3, 2);
    put(block, 8, 2);
    put(block, 6, 2);
    put(block, 16, 2);
    put(block, 0, 4);
    put(block, 10, 2);
    put(block, 32 + 32 + 12 + 8, 2);
    put(block, 1 | 4, 2); /* IPv6, long byte count */
    put(block, 3, 2);
    put(block, 250, 2);
    put(block, 500, 2);
    put(block, 1000, 4);
    put(block, 1001, 4);
    put(block, 0x00061b00, 4);
    put(block, 40000, 2);
    put(block, 53, 2);
    put(block, 0, 4);
    for (guint i = 0; i < 4; i++)
        put(block, i + 1, 8);
    put(block, 7, 4);
    put(block, G_GUINT64_CONSTANT(5000000000), 8);
    put(block, 64512, 2);
    put(block, 0, 2);
    put(block, 77, 4);
    put_block(a, 2, block, 0);
    g_byte_array_unref(block);
    expect_flows(a,
                 "flow 40000>53 transport 6 packets 7 bytes 5000000000 flags 27 times 1000250 "
                 "1001500 {\"source_as\":64512,\"bytes_back\":77}\n",
                 "");
}
END_TEST

START_TEST(test_damage)
{
    GByteArray *a = header_2(0), *block = g_byte_array_new();
    put_record_2(block, 1000, 1500, 1);
    put(block, 11, 2);
    put(block, 3, 2); /* shorter than its own head */
    put(block, 0, 60);
    put_block(a, 2, block, 0);
    g_byte_array_set_size(block, 0);
    put_record_2(block, 1000, 1500, 2);
    put_block(a, 1, block, 0);
    put(a, 1, 4);
    put(a, 0x7fffffff, 4);
    put(a, 0, 4);
    g_byte_array_unref(block);
    expect_flows(a,
                 "flow 1>443 transport 6 packets 7 bytes 900 flags 27 times 1000 1500 "
                 "{\"nat_source\":\"192.168.0.1\"}\n"
                 "flow 2>443 transport 6 packets 7 bytes 900 flags 27 times 1000 1500 "
                 "{\"nat_source\":\"192.168.0.1\"}\n",
                 "nfcapd.block 140\nnfcapd.block-length 304\n");
}
END_TEST

/* ---- decompression */

static void
expect_unpacked(LampUnpack method, LampBytes packed, const char *text)
{
    guint8 out[64];
    gssize size = lamp_unpack(method, packed, out, sizeof out);
    ck_assert_int_eq(size, (gssize) strlen(text));
    ck_assert(memcmp(out, text, strlen(text)) == 0);
    /* Neither a cut input nor a small room may write beyond the room. */
    for (gsize n = 0; n < packed.len; n++) {
        g_autofree guint8 *cut = g_memdup2(packed.at, MAX(n, 1));
        g_autofree guint8 *room = g_malloc(strlen(text));
        ck_assert_int_le(lamp_unpack(method, lamp_bytes(cut, n), room, strlen(text)),
                         (gssize) strlen(text));
        ck_assert_int_lt(lamp_unpack(method, packed, room, strlen(text) - 1),
                         (gssize) strlen(text));
    }
}

START_TEST(test_unpack)
{
    static const guint8 lz4[] = {0x44, 'a', 'b', 'c', 'd', 4, 0, 0x30, 'x', 'y', 'z'};
    expect_unpacked(LAMP_UNPACK_LZ4, lamp_bytes(lz4, sizeof lz4), "abcdabcdabcdxyz");
    /* four literals, a near match of 3 with one literal behind it, a far one of 4, the end */
    static const guint8 lzo[] = {21,     'a', 'b', 'c', 'd', 0x40 | 3 << 2 | 1, 0, 'x', 34,
                                 3 << 2, 0,   17,  0,   0};
    expect_unpacked(LAMP_UNPACK_LZO, lamp_bytes(lzo, sizeof lzo), "abcdabcxabcx");
}
END_TEST

/* One capture, stored plainly and three times compressed, gives the same flows. */
START_TEST(test_real_files)
{
    static const char *const names[] = {"nfcapd.sample", "derived/nfcapd.sample.v2.lzo",
                                        "derived/nfcapd.sample.v2.lz4",
                                        "derived/nfcapd.sample.v2.bz2"};
    g_autofree char *first = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *text = NULL;
        gsize length = 0;
        g_autofree char *path =
            g_build_filename("../shared/data/public/chrispassas+nfdump", names[i], NULL);
        if (!g_file_get_contents(path, &text, &length, NULL)) {
            g_print("skipped: %s is absent\n", path);
            return;
        }
        Collect c;
        collect_begin(&c);
        collect_read(&c, &lamp_reader_nfcapd, lamp_bytes(text, length), 4096, FALSE);
        guint lines = 0, findings = 0;
        for (const char *p = c.text->str; *p != '\0'; p++)
            lines += *p == '\n';
        for (const char *p = c.findings->str; *p != '\0'; p++)
            findings += *p == '\n';
        ck_assert_uint_eq(lines, 3018);
        ck_assert_uint_eq(c.records, 3018); /* not the four that describe exporters */
        ck_assert_uint_eq(findings, 668);   /* flows that end before they start */
        if (first == NULL)
            first = g_strdup(c.text->str);
        ck_assert_str_eq(c.text->str, first);
        collect_end(&c);
    }
}
END_TEST

/* A map names some dozens of extensions; one that names thousands is not kept as it is. */
START_TEST(test_maps_are_bounded)
{
    enum { LENGTH = 60000, MAPS = 1000, MOST = 4 << 20 };
    static guint8 record[LENGTH];
    LampNfcapd n = {0};
    LampSink sink = {0};
    memset(record, 4, sizeof record);
    record[0] = 2;
    record[1] = 0;
    gsize before = mallinfo2().uordblks;
    for (guint i = 0; i < MAPS; i++) {
        record[4] = (guint8) i;
        record[5] = (guint8) (i >> 8);
        ck_assert_int_eq(lamp_nfcapd_record(&n, lamp_bytes(record, sizeof record), &sink),
                         LAMP_NFCAPD_OTHER);
    }
    ck_assert_uint_lt(mallinfo2().uordblks + mallinfo2().hblkhd - before, MOST);
    lamp_nfcapd_free(&n);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("nfcapd");
    TCase *tests = tcase_create("nfcapd");
    tcase_add_test(tests, test_layout_2);
    tcase_add_test(tests, test_layout_1);
    tcase_add_test(tests, test_damage);
    tcase_add_test(tests, test_unpack);
    tcase_add_test(tests, test_real_files);
    tcase_add_test(tests, test_maps_are_bounded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
