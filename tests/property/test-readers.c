/*
 * What must hold for every reader and every file in fixtures/, whoever wrote the reader: how
 * the bytes are cut makes no difference, the beginning of a file gives the beginning of its
 * records, and no reader takes a file of another format for its own.
 */
#include "ingest/readers.h"
#include "tests/support/reading.h"
#include "tests/unit/suite.h"

#include <string.h>

enum { FILE_AT_MOST = 65536, PREFIX_FILE_AT_MOST = 4096, PROBE_HEAD = 65536 };

typedef struct {
    char *path;
    char *content;
    gsize len;
} File;

static GArray *files;

/* Which reader must win, by the beginning of the path. */
static const struct {
    const char *prefix, *reader;
} expected[] = {
    {"fixtures/logs/apache-error/", "application"},
    {"fixtures/logs/apache/", "access"},
    {"fixtures/logs/dotnet/", "dotnet"},
    {"fixtures/logs/elasticsearch/", "elasticsearch"},
    {"fixtures/logs/haproxy/", "syslog"}, /* its lines stand in syslog's */
    {"fixtures/logs/json/07-pretty", "json"},
    {"fixtures/logs/json/", "jsonl"},
    {"fixtures/logs/kernel/", "kernel"},
    {"fixtures/logs/labels/", "labels"},
    {"fixtures/logs/levels/", "levels"},
    {"fixtures/logs/log4j/04-java", "text"}, /* heads of two lines are not understood */
    {"fixtures/logs/log4j/", "application"},
    {"fixtures/logs/logfmt/", "logfmt"},
    {"fixtures/logs/nginx-combined/", "access"},
    {"fixtures/logs/nginx-upstream/04-json", "jsonl"},
    {"fixtures/logs/nginx-upstream/", "access"},
    {"fixtures/logs/php-fpm/", "php-fpm"},
    {"fixtures/logs/postgres/", "postgresql"},
    {"fixtures/logs/python/", "application"},
    {"fixtures/logs/rails/", "rails"},
    {"fixtures/logs/redis/", "application"},
    {"fixtures/logs/table/", "table"},
    {"fixtures/logs/workers/", "application"},
    {"fixtures/logs/syslog-", "syslog"},
    {"fixtures/shop/logs/hosts.csv", "hosts"},
    {"fixtures/shop/logs/app", "jsonl"},
    {"fixtures/shop/logs/pg", "postgresql"},
    {"fixtures/shop/logs/redis", "application"},
    {"fixtures/shop/logs/stock", "logfmt"},
    {"fixtures/shop/logs/web.access", "access"},

};

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(((const File *) a)->path, ((const File *) b)->path);
}

static void
gather_files(const char *folder)
{
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(directory);
    for (const char *name; (name = g_dir_read_name(directory)) != NULL;) {
        File file = {.path = g_build_filename(folder, name, NULL)};
        if (g_file_test(file.path, G_FILE_TEST_IS_DIR)) {
            gather_files(file.path);
            g_free(file.path);
        } else if (g_file_get_contents(file.path, &file.content, &file.len, NULL)) {
            g_array_append_val(files, file);
        }
    }
}

static const File *
file_at(int i)
{
    return &g_array_index(files, File, i);
}

static const LampReader *
winner(const File *file, guint *out_score)
{
    const LampReader *best = NULL;
    *out_score = 0;
    for (guint i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(
            lamp_bytes(file->content, MIN(file->len, PROBE_HEAD)), file->path);
        if (score > *out_score) {
            best = lamp_readers[i];
            *out_score = score;
        }
    }
    return best;
}

/* First line in which two texts differ, for the message. */
static const char *
first_difference(const char *a, const char *b)
{
    static char text[700];
    gsize i = 0, line = 0;
    for (; a[i] != '\0' && a[i] == b[i]; i++)
        if (a[i] == '\n')
            line = i + 1;
    g_snprintf(text, sizeof text, "\n %.300s\n instead of\n %.300s", a + line, b + line);
    return text;
}

static LampRender *
read_file(const LampReader *reader, const File *file, LampChunks chunks)
{
    LampSourceContext context = lamp_feed_context(file->path);
    return lamp_reading(reader, lamp_bytes(file->content, file->len), chunks, &context);
}

