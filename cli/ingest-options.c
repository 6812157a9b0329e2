/*
 * Options of the ingest stage, and what is said about its result.
 */
#include "cli/ingest-options.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "store/statement.h"

#include <unistd.h>

#define DEFAULT_OUTPUT "lamplight.db"
#define SHOWN_SOURCES 20
#define SHOWN_FINDINGS 10
#define SAMPLES 3

static char *output, *format, *patterns, *filter, *key_log, *templates;
static char **hosts, **zones;
static gboolean full_report, no_templates;

const GOptionEntry lamp_ingest_option_entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
     "database to write (default " DEFAULT_OUTPUT ")", "FILE.db"},
    {"format", 0, 0, G_OPTION_ARG_STRING, &format, "take every file for this format", "NAME"},
    {"patterns", 0, 0, G_OPTION_ARG_FILENAME, &patterns,
     "your own log formats, or those of lnav (docs/formats.md)", "FILE"},
    {"filter", 0, 0, G_OPTION_ARG_STRING, &filter,
     "packets to read, for example 'tcp port 5432' (pcap-filter(7))", "EXPRESSION"},
    {"keylog", 0, 0, G_OPTION_ARG_FILENAME, &key_log,
     "TLS secrets (SSLKEYLOGFILE); such files among the input are found", "FILE"},
    {"host", 0, 0, G_OPTION_ARG_STRING_ARRAY, &hosts,
     "all files, or those matching GLOB, were written on HOST", "[GLOB=]HOST"},
    {"tz", 0, 0, G_OPTION_ARG_STRING_ARRAY, &zones,
     "zone of times without one: Europe/Berlin or +HH:MM, for a HOST or all", "[HOST=]ZONE"},
    {"templates", 0, 0, G_OPTION_ARG_FILENAME, &templates,
     "take over the templates of another database: the same ids for the same messages",
     "FILE.db"},
    {"no-templates", 0, 0, G_OPTION_ARG_NONE, &no_templates,
     "leave messages without templates, and what identifies in them unnamed", NULL},
    {"report", 0, 0, G_OPTION_ARG_NONE, &full_report, "tell for each file what was understood",
     NULL},
    {NULL},
};

const char *
lamp_ingest_output(void)
{
    return output != NULL ? output : DEFAULT_OUTPUT;
}

LampStore *
lamp_ingest_run(LampCli *cli, char **paths, LampIngestCounts *out_counts, GError **error)
{
    LampProgress progress;
    lamp_interrupt_install();
    lamp_progress_show(&progress, cli->quiet);
    g_autoptr(LampStore) store =
        lamp_store_open(lamp_ingest_output(), LAMP_STORE_CREATE, error);
    LampIngestOptions options = {.paths = (const char *const *) paths,
                                 .format = format,
                                 .pattern_path = patterns,
                                 .filter = filter,
                                 .key_log_path = key_log,
                                 .host_maps = (const char *const *) hosts,
                                 .zones = (const char *const *) zones,
                                 .templates_path = templates,
                                 .without_templates = no_templates,
                                 .progress = &progress};
    gboolean ok = store != NULL && lamp_ingest(store, &options, out_counts, error);
    lamp_progress_clear();
    if (!ok && store != NULL &&
        g_error_matches(*error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_INTERRUPT))
        g_prefix_error(error,
                       "finished files are kept in '%s', run the same command to go on: ",
                       lamp_store_path(store));
    return ok ? g_steal_pointer(&store) : NULL;
}

static void
add_source_row(LampTable *table, LampStatement *row)
{
    guint64 read = (guint64) lamp_statement_int(row, 4);
    gboolean has_coverage = lamp_statement_column_type(row, 7) != LAMP_COLUMN_NULL;
    char *cells[] = {
        g_strdup(lamp_statement_text(row, 0)),
        g_strdup(lamp_statement_text(row, 1)),
        g_strdup(lamp_statement_text(row, 2)),
        lamp_size_format(read),
        lamp_count_format((guint64) lamp_statement_int(row, 5)),
        lamp_count_format((guint64) lamp_statement_int(row, 6)),
        has_coverage ? g_strdup_printf("%.1f%%", 100 * lamp_statement_real(row, 7))
                     : g_strdup("-"),
        lamp_count_format((guint64) lamp_statement_int(row, 8)),
        g_strdup(lamp_statement_text(row, 9)),
    };
    lamp_table_take(table, cells);
}

