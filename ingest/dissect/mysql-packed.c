/*
 * Unpacks MySQL's compressed packets
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression.html).
 *
 *     length u24, sequence u8, length unpacked u24 (0: the content is as it is), content
 *
 * In: segments of either direction. Out: pieces of the stream inside; the first byte of a
 * packet has the time of its header, the rest that of the segment that completed it. zlib is
 * inflated piece by piece. Limits: a mebibyte packed; 4 MiB unpacked with zstd, whose packets
 * are unpacked at once.
 */
#include "ingest/dissect/mysql-packed.h"

#include "base/limits.h"
#include "ingest/flow/unpack.h"

#include <zlib.h>

enum { HEADER = 7, MOST_PACKED = 1048576, MOST_ZSTD = 4194304, PIECE = 16384, LEAST = 2 };

typedef struct {
    LampMysqlTake take;
    gpointer owner;
    const LampSegment *segment;
    LampTime begin; /* of the packet at hand, as long as nothing of it was handed out */
    gint64 sequence;
    gboolean is_begun;
} Unpacking;

static guint32
le24(const guint8 *p)
{
    return (guint32) lamp_le16(p) | (guint32) p[2] << 16;
}

static void
hand_out(Unpacking *u, LampBytes bytes)
{
    LampSegment inner = *u->segment;
    inner.sequence = u->sequence;
    if (!u->is_begun && bytes.len > 0) {
        inner.time = u->begin;
        inner.bytes = lamp_bytes(bytes.at, 1);
        u->take(u->owner, &inner);
        bytes = lamp_bytes(bytes.at + 1, bytes.len - 1);
        inner.time = u->segment->time;
        u->is_begun = TRUE;
    }
    inner.bytes = bytes;
    if (bytes.len > 0)
        u->take(u->owner, &inner);
}

static gboolean
inflate_packet(Unpacking *u, LampBytes packed, gsize unpacked)
{
    guint8 piece[PIECE];
    z_stream z = {.next_in = (Bytef *) packed.at, .avail_in = (uInt) packed.len};
    if (inflateInit(&z) != Z_OK)
        return FALSE;
    int code = Z_OK;
    while (code == Z_OK && z.total_out < unpacked) {
        z.next_out = piece;
        z.avail_out = (uInt) MIN((gsize) PIECE, unpacked - z.total_out);
        gsize room = z.avail_out;
        code = inflate(&z, Z_SYNC_FLUSH);
        hand_out(u, lamp_bytes(piece, room - z.avail_out));
        if (room == z.avail_out)
            break;
    }
    gboolean is_whole = z.total_out == unpacked;
    inflateEnd(&z);
    return is_whole;
}

static gboolean
unzstd_packet(Unpacking *u, LampBytes packed, gsize unpacked)
{
    if (unpacked > MOST_ZSTD)
        return FALSE;
    g_autofree guint8 *out = g_malloc(unpacked);
    gssize n = lamp_unpack(LAMP_UNPACK_ZSTD, packed, out, unpacked);
    if (n > 0)
        hand_out(u, lamp_bytes(out, (gsize) n));
    return n == (gssize) unpacked;
}

/* Could a packet begin with this header? What gets larger by packing is sent as it is. */
static gboolean
is_header(const guint8 *p)
{
    gsize length = le24(p), unpacked = le24(p + 4);
    return length >= 1 && length <= MOST_PACKED && (unpacked == 0 || unpacked > length / LEAST);
}

/* The packet at the begin of @rest: its length, 0 to wait for more. */
static gsize
unpack_one(Unpacking *u, LampMysqlPacking packing, LampBytes rest, gboolean *out_is_bad)
{
    *out_is_bad = rest.len >= HEADER && !is_header(rest.at);
    if (rest.len < HEADER || *out_is_bad || rest.len - HEADER < le24(rest.at))
        return 0;
    LampBytes content = lamp_bytes(rest.at + HEADER, le24(rest.at));
    gsize unpacked = le24(rest.at + 4);
    u->is_begun = FALSE;
    if (unpacked == 0)
        hand_out(u, content);
    else if (packing == LAMP_MYSQL_ZLIB)
        *out_is_bad = !inflate_packet(u, content, unpacked);
    else
        *out_is_bad = !unzstd_packet(u, content, unpacked);
    return HEADER + content.len;
}

static gboolean
lose(LampMysqlPacked *packed, LampDirection direction)
{
    gboolean was_lost = packed->is_lost[direction];
    lamp_mysql_packed_gap(packed, direction);
    return was_lost;
}

gboolean
lamp_mysql_unpack(LampMysqlPacked *packed, LampMysqlPacking packing, const LampSegment *segment,
                  LampMysqlTake take, gpointer owner)
{
    LampBuffer *buffer = &packed->buffers[segment->direction];
    Unpacking u = {.take = take, .owner = owner, .segment = segment};
    LampView view;
    lamp_buffer_open(buffer, segment, &view);
    gboolean is_bad = FALSE;
    gsize at = 0, n = 1;
    while (n > 0 && !is_bad && at < view.bytes.len) {
        u.begin = lamp_view_time(&view, at);
        u.sequence = lamp_view_sequence(&view, at);
        n = unpack_one(&u, packing, lamp_view_from(&view, at), &is_bad);
        at += n;
        if (n > 0 && !is_bad)
            packed->is_lost[segment->direction] = 0;
    }
    if (is_bad || !lamp_buffer_close(buffer, &view, at, MOST_PACKED + LAMP_LIMIT_PACKET))
        return lose(packed, segment->direction);
    return TRUE;
}

void
lamp_mysql_packed_gap(LampMysqlPacked *packed, LampDirection direction)
{
    lamp_buffer_clear(&packed->buffers[direction]);
    packed->is_lost[direction] = 1;
}

void
lamp_mysql_packed_clear(LampMysqlPacked *packed)
{
    lamp_buffer_clear(&packed->buffers[0]);
    lamp_buffer_clear(&packed->buffers[1]);
}
