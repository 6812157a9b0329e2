/* Zones by name: the nights on which clocks change, in log lines. */
#include "base/zone.h"
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

START_TEST(test_offsets_of_the_nights_of_change)
{
    /* Local seconds as if of UTC: 2026-03-29 02:30, 2026-10-25 02:30, 2026-07-01 12:00. */
    static const struct {
        gint64 local;
        LampClockKind kind;
        gint32 first, second;
    } rows[] = {
        {1774751400, LAMP_CLOCK_NEVER, 3600, 7200}, {1774749599, LAMP_CLOCK_PLAIN, 3600, 3600},
        {1774753200, LAMP_CLOCK_PLAIN, 7200, 7200}, {1792895400, LAMP_CLOCK_TWICE, 7200, 3600},
        {1792893599, LAMP_CLOCK_PLAIN, 7200, 7200}, {1792897200, LAMP_CLOCK_PLAIN, 3600, 3600},
        {1782907200, LAMP_CLOCK_PLAIN, 7200, 7200}, {1772280000, LAMP_CLOCK_PLAIN, 3600, 3600}};
    g_autoptr(LampZone) zone = lamp_zone_new("Europe/Berlin");
    ck_assert_ptr_nonnull(zone);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint32 offsets[2];
        LampClockKind kind = lamp_zone_offsets(zone, rows[i].local, offsets);
        ck_assert_msg(kind == rows[i].kind, "row %zu: kind %d", i, (int) kind);
        ck_assert_int_eq(offsets[0], rows[i].first);
        if (kind == LAMP_CLOCK_TWICE)
            ck_assert_int_eq(offsets[1], rows[i].second);
    }
    ck_assert_ptr_null(lamp_zone_new("Europe/Nowhere"));
}
END_TEST

/* Names stand in logs: none may lead out of the database. */
START_TEST(test_no_name_is_a_path)
{
    static const char *const no_names[] = {"/usr/share/zoneinfo/Europe/Berlin",
                                           "Europe/../Europe/Berlin",
                                           "./UTC",
                                           "Europe//Berlin",
                                           "Europe/Berlin/",
                                           "../zoneinfo/UTC",
                                           "../../share/zoneinfo/UTC",
                                           ""};
    static const char *const names[] = {"UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires",
                                        "America/Port-au-Prince"};
    for (gsize i = 0; i < G_N_ELEMENTS(no_names); i++)
        ck_assert_msg(lamp_zone_new(no_names[i]) == NULL, "'%s'", no_names[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(LampZone) zone = lamp_zone_new(names[i]);
        ck_assert_msg(zone != NULL, "'%s'", names[i]);
    }
}
END_TEST

/* Reads lines of these clocks and compares their times, both as text. */
static void
check_lines(const char *zone_name, const char *const clocks[], const char *const times[],
            guint64 findings)
{
    g_autoptr(LampZone) zone = lamp_zone_new(zone_name);
    LampSourceContext context = {
        .path = "x.log", .zone = zone, .zone_is_given = TRUE, .modified = LAMP_TIME_NONE};
    for (gsize chunk = 50; chunk < 5000; chunk *= 10) {
        LogSink s;
        g_autoptr(GString) text = g_string_new(NULL);
        for (guint i = 0; clocks[i] != NULL; i++)
            g_string_append_printf(text, "%s INFO [main] c.acme.A - line\n", clocks[i]);
        log_sink_begin(&s);
        log_sink_read(&s, lamp_reader_find("application"), &context, lamp_bytes_text(text->str),
                      chunk);
        g_auto(GStrv) parts = g_strsplit(s.text->str, "event @", -1);
        for (guint i = 0; times[i] != NULL; i++)
            ck_assert_msg(parts[0] != NULL && parts[i + 1] != NULL &&
                              strstr(parts[i + 1], times[i]) != NULL,
                          "line %u is not %s in\n%s", i, times[i], s.text->str);
        ck_assert_uint_eq(s.findings, findings);
        g_string_free(s.text, TRUE);
    }
}

START_TEST(test_clocks_are_put_back)
{
    /* The hour is written twice; a line of the first pass comes late, by two seconds. */
    static const char *const clocks[] = {
        "2026-10-25 01:59:59,000", "2026-10-25 02:10:00,000", "2026-10-25 02:59:59,500",
        "2026-10-25 02:00:01,000", "2026-10-25 02:59:59,900", "2026-10-25 02:10:00,000",
        "2026-10-25 02:50:00,000", "2026-10-25 03:00:00,000", NULL};
    static const char *const times[] = {
        "2026-10-24T23:59:59.000", "2026-10-25T00:10:00.000", "2026-10-25T00:59:59.500",
        "2026-10-25T01:00:01.000", "2026-10-25T00:59:59.900", "2026-10-25T01:10:00.000",
        "2026-10-25T01:50:00.000", "2026-10-25T02:00:00.000", NULL};
    check_lines("Europe/Berlin", clocks, times, 6);
}
END_TEST

START_TEST(test_clocks_are_put_forward)
{
    static const char *const clocks[] = {"2026-03-29 01:59:59,000", "2026-03-29 03:00:00,000",
                                         "2026-03-29 02:30:00,000", NULL};
    static const char *const times[] = {"2026-03-29T00:59:59.000", "2026-03-29T01:00:00.000",
                                        "2026-03-29T01:30:00.000", NULL};
    check_lines("Europe/Berlin", clocks, times, 1);
}
END_TEST

START_TEST(test_days_of_leap_years_and_other_zones)
{
    static const char *const clocks[] = {"2028-02-29 00:30:00,000", "2028-02-29 23:30:00,000",
                                         "2028-03-01 00:00:00,000", "2028-03-01T00:00:00.000Z",
                                         NULL};
    static const char *const times[] = {"2028-02-29T05:30:00.000", "2028-03-01T04:30:00.000",
                                        "2028-03-01T05:00:00.000", "2028-03-01T00:00:00.000",
                                        NULL};
    check_lines("America/New_York", clocks, times, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("zone");
    TCase *tc = tcase_create("zone");
    tcase_add_test(tc, test_offsets_of_the_nights_of_change);
    tcase_add_test(tc, test_no_name_is_a_path);
    tcase_add_test(tc, test_clocks_are_put_back);
    tcase_add_test(tc, test_clocks_are_put_forward);
    tcase_add_test(tc, test_days_of_leap_years_and_other_zones);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
