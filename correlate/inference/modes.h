/* modes.h — a kind of call changes its kind of request as a whole */
#ifndef LAMP_CORRELATE_INFERENCE_MODES_H
#define LAMP_CORRELATE_INFERENCE_MODES_H

#include "correlate/inference/state.h"

/* Whether calls of one kind are made by one kind of request or by another that is always there
 * at the same time. */
typedef struct {
    guint32 step_kind;
    guint32 kinds[2]; /* of requests: who has such steps now, and who might */
    guint32 n;        /* steps that either might have made */
} LampRivalry;

/* The rivalries that the assignment cannot decide step by step, largest first; empties
 * @rivalries before. */
void lamp_modes_find(const LampState *state, GArray *rivalries);

/* Decides all rivalries for the likelier, that with the greatest gain first, since it may
 * decide others; leaves those in @rivalries of which neither way is far better. */
gboolean lamp_modes_settle(LampState *state, const LampModel *model, GArray *rivalries);

/* Decides a rivalry by the likelihood of both ways, each with what it would teach. The calls go
 * to the kind of request with the lower number where its share of both likelihoods exceeds
 * @chance, from 0 to 1: with 0.5 to the likelier. Returns whether the assignment changed; then
 * all scores are to be computed anew. *out_gain: nats by which the other way is better. Cost:
 * that of learning both kinds of requests six times. */
gboolean lamp_modes_decide(LampState *state, const LampModel *model, LampRivalry *rivalry,
                           double chance, double *out_gain);

#endif
