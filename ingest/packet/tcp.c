/*
 * TCP headers (RFC 9293): from a segment to its connection, generation and stream offset.
 *
 * A connection is a pair of endpoints and a generation: a SYN with another initial sequence
 * number, or a sequence number far away after a long silence, begins a new one. Who is the
 * client: the sender of the SYN; without one, the side whose port is no server's; content may
 * correct that later. Sequence numbers are unwrapped to 64 bits around the next expected byte.
 * Checksums are not looked at: captures on sending hosts have wrong ones.
 *
 * Packets that an `any` interface, a bridge or a pair of virtual interfaces shows more than
 * once are told by equal sequence, acknowledgement, flags, window, length, IP identification
 * and timestamp within a short time, and dropped.
 */
#include "ingest/packet/connection.h"

enum {
    FLAG_FIN = 1,
    FLAG_SYN = 2,
    FLAG_RST = 4,
    FLAG_ACK = 16,
    OPTION_TIMESTAMP = 8,
    FAR_AWAY = 16777216,     /* bytes: more than any usual window */
    LEAD_MAX = 67108864,     /* bytes: an acknowledgement further ahead is not believed */
    SAME_PACKET_US = 100000, /* copies with an identification or timestamp */
    SAME_INSTANT_US = 1000,  /* copies without */
};

#define LONG_SILENCE (60 * LAMP_NS_PER_SECOND)

typedef struct {
    guint32 sequence, acknowledgement, timestamp;
    guint16 window;
    guint8 flags;
    gboolean has_timestamp;
    LampBytes payload;
    guint64 wire; /* payload bytes on the wire */
} Segment;

static void
read_timestamp(Segment *t, LampBytes options)
{
    LampCursor c = lamp_cursor(options);
    guint8 kind, length;
    while (lamp_cursor_u8(&c, &kind) && kind != 0) {
        if (kind == 1)
            continue;
        if (!lamp_cursor_u8(&c, &length) || length < 2)
            return;
        if (kind == OPTION_TIMESTAMP && length == 10 && lamp_cursor_left(&c) >= 8) {
            t->timestamp = lamp_be32(c.at) * 31 + lamp_be32(c.at + 4);
            t->has_timestamp = TRUE;
            return;
        }
        if (!lamp_cursor_skip(&c, length - 2u))
            return;
    }
}

static gboolean
read_header(LampLayers *l, LampKey *key, guint *out_side, Segment *out_segment)
{
    const guint8 *p = l->bytes.at, *header;
    if (lamp_cursor_left(&l->bytes) < 20) {
        lamp_layers_stop(l, l->wire < 20 ? "packet.tcp-header" : NULL);
        return FALSE;
    }
    gsize length = (gsize) (p[12] >> 4) * 4;
    if (length < 20 || length > l->wire) {
        lamp_layers_stop(l, "packet.tcp-header");
        return FALSE;
    }
    if (!lamp_layers_take(l, length, &header))
        return FALSE;
    *out_segment = (Segment){.sequence = lamp_be32(p + 4),
                             .acknowledgement = lamp_be32(p + 8),
                             .window = lamp_be16(p + 14),
                             .flags = p[13],
                             .payload = lamp_cursor_rest(&l->bytes),
                             .wire = l->wire};
    if (length > 20)
        read_timestamp(out_segment, lamp_bytes(p + 20, length - 20));
    *out_side = lamp_key_set(key, l, lamp_be16(p), lamp_be16(p + 2), 6);
    return TRUE;
}

static guint32
fingerprint(const Segment *t, guint32 ip_id)
{
    guint64 h = (guint64) t->sequence << 32 | t->acknowledgement;
    h = (h ^ t->timestamp) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    h ^= (guint64) t->window << 48 | (guint64) t->flags << 40 | (guint64) ip_id << 16 |
         (t->wire & 0xffff);
    h *= G_GUINT64_CONSTANT(0xff51afd7ed558ccd);
    return (guint32) (h >> 32);
}