/* Sources that need attention, or all with --report. */
static LampTable *
source_table(LampStore *store)
{
    static const char *const titles[] = {"source",   "state",     "format",    ">read",
                                         ">records", ">rejected", ">coverage", ">findings",
                                         "note",     NULL};
    /* Where a file holds several forms, or lines that fit none, the share of each. */
    g_autofree char *sql = g_strconcat(
        "SELECT path, state, CASE WHEN rejected = 0 AND forms IS NULL THEN format ELSE"
        " coalesce((SELECT group_concat(printf('%s %.1f%%', key, 100.0 * value /"
        " (records + rejected)), ', ') FROM json_each(coalesce(forms, CASE WHEN records > 0"
        " THEN json_object(format, records) END))), format) END,"
        " size_bytes, bytes_read, records, rejected, coverage, findings, note"
        " FROM source_coverage",
        full_report ? "" : " WHERE NOT is_whole", " ORDER BY source_id", NULL);
    LampTable *table = lamp_table_new(titles);
    g_autoptr(LampStatement) rows = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    guint limit = full_report ? G_MAXUINT : SHOWN_SOURCES;
    while (rows != NULL && lamp_table_rows(table) < limit &&
           lamp_statement_step(rows, &has_row, NULL) && has_row)
        add_source_row(table, rows);
    return table;
}

/* What is wrong, in which file, where: the first findings, or with --report some of each file.
 */
static void
append_findings(LampStore *store, GString *text)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT path, offset_bytes, f.text, count FROM (SELECT *, row_number() OVER"
        " (PARTITION BY source_id ORDER BY finding_id) AS rank FROM findings) f"
        " JOIN sources USING (source_id) WHERE rank <= ?2 ORDER BY finding_id LIMIT ?1",
        NULL);
    if (rows == NULL)
        return;
    lamp_statement_bind_int(rows, 1, full_report ? G_MAXINT : SHOWN_FINDINGS);
    lamp_statement_bind_int(rows, 2, full_report ? SAMPLES : SHOWN_FINDINGS);
    gboolean has_row = FALSE;
    while (lamp_statement_step(rows, &has_row, NULL) && has_row) {
        g_autofree char *path = lamp_text_escape(lamp_bytes_text(lamp_statement_text(rows, 0)));
        g_autofree char *what = lamp_text_escape(lamp_bytes_text(lamp_statement_text(rows, 2)));
        gint64 count = lamp_statement_int(rows, 3);
        g_string_append_printf(text, "  %s: byte %" G_GINT64_FORMAT ": %s", path,
                               lamp_statement_int(rows, 1), what);
        if (count > 1)
            g_string_append_printf(text, " (%" G_GINT64_FORMAT " times)", count);
        g_string_append_c(text, '\n');
    }
}

/* One database may gather several runs, and a user may not know that it did. */
static void
tell_of_earlier_runs(LampStore *store, const LampIngestCounts *counts)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        store, "SELECT count(*) FROM sources WHERE state <> 'duplicate'", NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row)
        return;
    gint64 others = lamp_statement_int(query, 0) - counts->sources;
    if (others > 0)
        lamp_log(LAMP_LOG_WARNING, "ingest",
                 "%s holds %" G_GINT64_FORMAT " sources of earlier runs, too, which count in "
                 "all answers; -o FILE.db keeps runs apart",
                 lamp_store_path(store), others);
}

/* Sources that the view source_coverage calls not whole, of this run or an earlier one. */
static gboolean
count_losses(LampStore *store, gint64 *out_count, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        store, "SELECT count(*) FROM source_coverage WHERE NOT is_whole", error);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, error))
        return FALSE;
    *out_count = lamp_statement_int(query, 0);
    return TRUE;
}

/* The reason of an exit status that is not 0, in one line. */
static gboolean
tell_of_losses(LampStore *store, GError **error)
{
    gint64 losses = 0;
    if (!count_losses(store, &losses, error))
        return FALSE;
    if (losses > 0)
        lamp_log(LAMP_LOG_ERROR, "ingest",
                 "%" G_GINT64_FORMAT
                 " %s not understood as a whole; `lamplight sql %s \"SELECT "
                 "* FROM source_coverage WHERE NOT is_whole\"` tells what is missing",
                 losses, losses == 1 ? "source was" : "sources were", lamp_store_path(store));
    return TRUE;
}

static gboolean
is_nothing(const LampIngestCounts *counts)
{
    return counts->records == 0 && counts->unchanged == 0 && counts->duplicates == 0;
}

