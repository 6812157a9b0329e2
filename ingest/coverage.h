/*
 * Telling the sink about bytes, one call for each record: file headers and bytes between
 * records count to a record beside them, and a damaged stretch is one, however it was cut into
 * pieces.
 */
#pragma once

#include "ingest/sink.h"

/* Zeroed at the start. */
typedef struct {
    guint64 offset, length; /* understood, of the last record and what belongs to it */
    gboolean has_record;
    guint64 lost_offset, lost; /* not understood, since then */
} LampCoverage;

static inline void
lamp_coverage_flush(LampCoverage *c, LampSink *sink)
{
    if (c->length > 0)
        sink->coverage(sink->owner, c->offset, c->length, TRUE);
    if (c->lost > 0)
        sink->coverage(sink->owner, c->lost_offset, c->lost, FALSE);
    *c = (LampCoverage){0};
}

/* Bytes that were understood and are no record. */
static inline void
lamp_coverage_other(LampCoverage *c, guint64 offset, guint64 length)
{
    if (c->length == 0)
        c->offset = offset;
    c->length += length;
}

static inline void
lamp_coverage_record(LampCoverage *c, LampSink *sink, guint64 offset, guint64 length)
{
    if (!c->has_record && c->lost > 0) {
        sink->coverage(sink->owner, c->lost_offset, c->lost, FALSE);
        c->lost = 0;
    } else if (c->has_record) {
        lamp_coverage_flush(c, sink);
    }
    lamp_coverage_other(c, offset, length);
    c->has_record = TRUE;
}

static inline void
lamp_coverage_lost(LampCoverage *c, guint64 offset, guint64 length)
{
    if (c->lost == 0)
        c->lost_offset = offset;
    c->lost += length;
}