/* Was the same packet seen a moment ago? Remembers it. */
static gboolean
is_duplicate(LampHalf *h, const Segment *t, guint32 ip_id, LampTime now)
{
    guint32 hash = fingerprint(t, ip_id);
    guint32 now_us = (guint32) ((guint64) now / 1000);
    gboolean is_marked = ip_id != 0 || t->has_timestamp;
    gint64 within = is_marked ? SAME_PACKET_US : SAME_INSTANT_US;
    guint same = 0; /* without a branch for each: nearly no packet is one of them */
    for (guint i = 0; i < LAMP_RECENT; i++)
        same |= h->recent[i].hash == hash;
    for (guint i = 0; same && i < LAMP_RECENT && i < h->packets; i++) {
        gint64 distance = (gint32) (now_us - h->recent[i].time_us);
        if (h->recent[i].hash == hash && ABS(distance) <= within)
            return TRUE;
    }
    h->recent[h->packets % LAMP_RECENT].hash = hash;
    h->recent[h->packets % LAMP_RECENT].time_us = now_us;
    return FALSE;
}

/* Stream offset of @sequence, near the next expected byte. */
static gint64
offset_of(const LampHalf *h, guint32 sequence)
{
    guint32 expected = h->first_sequence + (guint32) h->next;
    return (gint64) h->next + (gint32) (sequence - expected);
}

static void
begin_half(LampHalf *h, guint32 first_sequence)
{
    if (h->is_begun)
        return;
    h->is_begun = TRUE;
    h->first_sequence = first_sequence;
}

static void
set_isn(LampHalf *h, guint32 isn)
{
    h->has_isn = TRUE;
    h->isn = isn;
    if (h->bytes == 0 && h->held == NULL) {
        h->is_begun = TRUE;
        h->first_sequence = isn + 1;
        h->next = h->acknowledged = 0;
    }
}

/* Does a SYN with this number belong to another connection of the same endpoints? */
static gboolean
is_other_syn(const LampStream *s, guint side, const Segment *t)
{
    const LampHalf *h = &s->half[side], *peer = &s->half[!side];
    if (h->has_isn) {
        gboolean answers_again = (t->flags & FLAG_ACK) != 0 && peer->has_isn &&
                                 t->acknowledgement == peer->isn + 1 && h->bytes == 0;
        return h->isn != t->sequence && !answers_again;
    }
    if ((t->flags & FLAG_ACK) != 0 && peer->has_isn)
        return t->acknowledgement != peer->isn + 1;
    return h->is_begun && h->first_sequence != t->sequence + 1;
}

/* Does this segment belong to a new generation of the connection? */
static gboolean
is_new_generation(const LampStream *s, guint side, const Segment *t)
{
    const LampHalf *h = &s->half[side];
    if ((t->flags & FLAG_SYN) != 0)
        return is_other_syn(s, side, t);
    if (!h->is_begun || lamp_elapsed(s->last_time, s->packets->now) < LONG_SILENCE)
        return FALSE;
    gint64 distance = offset_of(h, t->sequence) - (gint64) h->next;
    return t->wire > 0 && ABS(distance) > FAR_AWAY;
}

/* The side of the SYN is the client's; the ports decide where there was none. */
static void
set_client(LampStream *s, guint side, const Segment *t)
{
    if (s->is_handshake_seen)
        return;
    if ((t->flags & FLAG_SYN) != 0) {
        s->is_handshake_seen = TRUE;
        s->is_midstream = FALSE;
        if (s->calls == 0 && s->dissector == NULL)
            s->client = (guint8) ((t->flags & FLAG_ACK) != 0 ? !side : side);
    } else if (s->packets_seen == 0) {
        s->is_midstream = TRUE;
        s->client = (guint8) lamp_detect_client_by_port(&s->key, side);
    }
}

