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

#include <math.h>

#define ROUNDS 8
#define ORDER_ROUNDS 5
#define SNAPSHOTS 2
#define ALONE 0.25f
#define BURN 4
#define SWEEPS 40

G_DEFINE_QUARK(lamp - inference - error - quark, lamp_inference_error)

/* One service while it is being solved. */
typedef struct {
    LampField *field;
    LampState *state;
    LampModel *model;
    LampSampler *sampler;
    LampLinkEvidence *links; /* NULL: there is none */
    float *weights;          /* per request: how sure its steps were from the start */
    float *eased;            /* the weights of the present round */
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

static void
learn_round(Solver *self, guint32 round, LampQueuePool *pool)
{
    LampExamples *examples = lamp_examples_new(self->field);
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->eased[r] = ease(self, r, round);
    for (guint32 k = 0; k < (round == 0 ? 1 : SNAPSHOTS); k++) {
        if (round > 0)
            lamp_sampler_sweep(self->sampler, k == 0);
        lamp_examples_add(examples, self->state, self->eased);
    }
    lamp_model_learn(self->model, self->field, examples, round < ORDER_ROUNDS);
    lamp_examples_free(examples);
    if (self->links)
        lamp_link_evidence_learn(self->links, self->state);
    lamp_state_rescore(self->state, self->model);
    if (round > 0)
        lamp_queue_learn(self->sampler, pool);
}

static void
sample_answer(Solver *self, double effort)
{
    for (int i = 0; i < BURN; i++)
        lamp_sampler_sweep(self->sampler, FALSE);
    lamp_sampler_record(self->sampler);
    for (int i = 0; i < (int) (SWEEPS * effort); i++)
        lamp_sampler_sweep(self->sampler, i % 8 == 0);
}

/* What is shown of the structure counts every request alike. */
static void
learn_for_report(Solver *self)
{
    LampExamples *examples = lamp_examples_new(self->field);
    lamp_examples_add(examples, self->state, NULL);
    lamp_model_learn(self->model, self->field, examples, FALSE);
    lamp_examples_free(examples);
}

static void
solve(LampProblem *problem, const LampInferenceOptions *options, LampReport *report)
{
    guint32 n = problem->n_fields;
    g_autofree Solver *solvers = g_new0(Solver, n + 1);
    LampQueuePool pool = {0};
    for (guint32 i = 0; i < n; i++)
        open_solver(&solvers[i], &problem->fields[i], problem->input,
                    options->evidence ? options->evidence : LAMP_EVIDENCE_ALL);
    for (guint32 round = 0; round < ROUNDS; round++) {
        for (guint32 i = 0; i < n; i++)
            learn_round(&solvers[i], round, &pool);
        pool = (LampQueuePool){.changes = pool.next_changes, .expected = pool.next_expected};
    }
    for (guint32 i = 0; i < n; i++) {
        sample_answer(&solvers[i], options->effort > 0 ? options->effort : 1);
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
