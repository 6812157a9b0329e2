/*
 * @summary DNS over UDP and TCP: queries paired by id and name
 * @spec RFC 1035, RFC 7766
 *
 * In: datagrams, or a TCP stream of messages with a 16 bit length. Out: one call for each
 * query, named by opcode (unless QUERY), type and name with id-like labels folded; the name and
 * the addresses in the answer are values, which tell the names of services. A query sent again
 * is a call of its own; responses without a query (multicast DNS announcements) are one-way
 * calls. Limits: LAMP_LIMIT_DNS_JUMPS compression pointers; only answers of type A and AAAA are
 * read.
 */
#include "base/keyed-map.h"
#include "base/limits.h"
#include "ingest/dissect/framing.h"
#include "ingest/operation.h"

enum { HEADER = 12, MAX_NAME = 256, MAX_ANSWERS = 32, TYPE_A = 1, TYPE_AAAA = 28 };

typedef struct {
    LampFramer framer; /* TCP only */
    LampPairing pairing;
    guint64 queries;
} DnsState;

typedef struct {
    guint16 id, flags, questions, answers;
    guint16 type;
    char name[MAX_NAME]; /* lower case, dots between labels */
    gsize name_len;
    LampCursor rest; /* behind the first question */
} DnsMessage;

/* Reads the name at *at of @message and moves *at behind it. */
static gboolean
read_name(LampBytes message, gsize *at, char *out, gsize *out_len)
{
    gsize p = *at, n = 0;
    gboolean has_jumped = FALSE;
    for (guint jumps = 0; jumps < LAMP_LIMIT_DNS_JUMPS && p < message.len;) {
        guint8 length = message.at[p];
        if (length >= 0xc0) {
            if (p + 2 > message.len)
                return FALSE;
            if (!has_jumped)
                *at = p + 2;
            has_jumped = TRUE;
            p = lamp_be16(message.at + p) & 0x3fff;
            jumps++;
            continue;
        }
        if (length == 0) {
            if (!has_jumped)
                *at = p + 1;
            *out_len = n;
            return TRUE;
        }
        if (length > 63 || p + 1 + length > message.len || n + length + 1 >= MAX_NAME)
            return FALSE;
        if (n > 0)
            out[n++] = '.';
        for (guint i = 0; i < length; i++) {
            char b = (char) message.at[p + 1 + i];
            out[n++] = g_ascii_isprint(b) ? g_ascii_tolower(b) : '?';
        }
        p += 1u + length;
    }
    return FALSE;
}

static gboolean
parse(LampBytes message, DnsMessage *out)
{
    if (message.len < HEADER)
        return FALSE;
    *out = (DnsMessage){.id = lamp_be16(message.at),
                        .flags = lamp_be16(message.at + 2),
                        .questions = lamp_be16(message.at + 4),
                        .answers = lamp_be16(message.at + 6)};
    gsize at = HEADER;
    guint opcode = out->flags >> 11 & 15;
    if (out->questions > 64 || (opcode > 6 || opcode == 3) || (out->flags & 0x40) != 0)
        return FALSE;
    if (out->questions > 0) {
        if (!read_name(message, &at, out->name, &out->name_len) || at + 4 > message.len)
            return FALSE;
        out->type = lamp_be16(message.at + at);
        guint16 class = lamp_be16(message.at + at + 2) & 0x7fff;
        if (class != 1 && class != 3 && class != 4 && class != 254 && class != 255)
            return FALSE;
        at += 4;
    } else if (out->flags >> 15 == 0 || message.len < HEADER) {
        return FALSE;
    }
    out->rest = lamp_cursor(lamp_bytes(message.at + at, message.len - at));
    return TRUE;
}

static const char *
type_name(guint16 type, char *buffer, gsize size)
{
    static const struct {
        guint16 type;
        const char *name;
    } names[] = {{1, "A"},      {2, "NS"},     {5, "CNAME"},   {6, "SOA"},    {12, "PTR"},
                 {15, "MX"},    {16, "TXT"},   {28, "AAAA"},   {33, "SRV"},   {35, "NAPTR"},
                 {43, "DS"},    {46, "RRSIG"}, {48, "DNSKEY"}, {65, "HTTPS"}, {249, "TKEY"},
                 {251, "IXFR"}, {252, "AXFR"}, {255, "ANY"}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].type == type)
            return names[i].name;
    g_snprintf(buffer, size, "TYPE%u", type);
    return buffer;
}