/* Files that are in the database are not read again, whatever the options say now. */
static void
tell_of_unchanged(const LampIngestCounts *counts)
{
    gboolean has_option = format != NULL || patterns != NULL || filter != NULL ||
                          key_log != NULL || hosts != NULL || zones != NULL || no_templates;
    if (counts->unchanged > 0 && has_option)
        lamp_log(LAMP_LOG_WARNING, "ingest",
                 "%u sources are in the database already and were not read again: options that "
                 "tell how to read have no effect on them; -o FILE.db reads into another",
                 counts->unchanged);
}

/* Hosts that sources are known by, and folders or files that name one, the first few of them.
 */
static char *
known_hosts(LampStore *store)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        store,
        "SELECT coalesce(group_concat(name, ', '), '') FROM (SELECT host AS name FROM sources "
        "WHERE host IS NOT NULL UNION SELECT name FROM host_names UNION SELECT s.text FROM "
        "(SELECT DISTINCT host_id FROM events WHERE host_id IS NOT NULL LIMIT 9) JOIN strings "
        "s "
        "ON s.string_id = host_id UNION SELECT path FROM sources WHERE kind = 'log' LIMIT 9)",
        NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row)
        return g_strdup("");
    return lamp_text_escape(lamp_bytes_text(lamp_statement_text(query, 0)));
}

/* Options for hosts or files that nothing fits: most likely a name is not written as it is. */
static void
tell_of_unused(LampStore *store, const char *option, char **values, guint64 used)
{
    for (guint i = 0; values != NULL && values[i] != NULL && i < LAMP_INGEST_NOTED_OPTIONS;
         i++) {
        if (strchr(values[i], '=') == NULL || (used >> i & 1) != 0)
            continue;
        g_autofree char *known = known_hosts(store);
        lamp_log(LAMP_LOG_WARNING, "ingest", "--%s %s fits no file; known are: %s", option,
                 values[i], known);
    }
}

gboolean
lamp_ingest_report(LampCli *cli, LampStore *store, const LampIngestCounts *counts,
                   GError **error)
{
    g_autofree char *size = lamp_size_format(counts->bytes);
    g_autofree char *records = lamp_count_format(counts->records);
    g_autofree char *rejected = lamp_count_format(counts->rejected);
    lamp_log(LAMP_LOG_NOTE, "ingest",
             "%u sources, %s read, %s records understood, %s not; %u unchanged, %u duplicates, "
             "%u unreadable, %u empty, %u in no known format",
             counts->sources, size, records, rejected, counts->unchanged, counts->duplicates,
             counts->unreadable, counts->empty, counts->unknown);
    tell_of_earlier_runs(store, counts);
    tell_of_unchanged(counts);
    if (counts->sources > counts->unchanged) {
        tell_of_unused(store, "host", hosts, counts->used_host_maps);
        tell_of_unused(store, "tz", zones, counts->used_zones);
    }
    if (cli->quiet && !full_report)
        return is_nothing(counts) || tell_of_losses(store, error);
    g_autoptr(LampTable) table = source_table(store);
    if (lamp_table_rows(table) == 0)
        return TRUE;
    g_autoptr(GString) text = g_string_new(NULL);
    gint width = full_report ? cli->table_width : isatty(STDERR_FILENO) ? cli->width : 0;
    lamp_table_render(table, text, width);
    append_findings(store, text);
    if (full_report)
        return lamp_print(text, error);
    g_printerr("Sources that need attention (all: --report; details: table `findings`):\n%s",
               text->str);
    return TRUE;
}

/* No record at all: why, as far as the counts tell. */
static void
tell_nothing(const LampIngestCounts *counts, GError **error)
{
    const struct {
        guint count;
        const char *what;
    } reasons[] = {
        {counts->unreadable, "unreadable"},
        {counts->empty, "empty"},
        {counts->unknown, "in no known format"},
        {counts->sources -
             MIN(counts->sources, counts->unreadable + counts->empty + counts->unknown),
         "of a known format, but without any record in it"},
    };
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++)
        if (reasons[i].count > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", reasons[i].count,
                                   reasons[i].what);
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
                "no record could be read from %u source%s: %s", counts->sources,
                counts->sources == 1 ? "" : "s", text->str);
}

int
lamp_ingest_status(LampStore *store, const LampIngestCounts *counts, GError **error)
{
    gint64 losses = 0;
    if (is_nothing(counts)) {
        tell_nothing(counts, error);
        return -1;
    }
    if (!count_losses(store, &losses, error))
        return -1;
    return losses > 0 ? LAMP_EXIT_LOSSES : LAMP_EXIT_OK;
}
