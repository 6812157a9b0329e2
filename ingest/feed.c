/*
 * Bytes to reader: chooses the reader for a member's content and steps it through a sliding
 * window.
 *
 * The window grows only while a reader cannot take a unit out of it, up to the largest unit
 * that any format has; a reader that is still stuck loses bytes up to the next line, and a
 * finding says so.
 */
#include "base/limits.h"
#include "base/stream-hash.h"
#include "ingest/log/begin-time.h"
#include "ingest/readers.h"
#include "ingest/rotation.h"
#include "ingest/run.h"

#include <fnmatch.h>

#define HEAD_BYTES ((gsize) 65536)
#define FIRST_WINDOW ((gsize) 1 << 20)
#define LARGEST_WINDOW ((gsize) LAMP_LIMIT_PCAPNG_BLOCK + HEAD_BYTES)
#define LEAST_SCORE 10

typedef struct {
    LampMember *member;
    LampInput *input;
    const LampReader *reader;
    gpointer state;
    gsize have;      /* bytes in the window */
    guint64 offset;  /* of the window's first byte in the content */
    gboolean at_end; /* the input has no more */
    LampStreamHash hash;
} Feed;

const LampReader *
lamp_reader_find(const char *name)
{
    for (gsize i = 0; lamp_readers[i] != NULL; i++)
        if (g_str_equal(lamp_readers[i]->name, name))
            return lamp_readers[i];
    return NULL;
}

static void
ensure_window(LampIngestRun *run, gsize size)
{
    if (run->window_size >= size)
        return;
    run->window = g_realloc(run->window, size);
    run->window_size = size;
}

/* Reads up to @size bytes of the content; 0 at its end, or with @error. */
static gsize
read_more(Feed *feed, guint8 *buffer, gsize size, GError **error)
{
    gssize n = lamp_input_read(feed->input, buffer, size, error);
    feed->at_end = n <= 0;
    if (n <= 0)
        return 0;
    lamp_stream_hash_update(&feed->hash, lamp_bytes(buffer, (gsize) n));
    feed->member->row.bytes_read += (guint64) n;
    return (gsize) n;
}

/* The same in UTF-8, of a content in UTF-16. */
static void
fill_decoded(Feed *feed, GError **error)
{
    enum { RAW = 65536 };
    LampIngestRun *run = feed->member->run;
    g_autofree guint8 *raw = g_malloc(RAW);
    while (!feed->at_end && run->window_size - feed->have >= lamp_utf16_room(RAW)) {
        gsize n = read_more(feed, raw, RAW, error);
        feed->have += lamp_utf16_decode(&feed->member->utf16, lamp_bytes(raw, n), feed->at_end,
                                        run->window + feed->have);
    }
}

/* What findings and records lie in. */
static void
show_window(Feed *feed)
{
    feed->member->window = lamp_bytes(feed->member->run->window, feed->have);
    feed->member->window_offset = feed->offset;
}

/* The window's first bytes are read: are they UTF-16? Then they become UTF-8. */
static void
find_encoding(Feed *feed)
{
    LampMember *member = feed->member;
    LampIngestRun *run = member->run;
    lamp_utf16_begin(&member->utf16, lamp_bytes(run->window, MIN(feed->have, HEAD_BYTES)));
    if (!member->utf16.is_active)
        return;
    g_autofree guint8 *raw = g_memdup2(run->window, feed->have);
    ensure_window(run, lamp_utf16_room(feed->have));
    feed->have = lamp_utf16_decode(&member->utf16, lamp_bytes(raw, feed->have), feed->at_end,
                                   run->window);
    show_window(feed);
}

/* Fills the window's free part. A read error ends the content: what came before it is still
 * used. */
static void
fill(Feed *feed)
{
    LampIngestRun *run = feed->member->run;
    g_autoptr(GError) error = NULL;
    if (feed->member->utf16.is_active)
        fill_decoded(feed, &error);
    else
        while (!feed->at_end && feed->have < run->window_size)
            feed->have += read_more(feed, run->window + feed->have,
                                    run->window_size - feed->have, &error);
    show_window(feed);
    if (error == NULL)
        return;
    LampFindingKind kind = error->code == LAMP_SOURCE_ERROR_DAMAGED ? LAMP_FINDING_TRUNCATED
                                                                    : LAMP_FINDING_UNREADABLE;
    const char *code =
        error->code == LAMP_SOURCE_ERROR_BOMB ? "limit.decompression" : "source.read";
    lamp_member_finding(feed->member, kind, code, feed->offset + feed->have, error->message);
    g_free(feed->member->note);
    feed->member->note = g_strdup(error->message);
}

