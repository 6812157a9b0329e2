/* What fits a template that is known beforehand. */
#include "ingest/log/template.h"
#include "tests/unit/suite.h"

static LampKnownTemplates *known;

static void
set_up(void)
{
    known = lamp_known_templates_new();
}

static void
tear_down(void)
{
    lamp_known_templates_free(known);
}

static void
know(const char *text, guint64 word_places)
{
    lamp_known_templates_add(known, lamp_bytes_text(text), word_places);
}

static void
check_fit(const char *masked, const char *expected)
{
    LampBytes found = lamp_known_templates_fit(known, lamp_bytes_text(masked));
    ck_assert_msg(lamp_bytes_equal(found, lamp_bytes_text(expected)), "'%s' fits '%.*s'",
                  masked, (int) found.len, (const char *) found.at);
}

/* Words may stand where words stood before, not where only numbers did. */
START_TEST(test_words_fit_word_places)
{
    know("password for <*> from <*> port <*>", 1);
    know("job <*>", 0);
    check_fit("password for root from <*> port <*>", "password for <*> from <*> port <*>");
    check_fit("password for <*> from <*> port <*>", "password for <*> from <*> port <*>");
    check_fit("password for root from here port <*>", "");
    check_fit("password for root from <*>", "");
    check_fit("password of root from <*> port <*>", "");
    check_fit("job <*>", "job <*>");
    check_fit("job done", "");
    check_fit("", "");
}
END_TEST

/* Delimiters are no words. */
START_TEST(test_delimiters_do_not_fit)
{
    know("a <*> b", 1);
    check_fit("a x b", "a <*> b");
    check_fit("a, b", "");
    check_fit("a , b", "");
    know("<*><*>x y", 3);
    check_fit("<*>(x y", "");
}
END_TEST

START_TEST(test_the_narrowest_template_is_fitted)
{
    know("user <*> in <*>", 3);
    know("user <*> in hall", 1);
    know("user anna in hall", 0);
    check_fit("user anna in hall", "user anna in hall");
    check_fit("user bob in hall", "user <*> in hall");
    check_fit("user bob in attic", "user <*> in <*>");
}
END_TEST

/* More sets of places than are tried: each text is still found by itself. */
START_TEST(test_many_sets_are_bounded)
{
    for (guint64 set = 1; set < 1024; set++) {
        g_autoptr(GString) text = g_string_new("begin");
        for (guint i = 0; i < 10; i++)
            g_string_append(text, (set >> i & 1) != 0 ? " <*>" : " a");
        know(text->str, G_MAXUINT64);
    }
    check_fit("begin x a a a a a a a a a", "begin <*> a a a a a a a a a");
    check_fit("begin <*> <*> <*> <*> <*> <*> <*> <*> <*> <*>",
              "begin <*> <*> <*> <*> <*> <*> <*> <*> <*> <*>");
}
END_TEST

/* Known templates do not merge with others, and what fits them does not either. */
START_TEST(test_known_templates_take_no_part_in_merging)
{
    static const char *const names[] = {"x failed: alpha", "x failed: beta", "x failed: gamma",
                                        "x failed: delta", "x failed: eta"};
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    know("x failed: eta", 0);
    lamp_templates_know(templates, known);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        lamp_templates_add(templates, lamp_bytes_text(names[i]));
    lamp_templates_merge(templates);
    ck_assert_uint_eq(lamp_templates_count(templates), 5);
    know("x failed: <*>", 1);
    lamp_templates_merge(templates);
    ck_assert_uint_eq(lamp_templates_count(templates), 2);
    ck_assert(lamp_bytes_equal(lamp_templates_final(templates, lamp_bytes_text(names[0])),
                               lamp_bytes_text("x failed: <*>")));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("template-known");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_words_fit_word_places);
    tcase_add_test(tests, test_delimiters_do_not_fit);
    tcase_add_test(tests, test_the_narrowest_template_is_fitted);
    tcase_add_test(tests, test_many_sets_are_bounded);
    tcase_add_test(tests, test_known_templates_take_no_part_in_merging);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
