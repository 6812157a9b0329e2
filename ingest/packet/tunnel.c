/*
 * Tunnels: IP protocols and UDP ports that carry further packets, and IPv6 extension headers.
 *
 * In: bytes behind an IP or UDP header; out: the packet inside. IP in IP (RFC 2003, RFC 2473),
 * GRE (RFC 2784, RFC 2890; version 1 of RFC 2637), ERSPAN types I to III
 * (draft-foschiano-erspan), EtherIP (RFC 3378), MPLS in IP (RFC 4023), VXLAN and its GPE (RFC
 * 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC 4380). UDP tunnels are entered
 * only where the port and the bytes agree. The number of tunnels is bounded by
 * LAMP_LIMIT_TUNNEL_DEPTH.
 */
#include "ingest/packet/layers.h"

enum {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_IPV4 = 4,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_ETHERIP = 97,
    PROTOCOL_MOBILITY = 135,
    PROTOCOL_MPLS = 137,
};

enum {
    LINK_ETHERNET = 1,
    LINK_WIRELESS = 105,
    TYPE_ARUBA = 0x8200, /* and the fifteen after it: wireless frames to a controller */
    TYPE_ERSPAN_3 = 0x22eb,
    TYPE_WCCP = 0x883e,
    TYPE_ERSPAN = 0x88be,
    PORT_GTP = 2152,
    PORT_TEREDO = 3544,
    PORT_VXLAN = 4789,
    PORT_VXLAN_GPE = 4790,
    PORT_GENEVE = 6081,
    PORT_VXLAN_LINUX = 8472,
};

static void
skip_header(LampLayers *l, gsize minimum, gsize unit, gsize base)
{
    if (lamp_cursor_left(&l->bytes) < 2) {
        lamp_layers_stop(l, NULL);
        return;
    }
    const guint8 *p = l->bytes.at;
    gsize length = ((gsize) p[1] + base) * unit;
    if (lamp_layers_take(l, MAX(length, minimum), &p))
        l->number = p[0];
}

static void
read_fragment_header(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 8, &p))
        return;
    guint16 fragment = lamp_be16(p + 2);
    l->number = p[0];
    l->ip_id = lamp_be32(p + 4);
    l->fragment_offset = fragment & 0xfff8u;
    l->has_more_fragments = (fragment & 1) != 0;
    if ((fragment & 0xfff9) != 0)
        l->next = LAMP_NEXT_FRAGMENT;
}

static void
enter_behind(LampLayers *l, gsize header, LampNext next, guint32 number)
{
    const guint8 *p;
    if (lamp_layers_take(l, header, &p))
        lamp_layers_enter(l, next, number);
}

static void
read_erspan_3(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 12, &p))
        return;
    gboolean has_subheader = (p[11] & 1) != 0;
    enter_behind(l, has_subheader ? 8 : 0, LAMP_NEXT_LINK, LINK_ETHERNET);
}

static void
read_gre(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 4, &p))
        return;
    guint16 flags = lamp_be16(p), type = lamp_be16(p + 2);
    gboolean has_checksum = (flags & 0xc000) != 0, has_key = (flags & 0x2000) != 0;
    gboolean has_sequence = (flags & 0x1000) != 0;
    gboolean has_acknowledgement = (flags & 0x0080) != 0 && (flags & 7) == 1;
    gsize rest = 4u * ((has_checksum ? 1u : 0u) + (has_key ? 1u : 0u) +
                       (has_sequence ? 1u : 0u) + (has_acknowledgement ? 1u : 0u));
    if (rest > 0 && !lamp_layers_take(l, rest, &p))
        return;
    if (type == TYPE_ERSPAN)
        enter_behind(l, has_sequence ? 8 : 0, LAMP_NEXT_LINK, LINK_ETHERNET);
    else if (type == TYPE_ERSPAN_3)
        read_erspan_3(l);
    else if (type == TYPE_WCCP)
        enter_behind(l, 4, LAMP_NEXT_IP, 0);
    else if ((type & 0xfff0) == TYPE_ARUBA)
        lamp_layers_enter(l, LAMP_NEXT_LINK, LINK_WIRELESS);
    else
        lamp_layers_enter(l, LAMP_NEXT_ETHERTYPE, type);
}

void
lamp_layers_protocol(LampLayers *l)
{
    switch (l->number) {
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_DESTINATION:
    case PROTOCOL_MOBILITY:
        skip_header(l, 8, 8, 1);
        break;
    case PROTOCOL_AUTHENTICATION:
        skip_header(l, 12, 4, 2);
        break;
    case PROTOCOL_FRAGMENT:
        read_fragment_header(l);
        break;
    case PROTOCOL_IPV4:
    case PROTOCOL_IPV6:
        lamp_layers_enter(l, LAMP_NEXT_IP, 0);
        break;
    case PROTOCOL_GRE:
        read_gre(l);
        break;
    case PROTOCOL_ETHERIP:
        enter_behind(l, 2, LAMP_NEXT_LINK, LINK_ETHERNET);
        break;
    case PROTOCOL_MPLS:
        lamp_layers_mpls(l);
        break;
    default:
        lamp_layers_stop(l, NULL);
    }
}

