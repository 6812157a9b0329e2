/* Types of values, and what is known of the values of a place in whatever order they come. */
#include "ingest/log/template-place.h"
#include "tests/unit/suite.h"

/* The type of the places of @message that masking finds, each in brackets. */
static char *
types_of(const char *message)
{
    g_autofree LampMasked *masked = g_new0(LampMasked, 1);
    g_autoptr(LampArena) arena = lamp_arena_new(1 << 20);
    GString *out = g_string_new(NULL);
    lamp_template_mask(lamp_bytes_text(message), masked);
    for (guint i = 0; i < masked->place_count; i++) {
        const LampMaskedPlace *from = &masked->places[i];
        LampPlace place = {.exact_count = 0};
        lamp_place_add(&place, from->value, &masked->variables[from->first], from->count,
                       arena);
        lamp_place_type(&place, lamp_bytes(NULL, 0), TRUE, out);
        g_string_append_c(out, '|');
    }
    return g_string_free(out, FALSE);
}

static const struct {
    const char *message, *types;
} values[] = {
    {"took 31 or -7 or +5", "<integer>|<integer>|<integer>|"},
    {"took 31.", "<integer>|"},
    {"load 0.75 at 93%", "<decimal>|<decimal>|"},
    {"at 0xc000021a of 5f3c9a70b1d2", "<hex>|<hex>|"},
    {"is 3f2504e0-4f89-11d3-9a0c-0305e82c3301 gone", "<uuid>|"},
    {"by 10.0.0.1 via 10.0.0.2:80 at 10.0.0.3:50010", "<ip>|<ip:port>|<ip:port>|"},
    {"by fe80::e3ba:1 alone", "<ip>|"},
    {"src: /10.250.19.102:54106 end", "<ip:port>|"},
    {"read /etc/hosts from https://a.example/b?c=1", "<path>|<url>|"},
    {"mail to jo1@a.example went", "<email>|"},
    {"in 31ms for 4KB", "<duration>|<size>|"},
    {"lifetime <1 sec", "<duration>|"},
    {"at 2005-06-03 15:42:50 and 03:55:15 and Sun Jul 10 03:55:15 2005",
     "<time>|<time>|<time>|"},
    {"title=\"War and 2 Peace\" by", "<quoted>|"},
    {"block blk_-1608999687919862906 and req-77", "<identifier>|<identifier>|"},
    {"version 1.2.3 of 555-1234", "<identifier>|<identifier>|"},
    {"on = true", "<word>|"},
    {"host () is", "<empty>|"},
    {"read 1,234,567 bytes", "<integer>|"},
    {"from 10.1.1.1: 11 to port 35013 ssh2", "<ip>: <integer>|<integer> <identifier>|"},
    {"blocks b1, b2, b3, b4, b5 gone", "<identifier list>|"},
};

START_TEST(test_values_have_types)
{
    g_autofree char *types = types_of(values[_i].message);
    ck_assert_str_eq(types, values[_i].types);
}
END_TEST

static const struct {
    const char *values[4];
    const char *behind, *type;
} places[] = {
    {{"7", "12"}, "", "integer"},
    {{"7", "1.5"}, "", "decimal"},
    {{"0x1f", "7"}, "", "hex"},
    {{"10.0.0.1", "10.0.0.1:80"}, "", "address"},
    {{"7", "a7"}, "", "identifier"},
    {{"3f2504e0-4f89-11d3-9a0c-0305e82c3301", "77"}, "", "identifier"},
    {{"/a/b", "root"}, "", "word"},
    {{"10.0.0.1", "ftp4.example"}, "", "word"},
    {{"15ms", "0"}, "", "duration"},
    {{"4KB", "17"}, "", "size"},
    {{"7", "12"}, " ms for", "duration"},
    {{"7", "1.5"}, " seconds.", "duration"},
    {{"7", "12"}, " MB, free", "size"},
    {{"7", "12"}, " msgs", "integer"},
    {{"a7", "12"}, " ms", "identifier"},
    {{"two words", "one"}, "", "quoted"},
    {{"two words", "2005-06-03"}, "", "*"},
};

static void
add_text(LampPlace *place, const char *text, LampArena *arena)
{
    LampBytes value = lamp_bytes_text(text);
    LampVariable variable = {.kind = lamp_variable_kind(value), .value = value};
    lamp_place_add(place, value, &variable, 1, arena);
}