static void
check_chunks(const LampReader *reader, const File *file)
{
    static const gsize sizes[] = {1, 2, 3, 7, 4096, 0, 0, 0};
    g_autoptr(LampRender) whole = read_file(reader, file, (LampChunks){.size = G_MAXUINT32});
    for (guint32 i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(LampRender) cut = read_file(reader, file, (LampChunks){sizes[i], i});
        ck_assert_msg(g_str_equal(cut->records->str, whole->records->str),
                      "%s of %s in chunks of %zu:%s", reader->name, file->path, sizes[i],
                      first_difference(cut->records->str, whole->records->str));
    }
}

/* Every reader reads every small file, its own or not. */
START_TEST(test_chunks_change_no_record)
{
    const File *file = file_at(_i);
    if (file->len > FILE_AT_MOST)
        return;
    for (guint i = 0; lamp_readers[i] != NULL; i++)
        check_chunks(lamp_readers[i], file);
}
END_TEST

/* Ends @records before the record that reaches the byte @cut: the cut may have changed it. */
static void
drop_cut_record(char *records, gsize cut)
{
    char *last = g_strrstr(records, "event offset=");
    if (last == NULL)
        return;
    gchar *after = NULL;
    guint64 offset = g_ascii_strtoull(last + strlen("event offset="), &after, 10);
    guint64 length = g_ascii_strtoull(after + strlen(" length="), NULL, 10);
    if (offset + length + 1 >= cut)
        *last = '\0';
}

static LampRender *
read_beginning(const LampReader *reader, const File *file, gsize len)
{
    LampRender *render = lamp_render_new();
    LampSourceContext context = lamp_feed_context(file->path);
    lamp_feed(reader, lamp_bytes(file->content, len), (LampChunks){.size = G_MAXUINT32},
              &context, &render->sink);
    return render;
}

START_TEST(test_prefix_gives_prefix_of_records)
{
    const File *file = file_at(_i);
    guint score;
    const LampReader *reader = winner(file, &score);
    if (file->len > PREFIX_FILE_AT_MOST || reader == NULL || reader->kind == LAMP_KIND_TABLE)
        return;
    g_autoptr(LampRender) whole = read_beginning(reader, file, file->len);
    for (gsize cut = 0; cut < file->len; cut++) {
        g_autoptr(LampRender) part = read_beginning(reader, file, cut);
        drop_cut_record(part->records->str, cut);
        ck_assert_msg(g_str_has_prefix(whole->records->str, part->records->str),
                      "%s of %s cut at %zu:%s", reader->name, file->path, cut,
                      first_difference(part->records->str, whole->records->str));
    }
}
END_TEST

static const char *
expected_reader(const char *path)
{
    if (g_str_has_prefix(path, "fixtures/bad/"))
        return NULL;
    if (g_str_has_suffix(path, ".pcap"))
        return "pcap";
    if (g_str_has_suffix(path, ".pcapng"))
        return "pcapng";
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        if (g_str_has_prefix(path, expected[i].prefix))
            return expected[i].reader;
    return NULL;
}

START_TEST(test_probe_prefers_own_reader)
{
    const File *file = file_at(_i);
    const char *name = expected_reader(file->path);
    if (name == NULL)
        return;
    guint score, ties = 0;
    const LampReader *best = winner(file, &score);
    ck_assert_msg(best != NULL, "no reader wants %s", file->path);
    ck_assert_msg(g_str_equal(best->name, name), "%s is taken for %s", file->path, best->name);
    for (guint i = 0; lamp_readers[i] != NULL; i++)
        ties += lamp_readers[i]->probe(lamp_bytes(file->content, MIN(file->len, PROBE_HEAD)),
                                       file->path) == score;
    ck_assert_msg(ties == 1, "%u readers give %s the score %u", ties, file->path, score);
}
END_TEST

int
main(void)
{
    files = g_array_new(FALSE, FALSE, sizeof(File));
    gather_files("fixtures/logs");
    gather_files("fixtures/pcap");
    gather_files("fixtures/bad");
    gather_files("fixtures/shop/logs");
    gather_files("fixtures/shop-ids/logs");
    g_array_sort(files, compare_paths);
    int count = (int) files->len;
    TCase *tcase = tcase_create("readers");
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, test_chunks_change_no_record, 0, count);
    tcase_add_loop_test(tcase, test_prefix_gives_prefix_of_records, 0, count);
    tcase_add_loop_test(tcase, test_probe_prefers_own_reader, 0, count);
    Suite *suite = suite_create("every reader, every fixture");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
