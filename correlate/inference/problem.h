/* problem.h — the input of the causal engine, cut into independent problems
 *
 * A field is one service: the requests that its instances served and the steps (calls) that
 * they made meanwhile. Requests and steps meet only within one process; what is learnt is
 * shared by the processes of the field. Everything is in a canonical order, so the order of the
 * input is forgotten here. */
#ifndef LAMP_CORRELATE_INFERENCE_PROBLEM_H
#define LAMP_CORRELATE_INFERENCE_PROBLEM_H

#include "correlate/inference/inference.h"

#define LAMP_NONE G_MAXUINT32
#define LAMP_MAX_CANDIDATES 64
#define LAMP_FOLDS 4

typedef struct {
    gint64 start, end;
    guint32 call; /* index in the input */
    guint32 process;
    guint32 rank;       /* of the process: requests and steps are sorted by it */
    guint32 base_kind;  /* dense, per field: the operation served */
    guint32 kind;       /* the same, or finer (trace.h) */
    guint32 fold;       /* scored with what the requests of other folds taught */
    guint32 connection; /* on which its own process asked for it; 0: asked by another */
    guint8 is_fetched;  /* work that the call `call` brought from a queue */
} LampRequest;

typedef struct {
    gint64 start, end;
    guint32 call;
    guint32 process, rank;
    guint32 kind;            /* dense, per field: callee and operation */
    guint32 connection;      /* 0 unknown */
    guint32 first_candidate; /* in LampField.candidates: requests, ascending */
    guint32 n_candidates;
} LampStep;

typedef struct {
    guint32 service;
    LampRequest *requests; /* by process, start, end */
    guint32 n_requests;
    LampStep *steps; /* by process, start, end */
    guint32 n_steps;
    guint32 *candidates;
    guint32 n_candidates;
    guint32 n_request_kinds, n_base_kinds, n_step_kinds;
    guint32 *step_kind_service, *step_kind_operation; /* names of the dense kinds */
    guint32 *request_kind_partner, *request_kind_operation;
    guint8 *overruns; /* per step kind: may outlive its request */
    gint64 *reach; /* per step kind: how long after a request's end it may begin; NULL: never */
    guint8 *causes_late; /* with `reach`: [base kind x step kind]: makes it after the end */
    float *lone;         /* with `reach`, per step kind: share that no request makes */
    gint64 longest_reach;
    float *background; /* per step kind: probability that no request makes it (background.c) */
    float *strange;    /* per step kind: nats against that one is a request's all the same */
    gint64 resolution; /* of the time stamps, ns */
    gint64 grain;      /* of clocks that each have their own phase; 0: none (grain.c) */
    gint64 span;       /* from the first to the last event, ns */
    gboolean begins_in_order; /* how the first assignment is made (start.c) */
} LampField;

typedef struct {
    LampField *fields;
    guint32 n_fields;
    const LampInferenceInput *input;
} LampProblem;

/* `memory` (or NULL) gives the numbers of the kinds that were met before. */
LampProblem *lamp_problem_new(const LampInferenceInput *input,
                              const LampInferenceMemory *memory);
void lamp_problem_free(LampProblem *self);

/* Fills in the candidates of every step: the requests that were open when it was made. */
void lamp_field_find_candidates(LampField *field);

/* Looks whether several coarse clocks wrote the stamps; if so, candidates of another clock than
 * the step's are excluded. The candidates must be known, and are to be found anew after TRUE.
 */
gboolean lamp_field_find_grain(LampField *field);

/* Fills in how probably each kind of step is background. The candidates must be known. */
void lamp_field_find_background(LampField *field);

/* Finds the kinds of steps that are begun after the reply (late.c). The candidates must be
 * known, and are to be found anew after TRUE. */
gboolean lamp_field_find_late(LampField *field);

/* The place in `candidates` of a request that the step may belong to; LAMP_NONE of others.
 * Bursts give a step dozens, and this is asked in the inner loop: by halves, without branches.
 */
static inline guint32
lamp_field_edge(const LampField *field, const LampStep *s, guint32 request)
{
    const guint32 *at = field->candidates + s->first_candidate;
    guint32 n = s->n_candidates;
    if (n == 0)
        return LAMP_NONE;
    for (guint32 half = n / 2; n > 1; n -= half, half = n / 2)
        at += at[half] <= request ? half : 0;
    return *at == request ? (guint32) (at - field->candidates) : LAMP_NONE;
}

/* Whether the step begins soon enough after the request to be made by it all the same. */
static inline gboolean
lamp_field_follows(const LampField *field, const LampRequest *r, const LampStep *s)
{
    return field->reach && s->start > r->end && s->start - r->end <= field->reach[s->kind] &&
           field->causes_late[r->base_kind * field->n_step_kinds + s->kind];
}

/* Whether the request was open during the step; the engine's only hard constraint. Who asks on
 * one connection is never its server: of two calls in one direction none causes the other. */
static inline gboolean
lamp_field_contains(const LampField *field, const LampRequest *r, const LampStep *s)
{
    return r->process == s->process && r->start <= s->start && r->call != s->call &&
           (r->connection == 0 || r->connection != s->connection) &&
           (field->grain == 0 || (s->start - r->start) % field->grain == 0) &&
           (s->end <= r->end || (field->overruns[s->kind] && s->start <= r->end) ||
            lamp_field_follows(field, r, s));
}

#endif
