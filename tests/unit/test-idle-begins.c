/* Templates that begin requests, from silences. */
#include "correlate/log-requests/state.h"
#include "tests/unit/suite.h"

#define KINDS 5
#define LINES 400
#define MS LAMP_NS_PER_MS

/* Templates 1 to 4 in turn, 3 ms apart; before every @every-th of template 1 one second of
 * silence, before every 40th of template 3 as well. */
static void
find(guint every, gboolean *is_begin)
{
    LampLogLine lines[LINES] = {0};
    double counts[KINDS] = {0};
    gboolean is_root[KINDS];
    gint64 time = 0;
    for (guint i = 0; i < LINES; i++) {
        guint32 template = i % 4 + 1;
        gboolean is_silent =
            (template == 1 && i / 4 % every == 0) || (template == 3 && i / 4 % 40 == 39);
        time += is_silent ? 1000 * MS : 3 * MS;
        lines[i] = (LampLogLine){.time_ns = time, .template = template};
        counts[template] += 1;
    }
    LampLogInput input = {.lines = lines, .n_lines = LINES};
    LampGroupState s = {.input = &input,
                        .n_templates = KINDS,
                        .template_count = counts,
                        .is_begin = is_begin,
                        .is_root = is_root};
    lamp_idle_begins_find(&s);
    ck_assert_uint_eq(s.wake[3], 0);
    ck_assert_uint_eq(s.wake[4 * every], 4 * every);
    ck_assert_uint_eq(s.wake[4 * every + 1], 4 * every);
    g_free(s.wake);
    g_free(s.rested);
    for (guint t = 0; t < KINDS; t++)
        ck_assert_int_eq(is_root[t], is_begin[t]);
}

START_TEST(silence_before_some)
{
    gboolean is_begin[KINDS];
    find(5, is_begin);
    ck_assert_int_eq(is_begin[1], TRUE);
    ck_assert_int_eq(is_begin[2], FALSE);
    ck_assert_int_eq(is_begin[3], FALSE);
    ck_assert_int_eq(is_begin[4], FALSE);
}
END_TEST

START_TEST(silence_too_seldom)
{
    gboolean is_begin[KINDS];
    find(20, is_begin);
    for (guint t = 0; t < KINDS; t++)
        ck_assert_int_eq(is_begin[t], FALSE);
}
END_TEST

/* Of two values that both rest, one goes on by itself; the other is met later. */
START_TEST(rests_of_values)
{
    guint32 wake[8] = {0, 0, 0, 3, 3, 3, 6, 6};
    guint32 rested[8] = {0};
    LampGroupState s = {.wake = wake, .rested = rested};
    const LampValueUse wakes[] = {{1, 0, 0}, {1, 3, 0}, {1, 6, 0}};
    const LampValueUse met[] = {{2, 1, 0}, {2, 4, 0}, {2, 5, 0}};
    LampRests rests = {0};
    ck_assert(lamp_idle_rests(&s, wakes, 3, 7, &rests));
    ck_assert(lamp_idle_rests(&s, met, 3, 7, &rests));
    ck_assert(!lamp_idle_rests(&s, met + 1, 2, 7, &rests));
    ck_assert_uint_eq(rests.all, 2);
    ck_assert_uint_eq(rests.woken, 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("idle-begins");
    TCase *tcase = tcase_create("begins");
    tcase_add_test(tcase, silence_before_some);
    tcase_add_test(tcase, silence_too_seldom);
    tcase_add_test(tcase, rests_of_values);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
