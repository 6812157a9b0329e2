/*
 * @summary HTTP/2 and gRPC: one call for each stream
 * @spec RFC 9113, RFC 7541
 *
 * In: both streams of a connection. Out: one call for each request stream; its position is the
 * stream id. Frames are told by the framer; header blocks are joined over CONTINUATION and
 * decoded by libnghttp2's HPACK inflater, one for each direction, which must see every block of
 * the connection: after a lost block, or where the capture begins inside the connection, fields
 * are not known any more and calls have neither operation nor status, but their streams, times
 * and sizes are still right. A call whose content type is application/grpc has the protocol
 * `grpc`, the status of its trailers, and the ids found in its messages as values.
 *
 * Limits: LAMP_LIMIT_HTTP_HEAD for one header block, LAMP_LIMIT_PIPELINE streams at once; 4 KiB
 * of each DATA frame are looked at. Promised (pushed) streams are decoded and not counted.
 */
#include <nghttp2/nghttp2.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/framing.h"
#include "ingest/dissect/http-message.h"
#include "ingest/dissect/protobuf.h"

enum {
    HEADER = 9,
    PREFACE = 24,
    LOOK = HEADER + 16384 + 8,
    MAX_FRAME = 1048576 + HEADER,
    MAX_TABLE = 65536,
    GRPC_PREFIX = 5,
};

typedef enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RESET = 3,
    FRAME_SETTINGS = 4,
    FRAME_PROMISE = 5,
    FRAME_CONTINUATION = 9,
} FrameType;

enum {
    FLAG_END_STREAM = 1,
    FLAG_ACK = 1,
    FLAG_END_HEADERS = 4,
    FLAG_PADDED = 8,
    FLAG_PRIORITY = 32
};

/* Notes in LampExchange.kind. */
enum { KIND_GRPC = 1, KIND_JSON = 2, KIND_HAS_STATUS = 4 };

typedef struct {
    nghttp2_hd_inflater *inflater;
    GByteArray *block; /* header block being joined, or NULL */
    guint32 block_stream;
    guint8 ends_stream; /* END_STREAM of the HEADERS frame that began the block */
    guint8 is_unknown;  /* the decoder's table is lost */
    guint8 is_promise;
} Http2Side;

typedef struct {
    LampFramer framer;
    Http2Side sides[2];
    LampPairing pairing;
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
    case FRAME_DATA:
    case FRAME_HEADERS:
    case FRAME_CONTINUATION:
    case FRAME_PROMISE:
        return stream != 0;
    case 2: /* PRIORITY */
        return length == 5 && stream != 0;
    case FRAME_RESET:
        return length == 4 && stream != 0;
    case FRAME_SETTINGS:
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
    if (memcmp(bytes.at, preface, HEADER) == 0)
        return PREFACE;
    gsize length = (gsize) bytes.at[0] << 16 | (gsize) lamp_be16(bytes.at + 1);
    if (length + HEADER > MAX_FRAME || (bytes.at[5] & 0x80) != 0)
        return 0;
    return is_valid_frame(bytes.at[3], length, stream_id(bytes)) ? length + HEADER : 0;
}

/* gRPC status codes that say the server failed, not the request (OpenTelemetry's list). */
static gboolean
is_grpc_server_error(LampBytes status)
{
    static const char *const codes[] = {"2", "4", "12", "13", "14", "15"};
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (lamp_bytes_equal(status, lamp_bytes_text(codes[i])))
            return TRUE;
    return FALSE;
}

typedef struct {
    LampExchange *exchange; /* NULL: the block is decoded only to keep the table right */
    gboolean is_response, is_interim;
    gsize method_len, path_len;
    char method[32], path[1024]; /* the inflater's own texts may be gone by the next field */
} FieldTarget;

static gboolean
field_is(const nghttp2_nv *nv, const char *name)
{
    return lamp_bytes_equal(lamp_bytes(nv->name, nv->namelen), lamp_bytes_text(name));
}

static void
read_status(FieldTarget *target, LampBytes value)
{
    guint64 status;
    if (!lamp_text_parse_u64(value, &status) || status > 999)
        return;
    target->is_interim = status < 200;
    if (!target->is_interim)
        lamp_http_set_status(target->exchange, (guint) status);
}

static gsize
copy(char *to, gsize size, LampBytes from)
{
    gsize n = MIN(size, from.len);
    if (n > 0)
        memcpy(to, from.at, n);
    return n;
}

