/*
 * The run over all files: order, resumption, duplicates, states.
 *
 * Files are taken in the order of their paths, one transaction for each member, so ids and rows
 * do not depend on the order of arguments, and a killed run is continued by giving the same
 * paths again.
 */
#include "ingest/ingest.h"

#include "base/limits.h"
#include "ingest/log/identifier-store.h"
#include "ingest/log/template-store.h"
#include "ingest/readers.h"
#include "ingest/run.h"
#include "ingest/secrets.h"

#include <glib/gstdio.h>
#include <string.h>

static gboolean
check_zone(const char *zone, GError **error)
{
    const char *value = strchr(zone, '=') != NULL ? strchr(zone, '=') + 1 : zone;
    if (g_str_equal(value, "Z") || g_str_equal(value, "UTC") ||
        g_regex_match_simple("^[+-](0[0-9]|1[0-4]):?[0-5][0-9]$", value, 0, 0))
        return TRUE;
    g_autoptr(LampZone) named = g_ascii_isalpha(value[0]) ? lamp_zone_new(value) : NULL;
    if (named != NULL)
        return TRUE;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPTION,
                "time zone '%s' is not of the form +HH:MM, -HH:MM (at most 14:59) or UTC, and "
                "the system knows none of that name",
                value);
    return FALSE;
}

static gboolean
check_options(const LampIngestOptions *options, GError **error)
{
    if (options->format != NULL && lamp_reader_find(options->format) == NULL) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPTION,
                    "there is no format '%s'; `lamplight formats` lists them", options->format);
        return FALSE;
    }
    for (gsize i = 0; options->zones != NULL && options->zones[i] != NULL; i++)
        if (!check_zone(options->zones[i], error))
            return FALSE;
    return options->filter == NULL || lamp_packets_check_filter(options->filter, error);
}

static gboolean
read_patterns(LampIngestRun *run, GError **error)
{
    const char *path = run->options->pattern_path;
    if (path == NULL)
        return TRUE;
    if (!g_file_get_contents(path, &run->patterns, NULL, error))
        return FALSE;
    g_autofree char *complaint = lamp_patterns_complaint(run->patterns);
    if (complaint != NULL)
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPTION, "%s: %s", path,
                    complaint);
    return complaint == NULL;
}

static gboolean
read_known(LampIngestRun *run, GError **error)
{
    const char *path = run->options->templates_path;
    run->known = path != NULL ? lamp_known_templates_load(path, error) : NULL;
    return path == NULL || run->known != NULL;
}

/* Writes a source without content: unreadable, or a duplicate whose rows were taken back. */
static gboolean
write_bare_source(LampIngestRun *run, LampSourceRow *row, const char *state, const char *note,
                  GError **error)
{
    row->state = state;
    row->note = note;
    if (lamp_writer_source_begin(run->writer, error) == 0)
        return FALSE;
    if (g_str_equal(state, "failed")) {
        LampFinding finding = {
            .kind = LAMP_FINDING_UNREADABLE, .code = "source.open", .text = note};
        lamp_writer_finding(run->writer, &finding, 1);
        run->counts->findings++;
    }
    return lamp_writer_source_end(run->writer, row, error);
}

static gboolean
write_failure(LampIngestRun *run, const char *path, guint64 size, const char *why,
              GError **error)
{
    LampSourceRow row = {.path = path, .size_bytes = size};
    row.first_time = row.last_time = LAMP_TIME_NONE;
    run->counts->unreadable++;
    return write_bare_source(run, &row, "failed", why, error);
}

static const char *
member_state(LampIngestRun *run, LampMember *member)
{
    if (member->note != NULL)
        run->counts->unreadable++;
    else if (member->row.bytes_read == 0) {
        run->counts->empty++;
        member->note = g_strdup("empty");
        return "done";
    }
    if (member->row.format == NULL && member->row.bytes_read > 0) {
        run->counts->unknown++;
        return "skipped";
    }
    return member->note != NULL && member->row.records == 0 ? "failed" : "done";
}

/* Ends the member's transaction: as it is, or, when its content is here already, without its
 * rows. */
static gboolean
finish_member(LampIngestRun *run, LampMember *member, GError **error)
{
    g_autofree char *twin =
        member->row.bytes_read > 0 && member->row.format != NULL
            ? lamp_writer_find_content(run->writer, member->row.content_hash)
            : NULL;
    run->counts->bytes += member->row.bytes_read;
    if (twin != NULL) {
        lamp_writer_source_abandon(run->writer);
        g_clear_pointer(&run->seen, lamp_occurrences_free); /* its rows are gone */
        run->counts->duplicates++;
        g_autofree char *note = g_strdup_printf("same content as %s", twin);
        return write_bare_source(run, &member->row, "duplicate", note, error);
    }
    if (member->log.events > 0) {
        member->log.source_id = run->source_id;
        g_array_append_val(run->logs, member->log);
    }
    member->row.state = member_state(run, member);
    member->row.note = member->note;
    run->counts->records += member->row.records;
    run->counts->rejected += member->row.rejected;
    return lamp_writer_source_end(run->writer, &member->row, error);
}

