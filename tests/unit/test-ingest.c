/* The walk, decompression, resumption, duplicates and what becomes of files that cannot be
 * read. */
#include "ingest/ingest.h"
#include "ingest/input.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>
#include <unistd.h>

static char *folder;

static void
make_folder(void)
{
    folder = g_dir_make_tmp("lamp-ingest-XXXXXX", NULL);
}

static void
remove_folder(void)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s' '%s.db'", folder, folder);
    ck_assert_int_eq(system(command), 0);
    g_clear_pointer(&folder, g_free);
}

static void
shell(const char *format)
{
    g_autoptr(GString) command = g_string_new(format);
    g_string_replace(command, "@", folder, 0);
    ck_assert_int_eq(system(command->str), 0);
}

static LampIngestCounts
ingest(LampStore *store, const char *path)
{
    const char *paths[] = {path, NULL};
    LampIngestOptions options = {.paths = paths};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(lamp_ingest(store, &options, &counts, &error), "%s",
                  error ? error->message : "");
    return counts;
}

static gint64
ask(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    ck_assert_ptr_nonnull(query);
    ck_assert(lamp_statement_step(query, &has_row, NULL) && has_row);
    return lamp_statement_int(query, 0);
}

static LampStore *
open_store(void)
{
    g_autofree char *path = g_strconcat(folder, ".db", NULL);
    g_unlink(path);
    LampStore *store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
    return store;
}

START_TEST(test_compressed_files_give_the_same_rows)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf 'host,ip\\na,10.0.0.1\\nb,10.0.0.2\\n' > @/hosts.csv; gzip -k @/hosts.csv; "
          "xz -k @/hosts.csv; "
          "bzip2 -k @/hosts.csv");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.sources, 4);
    ck_assert_uint_eq(counts.duplicates, 3);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources WHERE state = 'duplicate'"), 3);
}
END_TEST

START_TEST(test_archive_members_are_sources)
{
    g_autoptr(LampStore) store = open_store();
    shell("mkdir @/in; printf 'host,ip\\na,10.0.0.1\\n' > @/in/a.csv; printf "
          "'host,ip\\nb,10.0.0.2\\n' > @/in/b.csv; "
          "tar czf @/all.tgz -C @ in; rm -r @/in");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.sources, 2);
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM sources WHERE path LIKE '%all.tgz/in/a.csv'"), 1);
    counts = ingest(store, folder);
    ck_assert_uint_eq(counts.unchanged, 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
}
END_TEST

/* Lines with one id each: in @web with a zone, in @app and its neighbour on clocks two hours
 * ahead, without. */
static void
write_zones(void)
{
    shell(
        "mkdir @/web @/app; for i in $(seq 10 49); do "
        "printf '10.0.0.7 - - [03/Jun/2026:08:00:%s +0000] \"GET /a/%s HTTP/1.1\" 200 5 \"-\" "
        "\"c\" rt=0.1 rid=7f00aa%scc\\n' $i $i $i >> @/web/access.log; "
        "printf '2026-06-03 10:00:%s,500 INFO  [main] c.a.Web - served rid=7f00aa%scc\\n' $i "
        "$i "
        ">> @/app/web.log; "
        "printf '2026-06-03 10:00:%s,500 INFO  [main] c.a.Job - idle\\n' $i >> @/app/job.log; "
        "done");
}

START_TEST(test_zone_is_found_by_shared_identifiers)
{
    g_autoptr(LampStore) store = open_store();
    write_zones();
    ingest(store, folder);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM events WHERE time_ns / 60000000000 = "
                                "unixepoch('2026-06-03T08:00:00Z') / 60"),
                     120);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings WHERE code = 'time.zone' AND "
                                "kind = 'note' AND text LIKE '%+02:00%'"),
                     2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM source_coverage WHERE NOT is_whole"), 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources WHERE zone = '+02:00 found'"), 2);
    ck_assert_int_gt(ask(store, "SELECT count(*) FROM templates"), 1);
    ck_assert_int_eq(ask(store,
                         "SELECT count(*) FROM templates t WHERE first_time_ns <> (SELECT "
                         "min(time_ns) FROM events e WHERE e.template_id = "
                         "t.template_id) OR last_time_ns <> (SELECT max(time_ns) FROM "
                         "events e WHERE e.template_id = t.template_id)"),
                     0);
}
END_TEST

START_TEST(test_zone_that_was_given_is_not_questioned)
{
    g_autoptr(LampStore) store = open_store();
    const char *paths[] = {folder, NULL}, *zones[] = {"+01:00", "nowhere=+02:00", NULL};
    LampIngestOptions options = {.paths = paths, .zones = zones};
    LampIngestCounts counts;
    write_zones();
    ck_assert(lamp_ingest(store, &options, &counts, NULL));
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings"), 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM events WHERE time_ns / 60000000000 = "
                                "unixepoch('2026-06-03T09:00:00Z') / 60"),
                     80);
}
END_TEST

