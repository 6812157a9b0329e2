/*
 * Dissector for TLS (RFC 8446, RFC 5246): what its handshake tells, and what it carries.
 *
 * In: bytes of both directions in order; out: server name, protocols, names of the certificate;
 * and, where the key log has the connection's secrets, the plain bytes, which go on to the
 * dissector of the protocol inside, each piece with the time at which its packet was seen. An
 * inner byte has the sequence number of the encrypted byte that it came from, so both views of
 * a connection still match.
 *
 * Without secrets: one opaque observation for each exchange of application data. Record headers
 * are in the clear; handshake, alert and change-cipher records make no turns. TLS 1.3 dresses
 * its later handshake as application data: the records up to the client's Finished (told by its
 * length) are left out, so are the session tickets that servers send right after it (equal
 * records in one segment), and alerts (by their length). Limits: a single ticket that arrives
 * after the first request counts to its response; records of HTTP/2 that interleave count as
 * turns.
 */
#include "ingest/dissect/tls-handshake.h"
#include "ingest/dissect/turns.h"
#include "ingest/dissectors.h"

enum {
    RECORD_CHANGE = 20,
    RECORD_HANDSHAKE = 22,
    RECORD_APPLICATION = 23,
    HELLO_CLIENT = 1,
    HELLO_SERVER = 2,
    RECORD_LEAST = 22,      /* bytes of an encrypted record with its header, at least */
    FAILURES_MAX = 4,       /* records that cannot be opened before a connection is given up */
    ALERT_LENGTH = 19,      /* 2 bytes, content type, authentication tag */
    FINISHED_SHA256 = 53,   /* 4 + 32 bytes, content type, tag */
    FINISHED_SHA384 = 69,   /* 4 + 48 bytes, content type, tag */
    FINISHED_WITHIN = 4,    /* records of the client's last handshake flight */
    HTTP2_CONTROL_MAX = 34, /* PING, SETTINGS acknowledgement, WINDOW_UPDATE, with tag */
    MARKS = 32,             /* segments that one record is spread over, whose times are kept */
};

/* From this byte of the record on, the bytes came at that time. */
typedef struct {
    guint32 at;
    LampTime time;
} Mark;

typedef struct {
    guint8 header[LAMP_TLS_HEADER];
    guint header_len;
    guint32 left; /* bytes of the record still to come */
    guint8 type;
    gboolean is_turn;     /* the record at hand counts as application data */
    gboolean is_lost;     /* record borders are unknown */
    gboolean is_gathered; /* the record at hand is kept until it is whole */
    gboolean has_hole;    /* and will never be */
    LampTime time;        /* of the header's first byte */
    gint64 sequence;      /* of it, too */
    guint64 offset;
    GByteArray *record; /* body while it is gathered */
    Mark marks[MARKS];
    guint mark_count;
} Side;

typedef struct {
    Side side[2];
    LampTlsHandshake handshake;
    LampTurn turn;
    gboolean in_handshake; /* TLS 1.3: until the client's Finished */
    gboolean is_explained; /* why it stays closed was told */
    guint failures;        /* records in a row that could not be opened */
    guint client_records;  /* encrypted ones in the handshake */
    gboolean may_be_ticket;
    guint32 ticket_length;
    LampTime ticket_time;
} TlsState;

static gboolean
is_record(const guint8 *p)
{
    return p[0] >= 20 && p[0] <= 24 && p[1] == 3 && p[2] <= 4 && lamp_be16(p + 3) > 0 &&
           lamp_be16(p + 3) <= LAMP_TLS_RECORD;
}