static void
name_operation(LampExchange *exchange, const DnsMessage *message)
{
    static const char *const opcodes[] = {"",        "IQUERY ", "STATUS ", "",
                                          "NOTIFY ", "UPDATE ", "DSO "};
    char text[LAMP_EXCHANGE_OPERATION], type[16];
    gint n = g_snprintf(text, sizeof text, "%s%s ", opcodes[(message->flags >> 11 & 15) % 7],
                        type_name(message->type, type, sizeof type));
    gsize len = (gsize) MAX(n, 0);
    LampBytes name = lamp_bytes(message->name, message->name_len);
    len += lamp_operation_fold_key(name, text + len, sizeof text - len, NULL, NULL);
    lamp_exchange_set_operation(exchange, lamp_bytes(text, len));
    lamp_exchange_add_value(exchange, LAMP_SIDE_REQUEST, "name", lamp_bytes(NULL, 0), name);
}

static void
add_address(LampExchange *exchange, guint16 type, LampBytes data)
{
    char text[48];
    gint n = 0;
    if (type == TYPE_A && data.len == 4)
        n = g_snprintf(text, sizeof text, "%u.%u.%u.%u", data.at[0], data.at[1], data.at[2],
                       data.at[3]);
    else if (type == TYPE_AAAA && data.len == 16)
        for (guint i = 0; i < 16; i += 2)
            n += g_snprintf(text + n, sizeof text - (gsize) n, "%s%x", i > 0 ? ":" : "",
                            lamp_be16(data.at + i));
    if (n > 0)
        lamp_exchange_add_value(exchange, LAMP_SIDE_RESPONSE, "address", lamp_bytes(NULL, 0),
                                lamp_bytes(text, (gsize) n));
}

static void
read_answers(LampExchange *exchange, LampBytes bytes, const DnsMessage *message)
{
    gsize at = (gsize) (message->rest.at - bytes.at);
    for (guint i = 0; i < message->answers && i < MAX_ANSWERS; i++) {
        char name[MAX_NAME];
        gsize name_len;
        if (!read_name(bytes, &at, name, &name_len) || at + 10 > bytes.len)
            return;
        guint16 type = lamp_be16(bytes.at + at);
        gsize length = lamp_be16(bytes.at + at + 8);
        at += 10;
        if (at + length > bytes.len)
            return;
        add_address(exchange, type, lamp_bytes(bytes.at + at, length));
        at += length;
    }
}

static void
set_status(LampExchange *exchange, guint16 flags)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};
    guint code = flags & 15;
    lamp_exchange_set_status(
        exchange, lamp_bytes_text(code < G_N_ELEMENTS(names) ? names[code] : "RCODE"));
    exchange->is_error = code == 2 || code == 4 || code == 5;
}

static guint64
message_key(const DnsMessage *message)
{
    LampBytes name = lamp_bytes(message->name, message->name_len);
    return (lamp_content_hash(name) & ~(guint64) 0xffff) | message->id;
}

/* A new call; NULL where too many wait. */
static LampExchange *
begin_query(DnsState *state, LampStream *stream, const DnsMessage *message)
{
    LampExchange *exchange = lamp_exchange_new();
    state->queries++;
    if (state->pairing.count >= LAMP_LIMIT_PIPELINE) {
        lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                            "too many queries wait for answers; the oldest is given up");
        LampExchange *oldest = lamp_pairing_pop(&state->pairing);
        oldest->flags |= LAMP_CALL_NO_RESPONSE;
        lamp_exchange_emit(oldest, stream);
    }
    if (exchange == NULL || !lamp_pairing_push(&state->pairing, exchange))
        return NULL;
    exchange->protocol = "dns";
    exchange->key = message_key(message);
    exchange->position = state->queries;
    name_operation(exchange, message);
    return exchange;
}

/* The call that @bytes belong to; *out_is_over tells that it ends with them. */
static LampExchange *
read_message(DnsState *state, LampStream *stream, LampBytes bytes, gboolean *out_is_over)
{
    DnsMessage message;
    *out_is_over = FALSE;
    if (!parse(bytes, &message)) {
        lamp_stream_finding(stream, LAMP_FINDING_INVALID, "dns.message", "not a DNS message");
        return NULL;
    }
    if (message.flags >> 15 == 0)
        return begin_query(state, stream, &message);
    LampExchange *exchange = lamp_pairing_find(&state->pairing, message_key(&message));
    if (exchange == NULL) {
        exchange = begin_query(state, stream, &message);
        if (exchange == NULL)
            return NULL;
        exchange->flags = LAMP_CALL_ONE_WAY;
    }
    set_status(exchange, message.flags);
    read_answers(exchange, bytes, &message);
    *out_is_over = TRUE;
    return exchange;
}

