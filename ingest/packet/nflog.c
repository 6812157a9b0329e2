/*
 * The link type of Netfilter's log (LINKTYPE_NFLOG): attributes, of which one is the packet.
 *
 * In: a frame; out: the IP packet in it, and what the firewall said of it: prefix of the rule,
 * hook, user and group of the sending process. These become one event, as the same packet's
 * line in a kernel log would. Attributes are length u16 and type u16 in the byte order of the
 * host that logged, padded to four bytes; numbers inside them are in network order.
 */
#include "ingest/packet/connection.h"

enum { PACKET_HEADER = 1, PAYLOAD = 9, PREFIX = 10, USER = 11, GROUP = 14, FIELDS_MAX = 4 };

/* A number in the byte order of the host that logged: the one that makes a length that fits. */
static gsize
read_host_order(const guint8 *p, const guint8 *length, gsize left)
{
    gboolean is_little = lamp_le16(length) >= 4 && lamp_le16(length) <= left + 4;
    return is_little ? lamp_le16(p) : lamp_be16(p);
}

static void
note_attribute(LampNflog *n, gsize type, LampBytes value)
{
    if (type == PACKET_HEADER && value.len >= 3) {
        n->hook = value.at[2];
        n->has_hook = TRUE;
    } else if (type == PREFIX) {
        const guint8 *end = value.len > 0 ? memchr(value.at, 0, value.len) : NULL;
        n->prefix = lamp_bytes(value.at, end != NULL ? (gsize) (end - value.at) : value.len);
    } else if (type == USER && value.len >= 4) {
        n->user = lamp_be32(value.at);
        n->has_user = TRUE;
    } else if (type == GROUP && value.len >= 4) {
        n->group = lamp_be32(value.at);
        n->has_group = TRUE;
    }
}

void
lamp_layers_nflog(LampLayers *l)
{
    const guint8 *p;
    if (!lamp_layers_take(l, 4, &p))
        return;
    for (;;) {
        const guint8 *attribute;
        if (!lamp_layers_take(l, 4, &attribute))
            return;
        gsize left = (gsize) MIN(l->wire, G_MAXUINT16);
        gsize length = read_host_order(attribute, attribute, left);
        gsize type = read_host_order(attribute + 2, attribute, left) & 0x7fff;
        if (length < 4) {
            lamp_layers_stop(l, "packet.nflog");
            return;
        }
        if (type == PAYLOAD) {
            lamp_layers_limit(l, length - 4);
            l->next = LAMP_NEXT_IP;
            return;
        }
        gsize padded = (length + 3) / 4 * 4 - 4;
        if (!lamp_layers_take(l, padded, &p))
            return;
        note_attribute(&l->nflog, type, lamp_bytes(p, length - 4));
    }
}

static LampField
number_field(const char *slot, guint32 number, char text[12])
{
    g_snprintf(text, 12, "%u", number);
    return (LampField){lamp_bytes_text(slot), lamp_bytes_text(text)};
}

void
lamp_nflog_emit(LampPackets *p, const LampNflog *n)
{
    static const char *const hooks[] = {"prerouting", "input", "forward", "output",
                                        "postrouting"};
    LampField fields[FIELDS_MAX];
    char user[12], group[12];
    gsize count = 0;
    if (n->prefix.len == 0 && !n->has_user && !n->has_hook)
        return;
    if (n->prefix.len > 0)
        fields[count++] = (LampField){lamp_bytes_text("prefix"), n->prefix};
    if (n->has_hook && n->hook < G_N_ELEMENTS(hooks))
        fields[count++] = (LampField){lamp_bytes_text("hook"), lamp_bytes_text(hooks[n->hook])};
    if (n->has_user)
        fields[count++] = number_field("uid", n->user, user);
    if (n->has_group)
        fields[count++] = number_field("gid", n->group, group);
    LampEventRow event = {
        .offset = p->packet->offset,
        .length = p->packet->frame.len,
        .time = p->packet->time,
        .resolution_ns = p->packet->resolution_ns,
        .service = lamp_bytes_text("nflog"),
        .message = n->prefix,
        .fields = fields,
        .field_count = count,
    };
    p->out->event(p->out->owner, &event);
}
