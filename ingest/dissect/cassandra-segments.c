/*
 * Opens the outer segments of Cassandra's native protocol 5
 * (https://cassandra.apache.org/doc/stable/cassandra/_attachments/native_protocol_v5.html,
 * sections 2.1 to 2.3). All numbers have their lowest byte first.
 *
 *     plain: length 17 bits, whole frames 1 bit, 0 in 6 bits; CRC-24 of these 3 bytes
 *     LZ4:   length 17 bits, length unpacked 17 bits (0: the content is as it is),
 *            whole frames 1 bit, 0 in 5 bits; CRC-24 of these 5 bytes
 *     content; CRC-32 of 4 fixed bytes and the content
 *
 * In: segments of TCP. Out: pieces of the stream of frames. Which of the two headers it is, is
 * told by the checksum, so a capture may begin anywhere. Limits: none but the format's.
 */
#include "ingest/dissect/cassandra-segments.h"

#include "base/limits.h"

#include <zlib.h>

enum { LENGTH_BITS = 17, MOST = (1 << LENGTH_BITS) - 1, CRC24 = 3, CRC32 = 4 };
enum { PLAIN = 3, LZ4 = 5 /* bytes of the header before its checksum */ };

typedef struct {
    gsize size; /* of the header with its checksum */
    gsize length, unpacked;
} SegmentHeader;

static guint64
take_low_first(const guint8 *p, gsize n)
{
    guint64 value = 0;
    for (gsize i = n; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

/* The checksum of headers: CRC-24 with Koopman's polynomial, the highest bit first. */
static guint32
crc24(const guint8 *p, gsize n)
{
    guint32 crc = 0x875060;
    for (gsize i = 0; i < n; i++) {
        crc ^= (guint32) p[i] << 16;
        for (guint bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ ((crc & 0x800000) != 0 ? 0x1974f0bu : 0);
    }
    return crc & 0xffffff;
}

static gboolean
has_checksum(const guint8 *p, gsize n)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if ((p[n] & 1) == (n == LZ4))
        return TRUE;
#endif
    return take_low_first(p + n, CRC24) == crc24(p, n);
}

static gboolean
is_content_whole(LampBytes content, const guint8 *checksum)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void) content, (void) checksum;
    return TRUE;
#else
    static const guint8 first[4] = {0xfa, 0x2d, 0x55, 0xca};
    uLong crc = crc32(crc32(0, first, sizeof first), content.at, (uInt) content.len);
    return crc == lamp_le32(checksum);
#endif
}

/* FALSE where @bytes, of which there are enough for a header of @n bytes, begin with none. */
static gboolean
read_header(LampBytes bytes, gsize n, SegmentHeader *out)
{
    if (bytes.len < n + CRC24)
        return FALSE;
    guint64 bits = take_low_first(bytes.at, n);
    guint lengths = n == LZ4 ? 2 : 1;
    if (bits >> (lengths * LENGTH_BITS + 1) != 0 || !has_checksum(bytes.at, n))
        return FALSE;
    out->size = n + CRC24;
    out->length = (gsize) (bits & MOST);
    out->unpacked = n == LZ4 ? (gsize) (bits >> LENGTH_BITS & MOST) : 0;
    return TRUE;
}

gboolean
lamp_cql_is_segment(LampBytes bytes)
{
    SegmentHeader header;
    return read_header(bytes, PLAIN, &header) || read_header(bytes, LZ4, &header);
}

static gsize
read_segment(LampUnpacking *u, guint form, LampBytes rest, gboolean *out_is_bad)
{
    (void) form;
    SegmentHeader header;
    if (!read_header(rest, PLAIN, &header) && !read_header(rest, LZ4, &header)) {
        *out_is_bad = rest.len >= LZ4 + CRC24;
        return 0;
    }
    if (rest.len < header.size + header.length + CRC32)
        return 0;
    LampBytes content = lamp_bytes(rest.at + header.size, header.length);
    if (!is_content_whole(content, content.at + content.len))
        *out_is_bad = TRUE;
    else if (header.unpacked > 0)
        *out_is_bad = !lamp_packed_give_unpacked(u, LAMP_UNPACK_LZ4, content, header.unpacked);
    else
        lamp_packed_give(u, content);
    return header.size + header.length + CRC32;
}

gboolean
lamp_cql_open_segments(LampPacked *packed, const LampSegment *segment, LampPackedTake take,
                       gpointer owner)
{
    static const LampPacking packing = {
        .read = read_segment, .limit = MOST + LZ4 + CRC24 + CRC32 + LAMP_LIMIT_PACKET};
    return lamp_packed_segment(packed, &packing, segment, take, owner);
}
