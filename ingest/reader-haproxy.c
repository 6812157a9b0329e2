/*
 * HAProxy's HTTP and TCP logs, with or without a syslog header before it (the syslog reader
 * hands its messages here).
 *
 *   client:port [accept date] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes
 *   cookie cookie flags connections queues {captured headers} "request"
 *   client:port [accept date] frontend backend/server Tw/Tc/Tt bytes flags connections queues
 *   client:port [accept date] frontend/bind: what went wrong
 *
 * The date is when the request was accepted, with milliseconds; the timers say when it had
 * arrived (TR), left its queue (Tw), reached the server (Tc), when the response's head came
 * (Tr) and when all was over (Ta). So one line is a span of HAProxy and a call to the server.
 * A timer of -1 says that this step was never reached. With `option logasap` lines are written
 * when the response's head is there: total time and bytes so far have a `+` before them, and
 * the call is that long at least. `option httpslog` appends error codes and names of TLS.
 * Specification: HAProxy configuration manual, section 8.2.3.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { TIMERS = 5, TCP_TIMERS = 3 };

static LampBytes
take_token(LampCursor *at)
{
    while (at->at < at->end && *at->at == ' ')
        at->at++;
    const guint8 *start = at->at;
    while (at->at < at->end && *at->at != ' ')
        at->at++;
    return lamp_bytes(start, (gsize) (at->at - start));
}

/* @count numbers between slashes; `+` before the last (log of an unfinished transfer) is
 * allowed. */
static gboolean
parse_timers(LampBytes text, guint count, gint64 timers[TIMERS])
{
    LampCursor at = lamp_cursor(text);
    for (guint i = 0; i < count; i++) {
        const guint8 *start = at.at;
        while (at.at < at.end && *at.at != '/')
            at.at++;
        if (!lamp_text_parse_i64(lamp_bytes(start, (gsize) (at.at - start)), &timers[i]))
            return FALSE;
        if ((at.at == at.end) != (i == count - 1))
            return FALSE;
        at.at += at.at < at.end;
    }
    return TRUE;
}

/* Bytes sent, so far if a `+` is before them. */
static gboolean
parse_size(LampBytes text, guint64 *out_bytes)
{
    gsize sign = text.len > 0 && text.at[0] == '+' ? 1 : 0;
    return lamp_text_parse_u64(lamp_bytes(text.at + sign, text.len - sign), out_bytes);
}

/* Sum of the first @n timers in ns; -1 where a step was not reached. */
static gint64
sum_of(const gint64 timers[TIMERS], guint n)
{
    gint64 sum = 0;
    for (guint i = 0; i < n; i++) {
        if (timers[i] < 0 || timers[i] > G_MAXINT32)
            return -1;
        sum += timers[i];
    }
    return sum * LAMP_NS_PER_MS;
}

static LampBytes
server_of(LampBytes backend)
{
    const guint8 *slash = memchr(backend.at, '/', backend.len);
    return lamp_bytes(slash + 1, (gsize) (backend.at + backend.len - slash - 1));
}

static void
set_call(LampLogRecord *record, const gint64 timers[TIMERS], LampBytes server)
{
    LampLogCall *call = &record->call;
    gboolean reached = server.len > 0 && server.at[0] != '<';
    call->time_is_begin = TRUE;
    call->duration_ns = timers[4] < 0 ? -1 : MIN(timers[4], G_MAXINT32) * LAMP_NS_PER_MS;
    call->duration_resolution_ns = LAMP_NS_PER_MS;
    call->request_ns = sum_of(timers, 1);
    if (reached) {
        call->peer = server;
        call->peer_begin_ns = sum_of(timers, 3);
        call->peer_first_ns = sum_of(timers, 4);
    }
}

