/*
 * Ids in Protocol Buffers without their schema (protobuf.dev, "Encoding").
 *
 * In: a serialized message. Out: its text fields that look like ids. The wire format tells
 * field numbers and lengths but not whether a length-delimited field is text or a message: what
 * is printable is taken for text, what parses as fields is entered.
 */
#include "ingest/dissect/protobuf.h"

enum { MAX_DEPTH = 4, MAX_PATH = 24 };

typedef struct {
    LampIdentifierFound found;
    gpointer owner;
    char path[MAX_PATH];
} Walk;

static gboolean
take_varint(LampCursor *c, guint64 *out_value)
{
    guint64 value = 0;
    for (guint shift = 0; shift < 64; shift += 7) {
        guint8 b;
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        value |= (guint64) (b & 0x7f) << shift;
        if (b < 0x80) {
            *out_value = value;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
is_printable(LampBytes text)
{
    for (gsize i = 0; i < text.len; i++)
        if (text.at[i] < ' ' || text.at[i] >= 0x7f)
            return FALSE;
    return text.len > 0;
}

/* Takes a field; length-delimited content goes to *out_content (else empty). */
static gboolean
take_field(LampCursor *c, guint *out_number, LampBytes *out_content)
{
    guint64 key, length;
    *out_content = lamp_bytes(NULL, 0);
    if (!take_varint(c, &key) || key >> 3 == 0 || key >> 3 > 65535)
        return FALSE;
    *out_number = (guint) (key >> 3);
    switch (key & 7) {
    case 0:
        return take_varint(c, &length);
    case 1:
        return lamp_cursor_skip(c, 8);
    case 2:
        return take_varint(c, &length) && length <= lamp_cursor_left(c) &&
               lamp_cursor_take(c, (gsize) length, out_content);
    case 5:
        return lamp_cursor_skip(c, 4);
    default:
        return FALSE;
    }
}

static void
walk(Walk *w, LampBytes message, guint depth, gsize path_len)
{
    LampCursor c = lamp_cursor(message);
    LampBytes content;
    guint number;
    while (c.at < c.end && take_field(&c, &number, &content)) {
        gint n = g_snprintf(w->path + path_len, MAX_PATH - path_len, "%s%u",
                            path_len > 0 ? "." : "", number);
        gsize end = path_len + (gsize) MAX(n, 0);
        if (content.len == 0 || end >= MAX_PATH)
            continue;
        if (is_printable(content)) {
            lamp_identifiers_in_text(lamp_bytes(w->path, end), content, w->found, w->owner);
        } else if (depth + 1 < MAX_DEPTH) {
            walk(w, content, depth + 1, end);
        }
    }
}

void
lamp_identifiers_in_protobuf(LampBytes message, LampIdentifierFound found, gpointer owner)
{
    Walk w = {.found = found, .owner = owner};
    walk(&w, message, 0, 0);
}