static const LampReader *
best_reader(LampBytes head, const char *path)
{
    const LampReader *best = NULL;
    guint best_score = LEAST_SCORE - 1;
    for (gsize i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(head, path);
        if (score > best_score) {
            best = lamp_readers[i];
            best_score = score;
        }
    }
    return best;
}

/* Does @glob match @path, one of its parts, or its name before the first point? */
static gboolean
matches_part(const char *glob, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    gsize n = g_strv_length(parts);
    if (fnmatch(glob, path, 0) == 0)
        return TRUE;
    for (gsize i = 0; i < n; i++) {
        g_autofree char *stem = g_strndup(parts[i], strcspn(parts[i], "."));
        if (fnmatch(glob, parts[i], 0) == 0 || (i + 1 == n && fnmatch(glob, stem, 0) == 0))
            return TRUE;
    }
    return FALSE;
}

/* Notes that an option was of use. */
static void
note_use(guint64 *used, gsize option)
{
    *used |= (guint64) 1 << MIN(option, (gsize) LAMP_INGEST_NOTED_OPTIONS - 1);
}

/* The zone that @zones give to @host, or to the host that the parts of @path name. */
static const char *
zone_of(const char *const *zones, const char *host, const char *path, guint64 *used)
{
    for (gsize i = 0; zones != NULL && zones[i] != NULL; i++) {
        const char *equals = strchr(zones[i], '=');
        if (equals == NULL)
            return zones[i];
        g_autofree char *glob = g_strndup(zones[i], (gsize) (equals - zones[i]));
        if (host != NULL ? fnmatch(glob, host, 0) == 0 : matches_part(glob, path)) {
            note_use(used, i);
            return equals + 1;
        }
    }
    return NULL;
}

/* Value of the first "GLOB=VALUE" whose glob matches @path or its last part, or of "VALUE"
 * alone. */
static const char *
mapped_value(const char *const *maps, const char *path, guint64 *used)
{
    g_autofree char *base = g_path_get_basename(path);
    for (gsize i = 0; maps != NULL && maps[i] != NULL; i++) {
        const char *equals = strchr(maps[i], '=');
        if (equals == NULL)
            return maps[i];
        g_autofree char *glob = g_strndup(maps[i], (gsize) (equals - maps[i]));
        if (fnmatch(glob, path, 0) == 0 || fnmatch(glob, base, 0) == 0) {
            note_use(used, i);
            return equals + 1;
        }
    }
    return NULL;
}

/* "+02:00", "-0530", "Z" as seconds; the form was checked before. */
static gint32
zone_seconds(const char *zone)
{
    gint32 digits = 0;
    if (zone[0] != '+' && zone[0] != '-')
        return 0;
    for (const char *c = zone + 1; *c != '\0'; c++)
        if (g_ascii_isdigit(*c))
            digits = digits * 10 + (*c - '0');
    gint32 seconds = digits / 100 * 3600 + digits % 100 * 60;
    return zone[0] == '-' ? -seconds : seconds;
}

/* Where the requests are that a log left open, of which @path is the next file. */
static gpointer *
find_begins(LampIngestRun *run, const char *path)
{
    char *family = lamp_rotation_family(path);
    if (run->family == NULL || !g_str_equal(run->family, family))
        g_clear_pointer(&run->begins, g_free);
    g_free(run->family);
    run->family = family;
    return &run->begins;
}

