/* UTF-16 as UTF-8, cut anywhere, and places in the file. */
#include "ingest/utf16.h"
#include "tests/unit/suite.h"

#include <string.h>

/* A mark, `a`, ä, a pair, a half, a line end, `b`. */
static const guint16 units[] = {0xfeff, 'a', 0xe4, 0xd83d, 0xde00, 0xd83d, '\n', 'b', 0xdc00};
static const char expected[] = "\xef\xbb\xbf"
                               "a\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd\nb\xef\xbf\xbd";

enum { BYTES = 2 * G_N_ELEMENTS(units) };

static void
write_units(guint8 out[BYTES], gboolean is_big)
{
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        out[2 * i + (is_big ? 1 : 0)] = (guint8) units[i];
        out[2 * i + (is_big ? 0 : 1)] = (guint8) (units[i] >> 8);
    }
}

START_TEST(decodes_whatever_the_pieces)
{
    guint8 raw[BYTES], out[2 * BYTES + 64];
    write_units(raw, _i == 1);
    for (gsize piece = 1; piece <= BYTES; piece++) {
        LampUtf16 utf16 = {0};
        gsize length = 0;
        lamp_utf16_begin(&utf16, lamp_bytes(raw, BYTES));
        ck_assert(utf16.is_active);
        for (gsize at = 0; at < BYTES; at += piece) {
            gsize n = MIN(piece, BYTES - at);
            gsize made = lamp_utf16_decode(&utf16, lamp_bytes(raw + at, n), at + n == BYTES,
                                           out + length);
            ck_assert_uint_le(made, lamp_utf16_room(n));
            length += made;
        }
        ck_assert_uint_eq(length, sizeof expected - 1);
        ck_assert_mem_eq(out, expected, length);
    }
}
END_TEST

START_TEST(finds_places)
{
    /* begins of the letters in the text, and in the file */
    static const guint places[][2] = {{0, 0},   {3, 2},   {4, 4},   {6, 6},   {10, 10},
                                      {13, 12}, {14, 14}, {15, 16}, {18, 18}, {4, 4}};
    LampBytes text = lamp_bytes((const guint8 *) expected, sizeof expected - 1);
    LampUtf16 utf16 = {.is_active = TRUE};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        ck_assert_uint_eq(lamp_utf16_place(&utf16, text, 0, places[i][0]), places[i][1]);
    LampUtf16 slid = {.is_active = TRUE};
    lamp_utf16_slide(&slid, text, 0, 10);
    ck_assert_uint_eq(lamp_utf16_place(&slid, lamp_bytes(text.at + 10, text.len - 10), 10, 14),
                      14);
}
END_TEST

START_TEST(knows_the_mark)
{
    LampUtf16 utf16 = {0};
    lamp_utf16_begin(&utf16, lamp_bytes((const guint8 *) "\xff\xfe\0\0", 4)); /* UTF-32 */
    ck_assert(!utf16.is_active);
    lamp_utf16_begin(&utf16, lamp_bytes_text("a\n"));
    ck_assert(!utf16.is_active);
    lamp_utf16_begin(&utf16, lamp_bytes(NULL, 0));
    ck_assert(!utf16.is_active);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("utf16");
    TCase *tests = tcase_create("utf16");
    tcase_add_loop_test(tests, decodes_whatever_the_pieces, 0, 2);
    tcase_add_test(tests, finds_places);
    tcase_add_test(tests, knows_the_mark);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
