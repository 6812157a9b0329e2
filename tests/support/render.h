/*
 * A sink for tests: every row becomes one line of text with all its fields, so that two
 * readings of the same bytes can be compared with strcmp(). Writing a field touches all its
 * bytes, so a borrowed text that is no longer there is seen by AddressSanitizer.
 */
#pragma once

#include "ingest/sink.h"

typedef struct {
    LampSink sink;
    GString *records;  /* packets, events, observations, connections, … in the order given */
    GString *findings; /* findings and coverage */
    guint64 record_count, finding_count;
    guint64 content_bytes; /* of the source: nothing may lie beyond it; 0 unknown */
    guint64 events;
} LampRender;

LampRender *lamp_render_new(void);
void lamp_render_free(LampRender *render);

/* One line for @call, as the sink writes it. */
void lamp_render_observation(LampRender *render, const LampObservationRow *call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampRender, lamp_render_free)
