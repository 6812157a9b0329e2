/* start.c — a first assignment, before anything is known of the order of steps
 *
 * Idea: expectation maximisation on pairs. For each (kind of request, kind of step) the gap
 * from the request's start and the gap to its end have a density, learnt from all candidate
 * pairs; a pair with k rivals counts 1/k^2, so that what is certain teaches what is not. Then
 * pairs are taken greedily, surest first, where the request has not had as many such steps as
 * it makes on average. Another beginning is had by letting steps of one kind exchange requests
 * until they come in the order of these (average.c says what for). */
#include "correlate/inference/state.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS 3
#define MOST_PASSES 64
#define LIKELY_BACKGROUND 0.5f /* such steps are left without a request at first */

typedef struct {
    float *before, *after; /* histograms, then log densities */
    double weight;
} Pair;

typedef struct {
    float probability;
    guint32 step, candidate;
} Edge;

struct LampStart {
    const LampField *field;
    float scale;
    Pair *pairs;         /* [request kind x step kind] */
    guint32 *n_requests; /* per kind */
    float *share;        /* per candidate edge: probability */
};

static Pair *
pair_of(const LampStart *self, const LampRequest *r, const LampStep *s)
{
    return &self->pairs[r->kind * self->field->n_step_kinds + s->kind];
}

static void
learn_pairs(LampStart *self)
{
    const LampField *f = self->field;
    guint32 n = f->n_request_kinds * f->n_step_kinds;
    for (guint32 i = 0; i < n; i++) {
        g_clear_pointer(&self->pairs[i].before, g_free);
        g_clear_pointer(&self->pairs[i].after, g_free);
        self->pairs[i].weight = 0;
    }
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        for (guint32 j = 0; j < step->n_candidates; j++) {
            guint32 at = step->first_candidate + j;
            const LampRequest *r = &f->requests[f->candidates[at]];
            Pair *p = pair_of(self, r, step);
            if (!p->before) {
                p->before = g_new0(float, LAMP_BINS);
                p->after = g_new0(float, LAMP_BINS);
            }
            lamp_histogram_add(p->before, step->start - r->start, self->scale, self->share[at]);
            lamp_histogram_add(p->after, r->end - step->end, self->scale, self->share[at]);
            p->weight += (double) self->share[at];
        }
    }
    for (guint32 i = 0; i < n; i++) {
        Pair *p = &self->pairs[i];
        if (!p->before)
            continue;
        g_autofree float *before = p->before, *after = p->after;
        p->before = g_new(float, LAMP_BINS);
        p->after = g_new(float, LAMP_BINS);
        lamp_density_fit(before, self->scale, NULL, 0, p->before);
        lamp_density_fit(after, self->scale, NULL, 0, p->after);
    }
}

/* Shares of the candidates of one step; squared while the shares are a guess. */
static void
weigh_step(LampStart *self, const LampStep *step)
{
    const LampField *f = self->field;
    double best = -INFINITY, sum = 0, logs[LAMP_MAX_CANDIDATES];
    for (guint32 j = 0; j < step->n_candidates; j++) {
        const LampRequest *r = &f->requests[f->candidates[step->first_candidate + j]];
        const Pair *p = pair_of(self, r, step);
        logs[j] = log((p->weight + 1e-9) / self->n_requests[r->kind]) +
                  (double) p->before[lamp_density_bin(step->start - r->start, self->scale)] +
                  (double) p->after[lamp_density_bin(r->end - step->end, self->scale)];
        best = MAX(best, logs[j]);
    }
    for (guint32 j = 0; j < step->n_candidates; j++)
        sum += logs[j] = exp(logs[j] - best);
    for (guint32 j = 0; j < step->n_candidates; j++)
        self->share[step->first_candidate + j] = (float) (logs[j] / sum);
}

static int
compare_edges(const void *a, const void *b)
{
    const Edge *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Steps of a kind that a request of a kind makes on average. */
static double
rate_of(const LampStart *self, guint32 pair)
{
    return self->pairs[pair].weight /
           MAX(1, self->n_requests[pair / self->field->n_step_kinds]);
}

/* How many steps of a kind one request takes while there are others to take them. */
static guint32
capacity_of(const LampStart *self, guint32 pair)
{
    double mean = rate_of(self, pair);
    return (guint32) ceil(MAX(mean, 0.5) - 0.2);
}

static void
take_greedily(LampStart *self, LampState *state)
{
    const LampField *f = self->field;
    g_autofree Edge *edges = g_new(Edge, f->n_candidates + 1);
    guint32 n = 0;
    for (guint32 s = 0; s < f->n_steps; s++)
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++)
            edges[n++] = (Edge){self->share[f->steps[s].first_candidate + j], s, j};
    qsort(edges, n, sizeof *edges, compare_edges);
    for (int full = 0; full < 2; full++) {
        for (guint32 i = 0; i < n; i++) {
            const LampStep *step = &f->steps[edges[i].step];
            guint32 r = f->candidates[step->first_candidate + edges[i].candidate];
            guint32 pair = f->requests[r].kind * f->n_step_kinds + step->kind, had = 0;
            if (state->owner[edges[i].step] != LAMP_NONE ||
                f->background[step->kind] > LIKELY_BACKGROUND)
                continue;
            for (guint32 k = 0; k < state->kids[r].n; k++)
                had += f->steps[state->kids[r].at[k]].kind == step->kind;
            if (full || had < capacity_of(self, pair))
                lamp_state_assign(state, edges[i].step, r);
        }
    }
}

static gboolean
is_candidate(const LampField *f, guint32 step, guint32 request)
{
    const LampStep *s = &f->steps[step];
    for (guint32 j = 0; j < s->n_candidates; j++)
        if (f->candidates[s->first_candidate + j] == request)
            return TRUE;
    return FALSE;
}

