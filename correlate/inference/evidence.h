/* evidence.h — what speaks for single links: shared values, threads, connections */
#ifndef LAMP_CORRELATE_INFERENCE_EVIDENCE_H
#define LAMP_CORRELATE_INFERENCE_EVIDENCE_H

#include "correlate/inference/affinity.h"
#include "correlate/inference/state.h"

typedef struct {
    const LampField *field;
    float *
        rarity; /* per candidate edge: log(1 / chance to share by accident); < 0: shares none */
    guint8 *thread;         /* per candidate edge: 0 unknown, 1 other, 2 same */
    float *values;          /* per candidate edge: log likelihood ratio of the values */
    float *bonus;           /* per candidate edge: of all */
    LampAffinity *affinity; /* NULL: no connections are known */
} LampLinkEvidence;

/* NULL where the input has no such evidence for this field. */
LampLinkEvidence *lamp_link_evidence_new(const LampField *field,
                                         const LampInferenceInput *input, guint32 evidence);
void lamp_link_evidence_free(LampLinkEvidence *self);

/* Learns how often true links show each kind of evidence, from the present assignment. */
void lamp_link_evidence_learn(LampLinkEvidence *self, const LampState *state);

#endif
