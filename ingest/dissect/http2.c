/*
 * @summary HTTP/2 and gRPC: one call for each stream
 * @spec RFC 9113, RFC 7541
 *
 * In: both streams of a connection. Out: one call for each request stream; its position is the
 * stream id. Frames are told by the framer, header blocks decoded by http2-fields.c. Where
 * fields are not known, after loss or where the capture begins inside the connection, calls
 * have neither operation nor status, but their streams, times and sizes are still right. A call
 * whose content type is application/grpc has the protocol `grpc`, the status of its trailers,
 * and the ids found in its messages as values.
 *
 * Limits: LAMP_LIMIT_PIPELINE streams at once; 4 KiB of each DATA frame are looked at.
 */
#include "ingest/dissect/http-message.h"
#include "ingest/dissect/http2-fields.h"
#include "ingest/dissect/protobuf.h"

enum {
    PREFACE = 24,
    LOOK = LAMP_HTTP2_HEADER + 16384 + 8,
    MAX_FRAME = 1048576 + LAMP_HTTP2_HEADER,
    MAX_TABLE = 65536,
    GRPC_PREFIX = 5,
};

typedef struct {
    LampFramer framer;
    LampHttp2Side sides[2];
    LampPairing pairing;
    guint32 newest; /* stream that the client opened last: their numbers grow */
} Http2State;

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static guint32
stream_id(LampBytes frame)
{
    return lamp_be32(frame.at + 5) & 0x7fffffff;
}

/* Frame types and what RFC 9113 section 6 demands of their length and stream. */
static gboolean
is_valid_frame(guint8 type, gsize length, guint32 stream)
{
    switch (type) {
    case LAMP_HTTP2_DATA:
    case LAMP_HTTP2_HEADERS:
    case LAMP_HTTP2_CONTINUATION:
    case LAMP_HTTP2_PROMISE:
        return stream != 0;
    case 2: /* PRIORITY */
        return length == 5 && stream != 0;
    case LAMP_HTTP2_RESET:
        return length == 4 && stream != 0;
    case LAMP_HTTP2_SETTINGS:
        return length % 6 == 0 && length <= 600 && stream == 0;
    case 6: /* PING */
        return length == 8 && stream == 0;
    case 7: /* GOAWAY */
        return length >= 8 && stream == 0;
    case 8: /* WINDOW_UPDATE */
        return length == 4;
    default:
        return type <= 0x10; /* ALTSVC, ORIGIN, PRIORITY_UPDATE */
    }
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state, (void) direction;
    if (memcmp(bytes.at, preface, LAMP_HTTP2_HEADER) == 0)
        return PREFACE;
    gsize length = (gsize) bytes.at[0] << 16 | (gsize) lamp_be16(bytes.at + 1);
    if (length + LAMP_HTTP2_HEADER > MAX_FRAME || (bytes.at[5] & 0x80) != 0)
        return 0;
    return is_valid_frame(bytes.at[3], length, stream_id(bytes)) ? length + LAMP_HTTP2_HEADER
                                                                 : 0;
}

static void
emit_if_done(Http2State *state, LampStream *stream, LampExchange *exchange)
{
    if (exchange->request_done && exchange->response_done)
        lamp_framer_emit(&state->framer, &state->pairing, stream, exchange);
}

/* A stream that was opened before the capture, or whose request was lost, is a call too. */
static LampExchange *
open_stream(Http2State *state, LampStream *stream, LampDirection direction, guint32 id)
{
    gboolean is_cut = lamp_stream_is_midstream(stream) || state->framer.has_lost;
    gboolean is_old = direction == LAMP_TO_SERVER && id <= state->newest;
    if ((id & 1) == 0 || is_old || (direction == LAMP_TO_CLIENT && !is_cut))
        return NULL;
    state->newest = MAX(state->newest, id);
    LampExchange *exchange = lamp_exchange_new();
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->key = exchange->position = id;
        if (direction == LAMP_TO_CLIENT) {
            exchange->flags = state->framer.has_lost ? LAMP_CALL_GAP : LAMP_CALL_PRECAPTURE;
            exchange->request_done = TRUE;
        }
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many streams are open; this one is not followed");
    return NULL;
}

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static void
add_message_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    lamp_exchange_add_value(target->exchange, target->side, "message.", name, value);
}

