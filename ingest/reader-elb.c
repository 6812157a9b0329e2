/*
 * Access logs of AWS load balancers, Application (ALB) and Classic (ELB).
 *
 *   [type] time elb client:port target:port request-time target-time response-time elb-status
 *   target-status received sent "request" "agent" cipher protocol group "trace id" …
 *
 * The time is when the response was sent; the three times are seconds, -1 where the step was
 * not reached. A line is a span of the load balancer and a call to the target.
 * Specification: AWS, "Access logs for your Application Load Balancer".
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { TOKENS = 11 };

static LampBytes
take_token(LampCursor *at)
{
    while (at->at < at->end && *at->at == ' ')
        at->at++;
    gboolean quoted = at->at < at->end && *at->at == '"';
    at->at += quoted ? 1 : 0;
    const guint8 *start = at->at;
    while (at->at < at->end && *at->at != (quoted ? '"' : ' '))
        at->at++;
    LampBytes token = lamp_bytes(start, (gsize) (at->at - start));
    at->at += at->at < at->end && quoted ? 1 : 0;
    return token;
}

static gboolean
is_type(LampBytes word)
{
    static const char *const types[] = {"http", "https", "h2", "grpcs", "ws", "wss"};
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (lamp_bytes_equal(word, lamp_bytes_text(types[i])))
            return TRUE;
    return FALSE;
}

/* Sum of the three times; a step that was not reached counts nothing. */
static gboolean
set_duration(LampLogCall *call, const LampBytes times[3])
{
    call->duration_ns = 0;
    for (guint i = 0; i < 3; i++) {
        gint64 ns;
        if (!lamp_text_parse_scaled(times[i], 9, &ns) || ns > G_MAXINT64 / 8)
            return FALSE;
        call->duration_ns += MAX(ns, 0);
    }
    call->duration_resolution_ns = LAMP_NS_PER_MS;
    call->upstream_time = times[1].at[0] == '-' ? lamp_bytes(NULL, 0) : times[1];
    return TRUE;
}

/* `address:port`; IPv6 addresses stand without brackets. */
static gboolean
set_client(LampLogCall *call, LampBytes text)
{
    const guint8 *colon = text.len > 0 ? memrchr(text.at, ':', text.len) : NULL;
    guint64 port;
    if (lamp_address_parse(text, &call->client) && call->client.is_known &&
        call->client.port != 0)
        return TRUE;
    if (colon == NULL ||
        !lamp_text_parse_u64(lamp_bytes(colon + 1, (gsize) (text.at + text.len - colon - 1)),
                             &port) ||
        port > G_MAXUINT16 ||
        !lamp_address_parse(lamp_bytes(text.at, (gsize) (colon - text.at)), &call->client))
        return FALSE;
    call->client.port = (guint16) port;
    return call->client.is_known;
}

static LampBytes
without_dash(LampBytes word)
{
    return word.len == 1 && word.at[0] == '-' ? lamp_bytes(NULL, 0) : word;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes words[TOKENS];
    LampCursor at = lamp_cursor(line);
    LampLogCall *call = &record->call;
    LampCursor before = at;
    if (line.len < 60)
        return FALSE;
    if (!is_type(take_token(&at)))
        at = before;
    for (guint i = 0; i < TOKENS; i++)
        words[i] = take_token(&at);
    if (lamp_log_take_time(log, record, words[0]) != words[0].len ||
        !set_client(call, words[2]) || !set_duration(call, &words[4]))
        return FALSE;
    LampBytes request = take_token(&at), agent = take_token(&at);
    call->has_client = TRUE;
    call->upstream_address = words[3];
    call->status = without_dash(words[7]);
    call->upstream_status = without_dash(words[8]);
    call->bytes_received = lamp_number_or_zero(words[9]);
    call->bytes_sent = lamp_number_or_zero(words[10]);
    if (lamp_bytes_starts(request, "- ")) { /* a listener for TCP: the connection is the call */
        call->protocol = lamp_bytes_text("tcp");
        call->operation = lamp_bytes_text("connection");
    } else {
        lamp_log_record_set_request_line(record, request);
    }
    record->event.service = words[1];
    lamp_log_record_add(record, "client", words[2]);
    lamp_log_record_add(record, "target", words[3]);
    lamp_log_record_add(record, "status", words[7]);
    lamp_log_record_add(record, "request", request);
    lamp_log_record_add(record, "user_agent", agent);
    gssize trace = lamp_text_find(line, "Root=");
    if (trace >= 0) {
        LampCursor rest = lamp_cursor(lamp_bytes(line.at + trace, line.len - (gsize) trace));
        const guint8 *start = rest.at;
        while (rest.at < rest.end && *rest.at != '"' && *rest.at != ' ' && *rest.at != ';')
            rest.at++;
        call->request_id = lamp_bytes(start + 5, (gsize) (rest.at - start - 5));
        lamp_log_record_add(record, "trace_id", call->request_id);
    }
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

const LampReader lamp_reader_elb = {
    .name = "elb",
    .summary = "access logs of AWS load balancers (ALB, Classic ELB)",
    .spec = "AWS, Access logs for your Application Load Balancer",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
