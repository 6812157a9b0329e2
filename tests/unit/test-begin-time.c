/* The year of logs whose times have none, from times beside them that have one. */
#include "ingest/log/begin-time.h"
#include "ingest/log/timestamp.h"
#include "tests/unit/suite.h"

#define SECOND LAMP_NS_PER_SECOND
#define JUNE_2014 (G_GINT64_CONSTANT(1402328496) * SECOND)     /* 2014-06-09 15:41:36 UTC */
#define NOVEMBER_2026 (G_GINT64_CONSTANT(1795305600) * SECOND) /* 2026-11-22 */

static LampTime
begin_of(const char *head)
{
    LampSourceContext context = {.modified = NOVEMBER_2026};
    return lamp_log_begin_time(lamp_bytes_text(head), &context);
}

START_TEST(test_a_date_in_the_same_line_tells)
{
    ck_assert_int_eq(begin_of("Jun  9 15:41:36 swift proxy: starts\n"
                              "Jun  9 15:41:36 swift proxy: GET from 10.0.0.1 - "
                              "[09/Jun/2014:15:41:36 +0000] 200\n"),
                     JUNE_2014);
    ck_assert_int_eq(begin_of("<13>Jun  9 15:41:36 swift proxy: at 2014-06-09T15:41:36Z\n"),
                     JUNE_2014);
}
END_TEST

START_TEST(test_a_dated_line_beside_it_tells)
{
    ck_assert_int_eq(begin_of("Jun  9 15:41:35 swift proxy: starts\n"
                              "2014-06-09 15:41:36 INFO other program\n"),
                     JUNE_2014);
    ck_assert_int_eq(begin_of("2014-06-09 15:41:36 INFO other program\n"
                              "Jun  9 15:41:36 web: comes second\n"),
                     JUNE_2014);
    ck_assert_int_eq(begin_of("level=info time=2014-06-09T15:41:36Z msg=\"in the line\"\n"
                              "<34>Jun  9 15:41:37 web: comes second\n"),
                     JUNE_2014);
}
END_TEST

START_TEST(test_dates_of_other_moments_do_not)
{
    ck_assert_int_eq(begin_of("Jun  9 15:41:36 web: certificate expires 2031-03-01 00:00:00\n"
                              "Jun  9 15:41:37 web: job 1402328496 done\n"),
                     0);
    ck_assert_int_eq(begin_of("2014-03-01 15:41:36 INFO has its own year\n"
                              "Jun  9 15:41:36 web: of another day\n"),
                     0);
    ck_assert_int_eq(
        begin_of("Nov 21 10:00:00 web: at 2026-11-21 10:00:00, as the file says\n"), 0);
    ck_assert_int_eq(begin_of(""), 0);
}
END_TEST

/* Lines follow each other, also into the next year; some come a little too late. */
START_TEST(test_years_follow_from_the_begin)
{
    static const struct {
        const char *text;
        gint64 seconds;
    } rows[] = {
        {"Jun  9 15:41:36", 1402328496}, {"Jun  8 15:41:36", 1402242096},
        {"Dec 31 23:59:59", 1420070399}, {"Jan  1 00:00:00", 1420070400},
        {"Feb 29 00:00:00", 1456704000},
    };
    LampSourceContext context = {.modified = NOVEMBER_2026, .begun = JUNE_2014};
    LampTimestampScanner scanner;
    lamp_timestamp_scanner_init(&scanner, &context);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LampTimestamp stamp;
        ck_assert(lamp_timestamp_scan(&scanner, lamp_bytes_text(rows[i].text), &stamp));
        ck_assert_int_eq(stamp.time, rows[i].seconds * SECOND);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("begin-time");
    TCase *cases = tcase_create("begin-time");
    tcase_add_test(cases, test_a_date_in_the_same_line_tells);
    tcase_add_test(cases, test_a_dated_line_beside_it_tells);
    tcase_add_test(cases, test_dates_of_other_moments_do_not);
    tcase_add_test(cases, test_years_follow_from_the_begin);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