static void
read_data(const LampFrame *frame, LampExchange *exchange)
{
    LampSide side = frame->direction == LAMP_TO_CLIENT ? LAMP_SIDE_RESPONSE : LAMP_SIDE_REQUEST;
    LampBytes payload;
    if (!lamp_http2_payload(frame->bytes, FALSE, &payload))
        return;
    if ((exchange->kind & LAMP_HTTP2_GRPC) != 0 && payload.len > GRPC_PREFIX &&
        payload.at[0] == 0) {
        ValueTarget target = {exchange, side};
        lamp_identifiers_in_protobuf(
            lamp_bytes(payload.at + GRPC_PREFIX, payload.len - GRPC_PREFIX), add_message_value,
            &target);
    } else if ((exchange->kind & LAMP_HTTP2_JSON) != 0) {
        lamp_http_add_json(exchange, side, lamp_bytes(payload.at, MIN(payload.len, 4096)));
    }
}

/* A larger table may be used by the other direction's encoder (RFC 9113, 6.5.2). */
static void
read_settings(Http2State *state, const LampFrame *frame)
{
    LampCursor c = lamp_cursor(
        lamp_bytes(frame->bytes.at + LAMP_HTTP2_HEADER, frame->bytes.len - LAMP_HTTP2_HEADER));
    LampHttp2Side *other = &state->sides[!frame->direction];
    guint16 name;
    guint32 value;
    while (lamp_cursor_be16(&c, &name) && lamp_cursor_be32(&c, &value)) {
        if (name != NGHTTP2_SETTINGS_HEADER_TABLE_SIZE || value <= 4096 || other->is_unknown)
            continue;
        if (other->inflater == NULL && nghttp2_hd_inflate_new(&other->inflater) != 0)
            return;
        nghttp2_hd_inflate_change_table_size(other->inflater, MIN(value, MAX_TABLE));
    }
}

/* The preface is the first that a client sends: nothing was decoded before it, even where the
 * capture did not see the connection begin. */
static void
begin_anew(Http2State *state)
{
    if (!state->framer.has_lost)
        state->sides[0].is_unknown = state->sides[1].is_unknown = 0;
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    Http2State *state = opaque;
    LampHttp2FrameType type = (LampHttp2FrameType) frame->bytes.at[3];
    frame->note = 0xff00;
    if (frame->bytes.len == PREFACE && memcmp(frame->bytes.at, preface, PREFACE) == 0) {
        begin_anew(state);
        return;
    }
    if (type == LAMP_HTTP2_SETTINGS && (frame->bytes.at[4] & LAMP_HTTP2_ACK) == 0)
        read_settings(state, frame);
    guint32 id = stream_id(frame->bytes);
    frame->key = id;
    frame->note = (guint32) type << 8 | frame->bytes.at[4];
    gboolean carries = type == LAMP_HTTP2_DATA || type == LAMP_HTTP2_HEADERS ||
                       type == LAMP_HTTP2_CONTINUATION || type == LAMP_HTTP2_PROMISE ||
                       type == LAMP_HTTP2_RESET;
    if (!carries)
        return;
    LampExchange *exchange = lamp_pairing_find(&state->pairing, id);
    if (exchange == NULL && type == LAMP_HTTP2_HEADERS)
        exchange = open_stream(state, stream, frame->direction, id);
    if (type == LAMP_HTTP2_HEADERS || type == LAMP_HTTP2_CONTINUATION ||
        type == LAMP_HTTP2_PROMISE)
        lamp_http2_read_headers(&state->sides[frame->direction], frame, exchange);
    else if (type == LAMP_HTTP2_DATA && exchange != NULL)
        read_data(frame, exchange);
    frame->exchange = type == LAMP_HTTP2_RESET ? NULL : exchange;
}

