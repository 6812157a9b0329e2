/*
 * What the commands share: tables that fit a width, the nearest name, choices from a list.
 */
#include "cli/closest.h"
#include "cli/command.h"
#include "cli/print.h"

#include "suite.h"

#include <string.h>

static char *
render(gint width)
{
    static const char *const titles[] = {"service", ">calls", "operation", NULL};
    static const char *const rows[][3] = {
        {"web", "1,234", "GET /products/{}/reviews/{}"},
        {"größer", "7", "日本語日本語日本語"},
    };
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        lamp_table_add(table, rows[i]);
    GString *out = g_string_new(NULL);
    lamp_table_render(table, out, width);
    return g_string_free(out, FALSE);
}

static glong
columns_of(const char *line)
{
    glong columns = 0;
    for (const char *c = line; *c != '\0'; c = g_utf8_next_char(c))
        columns += g_unichar_iswide(g_utf8_get_char(c)) ? 2 : 1;
    return columns;
}

START_TEST(test_table_without_width)
{
    g_autofree char *text = render(0);
    ck_assert_str_eq(text, "service  calls  operation\n"
                           "web      1,234  GET /products/{}/reviews/{}\n"
                           "größer       7  日本語日本語日本語\n");
}
END_TEST

/* At every width no line is longer, every line is valid UTF-8, and a cut shows. */
START_TEST(test_table_fits)
{
    for (gint width = 10; width < 60; width++) {
        g_autofree char *text = render(width);
        ck_assert(g_utf8_validate(text, -1, NULL));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        ck_assert_uint_eq(g_strv_length(lines), 4);
        for (guint i = 0; lines[i] != NULL; i++)
            ck_assert_int_le(columns_of(lines[i]), width);
        ck_assert_int_eq(strstr(text, "…") != NULL, width < 43);
    }
}
END_TEST

/* Numbers are the last to be cut. */
START_TEST(test_table_keeps_numbers)
{
    g_autofree char *text = render(26);
    ck_assert_ptr_nonnull(strstr(text, "1,234  "));
}
END_TEST

START_TEST(test_closest)
{
    static const char *const names[] = {"services", "service", "flows", "sql", "top", NULL};
    const struct {
        const char *text, *name;
    } cases[] = {
        {"flowz", "flows"},
        {"folws", "flows"},
        {"servise", "service"},
        {"serices", "services"},
        {"sqll", "sql"},
        {"xyz", NULL},
        {"", NULL},
        {"tpo", "top"},
        {"flowsandmore", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_pstr_eq(lamp_closest(cases[i].text, names), cases[i].name);
    g_autofree char *hint = lamp_closest_hint("flowz", names);
    ck_assert_str_eq(hint, "; did you mean 'flows'?");
    g_autofree char *none = lamp_closest_hint("xyz", names);
    ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(test_closest_of_long_names)
{
    g_autofree char *name = g_strnfill(500, 'a');
    const char *names[] = {name, NULL};
    name[499] = 'b';
    g_autofree char *typed = g_strnfill(500, 'a');
    ck_assert_pstr_eq(lamp_closest(typed, names), name);
}
END_TEST

START_TEST(test_choose)
{
    static const char *const names[] = {"dot", "svg", NULL};
    g_autoptr(GError) error = NULL;
    guint index = 9;
    ck_assert(lamp_choose("format", "svg", names, &index, &error));
    ck_assert_uint_eq(index, 1);
    ck_assert(lamp_choose("format", NULL, names, &index, &error));
    ck_assert_uint_eq(index, 0);
    ck_assert(!lamp_choose("format", "svgg", names, &index, &error));
    ck_assert(g_error_matches(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE));
    ck_assert_str_eq(error->message,
                     "--format takes one of dot, svg; not 'svgg'; did you mean 'svg'?");
    ck_assert_uint_eq(index, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("shared");
    tcase_add_test(tests, test_table_without_width);
    tcase_add_test(tests, test_table_fits);
    tcase_add_test(tests, test_table_keeps_numbers);
    tcase_add_test(tests, test_closest);
    tcase_add_test(tests, test_closest_of_long_names);
    tcase_add_test(tests, test_choose);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
