/*
 * Link layers: from a frame to its network layer.
 *
 * In: the bytes of a frame and its LINKTYPE_ number (www.tcpdump.org/linktypes.html); out: the
 * EtherType or IP bytes behind. VLAN tags (IEEE 802.1Q, 802.1ad), provider backbone tags, MPLS
 * labels (RFC 3032) and PPPoE (RFC 2516) are taken off in any number; what they say is not part
 * of a connection's identity.
 */
#include "ingest/packet/layers.h"

#include "base/limits.h"

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_FDDI = 10,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPP_ETHER = 51,
    LINK_RAW = 101,
    LINK_CISCO_HDLC = 104,
    LINK_WIRELESS = 105,
    LINK_LOOP = 108,
    LINK_ENC = 109,
    LINK_SLL = 113,
    LINK_PFLOG = 117,
    LINK_RADIOTAP = 127,
    LINK_PPI = 192,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_NFLOG = 239,
    LINK_INFINIBAND = 242,
    LINK_PKTAP = 258,
    LINK_SLL2 = 276,
};

enum {
    TYPE_LENGTH_MAX = 1500, /* smaller EtherTypes are IEEE 802.3 lengths */
    TYPE_IPV4 = 0x0800,
    TYPE_BRIDGING = 0x6558,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_PPP = 0x880b,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_UPSTREAM = 0x8848,
    TYPE_PPPOE = 0x8864,
    TYPE_QINQ = 0x88a8,
    TYPE_BACKBONE = 0x88e7,
    TYPE_FABRIC_PATH = 0x8903,
    TYPE_VN_TAG = 0x8926,
    TYPE_SERVICE_HEADER = 0x894f,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
    TYPE_QINQ_OLDEST = 0x9300,
};

gboolean
lamp_layers_take(LampLayers *l, gsize n, const guint8 **out_at)
{
    LampBytes taken;
    if (!lamp_cursor_take(&l->bytes, n, &taken)) {
        l->next = LAMP_NEXT_NONE;
        return FALSE;
    }
    l->wire -= n;
    *out_at = taken.at;
    return TRUE;
}

void
lamp_layers_stop(LampLayers *l, const char *error)
{
    l->next = LAMP_NEXT_NONE;
    l->error = error;
}

void
lamp_layers_limit(LampLayers *l, guint64 n)
{
    if (n >= l->wire)
        return;
    l->wire = n;
    if (lamp_cursor_left(&l->bytes) > n)
        l->bytes.end = l->bytes.at + n;
}

static void
go_on(LampLayers *l, LampNext next, guint32 number)
{
    l->next = next;
    l->number = number;
}

void
lamp_layers_enter(LampLayers *l, LampNext next, guint32 number)
{
    if (++l->tunnels > LAMP_LIMIT_TUNNEL_DEPTH)
        lamp_layers_stop(l, "limit.TUNNEL_DEPTH");
    else
        go_on(l, next, number);
}

static void
take_typed(LampLayers *l, gsize header, gsize type_at)
{
    const guint8 *p;
    if (lamp_layers_take(l, header, &p))
        go_on(l, LAMP_NEXT_ETHERTYPE, lamp_be16(p + type_at));
}

static void
skip_to_ip(LampLayers *l, gsize header)
{
    const guint8 *p;
    if (lamp_layers_take(l, header, &p))
        go_on(l, LAMP_NEXT_IP, 0);
}

void
lamp_layers_ppp(LampLayers *l)
{
    const guint8 *p;
    if (lamp_cursor_left(&l->bytes) >= 2 && l->bytes.at[0] == 0xff && l->bytes.at[1] == 3 &&
        !lamp_layers_take(l, 2, &p))
        return;
    if (!lamp_layers_take(l, 1, &p))
        return;
    guint protocol = p[0];
    if ((protocol & 1) == 0) {
        if (!lamp_layers_take(l, 1, &p))
            return;
        protocol = protocol << 8 | p[0];
    }
    if (protocol == 0x21 || protocol == 0x57)
        go_on(l, LAMP_NEXT_IP, 0);
    else if (protocol == 0x281 || protocol == 0x283)
        go_on(l, LAMP_NEXT_ETHERTYPE, TYPE_MPLS);
    else
        lamp_layers_stop(l, NULL);
}

