/*
 * Entry of the packet layer: one frame after another, from its link down to TCP or UDP.
 *
 * In: frames of one source; out: connections, observations and findings. Layers are undone in a
 * loop, not by recursion, and their number is bounded. The capture filter is libpcap's,
 * compiled once for each link type that occurs (pcap_compile, pcap_offline_filter).
 */
#include "ingest/packet/connection.h"

#include "ingest/packet/defrag.h"

#include <pcap/pcap.h>

enum {
    LAYERS_MAX = 64, /* headers of one frame, VLAN tags included */
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    FILTER_SNAP = 262144,
    MOST_CLOSING = 2048, /* ended TCP connections that are kept for late packets */
};

typedef struct {
    guint32 link_type;
    gboolean is_usable;
    struct bpf_program program;
} Filter;

GQuark
lamp_packets_error_quark(void)
{
    return g_quark_from_static_string("lamp-packets-error-quark");
}

void
lamp_packets_finding(LampPackets *p, LampFindingKind kind, const char *code, const char *text)
{
    LampFinding finding = {.kind = kind, .code = code, .text = text};
    if (p->packet != NULL) {
        finding.offset = p->packet->offset;
        finding.record_number = p->packet->number;
    }
    p->out->finding(p->out->owner, &finding);
}

/* libpcap's link types and those of files differ for raw IP only. */
static int
dlt_of(guint32 link_type)
{
    return link_type == 101 ? DLT_RAW : (int) link_type;
}

static gboolean
compile(const char *text, guint32 link_type, struct bpf_program *out_program, GError **error)
{
    pcap_t *dead = pcap_open_dead(dlt_of(link_type), FILTER_SNAP);
    gboolean is_good =
        dead != NULL && pcap_compile(dead, out_program, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!is_good)
        g_set_error(error, LAMP_PACKETS_ERROR, LAMP_PACKETS_ERROR_FILTER,
                    "capture filter \"%s\": %s", text,
                    dead != NULL ? pcap_geterr(dead) : "unknown link type");
    if (dead != NULL)
        pcap_close(dead);
    return is_good;
}

gboolean
lamp_packets_check_filter(const char *filter, GError **error)
{
    struct bpf_program program;
    if (!compile(filter, DLT_EN10MB, &program, error))
        return FALSE;
    pcap_freecode(&program);
    return TRUE;
}

static const Filter *
filter_for(LampPackets *p, guint32 link_type)
{
    for (guint i = 0; i < p->filters->len; i++) {
        const Filter *f = &g_array_index(p->filters, Filter, i);
        if (f->link_type == link_type)
            return f;
    }
    Filter fresh = {.link_type = link_type};
    g_autoptr(GError) error = NULL;
    fresh.is_usable = compile(p->filter_text, link_type, &fresh.program, &error);
    if (!fresh.is_usable)
        lamp_packets_finding(p, LAMP_FINDING_UNKNOWN, "packet.filter", error->message);
    g_array_append_val(p->filters, fresh);
    return &g_array_index(p->filters, Filter, p->filters->len - 1);
}

static gboolean
is_filtered_out(LampPackets *p, const LampPacket *packet)
{
    if (p->filter_text == NULL)
        return FALSE;
    const Filter *f = filter_for(p, packet->link_type);
    struct pcap_pkthdr header = {.caplen = (guint32) packet->frame.len,
                                 .len = packet->wire_bytes};
    return !f->is_usable || pcap_offline_filter(&f->program, &header, packet->frame.at) == 0;
}

/* Takes off the next layer. FALSE: the frame is done with. */
static gboolean
read_layer(LampPackets *p, LampLayers *l)
{
    switch (l->next) {
    case LAMP_NEXT_LINK:
        lamp_layers_link(l);
        return TRUE;
    case LAMP_NEXT_ETHERTYPE:
        lamp_layers_ethertype(l);
        return TRUE;
    case LAMP_NEXT_IP:
        lamp_layers_ip(l);
        return TRUE;
    case LAMP_NEXT_FRAGMENT:
        if (p->defrag == NULL)
            p->defrag = lamp_defrag_new();
        lamp_defrag_add(p->defrag, l, p->now);
        return TRUE;
    case LAMP_NEXT_PROTOCOL:
        if (l->number == PROTOCOL_TCP)
            return lamp_tcp_read(p, l);
        if (l->number == PROTOCOL_UDP)
            return lamp_udp_read(p, l);
        lamp_layers_protocol(l);
        return TRUE;
    default:
        return FALSE;
    }
}