static void
read_field(FieldTarget *target, const nghttp2_nv *nv)
{
    LampExchange *exchange = target->exchange;
    LampBytes value = lamp_bytes(nv->value, nv->valuelen);
    if (field_is(nv, ":method"))
        target->method_len = copy(target->method, sizeof target->method, value);
    else if (field_is(nv, ":path"))
        target->path_len = copy(target->path, sizeof target->path, value);
    else if (field_is(nv, ":status"))
        read_status(target, value);
    else if (field_is(nv, "content-type")) {
        if (lamp_bytes_starts(value, "application/grpc")) {
            exchange->kind |= KIND_GRPC;
            exchange->protocol = "grpc";
        } else if (lamp_text_find(value, "json") >= 0)
            exchange->kind |= KIND_JSON;
    } else if (field_is(nv, "grpc-status")) {
        lamp_exchange_set_status(exchange, value);
        exchange->is_error = is_grpc_server_error(value);
    } else
        lamp_http_add_field(exchange,
                            target->is_response ? LAMP_SIDE_RESPONSE : LAMP_SIDE_REQUEST,
                            lamp_bytes(nv->name, nv->namelen), value);
}

/* Decodes a whole block; FALSE where the decoder is out of step from then on. */
static gboolean
inflate_fields(nghttp2_hd_inflater *inflater, LampBytes block, FieldTarget *target)
{
    for (guint fields = 0; fields < 4 * LAMP_LIMIT_HTTP_HEADERS; fields++) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.at, block.len, 1);
        if (n < 0)
            return FALSE;
        block = lamp_bytes(block.at + n, block.len - (gsize) n);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && target->exchange != NULL)
            read_field(target, &nv);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            return nghttp2_hd_inflate_end_headers(inflater) == 0;
    }
    return FALSE;
}

