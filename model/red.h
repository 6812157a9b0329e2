/*
 * RED figures (rate, errors, duration) of every operation of every service, and what each
 * contributes to the critical paths of the requests that touch it. Critical times and the total
 * leave out flows that began inside the system: polls wait by design.
 */
#pragma once

#include "model/critical-path.h"
#include "model/quantiles.h"

typedef struct {
    guint64 calls, errors;
    guint64 unanswered;                    /* of the calls: in no duration */
    guint64 requests;                      /* flows that contain it */
    LampQuantiles server;                  /* callee's view of the duration */
    LampQuantiles client;                  /* caller's view */
    gint64 critical_own, critical_network; /* ns, see LampCritical */
    guint64 critical_calls;                /* calls whose own time is on a critical path */
    guint64 request_bytes, response_bytes;
    double confidence; /* sum of the links' confidences */
} LampRedRow;

typedef struct LampRed LampRed;

/* Caller frees. */
LampRed *lamp_red_new(void);
void lamp_red_free(LampRed *red);

/* @critical: as from lamp_critical_path_find(). */
void lamp_red_add(LampRed *red, const LampFlow *flow, const LampCritical *critical);

/* Row of a label; zeroed if it never occurred. Borrowed until the next add. */
const LampRedRow *lamp_red_row(const LampRed *red, guint32 label);

gint64 lamp_red_total_duration(const LampRed *red);

/* First start and last end of all calls; equal where there is none. */
void lamp_red_period(const LampRed *red, LampTime *out_from, LampTime *out_to);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampRed, lamp_red_free)