static void
datagram(gpointer opaque, LampStream *stream, const LampSegment *segment)
{
    DnsState *state = opaque;
    gboolean is_over;
    LampExchange *exchange = read_message(state, stream, segment->bytes, &is_over);
    if (exchange == NULL)
        return;
    LampView view = {.bytes = segment->bytes, .segment = segment};
    gboolean is_response = segment->bytes.at[2] >> 7;
    if (is_response)
        lamp_exchange_response_bytes(exchange, &view, 0, segment->bytes.len);
    else
        lamp_exchange_request_bytes(exchange, &view, 0, segment->bytes.len);
    if (is_over && lamp_pairing_remove(&state->pairing, exchange))
        lamp_exchange_emit(exchange, stream);
}

static void
datagram_gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    (void) opaque, (void) stream, (void) direction, (void) missing;
}

static void
end(gpointer opaque, LampStream *stream)
{
    DnsState *state = opaque;
    lamp_framer_drop(&state->framer, &state->pairing, stream, 0);
    lamp_framer_clear(&state->framer);
}

/* ---- over TCP */

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state, (void) direction;
    gsize length = lamp_be16(bytes.at);
    return length >= HEADER ? length + 2 : 0;
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    gboolean is_over;
    LampBytes message = lamp_bytes(frame->bytes.at + 2, frame->bytes.len - 2);
    frame->exchange = read_message(opaque, stream, message, &is_over);
    frame->note = is_over ? 1 : 0;
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    DnsState *state = opaque;
    if (frame->note != 0 && frame->exchange != NULL)
        lamp_framer_emit(&state->framer, &state->pairing, stream, frame->exchange);
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    DnsState *state = opaque;
    (void) stream, (void) direction;
    for (LampExchange *e = state->pairing.first; e != NULL; e = e->next)
        e->flags |= flags;
}

static const LampFraming framing = {
    .header_size = 2,
    .look = 4096,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "dns.length",
    .needs_whole = TRUE,
};

static void
begin(gpointer opaque, LampStream *stream)
{
    DnsState *state = opaque;
    lamp_framer_begin(&state->framer, stream);
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    DnsState *state = opaque;
    lamp_framer_segment(&state->framer, &framing, state, stream, seg);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    DnsState *state = opaque;
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

/* Names that look like host names and few questions; *out_is_response tells the side. */
static gboolean
is_message(LampBytes bytes, gboolean *out_is_response)
{
    DnsMessage message;
    if (!parse(bytes, &message) || message.questions > 4)
        return FALSE;
    *out_is_response = message.flags >> 15;
    return (*out_is_response || message.answers <= 64) &&
           memchr(message.name, '?', message.name_len) == NULL;
}

static guint
score(LampBytes to_server, LampBytes to_client, gboolean is_port, gboolean *out_swapped)
{
    gboolean from_client = FALSE, from_server = TRUE;
    gboolean has_request = is_message(to_server, &from_client);
    gboolean has_answer = is_message(to_client, &from_server);
    if ((to_server.len > 0 && !has_request) || (to_client.len > 0 && !has_answer))
        return 0;
    if (has_request && has_answer && from_client != from_server) {
        *out_swapped = from_client;
        return 95;
    }
    return is_port ? 80 : has_request && !from_client ? 30 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    return score(to_server, to_client,
                 server_port == 53 || server_port == 5353 || server_port == 5355, out_swapped);
}

/* The first message of a TCP direction, or its beginning. */
static LampBytes
first_message(LampBytes bytes)
{
    if (bytes.len < 2 + HEADER || frame_length(NULL, LAMP_TO_SERVER, bytes) == 0)
        return lamp_bytes(bytes.at, bytes.len > 0 ? 1 : 0);
    return lamp_bytes(bytes.at + 2, MIN(bytes.len - 2, lamp_be16(bytes.at)));
}

static guint
probe_tcp(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    return score(first_message(to_server), first_message(to_client), server_port == 53,
                 out_swapped);
}

const LampDissector lamp_dissector_dns = {
    .name = "dns",
    .summary = "DNS over UDP: queries paired by id and name",
    .spec = "RFC 1035",
    .ports = {53, 5353, 5355, 0},
    .transport = LAMP_TRANSPORT_UDP,
    .state_size = sizeof(DnsState),
    .probe = probe,
    .segment = datagram,
    .gap = datagram_gap,
    .end = end,
};

const LampDissector lamp_dissector_dns_tcp = {
    .name = "dns-tcp",
    .summary = "DNS over TCP: queries paired by id and name",
    .spec = "RFC 7766",
    .ports = {53, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(DnsState),
    .probe = probe_tcp,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
