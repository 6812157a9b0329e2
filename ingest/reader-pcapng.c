/*
 * Reader for pcapng files (draft-ietf-opsawg-pcapng).
 *
 * In: bytes of a file; out: one LampPacket for each enhanced, simple or obsolete packet block,
 * and the TLS key log of decryption secrets blocks. Several sections, each with its own byte
 * order and interfaces; decimal and binary time resolutions; time offsets. Other blocks are
 * skipped by their length without being held. Where libpcap stops (interfaces whose snap
 * lengths or link types differ) this reader goes on.
 *
 * After a block whose length cannot be right, the next section header is looked for.
 */
#include "ingest/readers.h"

#include "base/limits.h"
#include "ingest/coverage.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2,
    BLOCK_SIMPLE = 3,
    BLOCK_ENHANCED = 6,
    BLOCK_SECRETS = 10,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_RESOLUTION = 9,
    OPTION_FCS = 13,
    OPTION_OFFSET = 14,
    SECRETS_TLS = 0x544c534b,
    BLOCK_FRAME = 12, /* type, length, and the length again at the end */
};

typedef struct {
    guint32 link_type, snap_length;
    guint8 resolution; /* if_tsresol: a negative power of ten, or of two with the high bit */
    guint8 fcs_bytes;
    gint64 offset_seconds;
} Interface;

typedef struct {
    gboolean is_begun, is_swapped, is_lost, has_bad_trailer;
    guint64 skip; /* bytes of a block that is not held */
    guint64 number;
    guint32 interface_base; /* interfaces of earlier sections */
    GArray *interfaces;     /* of this section */
    LampCoverage coverage;
} PcapngState;

static guint32
word(const PcapngState *s, const guint8 *p)
{
    return s->is_swapped ? lamp_be32(p) : lamp_le32(p);
}

static guint16
half(const PcapngState *s, const guint8 *p)
{
    return s->is_swapped ? lamp_be16(p) : lamp_le16(p);
}

static guint
probe_pcapng(LampBytes head, G_GNUC_UNUSED const char *path)
{
    if (head.len < 12 || lamp_be32(head.at) != BLOCK_SECTION)
        return 0;
    gboolean is_magic = lamp_be32(head.at + 8) == BYTE_ORDER_MAGIC ||
                        lamp_le32(head.at + 8) == BYTE_ORDER_MAGIC;
    return is_magic ? 100 : 0;
}

static void
read_section(PcapngState *s)
{
    s->interface_base += s->interfaces->len;
    g_array_set_size(s->interfaces, 0);
    s->is_begun = TRUE;
}

static void
read_interface_option(const PcapngState *s, Interface *i, guint16 code, LampBytes value)
{
    if (code == OPTION_RESOLUTION && value.len >= 1) {
        i->resolution = value.at[0];
    } else if (code == OPTION_FCS && value.len >= 1) {
        i->fcs_bytes = value.at[0] <= 8 ? value.at[0] : 0;
    } else if (code == OPTION_OFFSET && value.len >= 8) {
        guint64 raw = s->is_swapped ? lamp_be64(value.at) : lamp_le64(value.at);
        i->offset_seconds = (gint64) raw;
    }
}

static gboolean
read_interface(PcapngState *s, LampBytes body)
{
    if (body.len < 8)
        return FALSE;
    Interface i = {
        .link_type = half(s, body.at), .snap_length = word(s, body.at + 4), .resolution = 6};
    LampCursor c = lamp_cursor(lamp_bytes(body.at + 8, body.len - 8));
    LampBytes head, value;
    while (lamp_cursor_take(&c, 4, &head) && half(s, head.at) != 0) {
        guint16 length = half(s, head.at + 2);
        if (!lamp_cursor_take(&c, length, &value))
            break;
        read_interface_option(s, &i, half(s, head.at), value);
        if (!lamp_cursor_skip(&c, (4u - length % 4u) % 4u))
            break;
    }
    if (s->interfaces->len >= LAMP_LIMIT_INTERFACES)
        return FALSE;
    g_array_append_val(s->interfaces, i);
    return TRUE;
}

static gint64
ticks_per_second_10(guint8 exponent)
{
    gint64 ticks = 1;
    for (guint i = 0; i < exponent; i++)
        ticks *= 10;
    return ticks;
}

/* Time of @ticks in the interface's resolution; LAMP_TIME_NONE where it does not fit. */
static LampTime
time_of(const Interface *i, guint64 ticks)
{
    guint8 exponent = i->resolution & 0x7f;
    guint64 seconds, nanoseconds;
    if ((i->resolution & 0x80) != 0) {
        if (exponent > 63)
            return LAMP_TIME_NONE;
        guint64 fraction = ticks & ((G_GUINT64_CONSTANT(1) << exponent) - 1);
        seconds = ticks >> exponent;
        nanoseconds = (guint64) (((unsigned __int128) fraction * 1000000000u) >> exponent);
    } else {
        if (exponent > 18)
            return LAMP_TIME_NONE;
        guint64 per_second = (guint64) ticks_per_second_10(exponent);
        seconds = ticks / per_second;
        nanoseconds =
            (guint64) ((unsigned __int128) (ticks % per_second) * 1000000000u / per_second);
    }
    gint64 whole;
    LampTime time;
    if (seconds > G_MAXINT64 ||
        __builtin_add_overflow((gint64) seconds, i->offset_seconds, &whole) ||
        !lamp_time_from_parts(whole, (gint64) nanoseconds, &time) ||
        !lamp_time_is_within_range(time, 0))
        return LAMP_TIME_NONE;
    return time;
}

