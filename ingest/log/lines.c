/*
 * Lines, records, events.
 *
 * A record stays unconsumed until the line after it is known not to belong to it; so joining
 * needs no buffer of its own, the record's text is one piece of the window, and the result does
 * not depend on how the bytes were cut. What a step has read ahead is read again by the next
 * one, with the scanner as it was before.
 */
#include "ingest/log/lines.h"
#include "base/same-bytes.h"
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/line-checks.h"

enum { JOINED_BYTES = LAMP_LIMIT_FIELD_VALUE, SAMPLE_BYTES = 80 };

typedef struct {
    LampLog *log;
    LampSink *sink;
    const guint8 *base;
    guint64 base_offset;
    const guint8 *begin; /* of the pending record, NULL if none */
    const guint8 *end;
    guint64 number; /* of the line being read, from 1 */
    guint64 record_number;
    guint pending; /* which of the two records */
} Pass;

static guint64
offset_of(const Pass *pass, const guint8 *at)
{
    return pass->base_offset + (guint64) (at - pass->base);
}

static void
tell(const Pass *pass, LampFindingKind kind, const char *code, const guint8 *at,
     const char *text)
{
    LampFinding finding = {kind, code, offset_of(pass, at), pass->number, text};
    pass->sink->finding(pass->sink->owner, &finding);
}

void
lamp_log_begin(LampLog *log, const LampLogFormat *format, const LampSourceContext *context)
{
    log->format = format;
    log->context = context != NULL ? *context : (LampSourceContext){.modified = LAMP_TIME_NONE};
    lamp_timestamp_scanner_init(&log->scanner, &log->context);
    log->scanner_at_record = log->inner_scanner = log->scanner;
    if (log->context.begins != NULL)
        log->begins = g_steal_pointer(log->context.begins);
}

void
lamp_log_end(gpointer state, LampSink *sink)
{
    LampLog *log = state;
    (void) sink;
    if (log->format->release != NULL)
        log->format->release(log);
    lamp_log_record_release(&log->records[0]);
    lamp_log_record_release(&log->records[1]);
    for (gsize i = 0; i < G_N_ELEMENTS(log->asides); i++)
        g_clear_pointer(&log->asides[i].text.bytes, g_free);
    if (log->context.begins != NULL)
        *log->context.begins = g_steal_pointer(&log->begins);
    g_clear_pointer(&log->begins, g_free);
}

static LampMeaning
meaning_at(LampLog *log, LampBytes key)
{
    guint position = log->key_position++;
    if (position >= LAMP_LOG_KEYS || key.len > LAMP_LOG_KEY_BYTES)
        return lamp_meaning_of(key);
    if (log->keys[position].length != key.len ||
        !lamp_bytes_same(log->keys[position].key, key.at, key.len)) {
        log->keys[position].length = (guint8) key.len;
        memcpy(log->keys[position].key, key.at, key.len);
        log->keys[position].meaning = lamp_meaning_of(key);
    }
    return log->keys[position].meaning;
}

void
lamp_log_set(LampLog *log, LampLogRecord *record, LampBytes key, LampBytes value)
{
    if (key.len > 0)
        lamp_log_record_set_meaning(record, &log->scanner, meaning_at(log, key), key, value);
}

void
lamp_log_set_inner(LampLog *log, LampLogRecord *record, LampBytes key, LampBytes value)
{
    if (key.len == 0)
        return;
    LampMeaning meaning = meaning_at(log, key);
    if (meaning.kind >= LAMP_MEANS_DURATION)
        lamp_log_record_set_meaning(record, &log->scanner, meaning, key, value);
    else
        lamp_log_record_add_field(record, key, value);
}

gsize
lamp_log_take_time(LampLog *log, LampLogRecord *record, LampBytes text)
{
    LampTimestamp stamp;
    if (!lamp_timestamp_scan(&log->scanner, text, &stamp))
        return 0;
    lamp_log_record_set_time(record, &log->scanner, &stamp);
    return stamp.used;
}

static gboolean
parse_line(LampLog *log, LampBytes line, LampLogRecord *record)
{
    log->key_position = 0;
    lamp_log_record_clear(record, line.len);
    return log->format->parse(log, lamp_log_without_colours(record, line), record) ||
           lamp_log_parse_any(log, line, record);
}

