/*
 * Access logs of nginx, Apache httpd and those who write alike: common, combined, with virtual
 * host, and with the fields that people append.
 *
 *   client ident user [21/Nov/2026:09:11:53 +0000] "GET / HTTP/1.1" 200 402 "ref" "agent" tail
 *
 * The tail is read by the look of its parts: `rt=0.104`, bare or quoted numbers (nginx
 * $request_time and $upstream_response_time in seconds with three decimals; Apache %D in whole
 * microseconds), `addr:port` lists (upstreams, with retries), identifiers. nginx stamps a
 * request when it is done, Apache (%t) when it arrived; a tail with %D tells Apache.
 * Specification: nginx ngx_http_log_module; Apache mod_log_config.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

typedef struct {
    LampLog *log;
    LampLogRecord *record;
    LampCursor at;
    guint numbers, texts; /* unnamed parts of the tail so far */
    gboolean is_ingress;  /* ingress-nginx: lengths stand before times */
} Tail;

enum { INGRESS_STATUS = 5 /* which of its numbers is the upstream's status */ };
enum { LONG_ID = 20 /* an identifier of so many bytes is no name of a program */ };

static void
skip_blanks(LampCursor *at)
{
    while (at->at < at->end && (*at->at == ' ' || *at->at == '\t'))
        at->at++;
}

