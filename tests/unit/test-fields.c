/* Named values as JSON: what is written is read back, by lamplight and by SQLite. */
#include "store/fields.h"
#include "store/statement.h"
#include "store/writer.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>

/* A value of @n bytes in which byte @odd stands at each place in turn. */
static void
check_round_trip(guint8 odd, guint n, guint place)
{
    LampOut buffer = {NULL, 0, 0}, *out = &buffer;
    g_auto(LampFieldScan) scan = {NULL, NULL};
    guint8 value[40];
    const char *slot, *text;
    memset(value, 'x', sizeof value);
    value[place] = odd;
    lamp_out_add(out, lamp_bytes("before", 6));
    lamp_fields_add(out, 6, lamp_bytes(value, n), lamp_bytes_text("1"));
    lamp_fields_add(out, 6, lamp_bytes_text("b"), lamp_bytes(value, n));
    lamp_fields_end(out, 6);
    lamp_out_add(out, lamp_bytes("", 1));
    lamp_field_scan_start(&scan, (const char *) out->at + 6);
    g_autofree char *expected = g_utf8_make_valid((const char *) value, n);
    ck_assert(lamp_field_scan_next(&scan, &slot, &text));
    ck_assert_msg(g_str_equal(slot, expected), "byte %u of %u at %u", odd, n, place);
    ck_assert(lamp_field_scan_next(&scan, &slot, &text));
    ck_assert_str_eq(slot, "b");
    ck_assert_msg(g_str_equal(text, expected), "byte %u of %u at %u", odd, n, place);
    ck_assert(!lamp_field_scan_next(&scan, &slot, &text));
    lamp_out_clear(out);
}

START_TEST(test_every_byte_at_every_place)
{
    for (guint odd = 0; odd < 256; odd++)
        for (guint n = 1; n < 20; n++)
            for (guint place = 0; place < n; place++)
                check_round_trip((guint8) odd, n, place);
}
END_TEST

START_TEST(test_no_values_no_text)
{
    LampOut buffer = {NULL, 0, 0}, *out = &buffer;
    lamp_fields_add(out, 0, lamp_bytes_text("a"), lamp_bytes("", 0));
    lamp_fields_end(out, 0);
    ck_assert_uint_eq(out->len, 0);
}
END_TEST

/* What others may have put into the column ends the scan. */
START_TEST(test_foreign_texts_end_the_scan)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "{}",
                                        "[1]",
                                        "{\"a\"",
                                        "{\"a\":1}",
                                        "{\"a\":\"",
                                        "{\"a\":\"\\",
                                        "{\"a\":\"\\u00",
                                        "{a:\"b\"}",
                                        "{\"a\" :\"\"}"};
    g_auto(LampFieldScan) scan = {NULL, NULL};
    const char *slot, *value;
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        lamp_field_scan_start(&scan, texts[i]);
        ck_assert_msg(!lamp_field_scan_next(&scan, &slot, &value), "%s", texts[i]);
    }
    lamp_field_scan_start(&scan, NULL);
    ck_assert(!lamp_field_scan_next(&scan, &slot, &value));
}
END_TEST

static void
write_events(LampWriter *writer, guint count, const char *odd)
{
    LampField fields[3] = {{lamp_bytes_text("n"), {NULL, 0}},
                           {lamp_bytes_text("odd"), lamp_bytes_text(odd)},
                           {lamp_bytes_text("odd"), lamp_bytes_text("again")}};
    for (guint i = 1; i <= count; i++) {
        g_autofree char *number = g_strdup_printf("%u", i);
        fields[0].value = lamp_bytes_text(number);
        LampEventRow event = {.time = i,
                              .message = lamp_bytes_text(odd),
                              .fields = fields,
                              .field_count = i % 3 == 0 ? 0 : 3};
        ck_assert_uint_eq(lamp_writer_event(writer, &event), i);
    }
}

static gint64
query(LampStore *store, const char *sql)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) row = lamp_statement_new(store, sql, NULL);
    ck_assert(row != NULL && lamp_statement_step(row, &has_row, NULL) && has_row);
    return lamp_statement_int(row, 0);
}

/* More rows than a batch holds, and texts of more bytes; none is lost, none is mixed up. */
START_TEST(test_rows_arrive_in_any_number)
{
    static const guint counts[] = {1, 255, 256, 257, 1025};
    g_autofree char *folder = g_dir_make_tmp("lamp-fields-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "t.db", NULL);
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampWriter) writer = lamp_writer_new(store, NULL);
    gint64 n = counts[_i];
    ck_assert(writer != NULL && lamp_writer_source_begin(writer, NULL) == 1);
    g_autofree char *odd = g_strnfill(_i % 2 == 0 ? 9000 : 9, '\\');
    write_events(writer, counts[_i], odd);
    ck_assert(lamp_writer_source_end(
        writer, &(LampSourceRow){.path = "a", .state = "done", .records = (guint64) n}, NULL));
    ck_assert_int_eq(query(store, "SELECT count(*) FROM events WHERE time_ns = event_id"), n);
    ck_assert_int_eq(query(store, "SELECT count(*) FROM event_values"), (n - n / 3) * 3);
    ck_assert_int_eq(query(store,
                           "SELECT count(*) FROM event_values WHERE slot = 'n' AND value "
                           "= CAST(event_id AS TEXT)"),
                     n - n / 3);
    ck_assert_int_eq(query(store, "SELECT count(*) FROM event_values JOIN events USING "
                                  "(event_id) WHERE slot = 'odd' AND value = message"),
                     n - n / 3);
    ck_assert_int_eq(query(store, "SELECT count(*) FROM strings WHERE text IN ('n', 'odd')"),
                     2);
    g_clear_pointer(&writer, lamp_writer_free);
    g_clear_pointer(&store, lamp_store_close);
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

/* Joins of logs by a value are linear: SQLite indexes the values of one side. */
START_TEST(test_joins_by_value_are_indexed)
{
    static const char *const queries[] = {
        "EXPLAIN QUERY PLAN SELECT count(*) FROM event_values a JOIN event_values b ON "
        "b.slot = a.slot AND b.value = a.value WHERE a.slot = 'request_id'",
        "EXPLAIN QUERY PLAN SELECT count(*) FROM event_values a JOIN observation_values b "
        "USING (value)"};
    g_autofree char *folder = g_dir_make_tmp("lamp-fields-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "t.db", NULL);
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampStatement) plan = lamp_statement_new(store, queries[_i], NULL);
    gboolean has_row = FALSE, is_indexed = FALSE;
    ck_assert_ptr_nonnull(plan);
    while (lamp_statement_step(plan, &has_row, NULL) && has_row)
        is_indexed |= strstr(lamp_statement_text(plan, 3), "USING AUTOMATIC") != NULL;
    ck_assert(is_indexed);
    g_clear_pointer(&plan, lamp_statement_free);
    g_clear_pointer(&store, lamp_store_close);
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("fields");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_every_byte_at_every_place);
    tcase_add_test(tcase, test_no_values_no_text);
    tcase_add_test(tcase, test_foreign_texts_end_the_scan);
    tcase_add_loop_test(tcase, test_rows_arrive_in_any_number, 0, 5);
    tcase_add_loop_test(tcase, test_joins_by_value_are_indexed, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
