/* Opening, stages, strings, statements, the schema's two faces. */
#include "store/statement.h"
#include "store/writer.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>

static char *path;

static void
make_path(void)
{
    g_autofree char *folder = g_dir_make_tmp("lamp-store-XXXXXX", NULL);
    path = g_build_filename(folder, "t.db", NULL);
}

static void
remove_path(void)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_unlink(path);
    g_rmdir(folder);
    g_clear_pointer(&path, g_free);
}

START_TEST(test_open_missing_file_says_so)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(lamp_store_open(path, LAMP_STORE_READ, &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_OPEN));
    ck_assert_ptr_nonnull(strstr(error->message, "no such file"));
}
END_TEST

START_TEST(test_open_foreign_file_is_refused)
{
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, "this is not a database, but long enough to be read as one....",
                        -1, NULL);
    ck_assert_ptr_null(lamp_store_open(path, LAMP_STORE_CREATE, &error));
    ck_assert_ptr_nonnull(error);
}
END_TEST

START_TEST(test_open_empty_file_tells_to_ingest)
{
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, "", 0, NULL);
    ck_assert_ptr_null(lamp_store_open(path, LAMP_STORE_READ, &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_INCOMPLETE));
    ck_assert_ptr_nonnull(strstr(error->message, "lamplight ingest"));
}
END_TEST

START_TEST(test_stage_is_required_until_done)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
    ck_assert(!lamp_store_stage_require(store, "ingest", &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_INCOMPLETE));
    g_clear_error(&error);
    ck_assert(lamp_store_stage_begin(store, "ingest", NULL));
    ck_assert(!lamp_store_stage_require(store, "ingest", NULL));
    ck_assert(lamp_store_stage_end(store, "ingest", NULL));
    ck_assert(lamp_store_stage_require(store, "ingest", &error));
}
END_TEST

START_TEST(test_strings_survive_reopening_and_rollback)
{
    LampStore *store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert(lamp_store_begin(store, NULL));
    gint64 http = lamp_store_intern(store, lamp_bytes_text("http"));
    ck_assert(lamp_store_commit(store, NULL));
    ck_assert(lamp_store_begin(store, NULL));
    gint64 lost = lamp_store_intern(store, lamp_bytes_text("lost"));
    lamp_store_rollback(store);
    ck_assert(lamp_store_begin(store, NULL));
    ck_assert_int_eq(lamp_store_intern(store, lamp_bytes_text("redis")), lost);
    ck_assert(lamp_store_commit(store, NULL));
    lamp_store_close(store);
    store = lamp_store_open(path, LAMP_STORE_READ, NULL);
    ck_assert_str_eq(lamp_store_text(store, http), "http");
    ck_assert_str_eq(lamp_store_text(store, lost), "redis");
    ck_assert_ptr_null(lamp_store_text(store, 99));
    ck_assert_ptr_null(lamp_store_text(store, 0));
    lamp_store_close(store);
}
END_TEST

/* What is stored as one text has one number, in this run and in one that goes on. */
START_TEST(test_strings_are_the_same_as_stored)
{
    LampStore *store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    GString *longest = g_string_new(NULL);
    for (guint i = 0; i < 70000; i++)
        g_string_append_c(longest, 'x');
    LampBytes cafe = lamp_bytes("caf\xe9", 4), other = lamp_bytes("caf\xe8", 4);
    LampBytes all = lamp_bytes(longest->str, longest->len);
    ck_assert(lamp_store_begin(store, NULL));
    gint64 first = lamp_store_intern(store, cafe), second = lamp_store_intern(store, all);
    ck_assert_int_eq(lamp_store_intern(store, other), first);
    ck_assert_int_eq(lamp_store_find(store, lamp_bytes_text("caf\xef\xbf\xbd")), first);
    ck_assert(lamp_store_commit(store, NULL));
    lamp_store_close(store);
    store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert(lamp_store_begin(store, NULL));
    ck_assert_int_eq(lamp_store_intern(store, other), first);
    ck_assert_int_eq(lamp_store_intern(store, all), second);
    ck_assert_str_eq(lamp_store_text(store, first), "caf\xef\xbf\xbd");
    lamp_store_close(store);
    g_string_free(longest, TRUE);
}
END_TEST

