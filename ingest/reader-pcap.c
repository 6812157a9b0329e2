/*
 * Reader for pcap files (draft-ietf-opsawg-pcap, and the formats of old tools).
 *
 * In: bytes of a file; out: one LampPacket for each record. Both byte orders; micro- and
 * nanoseconds; the modified format of Kuznetzov's patched libpcap, whose record headers have
 * eight more bytes.
 *
 * A record whose header cannot be right is reported, and the next place where two headers in a
 * row are plausible is looked for; what lies between counts as not understood. An incomplete
 * last record is reported and not handed on.
 */
#include "ingest/readers.h"

#include "base/limits.h"
#include "ingest/coverage.h"

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    MODIFIED_HEADER = 24,
    RESYNC_SECONDS = 604800, /* a record after damage lies within a week of the last one */
};

typedef struct {
    gboolean is_begun, is_swapped, is_modified, is_lost;
    guint32 ticks_per_second, tick_ns;
    guint32 link_type;
    guint32 fcs_bytes;
    guint32 header_bytes;
    guint32 last_second;
    guint64 number;
    LampCoverage coverage;
} PcapState;

typedef struct {
    guint32 second, fraction, captured, wire;
} PcapHeader;

static guint32
word(const PcapState *s, const guint8 *p)
{
    return s->is_swapped ? lamp_be32(p) : lamp_le32(p);
}

/* Sets byte order, resolution and variant from the magic; FALSE if it is none. */
static gboolean
read_magic(PcapState *s, const guint8 *p)
{
    for (guint order = 0; order < 2; order++) {
        s->is_swapped = order == 1;
        guint32 magic = word(s, p);
        s->is_modified = magic == 0xa1b2cd34;
        s->tick_ns = magic == 0xa1b23c4d ? 1 : 1000;
        s->ticks_per_second = 1000000000 / s->tick_ns;
        if (magic == 0xa1b2c3d4 || magic == 0xa1b23c4d || s->is_modified)
            return TRUE;
    }
    return FALSE;
}

static guint
probe_pcap(LampBytes head, G_GNUC_UNUSED const char *path)
{
    PcapState s = {0};
    return head.len >= 4 && read_magic(&s, head.at) ? 100 : 0;
}

static gboolean
read_file_header(PcapState *s, const guint8 *p)
{
    if (!read_magic(s, p))
        return FALSE;
    guint32 network = word(s, p + 20);
    s->link_type = network & 0x03ffffff;
    s->fcs_bytes = (network & 0x04000000) != 0 ? (network >> 28) * 2 : 0;
    s->header_bytes = s->is_modified ? MODIFIED_HEADER : RECORD_HEADER;
    s->is_begun = TRUE;
    return TRUE;
}

static PcapHeader
read_record_header(const PcapState *s, const guint8 *p)
{
    return (PcapHeader){word(s, p), word(s, p + 4), word(s, p + 8), word(s, p + 12)};
}

/* Could these bytes be a record header at all? Zeros are what a crash leaves in a file's pages.
 */
static gboolean
is_possible(const PcapHeader *h)
{
    gboolean is_zero = h->second == 0 && h->fraction == 0 && h->captured == 0 && h->wire == 0;
    return h->captured <= LAMP_LIMIT_PACKET && !is_zero;
}

/* Stricter, for resynchronisation: near in time, no more captured than was on the wire. */
static gboolean
is_plausible(const PcapState *s, const PcapHeader *h)
{
    gint64 distance = (gint64) h->second - s->last_second;
    return is_possible(h) && h->fraction < s->ticks_per_second && h->captured > 0 &&
           h->captured <= h->wire && h->wire <= LAMP_LIMIT_PACKET &&
           (s->number == 0 || ABS(distance) <= RESYNC_SECONDS);
}

static void
emit(PcapState *s, LampSink *sink, const PcapHeader *h, const guint8 *frame, guint64 offset)
{
    guint32 fcs = MIN(s->fcs_bytes, h->captured);
    LampPacket packet = {
        .link_type = s->link_type,
        .number = ++s->number,
        .offset = offset,
        .time = (gint64) h->second * LAMP_NS_PER_SECOND + (gint64) h->fraction * s->tick_ns,
        .resolution_ns = s->tick_ns,
        .frame = lamp_bytes(frame, h->captured - (h->captured == h->wire ? fcs : 0)),
        .wire_bytes = MAX(h->wire, h->captured) - MIN(fcs, h->wire),
    };
    packet.wire_bytes = MAX(packet.wire_bytes, (guint32) packet.frame.len);
    s->last_second = h->second;
    lamp_coverage_record(&s->coverage, sink, offset, s->header_bytes + h->captured);
    sink->packet(sink->owner, &packet);
}

