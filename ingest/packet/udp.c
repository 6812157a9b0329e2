/*
 * UDP (RFC 768): datagrams by pair of endpoints.
 *
 * Every pair is a connection row with its counts. Where a dissector for datagrams claims the
 * first ones it is fed each datagram as one segment; other datagrams are only counted. A pair
 * that was silent for half a minute is over.
 */
#include "ingest/packet/connection.h"

enum { HEADER = 8 };

static void
take_datagram(LampPackets *p, const LampLayers *l, guint16 source, guint16 destination)
{
    LampKey key = {0};
    guint side = lamp_key_set(&key, l, source, destination, 17);
    LampStream *s = lamp_connection_find(p, &key);
    if (s == NULL) {
        s = lamp_connection_add(p, &key);
        s->client = (guint8) lamp_detect_client_by_port(&s->key, side);
    }
    lamp_connection_touch(s, side);
    lamp_list_remove(&p->quiet, s);
    s->half[side].bytes += l->wire;
    lamp_stream_datagram(s, side, lamp_cursor_rest(&l->bytes));
    if (!s->is_kept)
        lamp_list_add(&p->quiet, s);
}

gboolean
lamp_udp_read(LampPackets *p, LampLayers *l)
{
    const guint8 *header;
    if (!lamp_layers_take(l, HEADER, &header))
        return FALSE;
    guint16 source = lamp_be16(header), destination = lamp_be16(header + 2);
    guint16 length = lamp_be16(header + 4);
    if (length != 0 && length < HEADER) {
        lamp_layers_stop(l, "packet.udp-header");
        return FALSE;
    }
    if (length != 0)
        lamp_layers_limit(l, length - (guint64) HEADER);
    if (lamp_layers_udp_tunnel(l, source, destination))
        return TRUE;
    take_datagram(p, l, source, destination);
    return FALSE;
}
