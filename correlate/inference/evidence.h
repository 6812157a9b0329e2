/* evidence.h — what speaks for single links: shared values, threads, connections */
#ifndef LAMP_CORRELATE_INFERENCE_EVIDENCE_H
#define LAMP_CORRELATE_INFERENCE_EVIDENCE_H

#include "correlate/inference/affinity.h"
#include "correlate/inference/state.h"

typedef struct {
    const LampField *field;
    float *values, *threads; /* per candidate edge: log likelihood ratio; NULL: say nothing */
    float *bonus;            /* per candidate edge: of all */
    float *fixed;            /* of values and threads; NULL without `affinity` */
    LampAffinity *affinity;  /* NULL: no connections are known */
} LampLinkEvidence;

/* NULL where the input has no such evidence for this field. @shares: per candidate edge, how
 * probable it is by its times alone. */
LampLinkEvidence *lamp_link_evidence_new(const LampField *field,
                                         const LampInferenceInput *input, guint32 evidence,
                                         const float *shares);
void lamp_link_evidence_free(LampLinkEvidence *self);

/* Learns which connections go together from the present assignment. */
void lamp_link_evidence_learn(LampLinkEvidence *self, const LampState *state);

#endif
