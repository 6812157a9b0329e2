/* Times of lines that follow each other: what a scanner keeps of one must not change the next.
 */
#include "ingest/log/timestamp.h"
#include "tests/unit/suite.h"

static const char *const texts[] = {
    "2026-01-31T23:59:59.123456Z",
    "2026-01-31T23:59:60Z",
    "2026-01-31T23:59",
    "2026-01-31 23:59:59,5 UTC rest",
    "2026-01-31 23:59:59 GET",
    "2026-02-30 01:02:03",
    "2026-02-28 01:02:03 +0130 rest",
    "2026/01/31 23:59:59.000000001-05:00",
    "31/Jan/2026:23:59:59 +0000] x",
    "31/Jan/2026:24:00:00 -0930] x",
    "01/Feb/2026:00:00:00 +0000] x",
    "Jan 31 23:59:59 host",
    "Jan  1 00:00:00 host",
    "03/04/2026 01:02:03",
    "13/04/2026 01:02:03",
    "03/04/2026 1:02:03 PM",
    "20260131T235959Z",
    "Sat Jan 31 23:59:59.25 2026",
    "January 31 2026 23:59:59",
    "23:59:59.5",
    "1767225600",
    "1767225600.25 x",
    "2026-031T01:02:03Z",
};

static gboolean
same(const LampTimestamp *a, const LampTimestamp *b)
{
    return a->time == b->time && a->resolution_ns == b->resolution_ns && a->used == b->used &&
           a->has_zone == b->has_zone && a->has_year == b->has_year &&
           a->has_date == b->has_date;
}

/* A text of the table, as it is or with one byte changed to one of another. */
static void
choose_text(GRand *random, char *out, gsize size)
{
    guint a = (guint) g_rand_int_range(random, 0, G_N_ELEMENTS(texts));
    guint b = (guint) g_rand_int_range(random, 0, G_N_ELEMENTS(texts));
    g_strlcpy(out, texts[a], size);
    if (g_rand_int_range(random, 0, 3) != 0)
        return;
    gint place = g_rand_int_range(random, 0, (gint) strlen(out));
    out[place] = texts[b][g_rand_int_range(random, 0, (gint) strlen(texts[b]))];
}

START_TEST(test_kept_dates_change_nothing)
{
    LampSourceContext context = {.modified = G_GINT64_CONSTANT(1790000000000000000),
                                 .zone_seconds = 3600};
    LampTimestampScanner keeping, forgetting;
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    guint kept = 0;
    lamp_timestamp_scanner_init(&keeping, &context);
    lamp_timestamp_scanner_init(&forgetting, &context);
    for (guint i = 0; i < 50000; i++) {
        LampTimestamp stamp = {0}, expected = {0};
        char text[64];
        choose_text(random, text, sizeof text);
        forgetting.date_len = 0;
        kept += keeping.date_len > 0;
        gboolean found = lamp_timestamp_scan(&keeping, lamp_bytes_text(text), &stamp);
        ck_assert_msg(found ==
                          lamp_timestamp_scan(&forgetting, lamp_bytes_text(text), &expected),
                      "'%s' is read by one alone", text);
        ck_assert_msg(!found || same(&stamp, &expected), "'%s' is read as another time", text);
        ck_assert_uint_eq(keeping.last_form, forgetting.last_form);
    }
    ck_assert_uint_gt(kept, 5000);
}
END_TEST

START_TEST(test_the_next_day_is_another)
{
    LampTimestampScanner scanner;
    LampTimestamp first, second;
    lamp_timestamp_scanner_init(&scanner, NULL);
    ck_assert(lamp_timestamp_scan(&scanner, lamp_bytes_text("2026-02-28 23:59:59.5"), &first));
    ck_assert(
        lamp_timestamp_scan(&scanner, lamp_bytes_text("2026-02-28 23:59:59.75"), &second));
    ck_assert_int_eq(second.time - first.time, LAMP_NS_PER_SECOND / 4);
    ck_assert_int_eq(second.resolution_ns, LAMP_NS_PER_SECOND / 100);
    ck_assert(lamp_timestamp_scan(&scanner, lamp_bytes_text("2026-03-01 00:00:00"), &second));
    ck_assert_int_eq(second.time - first.time, LAMP_NS_PER_SECOND / 2);
    ck_assert_int_eq(second.resolution_ns, LAMP_NS_PER_SECOND);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("timestamp");
    TCase *tc = tcase_create("timestamp");
    tcase_add_test(tc, test_kept_dates_change_nothing);
    tcase_add_test(tc, test_the_next_day_is_another);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
