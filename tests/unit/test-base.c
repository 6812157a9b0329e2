/* Cursor, times, numbers, arena, keyed map. */
#include "base/arena.h"
#include "base/keyed-map.h"
#include "base/stream-hash.h"
#include "base/text.h"
#include "base/time.h"
#include "tests/unit/suite.h"

START_TEST(test_cursor_take_past_end_leaves_cursor)
{
    LampCursor c = lamp_cursor(lamp_bytes("abc", 3));
    LampBytes taken;
    ck_assert(!lamp_cursor_take(&c, 4, &taken));
    ck_assert_uint_eq(lamp_cursor_left(&c), 3);
    ck_assert(lamp_cursor_take(&c, 3, &taken));
    ck_assert(!lamp_cursor_line(&c, &taken));
}
END_TEST

START_TEST(test_time_civil_round_trip)
{
    static const LampTime times[] = {0, -1, 1795250757135165000, -62135596800,
                                     4102444799999999999};
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        LampCivil civil;
        LampTime back;
        lamp_time_to_civil(times[i], &civil);
        ck_assert(lamp_time_from_civil(&civil, 0, &back));
        ck_assert_int_eq(back, times[i]);
    }
}
END_TEST

/* Any two times within the range may be subtracted. */
START_TEST(test_time_range)
{
    LampCivil first = {.year = 1825, .month = 1, .day = 1};
    LampCivil last = {.year = 2114, .month = 12, .day = 31};
    LampTime from, to;
    gint64 between;
    ck_assert(lamp_time_from_civil(&first, 0, &from) && lamp_time_from_civil(&last, 0, &to));
    ck_assert(lamp_time_is_within_range(from, 0) && lamp_time_is_within_range(to, 1));
    ck_assert(!lamp_time_is_within_range(to, -1));
    first.year = 1820;
    last.year = 2120;
    ck_assert(lamp_time_from_civil(&first, 0, &from) && lamp_time_from_civil(&last, 0, &to));
    ck_assert(!lamp_time_is_within_range(from, 0) && !lamp_time_is_within_range(to, 0));
    ck_assert(__builtin_sub_overflow(to, from, &between));
}
END_TEST

START_TEST(test_time_civil_leap_day_only_in_leap_years)
{
    LampCivil day = {.year = 2000, .month = 2, .day = 29};
    LampTime time;
    ck_assert(lamp_time_from_civil(&day, 0, &time));
    ck_assert_int_eq(time, 951782400 * LAMP_NS_PER_SECOND);
    day.year = 1900;
    ck_assert(!lamp_time_from_civil(&day, 0, &time));
}
END_TEST

