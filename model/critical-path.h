/*
 * The critical path of a request: the chain of waits that sets its duration.
 */
#pragma once

#include "model/flow.h"

/* What one call contributes to the duration of its flow, in ns. */
typedef struct {
    gint64 own;     /* time in which the callee itself was at work (or waited unseen) */
    gint64 network; /* time on the way to the callee and back */
    gint64 idle;    /* instead of both: the call waited for work, which is nobody's work */
} LampCritical;

/* Fills @out (flow->count places). All of them add up to the duration of the flow exactly;
 * calls that are not on the path get zeros. O(n log n). */
void lamp_critical_path_find(const LampFlow *flow, LampCritical *out);
