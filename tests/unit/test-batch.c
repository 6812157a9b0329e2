/* Rows written as pages of records hold what was put in, whatever their sizes. */
#include "store/append-names.h"
#include "store/batch.h"
#include "tests/unit/suite.h"

enum { ROWS = 3000, LARGE = 200000 };

static LampStore *store;
static LampBatch *batch;

static void
open_named(const char *table)
{
    store = lamp_store_open(":memory:", LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
    lamp_append_names_add(store, &table, 1);
    batch = lamp_batch_new(store, "events", NULL);
    ck_assert_ptr_nonnull(batch);
}

static void
open_store(void)
{
    open_named("calls"); /* not the one that is written */
}

static void
open_for_appending(void)
{
    open_named("events");
}

static void
close_store(void)
{
    lamp_batch_free(batch);
    lamp_store_close(store);
}

/* Numbers at the borders of every length of the format, and beside them. */
static gint64
number(guint i)
{
    gint64 border = (gint64) (G_GUINT64_CONSTANT(1) << (i % 64));
    return border / 2 + (gint64) (i / 64 % 3) - 1 - (i % 5 == 0 ? border : 0);
}

static char *
text_of_length(guint length)
{
    char *text = g_malloc(length + 1u);
    for (guint i = 0; i < length; i++)
        text[i] = (char) ('a' + (i + length) % 26);
    text[length] = '\0';
    return text;
}

static guint
length_of(guint i)
{
    return i % 50 == 17 ? LARGE : i * 7 % 400; /* some do not fit on a page */
}

static void
add_row(guint i)
{
    g_autofree char *text = text_of_length(length_of(i));
    lamp_batch_int(batch, 1, (gint64) i + 1);
    lamp_batch_int(batch, 2, number(i));
    lamp_batch_int(batch, 3, number(i + 1));
    lamp_batch_int(batch, 4, 0);
    lamp_batch_int_or_null(batch, 5, i, 4);
    lamp_batch_int(batch, 6, 1);
    if (i % 3 == 0)
        lamp_batch_static(batch, 11, "info");
    lamp_batch_text(batch, 13, lamp_bytes_text(text));
    lamp_batch_int(batch, 15, 0);
    ck_assert(lamp_batch_next(batch, NULL));
}

static void
check_row(LampStatement *rows, guint i)
{
    g_autofree char *text = text_of_length(length_of(i));
    ck_assert_int_eq(lamp_statement_int(rows, 0), i + 1);
    ck_assert_int_eq(lamp_statement_int(rows, 1), number(i));
    ck_assert_int_eq(lamp_statement_int(rows, 2), number(i + 1));
    ck_assert_int_eq(lamp_statement_int_or(rows, 3, 9), 0);
    ck_assert_int_eq(lamp_statement_int_or(rows, 4, -7), i == 4 ? -7 : (gint64) i);
    ck_assert_int_eq(lamp_statement_int_or(rows, 5, 9), 1);
    ck_assert_int_eq(lamp_statement_column_type(rows, 9), LAMP_COLUMN_NULL);
    ck_assert_pstr_eq(lamp_statement_text(rows, 10), i % 3 == 0 ? "info" : NULL);
    ck_assert_pstr_eq(lamp_statement_text(rows, 12), text[0] == '\0' ? NULL : text);
    ck_assert_int_eq(lamp_statement_column_type(rows, 13), LAMP_COLUMN_NULL);
}

static void
check_rows(guint count)
{
    g_autoptr(LampStatement) rows =
        lamp_statement_new(store, "SELECT * FROM events ORDER BY event_id", NULL);
    gboolean has_row = FALSE;
    for (guint i = 0; i < count; i++) {
        ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
        check_row(rows, i);
    }
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && !has_row);
}

START_TEST(test_rows_of_all_sizes_are_kept)
{
    ck_assert(lamp_store_begin(store, NULL));
    for (guint i = 0; i < ROWS; i++)
        add_row(i);
    ck_assert(lamp_batch_flush(batch, NULL));
    ck_assert(lamp_store_commit(store, NULL));
    check_rows(ROWS);
}
END_TEST

START_TEST(test_rows_written_in_many_small_parts_are_kept)
{
    for (guint i = 0; i < ROWS; i++) {
        gboolean is_first = i % 100 == 0, is_last = i % 100 == 99;
        ck_assert(!is_first || lamp_store_begin(store, NULL));
        add_row(i);
        ck_assert(i % 10 != 9 || lamp_batch_flush(batch, NULL));
        ck_assert(!is_last || lamp_store_commit(store, NULL));
    }
    check_rows(ROWS);
}
END_TEST

START_TEST(test_rows_of_an_abandoned_transaction_are_gone)
{
    ck_assert(lamp_store_begin(store, NULL));
    for (guint i = 0; i < ROWS; i++)
        add_row(i);
    lamp_store_rollback(store);
    lamp_batch_clear(batch);
    check_rows(0);
    ck_assert(lamp_store_begin(store, NULL));
    add_row(0);
    ck_assert(lamp_batch_flush(batch, NULL));
    ck_assert(lamp_store_commit(store, NULL));
    check_rows(1);
}
END_TEST