static void
read_pppoe(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 6, &p))
        return;
    lamp_layers_limit(l, lamp_be16(p + 4));
    lamp_layers_ppp(l);
}

static void
read_pflog(LampLayers *l)
{
    if (lamp_cursor_left(&l->bytes) == 0)
        lamp_layers_stop(l, NULL);
    else
        skip_to_ip(l, ((gsize) l->bytes.at[0] + 3) / 4 * 4);
}

/* A header before the link's own: its length in @length_bytes little-endian bytes at
 * @length_at. */
static void
skip_capture_header(LampLayers *l, gsize length_at, gsize length_bytes, gsize link_at)
{
    const guint8 *p = l->bytes.at;
    gsize least = MAX(length_at + length_bytes, link_at == 0 ? 0 : link_at + 4);
    if (lamp_cursor_left(&l->bytes) < least) {
        lamp_layers_stop(l, NULL);
        return;
    }
    gsize length = length_bytes == 2 ? lamp_le16(p + length_at) : lamp_le32(p + length_at);
    guint32 link = link_at == 0 ? LINK_WIRELESS : lamp_le32(p + link_at);
    if (length < least)
        lamp_layers_stop(l, "packet.link-header");
    else if (lamp_layers_take(l, length, &p))
        lamp_layers_enter(l, LAMP_NEXT_LINK, link);
}

/* LLC and SNAP headers (IEEE 802.2). */
static void
read_llc(LampLayers *l)
{
    const guint8 *p;
    static const guint8 snap[3] = {0xaa, 0xaa, 3};
    if (!lamp_layers_take(l, 8, &p))
        return;
    if (memcmp(p, snap, sizeof snap) == 0)
        go_on(l, LAMP_NEXT_ETHERTYPE, lamp_be16(p + 6));
    else
        lamp_layers_stop(l, NULL);
}

/* IEEE 802.11: data frames that are not encrypted. */
static void
read_wireless(LampLayers *l)
{
    enum { TYPE_DATA = 2, SUBTYPE_NO_DATA = 4, SUBTYPE_QOS = 8 };
    const guint8 *p = l->bytes.at;
    if (lamp_cursor_left(&l->bytes) < 24 || ((p[0] >> 2) & 3) != TYPE_DATA ||
        ((p[0] >> 4) & SUBTYPE_NO_DATA) != 0 || (p[1] & 0x40) != 0) {
        lamp_layers_stop(l, NULL);
        return;
    }
    gsize header = 24 + ((p[1] & 3) == 3 ? 6u : 0u);
    if (((p[0] >> 4) & SUBTYPE_QOS) != 0)
        header += 2 + ((p[1] & 0x80) != 0 ? 4u : 0u);
    if (lamp_layers_take(l, header, &p))
        read_llc(l);
}

/* Network service header (RFC 8300). */
static void
read_service_header(LampLayers *l)
{
    static const guint32 inner[] = {0, TYPE_IPV4, TYPE_IPV6, TYPE_BRIDGING, 0, TYPE_MPLS};
    const guint8 *p = l->bytes.at;
    if (lamp_cursor_left(&l->bytes) < 8) {
        lamp_layers_stop(l, NULL);
        return;
    }
    gsize length = (gsize) (p[1] & 0x3f) * 4;
    guint32 next = p[3] < G_N_ELEMENTS(inner) ? inner[p[3]] : 0;
    if (length < 8 || next == 0)
        lamp_layers_stop(l, NULL);
    else if (lamp_layers_take(l, length, &p))
        lamp_layers_enter(l, LAMP_NEXT_ETHERTYPE, next);
}