gboolean
lamp_log_looks_continued(LampBytes line)
{
    static const char *const begins[] = {
        " ", "\t", "}", ")", "Caused by:", "Traceback", "...", "at ", "During handling"};
    for (gsize i = 0; i < G_N_ELEMENTS(begins); i++)
        if (lamp_bytes_starts(line, begins[i]))
            return TRUE;
    return FALSE;
}

static void
emit_pending(Pass *pass)
{
    if (pass->begin == NULL)
        return;
    LampLog *log = pass->log;
    guint64 offset = offset_of(pass, pass->begin);
    guint64 length = (guint64) (pass->end - pass->begin);
    LampBytes text = lamp_bytes(pass->begin, (gsize) length);
    LampLogPlace place = {offset, pass->number, pass->sink};
    if (!log->format->holds_bytes)
        lamp_log_check_bytes(&place, text);
    if (log->format->settle != NULL)
        log->format->settle(log, &log->records[pass->pending]);
    lamp_log_check_clock(&place, log->records[pass->pending].clock);
    place.number = pass->record_number;
    lamp_log_check_time(log, &place, &log->records[pass->pending], text);
    lamp_log_emit(log, &log->records[pass->pending], offset, length, pass->sink);
    lamp_log_forget_aside(log, &log->records[pass->pending]);
    pass->sink->coverage(pass->sink->owner, offset, length, TRUE);
    pass->begin = NULL;
}

/* Is `text` the last thing of the pending record's text, line ends aside? */
static gboolean
is_last(const Pass *pass, LampBytes text)
{
    return text.len > 0 && text.at >= pass->begin && text.at + text.len <= pass->end &&
           pass->end - (text.at + text.len) <= 2;
}

/* @line goes on with the record's statement, which may be a field, too. */
static void
grow_statement(LampLogRecord *record, LampBytes line)
{
    LampBytes *statement = &record->call.statement;
    statement->len = (gsize) (line.at + line.len - statement->at);
    for (gsize i = 0; i < record->event.field_count; i++)
        if (record->fields[i].value.at == statement->at)
            record->fields[i].value.len = MIN(statement->len, (gsize) LAMP_LIMIT_FIELD_VALUE);
}

static gboolean
join_to_pending(Pass *pass, LampBytes line, const guint8 *end, gboolean by_format)
{
    LampLog *log = pass->log;
    LampLogRecord *record = &log->records[pass->pending];
    LampEventRow *event = &record->event;
    LampBytes *statement = &record->call.statement;
    if (pass->begin == NULL)
        return FALSE;
    gsize length = (gsize) (end - pass->begin);
    if (length > JOINED_BYTES) {
        tell(pass, LAMP_FINDING_LIMIT, "limit.FIELD_VALUE", line.at,
             "the record has too many continuation lines; the rest is left out");
        emit_pending(pass);
        log->is_full = TRUE;
        return FALSE;
    }
    /* The message, or the statement, grows where it is the last thing of the record's text. */
    if (!by_format && is_last(pass, event->message))
        event->message.len = (gsize) (line.at + line.len - event->message.at);
    else if (!by_format && event->message.len == 0)
        event->message = line;
    else if (!by_format && lamp_log_is_copied(record, event->message))
        lamp_log_append_line(record, line);
    else if (!by_format && is_last(pass, *statement))
        grow_statement(record, line);
    pass->end = end;
    return TRUE;
}

static void
reject(Pass *pass, LampBytes line, const guint8 *end)
{
    emit_pending(pass);
    LampLogPlace place = {offset_of(pass, line.at), pass->number, pass->sink};
    lamp_log_check_bytes(&place, line);
    guint64 length = (guint64) (end - line.at);
    pass->sink->coverage(pass->sink->owner, offset_of(pass, line.at), length, FALSE);
    g_autofree char *shown =
        lamp_text_escape(lamp_bytes(line.at, MIN(line.len, (gsize) SAMPLE_BYTES)));
    g_autofree char *text =
        g_strdup_printf("no known form, and no time in the line; it is left out: %s%s", shown,
                        line.len > SAMPLE_BYTES ? "…" : "");
    tell(pass, LAMP_FINDING_UNKNOWN, "log.line", line.at, text);
}

