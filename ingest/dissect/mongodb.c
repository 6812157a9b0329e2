/*
 * @summary MongoDB wire protocol: OP_MSG and OP_QUERY commands
 * @spec https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 *
 * In: both streams of a connection. Out: one call for each command, named by command and
 * collection. Messages are length, request id, id that they respond to, opcode (i32, little
 * endian). Commands and replies are BSON documents: the first element of a command names it.
 * Text elements that look like ids and ObjectIds are values, except under names that say
 * secret. Commands with `moreToCome` expect no reply; replies with it are followed by more,
 * which answer nothing that was asked and are one-way. Compressed messages (snappy, zlib, zstd)
 * are unpacked. Limits: documents are entered to a depth of 6, 16 KiB of a message are read;
 * of one compressed with zstd only if that is all of it.
 */
#include "ingest/dissect/keyed.h"
#include "ingest/dissect/snappy.h"

#include "ingest/flow/unpack.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

#include <zlib.h>

enum { HEADER = 16, LOOK = 16384, MAX_MESSAGE = 48000000, MAX_DEPTH = 6 };
enum { OP_REPLY = 1, OP_QUERY = 2004, OP_COMPRESSED = 2012, OP_MSG = 2013 };
enum { FLAG_CHECKSUM = 1, FLAG_MORE = 2 };
enum { PACKED_NOT, PACKED_SNAPPY, PACKED_ZLIB, PACKED_ZSTD, PACKED_HEADER = 9 };
enum { NOTE_STREAMS = 1 /* of the state: a reply said that more come */ };
enum {
    BSON_DOUBLE = 1,
    BSON_TEXT = 2,
    BSON_DOCUMENT = 3,
    BSON_ARRAY = 4,
    BSON_ID = 7,
    BSON_I32 = 16
};

static gboolean
is_opcode(guint32 code)
{
    return code == OP_REPLY || (code >= 2001 && code <= 2007) || code == 2010 || code == 2011 ||
           code == OP_COMPRESSED || code == OP_MSG;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state, (void) direction;
    gsize length = lamp_le32(bytes.at);
    return length > HEADER && length <= MAX_MESSAGE && is_opcode(lamp_le32(bytes.at + 12))
               ? length
               : 0;
}

static gboolean
has_more(LampBytes message)
{
    return lamp_le32(message.at + 12) == OP_MSG && message.len >= HEADER + 4 &&
           (lamp_le32(message.at + HEADER) & FLAG_MORE) != 0;
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    const guint8 *p = frame->bytes.at;
    guint32 opcode = lamp_le32(p + 12);
    if (frame->direction == LAMP_TO_CLIENT) {
        *out_key = lamp_le32(p + 8);
        gboolean is_asked = lamp_pairing_find(&state->pairing, *out_key) != NULL;
        gboolean is_streamed = !is_asked && state->version == NOTE_STREAMS;
        if (has_more(frame->bytes))
            state->version = NOTE_STREAMS;
        return is_streamed ? LAMP_KEYED_ONE_WAY : LAMP_KEYED_RESPONSE;
    }
    *out_key = lamp_le32(p + 4);
    gboolean is_old_write =
        opcode == 2001 || opcode == 2002 || opcode == 2006 || opcode == 2007;
    return has_more(frame->bytes) || is_old_write ? LAMP_KEYED_ONE_WAY : LAMP_KEYED_REQUEST;
}

typedef struct {
    guint8 type;
    LampBytes name;
    LampBytes value; /* text without its length and NUL; document with its length; else raw */
} Element;

/* Length of the value of @type at @bytes; FALSE for types that do not occur in what is read. */
static gboolean
value_length(guint8 type, LampBytes bytes, gsize *out_length)
{
    static const guint8 sizes[] = {0, 8, 0, 0, 0, 0, 0, 12, 1, 8,
                                   0, 0, 0, 0, 0, 0, 4, 8,  8, 16};
    gsize size = type < G_N_ELEMENTS(sizes) ? sizes[type] : 0;
    if (type == 5 && bytes.len >= 4)
        size = (gsize) lamp_le32(bytes.at) + 5;
    else if ((type == BSON_TEXT || type == 13 || type == 14) && bytes.len >= 4)
        size = (gsize) lamp_le32(bytes.at) + 4;
    else if ((type == BSON_DOCUMENT || type == BSON_ARRAY || type == 15) && bytes.len >= 4)
        size = lamp_le32(bytes.at);
    else if (size == 0 && type != 6 && type != 10 && type != 127 && type != 255)
        return FALSE;
    *out_length = size;
    return TRUE;
}

