/*
 * @summary Cassandra native protocol (CQL): requests paired by stream
 * @spec https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
 *
 * In: both streams of a connection. Out: one call for each request, named by its CQL folded to
 * its shape, or by its kind. Frames are version u8 (high bit: response), flags u8, stream i16
 * (i8 before version 3), opcode u8, length u32. Prepared statements are remembered by the id
 * that the server gave. Events are one-way. From the answer to STARTUP on, version 5 wraps
 * frames in segments, which are opened (cassandra-segments.c); sizes are those of what is in
 * them. Before it bodies may be compressed with LZ4 or Snappy: the algorithm is told by the
 * length in front, four bytes for LZ4, of which the first is 0 for less than 16 MiB. Limits: 16
 * KiB of a body are read.
 */
#include "ingest/dissect/cassandra-segments.h"
#include "ingest/dissect/keyed.h"
#include "ingest/dissect/snappy.h"

#include "ingest/flow/unpack.h"
#include "ingest/operation.h"

enum { HEADER = 9, LOOK = 16384, MAX_BODY = 268435456, SEGMENTED = 5 /* version */ };
enum {
    FLAG_COMPRESSED = 1,
    FLAG_TRACING = 2,
    FLAG_PAYLOAD = 4,
    FLAG_WARNING = 8,
    FLAG_BETA = 16 /* version 5 before it had segments */
};
enum {
    OP_ERROR = 0,
    OP_READY = 2,
    OP_AUTHENTICATE = 3,
    OP_QUERY = 7,
    OP_RESULT = 8,
    OP_PREPARE = 9,
    OP_EXECUTE = 10,
    OP_EVENT = 12,
    OP_LAST = 16
};

static const char *const names[OP_LAST + 1] = {
    "ERROR",     "STARTUP", "READY",          "AUTHENTICATE",  "CREDENTIALS", "OPTIONS",
    "SUPPORTED", "QUERY",   "RESULT",         "PREPARE",       "EXECUTE",     "REGISTER",
    "EVENT",     "BATCH",   "AUTH CHALLENGE", "AUTH RESPONSE", "AUTH SUCCESS"};

typedef struct {
    LampKeyedState keyed; /* its note: the version of the last frame, 0 not known */
    LampPacked packed;
    guint8 is_segmented;
} CassandraState;

static gboolean
is_request_opcode(guint8 opcode)
{
    return opcode == 1 || opcode == 4 || opcode == 5 || opcode == 7 || opcode == 9 ||
           opcode == 10 || opcode == 11 || opcode == 13 || opcode == 15;
}

static gsize
header_length(LampBytes bytes)
{
    return (bytes.at[0] & 0x7f) < 3 ? 8 : HEADER;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    guint8 version = bytes.at[0] & 0x7f;
    gboolean is_response = bytes.at[0] >> 7;
    gsize header = header_length(bytes);
    guint8 opcode = bytes.at[header - 5];
    gsize length = lamp_be32(bytes.at + header - 4);
    gboolean fits = version >= 1 && version <= 5 && bytes.at[1] < 32 && opcode <= OP_LAST &&
                    length <= MAX_BODY && is_response == (direction == LAMP_TO_CLIENT) &&
                    is_request_opcode(opcode) != is_response;
    return fits ? header + length : 0;
}

static guint8
opcode_of(const LampFrame *frame)
{
    return frame->bytes.at[header_length(frame->bytes) - 5];
}

/* Passes @count texts, or names with values of the length @c says. FALSE where they are cut. */
static gboolean
skip_texts(LampCursor *c, gboolean have_values)
{
    guint16 count, length;
    guint32 value_length;
    LampBytes text;
    if (!lamp_cursor_be16(c, &count))
        return FALSE;
    for (; count > 0; count--) {
        if (!lamp_cursor_be16(c, &length) || !lamp_cursor_take(c, length, &text))
            return FALSE;
        if (have_values &&
            (!lamp_cursor_be32(c, &value_length) ||
             (value_length <= G_MAXINT32 && !lamp_cursor_take(c, value_length, &text))))
            return FALSE;
    }
    return TRUE;
}

