/*
 * @summary Thrift, framed transport, binary and compact protocol: calls paired by sequence id
 * @spec https://github.com/apache/thrift/blob/master/doc/specs/thrift-rpc.md
 *
 * In: both streams of a connection. Out: one call for each method, named by it. A frame is
 * length i32, then a message header: binary 0x8001, 0, type u8, name (i32 length), sequence id
 * i32; compact 0x82, type and version u8, sequence id varint, name (varint length). Types: 1
 * call, 2 reply, 3 exception, 4 one-way. Status is `ok` or `exception`. Not read: arguments;
 * the unframed transport, whose messages have no length.
 */
#include "ingest/dissect/keyed.h"

#include "ingest/operation.h"

enum { HEADER = 12, LOOK = 512, MAX_FRAME = 268435456, MAX_NAME = 128 };
enum { TYPE_CALL = 1, TYPE_REPLY = 2, TYPE_EXCEPTION = 3, TYPE_ONE_WAY = 4 };

typedef struct {
    guint8 type;
    guint32 sequence;
    LampBytes name;
} ThriftHead;

static gboolean
take_varint(LampCursor *c, guint32 *out_value)
{
    guint32 value = 0;
    for (guint shift = 0; shift < 35; shift += 7) {
        guint8 b;
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        value |= (guint32) (b & 0x7f) << (shift < 32 ? shift : 0);
        if (b < 0x80) {
            *out_value = value;
            return TRUE;
        }
    }
    return FALSE;
}

/* The message header behind the frame's length; the name may be cut off by the end. */
static gboolean
parse(LampBytes frame, ThriftHead *out)
{
    LampCursor c = lamp_cursor(lamp_bytes(frame.at + 4, frame.len - 4));
    guint32 first, length;
    *out = (ThriftHead){0};
    gboolean is_compact = c.at[0] == 0x82;
    if (is_compact) {
        out->type = c.at[1] >> 5;
        if ((c.at[1] & 0x1f) != 1 || !lamp_cursor_skip(&c, 2) ||
            !take_varint(&c, &out->sequence) || !take_varint(&c, &length))
            return FALSE;
    } else {
        if (!lamp_cursor_be32(&c, &first) || (first & 0xffffff00) != 0x80010000 ||
            !lamp_cursor_be32(&c, &length))
            return FALSE;
        out->type = (guint8) first;
    }
    if (out->type < TYPE_CALL || out->type > TYPE_ONE_WAY || length == 0 || length > MAX_NAME)
        return FALSE;
    out->name = lamp_bytes(c.at, MIN((gsize) length, lamp_cursor_left(&c)));
    for (gsize i = 0; i < out->name.len; i++)
        if (!g_ascii_isgraph((char) out->name.at[i]))
            return FALSE;
    if (lamp_cursor_skip(&c, length) && !is_compact)
        return lamp_cursor_be32(&c, &out->sequence) || lamp_cursor_left(&c) < 4;
    return TRUE;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    ThriftHead head;
    gsize length = lamp_be32(bytes.at);
    if (length < HEADER - 4 || length > MAX_FRAME || !parse(bytes, &head))
        return 0;
    gboolean is_call = head.type == TYPE_CALL || head.type == TYPE_ONE_WAY;
    return is_call == (direction == LAMP_TO_SERVER) ? length + 4 : 0;
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    ThriftHead head;
    if (!parse(frame->bytes, &head))
        return LAMP_KEYED_IGNORE;
    *out_key = head.sequence;
    if (frame->direction == LAMP_TO_CLIENT)
        return LAMP_KEYED_RESPONSE;
    return head.type == TYPE_ONE_WAY ? LAMP_KEYED_ONE_WAY : LAMP_KEYED_REQUEST;
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    ThriftHead head;
    if (parse(frame->bytes, &head))
        lamp_exchange_set_operation(exchange, head.name);
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    ThriftHead head;
    gboolean is_reply = parse(frame->bytes, &head) && head.type == TYPE_REPLY;
    lamp_exchange_set_status(exchange, lamp_bytes_text(is_reply ? "ok" : "exception"));
    exchange->is_error = !is_reply;
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = HEADER,
                .look = LOOK,
                .length = frame_length,
                .finding = "thrift.frame"},
    .describe = describe,
    .request = request,
    .response = response,
};

LAMP_KEYED_FUNCTIONS(protocol)

static gboolean
fits(LampBytes bytes, LampDirection direction)
{
    return bytes.len >= HEADER && frame_length(NULL, direction, bytes) > 0;
}

static guint
score(LampBytes client, LampBytes server)
{
    gboolean has_call = fits(client, LAMP_TO_SERVER), has_reply = fits(server, LAMP_TO_CLIENT);
    if ((client.len > 0 && !has_call) || (server.len > 0 && !has_reply))
        return 0;
    return has_call && has_reply ? 95 : has_call || has_reply ? 85 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) server_port;
    guint forward = score(to_server, to_client), backward = score(to_client, to_server);
    if (backward > forward)
        *out_swapped = TRUE;
    return MAX(forward, backward);
}

const LampDissector lamp_dissector_thrift = {
    .name = "thrift",
    .summary = "Thrift, framed transport, binary and compact protocol",
    .spec = "https://github.com/apache/thrift/blob/master/doc/specs/thrift-rpc.md",
    .ports = {9090, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
