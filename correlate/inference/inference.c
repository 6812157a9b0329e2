/* inference.c — the engine from end to end
 *
 * problem -> candidates -> first assignment -> rounds of (sample, learn) -> samples for the
 * marginals -> answer; each service by itself. */
#include "correlate/inference/inference.h"

#include "correlate/inference/learn.h"
#include "correlate/inference/report.h"
#include "correlate/inference/sample.h"

#include <math.h>

#define ROUNDS 8
#define ORDER_ROUNDS 5
#define SNAPSHOTS 2
#define BURN 4
#define SWEEPS 40

G_DEFINE_QUARK(lamp - inference - error - quark, lamp_inference_error)

static void
learn_field(const LampField *field, LampState *state, LampModel *model, LampSampler *sampler,
            float *weights)
{
    g_autofree float *eased = g_new(float, field->n_requests + 1);
    for (guint32 round = 0; round < ROUNDS; round++) {
        LampExamples *examples = lamp_examples_new(field);
        for (guint32 r = 0; r < field->n_requests; r++)
            eased[r] = round == 0   ? weights[r]
                       : round == 1 ? sqrtf(weights[r])
                       : round == 2 ? sqrtf(sqrtf(weights[r]))
                                    : 1;
        for (guint32 k = 0; k < (round == 0 ? 1 : SNAPSHOTS); k++) {
            if (round > 0)
                lamp_sampler_sweep(sampler, k == 0);
            lamp_examples_add(examples, state, eased);
        }
        lamp_model_learn(model, field, examples, round < ORDER_ROUNDS);
        lamp_examples_free(examples);
        lamp_state_rescore(state, model);
    }
}

static void
solve_field(LampField *field, const LampInferenceOptions *options, LampReport *report)
{
    double effort = options->effort > 0 ? options->effort : 1;
    guint32 evidence = options->evidence ? options->evidence : LAMP_EVIDENCE_ALL;
    lamp_field_find_candidates(field);
    LampState *state = lamp_state_new(field);
    LampModel *model = lamp_model_new(field, evidence);
    LampSampler *sampler = lamp_sampler_new(state, model);
    g_autofree float *weights = g_new0(float, field->n_requests + 1);
    lamp_state_start(state, weights);
    learn_field(field, state, model, sampler, weights);
    for (int i = 0; i < BURN; i++)
        lamp_sampler_sweep(sampler, FALSE);
    lamp_sampler_record(sampler);
    for (int i = 0; i < (int) (SWEEPS * effort); i++)
        lamp_sampler_sweep(sampler, i % 8 == 0);
    lamp_report_field(report, field, model, sampler);
    lamp_sampler_free(sampler);
    lamp_model_free(model);
    lamp_state_free(state);
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
    for (guint32 i = 0; i < problem->n_fields; i++)
        solve_field(&problem->fields[i], options, report);
    lamp_problem_free(problem);
    return lamp_report_finish(report);
}
