/* state.h — one assignment of steps to requests, and random numbers */
#ifndef LAMP_CORRELATE_INFERENCE_STATE_H
#define LAMP_CORRELATE_INFERENCE_STATE_H

#include "correlate/inference/model.h"
#include "correlate/inference/sets.h"

typedef struct {
    guint32 *at; /* steps, ascending (and so in order of time) */
    guint32 n, room;
} LampKids;

typedef struct {
    const LampField *field;
    guint32 *owner;       /* per step: request, or LAMP_NONE */
    LampKids *kids;       /* per request */
    double *score;        /* per request, under the present model */
    const float *bonus;   /* per candidate edge: what speaks for this link by itself; or NULL */
    const LampSets *sets; /* to score by these instead of a model (decode.c); or NULL */
} LampState;

LampState *lamp_state_new(const LampField *field);
void lamp_state_free(LampState *self);

/* Gives a step to a request (or LAMP_NONE) without looking at scores. */
void lamp_state_assign(LampState *self, guint32 step, guint32 request);

/* Replaces all steps of a request; their owners are set. */
void lamp_state_replace(LampState *self, guint32 request, const guint32 *steps, guint32 n);

/* Score of a request with the given steps; `out_events` may be NULL. */
double lamp_state_score(const LampState *self, const LampModel *model, guint32 request,
                        const guint32 *steps, guint32 n, LampEvents *out_events);

/* What speaks for the single links of these steps to the request. */
double lamp_state_bonus(const LampState *self, guint32 request, const guint32 *steps,
                        guint32 n);

/* The events of a request as it stands. */
void lamp_state_events(const LampState *self, const LampModel *model, guint32 request,
                       LampEvents *out);

/* Computes all scores anew, after the model has changed. */
void lamp_state_rescore(LampState *self, const LampModel *model);

/* A first assignment, from pairs of a request and a step alone (start.c). The field must stay
 * as it is until it is freed. */
typedef struct LampStart LampStart;

LampStart *lamp_start_new(const LampField *field);
void lamp_start_free(LampStart *self);

/* Per candidate edge: how probable it is by its times. */
const float *lamp_start_shares(const LampStart *self);

/* Makes the first assignment, in which the state's bonus counts, and gives the weight (how
 * little doubt there is about it) of every request. To be called once. */
void lamp_start_assign(LampStart *self, LampState *state, float *out_weights);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampStart, lamp_start_free)

/* splitmix64: one 64-bit state, same on every machine. */
static inline guint64
lamp_random(guint64 *state)
{
    guint64 z = *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline double
lamp_random_unit(guint64 *state)
{
    return (double) (lamp_random(state) >> 11) * 0x1.0p-53;
}

#endif