/* `{…}` of captured request and response headers: each value between bars. */
static void
take_captured(LampCursor *at, LampLogRecord *record)
{
    static const char *const slots[] = {"captured_request", "captured_response"};
    for (guint i = 0; i < G_N_ELEMENTS(slots); i++) {
        while (at->at < at->end && *at->at == ' ')
            at->at++;
        const guint8 *close = at->at < at->end && *at->at == '{'
                                  ? memchr(at->at, '}', lamp_cursor_left(at))
                                  : NULL;
        if (close == NULL)
            return;
        const guint8 *p = at->at + 1;
        while (p < close) {
            const guint8 *bar = memchr(p, '|', (gsize) (close - p));
            const guint8 *stop = bar != NULL ? bar : close;
            lamp_log_record_add(record, slots[i], lamp_bytes(p, (gsize) (stop - p)));
            p = stop + 1;
        }
        at->at = close + 1;
    }
}

static gboolean
take_request(LampCursor *at, LampLogRecord *record)
{
    const guint8 *open = at->at < at->end ? memchr(at->at, '"', lamp_cursor_left(at)) : NULL;
    const guint8 *close = open != NULL ? memrchr(at->at, '"', lamp_cursor_left(at)) : NULL;
    if (open == NULL || close == open)
        return FALSE;
    LampBytes request = lamp_bytes(open + 1, (gsize) (close - open - 1));
    if (!lamp_bytes_starts(request, "<BADREQ>"))
        lamp_log_record_set_request_line(record, request);
    lamp_log_record_add(record, "request", request);
    at->at = close + 1;
    return TRUE;
}

/* `0/0000000000000000/0/0/0 shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384`, of `option httpslog`.
 */
static void
take_tls(LampCursor *at, LampLogRecord *record)
{
    LampBytes codes = take_token(at), names = take_token(at);
    if (lamp_text_find(names, "/TLSv") < 0)
        return;
    lamp_log_record_add(record, "tls_errors", codes);
    lamp_log_record_add(record, "tls", names);
}

/* The rest of a line of the TCP log, from the timers on: the connection is the call. */
static gboolean
take_connection(LampCursor *at, LampLogRecord *record, LampBytes backend, LampBytes times)
{
    static const char *const slots[] = {"termination_state", "connections", "queues"};
    gint64 timers[TIMERS];
    LampLogCall *call = &record->call;
    LampBytes size = take_token(at);
    if (!parse_timers(times, TCP_TIMERS, timers) || !parse_size(size, &call->bytes_sent))
        return FALSE;
    /* waiting, connecting, total; as for HTTP, with no time for heads */
    const gint64 as_http[TIMERS] = {0, timers[0], timers[1], 0, timers[2]};
    set_call(record, as_http, server_of(backend));
    call->protocol = lamp_bytes_text("tcp");
    call->operation = lamp_bytes_text("connection");
    lamp_log_record_add(record, "timers", times);
    for (guint i = 0; i < G_N_ELEMENTS(slots); i++)
        lamp_log_record_add(record, slots[i], take_token(at));
    return TRUE;
}

/* The rest of a line of the HTTP log, from the timers on. */
static gboolean
take_exchange(LampCursor *at, LampLogRecord *record, LampBytes backend, LampBytes times)
{
    static const char *const slots[] = {"request_cookie", "response_cookie",
                                        "termination_state", "connections", "queues"};
    gint64 timers[TIMERS];
    guint64 bytes;
    LampBytes status = take_token(at), size = take_token(at);
    if (!parse_timers(times, TIMERS, timers) || !parse_size(size, &bytes))
        return FALSE;
    record->call.bytes_sent = bytes;
    record->call.status = status;
    lamp_log_record_add(record, "status", status);
    lamp_log_record_add(record, "timers", times);
    for (guint i = 0; i < G_N_ELEMENTS(slots); i++) {
        LampBytes value = take_token(at);
        if (value.len != 1 || value.at[0] != '-')
            lamp_log_record_add(record, slots[i], value);
    }
    set_call(record, timers, server_of(backend));
    take_captured(at, record);
    if (take_request(at, record))
        take_tls(at, record);
    return TRUE;
}

static LampBytes
take_quoted_name(LampCursor *at)
{
    LampBytes token = take_token(at);
    if (token.len < 2 || token.at[0] != '"' || token.at[token.len - 1] != '"')
        return lamp_bytes(NULL, 0);
    return lamp_bytes(token.at + 1, token.len - 2);
}

