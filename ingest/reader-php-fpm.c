/*
 * The logs of PHP and of its process manager:
 *
 *   [21-Nov-2026 09:11:54] WARNING: [pool www] child 12 exited on signal 9     php-fpm.log
 *   [21-Nov-2026 09:11:59 Europe/Berlin] PHP Warning:  text in /x.php on line 3  error_log
 *   [21-Nov-2026 09:11:53]  [pool www] pid 1234                                slowlog
 *   script_filename = /var/www/index.php
 *   [0x00007f1c2a815080] sleep() /var/www/index.php:4
 *   10.0.0.7 - alice 21/Nov/2026:09:11:54 +0000 "GET /index.php" 200           access.log
 *   10.0.0.7 - - 21/Nov/2026:09:11:54 +0000 "GET /x" 200 /var/www/x.php 12.345 2048 81.01%
 *
 * In: a line. Out: severity, pool, process. The access log's time is when the request was
 * received (`%t`); with the duration in milliseconds of the format that php-fpm's own
 * configuration proposes it is a call. A slow one is not: it still runs when it is told of.
 * Zones by name are those of error_log's lines; the last 8 that exist are kept.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { ZONES = 8, ZONE_BYTES = 39 };

typedef struct {
    LampLog log;
    guint next_zone; /* the oldest of @zones */
    struct {
        char name[ZONE_BYTES + 1];
        LampZone *zone; /* owned, or NULL: none yet */
    } zones[ZONES];
} Php;

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

/* The zone with this name, or NULL. */
static const LampZone *
zone_of(Php *php, LampBytes name)
{
    if (name.len > ZONE_BYTES || memchr(name.at, '\0', name.len) != NULL)
        return NULL;
    for (guint i = 0; i < ZONES; i++)
        if (php->zones[i].zone != NULL &&
            lamp_bytes_equal(name, lamp_bytes_text(php->zones[i].name)))
            return php->zones[i].zone;
    char text[ZONE_BYTES + 1] = {0};
    memcpy(text, name.at, name.len);
    LampZone *zone = lamp_zone_new(text);
    if (zone == NULL)
        return NULL;
    guint place = php->next_zone++ % ZONES;
    lamp_zone_free(php->zones[place].zone);
    memcpy(php->zones[place].name, text, sizeof text);
    php->zones[place].zone = zone;
    return zone;
}

/* The record's time was read as if it were of UTC, or of the file's zone. */
static void
move_to_zone(Php *php, LampLogRecord *record, LampBytes text, LampBytes name)
{
    LampTimestampScanner plain = {.modified = LAMP_TIME_NONE};
    const LampZone *zone = zone_of(php, name);
    LampTimestamp stamp;
    gint32 offsets[2];
    if (zone == NULL || !lamp_timestamp_scan(&plain, text, &stamp))
        return;
    record->clock = lamp_zone_offsets(zone, stamp.time / LAMP_NS_PER_SECOND, offsets);
    record->event.time = stamp.time - offsets[0] * LAMP_NS_PER_SECOND;
    record->event.zone_is_assumed = FALSE;
}

/* `[21-Nov-2026 09:11:53]`, perhaps with a zone; bytes used, or 0. */
static gsize
take_stamp(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { STAMP = 64 };
    const guint8 *close = line.len > 22 && line.at[0] == '[' && line.at[3] == '-'
                              ? memchr(line.at, ']', MIN(line.len, (gsize) STAMP))
                              : NULL;
    if (close == NULL)
        return 0;
    LampBytes inside = lamp_bytes(line.at + 1, (gsize) (close - line.at - 1));
    gsize used = lamp_log_take_time(log, record, inside);
    if (used == 0 || (used < inside.len && inside.at[used] != ' '))
        return 0;
    if (used < inside.len && log->format->state_size == sizeof(Php))
        move_to_zone((Php *) (gpointer) log, record, inside, after(inside, used + 1));
    return inside.len + 2;
}

/* `[pool www] ` */
static LampBytes
take_pool(LampBytes text, LampLogRecord *record)
{
    const guint8 *close =
        lamp_bytes_starts(text, "[pool ") ? memchr(text.at, ']', text.len) : NULL;
    if (close == NULL)
        return text;
    lamp_log_record_add(record, "pool", lamp_bytes(text.at + 6, (gsize) (close - text.at - 6)));
    return lamp_text_trim(after(text, (gsize) (close - text.at) + 1));
}

/* `PHP Fatal error:  text`, `WARNING: text`; FALSE if the text begins otherwise. */
static gboolean
take_level(LampBytes *text, LampLogRecord *record)
{
    static const struct {
        const char *begin, *severity;
    } levels[] = {{"PHP Fatal error:", "fatal"},
                  {"PHP Parse error:", "error"},
                  {"PHP Recoverable fatal error:", "error"},
                  {"PHP Catchable fatal error:", "error"},
                  {"PHP Core error:", "fatal"},
                  {"PHP Compile error:", "fatal"},
                  {"PHP Warning:", "warn"},
                  {"PHP Notice:", "notice"},
                  {"PHP Deprecated:", "notice"},
                  {"PHP Strict Standards:", "notice"},
                  {"ALERT:", "fatal"},
                  {"ERROR:", "error"},
                  {"WARNING:", "warn"},
                  {"NOTICE:", "notice"},
                  {"DEBUG:", "debug"}};
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++)
        if (lamp_bytes_starts(*text, levels[i].begin)) {
            gsize n = strlen(levels[i].begin);
            record->event.severity = lamp_severity_of_word(lamp_bytes_text(levels[i].severity));
            *text = lamp_text_trim(after(*text, n));
            return TRUE;
        }
    return FALSE;
}