static LampSourceContext
make_context(LampMember *member, const LampSource *source, const char *path)
{
    const LampIngestOptions *options = member->run->options;
    LampIngestCounts *counts = member->run->counts;
    const char *host = mapped_value(options->host_maps, path, &counts->used_host_maps);
    const char *zone = zone_of(options->zones, host, path, &counts->used_zones);
    member->host = g_strdup(host);
    g_clear_pointer(&member->zone, lamp_zone_free);
    if (zone != NULL && g_ascii_isalpha(zone[0]))
        member->zone = lamp_zone_new(zone);
    gint64 modified =
        source->modified != LAMP_TIME_NONE ? source->modified / LAMP_NS_PER_SECOND : 0;
    return (LampSourceContext){
        .path = path,
        .host = member->host,
        .modified = source->modified,
        .zone_seconds = member->zone != NULL ? lamp_zone_offset(member->zone, modified)
                        : zone != NULL       ? zone_seconds(zone)
                                             : 0,
        .zone = member->zone,
        .zone_is_given = zone != NULL,
        .without_templates = options->without_templates,
        .zones_seen = &member->zones_seen,
        .begins = find_begins(member->run, path),
        .pattern = member->run->patterns,
    };
}

/* How the times of a log were read that named no zone, if there were any; @options told of
 * zones. */
static const char *
name_zone(const LampMember *member, const LampSourceContext *context)
{
    if (member->zones_seen == 0)
        return NULL;
    if ((member->zones_seen & LAMP_ZONE_UNNAMED) == 0)
        return "named";
    guint64 used = 0;
    return context->zone_is_given
               ? zone_of(member->run->options->zones, context->host, context->path, &used)
               : "assumed";
}

/* A sink that only counts, for trying a reader on the head. */
typedef struct {
    guint64 understood, rejected;
} Trial;

static void
count_coverage(gpointer owner, guint64 offset G_GNUC_UNUSED, guint64 length,
               gboolean understood)
{
    Trial *trial = owner;
    *(understood ? &trial->understood : &trial->rejected) += length;
}

static void
ignore_packet(gpointer owner G_GNUC_UNUSED, const LampPacket *packet G_GNUC_UNUSED)
{
}

static guint64
ignore_event(gpointer owner G_GNUC_UNUSED, const LampEventRow *event G_GNUC_UNUSED)
{
    return 1;
}

static void
ignore_observation(gpointer owner G_GNUC_UNUSED,
                   const LampObservationRow *observation G_GNUC_UNUSED)
{
}

static void
ignore_finding(gpointer owner G_GNUC_UNUSED, const LampFinding *finding G_GNUC_UNUSED)
{
}

/* Does the user's own format understand most of the head? */
static gboolean
user_format_fits(const LampReader *reader, const LampSourceContext *context, LampBytes head)
{
    Trial trial = {0, 0};
    LampSink sink = {.owner = &trial,
                     .packet = ignore_packet,
                     .event = ignore_event,
                     .observation = ignore_observation,
                     .finding = ignore_finding,
                     .coverage = count_coverage};
    g_autofree guint8 *state = g_malloc0(reader->state_size);
    LampCursor cursor = lamp_cursor(head);
    LampSourceContext tried = *context;
    tried.begins = NULL;
    reader->begin(state, &tried);
    reader->step(state, &cursor, 0, FALSE, &sink);
    reader->end(state, &sink);
    return trial.understood > trial.rejected;
}

static const LampReader *
choose_reader(LampMember *member, const LampSourceContext *context, LampBytes head)
{
    const LampIngestOptions *options = member->run->options;
    if (options->format != NULL)
        return lamp_reader_find(options->format);
    const LampReader *own = context->pattern != NULL ? lamp_reader_find("pattern") : NULL;
    if (own != NULL && user_format_fits(own, context, head))
        return own;
    return best_reader(head, context->path);
}

/* Gives up on bytes that the reader cannot take: to the next line, or all that is there. */
static gsize
skip_stuck(Feed *feed)
{
    const guint8 *window = feed->member->run->window;
    const guint8 *newline = memchr(window, '\n', feed->have);
    gsize skipped = newline == NULL ? feed->have : (gsize) (newline - window) + 1;
    lamp_member_finding(feed->member, LAMP_FINDING_LIMIT, "limit.window", feed->offset,
                        "a unit is larger than the window; its bytes are skipped");
    feed->member->row.rejected++;
    return skipped;
}