static guint
score(LampBytes bytes)
{
    if (bytes.len < 6 || !is_record(bytes.at))
        return 0;
    gsize record = lamp_be16(bytes.at + 3);
    if (bytes.at[0] == RECORD_HANDSHAKE)
        return bytes.at[5] == HELLO_CLIENT || bytes.at[5] == HELLO_SERVER ? 95 : 70;
    gboolean has_next = bytes.len >= record + 2 * LAMP_TLS_HEADER;
    if (has_next && !is_record(bytes.at + LAMP_TLS_HEADER + record))
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
    gboolean has_twin = behind.len >= length + (gsize) LAMP_TLS_HEADER &&
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
    if (from_client && s->handshake.offers_http2 && side->left <= HTTP2_CONTROL_MAX)
        return FALSE;
    if (!s->handshake.is_1_3)
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

/* ---- records that are opened */

/* Tells once why the connection stays closed although there are secrets. */
static void
explain(TlsState *s, LampStream *stream)
{
    if (s->is_explained || !lamp_stream_has_secrets(stream))
        return;
    s->is_explained = TRUE;
    if (!s->handshake.has_client || !s->handshake.has_server)
        lamp_stream_finding(stream, LAMP_FINDING_LOSS, "tls.midstream",
                            "the TLS handshake is not in the capture, so the key log does not "
                            "help; read as opaque turns");
    else if (!lamp_tls_suite_is_known(s->handshake.suite))
        lamp_stream_finding(stream, LAMP_FINDING_UNKNOWN, "tls.suite",
                            "a TLS cipher suite that is not known; read as opaque turns");
    else
        lamp_stream_finding(stream, LAMP_FINDING_UNKNOWN, "tls.secret",
                            "the key log has no secret of this TLS connection; read as opaque "
                            "turns");
}

static gboolean
is_open(const TlsState *s)
{
    for (guint i = 0; i < 2; i++)
        if (s->handshake.side[i].stage == LAMP_TLS_TRAFFIC ||
            s->handshake.side[i].stage == LAMP_TLS_EARLY)
            return TRUE;
    return FALSE;
}

/* Is the record at hand encrypted under a key that is known? */
static gboolean
has_key(const TlsState *s, const Side *side, LampDirection direction)
{
    if (s->handshake.side[direction].cipher == NULL || side->type == RECORD_CHANGE)
        return FALSE;
    return !s->handshake.is_1_3 || side->type == RECORD_APPLICATION;
}

/* Hands plain bytes on, in pieces by the time of the packets that brought them. */
static void
pass_inside(LampStream *stream, LampDirection direction, const Side *side, LampBytes plain)
{
    gsize lead = (gsize) (plain.at - side->record->data);
    for (guint i = 0; i < side->mark_count; i++) {
        gsize from = side->marks[i].at > lead ? side->marks[i].at - lead : 0;
        gsize to = plain.len;
        if (i + 1 < side->mark_count)
            to =
                side->marks[i + 1].at > lead ? MIN(plain.len, side->marks[i + 1].at - lead) : 0;
        if (from >= to)
            continue;
        gsize ahead = LAMP_TLS_HEADER + lead + from;
        LampSegment piece = {
            .direction = direction,
            .time = side->marks[i].time,
            .sequence =
                side->sequence < 0 ? -1 : (gint64) (guint32) (side->sequence + (gint64) ahead),
            .offset = side->offset + ahead,
            .bytes = lamp_bytes(plain.at + from, to - from),
        };
        lamp_stream_inside(stream, &piece);
    }
}

/* Opens the gathered record; after loss in the handshake of TLS 1.3 also with the keys that
 * follow. */
static gboolean
open_record(TlsState *s, LampStream *stream, LampDirection direction, Side *side,
            LampBytes *out_plain, guint8 *out_type)
{
    LampTlsSide *keys = &s->handshake.side[direction];
    GByteArray *record = side->record;
    gboolean may_follow = s->handshake.is_1_3 && keys->stage != LAMP_TLS_TRAFFIC;
    g_autofree guint8 *copy = may_follow ? g_memdup2(record->data, record->len) : NULL;
    if (lamp_tls_cipher_open(keys->cipher, side->header, record->data, record->len, out_plain,
                             out_type))
        return TRUE;
    if (copy == NULL || !lamp_tls_handshake_advance(&s->handshake, stream, direction))
        return FALSE;
    memcpy(record->data, copy, record->len);
    lamp_tls_cipher_skip(keys->cipher, FAILURES_MAX);
    return lamp_tls_cipher_open(keys->cipher, side->header, record->data, record->len,
                                out_plain, out_type);
}

static void
fail_record(TlsState *s, LampStream *stream, LampDirection direction, Side *side)
{
    lamp_stream_inside_gap(stream, direction, side->record->len);
    if (s->handshake.side[direction].cipher != NULL)
        lamp_tls_cipher_skip(s->handshake.side[direction].cipher, 1);
    if (++s->failures < FAILURES_MAX)
        return;
    s->in_handshake = FALSE;
    s->is_explained = TRUE;
    lamp_tls_handshake_forget_keys(&s->handshake);
    lamp_stream_finding(stream, LAMP_FINDING_INVALID, "tls.record",
                        "records of a TLS connection cannot be opened with the secret that the "
                        "key log has; the rest is read as opaque turns");
}

static void
take_handshake(TlsState *s, LampStream *stream, LampDirection direction, LampBytes bytes)
{
    gboolean was_1_3 = s->handshake.is_1_3;
    lamp_tls_handshake_add(&s->handshake, stream, direction, bytes);
    if (s->handshake.is_1_3 && !was_1_3)
        s->in_handshake = TRUE;
}

/* The record is whole. */
static void
finish_record(TlsState *s, LampStream *stream, LampDirection direction, Side *side)
{
    LampBytes plain = {NULL, 0};
    guint8 type = side->type;
    if (side->type == RECORD_CHANGE)
        lamp_tls_handshake_change(&s->handshake, stream, direction);
    if (!side->is_gathered)
        return;
    side->is_gathered = FALSE;
    if (!has_key(s, side, direction)) {
        if (!side->has_hole)
            take_handshake(s, stream, direction,
                           lamp_bytes(side->record->data, side->record->len));
    } else if (side->has_hole || !open_record(s, stream, direction, side, &plain, &type)) {
        fail_record(s, stream, direction, side);
    } else {
        s->failures = 0;
        if (type == RECORD_HANDSHAKE)
            take_handshake(s, stream, direction, plain);
        else if (type == RECORD_APPLICATION)
            pass_inside(stream, direction, side, plain);
    }
    g_clear_pointer(&side->record, g_byte_array_unref);
}

static gboolean
is_to_be_gathered(const TlsState *s, const Side *side, LampDirection direction)
{
    if (side->is_lost)
        return FALSE;
    return has_key(s, side, direction) ||
           (side->type == RECORD_HANDSHAKE && !s->handshake.side[direction].is_encrypted);
}

static void
begin_record(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
             LampBytes behind)
{
    side->header_len = 0;
    side->is_lost = !is_record(side->header);
    side->type = side->header[0];
    side->left = side->is_lost ? 0 : lamp_be16(side->header + 3);
    side->is_gathered = is_to_be_gathered(s, side, segment->direction);
    side->is_turn = !side->is_lost && !is_open(s) && is_application(s, segment, side, behind);
    side->has_hole = FALSE;
    side->mark_count = 0;
    if (side->is_gathered)
        side->record = g_byte_array_new();
    if (!side->is_lost && side->type != RECORD_HANDSHAKE)
        lamp_tls_handshake_flush(&s->handshake, stream, segment->direction);
    if (side->is_turn) {
        LampSegment start = *segment;
        start.time = side->time;
        start.sequence = side->sequence;
        explain(s, stream);
        lamp_turn_add(&s->turn, stream, &start, LAMP_TLS_HEADER);
    }
}

static void
take_header(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
            LampCursor *c)
{
    if (side->header_len == 0) {
        gsize ahead = (gsize) (c->at - segment->bytes.at);
        side->time = segment->time;
        side->offset = segment->offset + ahead;
        side->sequence = segment->sequence < 0
                             ? -1
                             : (gint64) (guint32) (segment->sequence + (gint64) ahead);
    }
    while (side->header_len < LAMP_TLS_HEADER &&
           lamp_cursor_u8(c, &side->header[side->header_len]))
        side->header_len++;
    if (side->header_len == LAMP_TLS_HEADER)
        begin_record(s, stream, segment, side, lamp_cursor_rest(c));
}

/* Keeps bytes of a record, and when they came. */
static void
gather(Side *side, LampTime time, LampBytes bytes)
{
    guint count = side->mark_count;
    if (count == 0 || (count < MARKS && side->marks[count - 1].time != time))
        side->marks[side->mark_count++] = (Mark){side->record->len, time};
    g_byte_array_append(side->record, bytes.at, (guint) bytes.len);
}

static void
take_body(TlsState *s, LampStream *stream, const LampSegment *segment, Side *side,
          LampCursor *c)
{
    gsize n = MIN((gsize) side->left, lamp_cursor_left(c));
    if (side->is_turn)
        lamp_turn_add(&s->turn, stream, segment, n);
    if (side->is_gathered)
        gather(side, segment->time, lamp_bytes(c->at, n));
    c->at += n;
    side->left -= (guint32) n;
    if (side->left == 0)
        finish_record(s, stream, segment->direction, side);
}

static void
segment_tls(gpointer state, LampStream *stream, const LampSegment *segment)
{
    TlsState *s = state;
    Side *side = &s->side[segment->direction];
    LampCursor c = lamp_cursor(segment->bytes);
    if (side->is_lost && segment->bytes.len >= LAMP_TLS_HEADER && is_record(c.at))
        side->is_lost = FALSE;
    while (lamp_cursor_left(&c) > 0 && !side->is_lost) {
        if (side->left > 0)
            take_body(s, stream, segment, side, &c);
        else
            take_header(s, stream, segment, side, &c);
    }
    if (lamp_cursor_left(&c) > 0 && !is_open(s))
        lamp_turn_add(&s->turn, stream, segment, lamp_cursor_left(&c));
}

/* Bytes of the record at hand are missing, but its end is known. */
static void
lose_part(TlsState *s, LampStream *stream, LampDirection direction, Side *side, guint32 missing)
{
    side->has_hole = TRUE;
    side->left -= missing;
    if (side->left == 0)
        finish_record(s, stream, direction, side);
}

static void
gap_tls(gpointer state, LampStream *stream, LampDirection direction, guint64 missing)
{
    TlsState *s = state;
    Side *side = &s->side[direction];
    LampTlsCipher *cipher = s->handshake.side[direction].cipher;
    lamp_turn_gap(&s->turn, direction, missing);
    if (missing <= side->left) {
        lose_part(s, stream, direction, side, (guint32) missing);
        return;
    }
    if (cipher != NULL) {
        lamp_tls_cipher_skip(cipher, 1 + (guint) MIN(missing / RECORD_LEAST, 1024));
        lamp_stream_inside_gap(stream, direction, missing);
    }
    g_clear_pointer(&side->record, g_byte_array_unref);
    side->is_gathered = FALSE;
    side->left = 0;
    side->header_len = 0;
    side->is_lost = TRUE;
    if (s->handshake.side[direction].stage == LAMP_TLS_CLEAR)
        s->in_handshake = FALSE;
}

static void
end_tls(gpointer state, LampStream *stream)
{
    TlsState *s = state;
    lamp_turn_end(&s->turn, stream);
    for (guint i = 0; i < 2; i++) {
        Side *side = &s->side[i];
        if (side->is_gathered && !has_key(s, side, (LampDirection) i))
            take_handshake(s, stream, (LampDirection) i,
                           lamp_bytes(side->record->data, side->record->len));
        lamp_tls_handshake_flush(&s->handshake, stream, (LampDirection) i);
        g_clear_pointer(&side->record, g_byte_array_unref);
    }
    lamp_tls_handshake_clear(&s->handshake);
}

static void
begin_tls(G_GNUC_UNUSED gpointer state, G_GNUC_UNUSED LampStream *stream)
{
}

const LampDissector lamp_dissector_tls = {
    .name = "tls",
    .summary = "TLS: names, exchanges of application data; with a key log what it carries",
    .spec = "RFC 8446, RFC 5246",
    .ports = {443, 8443},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(TlsState),
    .probe = probe_tls,
    .begin = begin_tls,
    .segment = segment_tls,
    .gap = gap_tls,
    .end = end_tls,
};
