/*
 * Decompression of single blocks: LZO1X, LZ4, bzip2, Zstandard.
 *
 * In: one compressed block; out: its content, never more than the room given. LZO1X follows the
 * description of its stream format in the Linux kernel's documentation (staging/lzo), LZ4 its
 * block format description; both decoders are bounded in every copy. bzip2 and Zstandard are
 * their libraries'.
 */
#include "ingest/flow/unpack.h"

#include <archive.h>

typedef struct {
    LampCursor in;
    guint8 *out;
    gsize size, room;
} Unpacker;

static gboolean
copy_literals(Unpacker *u, gsize n)
{
    LampBytes literals;
    gsize fits = MIN(MIN(n, u->room - u->size), lamp_cursor_left(&u->in));
    if (!lamp_cursor_take(&u->in, fits, &literals))
        return FALSE;
    if (fits > 0)
        memcpy(u->out + u->size, literals.at, fits);
    u->size += fits;
    return fits == n;
}

/* Bytes from @distance back; source and target may overlap. */
static gboolean
copy_match(Unpacker *u, gsize distance, gsize n)
{
    if (distance == 0 || distance > u->size)
        return FALSE;
    gsize fits = MIN(n, u->room - u->size);
    for (gsize i = 0; i < fits; i++, u->size++)
        u->out[u->size] = u->out[u->size - distance];
    return fits == n;
}

/* ---- LZO1X */

/* A length that did not fit in its @bits: zero bytes stand for 255 each. */
static gboolean
lzo_length(Unpacker *u, gsize base, gsize *out_length)
{
    guint8 byte;
    gsize length = base;
    while (lamp_cursor_u8(&u->in, &byte)) {
        if (byte != 0) {
            *out_length = length + byte;
            return TRUE;
        }
        length += 255;
    }
    return FALSE;
}

typedef enum { LZO_GOES_ON, LZO_ENDS, LZO_FAILS } LzoResult;

/* Matches with a two-byte distance. *@out_literals: literals behind the match. */
static LzoResult
lzo_far_match(Unpacker *u, guint8 t, guint *out_literals)
{
    gboolean is_third = t >= 32;
    gsize mask = is_third ? 31 : 7, length = t & mask;
    LampBytes distance;
    if (length == 0 && !lzo_length(u, mask, &length))
        return LZO_FAILS;
    if (!lamp_cursor_take(&u->in, 2, &distance))
        return LZO_FAILS;
    gsize back = lamp_le16(distance.at) >> 2;
    if (is_third)
        back += 1;
    else
        back += 0x4000 + ((gsize) (t & 8) << 11);
    if (!is_third && back == 0x4000)
        return LZO_ENDS;
    *out_literals = distance.at[0] & 3;
    return copy_match(u, back, length + 2) ? LZO_GOES_ON : LZO_FAILS;
}

/* Matches with a one-byte distance. @state: literals before it, 4 for a long run. */
static LzoResult
lzo_near_match(Unpacker *u, guint8 t, guint state, guint *out_literals)
{
    guint8 byte;
    if (!lamp_cursor_u8(&u->in, &byte))
        return LZO_FAILS;
    *out_literals = t & 3;
    gboolean is_good;
    if (t >= 64)
        is_good = copy_match(u, 1 + ((t >> 2) & 7u) + ((gsize) byte << 3), (t >> 5) + 1u);
    else if (state == 4)
        is_good = copy_match(u, 2049 + (t >> 2) + ((gsize) byte << 2), 3);
    else
        is_good = copy_match(u, 1 + (t >> 2) + ((gsize) byte << 2), 2);
    return is_good ? LZO_GOES_ON : LZO_FAILS;
}

/* A run of literals at the very beginning has its own code. */
static LzoResult
lzo_begin(Unpacker *u, guint *out_state)
{
    if (lamp_cursor_left(&u->in) == 0)
        return LZO_FAILS;
    guint8 t = *u->in.at;
    *out_state = 0;
    if (t <= 17)
        return LZO_GOES_ON;
    u->in.at++;
    *out_state = t - 17 < 4 ? t - 17u : 4;
    return copy_literals(u, t - 17u) ? LZO_GOES_ON : LZO_FAILS;
}

