/* inference.c — the engine from end to end
 *
 * problem -> candidates -> first assignment -> rounds of (sample, learn) -> samples for the
 * marginals -> answer; each service by itself. */
#include "correlate/inference/inference.h"

#include "correlate/inference/evidence.h"
#include "correlate/inference/learn.h"
#include "correlate/inference/queue.h"
#include "correlate/inference/report.h"
#include "correlate/inference/sample.h"
#include "correlate/inference/trace.h"

#include <math.h>

#define ROUNDS 8
#define ORDER_ROUNDS 5
#define PLACE_ROUND 4
#define SNAPSHOTS 2
#define ALONE 0.25f
#define BURN 4
#define SWEEPS 40
#define RELEARN_EVERY 8

G_DEFINE_QUARK(lamp - inference - error - quark, lamp_inference_error)

/* One service while it is being solved. */
typedef struct {
    LampField *field;
    LampState *state;
    LampModel *model;
    LampSampler *sampler;
    LampLinkEvidence *links; /* NULL: there is none */
    LampPlace place; /* whether kinds of requests are split by their place in the trace */
    float *weights;  /* per request: how sure its steps were from the start */
    float *eased;    /* the weights of the present round */
} Solver;

static void
open_solver(Solver *self, LampField *field, const LampInferenceInput *input, guint32 evidence)
{
    lamp_field_find_candidates(field);
    self->field = field;
    self->state = lamp_state_new(field);
    self->model = lamp_model_new(field, evidence);
    self->sampler = lamp_sampler_new(self->state, self->model);
    self->weights = g_new0(float, field->n_requests + 1);
    self->eased = g_new0(float, field->n_requests + 1);
    lamp_state_start(self->state, self->weights);
    self->links = lamp_link_evidence_new(field, input, evidence);
    if (self->links)
        self->state->bonus = self->links->bonus;
}

static void
close_solver(Solver *self)
{
    lamp_sampler_free(self->sampler);
    lamp_model_free(self->model);
    lamp_state_free(self->state);
    lamp_link_evidence_free(self->links);
    g_free(self->weights);
    g_free(self->eased);
}

/* What is certain teaches first; later every request counts alike, but for those that overlap
 * no other: nothing has to be decided there, and quiet times are not like busy ones. */
static float
ease(const Solver *self, guint32 request, guint32 round)
{
    const guint32 *first = self->sampler->first_partner;
    if (round < 3)
        return powf(self->weights[request], 1.0f / (float) (1 << round));
    return first[request] == first[request + 1] ? ALONE : 1;
}

/* One sweep, seeing the callers' links as they are now. */
static void
sweep(Solver *self, guint32 *parents, gboolean orphans)
{
    if (self->place != LAMP_PLACE_UNUSED) {
        lamp_trace_apply(self->field, self->place, parents);
        lamp_state_rescore(self->state, self->model);
    }
    lamp_sampler_sweep(self->sampler, orphans);
    lamp_trace_note(self->field, self->state, parents);
}

static void
choose_place(Solver *self, const guint32 *parents)
{
    self->place = lamp_trace_choose(self->field, self->state, parents);
    if (self->place == LAMP_PLACE_UNUSED)
        return;
    self->field->n_request_kinds = 3 * self->field->n_base_kinds;
    lamp_model_grow(self->model, self->field->n_request_kinds);
    lamp_trace_apply(self->field, self->place, parents);
}

static void
learn_round(Solver *self, guint32 round, guint32 *parents, LampQueuePool *pool)
{
    LampExamples *examples = lamp_examples_new(self->field);
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->eased[r] = ease(self, r, round);
    for (guint32 k = 0; k < (round == 0 ? 1 : SNAPSHOTS); k++) {
        if (round > 0)
            sweep(self, parents, k == 0);
        lamp_examples_add(examples, self->state, self->eased);
    }
    if (round == PLACE_ROUND && (self->model->evidence & LAMP_EVIDENCE_TRACE))
        choose_place(self, parents);
    lamp_model_learn(self->model, self->field, examples, round < ORDER_ROUNDS);
    lamp_examples_free(examples);
    if (self->links)
        lamp_link_evidence_learn(self->links, self->state);
    lamp_state_rescore(self->state, self->model);
    if (round > 0)
        lamp_queue_learn(self->sampler, pool);
}

