/*
 * Unpacks MySQL's compressed packets
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression.html).
 *
 *     length u24, sequence u8, length unpacked u24 (0: the content is as it is), content
 *
 * In: segments of either direction. Out: pieces of the stream inside. zlib is inflated piece by
 * piece. Limits: a mebibyte packed; 4 MiB unpacked with zstd, whose packets
 * are unpacked at once.
 */
#include "ingest/dissect/mysql-packed.h"

#include "base/limits.h"

#include <zlib.h>

enum { HEADER = 7, MOST_PACKED = 1048576, MOST_ZSTD = 4194304, PIECE = 16384, LEAST = 2 };

static guint32
le24(const guint8 *p)
{
    return (guint32) lamp_le16(p) | (guint32) p[2] << 16;
}

static gboolean
inflate_packet(LampUnpacking *u, LampBytes packed, gsize unpacked)
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
        lamp_packed_give(u, lamp_bytes(piece, room - z.avail_out));
        if (room == z.avail_out)
            break;
    }
    gboolean is_whole = z.total_out == unpacked;
    inflateEnd(&z);
    return is_whole;
}

static gboolean
unzstd_packet(LampUnpacking *u, LampBytes packed, gsize unpacked)
{
    return unpacked <= MOST_ZSTD &&
           lamp_packed_give_unpacked(u, LAMP_UNPACK_ZSTD, packed, unpacked);
}

/* Could a packet begin with this header? What gets larger by packing is sent as it is. */
static gboolean
is_header(const guint8 *p)
{
    gsize length = le24(p), unpacked = le24(p + 4);
    return length >= 1 && length <= MOST_PACKED && (unpacked == 0 || unpacked > length / LEAST);
}

static gsize
read_packet(LampUnpacking *u, guint form, LampBytes rest, gboolean *out_is_bad)
{
    *out_is_bad = rest.len >= HEADER && !is_header(rest.at);
    if (rest.len < HEADER || *out_is_bad || rest.len - HEADER < le24(rest.at))
        return 0;
    LampBytes content = lamp_bytes(rest.at + HEADER, le24(rest.at));
    gsize unpacked = le24(rest.at + 4);
    if (unpacked == 0)
        lamp_packed_give(u, content);
    else if (form == LAMP_MYSQL_ZLIB)
        *out_is_bad = !inflate_packet(u, content, unpacked);
    else
        *out_is_bad = !unzstd_packet(u, content, unpacked);
    return HEADER + content.len;
}

gboolean
lamp_mysql_unpack(LampPacked *packed, LampMysqlPacking packing, const LampSegment *segment,
                  LampPackedTake take, gpointer owner)
{
    const LampPacking form = {read_packet, packing, MOST_PACKED + LAMP_LIMIT_PACKET};
    return lamp_packed_segment(packed, &form, segment, take, owner);
}