static void
slide(Feed *feed, gsize used)
{
    LampIngestRun *run = feed->member->run;
    if (feed->member->utf16.is_active)
        lamp_utf16_slide(&feed->member->utf16, lamp_bytes(run->window, feed->have),
                         feed->offset, used);
    feed->have -= used;
    feed->offset += used;
    if (used > 0 && feed->have > 0)
        memmove(run->window, run->window + used, feed->have);
    show_window(feed);
}

/* One step of the reader; FALSE when the content is over or not for this reader. */
static gboolean
step(Feed *feed)
{
    LampMember *member = feed->member;
    LampCursor cursor = lamp_cursor(lamp_bytes(member->run->window, feed->have));
    LampStep result =
        feed->reader->step(feed->state, &cursor, feed->offset, feed->at_end, &member->sink);
    gsize used = feed->have - lamp_cursor_left(&cursor);
    if (result == LAMP_STEP_END) {
        slide(feed, used);
        return FALSE;
    }
    if (used == 0 && !feed->at_end) {
        if (member->run->window_size < LARGEST_WINDOW)
            ensure_window(member->run, MIN(member->run->window_size * 2, LARGEST_WINDOW));
        else
            used = skip_stuck(feed);
    }
    slide(feed, used);
    return !feed->at_end;
}

/* Bytes that nobody claims are read to the end, so that they are counted and have an identity.
 */
static void
drain(Feed *feed, const char *code, const char *text)
{
    guint64 first = feed->offset;
    guint64 bytes = 0;
    do {
        bytes += feed->have;
        slide(feed, feed->have);
        fill(feed);
    } while (feed->have > 0);
    if (bytes > 0)
        lamp_member_finding(feed->member, LAMP_FINDING_UNKNOWN, code, first, text);
}

static void
tell_progress(Feed *feed)
{
    LampIngestRun *run = feed->member->run;
    lamp_progress_update(run->options->progress, "reading",
                         run->done_bytes + lamp_input_consumed(feed->input), run->total_bytes,
                         "B");
}

static gboolean
run_reader(Feed *feed, const LampSourceContext *context, GError **error)
{
    LampMember *member = feed->member;
    feed->state = g_malloc0(feed->reader->state_size);
    feed->reader->begin(feed->state, context);
    gboolean going = TRUE, interrupted = FALSE;
    while (going && !(interrupted = lamp_interrupt_requested())) {
        fill(feed);
        going = step(feed);
        tell_progress(feed);
    }
    feed->reader->end(feed->state, &member->sink);
    g_clear_pointer(&feed->state, g_free);
    if (interrupted) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_INTERRUPT, "interrupted");
        return FALSE;
    }
    if (feed->have > 0 || !feed->at_end)
        drain(feed, "source.rest", "the rest of the file is in no format that is known");
    return TRUE;
}

gboolean
lamp_member_read(LampMember *member, LampInput *input, const LampSource *source,
                 const char *shown_path, GError **error)
{
    static const char *const kinds[] = {"capture", "log", "flow", "span", "table"};
    Feed feed = {.member = member, .input = input};
    lamp_stream_hash_init(&feed.hash);
    ensure_window(member->run, FIRST_WINDOW);
    fill(&feed);
    find_encoding(&feed);
    LampSourceContext context = make_context(member, source, shown_path);
    LampBytes head = lamp_bytes(member->run->window, MIN(feed.have, HEAD_BYTES));
    feed.reader = feed.have > 0 ? choose_reader(member, &context, head) : NULL;
    gboolean ok = TRUE;
    if (feed.reader != NULL) {
        member->row.format = feed.reader->name;
        member->row.kind = kinds[feed.reader->kind];
        if (feed.reader->kind == LAMP_KIND_LOG)
            context.begun = lamp_log_begin_time(head, &context);
        if (feed.reader == &lamp_reader_kernel)
            context.begun = lamp_log_boot_time(lamp_bytes(member->run->window, feed.have));
        member->zones_seen = 0; /* less those of the tries */
        ok = run_reader(&feed, &context, error);
        if (feed.reader->kind == LAMP_KIND_LOG)
            member->row.zone = name_zone(member, &context);
    } else if (feed.have > 0) {
        drain(&feed, "source.format", "no format is known that fits this file");
    }
    lamp_member_flush(member);
    member->row.content_hash = lamp_stream_hash_finish(&feed.hash);
    member->row.host = member->host;
    return ok;
}