START_TEST(test_duration_format_picks_unit)
{
    static const struct {
        gint64 ns;
        const char *text;
    } rows[] = {{512, "512 ns"},
                {1220000, "1.22 ms"},
                {12345678, "12.3 ms"},
                {-3050000000, "-3.05 s"},
                {0, "0"},
                {123456, "123 us"},
                /* no more digits than were there */
                {45000000, "45 ms"},
                {45000001, "45.0 ms"},
                {2000000000, "2 s"},
                {-1500000000, "-1.5 s"},
                {50000, "50 us"},
                {50010, "50.0 us"},
                {G_MININT64, "-9223372037 s"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = lamp_duration_format(rows[i].ns);
        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(test_formats_keep_to_the_resolution)
{
    static const struct {
        gint64 ns, resolution;
        const char *duration, *time;
    } rows[] = {
        {12793860001, 1, "12.8 s", "1970-01-01T00:00:12.793860001Z"},
        {12793860000, 1, "12.8 s", "1970-01-01T00:00:12.793860Z"},
        {12793860000, 1000, "12.8 s", "1970-01-01T00:00:12.793860Z"},
        {12793860000, 5000000, "12.8 s", "1970-01-01T00:00:12.793Z"},
        {12793860000, 100000000, "12.8 s", "1970-01-01T00:00:12.7Z"},
        {12793860000, 1000000000, "13 s", "1970-01-01T00:00:12Z"},
        {12793860000, 60000000000, "10 s", "1970-01-01T00:00:12Z"},
        {-12793860000, 1000000000, "-13 s", "1969-12-31T23:59:47Z"},
        {7000000, 1000000000, "< 1 s", "1970-01-01T00:00:00Z"},
        {0, 1000000, "< 1 ms", "1970-01-01T00:00:00.000Z"},
        {0, 1, "0", "1970-01-01T00:00:00.000000Z"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *duration = lamp_duration_format_to(rows[i].ns, rows[i].resolution);
        g_autofree char *time = lamp_time_format_to(rows[i].ns, rows[i].resolution);
        ck_assert_str_eq(duration, rows[i].duration);
        ck_assert_str_eq(time, rows[i].time);
    }
}
END_TEST

START_TEST(test_text_numbers)
{
    guint64 u;
    gint64 i;
    ck_assert(lamp_text_parse_u64(lamp_bytes_text("18446744073709551615"), &u));
    ck_assert_uint_eq(u, G_MAXUINT64);
    ck_assert(!lamp_text_parse_u64(lamp_bytes_text("18446744073709551616"), &u));
    ck_assert(!lamp_text_parse_u64(lamp_bytes_text("1 "), &u));
    ck_assert(lamp_text_parse_scaled(lamp_bytes_text("0.188"), 9, &i));
    ck_assert_int_eq(i, 188000000);
    ck_assert(lamp_text_parse_scaled(lamp_bytes_text("-1.5"), 3, &i));
    ck_assert_int_eq(i, -1500);
    ck_assert(!lamp_text_parse_scaled(lamp_bytes_text("."), 3, &i));
    ck_assert(!lamp_text_parse_scaled(lamp_bytes_text("99999999999999999999"), 0, &i));
}
END_TEST

static gboolean
is_word(const char *text, const char *lower)
{
    return lamp_text_is_word(lamp_bytes_text(text), lower, strlen(lower));
}

/* Long words are compared eight bytes at a time: only letters may differ in case. */
START_TEST(test_text_words_in_any_case)
{
    ck_assert(is_word("Host", "host") && is_word("X-B3", "x-b3") && is_word("", ""));
    ck_assert(!is_word("Hosts", "host") && !is_word("hose", "host") &&
              !is_word("x\rb3", "x-b3"));
    ck_assert(is_word("Content-Length", "content-length"));
    ck_assert(is_word("ACCEPT-1", "accept-1") && is_word("csrf_token", "csrf_token"));
    ck_assert(!is_word("Content\rLength", "content-length"));
    ck_assert(!is_word("Content-Lengtx", "content-length"));
    ck_assert(!is_word("xontent-Length", "content-length"));
    ck_assert(!is_word("csrf\x7ftoken", "csrf_token"));
    ck_assert(!is_word("accept-\x11", "accept-1"));
    ck_assert(!is_word("\xe3ontent-length", "content-length"));
    ck_assert(!is_word("content\xadlength", "content-length"));
}
END_TEST

START_TEST(test_text_escape_shows_control_bytes)
{
    g_autofree char *text = lamp_text_escape(lamp_bytes("a\x1b[1m\xff\xc3\xa9\n", 9));
    ck_assert_str_eq(text, "a\\x1b[1m\\xff\xc3\xa9\\x0a");
}
END_TEST

START_TEST(test_arena_stops_at_budget)
{
    g_autoptr(LampArena) arena = lamp_arena_new(8192);
    ck_assert_ptr_nonnull(lamp_arena_take(arena, 4000));
    ck_assert_ptr_nonnull(lamp_arena_take(arena, 4000));
    ck_assert_ptr_null(lamp_arena_take(arena, 4000));
    lamp_arena_clear(arena);
    ck_assert_ptr_nonnull(lamp_arena_take(arena, 100));
}
END_TEST

static guint64
hash_in_pieces(LampBytes bytes, gsize piece)
{
    LampStreamHash hash;
    lamp_stream_hash_init(&hash);
    for (gsize at = 0; at < bytes.len; at += piece)
        lamp_stream_hash_update(&hash, lamp_bytes(bytes.at + at, MIN(piece, bytes.len - at)));
    return lamp_stream_hash_finish(&hash);
}

/* The same however it is cut, another for every other byte, length and order of words. */
START_TEST(test_stream_hash_knows_contents)
{
    enum { LENGTH = 200 };
    guint8 content[LENGTH];
    for (gsize i = 0; i < LENGTH; i++)
        content[i] = (guint8) (i * 31);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (gsize length = 0; length <= LENGTH; length++) {
        LampBytes bytes = lamp_bytes(content, length);
        guint64 whole = hash_in_pieces(bytes, LENGTH);
        for (gsize piece = 1; piece < 70; piece += 3)
            ck_assert_uint_eq(hash_in_pieces(bytes, piece), whole);
        ck_assert(g_hash_table_add(seen, g_memdup2(&whole, sizeof whole)));
    }
    for (gsize i = 0; i < 8 * LENGTH; i++) {
        content[i / 8] ^= (guint8) (1u << i % 8);
        guint64 changed = hash_in_pieces(lamp_bytes(content, LENGTH), LENGTH);
        ck_assert(g_hash_table_add(seen, g_memdup2(&changed, sizeof changed)));
        content[i / 8] ^= (guint8) (1u << i % 8);
    }
    for (gsize i = 8; i + 8 <= LENGTH; i += 8) { /* each word changes places with the first */
        guint8 moved[LENGTH];
        memcpy(moved, content, LENGTH);
        memcpy(moved, content + i, 8);
        memcpy(moved + i, content, 8);
        guint64 changed = hash_in_pieces(lamp_bytes(moved, LENGTH), LENGTH);
        ck_assert(g_hash_table_add(seen, g_memdup2(&changed, sizeof changed)));
    }
}
END_TEST

START_TEST(test_keyed_map_against_naive_list)
{
    g_autoptr(LampKeyedMap) map = lamp_keyed_map_new(1 << 24);
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *key = g_strdup_printf("key-%u", i * 7919 % 5000);
        gboolean is_new;
        guint64 *value = lamp_keyed_map_add(map, lamp_bytes_text(key), &is_new);
        ck_assert_int_eq(is_new, i < 5000);
        ++*value;
    }
    ck_assert_uint_eq(lamp_keyed_map_size(map), 5000);
    ck_assert_uint_eq(*lamp_keyed_map_find(map, lamp_bytes_text("key-42")), 4);
    ck_assert_ptr_null(lamp_keyed_map_find(map, lamp_bytes_text("key-5000")));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base");
    TCase *tc = tcase_create("base");
    tcase_add_test(tc, test_cursor_take_past_end_leaves_cursor);
    tcase_add_test(tc, test_time_civil_round_trip);
    tcase_add_test(tc, test_time_range);
    tcase_add_test(tc, test_time_civil_leap_day_only_in_leap_years);
    tcase_add_test(tc, test_duration_format_picks_unit);
    tcase_add_test(tc, test_formats_keep_to_the_resolution);
    tcase_add_test(tc, test_text_numbers);
    tcase_add_test(tc, test_stream_hash_knows_contents);
    tcase_add_test(tc, test_text_words_in_any_case);
    tcase_add_test(tc, test_text_escape_shows_control_bytes);
    tcase_add_test(tc, test_arena_stops_at_budget);
    tcase_add_test(tc, test_keyed_map_against_naive_list);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
