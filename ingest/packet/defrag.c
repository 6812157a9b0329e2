/*
 * Reassembly of IPv4 (RFC 791, RFC 815) and IPv6 (RFC 8200) fragments.
 *
 * In: fragments with addresses, protocol and identification; out: the whole payload once all
 * parts are there. Of overlapping parts the first wins. Where the snap length cut a part, the
 * payload ends there and the rest is known to be missing. Limits: LAMP_LIMIT_FRAGMENTS bytes in
 * all with their bookkeeping, the oldest packet is given up first; 30 s; 64 KiB and 256 parts
 * for one packet.
 */
#include "ingest/packet/defrag.h"

#include "base/keyed-map.h"
#include "base/limits.h"

#define TIMEOUT (30 * LAMP_NS_PER_SECOND)

enum { BUCKETS = 1024, PACKET_MAX = 65535, PARTS_MAX = 256 };

typedef struct Part Part;
struct Part {
    Part *next;
    guint32 offset, len, captured;
    guint8 bytes[];
};

typedef struct {
    guint8 source[16], destination[16];
    guint32 id, protocol;
} Key;

typedef struct Packet Packet;
struct Packet {
    Packet *bucket_next, *older, *newer;
    Key key;
    guint64 hash;
    LampTime first_time;
    Part *parts; /* sorted, without overlaps */
    guint part_count;
    guint32 protocol; /* of the first part */
    guint32 total;    /* 0 unknown */
    gsize size;
};

struct LampDefrag {
    Packet *buckets[BUCKETS];
    Packet *oldest, *newest;
    gsize size;
    guint64 lost, waiting;
    guint8 whole[PACKET_MAX + 1];
};

LampDefrag *
lamp_defrag_new(void)
{
    return g_new0(LampDefrag, 1);
}

static void
remove_packet(LampDefrag *d, Packet *packet)
{
    Packet **at = &d->buckets[packet->hash % BUCKETS];
    while (*at != packet)
        at = &(*at)->bucket_next;
    *at = packet->bucket_next;
    *(packet->older != NULL ? &packet->older->newer : &d->oldest) = packet->newer;
    *(packet->newer != NULL ? &packet->newer->older : &d->newest) = packet->older;
    d->size -= packet->size;
    d->waiting--;
    while (packet->parts != NULL) {
        Part *next = packet->parts->next;
        g_free(packet->parts);
        packet->parts = next;
    }
    g_free(packet);
}

void
lamp_defrag_free(LampDefrag *d)
{
    if (d == NULL)
        return;
    while (d->oldest != NULL)
        remove_packet(d, d->oldest);
    g_free(d);
}

static void
give_up_old(LampDefrag *d, LampTime now)
{
    while (d->oldest != NULL && (d->size > LAMP_LIMIT_FRAGMENTS ||
                                 lamp_elapsed(d->oldest->first_time, now) > TIMEOUT)) {
        remove_packet(d, d->oldest);
        d->lost++;
    }
}

static Packet *
find_packet(LampDefrag *d, const LampLayers *l, LampTime now)
{
    /* The protocol number of IPv6 fragments is that of the first part only. */
    Key key = {.id = l->ip_id};
    memcpy(key.source, l->source, 16);
    memcpy(key.destination, l->destination, 16);
    guint64 hash = lamp_keyed_hash(lamp_bytes(&key, sizeof key));
    Packet **bucket = &d->buckets[hash % BUCKETS];
    for (Packet *p = *bucket; p != NULL; p = p->bucket_next)
        if (p->hash == hash && memcmp(&p->key, &key, sizeof key) == 0)
            return p;
    Packet *fresh = g_new0(Packet, 1);
    fresh->key = key;
    fresh->hash = hash;
    fresh->first_time = now;
    fresh->size = sizeof *fresh;
    fresh->bucket_next = *bucket;
    *bucket = fresh;
    fresh->older = d->newest;
    *(d->newest != NULL ? &d->newest->newer : &d->oldest) = fresh;
    d->newest = fresh;
    d->size += fresh->size;
    d->waiting++;
    return fresh;
}

/* Adds [offset, end) as far as no part covers it. */
static void
add_part(LampDefrag *d, Packet *packet, guint32 offset, guint32 end, LampBytes bytes)
{
    guint32 start = offset;
    Part **at = &packet->parts;
    while (offset < end && packet->part_count < PARTS_MAX) {
        Part *part = *at;
        if (part != NULL && part->offset + part->len <= offset) {
            at = &part->next;
            continue;
        }
        if (part != NULL && part->offset <= offset) {
            offset = part->offset + part->len;
            continue;
        }
        guint32 until = part != NULL ? MIN(end, part->offset) : end;
        gsize skip = MIN((gsize) (offset - start), bytes.len);
        gsize captured = MIN(bytes.len - skip, (gsize) (until - offset));
        Part *fresh = g_malloc(sizeof *fresh + captured);
        *fresh = (Part){.next = part,
                        .offset = offset,
                        .len = until - offset,
                        .captured = (guint32) captured};
        memcpy(fresh->bytes, bytes.at + skip, captured);
        *at = fresh;
        packet->part_count++;
        packet->size += sizeof *fresh + captured;
        d->size += sizeof *fresh + captured;
        offset = until;
    }
}

static gboolean
is_whole(const Packet *packet)
{
    guint32 reached = 0;
    for (const Part *p = packet->parts; p != NULL && p->offset == reached; p = p->next)
        reached += p->len;
    return packet->total > 0 && reached >= packet->total;
}

/* Copies the parts behind each other, up to the first that was cut. */
static void
assemble(LampDefrag *d, const Packet *packet, LampLayers *l)
{
    gsize captured = 0;
    for (const Part *p = packet->parts; p != NULL; p = p->next) {
        memcpy(d->whole + p->offset, p->bytes, p->captured);
        captured = (gsize) p->offset + p->captured;
        if (p->captured < p->len)
            break;
    }
    captured = MIN(captured, (gsize) packet->total);
    l->bytes = lamp_cursor(lamp_bytes(d->whole, captured));
    l->wire = packet->total;
    l->number = packet->protocol;
    l->next = LAMP_NEXT_PROTOCOL;
}

void
lamp_defrag_add(LampDefrag *d, LampLayers *l, LampTime now)
{
    guint64 end = l->fragment_offset + l->wire;
    l->next = LAMP_NEXT_NONE;
    if (end > PACKET_MAX || l->wire == 0) {
        lamp_layers_stop(l, "packet.fragment");
        return;
    }
    give_up_old(d, now);
    Packet *packet = find_packet(d, l, now);
    if (l->fragment_offset == 0)
        packet->protocol = l->number;
    if (!l->has_more_fragments)
        packet->total = (guint32) end;
    add_part(d, packet, l->fragment_offset, (guint32) end, lamp_cursor_rest(&l->bytes));
    if (!is_whole(packet))
        return;
    assemble(d, packet, l);
    remove_packet(d, packet);
}

guint64
lamp_defrag_lost(const LampDefrag *d)
{
    return d->lost;
}

guint64
lamp_defrag_waiting(const LampDefrag *d)
{
    return d->waiting;
}