/* Is the line none of a record, but of the file? */
static gboolean
takes_header(Pass *pass, LampBytes line)
{
    const LampLogFormat *format = pass->log->format;
    gboolean is_banner = format->is_banner != NULL && format->is_banner(line);
    /* A record was read by the header before. */
    if (is_banner || (format->header != NULL && (pass->number == 1 || line.at[0] == '#')))
        emit_pending(pass);
    return is_banner ||
           (format->header != NULL && format->header(pass->log, line, pass->number == 1));
}

/* A part of which the rest comes behind lines of another stream, as the one that was just read.
 */
static void
set_pending_aside(Pass *pass)
{
    LampLog *log = pass->log;
    const LampLogRecord *next = &log->records[!pass->pending];
    guint64 offset = pass->begin == NULL ? 0 : offset_of(pass, pass->begin);
    if (pass->begin == NULL || !log->format->keeps_parts || next->event.field_count == 0 ||
        !lamp_log_set_aside(log, &log->records[pass->pending], next->fields[0].value, offset))
        return;
    pass->sink->coverage(pass->sink->owner, offset, (guint64) (pass->end - pass->begin), TRUE);
    pass->begin = NULL;
}

/* One line; [line.at, end) are its bytes with the line end. */
static void
read_line(Pass *pass, LampBytes line, const guint8 *end)
{
    LampLog *log = pass->log;
    const guint8 *begin = line.at;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (pass->number == 1 && lamp_bytes_starts(line, "\xef\xbb\xbf"))
        line = lamp_bytes(line.at + 3, line.len - 3);
    line = lamp_log_without_zeros(line);
    if (lamp_text_trim(line).len == 0) {
        if (pass->begin != NULL)
            pass->end = end;
        else
            pass->sink->coverage(pass->sink->owner, offset_of(pass, begin),
                                 (guint64) (end - begin), TRUE);
        return;
    }
    const LampLogFormat *format = log->format;
    if (takes_header(pass, line)) {
        pass->sink->coverage(pass->sink->owner, offset_of(pass, begin), (guint64) (end - begin),
                             TRUE);
        return;
    }
    LampLogRecord *pending = &log->records[pass->pending];
    LampTimestampScanner scanner = log->scanner;
    if (pass->begin != NULL && format->join != NULL && format->join(log, line, pending) &&
        join_to_pending(pass, line, end, TRUE))
        return;
    if (parse_line(log, line, &log->records[!pass->pending])) {
        set_pending_aside(pass);
        emit_pending(pass);
        pass->pending = !pass->pending;
        pass->begin = begin;
        pass->end = end;
        pass->record_number = pass->number;
        log->scanner_at_record = scanner;
        log->is_full = FALSE;
        return;
    }
    if ((format->joins_lines || lamp_log_looks_continued(line)) && !log->is_full &&
        join_to_pending(pass, line, end, FALSE))
        return;
    if (log->is_full)
        pass->sink->coverage(pass->sink->owner, offset_of(pass, begin), (guint64) (end - begin),
                             TRUE);
    else
        reject(pass, lamp_bytes(begin, line.len), end);
}

/* What is read of a line that is longer than any may be: its begin, as a record. */
static void
read_head(Pass *pass, LampCursor *at)
{
    LampLog *log = pass->log;
    gsize n = LAMP_LIMIT_LINE;
    while (n > LAMP_LIMIT_LINE - 4 && (at->at[n] & 0xc0) == 0x80) /* not inside a letter */
        n--;
    emit_pending(pass);
    read_line(pass, lamp_bytes(at->at, n), at->at + n);
    log->has_head = pass->begin != NULL;
    emit_pending(pass);
    log->is_full = log->has_head; /* what continues it belongs to the rest */
    at->at += n;
}

/* Tells of the rest of the line, which ends at @end. */
static void
tell_rest(const Pass *pass, const guint8 *end)
{
    LampLog *log = pass->log;
    guint64 offset = offset_of(pass, end) - log->skipping;
    g_autofree char *text = g_strdup_printf(
        "the line is longer than any log's; %s, and its other %" G_GUINT64_FORMAT
        " bytes, from here on, stay in the file",
        log->has_head ? "its begin is an event" : "its begin is in no known form",
        log->skipping);
    LampFinding finding = {LAMP_FINDING_LIMIT, "limit.LINE", offset, pass->number, text};
    pass->sink->finding(pass->sink->owner, &finding);
    pass->sink->coverage(pass->sink->owner, offset, log->skipping, FALSE);
}

