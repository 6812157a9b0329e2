/*
 * Where readers and dissectors put what they find. One struct of functions, so that the same
 * reader serves the database, the tests (which count), the fuzz targets (which discard) and
 * `--report`. Everything passed is borrowed for the duration of the call. No function may fail
 * towards the reader: the sink remembers its own error and says `stop`.
 */
#pragma once

#include "base/finding.h"
#include "store/rows.h"

/* One captured frame. */
typedef struct {
    guint32 link_type; /* LINKTYPE_ number of the interface (www.tcpdump.org/linktypes.html) */
    guint32 interface; /* number in its section, counted over the file */
    guint64 number;    /* packet number in the file, from 1 */
    guint64 offset;    /* of its record in the uncompressed content */
    LampTime time;     /* LAMP_TIME_NONE for frames without one (simple packet blocks) */
    gint64 resolution_ns;
    LampBytes frame; /* captured bytes */
    guint32
        wire_bytes; /* length on the wire; more than frame.len where the snap length cut it */
} LampPacket;

typedef struct LampSink {
    gpointer owner;
    void (*packet)(gpointer owner, const LampPacket *packet);
    guint64 (*event)(gpointer owner,
                     const LampEventRow *event); /* number of the event, from 1 */
    void (*observation)(gpointer owner, const LampObservationRow *observation);
    void (*connection)(gpointer owner, const LampConnectionRow *connection);
    void (*flow)(gpointer owner, const LampFlowRow *flow);
    void (*host_name)(gpointer owner, const LampHostNameRow *name);
    void (*span_join)(gpointer owner, const LampSpanJoinRow *join);
    void (*finding)(gpointer owner, const LampFinding *finding);
    /* A record of @length bytes at @offset was understood (TRUE) or not: feeds the coverage. */
    void (*coverage)(gpointer owner, guint64 offset, guint64 length, gboolean understood);
    /* TLS secrets in key-log form, from pcapng or key-log files. */
    void (*secrets)(gpointer owner, LampBytes key_log);
    gboolean stop; /* set by the owner: readers return at the next record */
} LampSink;

/* A finding of a reader at @offset, about record @number (from 1; 0: none). @code: static text.
 */
static inline void
lamp_sink_report(LampSink *sink, guint64 number, LampFindingKind kind, const char *code,
                 guint64 offset, const char *text)
{
    LampFinding finding = {
        .kind = kind, .code = code, .offset = offset, .record_number = number, .text = text};
    sink->finding(sink->owner, &finding);
}