/* Learns from the present sample with random weights (the Bayesian bootstrap: Rubin 1981), so
 * that the samples that follow carry the doubt about the model as well. */
static void
relearn(Solver *self, LampQueuePool *pool)
{
    LampExamples *examples = lamp_examples_new(self->field);
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->eased[r] =
            ease(self, r, ROUNDS) * (float) -log(1 - lamp_random_unit(&self->sampler->random));
    lamp_examples_add(examples, self->state, self->eased);
    lamp_model_learn(self->model, self->field, examples, FALSE);
    lamp_examples_free(examples);
    lamp_state_rescore(self->state, self->model);
    lamp_queue_learn(self->sampler, pool);
}

/* Sweeps over all services in turn, so that each sees a joint sample of the others. */
static void
sample_answer(Solver *solvers, guint32 n, guint32 *parents, LampQueuePool *pool, double effort)
{
    int sweeps = (int) (SWEEPS * effort);
    for (int i = 0; i < BURN + sweeps; i++)
        for (guint32 k = 0; k < n; k++) {
            if (i == BURN)
                lamp_sampler_record(solvers[k].sampler);
            if (i % RELEARN_EVERY == 0)
                relearn(&solvers[k], pool);
            sweep(&solvers[k], parents, i >= BURN && (i - BURN) % 8 == 0);
        }
}

/* What is shown of the structure counts every request alike. */
static void
learn_for_report(Solver *self)
{
    LampExamples *examples = lamp_examples_new(self->field);
    lamp_trace_apply(self->field, LAMP_PLACE_UNUSED, NULL);
    lamp_examples_add(examples, self->state, NULL);
    lamp_model_learn(self->model, self->field, examples, self->place != LAMP_PLACE_UNUSED);
    lamp_examples_free(examples);
}

static void
solve(LampProblem *problem, const LampInferenceOptions *options, LampReport *report)
{
    guint32 n = problem->n_fields;
    g_autofree Solver *solvers = g_new0(Solver, n + 1);
    g_autofree guint32 *parents = g_new(guint32, problem->input->n_calls + 1);
    LampQueuePool pool = {0};
    for (gsize i = 0; i < problem->input->n_calls; i++)
        parents[i] = LAMP_NONE;
    for (guint32 i = 0; i < n; i++)
        open_solver(&solvers[i], &problem->fields[i], problem->input,
                    options->evidence ? options->evidence : LAMP_EVIDENCE_ALL);
    for (guint32 round = 0; round < ROUNDS; round++) {
        for (guint32 i = 0; i < n; i++)
            learn_round(&solvers[i], round, parents, &pool);
        pool = (LampQueuePool){.changes = pool.next_changes, .expected = pool.next_expected};
    }
    sample_answer(solvers, n, parents, &pool, options->effort > 0 ? options->effort : 1);
    for (guint32 i = 0; i < n; i++) {
        learn_for_report(&solvers[i]);
        lamp_report_field(report, solvers[i].field, solvers[i].model, solvers[i].sampler);
        close_solver(&solvers[i]);
    }
}

LampInference *
lamp_inference_run(const LampInferenceInput *input, const LampInferenceOptions *options,
                   GError **error)
{
    LampInferenceOptions none = {0};
    if (input->n_calls >= G_MAXUINT32 / 2) {
        g_set_error(error, LAMP_INFERENCE_ERROR, LAMP_INFERENCE_ERROR_LIMIT,
                    "%" G_GSIZE_FORMAT " calls are too many for one run", input->n_calls);
        return NULL;
    }
    if (!options)
        options = &none;
    LampProblem *problem = lamp_problem_new(input);
    LampReport *report = lamp_report_new(input, options);
    solve(problem, options, report);
    lamp_problem_free(problem);
    return lamp_report_finish(report);
}
