/* affinity.h — which of its connections a process uses for requests that came on which */
#ifndef LAMP_CORRELATE_INFERENCE_AFFINITY_H
#define LAMP_CORRELATE_INFERENCE_AFFINITY_H

#include "correlate/inference/state.h"

typedef struct LampAffinity LampAffinity;

/* NULL where no requests and steps have known connections. Caller frees. */
LampAffinity *lamp_affinity_new(const LampField *field, const LampInferenceInput *input);
void lamp_affinity_free(LampAffinity *self);

/* Learns from the present assignment and adds the log likelihood ratio of each candidate edge
 * to
 * @bonus. O(candidates). */
void lamp_affinity_add(LampAffinity *self, const LampState *state, float *bonus);

#endif