/* ---- tunnels in UDP */

static gboolean
is_ip(const guint8 *p, gsize left)
{
    return left >= 20 &&
           ((p[0] >> 4 == 4 && (p[0] & 15) >= 5) || (p[0] >> 4 == 6 && left >= 40));
}

static gboolean
is_port(guint16 source, guint16 destination, guint16 port)
{
    return source == port || destination == port;
}

static gboolean
enter_vxlan(LampLayers *l, const guint8 *p, gsize left, gboolean is_gpe)
{
    enum { HAS_NEXT = 4 /* GPE's flag, seen on the port of plain VXLAN, too */ };
    static const guint32 inner[] = {0, 0x0800, 0x86dd, 0x6558, 0x894f};
    if (left < 8 + 14 || (p[0] & 8) == 0 || p[7] != 0)
        return FALSE;
    gboolean has_group = (p[0] & 0x80) != 0; /* draft-smith-vxlan-group-policy */
    gboolean has_next = (p[0] & HAS_NEXT) != 0;
    guint next = has_next ? p[3] : 3;
    if (next == 0 || next >= G_N_ELEMENTS(inner) ||
        (!is_gpe && !has_group && (p[1] | p[2] | (has_next ? 0 : p[3])) != 0))
        return FALSE;
    enter_behind(l, 8, LAMP_NEXT_ETHERTYPE, inner[next]);
    return TRUE;
}

static gboolean
enter_geneve(LampLayers *l, const guint8 *p, gsize left)
{
    gsize header = 8 + (gsize) (left > 0 ? p[0] & 0x3f : 0) * 4;
    if (left < header + 14 || p[0] >> 6 != 0 || (p[1] & 0x3f) != 0 || p[7] != 0)
        return FALSE;
    enter_behind(l, header, LAMP_NEXT_ETHERTYPE, lamp_be16(p + 2));
    return TRUE;
}

/* Length of a GTP-U header with its extensions, where a user packet follows; else 0. */
static gsize
gtp_header(const guint8 *p, gsize left)
{
    enum { VERSION_1_GTP = 0x30, USER_PACKET = 255 };
    if (left < 8 || (p[0] & 0xf0) != VERSION_1_GTP || p[1] != USER_PACKET)
        return 0;
    if ((p[0] & 7) == 0)
        return 8;
    gsize at = 12;
    if (left < at)
        return 0;
    guint8 extension = (p[0] & 4) != 0 ? p[11] : 0;
    while (extension != 0) {
        if (at >= left || p[at] == 0 || at + (gsize) p[at] * 4 > left)
            return 0;
        at += (gsize) p[at] * 4;
        extension = p[at - 1];
    }
    return at;
}

static gboolean
enter_gtp(LampLayers *l, const guint8 *p, gsize left)
{
    gsize header = gtp_header(p, left);
    if (header == 0 || header >= left || !is_ip(p + header, left - header))
        return FALSE;
    enter_behind(l, header, LAMP_NEXT_IP, 0);
    return TRUE;
}

static gboolean
enter_teredo(LampLayers *l, const guint8 *p, gsize left)
{
    gsize header = 0;
    if (left >= 4 && p[0] == 0 && p[1] == 1)
        header = 4 + (gsize) p[2] + p[3] + 9;
    if (left >= header + 8 && p[header] == 0 && p[header + 1] == 0)
        header += 8;
    if (header >= left || p[header] >> 4 != 6 || !is_ip(p + header, left - header))
        return FALSE;
    enter_behind(l, header, LAMP_NEXT_IP, 0);
    return TRUE;
}

gboolean
lamp_layers_udp_tunnel(LampLayers *l, guint16 source, guint16 destination)
{
    const guint8 *p = l->bytes.at;
    gsize left = lamp_cursor_left(&l->bytes);
    switch (destination) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
    case PORT_VXLAN_GPE:
        return enter_vxlan(l, p, left, destination == PORT_VXLAN_GPE);
    case PORT_GENEVE:
        return enter_geneve(l, p, left);
    default:
        break;
    }
    if (is_port(source, destination, PORT_GTP))
        return enter_gtp(l, p, left);
    if (is_port(source, destination, PORT_TEREDO))
        return enter_teredo(l, p, left);
    return FALSE;
}
