/* Time zones of logs: one that is off, one that changes for daylight saving, and none. */
#include "correlate/logs.h"
#include "tests/unit/suite.h"

#define N 300
#define SECOND LAMP_NS_PER_SECOND
#define HOUR (3600 * SECOND)

/* Calls every 7.3 s; a line meets one within 10 ms. */
static const gint64 times_between = 7300 * LAMP_NS_PER_MS;

typedef struct {
    gint64 times[N];
    guint32 n;
} Log;

static gboolean
meets(gpointer user, guint32 i, gint64 shift)
{
    const Log *log = user;
    gint64 time = log->times[i] - shift;
    gint64 k = (time + times_between / 2) / times_between;
    return k >= 0 && k < N && ABS(time - k * times_between) < 10 * LAMP_NS_PER_MS;
}

static gint
compare_times(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *) left;
    gint64 b = *(const gint64 *) right;
    return a < b ? -1 : a > b;
}

/* Lines of the first @n calls, @before ahead for the first @middle of them, @after from then
 * on; one in ten tells of no call. Counts those that are put right. */
static guint
right_ones(guint32 n, guint32 middle, gint64 before, gint64 after)
{
    Log log = {.n = n};
    for (guint32 i = 0; i < n; i++)
        log.times[i] = i * times_between + (i % 10 == 3 ? 2 * SECOND : (i % 5) * 1000000) +
                       (i < middle ? before : after);
    qsort(log.times, n, sizeof log.times[0], compare_times);
    LampZoneSearch search = {log.times, n, 0, N * times_between, meets, &log};
    gint64 shifts[N];
    lamp_zone_shifts(&search, shifts);
    guint right = 0;
    for (guint32 i = 0; i < n; i++) {
        gint64 time = log.times[i] - shifts[i];
        right += time >= 0 && time <= n * times_between && meets(&log, i, shifts[i]);
    }
    return right;
}

START_TEST(test_right_times_are_kept)
{
    ck_assert_uint_eq(right_ones(N, 0, 0, 0), N * 9 / 10);
    ck_assert_uint_eq(right_ones(10, 0, 0, 0), 9);
}
END_TEST

START_TEST(test_other_zone_is_corrected)
{
    static const gint64 quarters[] = {4, -4, 22, -14, 1, 48};
    for (guint i = 0; i < G_N_ELEMENTS(quarters); i++) {
        gint64 off = quarters[i] * (HOUR / 4);
        ck_assert_uint_eq(right_ones(N, 0, 0, off), N * 9 / 10);
    }
    ck_assert_uint_eq(right_ones(20, 0, 0, 9 * HOUR), 18);
}
END_TEST

START_TEST(test_daylight_saving_is_corrected)
{
    ck_assert_uint_ge(right_ones(N, 150, 0, HOUR), N * 9 / 10 - 2);
    ck_assert_uint_ge(right_ones(N, 150, HOUR, 0), N * 9 / 10 - 6);
    ck_assert_uint_ge(right_ones(N, 133, 2 * HOUR, 3 * HOUR), N * 9 / 10 - 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-zones");
    TCase *tc = tcase_create("log-zones");
    tcase_add_test(tc, test_right_times_are_kept);
    tcase_add_test(tc, test_other_zone_is_corrected);
    tcase_add_test(tc, test_daylight_saving_is_corrected);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