static gboolean
ingest_member(LampIngestRun *run, LampInput *input, const LampSource *source, const char *path,
              GError **error)
{
    LampMember member;
    run->source_id = lamp_writer_source_begin(run->writer, error);
    if (run->source_id == 0)
        return FALSE;
    lamp_member_init(&member, run);
    member.row.path = path;
    member.row.size_bytes = source->size;
    run->counts->sources++;
    gboolean ok = lamp_member_read(&member, input, source, path, error);
    if (ok)
        ok = finish_member(run, &member, error);
    else
        lamp_writer_source_abandon(run->writer);
    lamp_member_clear(&member);
    return ok;
}

static gboolean
ingest_members(LampIngestRun *run, const LampSource *source, LampInput *input, GError **error)
{
    g_autoptr(GError) broken = NULL;
    const char *name = NULL;
    while (lamp_input_next(input, &name, &broken)) {
        g_autofree char *path =
            name == NULL ? g_strdup(source->path) : g_strconcat(source->path, "/", name, NULL);
        if (name != NULL && lamp_writer_has_source(run->writer, path, source->size)) {
            run->counts->sources++;
            run->counts->unchanged++;
            continue;
        }
        if (name != NULL && !lamp_writer_forget(run->writer, path, error))
            return FALSE;
        if (!ingest_member(run, input, source, path, error))
            return FALSE;
    }
    return broken == NULL ||
           write_failure(run, source->path, source->size, broken->message, error);
}

/* Is it the file of the user's patterns, in a folder that is read? */
static gboolean
are_patterns(const LampIngestRun *run, const char *path)
{
    GStatBuf file, patterns;
    return run->options->pattern_path != NULL && g_stat(path, &file) == 0 &&
           g_stat(run->options->pattern_path, &patterns) == 0 &&
           file.st_dev == patterns.st_dev && file.st_ino == patterns.st_ino;
}

static gboolean
ingest_file(LampIngestRun *run, const LampSource *source, GError **error)
{
    if (!g_str_equal(source->path, "-") &&
        lamp_writer_has_source(run->writer, source->path, source->size)) {
        run->counts->sources++;
        run->counts->unchanged++;
        return TRUE;
    }
    if (!lamp_writer_forget(run->writer, source->path, error))
        return FALSE;
    if (are_patterns(run, source->path)) {
        LampSourceRow row = {.path = source->path, .size_bytes = source->size};
        row.first_time = row.last_time = LAMP_TIME_NONE;
        run->counts->sources++;
        return write_bare_source(run, &row, "done", "the patterns of this run", error);
    }
    g_autoptr(GError) refused = NULL;
    g_autoptr(LampInput) input =
        source->failure == NULL ? lamp_input_open(source->path, &refused) : NULL;
    if (input == NULL) {
        run->counts->sources++;
        return write_failure(run, source->path, source->size,
                             source->failure != NULL ? source->failure : refused->message,
                             error);
    }
    return ingest_members(run, source, input, error);
}

static gboolean
ingest_files(LampIngestRun *run, GPtrArray *sources, GError **error)
{
    for (guint i = 0; i < sources->len; i++)
        run->total_bytes += ((LampSource *) sources->pdata[i])->size;
    for (guint i = 0; i < sources->len; i++) {
        const LampSource *source = sources->pdata[i];
        if (!ingest_file(run, source, error)) {
            g_prefix_error(error, "%s: ", source->path);
            return FALSE;
        }
        run->done_bytes += source->size;
    }
    return TRUE;
}

/* What can be told only when all files are read. */
static gboolean
settle(LampIngestRun *run, GError **error)
{
    const LampTemplateValues *values = run->seen != NULL ? run->seen->templates : NULL;
    return lamp_zone_shifts_settle(run->store, run->logs, run->seen, &run->counts->findings,
                                   error) &&
           lamp_templates_settle(run->store, values, run->known, error) &&
           lamp_identifiers_settle(run->store, run->seen, error);
}

gboolean
lamp_ingest(LampStore *store, const LampIngestOptions *options, LampIngestCounts *out_counts,
            GError **error)
{
    g_autoptr(GArray) logs = g_array_new(FALSE, FALSE, sizeof(LampZoneLog));
    LampIngestRun run = {
        .store = store, .options = options, .counts = out_counts, .logs = logs};
    *out_counts = (LampIngestCounts){0};
    g_autoptr(GPtrArray) sources = lamp_sources_find(options->paths);
    if (sources->len == 0) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_NOTHING,
                    "there is no file below the given paths");
        return FALSE;
    }
    gboolean ok = check_options(options, error) && read_patterns(&run, error) &&
                  read_known(&run, error) && lamp_secrets_find(&run, sources, error) &&
                  lamp_store_stage_begin(store, "ingest", error) &&
                  (run.writer = lamp_writer_new(store, error)) != NULL;
    /* What was there before this run has to be read again. */
    run.seen = ok && lamp_writer_is_empty(run.writer) ? lamp_occurrences_new(store) : NULL;
    ok = ok && ingest_files(&run, sources, error) && lamp_writer_commit(run.writer, error) &&
         settle(&run, error) && lamp_store_stage_end(store, "ingest", error);
    lamp_writer_free(run.writer);
    lamp_occurrences_free(run.seen);
    lamp_key_log_free(run.secrets);
    lamp_known_templates_free(run.known);
    g_free(run.begins);
    g_free(run.family);
    g_free(run.patterns);
    g_free(run.window);
    return ok;
}