/* Takes an element; a value that is cut is handed out as far as it goes and ends the document.
 */
static gboolean
take_element(LampCursor *c, Element *out)
{
    gsize length;
    if (!lamp_cursor_u8(c, &out->type) || out->type == 0)
        return FALSE;
    const guint8 *nul = memchr(c->at, 0, lamp_cursor_left(c));
    if (nul == NULL)
        return FALSE;
    out->name = lamp_bytes(c->at, (gsize) (nul - c->at));
    c->at = nul + 1;
    if (!value_length(out->type, lamp_cursor_rest(c), &length))
        return FALSE;
    out->value = lamp_bytes(c->at, MIN(length, lamp_cursor_left(c)));
    c->at += out->value.len;
    if (out->type == BSON_TEXT && out->value.len >= 5)
        out->value = lamp_bytes(out->value.at + 4, out->value.len - 5);
    return TRUE;
}

static LampCursor
document_cursor(LampBytes document)
{
    gsize skip = MIN((gsize) 4, document.len);
    return lamp_cursor(lamp_bytes(document.at + skip, document.len - skip));
}

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static void
add_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    lamp_exchange_add_value(target->exchange, target->side, "body.", name, value);
}

static void
add_object_id(ValueTarget *target, const Element *element)
{
    char digits[25];
    for (guint i = 0; i < 12; i++)
        g_snprintf(digits + 2 * i, 3, "%02x", element->value.at[i]);
    add_value(target, element->name, lamp_bytes(digits, 24));
}

static void
add_ids(ValueTarget *target, LampBytes document, guint depth)
{
    LampCursor c = document_cursor(document);
    Element element;
    while (take_element(&c, &element)) {
        if (lamp_identifier_is_secret(element.name) ||
            (element.name.len > 0 && element.name.at[0] == '$'))
            continue;
        if (element.type == BSON_TEXT)
            lamp_identifiers_in_text(element.name, element.value, add_value, target);
        else if (element.type == BSON_ID && element.value.len == 12)
            add_object_id(target, &element);
        else if ((element.type == BSON_DOCUMENT || element.type == BSON_ARRAY) &&
                 depth < MAX_DEPTH)
            add_ids(target, element.value, depth + 1);
    }
}

static gsize
inflate_begin(LampBytes packed, guint8 *out, gsize room)
{
    z_stream z = {.next_in = (Bytef *) packed.at,
                  .avail_in = (uInt) packed.len,
                  .next_out = out,
                  .avail_out = (uInt) room};
    if (inflateInit(&z) != Z_OK)
        return 0;
    (void) inflate(&z, Z_SYNC_FLUSH);
    inflateEnd(&z);
    return room - z.avail_out;
}

typedef struct {
    guint32 opcode;
    LampBytes body;
    guint8 unpacked[LOOK];
} Message;

/* The opcode and body of a message, out of its compression. */
static void
open_message(const LampFrame *frame, Message *m)
{
    m->body = lamp_bytes(frame->bytes.at + HEADER, frame->bytes.len - HEADER);
    m->opcode = lamp_le32(frame->bytes.at + 12);
    if (m->opcode != OP_COMPRESSED || m->body.len < PACKED_HEADER)
        return;
    m->opcode = lamp_le32(m->body.at);
    guint8 packing = m->body.at[8];
    LampBytes packed = lamp_bytes(m->body.at + PACKED_HEADER, m->body.len - PACKED_HEADER);
    gsize n = 0;
    m->body = packed;
    if (packing == PACKED_SNAPPY)
        n = lamp_unsnap(packed, m->unpacked, LOOK);
    else if (packing == PACKED_ZLIB)
        n = inflate_begin(packed, m->unpacked, LOOK);
    else if (packing == PACKED_ZSTD)
        n = (gsize) MAX(lamp_unpack(LAMP_UNPACK_ZSTD, packed, m->unpacked, LOOK), 0);
    if (packing != PACKED_NOT)
        m->body = lamp_bytes(m->unpacked, n);
}

