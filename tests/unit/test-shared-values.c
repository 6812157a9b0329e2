/* The view shared_values: each record with the one before it that has the same value. */
#include "tests/unit/flow-fixture.h"

static LampStore *
new_store(char **out_path)
{
    g_autoptr(GError) error = NULL;
    int handle = g_file_open_tmp("lamp-shared-XXXXXX.db", out_path, &error);
    ck_assert_int_ge(handle, 0);
    close(handle);
    g_unlink(*out_path);
    LampStore *store = lamp_store_open(*out_path, LAMP_STORE_CREATE, &error);
    ck_assert_ptr_nonnull(store);
    return store;
}

static void
check_row(LampStatement *rows, const char *slot, gint64 previous, gint64 event, gint64 gap)
{
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
    ck_assert_str_eq(lamp_statement_text(rows, 0), slot);
    ck_assert_int_eq(lamp_statement_int(rows, 1), previous);
    ck_assert_int_eq(lamp_statement_int(rows, 2), event);
    ck_assert_int_eq(lamp_statement_int(rows, 3), gap);
}

START_TEST(joins_neighbours_of_one_value)
{
    g_autofree char *path = NULL;
    LampStore *store = new_store(&path);
    fixture_run(
        store,
        "INSERT INTO events (event_id, source_id, offset_bytes, length_bytes, time_ns,"
        " resolution_ns, fields) VALUES"
        " (1, 1, 0, 1, 100, 1, '{\"rid\":\"a\",\"user\":\"u\"}'),"
        " (2, 2, 0, 1, 130, 1, '{\"rid\":\"b\"}'), (3, 2, 1, 1, 150, 1, '{\"rid\":\"a\"}'),"
        " (4, 1, 1, 1, 170, 1, '{\"other\":\"a\"}'), (5, 1, 2, 1, 180, 1, NULL),"
        " (6, 1, 3, 1, 200, 1, '{\"rid\":\"a\",\"user\":\"u\"}')");
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT slot, previous_event_id, event_id, time_ns - previous_time_ns FROM"
        " shared_values ORDER BY 1, 2",
        NULL);
    ck_assert_ptr_nonnull(rows);
    check_row(rows, "rid", 1, 3, 50);
    check_row(rows, "rid", 3, 6, 50);
    check_row(rows, "user", 1, 6, 100);
    gboolean has_row = TRUE;
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && !has_row);
    g_clear_pointer(&rows, lamp_statement_free);
    g_autoptr(LampStatement) across = lamp_statement_new(
        store, "SELECT count(*) FROM shared_values WHERE source_id <> previous_source_id",
        NULL);
    ck_assert(lamp_statement_step(across, &has_row, NULL) && has_row);
    ck_assert_int_eq(lamp_statement_int(across, 0), 2);
    g_clear_pointer(&across, lamp_statement_free);
    lamp_store_close(store);
    g_unlink(path);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("shared-values");
    TCase *tests = tcase_create("shared-values");
    tcase_add_test(tests, joins_neighbours_of_one_value);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
