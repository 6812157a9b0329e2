/* Lines that containers cut into parts, and what follows them. */
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static const LampSourceContext context = {.path = "x.log",
                                          .modified = 1795305600 * LAMP_NS_PER_SECOND};

/* A line that Docker cut at 16 KiB, and the stack trace behind it. */
START_TEST(test_trace_behind_parts_of_docker)
{
    enum { FILLER = 16200 };
    g_autofree char *filler = g_strnfill(FILLER, 'x');
    g_autoptr(GString) input = g_string_new(NULL);
    g_string_append_printf(input,
                           "{\"log\":\"2026-11-21 09:11:53,111 ERROR [w7] a.B - failed "
                           "user=alice %s \",\"stream\":\"stdout\",\"time\":"
                           "\"2026-11-21T09:11:53.1Z\"}\n"
                           "{\"log\":\"order_id=4200\\n\",\"stream\":\"stdout\",\"time\":"
                           "\"2026-11-21T09:11:53.2Z\"}\n",
                           filler);
    for (guint i = 0; i < 600; i++)
        g_string_append_printf(input,
                               "{\"log\":\"\\tat com.foo.Bar.baz(Bar.java:%u)\\n\",\"stream\":"
                               "\"stdout\",\"time\":\"2026-11-21T09:11:53.3Z\"}\n",
                               i);
    g_autofree char *text = log_sink_of("jsonl", &context, input->str);
    static const char *const expected[] = {
        "thread=<w7> severity=<error> message=<failed user=alice xxx",
        "xxx order_id=4200\n\tat com.foo.Bar.baz(Bar.java:0)\n\tat",
        "(Bar.java:599)>",
        "{user=alice}",
        "{order_id=4200}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "missing: %s", expected[i]);
}
END_TEST

/* A line of a trace that begins with more blanks than are looked at. */
START_TEST(test_marks_far_right_go_on)
{
    static const char tail[] =
        "\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:11:53.3Z\"}\n";
    g_autoptr(GString) input = g_string_new(NULL);
    g_string_append_printf(input, "{\"log\":\"2026-11-21 09:11:53,111 ERROR app failed%s",
                           tail);
    g_string_append_printf(input, "{\"log\":\"Traceback (most recent call last):%s", tail);
    g_string_append_printf(input, "{\"log\":\"%70s^^^%s", "", tail);
    g_autofree char *text = log_sink_of("jsonl", &context, input->str);
    ck_assert_msg(strstr(text, "^^^") != NULL, "%s", text);
    ck_assert_ptr_null(strstr(strstr(text, "event @") + 1, "event @"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-parts");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_trace_behind_parts_of_docker);
    tcase_add_test(tcase, test_marks_far_right_go_on);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