/* `33317 655 "frontend" "backend" "server" 10 0 30 69 109 ---- 1 1 1 1 0 0 0 …` */
gboolean
lamp_log_take_haproxy_clf(LampCursor *in, LampLogRecord *record)
{
    static const char *const slots[] = {"frontend", "backend", "server"};
    LampCursor at = *in;
    LampLogCall *call = &record->call;
    guint64 port, ms;
    LampBytes names[G_N_ELEMENTS(slots)];
    gint64 timers[TIMERS];
    if (!lamp_text_parse_u64(take_token(&at), &port) || port > G_MAXUINT16 ||
        !lamp_text_parse_u64(take_token(&at), &ms) || ms > 999)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if ((names[i] = take_quoted_name(&at)).len == 0)
            return FALSE;
    for (guint i = 0; i < TIMERS; i++)
        if (!lamp_text_parse_i64(take_token(&at), &timers[i]))
            return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        lamp_log_record_add(record, slots[i], names[i]);
    lamp_log_record_add(record, "termination_state", take_token(&at));
    call->client.port = (guint16) port;
    record->event.time += (gint64) ms * LAMP_NS_PER_MS;
    record->event.resolution_ns = LAMP_NS_PER_MS;
    set_call(record, timers, names[2]);
    in->at = in->end;
    return TRUE;
}

/* `https-in/1: SSL handshake failure`: the connection came to nothing. */
static gboolean
take_failure(LampLogRecord *record, LampBytes frontend, LampBytes message)
{
    gboolean is_place = frontend.len > 3 && frontend.at[frontend.len - 1] == ':' &&
                        memchr(frontend.at, '/', frontend.len) != NULL;
    message = lamp_text_trim(message);
    if (!is_place || message.len == 0)
        return FALSE;
    lamp_log_record_add(record, "frontend", lamp_bytes(frontend.at, frontend.len - 1));
    record->event.message = message;
    return TRUE;
}

/* `client:port [accept date]`, with @at behind it. */
static gboolean
take_accept(LampLog *log, LampBytes line, LampLogRecord *record, LampCursor *at)
{
    const guint8 *open = line.len > 60 ? memchr(line.at, '[', MIN(line.len, 64)) : NULL;
    if (open == NULL || open - line.at < 9 || open[-1] != ' ' || open[-2] == ' ')
        return FALSE;
    LampBytes client = lamp_bytes(line.at, (gsize) (open - line.at - 1));
    LampBytes rest = lamp_bytes(open + 1, (gsize) (line.at + line.len - open - 1));
    if (rest.len == 0 || !g_ascii_isdigit((char) rest.at[0]))
        return FALSE;
    gsize used = lamp_log_take_time(log, record, rest);
    if (used == 0 || used >= rest.len || rest.at[used] != ']' ||
        !lamp_address_parse(client, &record->call.client) || record->call.client.port == 0)
        return FALSE;
    record->call.has_client = TRUE;
    lamp_log_record_add(record, "client", client);
    *at = lamp_cursor(lamp_bytes(rest.at + used + 1, rest.len - used - 1));
    return TRUE;
}

gboolean
lamp_log_parse_haproxy(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampCursor at;
    if (!take_accept(log, line, record, &at))
        return FALSE;
    LampBytes frontend = take_token(&at);
    if (take_failure(record, frontend, lamp_cursor_rest(&at)))
        return TRUE;
    LampBytes backend = take_token(&at), times = take_token(&at);
    if (backend.len == 0 || memchr(backend.at, '/', backend.len) == NULL)
        return FALSE;
    lamp_log_record_add(record, "frontend", frontend);
    lamp_log_record_add(record, "backend", backend);
    LampCursor before = at;
    if (!take_exchange(&at, record, backend, times)) {
        at = before;
        if (!take_connection(&at, record, backend, times))
            return FALSE;
    }
    record->event.message = line;
    record->is_request = TRUE;
    return TRUE;
}

static const LampLogFormat format = {.parse = lamp_log_parse_haproxy, .most = 90};

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

const LampReader lamp_reader_haproxy = {
    .name = "haproxy",
    .summary = "HAProxy HTTP, HTTPS and TCP log",
    .spec = "HAProxy configuration manual, section 8.2.3",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
