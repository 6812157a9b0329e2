/*
 * Dissector for TLS without keys (RFC 8446, RFC 5246, RFC 6066): turns of application data.
 *
 * In: bytes of both directions in order; out: the server name, and one opaque observation for
 * each exchange of application data. Record headers are in the clear; handshake, alert and
 * change-cipher records make no turns. TLS 1.3 dresses its later handshake as application data:
 * the records up to the client's Finished (told by its length) are left out, so are the session
 * tickets that servers send right after it (equal records in one segment), and alerts (by their
 * length). Limits: a single ticket that arrives after the first request counts to its response;
 * records of HTTP/2 that interleave count as turns.
 */
#include "ingest/dissect/turns.h"

#include "ingest/dissectors.h"

enum {
    RECORD_HANDSHAKE = 22,
    RECORD_APPLICATION = 23,
    RECORD_HEADER = 5,
    RECORD_MAX = 16384 + 2048,
    HELLO_CLIENT = 1,
    HELLO_SERVER = 2,
    HELLO_MAX = 16384,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_ALPN = 16,
    EXTENSION_VERSIONS = 43,
    TLS_1_3 = 0x0304,
    ALERT_LENGTH = 19,      /* 2 bytes, content type, authentication tag */
    FINISHED_SHA256 = 53,   /* 4 + 32 bytes, content type, tag */
    FINISHED_SHA384 = 69,   /* 4 + 48 bytes, content type, tag */
    FINISHED_WITHIN = 4,    /* records of the client's last handshake flight */
    HTTP2_CONTROL_MAX = 34, /* PING, SETTINGS acknowledgement, WINDOW_UPDATE, with tag */
};

typedef struct {
    guint8 header[RECORD_HEADER];
    guint header_len;
    guint32 left; /* bytes of the record still to come */
    guint8 type;
    gboolean is_turn; /* the record at hand counts as application data */
    gboolean is_lost; /* record borders are unknown */
    LampTime time;    /* of the header's first byte */
    gint64 sequence;
    GByteArray *hello; /* first handshake record while it is gathered */
    gboolean has_hello;
} Side;

typedef struct {
    Side side[2];
    LampTurn turn;
    gboolean is_1_3;
    gboolean in_handshake; /* TLS 1.3: until the client's Finished */
    gboolean offers_http2;
    guint client_records; /* encrypted ones in the handshake */
    gboolean may_be_ticket;
    guint32 ticket_length;
    LampTime ticket_time;
} TlsState;

static gboolean
is_record(const guint8 *p)
{
    return p[0] >= 20 && p[0] <= 24 && p[1] == 3 && p[2] <= 4 && lamp_be16(p + 3) > 0 &&
           lamp_be16(p + 3) <= RECORD_MAX;
}

static guint
score(LampBytes bytes)
{
    if (bytes.len < 6 || !is_record(bytes.at))
        return 0;
    gsize record = lamp_be16(bytes.at + 3);
    if (bytes.at[0] == RECORD_HANDSHAKE)
        return bytes.at[5] == HELLO_CLIENT || bytes.at[5] == HELLO_SERVER ? 95 : 70;
    gboolean has_next = bytes.len >= record + 2 * RECORD_HEADER;
    if (has_next && !is_record(bytes.at + RECORD_HEADER + record))
        return 0;
    return bytes.at[0] == RECORD_APPLICATION ? 85 : 50;
}

static guint
probe_tls(LampBytes to_server, LampBytes to_client, G_GNUC_UNUSED guint16 server_port,
          gboolean *out_swapped)
{
    guint one = score(to_server), other = score(to_client);
    gboolean is_client_hello = other >= 95 && to_client.at[5] == HELLO_CLIENT;
    gboolean is_server_hello = one >= 95 && to_server.at[5] == HELLO_SERVER;
    *out_swapped = is_client_hello || is_server_hello;
    return MAX(one, other);
}

/* ---- hello messages */

static gboolean
take_vector(LampCursor *c, guint length_bytes, LampBytes *out)
{
    LampBytes length;
    if (!lamp_cursor_take(c, length_bytes, &length))
        return FALSE;
    gsize n = 0;
    for (guint i = 0; i < length_bytes; i++)
        n = n << 8 | length.at[i];
    return lamp_cursor_take(c, n, out);
}

