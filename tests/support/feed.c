/*
 * The life of a reader, driven by a test: what is in memory is an exact copy on the heap.
 */
#include "tests/support/feed.h"

#include "base/limits.h"

static gsize
next_chunk(LampChunks *chunks)
{
    if (chunks->size > 0)
        return chunks->size;
    /* Numerical Recipes' linear congruential generator: any sequence does. */
    chunks->seed = chunks->seed * 1664525u + 1013904223u;
    return 1 + (chunks->seed >> 24) % 64;
}

LampSourceContext
lamp_feed_context(const char *path)
{
    return (LampSourceContext){.path = path,
                               .modified = 1767225600 * LAMP_NS_PER_SECOND, /* 2026-01-01 */
                               .zone_is_given = FALSE};
}

/* One step over the bytes from @at to @end. Returns how many were consumed. */
static gsize
step_over(const LampReader *reader, gpointer state, LampBytes window, guint64 offset,
          gboolean last, LampSink *sink, LampStep *out_step)
{
    g_autofree guint8 *copy = g_malloc(MAX(window.len, 1));
    if (window.len > 0)
        memcpy(copy, window.at, window.len);
    LampCursor in = {copy, copy + window.len};
    *out_step = reader->step(state, &in, offset, last, sink);
    g_assert_true(in.at >= copy && in.at <= copy + window.len);
    g_assert_true(in.end == copy + window.len);
    return (gsize) (in.at - copy);
}

void
lamp_feed(const LampReader *reader, LampBytes content, LampChunks chunks,
          const LampSourceContext *context, LampSink *sink)
{
    g_autofree gpointer state = g_malloc0(reader->state_size);
    reader->begin(state, context);
    gsize at = 0, end = 0;
    LampStep step = LAMP_STEP_NEED_BYTES;
    gboolean last = FALSE;
    while (step == LAMP_STEP_NEED_BYTES && !last && !sink->stop) {
        gsize more = next_chunk(&chunks);
        end = MIN(content.len, end + more);
        last = end == content.len;
        gsize taken = step_over(reader, state, lamp_bytes(content.at + at, end - at), at, last,
                                sink, &step);
        at += taken;
        if (taken == 0 && end - at >= LAMP_LIMIT_WINDOW)
            at = end; /* as a source does that is full: what is held is dropped */
    }
    if (step == LAMP_STEP_NEED_BYTES && !sink->stop)
        g_assert_cmpuint(at, ==, content.len);
    reader->end(state, sink);
}
