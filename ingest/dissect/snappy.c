/*
 * Snappy's block format (google/snappy, format_description.txt): literals, and copies of what
 * came before.
 *
 * In: a block, perhaps cut off. Out: the begin of its content. The length that stands in front
 * is not needed: the caller's room bounds the output.
 */
#include "ingest/dissect/snappy.h"

typedef struct {
    LampCursor in;
    guint8 *out;
    gsize room, len;
} Unsnap;

/* A number of @n bytes, the lowest first. */
static gboolean
take_number(LampCursor *c, gsize n, gsize *out_value)
{
    LampBytes bytes;
    if (!lamp_cursor_take(c, n, &bytes))
        return FALSE;
    *out_value = 0;
    for (gsize i = n; i > 0; i--)
        *out_value = *out_value << 8 | bytes.at[i - 1];
    return TRUE;
}

static gboolean
take_literal(Unsnap *u, guint8 tag)
{
    gsize length = tag >> 2;
    if (length >= 60 && !take_number(&u->in, length - 59, &length))
        return FALSE;
    gsize n = MIN(MIN(length + 1, lamp_cursor_left(&u->in)), u->room - u->len);
    if (n > 0)
        memcpy(u->out + u->len, u->in.at, n);
    u->len += n;
    u->in.at += n;
    return n == length + 1;
}

static gboolean
take_copy(Unsnap *u, guint8 tag)
{
    gsize length = (gsize) (tag >> 2) + 1, distance;
    gsize bytes = (tag & 3) == 1 ? 1 : (tag & 3) == 2 ? 2 : 4;
    if (!take_number(&u->in, bytes, &distance))
        return FALSE;
    if (bytes == 1) {
        length = (gsize) (tag >> 2 & 7) + 4;
        distance |= (gsize) (tag >> 5) << 8;
    }
    if (distance == 0 || distance > u->len)
        return FALSE;
    for (; length > 0 && u->len < u->room; length--, u->len++)
        u->out[u->len] = u->out[u->len - distance];
    return length == 0;
}

gsize
lamp_unsnap(LampBytes packed, guint8 *out, gsize room)
{
    Unsnap u = {.in = lamp_cursor(packed), .out = out, .room = room};
    guint8 tag = 0x80;
    while (tag >= 0x80)
        if (!lamp_cursor_u8(&u.in, &tag))
            return 0;
    while (lamp_cursor_u8(&u.in, &tag))
        if (!((tag & 3) == 0 ? take_literal(&u, tag) : take_copy(&u, tag)))
            break;
    return u.len;
}
