/* The readers of pcap and pcapng, on files made in code.
 */
#include "tests/unit/reader-checks.h"
#include "tests/unit/suite.h"

typedef struct {
    GByteArray *bytes;
    gboolean is_big;
} File;

static void
put32(File *f, guint32 v)
{
    guint8 big[4] = {(guint8) (v >> 24), (guint8) (v >> 16), (guint8) (v >> 8), (guint8) v};
    guint8 little[4] = {big[3], big[2], big[1], big[0]};
    g_byte_array_append(f->bytes, f->is_big ? big : little, 4);
}

static void
put16(File *f, guint v)
{
    guint8 big[2] = {(guint8) (v >> 8), (guint8) v}, little[2] = {big[1], big[0]};
    g_byte_array_append(f->bytes, f->is_big ? big : little, 2);
}

static void
put_fill(File *f, guint8 value, guint count)
{
    for (guint i = 0; i < count; i++)
        g_byte_array_append(f->bytes, &value, 1);
}

static File
pcap_file(gboolean is_big, guint32 magic)
{
    File f = {g_byte_array_new(), is_big};
    put32(&f, magic);
    put16(&f, 2);
    put16(&f, 4);
    put32(&f, 0);
    put32(&f, 0);
    put32(&f, 65535);
    put32(&f, 1);
    return f;
}

static void
pcap_record(File *f, guint32 second, guint32 fraction, guint32 captured, guint32 wire)
{
    put32(f, second);
    put32(f, fraction);
    put32(f, captured);
    put32(f, wire);
    put_fill(f, (guint8) captured, captured);
}

static LampBytes
bytes_of(const File *f)
{
    return lamp_bytes(f->bytes->data, f->bytes->len);
}

static void
expect_file(File *f, const LampReader *reader, const char *text, const char *findings)
{
    Collect c;
    collect_begin(&c);
    collect_read(&c, reader, bytes_of(f), 0, FALSE);
    ck_assert_str_eq(c.text->str, text);
    ck_assert_str_eq(c.findings->str, findings);
    ck_assert_uint_eq(c.records, c.frames);
    collect_end(&c);
    check_chunking(reader, bytes_of(f), FALSE);
    g_byte_array_unref(f->bytes);
}

START_TEST(test_pcap_orders_and_resolutions)
{
    static const guint32 magics[] = {0xa1b2c3d4, 0xa1b23c4d};
    for (guint i = 0; i < 4; i++) {
        File f = pcap_file(i % 2 == 1, magics[i / 2]);
        pcap_record(&f, 1000, 7, 3, 3);
        pcap_record(&f, 1001, 8, 4, 9);
        expect_file(
            &f, &lamp_reader_pcap,
            i / 2 == 0
                ? "frame 1 link 1 interface 0 time 1000000007000 resolution 1000 captured 3 "
                  "wire 3 hash 3\n"
                  "frame 2 link 1 interface 0 time 1001000008000 resolution 1000 captured 4 "
                  "wire 9 hash 4\n"
                : "frame 1 link 1 interface 0 time 1000000000007 resolution 1 captured 3 "
                  "wire 3 hash 3\n"
                  "frame 2 link 1 interface 0 time 1001000000008 resolution 1 captured 4 "
                  "wire 9 hash 4\n",
            "");
    }
}
END_TEST

START_TEST(test_pcap_modified)
{
    File f = pcap_file(FALSE, 0xa1b2cd34);
    for (guint32 i = 0; i < 2; i++) {
        put32(&f, 1000 + i);
        put32(&f, 5);
        put32(&f, 2);
        put32(&f, 2);
        put_fill(&f, 0, 8);
        put_fill(&f, 2, 2);
    }
    expect_file(&f, &lamp_reader_pcap,
                "frame 1 link 1 interface 0 time 1000000005000 resolution 1000 captured 2 wire "
                "2 hash 2\n"
                "frame 2 link 1 interface 0 time 1001000005000 resolution 1000 captured 2 wire "
                "2 hash 2\n",
                "");
}
END_TEST

START_TEST(test_pcap_truncated)
{
    File f = pcap_file(FALSE, 0xa1b2c3d4);
    pcap_record(&f, 1000, 0, 3, 3);
    pcap_record(&f, 1001, 0, 30, 30);
    g_byte_array_set_size(f.bytes, f.bytes->len - 1);
    expect_file(
        &f, &lamp_reader_pcap,
        "frame 1 link 1 interface 0 time 1000000000000 resolution 1000 captured 3 wire 3 "
        "hash 3\n",
        "pcap.truncated 43\n");
}
END_TEST