/* Bytes of a line without end that is longer than any line may be. FALSE: more are needed. */
static gboolean
skip_long_line(Pass *pass, LampCursor *at, gboolean last)
{
    LampLog *log = pass->log;
    if (log->skipping == 0 && lamp_cursor_left(at) <= LAMP_LIMIT_LINE)
        return FALSE;
    if (log->skipping == 0)
        read_head(pass, at);
    gsize left = lamp_cursor_left(at);
    const guint8 *nl = left > 0 ? memchr(at->at, '\n', left) : NULL;
    const guint8 *end = nl != NULL ? nl + 1 : at->end;
    log->skipping += (guint64) (end - at->at);
    at->at = end;
    if (nl != NULL || last) {
        tell_rest(pass, end);
        log->skipping = 0;
    }
    return TRUE;
}

static gboolean
take_line(Pass *pass, LampCursor *at, gboolean last)
{
    LampBytes line;
    const guint8 *begin = at->at;
    pass->number++;
    if (pass->log->skipping > 0 || !lamp_cursor_line(at, &line)) {
        if (pass->log->skipping > 0 || lamp_cursor_left(at) > LAMP_LIMIT_LINE) {
            (void) skip_long_line(pass, at, last);
            /* The line is counted once, when its end is seen. */
            pass->number -= pass->log->skipping > 0;
            return at->at > begin;
        }
        if (!last || at->at == at->end) {
            pass->number--;
            return FALSE;
        }
        line = lamp_cursor_rest(at);
        at->at = at->end;
    } else if (line.len > LAMP_LIMIT_LINE) {
        at->at = begin;
        return skip_long_line(pass, at, last);
    }
    read_line(pass, line, at->at);
    return TRUE;
}

LampStep
lamp_log_step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    LampLog *log = state;
    Pass pass = {.log = log,
                 .sink = sink,
                 .base = in->at,
                 .base_offset = offset,
                 .number = log->line_number};
    LampCursor at = *in;
    log->records[0].has_aside = log->records[1].has_aside = FALSE; /* none is pending */
    if (offset == 0 && log->line_number == 0)
        lamp_log_find_date_order(log, lamp_cursor_rest(in), sink);
    while (!sink->stop && at.at < at.end && take_line(&pass, &at, last))
        continue;
    if (last && !sink->stop) {
        emit_pending(&pass);
        (void) skip_long_line(&pass, &at, TRUE);
        lamp_log_emit_asides(log, sink);
    }
    if (pass.begin != NULL) {
        at.at = pass.begin;
        pass.number = pass.record_number - 1;
        log->scanner = log->scanner_at_record;
    }
    log->line_number = pass.number;
    in->at = at.at;
    return LAMP_STEP_NEED_BYTES;
}

static void
count_line(LampLog *log, LampBytes line, guint *understood, guint *seen)
{
    LampLogRecord *next = &log->records[*understood % 2],
                  *before = &log->records[*understood % 2 == 0];
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (lamp_bytes_starts(line, "\xef\xbb\xbf"))
        line = lamp_bytes(line.at + 3, line.len - 3);
    if (lamp_text_trim(line).len == 0)
        return;
    if (log->format->header != NULL &&
        log->format->header(log, line, *seen == 0 && log->line_number++ == 0))
        return;
    log->key_position = 0;
    lamp_log_record_clear(next, line.len);
    gboolean fits = log->format->parse(log, lamp_log_without_colours(next, line), next);
    if (!fits && *understood > 0 &&
        (lamp_log_looks_continued(line) ||
         (log->format->join != NULL && log->format->join(log, line, before))))
        return;
    *seen += 1;
    *understood += fits ? 1 : 0;
}

guint
lamp_log_probe(const LampLogFormat *format, LampBytes head)
{
    enum { LINES = 64 };
    guint understood = 0, seen = 0;
    LampCursor at = lamp_cursor(head);
    LampBytes line;
    if (head.len == 0)
        return 0;
    LampLog *log = g_malloc0(MAX(sizeof(LampLog), format->state_size));
    lamp_log_begin(log, format, NULL);
    while (seen < LINES && lamp_cursor_line(&at, &line))
        count_line(log, line, &understood, &seen);
    if (seen == 0 && at.at < at.end)
        count_line(log, lamp_cursor_rest(&at), &understood, &seen);
    lamp_log_end(log, NULL);
    g_free(log);
    return seen == 0 ? 0 : format->most * understood / seen;
}
