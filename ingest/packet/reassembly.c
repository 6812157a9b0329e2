/*
 * Putting the byte streams of a TCP connection in order (RFC 9293).
 *
 * In: segments with 64-bit stream offsets; out: bytes in order, through lamp_stream_deliver(),
 * and the sizes of holes, through lamp_stream_lose().
 *
 * A segment in order is delivered from the packet's own memory. Others are copied and held,
 * sorted by offset. Of overlapping copies the first wins, and each byte keeps the time of the
 * first packet that carried it. Both directions are delivered in causal order: a segment that
 * acknowledges bytes waits until these were delivered, so that no response comes before its
 * request even when the capture wrote them out of order.
 *
 * A hole that the receiver acknowledged was lost by the capture, not by the network. It is
 * given up once TOLERANCE has passed, because captures from several queues are not quite
 * sorted. A hole that nobody acknowledged waits for its retransmission until a cap or the end.
 */
#include "ingest/packet/connection.h"

#include "base/limits.h"

#define TOLERANCE (10 * LAMP_NS_PER_MS)

static guint64
end_of(const LampPiece *piece)
{
    return piece->offset + piece->len + piece->missing;
}

/* Delivers bytes and the cut-off rest; afterwards `next` is behind both. */
static void
deliver(LampStream *s, guint side, LampTime time, LampBytes bytes, guint64 missing)
{
    LampHalf *h = &s->half[side];
    guint64 offset = h->next;
    h->next += bytes.len + missing;
    h->bytes += bytes.len + missing;
    if (bytes.len > 0)
        lamp_stream_deliver(s, side, offset, time, bytes);
    if (missing > 0) {
        s->lost += missing;
        lamp_stream_lose(s, side, missing);
    }
}

static void
lose(LampStream *s, guint side, guint64 missing)
{
    LampHalf *h = &s->half[side];
    h->next += missing;
    h->bytes += missing;
    s->lost += missing;
    lamp_stream_lose(s, side, missing);
}

static void
free_first(LampStream *s, guint side)
{
    LampHalf *h = &s->half[side];
    LampPiece *piece = h->held;
    h->held = piece->next;
    if (h->held == NULL)
        h->held_last = NULL;
    h->held_count--;
    h->held_bytes -= piece->len;
    s->packets->held_bytes -= piece->len;
    g_free(piece);
}

static void
deliver_first(LampStream *s, guint side)
{
    LampPiece *piece = s->half[side].held;
    deliver(s, side, piece->time, lamp_bytes(piece->bytes, piece->len), piece->missing);
    free_first(s, side);
}

static LampPiece *
new_piece(const LampStream *s, guint64 offset, LampBytes bytes, guint64 wire,
          guint64 acknowledged)
{
    LampPiece *piece = g_malloc(sizeof *piece + bytes.len);
    *piece = (LampPiece){.offset = offset,
                         .acknowledged = acknowledged,
                         .missing = wire - bytes.len,
                         .time = s->packets->now,
                         .len = (guint32) bytes.len};
    if (bytes.len > 0)
        memcpy(piece->bytes, bytes.at, bytes.len);
    return piece;
}

/* Puts @piece behind @previous (NULL: first). */
static void
insert_piece(LampStream *s, guint side, LampPiece *previous, LampPiece *piece)
{
    LampHalf *h = &s->half[side];
    piece->next = previous != NULL ? previous->next : h->held;
    if (previous != NULL)
        previous->next = piece;
    else
        h->held = piece;
    if (piece->next == NULL)
        h->held_last = piece;
    h->held_count++;
    h->held_bytes += piece->len;
    s->packets->held_bytes += piece->len;
    if (!s->holding.is_in)
        lamp_list_add(&s->packets->holding, s);
}

/* First @n of the bytes on the wire, of which only some may have been captured. */
static LampBytes
head_of(LampBytes bytes, guint64 n)
{
    return lamp_bytes(bytes.at, (gsize) MIN(n, (guint64) bytes.len));
}

static LampBytes
tail_of(LampBytes bytes, guint64 n)
{
    gsize cut = (gsize) MIN(n, (guint64) bytes.len);
    return lamp_bytes(bytes.at + cut, bytes.len - cut);
}

/* Holds those parts that no held piece covers. */
static void
hold(LampStream *s, guint side, guint64 offset, LampBytes bytes, guint64 wire,
     guint64 acknowledged)
{
    LampHalf *h = &s->half[side];
    LampPiece *previous = NULL;
    if (h->held_last != NULL && end_of(h->held_last) <= offset)
        previous = h->held_last;
    while (wire > 0) {
        LampPiece *piece = previous != NULL ? previous->next : h->held;
        if (piece != NULL && end_of(piece) <= offset) {
            previous = piece;
            continue;
        }
        guint64 part = piece == NULL ? wire : 0;
        if (piece != NULL && piece->offset > offset)
            part = MIN(wire, piece->offset - offset);
        if (part > 0) {
            LampPiece *fresh = new_piece(s, offset, head_of(bytes, part), part, acknowledged);
            insert_piece(s, side, previous, fresh);
            previous = fresh;
        } else {
            part = MIN(wire, end_of(piece) - offset);
            s->retransmitted += part;
        }
        bytes = tail_of(bytes, part);
        offset += part;
        wire -= part;
    }
}

void
lamp_reassembly_add(LampStream *s, guint side, gint64 offset, LampBytes bytes, guint64 wire,
                    guint64 acknowledged)
{
    LampHalf *h = &s->half[side];
    if (offset < (gint64) h->next) {
        guint64 old = h->next - (guint64) offset;
        gboolean is_probe = wire <= 1 && old == 1;
        if (!is_probe)
            s->retransmitted += MIN(old, wire);
        if (old >= wire)
            return;
        bytes = tail_of(bytes, old);
        wire -= old;
        offset = (gint64) h->next;
    }
    if ((guint64) offset == h->next && h->held == NULL && acknowledged <= s->half[!side].next)
        deliver(s, side, s->packets->now, bytes, wire - bytes.len);
    else
        hold(s, side, (guint64) offset, bytes, wire, acknowledged);
}