START_TEST(test_statement_repairs_text_and_refuses_two)
{
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampStatement) two = lamp_statement_new(store, "SELECT 1; SELECT 2", NULL);
    ck_assert_ptr_null(two);
    g_autoptr(LampStatement) echo = lamp_statement_new(store, "SELECT ?, ?, ?", NULL);
    lamp_statement_bind_text(echo, 1, lamp_bytes("a\xff", 2));
    lamp_statement_bind_text(echo, 2, lamp_bytes("", 0));
    lamp_statement_bind_int_or_null(echo, 3, -1, -1);
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(echo, &has_row, NULL) && has_row);
    ck_assert_str_eq(lamp_statement_text(echo, 0), "a\xef\xbf\xbd");
    ck_assert_int_eq(lamp_statement_column_type(echo, 1), LAMP_COLUMN_NULL);
    ck_assert_int_eq(lamp_statement_int_or(echo, 2, 7), 7);
    ck_assert(lamp_statement_is_read_only(echo));
}
END_TEST

static LampObservationRow
observation(LampOrigin origin, guint64 connection, LampBytes value)
{
    static LampValue values[1];
    values[0] = (LampValue){LAMP_SIDE_REQUEST, lamp_bytes_text("id"), value};
    return (LampObservationRow){.origin = origin,
                                .role = origin == LAMP_ORIGIN_WIRE ? LAMP_ROLE_NONE
                                                                   : LAMP_ROLE_SERVER,
                                .connection_id = connection,
                                .request_sequence = -1,
                                .response_sequence = -1,
                                .values = values,
                                .value_count = 1};
}

/* Rows are gathered by kind, yet each is written under the number that was told. */
START_TEST(test_rows_have_the_numbers_that_were_told)
{
    static const LampOrigin origins[] = {LAMP_ORIGIN_LOG, LAMP_ORIGIN_WIRE, LAMP_ORIGIN_SPAN,
                                         LAMP_ORIGIN_LOG, LAMP_ORIGIN_LOG,  LAMP_ORIGIN_WIRE};
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampWriter) writer = lamp_writer_new(store, NULL);
    LampSourceRow source = {.path = "p", .state = "done"};
    ck_assert_int_eq(lamp_writer_source_begin(writer, NULL), 1);
    for (guint64 i = 1; i <= 1500; i++) {
        char value[16];
        LampOrigin origin = origins[i % G_N_ELEMENTS(origins)];
        g_snprintf(value, sizeof value, "v%u", (guint) i);
        LampObservationRow row =
            observation(origin, origin == LAMP_ORIGIN_WIRE, lamp_bytes_text(value));
        ck_assert_uint_eq(lamp_writer_observation(writer, &row), i);
    }
    ck_assert(lamp_writer_source_end(writer, &source, NULL));
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT count(*), sum(request_values = printf('{\"id\":\"v%d\"}', observation_id)),"
        " sum(origin = 'log'), sum(origin = 'wire') FROM observations",
        NULL);
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
    ck_assert_int_eq(lamp_statement_int(rows, 0), 1500);
    ck_assert_int_eq(lamp_statement_int(rows, 1), 1500);
    ck_assert_int_eq(lamp_statement_int(rows, 2), 750);
    ck_assert_int_eq(lamp_statement_int(rows, 3), 500);
}
END_TEST

