/*
 * The log records and calls of one host in one role, as the logs pass matches them.
 */
#pragma once

#include "correlate/logs.h"

/* The calls of one host in one role, by their ends there. */
typedef struct {
    LampCorrelation *c;
    const LampTexts *texts;
    guint32 host;
    gboolean is_client;
    const guint32 *calls; /* by end */
    guint32 n_calls;
    const guint32 *lines;
    guint32 n_lines;
    gboolean is_aligned;    /* the lines' clock is known */
    gboolean is_unanswered; /* calls without an answer: their starts are compared */
    GArray *pairs;          /* of the pass */
} LampSide;

/* When the call ended at the end that is asked for; without an answer, when it began. */
gint64 lamp_side_end_of_call(const LampCall *call, gboolean is_client);

/* When the record's call ended, on the reference clock. */
gint64 lamp_side_end_of_line(const LampSide *side, const LampObservation *line);

/* First call that ends at or after @time. */
guint32 lamp_side_first_at(const LampSide *side, gint64 time);

/* Does nothing that the record says contradict the call? */
gboolean lamp_side_may_belong(const LampSide *side, guint32 line_index, guint32 call_index);

/* Corrects the records' time zone and, of a host without a capture, finds the clock's offset
 * (correlate/log-clocks.c). */
void lamp_side_align(LampSide *side);
