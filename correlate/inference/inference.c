/* inference.c — the engine from end to end
 *
 * problem -> candidates -> first assignment -> rounds of (sample, learn) -> samples for the
 * marginals -> answer; each service by itself. */
#include "correlate/inference/inference.h"

#include "correlate/inference/dialogs.h"
#include "correlate/inference/evidence.h"
#include "correlate/inference/learn.h"
#include "correlate/inference/memory.h"
#include "correlate/inference/modes.h"
#include "correlate/inference/parallel.h"
#include "correlate/inference/queue.h"
#include "correlate/inference/report.h"
#include "correlate/inference/sample.h"
#include "correlate/inference/trace.h"

#include <math.h>

#define ROUNDS 8
#define FRESH_ROUNDS 6 /* where the places in the trace are known already */
#define ORDER_ROUNDS 4
#define MODE_ROUND 3     /* when kinds of calls may change their kind of request */
#define CARRIED_ROUNDS 1 /* that suffice with the model of an earlier run */
#define PLACE_ROUND 2
#define ALONE 0.25f
#define BURN 4
#define SWEEPS 20
#define RELEARN_EVERY 12
#define ORPHANS_EVERY 8
#define SOME_DOUBT 0.005 /* mean probability of being wrong */
#define MUCH_DOUBT 0.03
#define MIN_EXPECTED_CHANGES 5.0

G_DEFINE_QUARK(lamp - inference - error - quark, lamp_inference_error)

/* One service while it is being solved. */
typedef struct {
    LampField *field;
    LampQueuePool pool; /* of all services in the last round; what this one counts */
    LampState *state;
    LampModel *model;
    LampSampler *sampler;
    LampLinkEvidence *links; /* NULL: there is none */
    gboolean carried;        /* the model is of an earlier run */
    int until;               /* sweeps to be made */
    guint32 evidence;        /* LampEvidence */
    guint32 restart;         /* the round from which on it was learnt anew */
    guint32 rounds;          /* the round before which learning ends */
    GArray *rivalries;       /* LampRivalry: neither way is far better */
    guint32 relearnt;        /* times, while sampling */
    gboolean unordered;      /* no queue has shown since sampling began */
    LampPlace place; /* whether kinds of requests are split by their place in the trace */
    float *weights;  /* per request: how sure its steps were from the start */
    guint32 *kinds;  /* scratch: of the requests, before they are split anew */
    float *eased;    /* the weights of the present round */
} Solver;

static void
open_solver(Solver *self, LampField *field, const LampInferenceInput *input,
            const LampInferenceOptions *options)
{
    guint32 evidence = options->evidence ? options->evidence : LAMP_EVIDENCE_ALL;
    LampServiceMemory *memory = lamp_memory_of(options->memory, field->service);
    lamp_field_find_candidates(field);
    self->field = field;
    field->begins_in_order = options->begins_in_order;
    self->evidence = evidence;
    self->rounds = ROUNDS;
    self->state = lamp_state_new(field);
    if (memory && memory->place == LAMP_PLACE_UNUSED) {
        self->model = g_steal_pointer(&memory->model);
        self->carried = TRUE;
        lamp_model_grow(self->model, field->n_request_kinds, field->n_step_kinds);
        self->model->scale = 1.0f / (float) field->resolution;
    } else {
        self->model = lamp_model_new(field, evidence);
    }
    self->sampler = lamp_sampler_new(self->state, self->model);
    self->rivalries = g_array_new(FALSE, FALSE, sizeof(LampRivalry));
    self->weights = g_new0(float, field->n_requests + 1);
    self->eased = g_new0(float, field->n_requests + 1);
    self->kinds = g_new0(guint32, field->n_requests + 1);
    g_autoptr(LampStart) start = lamp_start_new(field);
    self->links = lamp_link_evidence_new(field, input, evidence, lamp_start_shares(start));
    if (self->links)
        self->state->bonus = self->links->bonus;
    lamp_start_assign(start, self->state, self->weights);
}

static void
close_solver(Solver *self, LampInferenceMemory *memory)
{
    lamp_sampler_free(self->sampler);
    g_array_free(self->rivalries, TRUE);
    if (memory)
        lamp_memory_keep(memory, self->field, self->model, self->place);
    else
        lamp_model_free(self->model);
    lamp_state_free(self->state);
    lamp_link_evidence_free(self->links);
    g_free(self->weights);
    g_free(self->eased);
    g_free(self->kinds);
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
        for (guint32 r = 0; r < self->field->n_requests; r++)
            self->kinds[r] = self->field->requests[r].kind;
        lamp_trace_apply(self->field, self->place, parents);
        for (guint32 r = 0; r < self->field->n_requests; r++)
            if (self->kinds[r] != self->field->requests[r].kind)
                self->state->score[r] =
                    lamp_state_score(self->state, self->model, r, self->state->kids[r].at,
                                     self->state->kids[r].n, NULL);
    }
    lamp_sampler_sweep(self->sampler, orphans);
    lamp_trace_note(self->field, self->state, parents);
}

