/* block.h — the steps of two requests, and the ways to deal them out between both */
#ifndef LAMP_CORRELATE_INFERENCE_BLOCK_H
#define LAMP_CORRELATE_INFERENCE_BLOCK_H

#include "correlate/inference/state.h"

#define LAMP_EXACT_STEPS 6 /* that either could have, of which all ways are looked at */
#define LAMP_MAX_WAYS 24   /* most that are scored */

/* The steps of two requests, in order of time. */
typedef struct {
    guint32 a, b;
    guint32 n, n_flexible;
    gboolean has_queue; /* set by who gathers: does a queue speak for some of the steps? */
    guint32 steps[2 * LAMP_MAX_KIDS];
    guint8 in_b[2 * LAMP_MAX_KIDS];
    guint16 flexible[2 * LAMP_MAX_KIDS]; /* positions of those that either could have */
} LampBlock;

/* Ways to deal out the flexible steps: bit i is set where the i-th is b's. */
typedef struct {
    guint32 n, now; /* now: which of them is the present one */
    guint8 ways[1 << LAMP_EXACT_STEPS];
} LampWays;

/* Fills in the steps of both requests; FALSE if none of them could be the other's, or there are
 * too many. */
gboolean lamp_block_gather(const LampState *state, guint32 a, guint32 b, LampBlock *out);

/* Fills in the ways that are worth scoring; FALSE if there are too many. The present way is
 * among them in any case; the others are chosen without it. */
gboolean lamp_block_list_ways(const LampBlock *block, const LampState *state,
                              const LampModel *model, LampWays *out);

#endif
