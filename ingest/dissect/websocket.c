/*
 * @summary WebSocket: messages of both sides as turns
 * @spec RFC 6455
 *
 * In: both streams of a connection after its upgrade. Out: one call for each burst of the
 * client with what the server sends after it (ingest/dissect/turns.h): frames name no request
 * that they answer. It is reached from HTTP, and by the probe where the capture began behind
 * the upgrade: clients mask their frames, servers do not, lengths must fit what was sent at
 * once, and texts must be UTF-8 (under the mask). Limits: frames of both sides that begin and
 * end elsewhere than their segments are not recognised.
 */
#include "base/text.h"
#include "ingest/dissect/turns.h"
#include "ingest/dissectors.h"

enum { TEXT = 1, BINARY = 2, PONG = 10, CONTROL = 8, HEADER = 2, MASK = 4 };
enum { LEAST_TEXT = 2, TEXT_LOOKED_AT = 64 };

typedef struct {
    guint8 opcode;
    gboolean is_packed;
    gsize header, length;
    const guint8 *mask; /* NULL: not masked */
} Frame;

/* May a frame's first byte be @first, with a length that takes @extra bytes? */
static gboolean
is_first_byte(guint8 first, gsize extra)
{
    guint8 opcode = first & 15;
    if ((opcode & CONTROL) != 0)
        return opcode <= PONG && (first & 0xf0) == 0x80 && extra == 0;
    return opcode <= BINARY && (first & 0x30) == 0;
}

/* FALSE where @bytes cannot begin with a frame of a client, or of a server. */
static gboolean
read_frame(LampBytes bytes, gboolean from_client, Frame *out)
{
    if (bytes.len < HEADER || (bytes.at[1] >> 7) != (from_client ? 1 : 0))
        return FALSE;
    guint8 first = bytes.at[0], length = bytes.at[1] & 0x7f;
    gsize extra = length == 127 ? 8 : length == 126 ? 2 : 0;
    *out = (Frame){.opcode = first & 15, .is_packed = (first & 0x40) != 0, .length = length};
    out->header = HEADER + extra + (from_client ? MASK : 0);
    if (!is_first_byte(first, extra) || bytes.len < out->header)
        return FALSE;
    out->mask = from_client ? bytes.at + out->header - MASK : NULL;
    if (extra == 0)
        return TRUE;
    guint64 long_length =
        extra == 2 ? lamp_be16(bytes.at + HEADER) : lamp_be64(bytes.at + HEADER);
    out->length = (gsize) long_length;
    return long_length > (extra == 2 ? 125u : 65535u) && long_length <= G_MAXUINT32;
}

/* Does a text frame whose content is there hold text? */
static gboolean
holds_text(LampBytes bytes, const Frame *frame)
{
    guint8 text[TEXT_LOOKED_AT];
    if (frame->opcode != TEXT || frame->is_packed || frame->length < LEAST_TEXT ||
        frame->length > sizeof text)
        return FALSE;
    for (gsize i = 0; i < frame->length; i++) {
        text[i] =
            bytes.at[frame->header + i] ^ (frame->mask != NULL ? frame->mask[i % MASK] : 0);
        if (text[i] < ' ' && !g_ascii_isspace((char) text[i]))
            return FALSE;
    }
    return lamp_text_is_utf8(lamp_bytes(text, frame->length));
}

typedef enum { SIDE_WRONG, SIDE_EMPTY, SIDE_FITS, SIDE_TEXT } Side;

/* What one side sent at once, as frames. */
static Side
look_at(LampBytes bytes, gboolean from_client)
{
    Side side = bytes.len == 0 ? SIDE_EMPTY : SIDE_FITS;
    Frame frame;
    while (bytes.len > 0) {
        if (!read_frame(bytes, from_client, &frame) || frame.length > bytes.len - frame.header)
            return SIDE_WRONG;
        if (holds_text(bytes, &frame))
            side = SIDE_TEXT;
        gsize whole = frame.header + frame.length;
        bytes = lamp_bytes(bytes.at + whole, bytes.len - whole);
    }
    return side;
}

static guint
score(LampBytes client, LampBytes server)
{
    Side from_client = look_at(client, TRUE), from_server = look_at(server, FALSE);
    if (from_client == SIDE_WRONG || from_server == SIDE_WRONG)
        return 0;
    if (from_client == SIDE_EMPTY || from_server == SIDE_EMPTY)
        return from_client == SIDE_TEXT ? 50 : 0;
    return from_client == SIDE_TEXT || from_server == SIDE_TEXT ? 85 : 55;
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

static void
segment(gpointer state, LampStream *stream, const LampSegment *seg)
{
    lamp_turn_add(state, stream, seg, seg->bytes.len);
}

static void
gap(gpointer state, LampStream *stream, LampDirection direction, guint64 missing)
{
    (void) stream;
    lamp_turn_gap(state, direction, missing);
}

static void
end(gpointer state, LampStream *stream)
{
    lamp_turn_end(state, stream);
}

const LampDissector lamp_dissector_websocket = {
    .name = "websocket",
    .summary = "WebSocket: messages of both sides as turns",
    .spec = "RFC 6455",
    .ports = {0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampTurn),
    .probe = probe,
    .segment = segment,
    .gap = gap,
    .end = end,
};