/* After a whole response a reset only says that the rest is not wanted (8.1). */
static void
reset_stream(LampExchange *exchange)
{
    if (!exchange->response_done)
        exchange->flags |= LAMP_CALL_ABORTED;
    if (exchange->response_first == LAMP_TIME_NONE)
        exchange->flags |= LAMP_CALL_NO_RESPONSE;
    exchange->request_done = exchange->response_done = TRUE;
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    Http2State *state = opaque;
    guint type = frame->note >> 8, flags = frame->note & 0xff;
    LampExchange *exchange = frame->exchange;
    if (type == LAMP_HTTP2_RESET) {
        exchange = lamp_pairing_find(&state->pairing, frame->key);
        if (exchange != NULL)
            reset_stream(exchange);
    } else if (type == LAMP_HTTP2_DATA && exchange != NULL &&
               (flags & LAMP_HTTP2_END_STREAM) != 0) {
        *(frame->direction == LAMP_TO_CLIENT ? &exchange->response_done
                                             : &exchange->request_done) = TRUE;
    }
    if (exchange != NULL)
        emit_if_done(state, stream, exchange);
}

/* Streams have ids, so pairs stay right; only what the decoders know is lost. */
static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    Http2State *state = opaque;
    (void) stream;
    state->sides[direction].is_unknown = 1;
    g_clear_pointer(&state->sides[direction].block, g_byte_array_unref);
    for (LampExchange *e = state->pairing.first; e != NULL; e = e->next)
        e->flags |= flags;
}

static const LampFraming framing = {
    .header_size = LAMP_HTTP2_HEADER,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "http2.frame",
    .needs_whole = TRUE,
};

static void
begin(gpointer opaque, LampStream *stream)
{
    Http2State *state = opaque;
    LampExchange *upgraded = lamp_stream_take_over(stream);
    lamp_framer_begin(&state->framer, stream);
    if (lamp_stream_is_midstream(stream))
        state->sides[0].is_unknown = state->sides[1].is_unknown = 1;
    if (upgraded == NULL)
        return;
    /* The request that asked for HTTP/2 is stream 1 (RFC 7540, 3.2). */
    upgraded->key = upgraded->position = state->newest = 1;
    upgraded->kind = 0;
    lamp_pairing_push(&state->pairing, upgraded);
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    Http2State *state = opaque;
    lamp_framer_segment(&state->framer, &framing, state, stream, seg);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    Http2State *state = opaque;
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    Http2State *state = opaque;
    for (LampExchange *e = state->pairing.first; e != NULL; e = e->next)
        if (e->response_first != LAMP_TIME_NONE && !e->response_done)
            e->flags |= LAMP_CALL_ABORTED;
    lamp_framer_drop(&state->framer, &state->pairing, stream, 0);
    lamp_framer_clear(&state->framer);
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&state->sides[i].inflater, nghttp2_hd_inflate_del);
        g_clear_pointer(&state->sides[i].block, g_byte_array_unref);
    }
}

static gboolean
is_preface(LampBytes text)
{
    return text.len >= LAMP_HTTP2_HEADER &&
           memcmp(text.at, preface, MIN(text.len, PREFACE)) == 0;
}

/* First frame of a server: SETTINGS, not an acknowledgement. */
static gboolean
is_first_settings(LampBytes text)
{
    return text.len >= LAMP_HTTP2_HEADER && frame_length(NULL, LAMP_TO_CLIENT, text) > 0 &&
           text.at[3] == LAMP_HTTP2_SETTINGS && text.at[4] == 0;
}

/* Inside a connection: both sides hold only whole frames, of which one carries a stream. */
static guint
score_frames(LampBytes a, LampBytes b)
{
    guint in_a = lamp_framing_count(&framing, NULL, LAMP_TO_SERVER, a);
    guint in_b = lamp_framing_count(&framing, NULL, LAMP_TO_CLIENT, b);
    if (in_a == 0 || in_b == 0)
        return 0;
    return in_a + in_b >= 5 ? 80 : in_a + in_b >= 4 ? 55 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) server_port;
    if (is_preface(to_server))
        return 100;
    if (is_preface(to_client)) {
        *out_swapped = TRUE;
        return 100;
    }
    if (to_server.len == 0 && is_first_settings(to_client))
        return 70;
    return score_frames(to_server, to_client);
}

const LampDissector lamp_dissector_http2 = {
    .name = "http2",
    .summary = "HTTP/2 and gRPC: one call for each stream",
    .spec = "RFC 9113, RFC 7541",
    .ports = {50051, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(Http2State),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
