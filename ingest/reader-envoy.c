/*
 * Access log of Envoy in its default form, and of Istio, which puts more into it.
 *
 *   [start] "GET /path HTTP/2" code flags received sent duration upstream-time "forwarded"
 *   "agent" "request id" "authority" "upstream"
 *
 * Istio has details, a failure reason and a quoted text between flags and the four numbers, and
 * cluster and addresses after the upstream. The time is the begin of the request; durations are
 * in milliseconds. So a line is a span and, with an upstream, a call to it that took the
 * upstream time. Specification: Envoy, "Access logging", default format string.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { NUMBERS = 4, QUOTED = 5 };

static LampBytes
take_token(LampCursor *at, gboolean *out_quoted)
{
    while (at->at < at->end && *at->at == ' ')
        at->at++;
    *out_quoted = at->at < at->end && *at->at == '"';
    at->at += *out_quoted ? 1 : 0;
    const guint8 *start = at->at;
    while (at->at < at->end && *at->at != (*out_quoted ? '"' : ' '))
        at->at++;
    LampBytes token = lamp_bytes(start, (gsize) (at->at - start));
    at->at += at->at < at->end && *out_quoted ? 1 : 0;
    return token;
}

/* Bytes received, bytes sent, duration, upstream time: the first four numbers (or `-`) in a row
 * before a quoted text. */
static gboolean
take_numbers(LampCursor *at, LampBytes numbers[NUMBERS])
{
    guint count = 0;
    for (guint tokens = 0; tokens < 12 && count < NUMBERS; tokens++) {
        gboolean quoted;
        guint64 value;
        LampBytes token = take_token(at, &quoted);
        if (token.len == 0 && !quoted)
            return FALSE;
        gboolean number = !quoted && (lamp_text_parse_u64(token, &value) ||
                                      (count == NUMBERS - 1 && token.len == 1));
        if (number)
            numbers[count++] = token;
        else
            count = 0;
    }
    return count == NUMBERS;
}

static LampBytes
without_scheme(LampBytes address)
{
    gssize scheme = lamp_text_find(address, "://");
    return scheme < 0 ? address
                      : lamp_bytes(address.at + scheme + 3, address.len - (gsize) scheme - 3);
}

static void
set_call(LampLogRecord *record, const LampBytes numbers[NUMBERS])
{
    LampLogCall *call = &record->call;
    gint64 resolution;
    call->time_is_begin = TRUE;
    call->bytes_received = lamp_number_or_zero(numbers[0]);
    call->bytes_sent = lamp_number_or_zero(numbers[1]);
    if (!lamp_duration_parse(numbers[2], LAMP_NS_PER_MS, &call->duration_ns,
                             &call->duration_resolution_ns))
        call->duration_ns = -1;
    gint64 upstream;
    if (!lamp_duration_parse(numbers[3], LAMP_NS_PER_MS, &upstream, &resolution))
        return;
    /* As seconds, which is what the upstream's place holds. */
    guint8 *text = lamp_log_record_take(record, 32);
    if (text == NULL)
        return;
    gint64 ms = upstream / LAMP_NS_PER_MS;
    int n = g_snprintf((char *) text, 32, "%" G_GINT64_FORMAT ".%03d", ms / 1000,
                       (int) (ms % 1000));
    call->upstream_time = lamp_bytes(text, (gsize) n);
}

static void
take_names(LampCursor *at, LampLogRecord *record)
{
    static const char *const slots[QUOTED] = {"x_forwarded_for", "user_agent", "request_id",
                                              "authority", "upstream_host"};
    for (guint i = 0; i < QUOTED; i++) {
        gboolean quoted;
        LampBytes text = take_token(at, &quoted);
        if (!quoted)
            return;
        if (text.len == 0 || (text.len == 1 && *text.at == '-'))
            continue;
        lamp_log_record_add(record, slots[i], text);
        if (i == 2)
            record->call.request_id = text;
        if (i == 4)
            record->call.upstream_address = without_scheme(text);
    }
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes numbers[NUMBERS];
    gboolean quoted;
    if (line.len < 40 || line.at[0] != '[')
        return FALSE;
    gsize used = lamp_log_take_time(log, record, lamp_bytes(line.at + 1, line.len - 1));
    LampCursor at = lamp_cursor(line);
    if (used == 0 || !lamp_cursor_skip(&at, used + 1) || at.at + 2 >= at.end || *at.at++ != ']')
        return FALSE;
    LampBytes request = take_token(&at, &quoted);
    if (!quoted)
        return FALSE;
    LampBytes status = take_token(&at, &quoted), flags = take_token(&at, &quoted);
    guint64 code;
    if (!lamp_text_parse_u64(status, &code) || code > 999 || flags.len == 0 ||
        !take_numbers(&at, numbers))
        return FALSE;
    if (lamp_bytes_starts(request, "- ")) { /* TCP: the connection is the call */
        record->call.protocol = lamp_bytes_text("tcp");
        record->call.operation = lamp_bytes_text("connection");
    } else {
        lamp_log_record_set_request_line(record, request);
        record->call.status = status;
        record->call.upstream_status = status;
    }
    lamp_log_record_add(record, "request", request);
    lamp_log_record_add(record, "status", status);
    if (flags.len > 1 || *flags.at != '-')
        lamp_log_record_add(record, "response_flags", flags);
    set_call(record, numbers);
    take_names(&at, record);
    record->event.message = line;
    record->is_request = TRUE;
    return TRUE;
}

static const LampLogFormat format = {.parse = parse, .most = 90};

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

const LampReader lamp_reader_envoy = {
    .name = "envoy",
    .summary = "Envoy's and Istio's access log",
    .spec = "Envoy documentation, Access logging, default format string",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