static void
note_handshake(LampStream *s, guint side, const Segment *t)
{
    LampHalf *h = &s->half[side], *peer = &s->half[!side];
    LampTime now = s->packets->now;
    gboolean is_ack = (t->flags & FLAG_ACK) != 0;
    if ((t->flags & FLAG_SYN) != 0) {
        set_isn(h, t->sequence);
        if (is_ack && !peer->has_isn)
            set_isn(peer, t->acknowledgement - 1);
        if (!is_ack && s->synack_time == LAMP_TIME_NONE)
            s->syn_time = now;
        if (is_ack && s->synack_time == LAMP_TIME_NONE)
            s->synack_time = now;
        return;
    }
    begin_half(h, t->sequence);
    if (is_ack)
        begin_half(peer, t->acknowledgement);
    if (is_ack && side == s->client && s->synack_time != LAMP_TIME_NONE &&
        s->ack_time == LAMP_TIME_NONE)
        s->ack_time = now;
}

/* Takes the acknowledgement; returns it as an offset of the other direction. */
static guint64
note_acknowledgement(LampStream *s, guint side, const Segment *t)
{
    LampHalf *peer = &s->half[!side];
    if ((t->flags & FLAG_ACK) == 0 || !peer->is_begun)
        return 0;
    gint64 offset = offset_of(peer, t->acknowledgement);
    if (offset <= 0 || offset > (gint64) peer->next + LEAD_MAX)
        return 0;
    peer->acknowledged = MAX(peer->acknowledged, (guint64) offset);
    return (guint64) offset;
}

static void
end_connection(LampStream *s, LampConnectionState state)
{
    if (s->is_over)
        return;
    lamp_reassembly_flush(s);
    lamp_stream_end(s);
    s->state = state;
    lamp_list_add(&s->packets->closing, s);
}

/* A reset counts where it lies near the expected byte, or answers a SYN. */
static gboolean
is_reset_valid(const LampHalf *h, const Segment *t)
{
    if (!h->is_begun || h->packets <= 1)
        return TRUE;
    gint64 distance = offset_of(h, t->sequence) - (gint64) h->next;
    return ABS(distance) <= FAR_AWAY;
}

static void
take_payload(LampStream *s, guint side, const Segment *t, guint64 acknowledged)
{
    LampHalf *h = &s->half[side];
    guint32 sequence = t->sequence + ((t->flags & FLAG_SYN) != 0 ? 1 : 0);
    gint64 offset = offset_of(h, sequence);
    if (t->wire > 0 && !h->is_finished)
        lamp_reassembly_add(s, side, offset, t->payload, t->wire, acknowledged);
    if ((t->flags & FLAG_FIN) != 0 && h->fin < 0 &&
        offset + (gint64) t->wire >= (gint64) h->next)
        h->fin = offset + (gint64) t->wire;
}

static void
take_segment(LampStream *s, guint side, const Segment *t)
{
    note_handshake(s, side, t);
    guint64 acknowledged = note_acknowledgement(s, side, t);
    if (s->is_over)
        return;
    if ((t->flags & FLAG_RST) != 0) {
        if (is_reset_valid(&s->half[side], t))
            end_connection(s, LAMP_CONNECTION_RESET);
        return;
    }
    take_payload(s, side, t, acknowledged);
    lamp_reassembly_advance(s);
    if (s->half[0].is_finished && s->half[1].is_finished)
        end_connection(s, LAMP_CONNECTION_CLOSED);
}

/* The connection and generation of @t; made where new. NULL: a duplicate. */
static LampStream *
connection_of(LampPackets *p, const LampKey *key, guint side, const Segment *t, guint32 ip_id)
{
    LampStream *s = lamp_connection_find(p, key);
    if (s != NULL && is_duplicate(&s->half[side], t, ip_id, p->now)) {
        p->counts.duplicates++;
        return NULL;
    }
    if (s != NULL && !is_new_generation(s, side, t))
        return s;
    if (s != NULL)
        lamp_connection_close(s);
    s = lamp_connection_add(p, key);
    is_duplicate(&s->half[side], t, ip_id, p->now);
    return s;
}

gboolean
lamp_tcp_read(LampPackets *p, LampLayers *l)
{
    LampKey key = {0};
    guint side;
    Segment t;
    if (!read_header(l, &key, &side, &t))
        return FALSE;
    LampStream *s = connection_of(p, &key, side, &t, l->ip_id);
    if (s == NULL)
        return FALSE;
    set_client(s, side, &t);
    lamp_connection_touch(s, side);
    take_segment(s, side, &t);
    return FALSE;
}