/* Length of a tick, at least one nanosecond. */
static gint64
resolution_of(const Interface *i)
{
    guint8 exponent = i->resolution & 0x7f;
    if ((i->resolution & 0x80) != 0)
        return exponent >= 30 ? 1 : LAMP_NS_PER_SECOND >> exponent;
    return exponent >= 9 ? 1 : LAMP_NS_PER_SECOND / ticks_per_second_10(exponent);
}

static void
emit(PcapngState *s, LampSink *sink, guint32 number, LampBytes frame, guint32 wire,
     LampTime time, guint64 offset)
{
    const Interface *i = &g_array_index(s->interfaces, Interface, number);
    guint32 fcs = frame.len == wire ? MIN(i->fcs_bytes, wire) : 0;
    LampPacket packet = {
        .link_type = i->link_type,
        .interface = s->interface_base + number,
        .number = ++s->number,
        .offset = offset,
        .time = time,
        .resolution_ns = resolution_of(i),
        .frame = lamp_bytes(frame.at, frame.len - fcs),
        .wire_bytes = MAX(wire, (guint32) frame.len) - fcs,
    };
    sink->packet(sink->owner, &packet);
}

/* Enhanced and obsolete packet blocks: interface, time, lengths, frame. */
static gboolean
read_timed_packet(PcapngState *s, LampSink *sink, LampBytes body, gboolean is_obsolete,
                  guint64 offset)
{
    if (body.len < 20)
        return FALSE;
    guint32 number = is_obsolete ? half(s, body.at) : word(s, body.at);
    guint64 ticks = (guint64) word(s, body.at + 4) << 32 | word(s, body.at + 8);
    guint32 captured = word(s, body.at + 12), wire = word(s, body.at + 16);
    if (number >= s->interfaces->len || captured > body.len - 20)
        return FALSE;
    const Interface *i = &g_array_index(s->interfaces, Interface, number);
    LampTime time = time_of(i, ticks);
    if (time == LAMP_TIME_NONE)
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "pcapng.time", offset,
                         "time beyond the years 1825 to 2114; the packet has none");
    emit(s, sink, number, lamp_bytes(body.at + 20, captured), wire, time, offset);
    return TRUE;
}

static gboolean
read_simple_packet(PcapngState *s, LampSink *sink, LampBytes body, guint64 offset)
{
    if (body.len < 4 || s->interfaces->len == 0)
        return FALSE;
    guint32 wire = word(s, body.at);
    guint32 snap = g_array_index(s->interfaces, Interface, 0).snap_length;
    gsize captured = MIN((gsize) wire, body.len - 4);
    if (snap != 0)
        captured = MIN(captured, (gsize) snap);
    emit(s, sink, 0, lamp_bytes(body.at + 4, captured), wire, LAMP_TIME_NONE, offset);
    return TRUE;
}

static gboolean
read_secrets(PcapngState *s, LampSink *sink, LampBytes body)
{
    if (body.len < 8 || word(s, body.at + 4) > body.len - 8)
        return FALSE;
    if (word(s, body.at) == SECRETS_TLS)
        sink->secrets(sink->owner, lamp_bytes(body.at + 8, word(s, body.at + 4)));
    return TRUE;
}

static gboolean
is_packet(guint32 type)
{
    return type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_ENHANCED;
}

static gboolean
is_wanted(guint32 type)
{
    return is_packet(type) || type == BLOCK_SECTION || type == BLOCK_INTERFACE ||
           type == BLOCK_SECRETS;
}

static gboolean
read_block(PcapngState *s, LampSink *sink, guint32 type, LampBytes body, guint64 offset)
{
    switch (type) {
    case BLOCK_SECTION:
        read_section(s);
        return TRUE;
    case BLOCK_INTERFACE:
        return read_interface(s, body);
    case BLOCK_SIMPLE:
        return read_simple_packet(s, sink, body, offset);
    case BLOCK_SECRETS:
        return read_secrets(s, sink, body);
    default:
        return read_timed_packet(s, sink, body, type == BLOCK_PACKET, offset);
    }
}

/* Sets the byte order where a section begins at @p; FALSE if none does. */
static gboolean
begins_section(PcapngState *s, const guint8 *p, gsize left)
{
    if (left < 12 || lamp_be32(p) != BLOCK_SECTION)
        return FALSE;
    if (lamp_be32(p + 8) == BYTE_ORDER_MAGIC)
        s->is_swapped = TRUE;
    else if (lamp_le32(p + 8) == BYTE_ORDER_MAGIC)
        s->is_swapped = FALSE;
    else
        return FALSE;
    return TRUE;
}

