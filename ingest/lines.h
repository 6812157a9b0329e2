/*
 * The step of readers to which each line is a record of its own, and that keep nothing from one
 * window to the next but their state.
 */
#pragma once

#include "ingest/reader.h"

/* A line without its end, @length bytes with it. */
typedef void (*LampTakeLine)(gpointer state, LampBytes line, guint64 offset, gsize length,
                             LampSink *sink);

/* Hands the whole lines of the window to @take; what such a reader's step returns. */
static inline LampStep
lamp_lines_step(gpointer state, LampTakeLine take, LampCursor *in, guint64 offset,
                gboolean last, LampSink *sink)
{
    const guint8 *from = in->at;
    const guint8 *at = from;
    LampBytes line;
    while (!sink->stop && lamp_cursor_line_or_rest(in, last, &line)) {
        take(state, line, offset + (guint64) (at - from), (gsize) (in->at - at), sink);
        at = in->at;
    }
    return LAMP_STEP_NEED_BYTES;
}