/* What the flags put before the message: the id of a trace, warnings, a payload. */
static void
skip_extras(LampCursor *c, const LampFrame *frame)
{
    guint8 flags = frame->bytes.at[1];
    gboolean is_response = frame->direction == LAMP_TO_CLIENT, is_good = TRUE;
    LampBytes trace;
    if (is_response && (flags & FLAG_TRACING) != 0)
        is_good = lamp_cursor_take(c, 16, &trace);
    if (is_good && is_response && (flags & FLAG_WARNING) != 0)
        is_good = skip_texts(c, FALSE);
    if (is_good && (flags & FLAG_PAYLOAD) != 0)
        is_good = skip_texts(c, TRUE);
    if (!is_good)
        c->at = c->end;
}

typedef struct {
    guint8 unpacked[LOOK];
} Room;

/* The message of a frame, out of its compression and behind what flags put before it. */
static LampCursor
open_body(const LampKeyedState *state, const LampFrame *frame, Room *room)
{
    const CassandraState *cassandra = (const CassandraState *) state;
    gsize header = header_length(frame->bytes);
    LampBytes body = lamp_bytes(frame->bytes.at + header, frame->bytes.len - header);
    gboolean is_packed =
        (frame->bytes.at[1] & FLAG_COMPRESSED) != 0 && !cassandra->is_segmented;
    if (is_packed && body.len > 4 && body.at[0] == 0)
        body = lamp_bytes(
            room->unpacked,
            lamp_unpack_lz4_begin(lamp_bytes(body.at + 4, body.len - 4), room->unpacked, LOOK));
    else if (is_packed)
        body = lamp_bytes(room->unpacked, lamp_unsnap(body, room->unpacked, LOOK));
    LampCursor c = lamp_cursor(body);
    skip_extras(&c, frame);
    return c;
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    CassandraState *cassandra = (CassandraState *) state;
    const guint8 *p = frame->bytes.at;
    guint8 opcode = opcode_of(frame);
    *out_key = header_length(frame->bytes) == 8 ? p[2] : lamp_be16(p + 2);
    state->version = p[0] & 0x7f;
    if (state->version >= SEGMENTED && (p[1] & FLAG_BETA) == 0 &&
        (opcode == OP_READY || opcode == OP_AUTHENTICATE))
        cassandra->is_segmented = 1;
    if (opcode == OP_EVENT)
        return LAMP_KEYED_IGNORE;
    return frame->direction == LAMP_TO_SERVER ? LAMP_KEYED_REQUEST : LAMP_KEYED_RESPONSE;
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    guint8 opcode = opcode_of(frame);
    Room room;
    LampCursor c = open_body(state, frame, &room);
    LampBytes id, shape;
    guint32 length;
    guint16 short_length;
    exchange->kind = opcode;
    lamp_exchange_set_operation(exchange, lamp_bytes_text(names[opcode]));
    if ((opcode == OP_QUERY || opcode == OP_PREPARE) && lamp_cursor_be32(&c, &length)) {
        char text[LAMP_EXCHANGE_OPERATION];
        LampBytes cql = lamp_bytes(c.at, MIN((gsize) length, lamp_cursor_left(&c)));
        gsize n = lamp_operation_fold_sql(cql, text, sizeof text, lamp_exchange_add_literal,
                                          exchange);
        lamp_exchange_set_operation(exchange, lamp_bytes(text, n));
    } else if (opcode == OP_EXECUTE && lamp_cursor_be16(&c, &short_length) &&
               lamp_cursor_take(&c, short_length, &id) &&
               lamp_statements_find(state->statements, id, &shape)) {
        lamp_exchange_set_operation(exchange, shape);
    }
}

/* A prepared statement's id: result kind 4, then short bytes. */
static void
remember(LampKeyedState *state, const LampExchange *exchange, LampCursor c)
{
    guint32 kind;
    guint16 length;
    LampBytes id;
    if (!lamp_cursor_be32(&c, &kind) || kind != 4 || !lamp_cursor_be16(&c, &length) ||
        !lamp_cursor_take(&c, length, &id))
        return;
    if (state->statements == NULL)
        state->statements = lamp_statements_new();
    lamp_statements_add(state->statements, id,
                        lamp_bytes(exchange->operation, exchange->operation_len));
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    Room room;
    LampCursor c = open_body(state, frame, &room);
    guint8 opcode = opcode_of(frame);
    guint32 code;
    if (opcode == OP_ERROR && lamp_cursor_be32(&c, &code)) {
        char digits[12];
        gint n = g_snprintf(digits, sizeof digits, "0x%04x", code);
        lamp_exchange_set_status(exchange, lamp_bytes(digits, (gsize) MAX(n, 0)));
        exchange->is_error = TRUE;
        return;
    }
    lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    if (opcode == OP_RESULT && exchange->kind == OP_PREPARE) {
        remember(state, exchange, c);
        lamp_statements_mark_prepare(exchange);
    }
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = HEADER,
                .look = LOOK,
                .length = frame_length,
                .finding = "cassandra.frame"},
    .describe = describe,
    .request = request,
    .response = response,
};