static void
inflate_block(Http2Side *side, LampBytes block, FieldTarget *target)
{
    if (side->is_unknown)
        return;
    if ((side->inflater == NULL && nghttp2_hd_inflate_new(&side->inflater) != 0) ||
        !inflate_fields(side->inflater, block, target))
        side->is_unknown = 1;
    if (target->exchange != NULL && !target->is_response && target->method_len > 0)
        lamp_http_add_target(target->exchange, lamp_bytes(target->method, target->method_len),
                             lamp_bytes(target->path, target->path_len));
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
    if ((id & 1) == 0 || (direction == LAMP_TO_CLIENT && !is_cut))
        return NULL;
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

static void
finish_block(Http2State *state, LampDirection direction, LampBytes block,
             LampExchange *exchange)
{
    Http2Side *side = &state->sides[direction];
    FieldTarget target = {.exchange = side->is_promise ? NULL : exchange,
                          .is_response = direction == LAMP_TO_CLIENT};
    inflate_block(side, block, &target);
    side->is_promise = 0;
    if (exchange == NULL || !side->ends_stream || target.is_interim)
        return;
    if (direction == LAMP_TO_CLIENT)
        exchange->response_done = TRUE;
    else
        exchange->request_done = TRUE;
}

/* Payload of a frame without padding and priority; FALSE where these do not fit. */
static gboolean
strip(LampBytes frame, gboolean has_priority, LampBytes *out_payload)
{
    LampCursor c = lamp_cursor(lamp_bytes(frame.at + HEADER, frame.len - HEADER));
    guint8 flags = frame.at[4], padding = 0;
    if ((flags & FLAG_PADDED) != 0 && !lamp_cursor_u8(&c, &padding))
        return FALSE;
    if (has_priority && (flags & FLAG_PRIORITY) != 0 && !lamp_cursor_skip(&c, 5))
        return FALSE;
    if (lamp_cursor_left(&c) < padding)
        return FALSE;
    *out_payload = lamp_bytes(c.at, lamp_cursor_left(&c) - padding);
    return TRUE;
}

/* Adds a part of a header block; FALSE, and the decoder is out of step, where it gets too long.
 */
static gboolean
join_block(Http2Side *side, LampBytes part)
{
    if (side->block == NULL)
        side->block = g_byte_array_new();
    if (side->block->len + part.len > LAMP_LIMIT_HTTP_HEAD) {
        side->is_unknown = 1;
        g_clear_pointer(&side->block, g_byte_array_unref);
        return FALSE;
    }
    g_byte_array_append(side->block, part.at, (guint) part.len);
    return TRUE;
}

static void
read_headers(Http2State *state, const LampFrame *frame, LampExchange *exchange)
{
    Http2Side *side = &state->sides[frame->direction];
    guint8 type = frame->bytes.at[3], flags = frame->bytes.at[4];
    LampBytes payload;
    if (frame->length > frame->bytes.len ||
        !strip(frame->bytes, type == FRAME_HEADERS, &payload)) {
        side->is_unknown = 1;
        return;
    }
    if (type == FRAME_PROMISE && payload.len >= 4)
        payload = lamp_bytes(payload.at + 4, payload.len - 4);
    if (type != FRAME_CONTINUATION) {
        g_clear_pointer(&side->block, g_byte_array_unref);
        side->ends_stream = (flags & FLAG_END_STREAM) != 0 && type == FRAME_HEADERS;
        side->is_promise = type == FRAME_PROMISE;
    } else if (side->block == NULL) {
        return;
    }
    if (side->block == NULL && (flags & FLAG_END_HEADERS) != 0)
        finish_block(state, frame->direction, payload, exchange);
    else if (join_block(side, payload) && (flags & FLAG_END_HEADERS) != 0) {
        g_autoptr(GByteArray) block = g_steal_pointer(&side->block);
        finish_block(state, frame->direction, lamp_bytes(block->data, block->len), exchange);
    }
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
    if (!strip(frame->bytes, FALSE, &payload))
        return;
    if ((exchange->kind & KIND_GRPC) != 0 && payload.len > GRPC_PREFIX && payload.at[0] == 0) {
        ValueTarget target = {exchange, side};
        lamp_identifiers_in_protobuf(
            lamp_bytes(payload.at + GRPC_PREFIX, payload.len - GRPC_PREFIX), add_message_value,
            &target);
    } else if ((exchange->kind & KIND_JSON) != 0) {
        lamp_http_add_json(exchange, side, lamp_bytes(payload.at, MIN(payload.len, 4096)));
    }
}

/* A larger table may be used by the other direction's encoder (RFC 9113, 6.5.2). */
static void
read_settings(Http2State *state, const LampFrame *frame)
{
    LampCursor c = lamp_cursor(lamp_bytes(frame->bytes.at + HEADER, frame->bytes.len - HEADER));
    Http2Side *other = &state->sides[!frame->direction];
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

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    Http2State *state = opaque;
    FrameType type = (FrameType) frame->bytes.at[3];
    frame->note = 0xff00;
    if (frame->bytes.len == PREFACE && memcmp(frame->bytes.at, preface, PREFACE) == 0)
        return;
    if (type == FRAME_SETTINGS && (frame->bytes.at[4] & FLAG_ACK) == 0)
        read_settings(state, frame);
    guint32 id = stream_id(frame->bytes);
    frame->key = id;
    frame->note = (guint32) type << 8 | frame->bytes.at[4];
    gboolean carries = type == FRAME_DATA || type == FRAME_HEADERS ||
                       type == FRAME_CONTINUATION || type == FRAME_PROMISE ||
                       type == FRAME_RESET;
    if (!carries)
        return;
    LampExchange *exchange = lamp_pairing_find(&state->pairing, id);
    if (exchange == NULL && type == FRAME_HEADERS)
        exchange = open_stream(state, stream, frame->direction, id);
    if (type == FRAME_HEADERS || type == FRAME_CONTINUATION || type == FRAME_PROMISE)
        read_headers(state, frame, exchange);
    else if (type == FRAME_DATA && exchange != NULL)
        read_data(frame, exchange);
    frame->exchange = type == FRAME_RESET ? NULL : exchange;
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
    if (type == FRAME_RESET) {
        exchange = lamp_pairing_find(&state->pairing, frame->key);
        if (exchange != NULL)
            reset_stream(exchange);
    } else if (type == FRAME_DATA && exchange != NULL && (flags & FLAG_END_STREAM) != 0) {
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
    .header_size = HEADER,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "http2.frame",
};

static void
begin(gpointer opaque, LampStream *stream)
{
    Http2State *state = opaque;
    lamp_framer_begin(&state->framer, stream);
    if (lamp_stream_is_midstream(stream))
        state->sides[0].is_unknown = state->sides[1].is_unknown = 1;
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
    return text.len >= HEADER && memcmp(text.at, preface, MIN(text.len, PREFACE)) == 0;
}

/* First frame of a server: SETTINGS, not an acknowledgement. */
static gboolean
is_first_settings(LampBytes text)
{
    return text.len >= HEADER && frame_length(NULL, LAMP_TO_CLIENT, text) > 0 &&
           text.at[3] == FRAME_SETTINGS && text.at[4] == 0;
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
