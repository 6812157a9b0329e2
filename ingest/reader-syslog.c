/*
 * syslog as files hold it, RFC 3164 and RFC 5424, with or without the priority.
 *
 *   <34>Oct 11 22:14:15 host su[123]: text
 *   2026-11-21T09:11:58.873+00:00 host tag[pid]: text
 *   <165>1 2026-11-21T09:11:58.003Z host app procid msgid [id key="value"] text
 *
 * The message is read on: HAProxy, JSON, pairs, severities and identifiers at its begin.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/json.h"
#include "ingest/readers.h"

static LampBytes
take_word(LampCursor *at)
{
    const guint8 *start = at->at;
    while (at->at < at->end && *at->at != ' ')
        at->at++;
    LampBytes word = lamp_bytes(start, (gsize) (at->at - start));
    while (at->at < at->end && *at->at == ' ')
        at->at++;
    return word;
}

static gboolean
is_nil(LampBytes word)
{
    return word.len == 0 || (word.len == 1 && word.at[0] == '-');
}

/* `<165>`; the severity is its lowest three bits. */
static gboolean
take_priority(LampCursor *at, LampLogRecord *record)
{
    const guint8 *close = lamp_cursor_left(at) > 4 ? memchr(at->at, '>', 5) : NULL;
    guint64 priority;
    if (close == NULL || *at->at != '<' ||
        !lamp_text_parse_u64(lamp_bytes(at->at + 1, (gsize) (close - at->at - 1)), &priority) ||
        priority > 191)
        return FALSE;
    guint8 digit = (guint8) ('0' + priority % 8);
    record->event.severity = lamp_severity_of_value(lamp_bytes(&digit, 1));
    at->at = close + 1;
    return TRUE;
}

/* `[id key="value" …][…]`; the keys become `id.key`. */
static gboolean
take_structured(LampLog *log, LampCursor *at, LampLogRecord *record)
{
    while (at->at < at->end && *at->at == '[') {
        at->at++;
        while (at->at < at->end && *at->at != ' ' && *at->at != ']')
            at->at++;
        while (at->at < at->end && *at->at != ']') {
            while (at->at < at->end && *at->at == ' ')
                at->at++;
            const guint8 *name = at->at;
            while (at->at < at->end && *at->at != '=' && *at->at != ']')
                at->at++;
            LampBytes key = lamp_bytes(name, (gsize) (at->at - name));
            if (lamp_cursor_left(at) < 2 || at->at[1] != '"')
                return FALSE;
            const guint8 *value = at->at + 2, *p = value;
            while (p < at->end && *p != '"')
                p += *p == '\\' && p + 1 < at->end ? 2 : 1;
            if (p >= at->end)
                return FALSE;
            lamp_log_set_inner(log, record, key, lamp_bytes(value, (gsize) (p - value)));
            at->at = p + 1;
        }
        if (at->at == at->end)
            return FALSE;
        at->at++;
    }
    return TRUE;
}

static gboolean
parse_5424(LampLog *log, LampCursor at, LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    at.at += 2;
    LampBytes time = take_word(&at);
    if (!is_nil(time) && lamp_log_take_time(log, record, time) == 0)
        return FALSE;
    LampBytes host = take_word(&at), service = take_word(&at);
    LampBytes process = take_word(&at), message_id = take_word(&at);
    event->host = is_nil(host) ? lamp_bytes(NULL, 0) : host;
    event->service = is_nil(service) ? lamp_bytes(NULL, 0) : service;
    event->process = is_nil(process) ? lamp_bytes(NULL, 0) : process;
    if (!is_nil(message_id))
        lamp_log_record_add(record, "msgid", message_id);
    if (at.at == at.end)
        return FALSE;
    if (*at.at == '-')
        at.at++;
    else if (!take_structured(log, &at, record))
        return FALSE;
    LampBytes body = lamp_text_trim(lamp_cursor_rest(&at));
    if (lamp_bytes_starts(body, "\xef\xbb\xbf"))
        body = lamp_bytes(body.at + 3, body.len - 3);
    lamp_log_parse_body(log, body, record);
    return TRUE;
}