/* Is a record at @p with a plausible one behind it, or the end of the file? */
static gboolean
is_record_at(const PcapState *s, const guint8 *p, const guint8 *end, gboolean last)
{
    PcapHeader h = read_record_header(s, p);
    gsize left = (gsize) (end - p) - s->header_bytes;
    if (!is_plausible(s, &h) || h.captured > left)
        return FALSE;
    const guint8 *next = p + s->header_bytes + h.captured;
    if ((gsize) (end - next) < s->header_bytes)
        return last && next == end;
    PcapHeader after = read_record_header(s, next);
    return is_plausible(s, &after);
}

/* Moves to the next plausible record. Leaves a tail long enough to hold one record with the
 * header behind it, until the source ends. */
static void
resynchronise(PcapState *s, LampCursor *in, guint64 offset, gboolean last)
{
    const guint8 *from = in->at;
    gsize keep = last ? s->header_bytes : LAMP_LIMIT_PACKET + 2 * s->header_bytes;
    while (lamp_cursor_left(in) >= keep && s->is_lost) {
        if (is_record_at(s, in->at, in->end, last))
            s->is_lost = FALSE;
        else
            in->at++;
    }
    if (last && s->is_lost)
        in->at = in->end;
    if (in->at > from)
        lamp_coverage_lost(&s->coverage, offset, (guint64) (in->at - from));
}

/* The record at hand can only be judged with the header behind it. */
typedef enum { RECORD_GOOD, RECORD_DAMAGED, RECORD_UNDECIDED } Judgement;

/* A header that is odd by itself, with one behind it that cannot be, tells that the borders
 * were lost. */
static Judgement
judge(const PcapState *s, const PcapHeader *h, const LampCursor *in, gboolean last)
{
    if (!is_possible(h))
        return RECORD_DAMAGED;
    if (is_plausible(s, h))
        return RECORD_GOOD;
    if (lamp_cursor_left(in) < 2 * s->header_bytes + h->captured)
        return last ? RECORD_GOOD : RECORD_UNDECIDED;
    PcapHeader next = read_record_header(s, in->at + s->header_bytes + h->captured);
    return is_possible(&next) ? RECORD_GOOD : RECORD_DAMAGED;
}

/* One record; FALSE when more bytes are needed. */
static gboolean
read_record(PcapState *s, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    gsize left = lamp_cursor_left(in);
    if (left < s->header_bytes)
        return FALSE;
    PcapHeader h = read_record_header(s, in->at);
    Judgement judgement = judge(s, &h, in, last);
    if (judgement == RECORD_DAMAGED) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "pcap.record", offset,
                         "no record can begin like this; looking for the next one");
        s->is_lost = TRUE;
        return TRUE;
    }
    if (judgement == RECORD_UNDECIDED || left - s->header_bytes < h.captured)
        return FALSE;
    emit(s, sink, &h, in->at + s->header_bytes, offset);
    in->at += s->header_bytes + h.captured;
    return TRUE;
}

static LampStep
begin_file(PcapState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    if (!read_file_header(s, in->at)) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "pcap.magic", offset,
                         "not a pcap file");
        return LAMP_STEP_END;
    }
    lamp_coverage_other(&s->coverage, offset, FILE_HEADER);
    in->at += FILE_HEADER;
    return LAMP_STEP_NEED_BYTES;
}

static void
drop_rest(PcapState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    gsize left = lamp_cursor_left(in);
    if (left == 0)
        return;
    lamp_sink_report(sink, s->number + 1, LAMP_FINDING_TRUNCATED, "pcap.truncated", offset,
                     "the file ends inside a record; it was left out");
    lamp_coverage_lost(&s->coverage, offset, left);
    in->at = in->end;
}

static LampStep
step_pcap(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    PcapState *s = state;
    const guint8 *base = in->at;
    if (!s->is_begun && lamp_cursor_left(in) >= FILE_HEADER &&
        begin_file(s, in, offset, sink) == LAMP_STEP_END)
        return LAMP_STEP_END;
    while (s->is_begun && !sink->stop) {
        guint64 here = offset + (guint64) (in->at - base);
        if (s->is_lost) {
            resynchronise(s, in, here, last);
            here = offset + (guint64) (in->at - base);
        }
        if (s->is_lost || !read_record(s, in, here, last, sink))
            break;
    }
    if (last && !sink->stop)
        drop_rest(s, in, offset + (guint64) (in->at - base), sink);
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_pcap(gpointer state, G_GNUC_UNUSED const LampSourceContext *context)
{
    PcapState *s = state;
    s->header_bytes = RECORD_HEADER;
}

static void
end_pcap(gpointer state, LampSink *sink)
{
    PcapState *s = state;
    lamp_coverage_flush(&s->coverage, sink);
}

const LampReader lamp_reader_pcap = {
    .name = "pcap",
    .summary = "packet capture of tcpdump and many others",
    .spec = "https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html",
    .kind = LAMP_KIND_CAPTURE,
    .state_size = sizeof(PcapState),
    .probe = probe_pcap,
    .begin = begin_pcap,
    .step = step_pcap,
    .end = end_pcap,
};
