/* report.h — from samples to the answer */
#ifndef LAMP_CORRELATE_INFERENCE_REPORT_H
#define LAMP_CORRELATE_INFERENCE_REPORT_H

#include "correlate/inference/sample.h"

typedef struct {
    const LampInferenceInput *input;
    const LampInferenceOptions *options;
    LampInference *answer;
    guint32 *senders; /* per call: of what it fetched */
    GArray *candidates, *services, *slots;
    double sum; /* of probabilities of decided links */
    guint64 links;
} LampReport;

LampReport *lamp_report_new(const LampInferenceInput *input,
                            const LampInferenceOptions *options);

/* Adds the answer for one service; the field's kinds are the base kinds. */
void lamp_report_field(LampReport *self, const LampField *field, LampSampler *sampler,
                       double in_order);

/* Keeps the present sample of a field's links as row `row` of the samples. */
void lamp_report_sample(LampReport *self, const LampField *field, const LampState *state,
                        guint32 row);

/* Gives calls with a leader (per call; NO_CALL: none) the leader's cause, computes what spans
 * services and hands the answer over; frees the report. */
LampInference *lamp_report_finish(LampReport *self, const guint32 *leaders);

#endif