void
lamp_layers_link(LampLayers *l)
{
    const guint8 *p;
    switch (l->number) {
    case LINK_ETHERNET:
        take_typed(l, 14, 12);
        break;
    case LINK_SLL:
        take_typed(l, 16, 14);
        break;
    case LINK_SLL2:
        take_typed(l, 20, 0);
        break;
    case LINK_CISCO_HDLC:
        take_typed(l, 4, 2);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        skip_to_ip(l, 4);
        break;
    case LINK_ENC:
        skip_to_ip(l, 12);
        break;
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        go_on(l, LAMP_NEXT_IP, 0);
        break;
    case LINK_PPP:
    case LINK_PPP_HDLC:
        lamp_layers_ppp(l);
        break;
    case LINK_PPP_ETHER:
        read_pppoe(l);
        break;
    case LINK_NFLOG:
        lamp_layers_nflog(l);
        break;
    case LINK_PFLOG:
        read_pflog(l);
        break;
    case LINK_FDDI:
        if (lamp_layers_take(l, 13, &p))
            read_llc(l);
        break;
    case LINK_INFINIBAND:
        take_typed(l, 44, 40);
        break;
    case LINK_WIRELESS:
        read_wireless(l);
        break;
    case LINK_RADIOTAP:
        skip_capture_header(l, 2, 2, 0);
        break;
    case LINK_PPI:
        skip_capture_header(l, 2, 2, 4);
        break;
    case LINK_PKTAP:
        skip_capture_header(l, 0, 4, 8);
        break;
    default:
        lamp_layers_stop(l, "packet.link-type");
    }
}

void
lamp_layers_mpls(LampLayers *l)
{
    const guint8 *p;
    do {
        if (!lamp_layers_take(l, 4, &p))
            return;
    } while ((p[2] & 1) == 0);
    guint version = lamp_cursor_left(&l->bytes) > 0 ? l->bytes.at[0] >> 4 : 15;
    if (version == 4 || version == 6) {
        go_on(l, LAMP_NEXT_IP, 0);
        return;
    }
    /* A pseudowire: an Ethernet frame, behind a control word if the first bits are 0 (RFC
     * 4385). */
    if (version == 0 && !lamp_layers_take(l, 4, &p))
        return;
    lamp_layers_enter(l, LAMP_NEXT_LINK, LINK_ETHERNET);
}

/* IEEE 802.3: a small EtherType is a length. */
static void
read_length(LampLayers *l)
{
    if (l->number == 0 || l->number > TYPE_LENGTH_MAX) {
        lamp_layers_stop(l, NULL);
        return;
    }
    lamp_layers_limit(l, l->number);
    read_llc(l);
}

static void
enter_ethernet(LampLayers *l, gsize header)
{
    const guint8 *p;
    if (lamp_layers_take(l, header, &p))
        lamp_layers_enter(l, LAMP_NEXT_LINK, LINK_ETHERNET);
}

void
lamp_layers_ethertype(LampLayers *l)
{
    switch (l->number) {
    case TYPE_IPV4:
    case TYPE_IPV6:
        go_on(l, LAMP_NEXT_IP, 0);
        break;
    case TYPE_VLAN:
    case TYPE_QINQ:
    case TYPE_QINQ_OLD:
    case TYPE_QINQ_OLDER:
    case TYPE_QINQ_OLDEST:
        take_typed(l, 4, 2);
        break;
    case TYPE_MPLS:
    case TYPE_MPLS_UPSTREAM:
        lamp_layers_mpls(l);
        break;
    case TYPE_PPPOE:
        read_pppoe(l);
        break;
    case TYPE_PPP:
        lamp_layers_ppp(l);
        break;
    case TYPE_BACKBONE:
        enter_ethernet(l, 4);
        break;
    case TYPE_FABRIC_PATH:
        enter_ethernet(l, 2);
        break;
    case TYPE_VN_TAG:
        take_typed(l, 6, 4);
        break;
    case TYPE_SERVICE_HEADER:
        read_service_header(l);
        break;
    case TYPE_BRIDGING:
        go_on(l, LAMP_NEXT_LINK, LINK_ETHERNET);
        break;
    default:
        read_length(l);
    }
}