static LampBytes
take_word(LampCursor *at)
{
    while (at->at < at->end && *at->at == ' ')
        at->at++;
    const guint8 *begin = at->at;
    while (at->at < at->end && *at->at != ' ')
        at->at++;
    return lamp_bytes(begin, (gsize) (at->at - begin));
}

/* `/var/www/x.php 12.345 2048 81.01%`, behind the status. */
static void
take_measures(LampCursor *at, LampLogRecord *record)
{
    LampBytes script = take_word(at), duration = take_word(at), size = take_word(at),
              share = take_word(at);
    LampLogCall *call = &record->call;
    guint64 kilobytes;
    if (share.len < 2 || share.at[share.len - 1] != '%' ||
        !lamp_text_parse_u64(size, &kilobytes) ||
        !lamp_duration_parse(duration, LAMP_NS_PER_MS, &call->duration_ns,
                             &call->duration_resolution_ns))
        return;
    lamp_log_record_add(record, "script", script);
    lamp_log_record_add(record, "duration_ms", duration);
    lamp_log_record_add(record, "memory_kb", size);
    lamp_log_record_add(record, "cpu", share);
    call->time_is_begin = TRUE;
}

static gboolean
is_dash(LampBytes word)
{
    return word.len == 1 && word.at[0] == '-';
}

/* `10.0.0.7 - alice 21/Nov/2026:09:11:54 +0000 `, up to the quote at @open. The user may be
 * missing. */
static gboolean
take_writer(LampLog *log, LampCursor at, const guint8 *open, LampLogRecord *record)
{
    enum { DATE = 20 };
    LampLogCall *call = &record->call;
    LampBytes client = take_word(&at), dash = take_word(&at);
    LampCursor ahead = at;
    LampBytes user = take_word(&ahead);
    if (!is_dash(dash) || user.len == 0)
        return FALSE;
    if (user.len < 3 || user.at[2] != '/')
        at = ahead;
    else
        user = dash;
    while (at.at < open && *at.at == ' ')
        at.at++;
    if (at.at + DATE > open || at.at[2] != '/' ||
        lamp_log_take_time(log, record, lamp_cursor_rest(&at)) != (gsize) (open - 1 - at.at))
        return FALSE;
    if (!is_dash(user))
        lamp_log_record_add(record, "user", user);
    if (is_dash(client))
        return TRUE;
    call->has_client = lamp_address_parse(client, &call->client);
    lamp_log_record_add(record, "client", client);
    return TRUE;
}

/* `10.0.0.7 - alice 21/Nov/2026:09:11:54 +0000 "GET /index.php" 200 …`: no brackets, and no
 * version of HTTP. */
static gboolean
parse_access(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { HEAD = 160 };
    LampLogCall *call = &record->call;
    const guint8 *open = memchr(line.at, '"', MIN(line.len, (gsize) HEAD));
    const guint8 *end = line.at + line.len;
    const guint8 *close = open == NULL ? NULL : memchr(open + 1, '"', (gsize) (end - open - 1));
    if (close == NULL || open == line.at || open[-1] != ' ' ||
        !take_writer(log, lamp_cursor(line), open, record))
        return FALSE;
    LampBytes request = lamp_bytes(open + 1, (gsize) (close - open - 1));
    LampCursor at = lamp_cursor(lamp_bytes(close + 1, (gsize) (end - close - 1)));
    lamp_log_record_set_request_line(record, request);
    call->status = take_word(&at);
    lamp_log_record_add(record, "request", request);
    lamp_log_record_add(record, "status", call->status);
    take_measures(&at, record);
    record->event.message = line;
    record->is_request = TRUE;
    return call->status.len == 3 && g_ascii_isdigit((char) call->status.at[0]);
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gsize used = line.len < 24 ? 0 : take_stamp(log, line, record);
    if (used == 0)
        return line.len > 24 && line.at[0] != '[' && parse_access(log, line, record);
    LampBytes text = lamp_text_trim(after(line, used));
    gboolean has_zone = !record->event.zone_is_assumed;
    gboolean has_level = take_level(&text, record);
    LampBytes message = take_pool(text, record);
    gboolean is_slow =
        !has_level && message.at != text.at && lamp_bytes_starts(message, "pid ");
    if (is_slow) {
        record->event.process = after(message, 4);
        record->event.severity = lamp_severity_of_word(lamp_bytes_text("warn"));
        message = lamp_bytes(NULL, 0);
    }
    record->event.message = message;
    return has_level || is_slow || (has_zone && message.len > 0);
}

/* The lines of a slow one. */
static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    (void) log;
    static const char name[] = "script_filename = ";
    if (record->event.message.len > 0 || !lamp_bytes_starts(line, name))
        return FALSE;
    lamp_log_record_add(record, "script", after(line, sizeof name - 1));
    record->event.message = line;
    return TRUE;
}

static void
release(LampLog *log)
{
    Php *php = (Php *) (gpointer) log;
    for (guint i = 0; i < ZONES; i++)
        g_clear_pointer(&php->zones[i].zone, lamp_zone_free);
}

static const LampLogFormat format = {.parse = parse,
                                     .join = join,
                                     .release = release,
                                     .state_size = sizeof(Php),
                                     .joins_lines = TRUE,
                                     .most = 87};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_php_fpm = {
    .name = "php-fpm",
    .summary = "PHP's error log; php-fpm's own, slow and access log",
    .spec = "php-fpm.conf, www.conf of PHP",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(Php),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
