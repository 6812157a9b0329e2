/* Cursor, times, numbers, arena, keyed map. */
#include "base/arena.h"
#include "base/keyed-map.h"
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
    } rows[] = {{512, "512 ns"},          {1220000, "1.22 ms"}, {12345678, "12.3 ms"},
                {-3050000000, "-3.05 s"}, {0, "0 ns"},          {123456, "123 us"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = lamp_duration_format(rows[i].ns);
        ck_assert_str_eq(text, rows[i].text);
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
    tcase_add_test(tc, test_time_civil_leap_day_only_in_leap_years);
    tcase_add_test(tc, test_duration_format_picks_unit);
    tcase_add_test(tc, test_text_numbers);
    tcase_add_test(tc, test_text_escape_shows_control_bytes);
    tcase_add_test(tc, test_arena_stops_at_budget);
    tcase_add_test(tc, test_keyed_map_against_naive_list);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
