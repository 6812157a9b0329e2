/* Templates in the store: types, values, ids; the same however the messages came there. */
#include "ingest/ingest.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>

static char *folder;
static LampStore *store;

static void
open_store(void)
{
    g_autofree char *path = g_strconcat(folder, ".db", NULL);
    lamp_store_close(store);
    g_unlink(path);
    store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
}

static void
set_up(void)
{
    folder = g_dir_make_tmp("lamp-templates-XXXXXX", NULL);
    store = NULL;
    open_store();
}

static void
tear_down(void)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s' '%s.db'", folder, folder);
    g_clear_pointer(&store, lamp_store_close);
    ck_assert_int_eq(system(command), 0);
    g_clear_pointer(&folder, g_free);
}

/* A log of these messages, `;` between them, one in a second; a name before tells the file. */
static void
write_log(const char *name, const char *messages)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_auto(GStrv) lines = g_strsplit(messages, ";", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; lines[i] != NULL; i++)
        g_string_append_printf(text, "2026-01-02 03:04:%02u INFO %s\n", i, lines[i]);
    ck_assert(g_file_set_contents(path, text->str, -1, NULL));
}

static void
ingest_with(const char *templates_path)
{
    const char *paths[] = {folder, NULL};
    LampIngestOptions options = {.paths = paths, .templates_path = templates_path};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(lamp_ingest(store, &options, &counts, &error), "%s",
                  error ? error->message : "");
}

static void
ingest(void)
{
    ingest_with(NULL);
}

/* All rows of a query with one column, one a line. */
static char *
ask(const char *sql)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, sql, NULL);
    GString *out = g_string_new(NULL);
    gboolean has_row = FALSE;
    ck_assert_ptr_nonnull(rows);
    while (lamp_statement_step(rows, &has_row, NULL) && has_row)
        g_string_append_printf(out, "%s\n", lamp_statement_text(rows, 0));
    return g_string_free(out, FALSE);
}

static void
check(const char *sql, const char *expected)
{
    g_autofree char *found = ask(sql);
    ck_assert_str_eq(found, expected);
}

/* Everything that is told of templates, without numbers that are the file's own. */
static const char all_rows[] =
    "SELECT m.stable_id || '|' || t.text || '|' || m.typed || '|' || m.events || '|' || "
    "m.first_time_ns || '|' || m.last_time_ns || '|' || coalesce(v.position || '|' || v.type "
    "|| "
    "'|' || v.distinct_values || '|' || coalesce(v.least || ' to ' || v.greatest, '-') || '|' "
    "|| "
    "v.samples, '-') FROM templates m JOIN strings t ON t.string_id = m.template_id LEFT JOIN "
    "template_variables v USING (template_id) ORDER BY m.stable_id, v.position";

static const char orders[] = "order 17 of bob stored in 31 ms;order 9 of bob stored in 4.5 ms;"
                             "order 12 of bob stored in 8 ms;pool is idle;pool is idle";

START_TEST(test_places_have_types)
{
    write_log("a.log", orders);
    ingest();
    check("SELECT typed || '|' || events FROM templates ORDER BY typed",
          "order <integer> of bob stored in <duration> ms|3\npool is idle|2\n");
    check("SELECT position || name || '|' || type || '|' || distinct_values || '|' || least || "
          "'|' || greatest FROM template_variables ORDER BY position",
          "1order|integer|3|9|17\n2in|duration|3|4.5|31\n");
    check("SELECT sample || '|' || round(share, 1) FROM template_details ORDER BY sample",
          "order 17 of bob stored in 31 ms|0.6\npool is idle|0.4\n");
    check("SELECT (last_time_ns - first_time_ns) / 1000000000 FROM templates ORDER BY typed",
          "2\n1\n");
}
END_TEST

/* The id is that of the text, whatever else the file holds. */
START_TEST(test_ids_are_of_the_text)
{
    static const char id[] = "SELECT stable_id FROM template_details WHERE template = 'pool is "
                             "idle'";
    write_log("a.log", orders);
    ingest();
    g_autofree char *whole = ask(id);
    ck_assert_uint_eq(strlen(whole), 17);
    check("SELECT count(DISTINCT stable_id) FROM templates", "2\n");
    open_store();
    write_log("a.log", "alpha beta;pool is idle;gamma 7");
    ingest();
    check(id, whole);
    check("SELECT stable_id FROM template_details WHERE template = 'gamma <*>'",
          "9b3aeee6029da2ad\n");
}
END_TEST

static const char names[] = "user anna left;user bob left;user carl left;user dora left";
static const char more_names[] = "user emil left;user fred left;user 007 left;user gina left";

/* A word that takes many values is a place, whose values are the words. */
START_TEST(test_merged_words_are_values)
{
    write_log("a.log", names);
    write_log("b.log", more_names);
    ingest();
    check("SELECT typed || '|' || events FROM templates", "user <word> left|8\n");
    check("SELECT name || '|' || type || '|' || distinct_values FROM template_variables",
          "user|word|8\n");
}
END_TEST