START_TEST(test_options_that_fit_nothing_are_known)
{
    g_autoptr(LampStore) store = open_store();
    const char *paths[] = {folder, NULL}, *zones[] = {"nowhere=+02:00", "app=+02:00", NULL};
    const char *hosts[] = {"*/job.log=a", "x=b", NULL};
    LampIngestOptions options = {.paths = paths, .zones = zones, .host_maps = hosts};
    LampIngestCounts counts;
    write_zones();
    ck_assert(lamp_ingest(store, &options, &counts, NULL));
    ck_assert_uint_eq(counts.used_zones, 2);
    ck_assert_uint_eq(counts.used_host_maps, 1);
}
END_TEST

START_TEST(test_changed_file_is_read_anew)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf 'host,ip\\na,10.0.0.1\\n' > @/hosts.csv");
    ingest(store, folder);
    ck_assert_uint_eq(ingest(store, folder).unchanged, 1);
    shell("printf 'b,10.0.0.2\\n' >> @/hosts.csv");
    ck_assert_uint_eq(ingest(store, folder).unchanged, 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources"), 1);
}
END_TEST

START_TEST(test_changed_archive_is_read_anew)
{
    g_autoptr(LampStore) store = open_store();
    shell(
        "mkdir @/in; printf 'host,ip\\na,10.0.0.1\\n' > @/in/a.csv; tar cf @/all.tar -C @ in");
    shell("mv @/in @.in");
    ingest(store, folder);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 1);
    shell("mv @.in @/in; printf 'b,10.0.0.2\\n' >> @/in/a.csv; "
          "head -c 20000 /dev/zero > @/in/zero; tar cf @/all.tar -C @ in; rm -r @/in");
    ck_assert_uint_eq(ingest(store, folder).unchanged, 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources"), 2);
}
END_TEST

/* Rows that were left out because another file had them are needed once it changes. */
START_TEST(test_duplicate_of_a_changed_file_is_read)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf 'host,ip\\na,10.0.0.1\\n' > @/1.csv; cp @/1.csv @/2.csv");
    ck_assert_uint_eq(ingest(store, folder).duplicates, 1);
    shell("printf 'host,ip\\nbb,10.0.0.2\\n' > @/1.csv");
    ck_assert_uint_eq(ingest(store, folder).unchanged, 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources"), 2);
    ck_assert_uint_eq(ingest(store, folder).unchanged, 2);
}
END_TEST

/* gzip passes over what follows a member; bytes that were not read are told all the same. */
START_TEST(test_bytes_behind_a_gzip_member_are_told)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf 'host,ip\\na,10.0.0.1\\n' | gzip > @/a.csv.gz; echo more >> @/a.csv.gz; "
          "printf 'host,ip\\nb,10.0.0.1\\n' | gzip > @/b.csv.gz; "
          "head -c 500 /dev/zero >> @/b.csv.gz");
    ingest(store, folder);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings"), 1);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings WHERE code = 'source.read'"), 1);
}
END_TEST

START_TEST(test_missing_file_is_counted_and_the_rest_read)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf 'host,ip\\na,10.0.0.1\\n' > @/hosts.csv; ln -s /nowhere/at/all @/broken");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.unreadable, 1);
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM sources WHERE state = 'failed' AND note IS NOT NULL"),
        1);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings WHERE kind = 'unreadable'"), 1);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM host_names"), 1);
}
END_TEST

START_TEST(test_cut_gzip_keeps_what_came_before)
{
    g_autoptr(LampStore) store = open_store();
    shell("(echo host,ip; seq 1 20000 | while read i; do echo h$i-$((i * 7919 % "
          "10007)),10.0.$((i / 250)).$((i % 250)); "
          "done) | gzip > @/t.gz; head -c 40000 @/t.gz > @/hosts.csv.gz; rm @/t.gz");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.unreadable, 1);
    ck_assert_int_gt(ask(store, "SELECT count(*) FROM host_names"), 1000);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings WHERE code = 'source.read'"), 1);
}
END_TEST

START_TEST(test_unknown_and_empty_files_are_told_apart)
{
    g_autoptr(LampStore) store = open_store();
    shell("head -c 5000 /dev/zero > @/zeros; : > @/empty");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.unknown, 1);
    ck_assert_uint_eq(counts.unreadable, 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources WHERE state = 'skipped'"), 1);
}
END_TEST

/* What was learnt while reading is dropped with the rows of a duplicate, then read again. */
START_TEST(test_templates_are_the_same_beside_a_duplicate)
{
    static const char make[] =
        "for u in anna bob carl dora emil fred gina hugo ida jan; do echo \"2026-01-02 "
        "03:04:05 INFO user $u has left the room\"; done > @/a.log; sed 's/left/entered/' "
        "@/a.log > @/c.log";
    static const char templates[] =
        "SELECT count(DISTINCT template_id) * 1000 + count(template_id) FROM events";
    g_autoptr(LampStore) store = open_store();
    shell(make);
    ck_assert_uint_eq(ingest(store, folder).duplicates, 0);
    gint64 alone = ask(store, templates);
    ck_assert_int_eq(alone, 2020);
    g_clear_pointer(&store, lamp_store_close);
    store = open_store();
    shell("cp @/a.log @/b.log");
    ck_assert_uint_eq(ingest(store, folder).duplicates, 1);
    ck_assert_int_eq(ask(store, templates), alone);
}
END_TEST