START_TEST(test_pcap_goes_on_after_zeros)
{
    File f = pcap_file(FALSE, 0xa1b2c3d4);
    pcap_record(&f, 1000, 0, 3, 3);
    put_fill(&f, 0, 4099);
    pcap_record(&f, 1002, 1, 5, 5);
    pcap_record(&f, 1003, 2, 6, 6);
    expect_file(
        &f, &lamp_reader_pcap,
        "frame 1 link 1 interface 0 time 1000000000000 resolution 1000 captured 3 wire 3 "
        "hash 3\n"
        "frame 2 link 1 interface 0 time 1002000001000 resolution 1000 captured 5 wire 5 "
        "hash 5\n"
        "frame 3 link 1 interface 0 time 1003000002000 resolution 1000 captured 6 wire 6 "
        "hash 6\n",
        "pcap.record 43\n");
}
END_TEST

START_TEST(test_pcap_goes_on_after_a_lost_byte)
{
    File f = pcap_file(FALSE, 0xa1b2c3d4);
    for (guint32 i = 0; i < 4; i++)
        pcap_record(&f, 1000 + i, 0, 40, 40);
    g_byte_array_remove_index(f.bytes, 24 + 56 + 20);
    Collect c;
    collect_begin(&c);
    collect_read(&c, &lamp_reader_pcap, bytes_of(&f), 0, FALSE);
    ck_assert_uint_ge(c.frames, 3);
    ck_assert(strstr(c.text->str, "time 1003000000000 ") != NULL);
    ck_assert(g_str_has_prefix(c.findings->str, "pcap.record "));
    collect_end(&c);
    check_chunking(&lamp_reader_pcap, bytes_of(&f), FALSE);
    g_byte_array_unref(f.bytes);
}
END_TEST

/* ---- pcapng */

static guint
begin_block(File *f, guint32 type)
{
    guint at = f->bytes->len;
    put32(f, type);
    put32(f, 0);
    return at;
}

static void
end_block(File *f, guint at)
{
    put_fill(f, 0, (4 - f->bytes->len % 4) % 4);
    guint32 length = f->bytes->len - at + 4;
    put32(f, length);
    memcpy(f->bytes->data + at + 4, f->bytes->data + f->bytes->len - 4, 4);
}

static void
put_section(File *f, gboolean is_big)
{
    f->is_big = is_big;
    guint at = begin_block(f, 0x0a0d0d0a);
    put32(f, 0x1a2b3c4d);
    put16(f, 1);
    put16(f, 0);
    put32(f, 0xffffffff);
    put32(f, 0xffffffff);
    end_block(f, at);
}

/* @resolution 0: no option; @offset_seconds likewise. */
static void
put_interface(File *f, guint link, guint8 resolution, guint32 offset_seconds)
{
    guint at = begin_block(f, 1);
    put16(f, link);
    put16(f, 0);
    put32(f, 20);
    if (resolution != 0) {
        put16(f, 9);
        put16(f, 1);
        g_byte_array_append(f->bytes, &resolution, 1);
        put_fill(f, 0, 3);
    }
    if (offset_seconds != 0) {
        put16(f, 14);
        put16(f, 8);
        put32(f, f->is_big ? 0 : offset_seconds);
        put32(f, f->is_big ? offset_seconds : 0);
    }
    put32(f, 0);
    end_block(f, at);
}

static void
put_packet(File *f, guint32 interface, guint64 ticks, guint32 captured, guint32 wire)
{
    guint at = begin_block(f, 6);
    put32(f, interface);
    put32(f, (guint32) (ticks >> 32));
    put32(f, (guint32) ticks);
    put32(f, captured);
    put32(f, wire);
    put_fill(f, (guint8) captured, captured);
    end_block(f, at);
}

static File
pcapng_file(gboolean is_big)
{
    File f = {g_byte_array_new(), is_big};
    put_section(&f, is_big);
    return f;
}

START_TEST(test_pcapng_sections_and_resolutions)
{
    File f = pcapng_file(FALSE);
    put_interface(&f, 1, 0, 0);
    put_interface(&f, 113, 9, 100);
    put_packet(&f, 0, 1000000007, 3, 3);
    put_packet(&f, 1, G_GUINT64_CONSTANT(5000000000007), 4, 9);
    put_section(&f, TRUE);
    put_interface(&f, 101, 0x80 | 10, 0);
    put_packet(&f, 0, 1024 * 7 + 512, 5, 5);
    expect_file(
        &f, &lamp_reader_pcapng,
        "frame 1 link 1 interface 0 time 1000000007000 resolution 1000 captured 3 wire 3 "
        "hash 3\n"
        "frame 2 link 113 interface 1 time 5100000000007 resolution 1 captured 4 wire 9 "
        "hash 4\n"
        "frame 3 link 101 interface 2 time 7500000000 resolution 976562 captured 5 wire 5 "
        "hash 5\n",
        "");
}
END_TEST