static LzoResult
lzo_step(Unpacker *u, guint *state)
{
    guint8 t;
    guint literals = 0;
    if (!lamp_cursor_u8(&u->in, &t))
        return LZO_FAILS;
    if (t < 16 && *state == 0) {
        gsize length = t;
        if (length == 0 && !lzo_length(u, 15, &length))
            return LZO_FAILS;
        *state = 4;
        return copy_literals(u, length + 3) ? LZO_GOES_ON : LZO_FAILS;
    }
    LzoResult result = t >= 16 && t < 64 ? lzo_far_match(u, t, &literals)
                                         : lzo_near_match(u, t, *state, &literals);
    if (result != LZO_GOES_ON)
        return result;
    *state = literals;
    return copy_literals(u, literals) ? LZO_GOES_ON : LZO_FAILS;
}

static gboolean
unpack_lzo(Unpacker *u)
{
    guint state;
    LzoResult result = lzo_begin(u, &state);
    while (result == LZO_GOES_ON)
        result = lzo_step(u, &state);
    return result == LZO_ENDS;
}

/* ---- LZ4 */

static gboolean
lz4_length(Unpacker *u, gsize *length)
{
    guint8 byte = 255;
    if (*length != 15)
        return TRUE;
    while (byte == 255) {
        if (!lamp_cursor_u8(&u->in, &byte))
            return FALSE;
        *length += byte;
    }
    return TRUE;
}

static gboolean
unpack_lz4(Unpacker *u)
{
    guint8 token;
    while (lamp_cursor_u8(&u->in, &token)) {
        gsize literals = token >> 4, match = token & 15;
        LampBytes distance;
        if (!lz4_length(u, &literals) || !copy_literals(u, literals))
            return FALSE;
        if (lamp_cursor_left(&u->in) == 0)
            return TRUE;
        if (!lamp_cursor_take(&u->in, 2, &distance) || !lz4_length(u, &match) ||
            !copy_match(u, lamp_le16(distance.at), match + 4))
            return FALSE;
    }
    return FALSE;
}

/* ---- formats of their own */

static gssize
read_all(struct archive *a, LampBytes packed, guint8 *out, gsize room)
{
    struct archive_entry *entry;
    if (archive_read_open_memory(a, packed.at, packed.len) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return -1;
    gsize size = 0;
    la_ssize_t n = 1;
    while (n > 0 && size < room) {
        n = archive_read_data(a, out + size, room - size);
        size += n > 0 ? (gsize) n : 0;
    }
    return n < 0 || size == room ? -1 : (gssize) size;
}

static gssize
unpack_stream(LampBytes packed, guint8 *out, gsize room)
{
    struct archive *a = archive_read_new();
    if (a == NULL)
        return -1;
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_format_raw(a);
    gssize size = read_all(a, packed, out, room);
    archive_read_free(a);
    return size;
}

gssize
lamp_unpack(LampUnpack method, LampBytes packed, guint8 *out, gsize room)
{
    Unpacker u = {.in = lamp_cursor(packed), .out = out, .room = room};
    switch (method) {
    case LAMP_UNPACK_LZO:
        return unpack_lzo(&u) ? (gssize) u.size : -1;
    case LAMP_UNPACK_LZ4:
        return unpack_lz4(&u) ? (gssize) u.size : -1;
    case LAMP_UNPACK_BZIP2:
    case LAMP_UNPACK_ZSTD:
        return unpack_stream(packed, out, room);
    default:
        return -1;
    }
}

gsize
lamp_unpack_lz4_begin(LampBytes packed, guint8 *out, gsize room)
{
    Unpacker u = {.in = lamp_cursor(packed), .out = out, .room = room};
    (void) unpack_lz4(&u);
    return u.size;
}