/* Skips to the next section header after damage. */
static void
resynchronise(PcapngState *s, LampCursor *in, guint64 offset, gboolean last)
{
    const guint8 *from = in->at;
    while (lamp_cursor_left(in) >= 12 && s->is_lost) {
        if (begins_section(s, in->at, lamp_cursor_left(in)))
            s->is_lost = FALSE;
        else
            in->at++;
    }
    if (last && s->is_lost)
        in->at = in->end;
    if (in->at > from)
        lamp_coverage_lost(&s->coverage, offset, (guint64) (in->at - from));
}

static gboolean
skip_block(PcapngState *s, LampCursor *in, guint64 offset)
{
    gsize n = (gsize) MIN(s->skip, (guint64) lamp_cursor_left(in));
    in->at += n;
    s->skip -= n;
    if (n > 0)
        lamp_coverage_other(&s->coverage, offset, n);
    return s->skip == 0;
}

/* Is the length of the block at hand one that a writer could mean? */
static gboolean
is_possible(guint32 type, guint32 length)
{
    return length >= BLOCK_FRAME && length <= LAMP_LIMIT_PCAPNG_BLOCK &&
           (!is_wanted(type) || length <= LAMP_LIMIT_WINDOW);
}

static void
take_block(PcapngState *s, LampCursor *in, guint32 type, guint32 length, guint64 offset,
           LampSink *sink)
{
    LampBytes body = lamp_bytes(in->at + 8, length - BLOCK_FRAME);
    if (word(s, in->at + length - 4) != length && !s->has_bad_trailer) {
        s->has_bad_trailer = TRUE;
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "pcapng.trailer", offset,
                         "a block's two lengths differ; the first is believed");
    }
    gboolean is_good = read_block(s, sink, type, body, offset);
    if (!is_good)
        lamp_sink_report(
            sink, s->number + 1, LAMP_FINDING_INVALID, "pcapng.block", offset,
            "a block contradicts itself or names an unknown interface; it was left out");
    if (!is_good)
        lamp_coverage_lost(&s->coverage, offset, length);
    else if (is_packet(type))
        lamp_coverage_record(&s->coverage, sink, offset, length);
    else
        lamp_coverage_other(&s->coverage, offset, length);
    in->at += length;
}

/* One block; FALSE when more bytes are needed. */
static gboolean
read_next(PcapngState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    gsize left = lamp_cursor_left(in);
    if (left < BLOCK_FRAME)
        return FALSE;
    gboolean is_section = begins_section(s, in->at, left);
    guint32 type = word(s, in->at), length = word(s, in->at + 4);
    if (!is_possible(type, length) || (type == BLOCK_SECTION) != is_section ||
        (!s->is_begun && !is_section)) {
        lamp_sink_report(sink, s->number + 1, LAMP_FINDING_INVALID, "pcapng.block-length",
                         offset, "no block can begin like this; looking for the next section");
        s->is_lost = TRUE;
        in->at += 4;
        lamp_coverage_lost(&s->coverage, offset, 4);
        return TRUE;
    }
    if (!is_wanted(type)) {
        s->skip = length;
        return TRUE;
    }
    if (left < length)
        return FALSE;
    take_block(s, in, type, length, offset, sink);
    return TRUE;
}

static void
drop_rest(PcapngState *s, LampCursor *in, guint64 offset, LampSink *sink)
{
    gsize left = lamp_cursor_left(in);
    if (left == 0 && s->skip == 0)
        return;
    lamp_sink_report(sink, s->number + 1, LAMP_FINDING_TRUNCATED, "pcapng.truncated", offset,
                     "the file ends inside a block; it was left out");
    if (left > 0)
        lamp_coverage_lost(&s->coverage, offset, left);
    in->at = in->end;
}

static LampStep
step_pcapng(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    PcapngState *s = state;
    const guint8 *base = in->at;
    gboolean goes_on = TRUE;
    while (goes_on && !sink->stop) {
        guint64 here = offset + (guint64) (in->at - base);
        if (s->skip > 0) {
            goes_on = skip_block(s, in, here);
        } else if (s->is_lost) {
            resynchronise(s, in, here, last);
            goes_on = !s->is_lost;
        } else {
            goes_on = read_next(s, in, here, sink);
        }
    }
    if (last && !sink->stop)
        drop_rest(s, in, offset + (guint64) (in->at - base), sink);
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_pcapng(gpointer state, G_GNUC_UNUSED const LampSourceContext *context)
{
    PcapngState *s = state;
    s->interfaces = g_array_new(FALSE, FALSE, sizeof(Interface));
}

static void
end_pcapng(gpointer state, LampSink *sink)
{
    PcapngState *s = state;
    lamp_coverage_flush(&s->coverage, sink);
    g_clear_pointer(&s->interfaces, g_array_unref);
}

const LampReader lamp_reader_pcapng = {
    .name = "pcapng",
    .summary = "packet capture of Wireshark and many others",
    .spec = "https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html",
    .kind = LAMP_KIND_CAPTURE,
    .state_size = sizeof(PcapngState),
    .probe = probe_pcapng,
    .begin = begin_pcapng,
    .step = step_pcapng,
    .end = end_pcapng,
};