static void
read_layers(LampPackets *p, LampLayers *l)
{
    guint layers = 0;
    while (layers < LAYERS_MAX && read_layer(p, l))
        layers++;
    if (layers == LAYERS_MAX)
        lamp_layers_stop(l, "packet.layers");
}

/* Connections of @list leave once no packet of theirs is to be expected, or where there are
 * more than @most. */
static void
expire(LampPackets *p, const LampList *list, guint most)
{
    LampStream *s = list->oldest;
    while (s != NULL && (list->count > most ||
                         lamp_elapsed(s->last_time, p->now) > 30 * LAMP_NS_PER_SECOND)) {
        lamp_connection_close(s);
        s = list->oldest;
    }
}

void
lamp_packets_add(LampPackets *p, const LampPacket *packet)
{
    p->counts.frames++;
    p->packet = packet;
    p->resolution_ns = packet->resolution_ns;
    if (packet->time != LAMP_TIME_NONE)
        p->now = packet->time;
    if (is_filtered_out(p, packet)) {
        p->counts.filtered++;
    } else {
        LampLayers layers = {.next = LAMP_NEXT_LINK,
                             .number = packet->link_type,
                             .bytes = lamp_cursor(packet->frame),
                             .wire = MAX((guint64) packet->wire_bytes, packet->frame.len)};
        read_layers(p, &layers);
        lamp_nflog_emit(p, &layers.nflog);
        if (layers.error != NULL)
            lamp_packets_finding(p, LAMP_FINDING_INVALID, layers.error,
                                 "the packet contradicts its format; it was left out");
        p->counts.unknown += layers.next == LAMP_NEXT_NONE;
        expire(p, &p->closing, MOST_CLOSING);
        expire(p, &p->quiet, G_MAXUINT);
    }
    p->packet = NULL;
}

void
lamp_packets_finish(LampPackets *p)
{
    while (p->used.oldest != NULL)
        lamp_connection_close(p->used.oldest);
    if (p->defrag != NULL && lamp_defrag_lost(p->defrag) + lamp_defrag_waiting(p->defrag) > 0) {
        g_autofree char *text = g_strdup_printf(
            "%" G_GUINT64_FORMAT " fragmented packets lack parts; they were left out",
            lamp_defrag_lost(p->defrag) + lamp_defrag_waiting(p->defrag));
        lamp_packets_finding(p, LAMP_FINDING_LOSS, "packet.fragments", text);
    }
}

LampPacketsCounts
lamp_packets_counts(const LampPackets *p)
{
    return p->counts;
}

LampPackets *
lamp_packets_new(LampSink *out, const LampPacketsOptions *options)
{
    LampPackets *p = g_new0(LampPackets, 1);
    p->out = out;
    p->secrets = options != NULL ? options->secrets : NULL;
    p->filter_text = options != NULL ? g_strdup(options->filter) : NULL;
    p->filters = g_array_new(FALSE, FALSE, sizeof(Filter));
    p->used.at = G_STRUCT_OFFSET(LampStream, used);
    p->closing.at = p->quiet.at = G_STRUCT_OFFSET(LampStream, ended);
    p->holding.at = G_STRUCT_OFFSET(LampStream, holding);
    return p;
}

void
lamp_packets_free(LampPackets *p)
{
    if (p == NULL)
        return;
    while (p->used.oldest != NULL)
        lamp_connection_free(p->used.oldest);
    for (guint i = 0; i < p->filters->len; i++) {
        Filter *f = &g_array_index(p->filters, Filter, i);
        if (f->is_usable)
            pcap_freecode(&f->program);
    }
    g_array_unref(p->filters);
    lamp_defrag_free(p->defrag);
    g_free(p->filter_text);
    g_free(p->buckets);
    g_free(p);
}