/* `tag[pid]:` or `tag:`; FALSE if the word is no tag. */
static gboolean
take_tag(LampCursor *at, LampLogRecord *record)
{
    const guint8 *p = at->at, *limit = p + MIN(lamp_cursor_left(at), (gsize) 96);
    while (p < limit && *p != '[' && *p != ':' && *p != ' ' && *p != '(')
        p++;
    LampBytes tag = lamp_bytes(at->at, (gsize) (p - at->at));
    if (p < limit && *p == '(') { /* sshd(pam_unix)[123]: */
        while (p < limit && *p != '[' && *p != ':' && *p != ' ')
            p++;
        tag.len = (gsize) (p - at->at);
    }
    if (tag.len == 0 || p >= limit)
        return FALSE;
    if (*p == '[') {
        const guint8 *close = memchr(p, ']', (gsize) (limit - p));
        if (close == NULL)
            return FALSE;
        record->event.process = lamp_bytes(p + 1, (gsize) (close - p - 1));
        p = close + 1;
    }
    if (p >= limit || *p != ':')
        return FALSE;
    record->event.service = tag;
    at->at = p + 1;
    return TRUE;
}

/* Cisco's devices count their messages and mark a clock that is not set: `123: *Oct 11 …`. */
static void
skip_sequence(LampCursor *at)
{
    const guint8 *p = at->at;
    while (p < at->end && g_ascii_isdigit((char) *p))
        p++;
    if (p > at->at && at->end - p > 2 && p[0] == ':' && p[1] == ' ')
        at->at = p + 2;
    if (lamp_cursor_left(at) > 1 && (*at->at == '*' || *at->at == '.'))
        at->at++;
}

/* Messages as they come over TCP have their length before them (RFC 6587): `95 <34>1 …`. */
static void
skip_length(LampCursor *at)
{
    const guint8 *p = at->at;
    while (p < at->end && g_ascii_isdigit((char) *p))
        p++;
    if (p > at->at && p - at->at <= 5 && at->end - p > 2 && p[0] == ' ' && p[1] == '<')
        at->at = p + 1;
}

/* What syslogd writes about a message that came again has no tag. */
static gboolean
tells_of_repeats(LampBytes text)
{
    return lamp_bytes_starts(text, "last message repeated ") ||
           lamp_bytes_starts(text, "message repeated ");
}

static gboolean
is_host(LampBytes word)
{
    for (gsize i = 0; i < word.len; i++)
        if (!g_ascii_isalnum((char) word.at[i]) && strchr(".-_:", word.at[i]) == NULL)
            return FALSE;
    return word.len > 0 && word.at[word.len - 1] != ':';
}

/* Host and tag, either of which may be missing; FALSE if the line is none of syslog. */
static gboolean
take_writer(LampCursor *at, LampLogRecord *record, gboolean has_priority)
{
    LampCursor before = *at;
    LampBytes host = take_word(at);
    LampCursor behind = *at;
    record->event.host = host;
    if (is_host(host) && take_tag(at, record))
        return lamp_severity_of_word(host).len == 0;
    *at = before; /* written without a host */
    record->event.host = lamp_bytes(NULL, 0);
    if (take_tag(at, record) && (record->event.process.len > 0 || has_priority))
        return TRUE;
    *at = behind;
    record->event.host = host;
    return is_host(host) && (has_priority ? behind.at < behind.end
                                          : tells_of_repeats(lamp_cursor_rest(&behind)));
}

static gboolean
parse_3164(LampLog *log, LampCursor at, LampLogRecord *record, gboolean has_priority)
{
    if (has_priority)
        skip_sequence(&at);
    gsize used = lamp_log_take_time(log, record, lamp_cursor_rest(&at));
    if (used == 0)
        return FALSE;
    at.at += used;
    if (has_priority && at.at < at.end && *at.at == ':')
        at.at++;
    if (at.at == at.end || *at.at++ != ' ' || !take_writer(&at, record, has_priority))
        return FALSE;
    lamp_log_parse_body(log, lamp_cursor_rest(&at), record);
    return TRUE;
}

gboolean
lamp_log_parse_syslog(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampCursor at = lamp_cursor(line);
    if (line.len < 16)
        return FALSE;
    skip_length(&at);
    gboolean has_priority = take_priority(&at, record);
    if (has_priority && lamp_cursor_left(&at) > 2 && at.at[0] == '1' && at.at[1] == ' ')
        return parse_5424(log, at, record);
    return parse_3164(log, at, record, has_priority);
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_syslog, .joins_lines = TRUE, .most = 86};

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

const LampReader lamp_reader_syslog = {
    .name = "syslog",
    .summary = "syslog, RFC 3164 and RFC 5424, with structured data",
    .spec = "RFC 3164, RFC 5424",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