/* Steps of one kind, in order of time, that change owners so that these are, too. */
static gboolean
uncross_once(const LampField *f, LampState *state, const guint32 *steps, guint32 n)
{
    gboolean changed = FALSE;
    for (guint32 i = 0; i + 1 < n; i++) {
        guint32 s = steps[i], t = steps[i + 1], a = state->owner[s], b = state->owner[t];
        if (a == LAMP_NONE || b == LAMP_NONE || a == b ||
            f->requests[a].start <= f->requests[b].start || !is_candidate(f, s, b) ||
            !is_candidate(f, t, a))
            continue;
        lamp_state_assign(state, s, LAMP_NONE);
        lamp_state_assign(state, t, LAMP_NONE);
        lamp_state_assign(state, s, b);
        lamp_state_assign(state, t, a);
        changed = TRUE;
    }
    return changed;
}

static void
uncross(LampState *state)
{
    const LampField *f = state->field;
    g_autofree guint32 *steps = g_new(guint32, f->n_steps + 1);
    for (guint32 kind = 0; kind < f->n_step_kinds; kind++) {
        guint32 n = 0;
        for (guint32 s = 0; s < f->n_steps; s++)
            if (f->steps[s].kind == kind && state->owner[s] != LAMP_NONE)
                steps[n++] = s;
        guint32 pass = 0;
        while (pass < MOST_PASSES && uncross_once(f, state, steps, n))
            pass++;
    }
}

/* The number of requests that a step may belong to, those of kinds that seldom make such steps
 * in part. */
static float
count_rivals(const LampStart *self, const LampStep *step)
{
    const LampField *f = self->field;
    double most = 1e-9, sum = 0, rates[LAMP_MAX_CANDIDATES];
    for (guint32 j = 0; j < step->n_candidates; j++) {
        guint32 r = f->candidates[step->first_candidate + j];
        rates[j] = rate_of(self, f->requests[r].kind * f->n_step_kinds + step->kind);
        most = MAX(most, rates[j]);
    }
    for (guint32 j = 0; j < step->n_candidates; j++)
        sum += rates[j] / most;
    return (float) sum;
}

/* Weight of a request: one over the square of its steps' mean number of rivals. */
static void
weigh_requests(const LampStart *self, float *out)
{
    const LampField *f = self->field;
    g_autofree float *rivals = g_new0(float, f->n_requests + 1);
    g_autofree float *steps = g_new0(float, f->n_requests + 1);
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        float k = count_rivals(self, step);
        for (guint32 j = 0; j < step->n_candidates; j++) {
            rivals[f->candidates[step->first_candidate + j]] += k;
            steps[f->candidates[step->first_candidate + j]] += 1;
        }
    }
    for (guint32 r = 0; r < f->n_requests; r++) {
        float mean = steps[r] > 0 ? rivals[r] / steps[r] : 1;
        out[r] = 1 / MAX(mean * mean, 1);
    }
}

LampStart *
lamp_start_new(const LampField *f)
{
    LampStart *self = g_new0(LampStart, 1);
    self->field = f;
    self->scale = 1.0f / (float) f->resolution;
    self->pairs = g_new0(Pair, f->n_request_kinds * f->n_step_kinds + 1);
    self->share = g_new0(float, f->n_candidates + 1);
    self->n_requests = g_new0(guint32, f->n_request_kinds + 1);
    for (guint32 r = 0; r < f->n_requests; r++)
        self->n_requests[f->requests[r].kind]++;
    for (guint32 s = 0; s < f->n_steps; s++) {
        guint32 k = f->steps[s].n_candidates;
        for (guint32 j = 0; j < k; j++)
            self->share[f->steps[s].first_candidate + j] = 1.0f / (float) k / (float) k;
    }
    for (int round = 0; round < ROUNDS; round++) {
        learn_pairs(self);
        for (guint32 s = 0; s < f->n_steps; s++)
            weigh_step(self, &f->steps[s]);
    }
    return self;
}

const float *
lamp_start_shares(const LampStart *self)
{
    return self->share;
}

void
lamp_start_free(LampStart *self)
{
    if (!self)
        return;
    for (guint32 i = 0; i < self->field->n_request_kinds * self->field->n_step_kinds; i++) {
        g_free(self->pairs[i].before);
        g_free(self->pairs[i].after);
    }
    g_free(self->pairs);
    g_free(self->share);
    g_free(self->n_requests);
    g_free(self);
}

/* What else speaks for each candidate, by Bayes' rule. */
static void
count_bonus(LampStart *self, const float *bonus)
{
    for (guint32 s = 0; s < self->field->n_steps; s++) {
        const LampStep *step = &self->field->steps[s];
        double logs[LAMP_MAX_CANDIDATES], best = -INFINITY, sum = 0;
        for (guint32 j = 0; j < step->n_candidates; j++) {
            guint32 at = step->first_candidate + j;
            logs[j] = log((double) self->share[at] + 1e-30) + (double) bonus[at];
            best = MAX(best, logs[j]);
        }
        for (guint32 j = 0; j < step->n_candidates; j++)
            sum += exp(logs[j] - best);
        for (guint32 j = 0; j < step->n_candidates; j++)
            self->share[step->first_candidate + j] = (float) (exp(logs[j] - best) / sum);
    }
}

void
lamp_start_assign(LampStart *self, LampState *state, float *out_weights)
{
    if (state->bonus)
        count_bonus(self, state->bonus);
    take_greedily(self, state);
    if (self->field->begins_in_order)
        uncross(state);
    weigh_requests(self, out_weights);
}