static void
check_type(const LampPlace *place, const char *behind, const char *type)
{
    GString *found = g_string_new(NULL);
    lamp_place_type(place, lamp_bytes_text(behind), FALSE, found);
    ck_assert_str_eq(found->str, type);
    g_string_free(found, TRUE);
}

/* In both orders, at one place and at two that are merged. */
START_TEST(test_the_narrowest_type_of_all_values)
{
    g_autoptr(LampArena) arena = lamp_arena_new(1 << 20);
    const char *one = places[_i].values[0], *two = places[_i].values[1];
    LampPlace a = {.exact_count = 0}, b = {.exact_count = 0}, c = {.exact_count = 0};
    add_text(&a, one, arena);
    add_text(&a, two, arena);
    add_text(&b, two, arena);
    add_text(&c, one, arena);
    lamp_place_merge(&b, &c, arena);
    check_type(&a, places[_i].behind, places[_i].type);
    check_type(&b, places[_i].behind, places[_i].type);
}
END_TEST

static void
add_numbers(LampPlace *place, int first, int last, LampArena *arena)
{
    int step = first < last ? 1 : -1;
    for (int i = first; i != last + step; i += step) {
        char text[16];
        g_snprintf(text, sizeof text, "%d", i);
        add_text(place, text, arena);
    }
}

/* Values in another order, and in two places that are merged, leave the same behind. */
START_TEST(test_order_does_not_matter)
{
    g_autoptr(LampArena) arena = lamp_arena_new(1 << 20);
    LampPlace up = {.exact_count = 0}, down = {.exact_count = 0}, rest = {.exact_count = 0};
    add_numbers(&up, 1, 5000, arena);
    add_numbers(&down, 3000, 1, arena);
    add_numbers(&rest, 5000, 2000, arena);
    lamp_place_merge(&down, &rest, arena);
    ck_assert_uint_eq(lamp_place_distinct(&up), lamp_place_distinct(&down));
    ck_assert_uint_eq(up.sample_count, LAMP_PLACE_SAMPLES);
    for (guint i = 0; i < LAMP_PLACE_SAMPLES; i++)
        ck_assert(up.samples[i].length == down.samples[i].length &&
                  memcmp(up.samples[i].text, down.samples[i].text, up.samples[i].length) == 0);
    ck_assert_double_eq(up.least, 1);
    ck_assert_double_eq(down.least, 1);
    ck_assert_double_eq(up.greatest, 5000);
    ck_assert_double_eq(down.greatest, 5000);
}
END_TEST

START_TEST(test_different_values_are_counted)
{
    static const int counts[] = {1, 7, 8, 9, 100, 1000, 30000};
    g_autoptr(LampArena) arena = lamp_arena_new(1 << 20);
    LampPlace place = {.exact_count = 0};
    add_numbers(&place, 1, counts[_i], arena);
    add_numbers(&place, 1, counts[_i], arena);
    guint64 found = lamp_place_distinct(&place);
    if (counts[_i] <= LAMP_PLACE_EXACT)
        ck_assert_uint_eq(found, (guint64) counts[_i]);
    else
        ck_assert_double_eq_tol((double) found / counts[_i], 1, 0.2);
}
END_TEST

START_TEST(test_numbers_are_read)
{
    static const struct {
        const char *text;
        double number;
    } numbers[] = {{"12", 12}, {"-1.5", -1.5}, {"1,234", 1234}, {"31.", 31}, {".25", 0.25}};
    double number = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        ck_assert(lamp_value_number(lamp_bytes_text(numbers[i].text), &number));
        ck_assert_double_eq(number, numbers[i].number);
    }
    ck_assert(!lamp_value_number(lamp_bytes_text("-"), &number));
    ck_assert(!lamp_value_number(lamp_bytes_text("12345678901234567890123"), &number));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("template-place");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_values_have_types, 0, G_N_ELEMENTS(values));
    tcase_add_loop_test(tests, test_the_narrowest_type_of_all_values, 0, G_N_ELEMENTS(places));
    tcase_add_test(tests, test_order_does_not_matter);
    tcase_add_loop_test(tests, test_different_values_are_counted, 0, 7);
    tcase_add_test(tests, test_numbers_are_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
