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

/* A call or a record by its end at a host. */
typedef struct {
    guint32 host;
    gint64 end;
    guint32 index;
} LampSideEntry;

/* LampSideEntry of the calls with a known end at each host in one role, those with an answer or
 * those without, in order of host and end. Caller unrefs. */
GArray *lamp_side_list_calls(LampCorrelation *c, gboolean is_client, gboolean answered);

/* Writes the indices of the run of @host in @entries, from *at on, to @indices and moves *at
 * behind it. Returns how many. */
guint32 lamp_side_take_run(const GArray *entries, guint *at, guint32 host, guint32 *indices);

/* When the call began at the end that is asked for, or else at the other. */
gint64 lamp_side_start_of_call(const LampCall *call, gboolean is_client);

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

/* How far the ends are apart beyond the record's resolution, plus the difference of the
 * durations; in milliseconds. */
double lamp_side_cost(const LampSide *side, const LampObservation *line, const LampCall *call);
