/* learn.h — from assignments to a model */
#ifndef LAMP_CORRELATE_INFERENCE_LEARN_H
#define LAMP_CORRELATE_INFERENCE_LEARN_H

#include "correlate/inference/state.h"

/* One request as one sample of the assignment had it. */
typedef struct {
    guint32 request;
    guint32 first, n; /* steps, in LampExamples.steps */
    float weight;
} LampExample;

typedef struct {
    GArray *list;    /* LampExample, all kinds mixed */
    GArray *steps;   /* guint32 */
    double *orphans; /* per step kind: weight of steps without a request */
    double n_snapshots;
} LampExamples;

LampExamples *lamp_examples_new(const LampField *field);
void lamp_examples_free(LampExamples *self);

/* Adds the present assignment; `weights` per request, or NULL for 1 each. */
void lamp_examples_add(LampExamples *self, const LampState *state, const float *weights);

/* Learns slots, patterns, and delays; with `order` set also anew what each event waits for. */
void lamp_model_learn(LampModel *self, const LampField *field, const LampExamples *examples,
                      gboolean order);

/* Learns how far the odds of each kind of request are to be trusted (temper.c). */
void lamp_model_temper(LampModel *self, const LampField *field, const LampExamples *examples);

/* Chooses the rules of one kind of request (order.c). `list` are its examples. */
void lamp_learn_order(LampKind *kind, const LampField *field, const LampExamples *examples,
                      const LampExample *list, guint32 n, float scale);

/* Learns how often which slots occur together (patterns.c); presences must be known. */
void lamp_learn_patterns(LampKind *kind, const LampField *field, const LampExamples *all,
                         const LampExample *list, guint32 n);

/* Learns the delays of one kind of request by its rules (delays.c); `family` (or NULL) has
 * those of all kinds with the same slots. */
void lamp_learn_delays(LampKind *kind, const LampKind *family, const LampField *field,
                       const LampExamples *all, const LampExample *list, guint32 n,
                       float scale);

/* The view of an example: its steps as the model sees them. */
void lamp_example_view(const LampExample *example, const LampExamples *all,
                       const LampField *field, const LampKind *kind, const LampStep **buffer,
                       LampView *out);

#endif