/* SQLite ends the transaction by itself then; what comes after must not be kept either. */
START_TEST(test_full_disk_leaves_nothing_of_the_source)
{
    enum { CALLS = 50000 };
    g_autoptr(GError) error = NULL;
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampWriter) writer = lamp_writer_new(store, NULL);
    ck_assert(lamp_store_run(store, "PRAGMA main.max_page_count=80", NULL));
    ck_assert_int_gt(lamp_writer_source_begin(writer, NULL), 0);
    for (guint64 i = 0; i < CALLS; i++) {
        g_autofree char *operation = g_strdup_printf("GET /%0200" G_GINT64_MODIFIER "u", i);
        LampObservationRow row = {.connection_id = 1,
                                  .position = i,
                                  .operation = lamp_bytes_text(operation),
                                  .resolution_ns = 1};
        lamp_writer_observation(writer, &row);
    }
    LampSourceRow source = {.path = "a.pcap", .state = "done"};
    ck_assert(!lamp_writer_source_end(writer, &source, &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_FULL));
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT (SELECT count(*) FROM observations) + (SELECT count(*) FROM sources) + "
        "(SELECT count(*) FROM strings)",
        NULL);
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
    ck_assert_int_eq(lamp_statement_int(rows, 0), 0);
}
END_TEST

static void
write_source(LampWriter *writer, const char *name, gboolean is_kept)
{
    LampSourceRow source = {.path = name, .state = "done"};
    LampObservationRow row = {.operation = lamp_bytes_text(name), .resolution_ns = 1};
    ck_assert_int_gt(lamp_writer_source_begin(writer, NULL), 0);
    ck_assert_uint_gt(lamp_writer_observation(writer, &row), 0);
    if (is_kept)
        ck_assert(lamp_writer_source_end(writer, &source, NULL));
    else
        lamp_writer_source_abandon(writer);
}

/* Small sources share a transaction; one that is taken back takes neither those before it nor
 * the texts that those after it use again. */
START_TEST(test_one_source_of_many_is_taken_back)
{
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    g_autoptr(LampWriter) writer = lamp_writer_new(store, NULL);
    write_source(writer, "first", TRUE);
    write_source(writer, "second", FALSE);
    write_source(writer, "second", TRUE);
    write_source(writer, "third", FALSE);
    ck_assert(lamp_writer_commit(writer, NULL));
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT (SELECT group_concat(path) FROM (SELECT path FROM sources ORDER BY source_id)),"
        " group_concat(text) FROM (SELECT text FROM observations JOIN strings ON string_id = "
        "operation_id ORDER BY observation_id)",
        NULL);
    gboolean has_row = FALSE;
    ck_assert(lamp_statement_step(rows, &has_row, NULL) && has_row);
    ck_assert_str_eq(lamp_statement_text(rows, 0), "first,second");
    ck_assert_str_eq(lamp_statement_text(rows, 1), "first,second");
}
END_TEST

START_TEST(test_schema_document_is_current)
{
    g_autofree char *made = lamp_store_schema_markdown();
    g_autofree char *kept = NULL;
    ck_assert(g_file_get_contents("docs/schema.md", &kept, NULL, NULL));
    ck_assert_msg(g_str_equal(made, kept),
                  "docs/schema.md differs: lamplight schema --markdown > it");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");
    tcase_add_checked_fixture(tc, make_path, remove_path);
    tcase_add_test(tc, test_one_source_of_many_is_taken_back);
    tcase_add_test(tc, test_open_missing_file_says_so);
    tcase_add_test(tc, test_open_foreign_file_is_refused);
    tcase_add_test(tc, test_open_empty_file_tells_to_ingest);
    tcase_add_test(tc, test_stage_is_required_until_done);
    tcase_add_test(tc, test_strings_survive_reopening_and_rollback);
    tcase_add_test(tc, test_strings_are_the_same_as_stored);
    tcase_add_test(tc, test_statement_repairs_text_and_refuses_two);
    tcase_add_test(tc, test_rows_have_the_numbers_that_were_told);
    tcase_add_test(tc, test_full_disk_leaves_nothing_of_the_source);
    tcase_add_test(tc, test_schema_document_is_current);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