/* Splits kinds where that tells, and learns them anew from the start: who makes calls at all is
 * known now, so far fewer requests are rivals. */
static void
choose_place(Solver *self, const guint32 *parents)
{
    self->place = lamp_trace_choose(self->field, self->state, parents);
    if (self->place == LAMP_PLACE_UNUSED)
        return;
    self->field->n_request_kinds = 3 * self->field->n_base_kinds;
    lamp_model_free(self->model);
    self->model = self->sampler->model = lamp_model_new(self->field, self->evidence);
    lamp_trace_apply(self->field, self->place, parents);
    for (guint32 s = 0; s < self->field->n_steps; s++)
        lamp_state_assign(self->state, s, LAMP_NONE);
    g_autoptr(LampStart) start = lamp_start_new(self->field);
    lamp_start_assign(start, self->state, self->weights);
    self->carried = FALSE;
    self->restart = PLACE_ROUND + 1;
    self->rounds = self->restart + FRESH_ROUNDS;
}

/* Decides what is open still: the likelier way more often. */
static void
choose_modes(Solver *self, double chance)
{
    double gain;
    for (guint i = 0; i < self->rivalries->len; i++)
        if (lamp_modes_decide(self->state, self->model,
                              &g_array_index(self->rivalries, LampRivalry, i), chance, &gain))
            lamp_sampler_wake(self->sampler);
}

static void
learn_round(Solver *self, guint32 round, guint32 *parents)
{
    round -= self->restart;
    LampExamples *examples = lamp_examples_new(self->field);
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->eased[r] = ease(self, r, round);
    if (round > 0)
        sweep(self, parents, TRUE);
    if (round == MODE_ROUND && lamp_modes_settle(self->state, self->model, self->rivalries))
        lamp_sampler_wake(self->sampler);
    lamp_examples_add(examples, self->state, self->eased);
    lamp_model_learn(self->model, self->field, examples, round < ORDER_ROUNDS);
    lamp_examples_free(examples);
    if (self->links)
        lamp_link_evidence_learn(self->links, self->state);
    lamp_state_rescore(self->state, self->model);
    if (round > 0)
        lamp_queue_learn(self->sampler, &self->pool);
}

static gboolean
has_queue(const LampModel *model)
{
    for (guint32 k = 0; k < model->n_kinds; k++)
        if (model->kinds[k].has_queue)
            return TRUE;
    return FALSE;
}

/* Numbers from 0 to 1 of which any first few are spread evenly: 1/2, 1/4, 3/4, 1/8 (van der
 * Corput 1935). */
static double
spread_evenly(guint32 i)
{
    double sum = 0, part = 0.5;
    for (i++; i > 0; i >>= 1, part /= 2)
        sum += i & 1 ? part : 0;
    return sum;
}

/* Learns from the present sample with random weights (the Bayesian bootstrap: Rubin 1981), so
 * that the samples that follow carry the doubt about the model as well. */
static void
relearn(Solver *self)
{
    choose_modes(self, spread_evenly(self->relearnt++));
    LampExamples *examples = lamp_examples_new(self->field);
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->eased[r] =
            ease(self, r, ROUNDS) * (float) -log(1 - lamp_random_unit(&self->sampler->random));
    lamp_examples_add(examples, self->state, self->eased);
    lamp_model_learn(self->model, self->field, examples, FALSE);
    lamp_model_temper(self->model, self->field, examples);
    lamp_examples_free(examples);
    lamp_state_rescore(self->state, self->model);
    if (!self->unordered)
        lamp_queue_learn(self->sampler, &self->pool);
    self->unordered = self->unordered || !has_queue(self->model);
}

/* All services while they are being solved. */
typedef struct {
    LampProblem *problem;
    const LampInferenceOptions *options;
    Solver *solvers;
    guint32 *parents; /* by call: the parent in the present sample */
    LampReport *report;
    guint32 round;
} Solution;

static int
count_sweeps(const Solution *self)
{
    double effort = self->options->effort > 0 ? self->options->effort : 1;
    return BURN + (int) (SWEEPS * effort);
}

/* Samples are taken evenly over the recorded sweeps. */
static void
keep_sample(const Solution *self, const Solver *solver, int recorded)
{
    guint32 wanted = self->options->samples, sweeps = (guint32) (count_sweeps(self) - BURN);
    for (guint32 row = 0; recorded >= 0 && row < wanted; row++)
        if ((guint64) row * sweeps / wanted == (guint32) recorded)
            lamp_report_sample(self->report, solver->field, solver->state, row);
}

static void
sample_once(Solution *self, Solver *solver, int i)
{
    if (i == BURN)
        lamp_sampler_record(solver->sampler);
    if (i % RELEARN_EVERY == 0)
        relearn(solver);
    sweep(solver, self->parents, i >= BURN && (i - BURN) % ORPHANS_EVERY == 0);
    keep_sample(self, solver, i - BURN);
}

