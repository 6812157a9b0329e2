/* Lines that are longer than any log's. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

/* The begin of a line that is longer than any is an event where its form is known; the rest is
 * told with its place. */
START_TEST(test_long_lines_are_read_as_far_as_they_may_be)
{
    static const char letter[] = "\xc3\xa4"; /* the limit lies inside of one */
    static const char *const begins[] = {"", "2026-11-21 09:11:53 ERROR shop - long "};
    const LampReader *reader = lamp_reader_find("text");
    for (guint i = 0; i < G_N_ELEMENTS(begins); i++) {
        gsize letters = LAMP_LIMIT_LINE / 2 + 50, head = strlen(begins[i]);
        GString *input = g_string_new("2026-11-21 09:11:52 first\n");
        g_string_append(input, begins[i]);
        g_string_append_c(input, 'x');
        for (gsize k = 0; k < letters; k++)
            g_string_append(input, letter);
        g_string_append(input, "\n   at X\n2026-11-21 09:11:54 second\n");
        for (gsize chunk = 65536; chunk <= 4 * 65536; chunk += 3 * 65536) {
            gsize taken = LAMP_LIMIT_LINE - ((LAMP_LIMIT_LINE - head - 1) % 2);
            g_autofree char *place =
                g_strdup_printf("finding limit.LINE @%zu line 2", 26 + taken);
            g_autofree char *event =
                g_strdup_printf("event @26+%zu 2026-11-21T09:11:53.000000000Z", taken);
            LogSink s;
            log_sink_begin(&s);
            log_sink_read(&s, reader, NULL, lamp_bytes(input->str, input->len), chunk);
            ck_assert_uint_eq(s.events, 2 + i);
            ck_assert_ptr_nonnull(strstr(s.text->str, place));
            ck_assert_int_eq(strstr(s.text->str, event) != NULL, i == 1);
            ck_assert_int_eq(strstr(s.text->str, "log.utf8") != NULL, FALSE);
            g_string_free(s.text, TRUE);
        }
        g_string_free(input, TRUE);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-lines");
    TCase *tests = tcase_create("log-lines");
    tcase_add_test(tests, test_long_lines_are_read_as_far_as_they_may_be);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
