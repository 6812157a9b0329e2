/* trace.h — what the callers know of a request: its place among those of the same trace */
#ifndef LAMP_CORRELATE_INFERENCE_TRACE_H
#define LAMP_CORRELATE_INFERENCE_TRACE_H

#include "correlate/inference/state.h"

typedef enum {
    LAMP_PLACE_UNUSED,
    LAMP_PLACE_LAST_START, /* the last of its trace to arrive at the service */
    LAMP_PLACE_LAST_END,   /* the last to be answered */
} LampPlace;

/* Writes the parents of a field's steps, as the present sample has them, to `parents` (by
 * call). */
void lamp_trace_note(const LampField *field, const LampState *state, guint32 *parents);

/* Which place, if any, tells whether a request makes calls. */
LampPlace lamp_trace_choose(const LampField *field, const LampState *state,
                            const guint32 *parents);

/* Splits kinds of requests by place: kind = base_kind + n_base_kinds * (0 alone, 1 not last,
 * 2 last). LAMP_PLACE_UNUSED brings the base kinds back. */
void lamp_trace_apply(LampField *field, LampPlace place, const guint32 *parents);

#endif
