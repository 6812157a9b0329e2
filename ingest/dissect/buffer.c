/*
 * Keeps the incomplete unit at the end of a segment until the next one arrives.
 *
 * In: segments of one direction, in order. Out: views that begin at a unit. Memory exists only
 * while a unit is incomplete, and grows with what has arrived, not with what a length field
 * promises; the caller bounds it at each close. See buffer.h for the life of a view.
 */
#include "ingest/dissect/buffer.h"

static void
append(LampBuffer *buffer, LampBytes bytes)
{
    gsize need = (gsize) buffer->len + bytes.len;
    if (need > buffer->size) {
        gsize size = MAX(need + need / 2, 256);
        buffer->held = g_realloc(buffer->held, size);
        buffer->size = (guint32) MIN(size, G_MAXUINT32);
    }
    memcpy(buffer->held + buffer->len, bytes.at, bytes.len);
    buffer->len = (guint32) need;
}

void
lamp_buffer_open(LampBuffer *buffer, const LampSegment *segment, LampView *out_view)
{
    *out_view = (LampView){.bytes = segment->bytes, .segment = segment};
    if (buffer->len == 0)
        return;
    out_view->carried = buffer->len;
    out_view->carried_time = buffer->time;
    out_view->carried_sequence = buffer->sequence;
    if (segment->bytes.len > 0)
        append(buffer, segment->bytes);
    out_view->bytes = lamp_bytes(buffer->held, buffer->len);
}

gboolean
lamp_buffer_close(LampBuffer *buffer, const LampView *view, gsize taken, gsize limit)
{
    LampBytes rest = lamp_view_from(view, taken);
    if (rest.len == 0 || rest.len > limit) {
        lamp_buffer_clear(buffer);
        return rest.len == 0;
    }
    buffer->time = lamp_view_time(view, taken);
    buffer->sequence = lamp_view_sequence(view, taken);
    if (taken > 0)
        buffer->scanned = 0;
    if (buffer->len == 0) {
        append(buffer, rest);
    } else if (taken > 0) {
        memmove(buffer->held, rest.at, rest.len);
        buffer->len = (guint32) rest.len;
    }
    return TRUE;
}

void
lamp_buffer_clear(LampBuffer *buffer)
{
    g_free(buffer->held);
    *buffer = (LampBuffer){0};
}
