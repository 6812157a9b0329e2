/*
 * sFlow version 5 (sflow.org/sflow_version_5.txt).
 *
 * In: datagrams of an agent; out: for each flow sample one record with one packet, its length
 * on the wire, and the sampling rate. The packet's header is undone by the packet layer's own
 * functions; the record types that already hold addresses are read as they are. Counter samples
 * are passed over. Times are those of the datagram's arrival: sFlow has none for its samples.
 */
#include "ingest/flow/sflow.h"

#include "ingest/packet/layers.h"

enum {
    SAMPLE_FLOW = 1,
    SAMPLE_FLOW_EXPANDED = 3,
    RECORD_HEADER = 1,
    RECORD_IPV4 = 3,
    RECORD_IPV6 = 4,
    HEADER_ETHERNET = 1,
    HEADER_IPV4 = 11,
    HEADER_IPV6 = 12,
    LINK_ETHERNET = 1,
    LAYERS_MAX = 16,
    SAMPLES_MAX = 1024,
};

typedef struct {
    LampFlowRecord *flow;
    LampTime received;
    guint32 rate, input, output;
    void (*emit)(gpointer owner, const LampFlowRow *row);
    gpointer owner;
} Reading;

static LampFlowRow *
begin(Reading *r)
{
    lamp_flow_record_begin(r->flow);
    LampFlowRow *row = &r->flow->row;
    row->first_time = row->last_time = r->received;
    row->packets = 1;
    row->sampling = MAX(r->rate, 1);
    lamp_flow_record_number(r->flow, "input", r->input & 0x3fffffff);
    lamp_flow_record_number(r->flow, "output", r->output & 0x3fffffff);
    return row;
}

static void
read_transport(LampFlowRow *row, const LampLayers *l)
{
    const guint8 *p = l->bytes.at;
    gsize left = lamp_cursor_left(&l->bytes);
    if (l->next != LAMP_NEXT_PROTOCOL || (row->transport != 6 && row->transport != 17))
        return;
    if (left >= 4) {
        row->source.port = lamp_be16(p);
        row->destination.port = lamp_be16(p + 2);
    }
    if (row->transport == 6 && left >= 14)
        row->tcp_flags = p[13];
}

/* Undoes the layers down to the first IP packet's transport. */
static void
undo_layers(LampLayers *l)
{
    for (guint i = 0; i < LAYERS_MAX; i++) {
        if (l->next == LAMP_NEXT_LINK)
            lamp_layers_link(l);
        else if (l->next == LAMP_NEXT_ETHERTYPE)
            lamp_layers_ethertype(l);
        else if (l->next == LAMP_NEXT_IP)
            lamp_layers_ip(l);
    }
}

/* The first bytes of a sampled packet. FALSE: cut. */
static gboolean
read_packet_header(Reading *r, LampCursor c)
{
    guint32 kind, wire, stripped, length;
    LampBytes header;
    if (!lamp_cursor_be32(&c, &kind) || !lamp_cursor_be32(&c, &wire) ||
        !lamp_cursor_be32(&c, &stripped) || !lamp_cursor_be32(&c, &length) ||
        !lamp_cursor_take(&c, length, &header))
        return FALSE;
    LampLayers l = {.next = kind == HEADER_ETHERNET ? LAMP_NEXT_LINK : LAMP_NEXT_IP,
                    .number = LINK_ETHERNET,
                    .bytes = lamp_cursor(header),
                    .wire = MAX((guint64) wire, header.len)};
    if (kind != HEADER_ETHERNET && kind != HEADER_IPV4 && kind != HEADER_IPV6)
        return TRUE;
    undo_layers(&l);
    if (l.next != LAMP_NEXT_PROTOCOL && l.next != LAMP_NEXT_FRAGMENT)
        return TRUE;
    LampFlowRow *row = begin(r);
    row->bytes = wire;
    row->transport = (guint8) l.number;
    lamp_flow_record_set_ipv6(&row->source, l.source);
    lamp_flow_record_set_ipv6(&row->destination, l.destination);
    read_transport(row, &l);
    r->emit(r->owner, lamp_flow_record_finish(r->flow));
    return TRUE;
}