static void
try_finish(LampHalf *h)
{
    if (h->fin < 0 || h->is_finished || h->next != (guint64) h->fin)
        return;
    h->next++;
    h->is_finished = TRUE;
}

static gboolean
is_ready(const LampStream *s, guint side)
{
    const LampHalf *h = &s->half[side];
    return h->held != NULL && h->held->offset <= h->next &&
           h->held->acknowledged <= s->half[!side].next;
}

/* Delivers all that is in order, the two directions by time. */
static void
drain(LampStream *s)
{
    for (;;) {
        try_finish(&s->half[0]);
        try_finish(&s->half[1]);
        gboolean ready[2] = {is_ready(s, 0), is_ready(s, 1)};
        if (!ready[0] && !ready[1])
            return;
        guint side = ready[0] ? 0 : 1;
        if (ready[0] && ready[1] && s->half[1].held->time < s->half[0].held->time)
            side = 1;
        deliver_first(s, side);
    }
}

/* Bytes before the first held piece that the other side has. */
static guint64
missing_acknowledged(const LampHalf *h)
{
    guint64 to = h->acknowledged;
    if (h->held != NULL)
        to = MIN(to, h->held->offset);
    if (h->fin >= 0)
        to = MIN(to, (guint64) h->fin);
    return to > h->next ? to - h->next : 0;
}

static gboolean
is_waiting(const LampStream *s)
{
    return missing_acknowledged(&s->half[0]) > 0 || missing_acknowledged(&s->half[1]) > 0;
}

static void
give_up_hole(LampStream *s, guint side, guint64 missing)
{
    LampHalf *h = &s->half[side];
    /* A capture that begins with a keep-alive begins one byte before what follows. */
    if (missing == 1 && h->next == 0 && !h->has_isn) {
        h->next = 1;
        return;
    }
    /* One byte with nothing behind it is a FIN that was not captured. */
    if (missing == 1 && h->held == NULL && h->fin < 0) {
        h->fin = (gint64) h->next;
        try_finish(h);
        return;
    }
    lose(s, side, missing);
}

/* Both directions wait for each other, or a hole stays: the earliest held piece goes on. */
static gboolean
give_up_oldest(LampStream *s)
{
    guint side = s->half[0].held != NULL ? 0 : 1;
    if (s->half[side].held == NULL)
        return FALSE;
    if (side == 0 && s->half[1].held != NULL && s->half[1].held->time < s->half[0].held->time)
        side = 1;
    LampHalf *h = &s->half[side];
    if (h->held->offset > h->next)
        lose(s, side, h->held->offset - h->next);
    deliver_first(s, side);
    return TRUE;
}

/* Gives up the next hole. FALSE: there is none, and nothing is held. */
static gboolean
force(LampStream *s)
{
    for (guint side = 0; side < 2; side++) {
        guint64 missing = missing_acknowledged(&s->half[side]);
        if (missing > 0) {
            give_up_hole(s, side, missing);
            return TRUE;
        }
    }
    return give_up_oldest(s);
}

static gboolean
is_over_cap(const LampStream *s)
{
    for (guint side = 0; side < 2; side++) {
        const LampHalf *h = &s->half[side];
        if (h->held_bytes > LAMP_LIMIT_REASSEMBLY_DIRECTION ||
            h->held_count > LAMP_LIMIT_SEGMENTS)
            return TRUE;
    }
    return FALSE;
}

static void
stop_holding(LampStream *s)
{
    if (s->half[0].held == NULL && s->half[1].held == NULL)
        lamp_list_remove(&s->packets->holding, s);
}

static void
enforce_caps(LampStream *s)
{
    LampPackets *p = s->packets;
    if (is_over_cap(s))
        lamp_packets_finding(p, LAMP_FINDING_LIMIT, "limit.REASSEMBLY_DIRECTION",
                             "too much data out of order; its holes were given up");
    while (is_over_cap(s) && force(s))
        drain(s);
    if (p->held_bytes > LAMP_LIMIT_REASSEMBLY_ALL)
        lamp_packets_finding(p, LAMP_FINDING_LIMIT, "limit.REASSEMBLY_ALL",
                             "too much data out of order; the oldest holes were given up");
    while (p->held_bytes > LAMP_LIMIT_REASSEMBLY_ALL && p->holding.oldest != NULL)
        lamp_reassembly_flush(p->holding.oldest);
}

void
lamp_reassembly_advance(LampStream *s)
{
    LampTime now = s->packets->now;
    drain(s);
    if (is_waiting(s) && s->waiting_since != LAMP_TIME_NONE &&
        lamp_elapsed(s->waiting_since, now) > TOLERANCE) {
        while (is_waiting(s) && force(s))
            drain(s);
        s->waiting_since = LAMP_TIME_NONE;
    }
    if (!is_waiting(s))
        s->waiting_since = LAMP_TIME_NONE;
    else if (s->waiting_since == LAMP_TIME_NONE)
        s->waiting_since = now;
    stop_holding(s);
    enforce_caps(s);
}

void
lamp_reassembly_flush(LampStream *s)
{
    drain(s);
    while (force(s))
        drain(s);
    s->waiting_since = LAMP_TIME_NONE;
    stop_holding(s);
}

void
lamp_reassembly_free(LampStream *s)
{
    for (guint side = 0; side < 2; side++)
        while (s->half[side].held != NULL)
            free_first(s, side);
}
