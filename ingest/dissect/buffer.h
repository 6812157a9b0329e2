/*
 * Whole units out of one direction of a byte stream.
 *
 * For each segment a dissector opens a view, takes whole units from its front and closes the
 * view with the number of bytes it has taken; the rest is kept and stands in front of the next
 * segment. Where nothing was kept, the view is the segment itself: no byte is copied. An idle
 * buffer owns no memory. What is kept always begins at the begin of a unit, so two marks (time
 * and sequence of its first byte) are enough to say when a unit began; its last byte lies in
 * the segment being read.
 */
#pragma once

#include "ingest/dissector.h"

typedef struct {
    guint8 *held; /* NULL when nothing is kept */
    guint32 len, size;
    guint32 scanned; /* dissector's note: bytes of the kept unit that need no second look */
    LampTime time;   /* of the first byte kept */
    gint64 sequence;
} LampBuffer;

/* What is in memory now: kept bytes, then the segment's. Valid until lamp_buffer_close(). */
typedef struct {
    LampBytes bytes;
    gsize carried; /* how many of them were kept from earlier segments */
    LampTime carried_time;
    gint64 carried_sequence;
    const LampSegment *segment;
} LampView;

/* Puts the segment behind what is kept. O(kept + segment) where something is kept, else O(1).
 */
void lamp_buffer_open(LampBuffer *buffer, const LampSegment *segment, LampView *out_view);

/* Keeps what follows the first @taken bytes of @view. FALSE where that is more than @limit
 * bytes: then nothing is kept. */
gboolean lamp_buffer_close(LampBuffer *buffer, const LampView *view, gsize taken, gsize limit);

/* Drops what is kept and its memory. */
void lamp_buffer_clear(LampBuffer *buffer);

/* Time and TCP sequence number (-1 unknown) of the byte at @at. */
static inline LampTime
lamp_view_time(const LampView *view, gsize at)
{
    return at < view->carried ? view->carried_time : view->segment->time;
}

static inline gint64
lamp_view_sequence(const LampView *view, gsize at)
{
    gint64 from = at < view->carried ? view->carried_sequence : view->segment->sequence;
    gsize ahead = at < view->carried ? at : at - view->carried;
    return from < 0 ? -1 : (from + (gint64) ahead) & 0xffffffff;
}

static inline LampBytes
lamp_view_from(const LampView *view, gsize at)
{
    return lamp_bytes(view->bytes.at + at, view->bytes.len - at);
}