/* Addresses that the agent took out of the packet itself. */
static gboolean
read_addresses(Reading *r, LampCursor c, gboolean is_ipv6)
{
    gsize size = is_ipv6 ? 16 : 4;
    LampBytes all;
    if (!lamp_cursor_take(&c, 8 + 2 * size + 12, &all))
        return FALSE;
    const guint8 *p = all.at;
    LampFlowRow *row = begin(r);
    row->bytes = lamp_be32(p);
    row->transport = (guint8) lamp_be32(p + 4);
    if (is_ipv6) {
        lamp_flow_record_set_ipv6(&row->source, p + 8);
        lamp_flow_record_set_ipv6(&row->destination, p + 24);
    } else {
        lamp_flow_record_set_ipv4(&row->source, lamp_be32(p + 8));
        lamp_flow_record_set_ipv4(&row->destination, lamp_be32(p + 12));
    }
    p += 8 + 2 * size;
    row->source.port = (guint16) lamp_be32(p);
    row->destination.port = (guint16) lamp_be32(p + 4);
    row->tcp_flags = (guint8) lamp_be32(p + 8);
    r->emit(r->owner, lamp_flow_record_finish(r->flow));
    return TRUE;
}

/* Records of one sample; the first that names the packet is the one that counts. */
static gboolean
read_records(Reading *r, LampCursor c, guint32 count)
{
    for (guint32 i = 0; i < MIN(count, (guint32) SAMPLES_MAX); i++) {
        guint32 format, length;
        LampBytes body;
        if (!lamp_cursor_be32(&c, &format) || !lamp_cursor_be32(&c, &length) ||
            !lamp_cursor_take(&c, length, &body))
            return FALSE;
        if (format == RECORD_HEADER)
            return read_packet_header(r, lamp_cursor(body));
        if (format == RECORD_IPV4 || format == RECORD_IPV6)
            return read_addresses(r, lamp_cursor(body), format == RECORD_IPV6);
    }
    return TRUE;
}

static gboolean
read_sample(Reading *r, LampCursor c, gboolean is_expanded)
{
    /* sequence, source (2 words if expanded), rate, pool, drops, input, output (2 words each if
     * expanded), number of records */
    LampBytes head;
    gsize words = is_expanded ? 11 : 8;
    if (!lamp_cursor_take(&c, words * 4, &head))
        return FALSE;
    const guint8 *p = head.at + (is_expanded ? 12 : 8);
    r->rate = lamp_be32(p);
    r->input = lamp_be32(p + (is_expanded ? 16 : 12));
    r->output = lamp_be32(p + (is_expanded ? 24 : 16));
    return read_records(r, c, lamp_be32(head.at + words * 4 - 4));
}

/* Moves behind the datagram's header. */
static gboolean
read_header(LampCursor *c, guint32 *out_samples)
{
    guint32 version, address_type, samples;
    if (!lamp_cursor_be32(c, &version) || !lamp_cursor_be32(c, &address_type) || version != 5 ||
        (address_type != 1 && address_type != 2))
        return FALSE;
    if (!lamp_cursor_skip(c, address_type == 1 ? 4 : 16) || !lamp_cursor_skip(c, 12) ||
        !lamp_cursor_be32(c, &samples))
        return FALSE;
    *out_samples = samples;
    return TRUE;
}

gboolean
lamp_sflow_read(LampFlowRecord *flow, LampBytes d, LampTime received,
                void (*emit)(gpointer owner, const LampFlowRow *row), gpointer owner)
{
    Reading r = {.flow = flow, .received = received, .emit = emit, .owner = owner};
    LampCursor c = lamp_cursor(d);
    guint32 samples;
    if (!read_header(&c, &samples))
        return FALSE;
    for (guint32 i = 0; i < MIN(samples, (guint32) SAMPLES_MAX); i++) {
        guint32 format, length;
        LampBytes body;
        if (!lamp_cursor_be32(&c, &format) || !lamp_cursor_be32(&c, &length) ||
            !lamp_cursor_take(&c, length, &body))
            return FALSE;
        gboolean is_flow = format == SAMPLE_FLOW || format == SAMPLE_FLOW_EXPANDED;
        if (is_flow && !read_sample(&r, lamp_cursor(body), format == SAMPLE_FLOW_EXPANDED))
            return FALSE;
    }
    return TRUE;
}

guint
lamp_sflow_probe(LampBytes d)
{
    LampCursor c = lamp_cursor(d);
    guint32 samples, format, length;
    if (!read_header(&c, &samples) || samples == 0 || samples > SAMPLES_MAX)
        return 0;
    gboolean fits = lamp_cursor_be32(&c, &format) && lamp_cursor_be32(&c, &length) &&
                    length <= lamp_cursor_left(&c);
    return fits ? 90 : 0;
}