START_TEST(test_templates_can_be_left_out)
{
    g_autoptr(LampStore) store = open_store();
    const char *paths[] = {folder, NULL};
    LampIngestOptions options = {.paths = paths, .without_templates = TRUE};
    LampIngestCounts counts;
    shell("echo '2026-01-02 03:04:05 INFO order 123456 stored' > @/a.log");
    ck_assert(lamp_ingest(store, &options, &counts, NULL));
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM events WHERE template_id IS NULL AND "
                                "fields IS NULL AND message = 'order 123456 stored'"),
                     1);
}
END_TEST

/* A log was rotated between the lines that begin and end a request; files of other logs take no
 * part in it. */
START_TEST(test_requests_go_on_in_the_next_file_of_a_log)
{
    g_autoptr(LampStore) store = open_store();
    shell("cd @; for id in 1 2 3; do printf "
          "'{\"time\":1795252313%d00,\"reqId\":\"req-%d\",\"req\":"
          "{\"method\":\"GET\",\"url\":\"/a\"},\"msg\":\"incoming request\"}\n' $id $id; done "
          ">app.log.2; "
          "end='\"res\":{\"statusCode\":200},\"responseTime\":200,\"msg\":\"request "
          "completed\"}'; "
          "echo '{\"time\":1795252313300,\"reqId\":\"req-1\",'\"$end\" | gzip >app.log.1.gz; "
          "echo '{\"time\":1795252313400,\"reqId\":\"req-2\",'\"$end\" >app.log; "
          "echo '{\"time\":1795252313500,\"reqId\":\"req-3\",'\"$end\" >other.log");
    ck_assert_uint_eq(ingest(store, folder).sources, 4);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations"), 2);
    ck_assert_int_eq(
        ask(store, "SELECT sum(response_last_ns - request_first_ns) FROM observations"),
        400 * LAMP_NS_PER_MS);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations JOIN sources USING "
                                "(source_id) WHERE path LIKE '%app.log' OR path LIKE '%.gz'"),
                     2);
}
END_TEST

/* Places are those of the file, in which letters have two bytes or four. */
START_TEST(test_utf16_is_read_where_it_stands)
{
    g_autoptr(LampStore) store = open_store();
    shell("printf '\\357\\273\\2772026-11-21 09:11:53 INFO [main] a.B - \\303\\274 "
          "\\360\\237\\230\\200\\n2026-11-21 09:11:54 INFO [main] a.B - two\\n' | "
          "iconv -f UTF-8 -t UTF-16LE >@/a.log");
    LampIngestCounts counts = ingest(store, folder);
    ck_assert_uint_eq(counts.records, 2);
    ck_assert_uint_eq(counts.rejected, 0);
    ck_assert_int_eq(ask(store, "SELECT offset_bytes FROM events WHERE message = 'two'"),
                     ask(store, "SELECT length_bytes FROM events WHERE message <> 'two'"));
    ck_assert_int_eq(ask(store, "SELECT sum(length_bytes) FROM events"),
                     ask(store, "SELECT size_bytes FROM sources"));
    ck_assert_int_eq(ask(store, "SELECT bytes_parsed - bytes_read FROM sources"), 0);
}
END_TEST

START_TEST(test_no_file_at_all_is_an_error)
{
    g_autoptr(LampStore) store = open_store();
    const char *paths[] = {folder, NULL};
    LampIngestOptions options = {.paths = paths};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    ck_assert(!lamp_ingest(store, &options, &counts, &error));
    ck_assert(g_error_matches(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_NOTHING));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ingest");
    TCase *tc = tcase_create("ingest");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, test_requests_go_on_in_the_next_file_of_a_log);
    tcase_add_test(tc, test_utf16_is_read_where_it_stands);
    tcase_add_test(tc, test_zone_is_found_by_shared_identifiers);
    tcase_add_test(tc, test_zone_that_was_given_is_not_questioned);
    tcase_add_test(tc, test_options_that_fit_nothing_are_known);
    tcase_add_test(tc, test_compressed_files_give_the_same_rows);
    tcase_add_test(tc, test_archive_members_are_sources);
    tcase_add_test(tc, test_changed_file_is_read_anew);
    tcase_add_test(tc, test_changed_archive_is_read_anew);
    tcase_add_test(tc, test_duplicate_of_a_changed_file_is_read);
    tcase_add_test(tc, test_bytes_behind_a_gzip_member_are_told);
    tcase_add_test(tc, test_missing_file_is_counted_and_the_rest_read);
    tcase_add_test(tc, test_cut_gzip_keeps_what_came_before);
    tcase_add_test(tc, test_unknown_and_empty_files_are_told_apart);
    tcase_add_test(tc, test_templates_are_the_same_beside_a_duplicate);
    tcase_add_test(tc, test_templates_can_be_left_out);
    tcase_add_test(tc, test_no_file_at_all_is_an_error);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
