/* sample.h — Metropolis and Gibbs moves over assignments */
#ifndef LAMP_CORRELATE_INFERENCE_SAMPLE_H
#define LAMP_CORRELATE_INFERENCE_SAMPLE_H

#include "correlate/inference/state.h"

/* Two requests of one process that could exchange steps. */
typedef struct {
    guint32 a, b; /* a < b */
    guint8 calm;  /* visits in a row in which nothing else was probable */
} LampPair;

typedef struct {
    LampState *state;
    LampModel *model;
    LampPair *pairs;
    guint32 n_pairs;
    guint32 *partners;                 /* by request: the others it has pairs with */
    guint32 *first_partner;            /* n_requests + 1 */
    struct LampNeighbours *neighbours; /* scratch */
    guint64 random;
    guint32 sweep;
    float *share;    /* per candidate edge: sum of conditional probabilities, or NULL */
    float *no_share; /* per step: the same for having no request */
    guint32 *visits; /* per step */
    LampSets *sets;  /* the same for whole requests */
    gboolean greedy; /* take the best instead of a random one, record nothing */
    guint8 *sure;    /* per step: visits in a row that left no doubt */
} LampSampler;

LampSampler *lamp_sampler_new(LampState *state, LampModel *model);
void lamp_sampler_free(LampSampler *self);

/* Fills in the pairs and partners (pairs.c). */
void lamp_sampler_find_pairs(LampSampler *self);

/* From now on, sums up conditional probabilities (record.c). */
void lamp_sampler_record(LampSampler *self);

/* One sweep over all pairs. `orphans`: also asks of every step whether it has a request at all.
 */
void lamp_sampler_sweep(LampSampler *self, gboolean orphans);

/* Forgets which pairs and steps have left no doubt: the assignment was changed from outside. */
void lamp_sampler_wake(LampSampler *self);

/* Mean probability, over all steps, that the best owner is not the right one. */
double lamp_sampler_doubt(const LampSampler *self);

/* Turns the recorded marginals into one assignment, which becomes the state (decode.c). */
void lamp_sampler_decode(LampSampler *self);

/* Log odds of a step being made by a request rather than by none, in parts; all else as it is,
 * but that it takes the place of a step of the same kind where the request has one. */
typedef struct {
    double delay, presence, values, affinity;
} LampParts;

LampParts lamp_sampler_parts(LampSampler *self, guint32 step, guint32 request);

#endif
