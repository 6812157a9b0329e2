/*
 * Header blocks of HTTP/2 (RFC 9113, section 4.3; RFC 7541).
 *
 * In: the frames that carry them. Out: operation, status and values of calls. Blocks are joined
 * over CONTINUATION and decoded by libnghttp2's HPACK inflater, one for each direction, which
 * must see every block of the connection: after a lost block, or where the capture begins
 * inside the connection, fields are not known any more. Limits: LAMP_LIMIT_HTTP_HEAD for one
 * block. Promised (pushed) streams are decoded and not counted.
 */
#include "ingest/dissect/http2-fields.h"

#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/http-message.h"

enum { FLAG_END_HEADERS = 4, FLAG_PADDED = 8, FLAG_PRIORITY = 32 };

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
            exchange->kind |= LAMP_HTTP2_GRPC;
            exchange->protocol = "grpc";
        } else if (lamp_text_find(value, "json") >= 0)
            exchange->kind |= LAMP_HTTP2_JSON;
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
        if (n > 0) /* an empty block may have no bytes to point to */
            block = lamp_bytes(block.at + n, block.len - (gsize) n);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && target->exchange != NULL)
            read_field(target, &nv);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            return nghttp2_hd_inflate_end_headers(inflater) == 0;
    }
    return FALSE;
}

static void
inflate_block(LampHttp2Side *side, LampBytes block, FieldTarget *target)
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
finish_block(LampHttp2Side *side, LampDirection direction, LampBytes block,
             LampExchange *exchange)
{
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
gboolean
lamp_http2_payload(LampBytes frame, gboolean has_priority, LampBytes *out_payload)
{
    LampCursor c =
        lamp_cursor(lamp_bytes(frame.at + LAMP_HTTP2_HEADER, frame.len - LAMP_HTTP2_HEADER));
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
join_block(LampHttp2Side *side, LampBytes part)
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

void
lamp_http2_read_headers(LampHttp2Side *side, const LampFrame *frame, LampExchange *exchange)
{
    guint8 type = frame->bytes.at[3], flags = frame->bytes.at[4];
    LampBytes payload;
    if (frame->length > frame->bytes.len ||
        !lamp_http2_payload(frame->bytes, type == LAMP_HTTP2_HEADERS, &payload)) {
        side->is_unknown = 1;
        return;
    }
    if (type == LAMP_HTTP2_PROMISE && payload.len >= 4)
        payload = lamp_bytes(payload.at + 4, payload.len - 4);
    if (type != LAMP_HTTP2_CONTINUATION) {
        g_clear_pointer(&side->block, g_byte_array_unref);
        side->ends_stream = (flags & LAMP_HTTP2_END_STREAM) != 0 && type == LAMP_HTTP2_HEADERS;
        side->is_promise = type == LAMP_HTTP2_PROMISE;
    } else if (side->block == NULL) {
        return;
    }
    if (side->block == NULL && (flags & FLAG_END_HEADERS) != 0)
        finish_block(side, frame->direction, payload, exchange);
    else if (join_block(side, payload) && (flags & FLAG_END_HEADERS) != 0) {
        g_autoptr(GByteArray) block = g_steal_pointer(&side->block);
        finish_block(side, frame->direction, lamp_bytes(block->data, block->len), exchange);
    }
}
