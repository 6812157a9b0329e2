/*
 * Reader for the files of nfcapd and nfdump (layouts 1 and 2, as nfdump 1.6 and 1.7 write
 * them).
 *
 * In: bytes of a file; out: one flow for each record. The file is a header and blocks of
 * records; blocks may be compressed by LZO, LZ4, bzip2 or Zstandard, which are unpacked one at
 * a time. Records of uncompressed blocks are read as they come. Only little-endian files exist
 * in practice; others are reported. Damage inside a block costs the rest of that block.
 */
#include "ingest/readers.h"

#include "base/limits.h"
#include "ingest/coverage.h"
#include "ingest/flow/nfcapd.h"
#include "ingest/flow/unpack.h"

enum {
    MAGIC = 0xa50c,
    HEADER_1 = 276, /* header and statistics */
    HEADER_2 = 40,
    BLOCK_HEADER = 12,
    BLOCK_FLAG_PLAIN = 1,
    BLOCK_MAX = 16777216,
    UNPACKED_MAX = 8388608,
};

typedef struct {
    gboolean is_begun, is_lost;
    LampUnpack method;
    guint64 left; /* bytes of the uncompressed block at hand */
    guint64 skip; /* bytes to pass over */
    guint64 number;
    guint8 *unpacked;
    LampNfcapd records;
    LampCoverage coverage;
} NfcapdState;

static guint
probe_nfcapd(LampBytes head, G_GNUC_UNUSED const char *path)
{
    if (head.len < 4)
        return 0;
    guint16 version = lamp_le16(head.at + 2);
    if (lamp_le16(head.at) == MAGIC && (version == 1 || version == 2))
        return 100;
    version = lamp_be16(head.at + 2);
    return lamp_be16(head.at) == MAGIC && (version == 1 || version == 2) ? 100 : 0;
}

static LampUnpack
method_1(guint32 flags)
{
    if ((flags & 1) != 0)
        return LAMP_UNPACK_LZO;
    if ((flags & 8) != 0)
        return LAMP_UNPACK_BZIP2;
    return (flags & 16) != 0 ? LAMP_UNPACK_LZ4 : LAMP_UNPACK_NONE;
}

/* TRUE when the header is behind @in, or the file is given up. */
static gboolean
read_header(NfcapdState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    if (lamp_cursor_left(in) < 4)
        return FALSE;
    guint16 version = lamp_le16(in->at + 2);
    gsize header = version == 1 ? HEADER_1 : HEADER_2;
    if (lamp_le16(in->at) != MAGIC || version < 1 || version > 2) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_UNKNOWN, "nfcapd.byte-order", offset,
                         "written on a big-endian host, or not an nfcapd file");
        s->is_begun = s->is_lost = TRUE;
        return TRUE;
    }
    if (lamp_cursor_left(in) < header)
        return FALSE;
    if (version == 1)
        s->method = method_1(lamp_le32(in->at + 4));
    else
        s->method = in->at[16] <= LAMP_UNPACK_ZSTD ? (LampUnpack) in->at[16] : LAMP_UNPACK_NONE;
    gboolean is_encrypted = version == 2 && in->at[17] != 0;
    if (is_encrypted)
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_UNKNOWN, "nfcapd.encrypted", offset,
                         "the file is encrypted");
    s->is_lost = is_encrypted;
    s->is_begun = TRUE;
    lamp_coverage_other(&s->coverage, offset, header);
    in->at += header;
    return TRUE;
}

/* Only flows are counted as records of the file: what stands between them (exporters, sampling,
 * extension maps) tells how they are to be read. */
static LampNfcapdResult
take_record(NfcapdState *s, LampBytes record, guint64 offset, LampSink *sink)
{
    LampNfcapdResult result = lamp_nfcapd_record(&s->records, record, sink);
    s->number++;
    if (result == LAMP_NFCAPD_BAD)
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "nfcapd.record", offset,
                         "a record contradicts itself; it was left out");
    else if (result == LAMP_NFCAPD_FLOW &&
             s->records.flow.row.last_time < s->records.flow.row.first_time)
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "nfcapd.times", offset,
                         "a flow ends before it starts; kept as it is");
    return result;
}

/* Size of the record at @p, or 0 where none can begin. */
static gsize
record_size(const guint8 *p, guint64 left)
{
    gsize size = left >= 4 ? lamp_le16(p + 2) : 0;
    return size >= 4 && size <= left ? size : 0;
}

static void
give_up_block(const NfcapdState *s, LampSink *sink, guint64 offset)
{
    lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "nfcapd.block", offset,
                     "no record can begin here; the rest of the block was left out");
}

/* One record of an uncompressed block; FALSE when more bytes are needed. */
static gboolean
read_plain_record(NfcapdState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    if (lamp_cursor_left(in) < MIN(s->left, (guint64) 4))
        return FALSE;
    gsize size = record_size(in->at, s->left);
    if (size == 0) {
        give_up_block(s, sink, offset);
        s->skip = s->left;
        s->left = 0;
        return TRUE;
    }
    if (lamp_cursor_left(in) < size)
        return FALSE;
    LampNfcapdResult result = take_record(s, lamp_bytes(in->at, size), offset, sink);
    if (result == LAMP_NFCAPD_FLOW)
        lamp_coverage_record(&s->coverage, sink, offset, size);
    else if (result == LAMP_NFCAPD_BAD)
        lamp_coverage_lost(&s->coverage, offset, size);
    else
        lamp_coverage_other(&s->coverage, offset, size);
    in->at += size;
    s->left -= size;
    return TRUE;
}

