/*
 * What .NET's console logger writes, two lines for a record and, with scopes, three:
 *
 *   2026-11-21T09:11:54.1684567+00:00 fail: Shop.Orders[0]
 *         => SpanId:eee1…, TraceId:5b8e…, ParentId:0… => RequestPath:/orders/7 RequestId:0HM…
 *         the message
 *
 * In: a line, and later the whole record. Out: time (where there is one), severity, category
 * as the logger, the event's number; scopes as fields; what ASP.NET Core tells of a request
 * that it served as a call. Specification: Microsoft.Extensions.Logging.Console,
 * SimpleConsoleFormatter; Microsoft.AspNetCore.Hosting.Diagnostics, event 2.
 */
#include "base/text.h"
#include "ingest/log/forms.h"

/* `info:` with its severity; empty if it is none of the six. */
static LampBytes
level_of(LampBytes line)
{
    static const char *const words[] = {"trce:", "dbug:", "info:", "warn:", "fail:", "crit:"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (lamp_bytes_starts(line, words[i]))
            return lamp_severity_of_word(lamp_bytes(line.at, 4));
    return lamp_bytes(NULL, 0);
}

static gsize
category_length(LampBytes text)
{
    gsize n = 0;
    while (n < text.len && text.at[n] != '\0' &&
           (g_ascii_isalnum((char) text.at[n]) || strchr("._-+`<>,", text.at[n]) != NULL))
        n++;
    return n;
}

/* Where the number ends that begins at @from, with a minus perhaps. */
static gsize
end_of_number(LampBytes text, gsize from)
{
    gsize at = from < text.len && text.at[from] == '-' ? from + 1 : from;
    while (at < text.len && g_ascii_isdigit((char) text.at[at]))
        at++;
    return at;
}

/* `Name.Space.Class[14]`, which nothing but a blank may follow; bytes used, or 0. */
static gsize
take_category(LampBytes text, LampLogRecord *record)
{
    gsize n = category_length(text), end = end_of_number(text, n + 1);
    if (n == 0 || n + 3 > text.len || text.at[n] != '[' || end == n + 1 || end >= text.len ||
        text.at[end] != ']' || (end + 1 < text.len && text.at[end + 1] != ' '))
        return 0;
    record->event.service = lamp_bytes(text.at, n);
    record->is_logger = TRUE;
    lamp_log_record_add(record, "event_number", lamp_bytes(text.at + n + 1, end - n - 1));
    return end + 1;
}

gboolean
lamp_log_parse_dotnet(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { LEVEL = 6 };
    LampBytes rest = line;
    gsize used = 0;
    if (line.len > 20 && g_ascii_isdigit((char) line.at[0])) {
        used = lamp_log_take_time(log, record, line);
        while (used > 0 && used < line.len && line.at[used] == ' ')
            used++;
        rest = lamp_bytes(line.at + used, line.len - used);
    }
    LampBytes severity = level_of(rest);
    if (severity.len == 0 || rest.len < LEVEL + 3 || rest.at[LEVEL - 1] != ' ')
        return FALSE;
    rest = lamp_bytes(rest.at + LEVEL, rest.len - LEVEL);
    gsize category = take_category(rest, record);
    if (category == 0)
        return FALSE;
    record->event.severity = severity;
    rest = lamp_text_trim(lamp_bytes(rest.at + category, rest.len - category));
    record->is_headed = rest.len == 0;
    record->event.message = rest;
    if (rest.len > 0 && !lamp_log_take_dotnet_request(record, rest))
        lamp_log_parse_pairs(log, rest, record);
    return TRUE;
}

/* `SpanId:eee1…, TraceId:5b8e… => RequestPath:/orders/7 RequestId:0HM…`; what has no name is
 * passed over. */
static void
take_scopes(LampLog *log, LampBytes scopes, LampLogRecord *record)
{
    LampCursor at = lamp_cursor(scopes);
    while (at.at < at.end) {
        const guint8 *begin = at.at;
        while (at.at < at.end && *at.at != ' ')
            at.at++;
        LampBytes word = lamp_bytes(begin, (gsize) (at.at - begin));
        if (word.len > 0 && word.at[word.len - 1] == ',')
            word.len--;
        const guint8 *colon = word.len > 2 ? memchr(word.at, ':', word.len) : NULL;
        if (colon != NULL && colon > word.at && colon + 1 < word.at + word.len)
            lamp_log_set_inner(log, record, lamp_bytes(word.at, (gsize) (colon - word.at)),
                               lamp_bytes(colon + 1, (gsize) (word.at + word.len - colon - 1)));
        at.at += at.at < at.end ? 1 : 0;
    }
}

LampBytes
lamp_log_without_indent(LampBytes line)
{
    enum { INDENT = 6 };
    gsize n = 0;
    while (n < INDENT && n < line.len && line.at[n] == ' ')
        n++;
    return lamp_bytes(line.at + n, line.len - n);
}

void
lamp_log_settle_headed(LampLog *log, LampLogRecord *record)
{
    LampBytes *message = &record->event.message;
    while (lamp_bytes_starts(*message, "=> ")) {
        const guint8 *end = memchr(message->at, '\n', message->len);
        gsize used = end == NULL ? message->len : (gsize) (end - message->at);
        take_scopes(log, lamp_bytes(message->at + 3, used - 3), record);
        used += end == NULL ? 0 : 1;
        *message = lamp_bytes(message->at + used, message->len - used);
    }
    if (message->len > 0 && !lamp_log_take_dotnet_request(record, *message))
        lamp_log_parse_pairs(log, *message, record);
}

/* The word that ends before @end, which is moved before it. */
static LampBytes
last_word(LampBytes text, gsize *end)
{
    while (*end > 0 && text.at[*end - 1] == ' ')
        --*end;
    gsize stop = *end;
    while (*end > 0 && text.at[*end - 1] != ' ')
        --*end;
    return lamp_bytes(text.at + *end, stop - *end);
}

/* The first number of three digits from the end that stands behind ` - `. */
static LampBytes
status_of(LampBytes text, gsize end)
{
    for (guint i = 0; i < 5 && end > 0; i++) {
        LampBytes word = last_word(text, &end);
        if (word.len == 3 && end > 2 && lamp_number_or_zero(word) >= 100 &&
            memcmp(text.at + end - 2, "- ", 2) == 0)
            return word;
    }
    return lamp_bytes(NULL, 0);
}

/* `Request finished HTTP/1.1 GET http://host/path - 200 - text/plain 45.1234ms`; before .NET 8
 * type and length of the request stand before the status. */
gboolean
lamp_log_take_dotnet_request(LampLogRecord *record, LampBytes message)
{
    static const char begin[] = "Request finished HTTP/";
    LampLogCall *call = &record->call;
    const guint8 *line_end =
        message.len > sizeof begin ? memchr(message.at, '\n', message.len) : NULL;
    if (line_end != NULL)
        message.len = (gsize) (line_end - message.at);
    if (!lamp_bytes_starts(message, begin))
        return FALSE;
    gsize end = message.len, from = sizeof begin;
    LampBytes duration = last_word(message, &end);
    LampBytes status = status_of(message, end);
    const guint8 *blank = memchr(message.at + from, ' ', message.len - from);
    if (blank == NULL || status.len == 0 || call->method.len > 0 ||
        !lamp_duration_parse(duration, 0, &call->duration_ns, &call->duration_resolution_ns))
        return FALSE;
    LampBytes rest = lamp_bytes(blank + 1, (gsize) (message.at + message.len - blank - 1));
    const guint8 *method_end = memchr(rest.at, ' ', rest.len);
    const guint8 *target = method_end == NULL ? NULL : method_end + 1;
    const guint8 *target_end =
        target == NULL ? NULL : memchr(target, ' ', (gsize) (rest.at + rest.len - target));
    if (target_end == NULL) {
        call->duration_ns = -1;
        return FALSE;
    }
    call->method = lamp_bytes(rest.at, (gsize) (method_end - rest.at));
    call->target = lamp_bytes(target, (gsize) (target_end - target));
    call->status = status;
    lamp_log_record_add(record, "status", status);
    return TRUE;
}