START_TEST(test_pcapng_old_simple_and_unknown_blocks)
{
    File f = pcapng_file(TRUE);
    put_interface(&f, 1, 0, 0);
    guint at = begin_block(&f, 2);
    put16(&f, 0);
    put16(&f, 0);
    put32(&f, 0);
    put32(&f, 2000000);
    put32(&f, 3);
    put32(&f, 3);
    put_fill(&f, 3, 3);
    end_block(&f, at);
    at = begin_block(&f, 0x0bad);
    put_fill(&f, 9, 5000);
    end_block(&f, at);
    at = begin_block(&f, 3);
    put32(&f, 100);
    put_fill(&f, 20, 20);
    end_block(&f, at);
    at = begin_block(&f, 10);
    put32(&f, 0x544c534b);
    put32(&f, 6);
    g_byte_array_append(f.bytes, (const guint8 *) "secret", 6);
    end_block(&f, at);
    expect_file(
        &f, &lamp_reader_pcapng,
        "frame 1 link 1 interface 0 time 2000000000 resolution 1000 captured 3 wire 3 hash "
        "3\n"
        "frame 2 link 1 interface 0 time -9223372036854775808 resolution 1000 captured 20 "
        "wire 100 hash 20\n"
        " secrets=secret\n",
        "");
}
END_TEST

START_TEST(test_pcapng_damage)
{
    File f = pcapng_file(FALSE);
    put_packet(&f, 0, 0, 3, 3); /* no interface yet */
    put_interface(&f, 1, 0, 0);
    put_packet(&f, 0, 1000000, 3, 3);
    guint damage = f.bytes->len;
    put32(&f, 6);
    put32(&f, 7); /* too short for a block */
    put_fill(&f, 1, 41);
    put_section(&f, FALSE);
    put_interface(&f, 1, 0, 0);
    put_packet(&f, 0, 2000000, 4, 4);
    guint cut = f.bytes->len;
    put_packet(&f, 0, 3000000, 4, 4);
    g_byte_array_set_size(f.bytes, f.bytes->len - 3);
    g_autofree char *findings = g_strdup_printf(
        "pcapng.block 28\npcapng.block-length %u\npcapng.truncated %u\n", damage, cut);
    expect_file(
        &f, &lamp_reader_pcapng,
        "frame 1 link 1 interface 0 time 1000000000 resolution 1000 captured 3 wire 3 hash "
        "3\n"
        "frame 2 link 1 interface 1 time 2000000000 resolution 1000 captured 4 wire 4 hash "
        "4\n",
        findings);
}
END_TEST

START_TEST(test_prefixes)
{
    File f = pcap_file(FALSE, 0xa1b2c3d4);
    File g = pcapng_file(FALSE);
    put_interface(&g, 1, 0, 0);
    for (guint32 i = 1; i < 20; i++) {
        pcap_record(&f, 1000 + i, i, i, i);
        put_packet(&g, 0, i * 1000, i, i);
    }
    check_prefixes(&lamp_reader_pcap, bytes_of(&f), 1);
    check_prefixes(&lamp_reader_pcapng, bytes_of(&g), 1);
    g_byte_array_unref(f.bytes);
    g_byte_array_unref(g.bytes);
}
END_TEST

START_TEST(test_real_capture)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    ck_assert(g_file_get_contents("fixtures/shop/pcap/redis.pcap", &text, &length, NULL));
    LampBytes bytes = lamp_bytes(text, length);
    check_prefixes(&lamp_reader_pcap, bytes, 997);
    check_chunking(&lamp_reader_pcap, lamp_bytes(text, MIN(length, 20000)), TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("captures");
    TCase *tests = tcase_create("captures");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_pcap_orders_and_resolutions);
    tcase_add_test(tests, test_pcap_modified);
    tcase_add_test(tests, test_pcap_truncated);
    tcase_add_test(tests, test_pcap_goes_on_after_zeros);
    tcase_add_test(tests, test_pcap_goes_on_after_a_lost_byte);
    tcase_add_test(tests, test_pcapng_sections_and_resolutions);
    tcase_add_test(tests, test_pcapng_old_simple_and_unknown_blocks);
    tcase_add_test(tests, test_pcapng_damage);
    tcase_add_test(tests, test_prefixes);
    tcase_add_test(tests, test_real_capture);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