/* The first document of a message, empty where there is none. */
static LampBytes
message_document(const Message *m)
{
    LampBytes body = m->body;
    if (m->opcode == OP_MSG && body.len > 5 && body.at[4] == 0)
        return lamp_bytes(body.at + 5, body.len - 5);
    if (m->opcode == OP_REPLY && body.len > 20)
        return lamp_bytes(body.at + 20, body.len - 20);
    const guint8 *nul =
        m->opcode == OP_QUERY && body.len > 4 ? memchr(body.at + 4, 0, body.len - 4) : NULL;
    gsize at = nul == NULL ? body.len : MIN((gsize) (nul - body.at) + 9, body.len);
    return lamp_bytes(body.at + at, body.len - at);
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    Message message;
    open_message(frame, &message);
    LampBytes document = message_document(&message);
    LampCursor c = document_cursor(document);
    Element first;
    if (frame->direction == LAMP_TO_CLIENT) {
        lamp_exchange_set_operation(exchange, lamp_bytes_text("reply"));
        return;
    }
    if (!take_element(&c, &first)) {
        lamp_exchange_set_operation(exchange, lamp_bytes_text("message"));
        return;
    }
    char text[LAMP_EXCHANGE_OPERATION];
    gsize len = MIN(first.name.len, 64);
    memcpy(text, first.name.at, len);
    if (first.type == BSON_TEXT && first.value.len > 0) {
        text[len++] = ' ';
        len += lamp_operation_fold_key(first.value, text + len, sizeof text - len, NULL, NULL);
    }
    lamp_exchange_set_operation(exchange, lamp_bytes(text, len));
    ValueTarget target = {exchange, LAMP_SIDE_REQUEST};
    gboolean is_login = first.name.len >= 4 && memcmp(first.name.at, "sasl", 4) == 0;
    if (!is_login)
        add_ids(&target, document, 0);
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    Message message;
    open_message(frame, &message);
    LampBytes document = message_document(&message);
    LampCursor c = document_cursor(document);
    Element element;
    ValueTarget target = {exchange, LAMP_SIDE_RESPONSE};
    lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    while (take_element(&c, &element)) {
        if (element.type == BSON_I32 && element.value.len == 4 &&
            lamp_bytes_equal(element.name, lamp_bytes_text("code"))) {
            char digits[12];
            gint n = g_snprintf(digits, sizeof digits, "%u", lamp_le32(element.value.at));
            lamp_exchange_set_status(exchange, lamp_bytes(digits, (gsize) MAX(n, 0)));
            exchange->is_error = TRUE;
        }
    }
    add_ids(&target, document, 0);
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = HEADER,
                .look = LOOK,
                .length = frame_length,
                .finding = "mongodb.message"},
    .describe = describe,
    .request = request,
    .response = response,
};

LAMP_KEYED_FUNCTIONS(protocol)

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) server_port;
    gboolean has_request =
        to_server.len >= HEADER && frame_length(NULL, LAMP_TO_SERVER, to_server);
    gboolean has_answer =
        to_client.len >= HEADER && frame_length(NULL, LAMP_TO_CLIENT, to_client);
    if ((to_server.len > 0 && !has_request) || (to_client.len > 0 && !has_answer))
        return 0;
    if (has_request && has_answer && lamp_le32(to_server.at + 8) != 0 &&
        lamp_le32(to_server.at + 8) == lamp_le32(to_client.at + 4))
        *out_swapped = TRUE;
    return has_request && has_answer ? 95 : has_request || has_answer ? 85 : 0;
}

const LampDissector lamp_dissector_mongodb = {
    .name = "mongodb",
    .summary = "MongoDB wire protocol: OP_MSG and OP_QUERY commands",
    .spec = "https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/",
    .ports = {27017, 27018, 27019, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