START_TEST(test_text_that_is_appended_or_invalid)
{
    gsize begin;
    g_autoptr(LampStatement) row =
        lamp_statement_new(store, "SELECT message, fields FROM events", NULL);
    gboolean has_row = FALSE;
    ck_assert(lamp_store_begin(store, NULL));
    lamp_batch_int(batch, 1, 1);
    for (guint column = 2; column < 5; column++)
        lamp_batch_int(batch, column, 7);
    lamp_batch_int(batch, 6, 1);
    lamp_batch_text(batch, 13, lamp_bytes("a\xff", 2));
    lamp_out_add(lamp_batch_text_begin(batch, &begin), lamp_bytes_text("{}"));
    lamp_batch_text_end(batch, 14, begin);
    ck_assert(lamp_batch_next(batch, NULL));
    ck_assert(lamp_batch_flush(batch, NULL));
    ck_assert(lamp_store_commit(store, NULL));
    ck_assert(lamp_statement_step(row, &has_row, NULL) && has_row);
    ck_assert_str_eq(lamp_statement_text(row, 0), "a\xef\xbf\xbd");
    ck_assert_str_eq(lamp_statement_text(row, 1), "{}");
}
END_TEST

START_TEST(test_equal_keys_are_an_error)
{
    g_autoptr(GError) error = NULL;
    ck_assert(lamp_store_begin(store, NULL));
    add_row(5);
    add_row(5);
    ck_assert(!lamp_batch_flush(batch, &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY));
    lamp_store_rollback(store);
}
END_TEST

static gint64
ask(const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    ck_assert(query != NULL && lamp_statement_step(query, &has_row, NULL) && has_row);
    return lamp_statement_int(query, 0);
}

static void
write_rows(guint first, guint count, guint step)
{
    ck_assert(lamp_store_begin(store, NULL));
    for (guint i = 0; i < count; i++)
        add_row(first + i * step);
    ck_assert(lamp_batch_flush(batch, NULL));
    ck_assert(lamp_store_commit(store, NULL));
}

START_TEST(test_names_are_of_this_connection_alone)
{
    ck_assert_int_eq(ask("SELECT count(*) FROM lamp_append_events"), 0);
    ck_assert_int_eq(ask("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%append%'"), 0);
    write_rows(0, 40, 1);
    ck_assert_int_eq(ask("SELECT count(*) FROM lamp_append_events"), 40);
}
END_TEST

START_TEST(test_numbers_with_gaps_are_kept)
{
    write_rows(0, 10, 1);
    write_rows(20, 10, 3); /* on one page */
    write_rows(60, 10, 1); /* behind a gap */
    ck_assert_int_eq(ask("SELECT count(*) FROM events"), 30);
    ck_assert_int_eq(ask("SELECT sum(event_id) FROM events"), 55 + (21 * 10 + 135) + 655);
    ck_assert(lamp_store_run(store, "DELETE FROM events WHERE event_id > 5", NULL));
    write_rows(70, 1, 1);
    ck_assert_int_eq(ask("SELECT max(event_id) FROM events"), 71);
}
END_TEST

START_TEST(test_an_index_sees_what_is_written)
{
    write_rows(0, 10, 1);
    ck_assert(lamp_store_run(store, "CREATE INDEX by_source ON events (source_id)", NULL));
    write_rows(10, 10, 1);
    ck_assert_int_eq(ask("SELECT count(*) FROM events INDEXED BY by_source "
                         "WHERE source_id > -9e18"),
                     20);
    ck_assert_int_eq(ask("SELECT count(*) FROM pragma_integrity_check('events') "
                         "WHERE integrity_check = 'ok'"),
                     1);
}
END_TEST

START_TEST(test_a_schema_that_is_read_again_has_no_names)
{
    write_rows(0, 10, 1);
    ck_assert(lamp_store_run(store, "PRAGMA writable_schema=RESET", NULL));
    write_rows(10, 10, 1);
    check_rows(20);
}
END_TEST

static void
add_tests(TCase *tc)
{
    tcase_add_test(tc, test_rows_of_all_sizes_are_kept);
    tcase_add_test(tc, test_rows_written_in_many_small_parts_are_kept);
    tcase_add_test(tc, test_rows_of_an_abandoned_transaction_are_gone);
    tcase_add_test(tc, test_text_that_is_appended_or_invalid);
    tcase_add_test(tc, test_equal_keys_are_an_error);
    tcase_add_test(tc, test_numbers_with_gaps_are_kept);
    tcase_add_test(tc, test_an_index_sees_what_is_written);
}

int
main(void)
{
    Suite *suite = suite_create("batch");
    TCase *inserting = tcase_create("inserting"), *appending = tcase_create("appending");
    tcase_add_checked_fixture(inserting, open_store, close_store);
    tcase_add_checked_fixture(appending, open_for_appending, close_store);
    add_tests(inserting);
    add_tests(appending);
    tcase_add_test(appending, test_a_schema_that_is_read_again_has_no_names);
    tcase_add_test(appending, test_names_are_of_this_connection_alone);
    suite_add_tcase(suite, inserting);
    suite_add_tcase(suite, appending);
    return run_suite(suite);
}
