/*
 * @summary Cassandra native protocol (CQL): requests paired by stream
 * @spec https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
 *
 * In: both streams of a connection. Out: one call for each request, named by its CQL folded to
 * its shape, or by its kind. Frames are version u8 (high bit: response), flags u8, stream i16
 * (i8 before version 3), opcode u8, length u32. Prepared statements are remembered by the id
 * that the server gave. Events are one-way. Limits: compressed bodies are not read; the outer
 * segments of version 5 after the start-up are not understood (the connection is then lost and
 * counted as such).
 */
#include "ingest/dissect/keyed.h"

#include "ingest/operation.h"

enum { HEADER = 9, LOOK = 16384, MAX_BODY = 268435456, FLAG_COMPRESSED = 1 };
enum {
    OP_ERROR = 0,
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

static LampBytes
body_of(const LampFrame *frame)
{
    gsize header = header_length(frame->bytes);
    gboolean is_readable =
        (frame->bytes.at[1] & FLAG_COMPRESSED) == 0 && frame->bytes.len >= header;
    return is_readable ? lamp_bytes(frame->bytes.at + header, frame->bytes.len - header)
                       : lamp_bytes(NULL, 0);
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    const guint8 *p = frame->bytes.at;
    *out_key = header_length(frame->bytes) == 8 ? p[2] : lamp_be16(p + 2);
    if (opcode_of(frame) == OP_EVENT)
        return LAMP_KEYED_IGNORE;
    return frame->direction == LAMP_TO_SERVER ? LAMP_KEYED_REQUEST : LAMP_KEYED_RESPONSE;
}

static void
add_literal(gpointer owner, guint number, LampBytes value)
{
    char digits[12];
    gint n = g_snprintf(digits, sizeof digits, "%u", number);
    if (value.len >= 2 && value.len <= 128)
        lamp_exchange_add_value(owner, LAMP_SIDE_REQUEST, "literal.",
                                lamp_bytes(digits, (gsize) MAX(n, 0)), value);
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    guint8 opcode = opcode_of(frame);
    LampCursor c = lamp_cursor(body_of(frame));
    LampBytes id, shape;
    guint32 length;
    guint16 short_length;
    exchange->kind = opcode;
    lamp_exchange_set_operation(exchange, lamp_bytes_text(names[opcode]));
    if ((opcode == OP_QUERY || opcode == OP_PREPARE) && lamp_cursor_be32(&c, &length)) {
        char text[LAMP_EXCHANGE_OPERATION];
        LampBytes cql = lamp_bytes(c.at, MIN((gsize) length, lamp_cursor_left(&c)));
        gsize n = lamp_operation_fold_sql(cql, text, sizeof text, add_literal, exchange);
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
    LampCursor c = lamp_cursor(body_of(frame));
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

LAMP_KEYED_FUNCTIONS(protocol)

/* 0 not, 1 nothing to see, 2 a whole frame's header that fits. */
static guint
score_side(LampBytes bytes, LampDirection direction)
{
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
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
