/*
 * Takes streams out of outer packets; what a packet is says the caller.
 *
 * In: segments of either direction. Out: pieces of the stream inside. Limits: what is held of
 * an incomplete packet is bounded by the caller; after damage or loss reading goes on at a
 * segment that begins with a packet.
 */
#include "ingest/dissect/packed.h"

struct LampUnpacking {
    LampPackedTake take;
    gpointer owner;
    const LampSegment *segment;
    LampTime begin; /* of the packet at hand, as long as nothing of it was handed out */
    gint64 sequence;
    gboolean is_begun;
};

void
lamp_packed_give(LampUnpacking *u, LampBytes content)
{
    LampSegment inner = *u->segment;
    inner.sequence = u->sequence;
    if (!u->is_begun && content.len > 0) {
        inner.time = u->begin;
        inner.bytes = lamp_bytes(content.at, 1);
        u->take(u->owner, &inner);
        content = lamp_bytes(content.at + 1, content.len - 1);
        inner.time = u->segment->time;
        u->is_begun = TRUE;
    }
    inner.bytes = content;
    if (content.len > 0)
        u->take(u->owner, &inner);
}

gboolean
lamp_packed_give_unpacked(LampUnpacking *u, LampUnpack method, LampBytes packed, gsize size)
{
    g_autofree guint8 *out = g_malloc(size);
    gssize n = lamp_unpack(method, packed, out, size);
    if (n > 0)
        lamp_packed_give(u, lamp_bytes(out, (gsize) n));
    return n == (gssize) size;
}

static gboolean
lose(LampPacked *packed, LampDirection direction)
{
    gboolean was_lost = packed->is_lost[direction];
    lamp_packed_gap(packed, direction);
    return was_lost;
}

gboolean
lamp_packed_segment(LampPacked *packed, const LampPacking *packing, const LampSegment *segment,
                    LampPackedTake take, gpointer owner)
{
    LampBuffer *buffer = &packed->buffers[segment->direction];
    LampUnpacking u = {.take = take, .owner = owner, .segment = segment};
    LampView view;
    lamp_buffer_open(buffer, segment, &view);
    gboolean is_bad = FALSE;
    gsize at = 0, n = 1;
    while (n > 0 && !is_bad && at < view.bytes.len) {
        u.begin = lamp_view_time(&view, at);
        u.sequence = lamp_view_sequence(&view, at);
        u.is_begun = FALSE;
        n = packing->read(&u, packing->form, lamp_view_from(&view, at), &is_bad);
        at += n;
        if (n > 0 && !is_bad)
            packed->is_lost[segment->direction] = 0;
    }
    if (is_bad || !lamp_buffer_close(buffer, &view, at, packing->limit))
        return lose(packed, segment->direction);
    return TRUE;
}

void
lamp_packed_gap(LampPacked *packed, LampDirection direction)
{
    lamp_buffer_clear(&packed->buffers[direction]);
    packed->is_lost[direction] = 1;
}

void
lamp_packed_clear(LampPacked *packed)
{
    lamp_buffer_clear(&packed->buffers[0]);
    lamp_buffer_clear(&packed->buffers[1]);
}