/* Do the backslashes before @at, back to @begin, escape it? */
static gboolean
is_escaped(const guint8 *begin, const guint8 *at)
{
    gsize slashes = 0;
    while (at - slashes > begin && at[-1 - (gssize) slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* Inside of a quoted text; `\"` does not end it. */
static gboolean
take_quoted(LampCursor *at, LampBytes *out_text)
{
    if (at->at == at->end || *at->at != '"')
        return FALSE;
    const guint8 *begin = at->at + 1, *search = begin, *quote;
    do {
        quote = search < at->end ? memchr(search, '"', (gsize) (at->end - search)) : NULL;
        if (quote == NULL)
            return FALSE;
        search = quote + 1;
    } while (is_escaped(begin, quote));
    *out_text = lamp_bytes(begin, (gsize) (quote - begin));
    at->at = search;
    return TRUE;
}

static LampBytes
take_token(LampCursor *at)
{
    skip_blanks(at);
    const guint8 *begin = at->at;
    while (at->at < at->end && *at->at != ' ' && *at->at != '\t')
        at->at++;
    return lamp_bytes(begin, (gsize) (at->at - begin));
}

static LampMeaning
meaning_in_tail(LampBytes key)
{
    static const struct {
        const char *name;
        LampMeaningKind kind;
    } names[] = {
        {"rt", LAMP_MEANS_DURATION},         {"uct", LAMP_MEANS_UPSTREAM_CONNECT},
        {"uht", LAMP_MEANS_UPSTREAM_HEADER}, {"urt", LAMP_MEANS_UPSTREAM_TIME},
        {"ua", LAMP_MEANS_UPSTREAM_ADDRESS}, {"us", LAMP_MEANS_UPSTREAM_STATUS},
        {"rid", LAMP_MEANS_REQUEST_ID},      {"upstream", LAMP_MEANS_UPSTREAM_ADDRESS},
        {"id", LAMP_MEANS_REQUEST_ID},       {"cs", LAMP_MEANS_NOTHING},
        {"ut", LAMP_MEANS_UPSTREAM_TIME},    {"urs", LAMP_MEANS_UPSTREAM_STATUS},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_bytes_equal(key, lamp_bytes_text(names[i].name)))
            return (LampMeaning){names[i].kind, LAMP_NS_PER_SECOND};
    LampMeaning meaning = lamp_meaning_of(key);
    if (meaning.kind == LAMP_MEANS_DURATION && meaning.unit_ns == 0)
        meaning.unit_ns = LAMP_NS_PER_SECOND;
    return meaning;
}

/* A list goes on after "," and around ":" (nginx: retries, and internal redirects). */
static LampBytes
take_list(LampCursor *at, LampBytes first)
{
    const guint8 *begin = first.at;
    const guint8 *end = first.at + first.len;
    for (;;) {
        LampCursor ahead = *at;
        gboolean comma = end > begin && end[-1] == ',';
        LampBytes next = take_token(&ahead);
        gboolean colon = lamp_bytes_equal(next, lamp_bytes(":", 1));
        if (next.len == 0 || (!comma && !colon))
            return lamp_bytes(begin, (gsize) (end - begin));
        if (colon)
            next = take_token(&ahead);
        *at = ahead;
        end = ahead.at;
    }
}

static void
take_pair(Tail *t, LampBytes key, LampBytes value)
{
    LampLogRecord *record = t->record;
    LampMeaning meaning = meaning_in_tail(key);
    if (meaning.kind != LAMP_MEANS_NOTHING && meaning.kind < LAMP_MEANS_DURATION)
        meaning.kind = LAMP_MEANS_NOTHING;
    lamp_log_record_set_meaning(record, &t->log->scanner, meaning, key, value);
}

static gboolean
is_decimal(LampBytes text, gboolean *out_whole)
{
    gsize points = 0, digits = 0;
    for (gsize i = 0; i < text.len; i++) {
        points += text.at[i] == '.';
        digits += g_ascii_isdigit((char) text.at[i]) ? 1 : 0;
    }
    *out_whole = points == 0;
    return digits > 0 && points <= 1 && points + digits == text.len;
}

static gboolean
is_identifier(LampBytes text)
{
    gsize digits = 0, hex = 0;
    for (gsize i = 0; i < text.len; i++) {
        if (!g_ascii_isalnum((char) text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
            return FALSE;
        digits += g_ascii_isdigit((char) text.at[i]) ? 1 : 0;
        hex += g_ascii_isxdigit((char) text.at[i]) ? 1 : 0;
    }
    return text.len >= 8 && digits > 0 && (hex >= 8 || text.len >= 16);
}

/* ingress-nginx writes the request's length before its time in seconds. */
static void
take_ingress_time(Tail *t, LampBytes text)
{
    LampLogRecord *record = t->record;
    LampLogCall *call = &record->call;
    t->is_ingress = TRUE;
    call->time_is_begin = FALSE;
    for (gsize i = 0; i < record->event.field_count; i++) {
        LampField *field = &record->fields[i];
        if (!lamp_bytes_equal(field->slot, lamp_bytes_text("request_time_us")))
            continue;
        field->slot = lamp_bytes_text("request_length");
        call->bytes_received = lamp_number_or_zero(field->value);
    }
    if (!lamp_duration_parse(text, LAMP_NS_PER_SECOND, &call->duration_ns,
                             &call->duration_resolution_ns))
        call->duration_ns = -1;
    lamp_log_record_add(record, "request_time", text);
}

/* The upstream's status, behind its address. */
static gboolean
take_upstream_status(Tail *t, LampBytes text, gboolean whole)
{
    LampLogCall *call = &t->record->call;
    gboolean is_usual = !t->is_ingress && whole && text.len == 3 &&
                        call->upstream_address.len > 0 && call->duration_ns >= 0 &&
                        call->upstream_status.len == 0;
    if (!is_usual && (!t->is_ingress || t->numbers != INGRESS_STATUS))
        return FALSE;
    call->upstream_status = text;
    lamp_log_record_add(t->record, "upstream_status", text);
    return TRUE;
}

/* First number of the tail: the request's time; second: the upstream's. */
static void
take_number(Tail *t, LampBytes text, gboolean whole)
{
    LampLogRecord *record = t->record;
    LampLogCall *call = &record->call;
    t->numbers++;
    if (!whole && t->numbers == 2 && call->time_is_begin) {
        take_ingress_time(t, text);
    } else if (take_upstream_status(t, text, whole)) {
        return;
    } else if (call->duration_ns < 0) {
        gint64 unit = whole ? 1000 : LAMP_NS_PER_SECOND;
        if (!lamp_duration_parse(text, unit, &call->duration_ns, &call->duration_resolution_ns))
            call->duration_ns = -1;
        call->time_is_begin = whole;
        lamp_log_record_add(record, whole ? "request_time_us" : "request_time", text);
    } else if (!whole && call->upstream_time.len == 0) {
        call->upstream_time = text;
        lamp_log_record_add(record, "upstream_response_time", text);
    } else {
        lamp_log_record_add(record, "number", text);
    }
}

/* morgan's `17.123 ms`: the number before had this unit. */
static gboolean
take_unit(Tail *t, LampBytes text)
{
    LampLogRecord *record = t->record;
    gsize count = record->event.field_count;
    if (!lamp_bytes_equal(text, lamp_bytes("ms", 2)) || t->numbers != 1 || count == 0 ||
        !lamp_bytes_starts(record->fields[count - 1].slot, "request_time"))
        return FALSE;
    record->fields[count - 1].slot = lamp_bytes_text("request_time_ms");
    record->call.time_is_begin = FALSE;
    if (!lamp_duration_parse(record->fields[count - 1].value, LAMP_NS_PER_MS,
                             &record->call.duration_ns, &record->call.duration_resolution_ns))
        record->call.duration_ns = -1;
    return TRUE;
}

/* Apache's `%T/%D`, seconds and microseconds, perhaps between asterisks. */
static gboolean
take_both_times(Tail *t, LampBytes text)
{
    guint64 seconds, micros;
    while (text.len > 0 && text.at[0] == '*')
        text = lamp_bytes(text.at + 1, text.len - 1);
    while (text.len > 0 && text.at[text.len - 1] == '*')
        text.len--;
    const guint8 *slash = text.len > 0 ? memchr(text.at, '/', text.len) : NULL;
    if (slash == NULL || t->numbers > 0)
        return FALSE;
    LampBytes last = lamp_bytes(slash + 1, (gsize) (text.at + text.len - slash - 1));
    if (!lamp_text_parse_u64(lamp_bytes(text.at, (gsize) (slash - text.at)), &seconds) ||
        !lamp_text_parse_u64(last, &micros) || micros / 1000000 != seconds)
        return FALSE;
    take_number(t, last, TRUE);
    return TRUE;
}

static gboolean
is_address_list(LampBytes text)
{
    LampEndpoint endpoint;
    const guint8 *end = memchr(text.at, ',', text.len);
    LampBytes first = end == NULL ? text : lamp_bytes(text.at, (gsize) (end - text.at));
    if (lamp_bytes_starts(text, "unix:"))
        return TRUE;
    return lamp_address_parse(first, &endpoint) && endpoint.is_known && endpoint.port != 0;
}

/* `0.001, 0.010` or `502, 200`: the times or states of several upstreams. */
static gboolean
take_list_of_upstreams(Tail *t, LampBytes text)
{
    LampLogCall *call = &t->record->call;
    gsize commas = 0, points = 0;
    for (gsize i = 0; i < text.len; i++) {
        if (strchr("0123456789.,: -", text.at[i]) == NULL || text.at[i] == '\0')
            return FALSE;
        commas += text.at[i] == ',' || text.at[i] == ':' ? 1 : 0;
        points += text.at[i] == '.' ? 1 : 0;
    }
    gboolean is_time = points > 0 && points <= commas + 1;
    if (commas == 0 || points > commas + 1 || call->duration_ns < 0 ||
        (is_time ? call->upstream_time.len : call->upstream_status.len) > 0)
        return FALSE;
    *(is_time ? &call->upstream_time : &call->upstream_status) = text;
    lamp_log_record_add(t->record, is_time ? "upstream_response_time" : "upstream_status",
                        text);
    return TRUE;
}

/* Traefik's last text before the time is the server: `http://172.18.0.3:80`. */
static void
take_server_url(LampLogRecord *record, LampBytes time)
{
    static const char scheme[] = "http://";
    gsize skip = sizeof scheme - 1;
    const LampField *last = NULL;
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_starts(record->fields[i].value, scheme) &&
            lamp_bytes_equal(record->fields[i].slot, lamp_bytes_text("extra.2")))
            last = &record->fields[i];
    if (last == NULL)
        return;
    record->call.upstream_address = lamp_bytes(last->value.at + skip, last->value.len - skip);
    record->call.upstream_time = time;
}

/* Traefik's `2ms`: the number before was a count of requests. */
static gboolean
take_milliseconds(Tail *t, LampBytes text)
{
    LampLogRecord *record = t->record;
    if (text.len < 3 || text.at[text.len - 1] != 's' || text.at[text.len - 2] != 'm')
        return FALSE;
    record->call.duration_ns = -1;
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_equal(record->fields[i].slot, lamp_bytes_text("request_time_us")))
            record->fields[i].slot = lamp_bytes_text("requests");
    take_pair(t, lamp_bytes_text("request_time"), text);
    record->call.time_is_begin = TRUE;
    take_server_url(record, text);
    return TRUE;
}

static void
take_unnamed(Tail *t, LampBytes text)
{
    LampLogRecord *record = t->record;
    gboolean whole;
    if (text.len == 0 || (text.len == 1 && text.at[0] == '-'))
        return;
    if (is_decimal(text, &whole)) {
        take_number(t, text, whole);
    } else if (take_unit(t, text) || take_list_of_upstreams(t, text) ||
               take_both_times(t, text) || take_milliseconds(t, text)) {
        return;
    } else if (is_address_list(text)) {
        record->call.upstream_address = text;
        lamp_log_record_add(record, "upstream_addr", text);
    } else if (is_identifier(text) && record->call.request_id.len == 0) {
        record->call.request_id = text;
        lamp_log_record_add(record, "request_id", text);
    } else if (text.len > 0) {
        static const char *const slots[] = {"extra",   "extra.2", "extra.3", "extra.4",
                                            "extra.5", "extra.6", "extra.7", "extra.8"};
        lamp_log_record_add(record, slots[MIN(t->texts, G_N_ELEMENTS(slots) - 1)], text);
        t->texts++;
    }
}

static void
take_tail(Tail *t)
{
    for (;;) {
        LampBytes text;
        skip_blanks(&t->at);
        if (t->at.at == t->at.end)
            return;
        if (take_quoted(&t->at, &text)) {
            take_unnamed(t, text);
            continue;
        }
        const guint8 *begin = t->at.at;
        while (t->at.at < t->at.end && *t->at.at != ' ' && *t->at.at != '=')
            t->at.at++;
        LampBytes key = lamp_bytes(begin, (gsize) (t->at.at - begin));
        if (t->at.at < t->at.end && *t->at.at == '=') {
            t->at.at++;
            if (!take_quoted(&t->at, &text))
                text = take_list(&t->at, take_token(&t->at));
            take_pair(t, key, text);
        } else {
            take_unnamed(t, take_list(&t->at, key));
        }
    }
}

/* `[vhost] client ident user ` */
static gboolean
take_parties(LampLogRecord *record, LampBytes text)
{
    LampBytes words[4];
    guint n = 0;
    LampCursor at = lamp_cursor(text);
    while (n < 4) {
        words[n] = take_token(&at);
        if (words[n].len == 0)
            break;
        n++;
    }
    if (n < 3)
        return FALSE;
    gboolean vhost = n == 4 && words[2].len == 1 && words[2].at[0] == '-';
    if (n == 4 && !vhost && !(words[1].len == 1 && words[1].at[0] == '-'))
        return FALSE; /* a line within another's, as syslog's */
    if (vhost)
        lamp_log_record_add(record, "vhost", words[0]);
    LampBytes user = words[vhost ? 3 : 2];
    record->call.has_client = lamp_address_parse(words[vhost], &record->call.client);
    lamp_log_record_add(record, "client", words[vhost]);
    if (user.len > 1)
        lamp_log_record_add(record, "user", user);
    return record->call.has_client;
}

static gboolean
is_status(LampBytes text)
{
    return (text.len == 3 && g_ascii_isdigit((char) text.at[0])) ||
           (text.len == 1 && text.at[0] == '-');
}

static const LampMeaning bytes_meaning = {LAMP_MEANS_BYTES_SENT, 0};

/* `2026-11-21 …`: no client, but the time of a logger that has an access line for its message.
 */
static gboolean
begins_with_date(LampBytes line)
{
    return line.at[4] == '-' && g_ascii_isdigit((char) line.at[0]) &&
           g_ascii_isdigit((char) line.at[3]) && g_ascii_isdigit((char) line.at[5]);
}

/* Referrer and agent; FALSE where both are empty, as in HAProxy's form of the line. */
static gboolean
take_agent(Tail *tail)
{
    LampBytes referrer, agent;
    skip_blanks(&tail->at);
    if (!take_quoted(&tail->at, &referrer))
        return TRUE;
    if (referrer.len > 1)
        lamp_log_record_add(tail->record, "referer", referrer);
    skip_blanks(&tail->at);
    if (!take_quoted(&tail->at, &agent))
        return TRUE;
    if (agent.len >= LONG_ID && is_identifier(agent)) /* Swift's servers have it there */
        take_unnamed(tail, agent);
    else if (agent.len > 1)
        lamp_log_record_add(tail->record, "user_agent", agent);
    return referrer.len > 0 || agent.len > 0;
}

gboolean
lamp_log_parse_access(LampLog *log, LampBytes line, LampLogRecord *record)
{
    const guint8 *open = line.len > 24 ? memchr(line.at, '[', MIN(line.len, 256)) : NULL;
    if (open == NULL || open - line.at < 6 || open[-1] != ' ' || begins_with_date(line))
        return FALSE;
    LampBytes rest = lamp_bytes(open + 1, (gsize) (line.at + line.len - open - 1));
    if (rest.len < 20 || !g_ascii_isdigit((char) rest.at[0]))
        return FALSE;
    gsize used = lamp_log_take_time(log, record, rest);
    Tail tail = {.log = log, .record = record, .at = lamp_cursor(rest)};
    LampBytes request, status, bytes;
    if (used == 0 || used + 3 > rest.len || rest.at[used] != ']' ||
        !take_parties(record, lamp_bytes(line.at, (gsize) (open - line.at))))
        return FALSE;
    tail.at.at += used + 1;
    skip_blanks(&tail.at);
    const guint8 *message = tail.at.at;
    if (!take_quoted(&tail.at, &request))
        return FALSE;
    status = take_token(&tail.at);
    if (!is_status(status))
        return FALSE;
    bytes = take_token(&tail.at);
    lamp_log_record_set_request_line(record, request);
    record->call.status = status;
    lamp_log_record_add(record, "request", request);
    lamp_log_record_add(record, "status", status);
    lamp_log_record_set_meaning(record, &log->scanner, bytes_meaning,
                                lamp_bytes("bytes_sent", 10), bytes);
    record->is_request = TRUE;
    record->event.message = lamp_bytes(message, (gsize) (line.at + line.len - message));
    if (take_agent(&tail) || !lamp_log_take_haproxy_clf(&tail.at, record))
        take_tail(&tail);
    return TRUE;
}

static const LampLogFormat format = {.parse = lamp_log_parse_access, .most = 90};

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

const LampReader lamp_reader_access = {
    .name = "access",
    .summary = "web access logs: common, combined, with times, upstreams and ids appended",
    .spec = "nginx ngx_http_log_module, Apache mod_log_config",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
