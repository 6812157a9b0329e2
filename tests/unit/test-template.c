/* Masking of single messages, merging of columns. */
#include "ingest/log/template.h"
#include "tests/unit/suite.h"

static const struct {
    const char *message, *masked;
} masks[] = {
    {"user u17 logged in from 10.0.0.1:80", "user <*> logged in from <*>"},
    {"took 31 ms for /a/b?x=1", "took <*> ms for <*>"},
    {"blocks b1, b2, b3 gone", "blocks <*> gone"},
    {"connection from host () at Sun Jul 10 03:55:15 2005",
     "connection from host (<*>) at <*>"},
    {"a = true b=none c", "a = <*> b=<*> c"},
    {"lifetime <1 sec", "lifetime <*>"},
    {"GET https://a.example/x?y=z,1 done", "GET <*> done"},
    {"  two   blanks ", "two blanks"},
    {"first line\nsecond line", "first line"},
    {"", ""},
};

START_TEST(test_masks)
{
    LampMasked masked;
    lamp_template_mask(lamp_bytes_text(masks[_i].message), &masked);
    g_autofree char *text = g_strndup(masked.text, masked.length);
    ck_assert_str_eq(text, masks[_i].masked);
}
END_TEST

START_TEST(test_mask_names_variables)
{
    LampMasked masked;
    const char *text = "instance: 3f2504e0-4f89-11d3-9a0c-0305e82c3301 req-77 in 12ms";
    lamp_template_mask(lamp_bytes_text(text), &masked);
    ck_assert_uint_eq(masked.variable_count, 3);
    ck_assert_int_eq(masked.variables[0].kind, LAMP_VARIABLE_UUID);
    ck_assert(lamp_bytes_equal(masked.variables[0].name, lamp_bytes_text("instance")));
    ck_assert_int_eq(masked.variables[1].kind, LAMP_VARIABLE_IDENTIFIER);
    ck_assert_int_eq(masked.variables[2].kind, LAMP_VARIABLE_DURATION);
}
END_TEST

static void
check_final(const char *const *messages, guint count, const char *last_is)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    g_autofree char *text = NULL;
    for (guint i = 0; i < count; i++) {
        LampBytes masked = lamp_templates_mask(templates, lamp_bytes_text(messages[i]));
        g_free(text);
        text = g_strndup((const char *) masked.at, masked.len);
    }
    lamp_templates_merge(templates);
    LampBytes final = lamp_templates_final(templates, lamp_bytes_text(text));
    ck_assert_msg(lamp_bytes_equal(final, lamp_bytes_text(last_is)), "%.*s", (int) final.len,
                  (const char *) final.at);
}

START_TEST(test_merge_of_names)
{
    static const char *const names[] = {"session opened for user root",
                                        "session opened for user news"};
    static const char *const verbs[] = {"VM Paused now", "VM Resumed now", "VM Started now"};
    static const char *const words[] = {"host a down",     "x failed: alpha", "x failed: beta",
                                        "x failed: gamma", "x failed: delta", "x failed: eta"};
    check_final(names, G_N_ELEMENTS(names), "session opened for user <*>");
    check_final(verbs, G_N_ELEMENTS(verbs), "VM Started now");
    check_final(words, G_N_ELEMENTS(words), "x failed: <*>");
}
END_TEST

START_TEST(test_merge_does_not_depend_on_order)
{
    static const char *const one[] = {"a user x ok", "a user y ok", "b z"};
    static const char *const two[] = {"b z", "a user y ok", "a user x ok"};
    check_final(one, 2, "a user <*> ok");
    check_final(two, 3, "a user <*> ok");
}
END_TEST

START_TEST(test_hostile_messages_are_bounded)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < 100000; i++)
        g_string_append(text, i % 3 == 0 ? "<*>(" : "[]=/ \xff");
    for (guint i = 0; i < 200; i++) {
        LampBytes masked =
            lamp_templates_mask(templates, lamp_bytes(text->str + i, text->len - i));
        ck_assert_uint_le(masked.len, LAMP_TEMPLATE_BYTES);
    }
    lamp_templates_merge(templates);
    ck_assert_uint_ge(lamp_templates_count(templates), 1);
    g_string_free(text, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("template");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_masks, 0, G_N_ELEMENTS(masks));
    tcase_add_test(tcase, test_mask_names_variables);
    tcase_add_test(tcase, test_merge_of_names);
    tcase_add_test(tcase, test_merge_does_not_depend_on_order);
    tcase_add_test(tcase, test_hostile_messages_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
