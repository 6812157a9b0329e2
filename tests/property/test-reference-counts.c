/* Counts of messages, connections and records beside those of other tools on their own files:
 * equal, or different for a reason that docs/formats.md gives. The table says which files, what
 * is counted, what others count and what is to be found here. Skipped where the files are
 * absent.
 */
#include "ingest/ingest.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>
#include <unistd.h>

#define ROOT "../shared/data/public"
#define TABLE "tests/reference/counts.tsv"

static char *database;

static gint64
ask(LampStore *store, const char *sql, const char *parameter)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    ck_assert_ptr_nonnull(query);
    if (parameter != NULL)
        lamp_statement_bind_string(query, 1, parameter);
    ck_assert(lamp_statement_step(query, &has_row, NULL) && has_row);
    return lamp_statement_int(query, 0);
}

static gint64
count(LampStore *store, const char *what)
{
    static const struct {
        const char *what, *sql;
    } questions[] = {
        {"connections", "SELECT count(*) FROM connections"},
        {"flows", "SELECT count(*) FROM flow_records"},
        {"events", "SELECT count(*) FROM events"},
        {"calls", "SELECT count(*) FROM observations"},
        {"tls",
         "SELECT count(*) FROM connections LEFT JOIN strings ON string_id = protocol_id "
         "WHERE text = 'tls' OR server_name IS NOT NULL OR certificate_names IS NOT NULL"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++)
        if (g_str_equal(what, questions[i].what))
            return ask(store, questions[i].sql, NULL);
    ck_assert_msg(g_str_has_prefix(what, "calls:"), "unknown count '%s'", what);
    return ask(store,
               "SELECT count(*) FROM observations JOIN strings ON string_id = protocol_id "
               "WHERE text = ?",
               what + strlen("calls:"));
}

static LampStore *
ingest(const char *path)
{
    const char *paths[] = {path, NULL};
    LampIngestOptions options = {.paths = paths};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    g_unlink(database);
    LampStore *store = lamp_store_open(database, LAMP_STORE_CREATE, &error);
    ck_assert_msg(store != NULL && lamp_ingest(store, &options, &counts, &error), "%s: %s",
                  path, error != NULL ? error->message : "");
    return store;
}

/* One row: file, what, reference, lamplight, reason. */
static void
check_row(char **cells, LampStore *store, const char *documentation)
{
    gint64 reference = g_ascii_strtoll(cells[2], NULL, 10);
    gint64 expected = g_ascii_strtoll(cells[3], NULL, 10);
    gint64 found = count(store, cells[1]);
    ck_assert_msg(found == expected, "%s: %" G_GINT64_FORMAT " %s, expected %" G_GINT64_FORMAT,
                  cells[0], found, cells[1], expected);
    g_autofree char *reason = g_strdup_printf("| `%s` |", cells[4]);
    if (expected == reference)
        ck_assert_msg(cells[4][0] == '\0', "%s: a reason for nothing", cells[0]);
    else
        ck_assert_msg(strstr(documentation, reason) != NULL, "%s: no reason '%s'", cells[0],
                      cells[4]);
}

START_TEST(test_counts_of_others)
{
    g_autofree char *text = NULL, *documentation = NULL, *last = g_strdup("");
    g_autoptr(LampStore) store = NULL;
    guint checked = 0;
    if (!g_file_test(ROOT, G_FILE_TEST_IS_DIR)) {
        g_print("skipped: %s is absent\n", ROOT);
        return;
    }
    ck_assert(g_file_get_contents(TABLE, &text, NULL, NULL));
    ck_assert(g_file_get_contents("docs/formats.md", &documentation, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 1; lines[i] != NULL && lines[i][0] != '\0'; i++) {
        g_auto(GStrv) cells = g_strsplit(lines[i], "\t", -1);
        ck_assert_uint_eq(g_strv_length(cells), 5);
        g_autofree char *path = g_build_filename(ROOT, cells[0], NULL);
        if (!g_str_equal(last, path)) {
            g_clear_pointer(&store, lamp_store_close);
            store = ingest(path);
            g_free(last);
            last = g_strdup(path);
        }
        check_row(cells, store, documentation);
        checked++;
    }
    g_print("%u counts checked\n", checked);
    ck_assert_uint_gt(checked, 150);
}
END_TEST

int
main(void)
{
    int handle = g_file_open_tmp("lamp-counts-XXXXXX.db", &database, NULL);
    g_assert_cmpint(handle, >=, 0);
    close(handle);
    Suite *suite = suite_create("reference-counts");
    TCase *tests = tcase_create("reference-counts");
    tcase_set_timeout(tests, 280);
    tcase_add_test(tests, test_counts_of_others);
    suite_add_tcase(suite, tests);
    int failed = run_suite(suite);
    g_unlink(database);
    g_free(database);
    return failed;
}