static void
read_server_name(LampStream *stream, LampBytes value)
{
    LampCursor c = lamp_cursor(value);
    LampBytes list, name;
    guint8 type;
    if (!take_vector(&c, 2, &list))
        return;
    c = lamp_cursor(list);
    if (lamp_cursor_u8(&c, &type) && type == 0 && take_vector(&c, 2, &name) && name.len > 0)
        lamp_stream_server_name(stream, name);
}

static gboolean
has_http2(LampBytes value)
{
    LampCursor c = lamp_cursor(value);
    LampBytes list, name;
    if (!take_vector(&c, 2, &list))
        return FALSE;
    c = lamp_cursor(list);
    while (take_vector(&c, 1, &name))
        if (lamp_bytes_equal(name, lamp_bytes_text("h2")))
            return TRUE;
    return FALSE;
}

static void
read_extension(TlsState *s, LampStream *stream, gboolean is_client, guint16 type,
               LampBytes value)
{
    if (is_client && type == EXTENSION_SERVER_NAME)
        read_server_name(stream, value);
    else if (is_client && type == EXTENSION_ALPN)
        s->offers_http2 = has_http2(value);
    else if (!is_client && type == EXTENSION_ALPN)
        s->offers_http2 = has_http2(value);
    else if (!is_client && type == EXTENSION_VERSIONS && value.len >= 2)
        s->is_1_3 = s->in_handshake = lamp_be16(value.at) == TLS_1_3;
}

/* A hello as far as it is there: skips to its extensions and reads those. */
static void
read_hello(TlsState *s, LampStream *stream, LampBytes bytes)
{
    LampCursor c = lamp_cursor(bytes);
    LampBytes part, extensions;
    guint8 kind;
    guint16 type;
    if (!lamp_cursor_u8(&c, &kind) || (kind != HELLO_CLIENT && kind != HELLO_SERVER))
        return;
    gboolean is_client = kind == HELLO_CLIENT;
    /* message length, version, random, session id */
    if (!lamp_cursor_skip(&c, 3 + 2 + 32) || !take_vector(&c, 1, &part))
        return;
    gboolean is_good = is_client ? take_vector(&c, 2, &part) && take_vector(&c, 1, &part)
                                 : lamp_cursor_skip(&c, 3);
    if (!is_good || !take_vector(&c, 2, &extensions))
        return;
    c = lamp_cursor(extensions);
    while (lamp_cursor_be16(&c, &type) && take_vector(&c, 2, &part))
        read_extension(s, stream, is_client, type, part);
}

static void
finish_hello(TlsState *s, LampStream *stream, Side *side)
{
    if (side->hello == NULL)
        return;
    read_hello(s, stream, lamp_bytes(side->hello->data, side->hello->len));
    g_clear_pointer(&side->hello, g_byte_array_unref);
    side->has_hello = TRUE;
}

/* ---- records */

/* Does the client's record at hand end the handshake of TLS 1.3, or belong to it? */
static void
count_client_record(TlsState *s, guint32 length)
{
    s->client_records++;
    if (length == FINISHED_SHA256 || length == FINISHED_SHA384 ||
        s->client_records >= FINISHED_WITHIN) {
        s->in_handshake = FALSE;
        s->may_be_ticket = TRUE;
    }
}

/* Session tickets: the records of equal length in the server's first segment after the
 * Finished. */
static gboolean
is_ticket(TlsState *s, const LampSegment *segment, guint32 length, LampBytes behind)
{
    if (!s->may_be_ticket)
        return FALSE;
    if (s->ticket_length != 0) {
        s->may_be_ticket = length == s->ticket_length && segment->time == s->ticket_time;
        return s->may_be_ticket;
    }
    gboolean has_twin = behind.len >= length + (gsize) RECORD_HEADER &&
                        is_record(behind.at + length) &&
                        lamp_be16(behind.at + length + 3) == length;
    s->may_be_ticket = has_twin;
    s->ticket_length = length;
    s->ticket_time = segment->time;
    return has_twin;
}