static void
open_one(gpointer context, guint32 i)
{
    Solution *self = context;
    open_solver(&self->solvers[i], &self->problem->fields[i], self->problem->input,
                self->options);
}

static void
learn_one(gpointer context, guint32 i)
{
    Solution *self = context;
    Solver *solver = &self->solvers[i];
    if (self->round >= solver->rounds)
        return;
    if (!solver->carried || self->round + CARRIED_ROUNDS >= ROUNDS)
        learn_round(solver, self->round, self->parents);
    if (self->round == PLACE_ROUND && (solver->evidence & LAMP_EVIDENCE_TRACE))
        choose_place(solver, self->parents);
}

/* Sweeps in all, looked at after the first SWEEPS and after twice as many: where more links are
 * in doubt, more sweeps make the probabilities finer. */
static int
last_sweep(const Solver *solver, int done, int sweeps)
{
    double doubt = lamp_sampler_doubt(solver->sampler);
    int recorded = sweeps - BURN;
    if (done == sweeps && doubt > SOME_DOUBT)
        return BURN + 2 * recorded;
    if (done == BURN + 2 * recorded && doubt > MUCH_DOUBT)
        return BURN + 4 * recorded;
    return done;
}

static void
sample_one(gpointer context, guint32 i)
{
    Solution *self = context;
    Solver *solver = &self->solvers[i];
    int sweeps = count_sweeps(self);
    solver->until = sweeps;
    for (int k = 0; k < solver->until; k++) {
        sample_once(self, solver, k);
        if (k + 1 == solver->until)
            solver->until = last_sweep(solver, k + 1, sweeps);
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

/* Hands the sum of all queue counts to all. */
static void
share_pool(Solution *self, guint32 n)
{
    LampQueuePool sum = {0};
    for (guint32 i = 0; i < n; i++) {
        sum.changes += self->solvers[i].pool.next_changes;
        sum.expected += self->solvers[i].pool.next_expected;
    }
    for (guint32 i = 0; i < n; i++)
        self->solvers[i].pool = sum;
}

/* Whether some service looks at the links of others; then they go in turn. */
static gboolean
go_in_turn(const Solution *self, guint32 n)
{
    gboolean together = FALSE;
    for (guint32 i = 0; i < n; i++)
        together = together || self->solvers[i].place != LAMP_PLACE_UNUSED;
    return together;
}

static void
learn_all(Solution *self, guint32 n)
{
    for (self->round = 0; self->round < ROUNDS + PLACE_ROUND + 1; self->round++) {
        gboolean in_turn = self->round == PLACE_ROUND || go_in_turn(self, n);
        lamp_parallel_for(n, in_turn ? 1 : self->options->threads, learn_one, self);
        if (self->round < ROUNDS)
            share_pool(self, n);
    }
}

static void
sample_all(Solution *self, guint32 n)
{
    if (!go_in_turn(self, n)) {
        lamp_parallel_for(n, self->options->threads, sample_one, self);
        return;
    }
    int sweeps = count_sweeps(self), until = sweeps;
    for (guint32 i = 0; i < n; i++)
        self->solvers[i].until = sweeps;
    for (int k = 0; k < until; k++)
        for (guint32 i = 0; i < n; i++) {
            Solver *solver = &self->solvers[i];
            if (k < solver->until)
                sample_once(self, solver, k);
            if (k + 1 == solver->until)
                solver->until = last_sweep(solver, k + 1, sweeps);
            until = MAX(until, solver->until);
        }
}

/* How much rarer than by chance requests changed places. */
static double
in_order(const LampQueuePool *pool)
{
    if (pool->next_expected < MIN_EXPECTED_CHANGES)
        return 0;
    return CLAMP(1 - pool->next_changes / pool->next_expected, 0, 1);
}

static void
solve(LampProblem *problem, const LampInferenceOptions *options, LampReport *report)
{
    guint32 n = problem->n_fields;
    g_autofree Solver *solvers = g_new0(Solver, n + 1);
    g_autofree guint32 *parents = g_new(guint32, problem->input->n_calls + 1);
    Solution self = {problem, options, solvers, parents, report, 0};
    for (gsize i = 0; i < problem->input->n_calls; i++)
        parents[i] = LAMP_NONE;
    lamp_parallel_for(n, options->threads, open_one, &self);
    learn_all(&self, n);
    sample_all(&self, n);
    for (guint32 i = 0; i < n; i++) {
        lamp_sampler_decode(solvers[i].sampler);
        learn_for_report(&solvers[i]);
        lamp_report_field(report, solvers[i].field, solvers[i].sampler,
                          in_order(&solvers[i].pool));
        close_solver(&solvers[i], options->memory);
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
    g_autoptr(LampDialogs) dialogs = lamp_dialogs_new(input);
    LampProblem *problem = lamp_problem_new(&dialogs->input, options->memory);
    LampReport *report = lamp_report_new(&dialogs->input, options);
    solve(problem, options, report);
    lamp_problem_free(problem);
    return lamp_report_finish(report, dialogs->leaders);
}
