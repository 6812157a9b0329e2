/* decode.c — one assignment out of the marginals
 *
 * Taking the most probable request for each step by itself can give two steps of one kind to
 * one request and none to another, or mix two ways of which each is whole. So: start from that,
 * then let pairs of requests exchange steps as long as the sum of the log marginals and of the
 * logs of how often each request had all of its steps together grows. The same blocks as in
 * sampling, at zero temperature. A step for which that ends far below its best takes the best
 * back. */
#include "correlate/inference/sample.h"

#include <math.h>

#define SWEEPS 4
#define LEAST 1e-4f   /* a marginal that was never seen is not zero */
#define FAR_LESS 0.5F /* of the best one's share */

static float *
log_marginals(const LampSampler *self)
{
    const LampField *f = self->state->field;
    float *logs = g_new(float, f->n_candidates + 1);
    for (guint32 s = 0; s < f->n_steps; s++)
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++) {
            guint32 at = f->steps[s].first_candidate + j;
            float share = self->visits[s]
                              ? self->share[at] / (float) self->visits[s]
                              : (float) (self->state->owner[s] == f->candidates[at]);
            logs[at] = logf(MAX(share, LEAST));
        }
    return logs;
}

double
lamp_sampler_doubt(const LampSampler *self)
{
    const LampField *f = self->state->field;
    double sum = 0;
    for (guint32 s = 0; s < f->n_steps; s++) {
        float most = self->no_share[s];
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++)
            most = MAX(most, self->share[f->steps[s].first_candidate + j]);
        if (self->visits[s] > 0)
            sum += 1 - (double) most / self->visits[s];
    }
    return f->n_steps ? sum / f->n_steps : 0;
}

static void
take_best(LampSampler *self)
{
    const LampField *f = self->state->field;
    for (guint32 s = 0; s < f->n_steps; s++) {
        guint32 best = LAMP_NONE;
        float most = self->no_share[s];
        if (!self->visits[s])
            continue;
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++) {
            guint32 at = f->steps[s].first_candidate + j;
            if (self->share[at] <= most)
                continue;
            most = self->share[at];
            best = f->candidates[at];
        }
        lamp_state_assign(self->state, s, best);
    }
}

/* Where exchanges led to a request that is far less probable than the best, that one again. */
static void
keep_likely(LampSampler *self)
{
    const LampField *f = self->state->field;
    for (guint32 s = 0; s < f->n_steps; s++) {
        guint32 owner = self->state->owner[s], best = LAMP_NONE;
        float most = self->no_share[s], own = owner == LAMP_NONE ? most : 0;
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++) {
            guint32 at = f->steps[s].first_candidate + j;
            if (f->candidates[at] == owner)
                own = self->share[at];
            if (self->share[at] <= most)
                continue;
            most = self->share[at];
            best = f->candidates[at];
        }
        if (self->visits[s] && own < FAR_LESS * most)
            lamp_state_assign(self->state, s, best);
    }
}

void
lamp_sampler_decode(LampSampler *self)
{
    g_autofree float *logs = log_marginals(self);
    const float *bonus = self->state->bonus;
    take_best(self);
    self->state->bonus = logs;
    self->state->sets = self->sets;
    self->greedy = TRUE;
    for (guint32 i = 0; i < self->n_pairs; i++)
        self->pairs[i].calm = 0;
    lamp_state_rescore(self->state, self->model);
    for (int i = 0; i < SWEEPS; i++)
        lamp_sampler_sweep(self, FALSE);
    keep_likely(self);
    self->greedy = FALSE;
    self->state->sets = NULL;
    self->state->bonus = bonus;
}