static void
begin(gpointer opaque, LampStream *stream)
{
    CassandraState *state = opaque;
    lamp_keyed_begin(&state->keyed, stream);
}

typedef struct {
    CassandraState *state;
    LampStream *stream;
} Inside;

static void
take_inside(gpointer owner, const LampSegment *seg)
{
    Inside *inside = owner;
    lamp_keyed_segment(&protocol, &inside->state->keyed, inside->stream, seg);
}

/* Where the answer to STARTUP was not seen, the first segment tells. */
static gboolean
begins_segments(const CassandraState *state, LampStream *stream, LampBytes bytes)
{
    const LampKeyedState *keyed = &state->keyed;
    return (keyed->version == 0 || keyed->version >= SEGMENTED) &&
           (lamp_stream_is_midstream(stream) || keyed->framer.has_lost) &&
           lamp_cql_is_segment(bytes);
}

/* What plain frames left behind is over in both directions: no segment answers it. */
static void
begin_segments(CassandraState *state, LampStream *stream)
{
    LampKeyedState *keyed = &state->keyed;
    lamp_keyed_gap(&protocol, keyed, stream, LAMP_TO_SERVER, G_MAXUINT64);
    lamp_keyed_gap(&protocol, keyed, stream, LAMP_TO_CLIENT, G_MAXUINT64);
    lamp_framer_drop(&keyed->framer, &keyed->pairing, stream, 0);
    state->is_segmented = 1;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    CassandraState *state = opaque;
    Inside inside = {state, stream};
    if (!state->is_segmented && begins_segments(state, stream, seg->bytes))
        begin_segments(state, stream);
    if (!state->is_segmented) {
        lamp_keyed_segment(&protocol, &state->keyed, stream, seg);
    } else if (!lamp_cql_open_segments(&state->packed, seg, take_inside, &inside)) {
        lamp_stream_finding(stream, LAMP_FINDING_INVALID, "cassandra.segment",
                            "a segment is damaged; looking for the next one");
        lamp_keyed_gap(&protocol, &state->keyed, stream, seg->direction, G_MAXUINT64);
    }
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    CassandraState *state = opaque;
    if (state->is_segmented) {
        lamp_packed_gap(&state->packed, direction);
        missing = G_MAXUINT64; /* how much of what is inside is not known */
    }
    lamp_keyed_gap(&protocol, &state->keyed, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    CassandraState *state = opaque;
    lamp_keyed_end(&state->keyed, stream);
    lamp_packed_clear(&state->packed);
}

/* 0 not, 1 nothing to see, 2 a whole frame's header that fits. */
static guint
score_side(LampBytes bytes, LampDirection direction)
{
    if (lamp_cql_is_segment(bytes))
        return 2;
    if (bytes.len < HEADER)
        return bytes.len == 0 ? 1 : 0;
    gsize length = frame_length(NULL, direction, bytes);
    return length == 0 || (length > bytes.len && bytes.len < 500) ? 0 : 2;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    gboolean is_port = server_port == 9042;
    guint forward =
        score_side(to_server, LAMP_TO_SERVER) * score_side(to_client, LAMP_TO_CLIENT);
    guint backward =
        score_side(to_client, LAMP_TO_SERVER) * score_side(to_server, LAMP_TO_CLIENT);
    if (backward > forward)
        *out_swapped = TRUE;
    guint best = MAX(forward, backward);
    return best == 4 ? 90 : best == 2 ? (is_port ? 70 : 35) : 0;
}

const LampDissector lamp_dissector_cassandra = {
    .name = "cassandra",
    .summary = "Cassandra native protocol (CQL): requests paired by stream",
    .spec = "https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec",
    .ports = {9042, 9142, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(CassandraState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
