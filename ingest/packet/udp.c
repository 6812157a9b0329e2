/*
 * UDP (RFC 768): datagrams by pair of endpoints.
 *
 * Every pair is a connection row with its counts. Where a dissector for datagrams claims the
 * first ones it is fed each datagram as one segment; other datagrams are only counted. A pair
 * that was silent for half a minute is over.
 *
 * Datagrams for a dissector that an `any` interface, a bridge or a pair of virtual interfaces
 * shows more than once are told by equal content, length and IP identification within a short
 * time, and dropped.
 */
#include "ingest/packet/connection.h"

#include "base/keyed-map.h"

enum {
    HEADER = 8,
    SAME_DATAGRAM_US = 100000,
    SAME_INSTANT_US = 1000 /* without identification */
};

/* Was the same datagram seen a moment ago? Remembers it. */
static gboolean
is_copy(LampHalf *h, const LampLayers *l, LampTime now)
{
    guint64 content = lamp_keyed_hash(lamp_cursor_rest(&l->bytes));
    guint32 hash = (guint32) (content >> 32) ^ (guint32) l->wire ^ l->ip_id * 0x9e3779b9u;
    guint32 now_us = (guint32) ((guint64) now / 1000);
    gint64 within = l->ip_id != 0 ? SAME_DATAGRAM_US : SAME_INSTANT_US;
    for (guint i = 0; i < LAMP_RECENT && i < h->packets; i++) {
        gint64 distance = (gint32) (now_us - h->recent[i].time_us);
        if (h->recent[i].hash == hash && ABS(distance) <= within)
            return TRUE;
    }
    h->recent[h->packets % LAMP_RECENT].hash = hash;
    h->recent[h->packets % LAMP_RECENT].time_us = now_us;
    return FALSE;
}

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
    gboolean may_be_read = s->dissector != NULL || s->packets_seen < LAMP_DATAGRAMS_LOOKED_AT;
    if (may_be_read && is_copy(&s->half[side], l, p->now) && s->dissector != NULL) {
        p->counts.duplicates++;
        return;
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