/* Flows of the block go to @out_flows. */
static gboolean
read_packed(NfcapdState *s, LampBytes packed, guint64 offset, LampSink *sink,
            guint64 *out_flows)
{
    *out_flows = 0;
    if (s->unpacked == NULL)
        s->unpacked = g_malloc(UNPACKED_MAX);
    gssize size = lamp_unpack(s->method, packed, s->unpacked, UNPACKED_MAX);
    if (size < 0) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "nfcapd.compression",
                         offset, "a compressed block is damaged; it was left out");
        return FALSE;
    }
    guint64 left = (guint64) size;
    const guint8 *p = s->unpacked;
    while (left > 0) {
        gsize n = record_size(p, left);
        if (n == 0) {
            give_up_block(s, sink, offset);
            return FALSE;
        }
        LampNfcapdResult result = take_record(s, lamp_bytes(p, n), offset, sink);
        if (result == LAMP_NFCAPD_BAD)
            sink->coverage(sink->owner, offset, 0, FALSE);
        *out_flows += result == LAMP_NFCAPD_FLOW;
        p += n;
        left -= n;
    }
    return TRUE;
}

/* Block header, with the whole block where it is compressed; FALSE when more bytes are needed.
 */
static gboolean
read_block(NfcapdState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    gsize left = lamp_cursor_left(in);
    if (left < BLOCK_HEADER)
        return FALSE;
    gsize size = lamp_le32(in->at + 4);
    gboolean is_plain =
        s->method == LAMP_UNPACK_NONE || (lamp_le16(in->at + 10) & BLOCK_FLAG_PLAIN) != 0;
    if (size > BLOCK_MAX || (!is_plain && size > LAMP_LIMIT_WINDOW - BLOCK_HEADER)) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "nfcapd.block-length",
                         offset,
                         "no block can be that long; the rest of the file was left out");
        s->is_lost = TRUE;
        return TRUE;
    }
    if (!is_plain && left < BLOCK_HEADER + size)
        return FALSE;
    gboolean is_good = TRUE;
    guint64 flows = 0;
    if (is_plain)
        s->left = size;
    else
        is_good = read_packed(s, lamp_bytes(in->at + BLOCK_HEADER, size), offset, sink, &flows);
    /* The block's bytes are told of once, with its last flow. */
    for (guint64 i = 1; i < flows; i++)
        sink->coverage(sink->owner, offset, 0, TRUE);
    gsize taken = BLOCK_HEADER + (is_plain ? 0 : size);
    if (!is_good)
        lamp_coverage_lost(&s->coverage, offset, taken);
    else if (flows == 0)
        lamp_coverage_other(&s->coverage, offset, taken);
    else
        lamp_coverage_record(&s->coverage, sink, offset, taken);
    in->at += taken;
    return TRUE;
}

static gboolean
pass_over(NfcapdState *s, LampCursor *in, guint64 offset)
{
    guint64 wanted = s->is_lost ? G_MAXUINT64 : s->skip;
    gsize n = (gsize) MIN(wanted, (guint64) lamp_cursor_left(in));
    in->at += n;
    if (!s->is_lost)
        s->skip -= n;
    if (n > 0)
        lamp_coverage_lost(&s->coverage, offset, n);
    return !s->is_lost && s->skip == 0;
}

static gboolean
read_next(NfcapdState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    if (!s->is_begun)
        return read_header(s, in, offset, sink);
    if (s->skip > 0 || s->is_lost)
        return pass_over(s, in, offset);
    if (s->left > 0)
        return read_plain_record(s, in, offset, sink);
    return read_block(s, in, offset, sink);
}

static LampStep
step_nfcapd(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    NfcapdState *s = state;
    const guint8 *base = in->at;
    while (!sink->stop && read_next(s, in, offset + (guint64) (in->at - base), sink))
        continue;
    gsize left = lamp_cursor_left(in);
    if (last && !sink->stop && (left > 0 || s->left > 0 || s->skip > 0)) {
        guint64 here = offset + (guint64) (in->at - base);
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_TRUNCATED, "nfcapd.truncated", here,
                         "the file ends inside a block");
        if (left > 0)
            lamp_coverage_lost(&s->coverage, here, left);
        in->at = in->end;
    }
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_nfcapd(G_GNUC_UNUSED gpointer state, G_GNUC_UNUSED const LampSourceContext *context)
{
}

static void
end_nfcapd(gpointer state, LampSink *sink)
{
    NfcapdState *s = state;
    lamp_coverage_flush(&s->coverage, sink);
    g_clear_pointer(&s->unpacked, g_free);
    lamp_nfcapd_free(&s->records);
}

const LampReader lamp_reader_nfcapd = {
    .name = "nfcapd",
    .summary = "flow records of nfcapd and nfdump, also compressed",
    .spec = "https://github.com/phaag/nfdump",
    .kind = LAMP_KIND_FLOW,
    .state_size = sizeof(NfcapdState),
    .probe = probe_nfcapd,
    .begin = begin_nfcapd,
    .step = step_nfcapd,
    .end = end_nfcapd,
};
