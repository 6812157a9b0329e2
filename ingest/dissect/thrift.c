/*
 * @summary Thrift, framed or not, binary and compact protocol: calls paired by sequence id
 * @spec https://github.com/apache/thrift/blob/master/doc/specs/thrift-rpc.md
 *
 * In: both streams of a connection. Out: one call for each method, named by it. A frame is
 * length i32, then a message header: binary 0x8001, 0, type u8, name (i32 length), sequence id
 * i32; compact 0x82, type and version u8, sequence id varint, name (varint length). Types: 1
 * call, 2 reply, 3 exception, 4 one-way. Without frames the message is walked to its end
 * (thrift-walk.c). Status is `ok`, `exception` (the server failed) or `declared exception` (an
 * answer of the method's own, no error). Not read: arguments. Limits: 256 KiB for a message
 * without a frame; the binary protocol without versions, which has no magic, is read as turns.
 */
#include "ingest/dissect/keyed.h"
#include "ingest/dissect/thrift-walk.h"

#include "ingest/operation.h"

enum { HEADER = 5, FRAME_HEADER = 12, LOOK = 512, MAX_FRAME = 268435456, MAX_NAME = 128 };
enum { TYPE_CALL = 1, TYPE_REPLY = 2, TYPE_EXCEPTION = 3, TYPE_ONE_WAY = 4 };
enum { COMPACT_MAGIC = 0x82, BINARY_MAGIC = 0x8001, FIELD_STRUCT = 12 };

typedef struct {
    LampKeyedState keyed; /* first: the keyed functions know only it */
    LampThriftWalk walks[2];
} ThriftState;

typedef struct {
    guint8 type;
    gboolean is_compact, is_whole; /* the header is there to its end */
    guint32 sequence;
    LampBytes name;
    LampCursor rest; /* behind the header, where it is whole */
} ThriftHead;

static gboolean
is_unframed(LampBytes bytes)
{
    return lamp_be16(bytes.at) == BINARY_MAGIC ||
           (bytes.at[0] == COMPACT_MAGIC && (bytes.at[1] & 0x1f) == 1);
}

/* Type, sequence id and length of the name; FALSE where they cannot be, or are not there. */
static gboolean
take_fields(LampCursor *c, ThriftHead *out, guint32 *out_length)
{
    guint32 first;
    out->is_compact = lamp_cursor_left(c) > 2 && c->at[0] == COMPACT_MAGIC;
    if (out->is_compact) {
        out->type = c->at[1] >> 5;
        return (c->at[1] & 0x1f) == 1 && lamp_cursor_skip(c, 2) &&
               lamp_thrift_varint(c, &out->sequence) && lamp_thrift_varint(c, out_length);
    }
    if (!lamp_cursor_be32(c, &first) || first >> 8 != BINARY_MAGIC << 8 ||
        !lamp_cursor_be32(c, out_length))
        return FALSE;
    out->type = (guint8) first;
    return TRUE;
}

/* The message header at the begin of @message; the name may be cut off by the end. */
static gboolean
parse(LampBytes message, ThriftHead *out)
{
    LampCursor c = lamp_cursor(message);
    guint32 length;
    *out = (ThriftHead){0};
    if (!take_fields(&c, out, &length) || out->type < TYPE_CALL || out->type > TYPE_ONE_WAY ||
        length == 0 || length > MAX_NAME)
        return FALSE;
    out->name = lamp_bytes(c.at, MIN((gsize) length, lamp_cursor_left(&c)));
    for (gsize i = 0; i < out->name.len; i++)
        if (!g_ascii_isgraph((char) out->name.at[i]))
            return FALSE;
    out->is_whole = lamp_cursor_skip(&c, length) &&
                    (out->is_compact || lamp_cursor_be32(&c, &out->sequence));
    out->rest = c;
    return TRUE;
}

static LampBytes
message_of(LampBytes bytes)
{
    gsize skip = is_unframed(bytes) ? 0 : 4;
    return lamp_bytes(bytes.at + skip, bytes.len - skip);
}

static gboolean
fits_direction(const ThriftHead *head, LampDirection direction)
{
    gboolean is_call = head->type == TYPE_CALL || head->type == TYPE_ONE_WAY;
    return is_call == (direction == LAMP_TO_SERVER);
}

/* Where messages are only looked for, at any place, nothing is remembered and not much read. */
static gsize
unframed_length(ThriftState *state, LampDirection direction, LampBytes bytes)
{
    enum { LOOKED_AT = 2048 };
    ThriftHead head;
    LampThriftWalk own = {0}, *walk = &own;
    if (state != NULL && state->keyed.framer.sides[direction].is_lost)
        state->walks[direction].depth = 0;
    else if (state != NULL)
        walk = &state->walks[direction];
    if (!parse(bytes, &head))
        return bytes.len < FRAME_HEADER ? LAMP_FRAMING_MORE : 0;
    if (!fits_direction(&head, direction))
        return 0;
    if (!head.is_whole)
        return LAMP_FRAMING_MORE;
    if (walk->depth == 0 || walk->at > bytes.len)
        lamp_thrift_walk_begin(walk, (gsize) (head.rest.at - bytes.at), head.is_compact);
    if (walk == &own)
        bytes.len = MIN(bytes.len, (gsize) LOOKED_AT);
    LampThriftResult result = lamp_thrift_walk(walk, bytes);
    if (result == LAMP_THRIFT_MORE)
        return LAMP_FRAMING_MORE;
    walk->depth = 0;
    return result == LAMP_THRIFT_END ? walk->at : 0;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    ThriftHead head;
    if (is_unframed(bytes))
        return unframed_length(state, direction, bytes);
    gsize length = lamp_be32(bytes.at);
    if (length < FRAME_HEADER - 4 || length > MAX_FRAME)
        return 0;
    if (bytes.len < FRAME_HEADER)
        return LAMP_FRAMING_MORE;
    return parse(message_of(bytes), &head) && fits_direction(&head, direction) ? length + 4 : 0;
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    ThriftHead head;
    if (!parse(message_of(frame->bytes), &head))
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
    if (parse(message_of(frame->bytes), &head))
        lamp_exchange_set_operation(exchange, head.name);
}

/* A reply is a struct: field 0 is what the method returns, others are its exceptions. */
static gboolean
has_exception(const ThriftHead *head)
{
    LampCursor c = head->rest;
    guint8 first;
    guint16 id;
    if (!head->is_whole || !lamp_cursor_u8(&c, &first) || first == 0)
        return FALSE;
    if (head->is_compact) /* the id, or its distance from 0 */
        return first >> 4 != 0 || (lamp_cursor_left(&c) > 0 && *c.at != 0);
    return lamp_cursor_be16(&c, &id) && id != 0 && first == FIELD_STRUCT;
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    ThriftHead head;
    gboolean is_reply = parse(message_of(frame->bytes), &head) && head.type == TYPE_REPLY;
    const char *status = !is_reply              ? "exception"
                         : has_exception(&head) ? "declared exception"
                                                : "ok";
    lamp_exchange_set_status(exchange, lamp_bytes_text(status));
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

/* Only what has the header of a message is Thrift: a length alone could be anything's. */
static gboolean
fits(LampBytes bytes, LampDirection direction)
{
    ThriftHead head;
    return bytes.len >= HEADER && parse(message_of(bytes), &head) &&
           frame_length(NULL, direction, bytes) > 0;
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
    .summary = "Thrift, framed or not, binary and compact protocol",
    .spec = "https://github.com/apache/thrift/blob/master/doc/specs/thrift-rpc.md",
    .ports = {9090, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(ThriftState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