/* Is the record whose header has just been read application data? @behind: bytes after it. */
static gboolean
is_application(TlsState *s, const LampSegment *segment, const Side *side, LampBytes behind)
{
    gboolean from_client = segment->direction == LAMP_TO_SERVER;
    if (side->type != RECORD_APPLICATION)
        return FALSE;
    if (from_client && s->offers_http2 && side->left <= HTTP2_CONTROL_MAX)
        return FALSE;
    if (!s->is_1_3)
        return TRUE;
    if (s->in_handshake) {
        if (from_client)
            count_client_record(s, side->left);
        return FALSE;
    }
    if (side->left == ALERT_LENGTH)
        return FALSE;
    return from_client || !is_ticket(s, segment, side->left, behind);
}

static void
begin_record(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
             LampBytes behind)
{
    side->header_len = 0;
    side->is_lost = !is_record(side->header);
    side->type = side->header[0];
    side->left = lamp_be16(side->header + 3);
    side->is_turn = is_application(s, segment, side, behind);
    if (side->is_lost) {
        side->left = 0;
        return;
    }
    if (side->type == RECORD_HANDSHAKE && !side->has_hello && side->hello == NULL)
        side->hello = g_byte_array_new();
    else if (side->type != RECORD_HANDSHAKE)
        finish_hello(s, stream, side);
    if (side->is_turn) {
        LampSegment start = *segment;
        start.time = side->time;
        start.sequence = side->sequence;
        lamp_turn_add(&s->turn, stream, &start, RECORD_HEADER);
    }
}

static void
take_header(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
            LampCursor *c)
{
    if (side->header_len == 0) {
        side->time = segment->time;
        side->sequence =
            segment->sequence < 0
                ? -1
                : (gint64) (guint32) (segment->sequence + (c->at - segment->bytes.at));
    }
    while (side->header_len < RECORD_HEADER &&
           lamp_cursor_u8(c, &side->header[side->header_len]))
        side->header_len++;
    if (side->header_len == RECORD_HEADER)
        begin_record(s, stream, segment, side, lamp_cursor_rest(c));
}

static void
take_body(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
          LampCursor *c)
{
    gsize n = MIN((gsize) side->left, lamp_cursor_left(c));
    if (side->is_turn)
        lamp_turn_add(&s->turn, stream, segment, n);
    if (side->hello != NULL && side->hello->len + n <= HELLO_MAX)
        g_byte_array_append(side->hello, c->at, (guint) n);
    c->at += n;
    side->left -= (guint32) n;
    if (side->left == 0)
        finish_hello(s, stream, side);
}

static void
segment_tls(gpointer state, LampStream *stream, const LampSegment *segment)
{
    TlsState *s = state;
    Side *side = &s->side[segment->direction];
    LampCursor c = lamp_cursor(segment->bytes);
    if (side->is_lost && segment->bytes.len >= RECORD_HEADER && is_record(c.at))
        side->is_lost = FALSE;
    while (lamp_cursor_left(&c) > 0 && !side->is_lost) {
        if (side->left > 0)
            take_body(s, stream, segment, side, &c);
        else
            take_header(s, stream, segment, side, &c);
    }
    if (lamp_cursor_left(&c) > 0)
        lamp_turn_add(&s->turn, stream, segment, lamp_cursor_left(&c));
}

static void
gap_tls(gpointer state, G_GNUC_UNUSED LampStream *stream, LampDirection direction,
        guint64 missing)
{
    TlsState *s = state;
    Side *side = &s->side[direction];
    lamp_turn_gap(&s->turn, direction, missing);
    if (missing <= side->left) {
        side->left -= (guint32) missing;
        return;
    }
    side->left = 0;
    side->header_len = 0;
    side->is_lost = TRUE;
    s->in_handshake = FALSE;
}

static void
end_tls(gpointer state, LampStream *stream)
{
    TlsState *s = state;
    lamp_turn_end(&s->turn, stream);
    for (guint i = 0; i < 2; i++)
        finish_hello(s, stream, &s->side[i]);
}

static void
begin_tls(G_GNUC_UNUSED gpointer state, G_GNUC_UNUSED LampStream *stream)
{
}

const LampDissector lamp_dissector_tls = {
    .name = "tls",
    .summary = "TLS without keys: exchanges of application data, server name",
    .spec = "RFC 8446, RFC 5246, RFC 6066",
    .ports = {443, 8443},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(TlsState),
    .probe = probe_tls,
    .begin = begin_tls,
    .segment = segment_tls,
    .gap = gap_tls,
    .end = end_tls,
};
