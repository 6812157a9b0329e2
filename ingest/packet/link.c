/*
 * Link layers: from a frame to its network layer.
 *
 * In: the bytes of a frame and its LINKTYPE_ number (www.tcpdump.org/linktypes.html); out: the
 * EtherType or IP bytes behind. VLAN tags are taken off in any number; what they say is not
 * part of a connection's identity.
 */
#include "ingest/packet/layers.h"

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
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

static void
take_typed(LampLayers *l, gsize header, gsize type_at)
{
    const guint8 *p;
    if (lamp_layers_take(l, header, &p))
        go_on(l, LAMP_NEXT_ETHERTYPE, lamp_be16(p + type_at));
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
    case LINK_NULL:
    case LINK_LOOP:
        if (lamp_layers_take(l, 4, &p))
            go_on(l, LAMP_NEXT_IP, 0);
        break;
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
        go_on(l, LAMP_NEXT_IP, 0);
        break;
    default:
        lamp_layers_stop(l, "packet.link-type");
    }
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
        take_typed(l, 4, 2);
        break;
    default:
        lamp_layers_stop(l, NULL);
    }
}
