/* The sample of values: bounded, the same for all columns, spread over all uses of a value. */
#include "ingest/log/occurrences.h"

#include "tests/unit/suite.h"

static LampStore *store;
static LampOccurrences *o;

static void
open_sample(void)
{
    store = lamp_store_open(":memory:", LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
    ck_assert(lamp_store_begin(store, NULL));
    lamp_store_intern(store, lamp_bytes_text("order"));
    lamp_store_intern(store, lamp_bytes_text("orders"));
    lamp_store_intern(store, lamp_bytes_text("shipping"));
    o = lamp_occurrences_new(store);
}

static void
close_sample(void)
{
    lamp_occurrences_free(o);
    lamp_store_close(store);
}

static void
add_use(gint64 number, const char *service, const char *value)
{
    LampField field = {lamp_bytes_text("order"), lamp_bytes_text(value)};
    LampEventRow event = {.time = number * LAMP_NS_PER_SECOND,
                          .service = lamp_bytes_text(service),
                          .fields = &field,
                          .field_count = 1};
    lamp_occurrences_event(o, number, 1, &event);
}

static const LampOccurrence *
occurrence(guint i)
{
    return &g_array_index(o->occurrences, LampOccurrence, i);
}

START_TEST(test_frequent_value_is_thinned_and_spread)
{
    enum { FIRST = 100000, SECOND = 10000 };
    guint64 uses = 0, of_shipping = 0;
    for (gint64 i = 1; i <= FIRST + SECOND; i++)
        add_use(i, i <= FIRST ? "orders" : "shipping", "A-17");
    ck_assert_uint_lt(o->occurrences->len, 4000);
    for (guint i = 0; i < o->occurrences->len; i++) {
        uses += G_GUINT64_CONSTANT(1) << occurrence(i)->doubled;
        of_shipping += occurrence(i)->column == 1;
    }
    ck_assert_uint_gt(uses, (FIRST + SECOND) * 99 / 100);
    ck_assert_uint_lt(uses, (FIRST + SECOND) * 101 / 100);
    ck_assert_uint_gt(of_shipping, 10);
    const LampOccurrence *last = occurrence(o->occurrences->len - 1);
    ck_assert_int_gt(last->time, (FIRST + SECOND) * 99 / 100 * LAMP_NS_PER_SECOND);
}
END_TEST

START_TEST(test_sample_is_bounded_and_keeps_whole_values)
{
    enum { VALUES = 150000 };
    char text[32];
    g_autoptr(GHashTable) kept = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (gint64 i = 1; i <= 2 * VALUES; i++) {
        g_snprintf(text, sizeof text, "A-%d", (int) (i % VALUES));
        add_use(i, i <= VALUES ? "orders" : "shipping", text);
    }
    ck_assert_uint_gt(o->sample, 1);
    ck_assert_uint_le(o->occurrences->len, 1 << 17);
    for (guint i = 0; i < o->occurrences->len; i++)
        if (occurrence(i)->column == 0)
            g_hash_table_add(kept, (gpointer) &occurrence(i)->value);
    for (guint i = 0; i < o->occurrences->len; i++)
        ck_assert(g_hash_table_contains(kept, &occurrence(i)->value));
    ck_assert_uint_eq(g_hash_table_size(kept) * 2, o->occurrences->len);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("occurrences");
    TCase *tests = tcase_create("occurrences");
    tcase_add_checked_fixture(tests, open_sample, close_sample);
    tcase_add_test(tests, test_frequent_value_is_thinned_and_spread);
    tcase_add_test(tests, test_sample_is_bounded_and_keeps_whole_values);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