/* The same messages in files of another order, in two runs, and beside a duplicate. */
START_TEST(test_the_order_of_runs_does_not_matter)
{
    write_log("a.log", "job alpha is done;job beta is done;cache 7 is full;job 12 is done");
    write_log("b.log", "job gamma is done;job delta is done;job eta is done;cache 9 is full");
    ingest();
    g_autofree char *expected = ask(all_rows);
    ck_assert_ptr_nonnull(strstr(expected, "|job <word> is done|6|"));
    open_store();
    write_log("b.log", "job alpha is done;job beta is done;cache 7 is full;job 12 is done");
    write_log("a.log", "job gamma is done;job delta is done;job eta is done;cache 9 is full");
    ingest();
    check(all_rows, expected);
    open_store();
    write_log("a.log", "job alpha is done;job beta is done;cache 7 is full;job 12 is done");
    g_autofree char *second = g_build_filename(folder, "b.log", NULL);
    g_unlink(second);
    ingest();
    write_log("b.log", "job gamma is done;job delta is done;job eta is done;cache 9 is full");
    ingest();
    check(all_rows, expected);
    ingest();
    check(all_rows, expected);
    open_store();
    g_autofree char *copy = g_strdup_printf("cp '%s/a.log' '%s/c.log'", folder, folder);
    ck_assert_int_eq(system(copy), 0);
    ingest();
    check(all_rows, expected);
}
END_TEST

/* What an earlier run merged is looked at again: one more message is of the same template. */
START_TEST(test_a_later_message_joins_its_template)
{
    static const char distinct[] = "SELECT count(DISTINCT template_id) FROM events";
    write_log("a.log",
              "x failed: alpha;x failed: beta;x failed: gamma;x failed: delta;x failed: "
              "eta");
    ingest();
    check(distinct, "1\n");
    write_log("b.log", "x failed: theta");
    ingest();
    check(distinct, "1\n");
    check("SELECT typed || '|' || events FROM templates", "x failed: <word>|6\n");
}
END_TEST

/* What an earlier run merged becomes part of a more general template. */
START_TEST(test_a_template_grows_wider)
{
    static const char both[] =
        "SELECT group_concat(typed, '; ') || '|' || sum(t.events) FROM "
        "templates t WHERE template_id IN (SELECT template_id FROM events)";
    write_log("a.log", "user anna in room red;user bob in room red");
    ingest();
    check(both, "user <word> in room red|2\n");
    write_log("b.log",
              "user zoe in room blue;user yan in room blue;user zoe in room green;user "
              "yan in room green;user zoe in room grey;user yan in room grey;user zoe in "
              "room pink;user yan in room pink");
    ingest();
    check(both, "user <word> in room <word>|10\n");
    check("SELECT count(DISTINCT template_id) FROM events", "1\n");
}
END_TEST

/* A part of the messages alone does not show that the word varies; another database does. */
START_TEST(test_templates_of_another_database)
{
    g_autofree char *path = g_strconcat(folder, ".db", NULL), *other = NULL;
    write_log("a.log",
              "x failed: alpha;x failed: beta;x failed: gamma;x failed: delta;x failed: "
              "eta");
    ingest();
    check("SELECT typed FROM templates", "x failed: <word>\n");
    g_clear_pointer(&store, lamp_store_close);
    other = g_strconcat(folder, "-known.db", NULL);
    ck_assert_int_eq(g_rename(path, other), 0);
    open_store();
    write_log("a.log", "x failed: alpha;x failed: theta;pool is idle");
    ingest();
    check("SELECT count(*) FROM templates", "3\n");
    open_store();
    ingest_with(other);
    check("SELECT template || events FROM template_details ORDER BY 1",
          "pool is idle1\nx failed: <*>2\n");
    check("SELECT count(*) FROM main.templates WHERE typed = 'x failed: <word>'", "1\n");
    ck_assert_int_eq(g_unlink(other), 0);
}
END_TEST

START_TEST(test_no_database_to_take_templates_from)
{
    const char *paths[] = {folder, NULL};
    LampIngestOptions options = {.paths = paths, .templates_path = "/nonexistent/x.db"};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    write_log("a.log", "pool is idle");
    ck_assert(!lamp_ingest(store, &options, &counts, &error));
    ck_assert(g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_OPEN));
}
END_TEST

/* `<*>` in a message is no place of which values are known. */
START_TEST(test_marks_in_messages)
{
    write_log("a.log", "seen <*> here;seen 7 here;seen <*> here");
    ingest();
    check("SELECT typed || '|' || events FROM templates", "seen <integer> here|3\n");
    open_store();
    write_log("a.log", "seen <*> here");
    ingest();
    check("SELECT typed || '|' || events FROM templates", "seen <*> here|1\n");
}
END_TEST

START_TEST(test_more_places_than_are_kept)
{
    g_autoptr(GString) message = g_string_new("many");
    for (guint i = 0; i < 70; i++)
        g_string_append_printf(message, " a %u", i);
    write_log("a.log", message->str);
    ingest();
    check("SELECT count(*) FROM template_variables WHERE type = 'integer'", "64\n");
    check("SELECT typed LIKE '%a <integer> a <*>%' FROM templates", "1\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("template-table");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_places_have_types);
    tcase_add_test(tests, test_ids_are_of_the_text);
    tcase_add_test(tests, test_merged_words_are_values);
    tcase_add_test(tests, test_the_order_of_runs_does_not_matter);
    tcase_add_test(tests, test_a_later_message_joins_its_template);
    tcase_add_test(tests, test_a_template_grows_wider);
    tcase_add_test(tests, test_templates_of_another_database);
    tcase_add_test(tests, test_no_database_to_take_templates_from);
    tcase_add_test(tests, test_marks_in_messages);
    tcase_add_test(tests, test_more_places_than_are_kept);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
