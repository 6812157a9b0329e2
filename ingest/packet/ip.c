/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers. Extension headers: tunnel.c; fragments: defrag.c.
 *
 * In: bytes that begin with an IP header; out: addresses (IPv4 as IPv4-mapped IPv6), protocol,
 * and the payload limited to what the header says, so that link padding is not payload. A total
 * length of 0, as captures on sending hosts with segmentation offload have it, means the
 * frame's.
 */
#include "ingest/packet/layers.h"

static void
set_ipv4(guint8 out_address[16], const guint8 *p)
{
    static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(out_address, mapped, 12);
    memcpy(out_address + 12, p, 4);
}

static void
read_ipv4(LampLayers *l)
{
    const guint8 *p = l->bytes.at, *options;
    if (lamp_cursor_left(&l->bytes) < 20) {
        lamp_layers_stop(l, NULL);
        return;
    }
    gsize header = (gsize) (p[0] & 15) * 4;
    gsize total = lamp_be16(p + 2);
    if (header < 20 || (total != 0 && total < header)) {
        lamp_layers_stop(l, "packet.ipv4-header");
        return;
    }
    if (total != 0)
        lamp_layers_limit(l, total);
    if (!lamp_layers_take(l, header, &options))
        return;
    set_ipv4(l->source, p + 12);
    set_ipv4(l->destination, p + 16);
    l->ip_id = lamp_be16(p + 4);
    guint16 fragment = lamp_be16(p + 6);
    l->fragment_offset = (fragment & 0x1fffu) * 8;
    l->has_more_fragments = (fragment & 0x2000) != 0;
    l->next = (fragment & 0x3fff) != 0 ? LAMP_NEXT_FRAGMENT : LAMP_NEXT_PROTOCOL;
    l->number = p[9];
}

static void
read_ipv6(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 40, &p))
        return;
    guint16 payload = lamp_be16(p + 4);
    if (payload != 0)
        lamp_layers_limit(l, payload);
    memcpy(l->source, p + 8, 16);
    memcpy(l->destination, p + 24, 16);
    l->ip_id = 0;
    l->next = LAMP_NEXT_PROTOCOL;
    l->number = p[6];
}

void
lamp_layers_ip(LampLayers *l)
{
    if (lamp_cursor_left(&l->bytes) == 0) {
        lamp_layers_stop(l, NULL);
        return;
    }
    switch (l->bytes.at[0] >> 4) {
    case 4:
        read_ipv4(l);
        break;
    case 6:
        read_ipv6(l);
        break;
    default:
        lamp_layers_stop(l, "packet.ip-version");
    }
}
