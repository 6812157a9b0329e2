/* sample.c — samples assignments from the posterior
 *
 * State: an owner for every step. Blocks: for each pair of requests that share a candidate
 * step, the steps that both could have. Small blocks are resampled from their conditional
 * distribution over all usual ways (block.h; what is left out is less likely by 16 nats); in
 * larger ones a symmetric proposal (one step, all from some moment on, one kind of step, a
 * random subset) changes sides and is accepted by Metropolis' rule. The choice of block does
 * not depend on the state, so the posterior stays invariant but for the ways left out. What is
 * recorded is the conditional probability in the block, not only the outcome (Rao and
 * Blackwell), so a few dozen sweeps give usable small probabilities. Pairs in which nothing
 * happens are visited less often. */
#include "correlate/inference/sample.h"

#include "correlate/inference/block.h"
#include "correlate/inference/record.h"

#include <math.h>
#include <stdlib.h>

#define CALM_VISITS 3
#define CALM_EVERY 12
#define CERTAIN 0.9999
#define SURE 0.99999
#define SURE_VISITS 2
#define MAX_NEIGHBOURS 24

/* Events of the requests that overlap those of a block, for the order among them. */
struct LampNeighbours {
    LampEvents events[MAX_NEIGHBOURS];
    guint8 of[MAX_NEIGHBOURS]; /* bit 0: of a, bit 1: of b */
    guint32 n;
    gboolean same_kind; /* a and b */
    LampEvents a, b;    /* of the arrangement looked at */
};

LampSampler *
lamp_sampler_new(LampState *state, LampModel *model)
{
    LampSampler *self = g_new0(LampSampler, 1);
    self->state = state;
    self->model = model;
    self->random = 0x1a3b5c7d9e8f6021;
    lamp_sampler_find_pairs(self);
    self->neighbours = g_new0(struct LampNeighbours, 1);
    self->sure = g_new0(guint8, state->field->n_steps + 1);
    return self;
}

void
lamp_sampler_free(LampSampler *self)
{
    if (!self)
        return;
    g_free(self->pairs);
    g_free(self->partners);
    g_free(self->first_partner);
    g_free(self->neighbours);
    g_free(self->share);
    g_free(self->no_share);
    g_free(self->visits);
    lamp_sets_free(self->sets);
    g_free(self->sure);
    g_free(self);
}

void
lamp_sampler_wake(LampSampler *self)
{
    for (guint32 i = 0; i < self->n_pairs; i++)
        self->pairs[i].calm = 0;
    memset(self->sure, 0, self->state->field->n_steps);
}

typedef struct {
    guint32 steps[LAMP_MAX_KIDS];
    guint32 n;
} List;

/* Splits the block's steps into the lists of both requests; sides may be replaced by `in_b`. */
static void
split(const LampBlock *block, const guint8 *in_b, List *a, List *b)
{
    a->n = b->n = 0;
    for (guint32 i = 0; i < block->n; i++) {
        List *to = in_b[i] ? b : a;
        to->steps[to->n++] = block->steps[i];
    }
}

static const LampKind *
kind_of(const LampSampler *self, guint32 request)
{
    return &self->model->kinds[self->state->field->requests[request].kind];
}

/* Adds the partners of one side of a block, but for the other side. */
static void
add_neighbours(LampSampler *self, guint32 request, guint32 except, guint8 side)
{
    struct LampNeighbours *to = self->neighbours;
    const LampRequest *requests = self->state->field->requests;
    for (guint32 i = self->first_partner[request]; i < self->first_partner[request + 1]; i++) {
        guint32 other = self->partners[i];
        if (other == except || requests[other].kind != requests[request].kind ||
            to->n == MAX_NEIGHBOURS)
            continue;
        lamp_state_events(self->state, self->model, other, &to->events[to->n]);
        to->of[to->n++] = side;
    }
}

static gboolean
has_queue(LampSampler *self, guint32 a, guint32 b)
{
    return !self->state->sets && (kind_of(self, a)->has_queue || kind_of(self, b)->has_queue);
}

static void
gather_neighbours(LampSampler *self, guint32 a, guint32 b)
{
    const LampRequest *requests = self->state->field->requests;
    self->neighbours->n = 0;
    self->neighbours->same_kind = requests[a].kind == requests[b].kind;
    if (kind_of(self, a)->has_queue)
        add_neighbours(self, a, b, 1);
    if (kind_of(self, b)->has_queue)
        add_neighbours(self, b, a, 2);
}

/* What the order among the block's requests and their neighbours adds. */
static double
score_order(const LampSampler *self, const LampBlock *block)
{
    struct LampNeighbours *near = self->neighbours;
    const LampKind *a = kind_of(self, block->a), *b = kind_of(self, block->b);
    double sum = 0;
    if (near->same_kind)
        sum += lamp_queue_score(self->model, a, &near->a, &near->b);
    for (guint32 i = 0; i < near->n; i++)
        sum += near->of[i] == 1 ? lamp_queue_score(self->model, a, &near->a, &near->events[i])
                                : lamp_queue_score(self->model, b, &near->b, &near->events[i]);
    return sum;
}

static double
score_sides(const LampSampler *self, const LampBlock *block, const guint8 *in_b, double *out_a,
            double *out_b)
{
    List a, b;
    LampEvents *events_a = block->has_queue ? &self->neighbours->a : NULL;
    LampEvents *events_b = block->has_queue ? &self->neighbours->b : NULL;
    split(block, in_b, &a, &b);
    *out_a = lamp_state_score(self->state, self->model, block->a, a.steps, a.n, events_a);
    *out_b = lamp_state_score(self->state, self->model, block->b, b.steps, b.n, events_b);
    return *out_a + *out_b + (block->has_queue ? score_order(self, block) : 0);
}

static void
commit(LampSampler *self, const LampBlock *block, const guint8 *in_b, double score_a,
       double score_b)
{
    List a, b;
    split(block, in_b, &a, &b);
    lamp_state_replace(self->state, block->a, a.steps, a.n);
    lamp_state_replace(self->state, block->b, b.steps, b.n);
    self->state->score[block->a] = score_a;
    self->state->score[block->b] = score_b;
}

/* The best way; the present one unless another is really better. */
static guint32
take_highest(const double *scores, guint32 n, guint32 now)
{
    guint32 best = now;
    for (guint32 i = 0; i < n; i++)
        if (scores[i] > scores[best] * 1.000001)
            best = i;
    return best;
}

static void
set_sides(const LampBlock *block, guint32 way, guint8 *in_b)
{
    for (guint32 i = 0; i < block->n_flexible; i++)
        in_b[block->flexible[i]] = way >> i & 1;
}

/* Scores of all ways; returns the best. */
static double
score_ways(const LampSampler *self, const LampBlock *block, const LampWays *list,
           double *out_scores, double *out_a, double *out_b)
{
    guint8 in_b[2 * LAMP_MAX_KIDS];
    double best = -INFINITY;
    memcpy(in_b, block->in_b, block->n);
    for (guint32 k = 0; k < list->n; k++) {
        if (k == list->now && !block->has_queue) {
            out_a[k] = self->state->score[block->a];
            out_b[k] = self->state->score[block->b];
            out_scores[k] = out_a[k] + out_b[k];
        } else {
            set_sides(block, list->ways[k], in_b);
            out_scores[k] = score_sides(self, block, in_b, &out_a[k], &out_b[k]);
        }
        best = MAX(best, out_scores[k]);
    }
    return best;
}

/* What odds in this block are raised to before they are written down (temper.c): moves go by
 * the model as it is. */
static double
temper_of(const LampSampler *self, const LampBlock *block)
{
    double a = kind_of(self, block->a)->temper, b = kind_of(self, block->b)->temper;
    return MIN(a > 0 ? a : 1, b > 0 ? b : 1);
}

static void
record_ways(LampSampler *self, const LampBlock *block, const LampWays *list, double *shares)
{
    double temper = temper_of(self, block), sum = 0;
    if (temper < 1) {
        for (guint32 k = 0; k < list->n; k++)
            sum += shares[k] = pow(shares[k], temper);
        for (guint32 k = 0; k < list->n; k++)
            shares[k] /= sum;
    }
    lamp_record_ways(self, block, list, shares);
}

/* Resamples a block from its exact conditional distribution; the chance of no change. */
static double
resample_exactly(LampSampler *self, LampBlock *block, const LampWays *list)
{
    double scores[LAMP_MAX_WAYS], a[LAMP_MAX_WAYS] = {0}, b[LAMP_MAX_WAYS] = {0}, sum = 0;
    double best = score_ways(self, block, list, scores, a, b);
    guint32 chosen = 0;
    for (guint32 k = 0; k < list->n; k++)
        sum += scores[k] = exp(scores[k] - best);
    for (guint32 k = 0; k < list->n; k++)
        scores[k] /= sum;
    double u = lamp_random_unit(&self->random), stay = scores[list->now];
    for (; chosen + 1 < list->n && u >= scores[chosen]; chosen++)
        u -= scores[chosen];
    if (self->greedy)
        chosen = take_highest(scores, list->n, list->now);
    if (self->share && !self->greedy)
        record_ways(self, block, list, scores);
    if (chosen == list->now)
        return stay;
    set_sides(block, list->ways[chosen], block->in_b);
    commit(self, block, block->in_b, a[chosen], b[chosen]);
    return 0;
}

/* Turns over some of the block's flexible steps; which ones does not depend on their sides. */
static void
propose(LampSampler *self, const LampBlock *block, guint8 *in_b)
{
    const LampStep *steps = self->state->field->steps;
    guint64 u = lamp_random(&self->random);
    guint32 n = block->n_flexible, at = (guint32) (u >> 8 & 0xffff) % MAX(n, 1);
    guint32 kind = steps[block->steps[block->flexible[at]]].kind;
    for (guint32 i = 0; i < n; i++) {
        guint32 p = block->flexible[i];
        gboolean turn = FALSE;
        switch (u & 3) {
        case 0: /* all from some moment on */
            turn = i >= at;
            break;
        case 1: /* a short run */
            turn = i >= at && i <= at + (u >> 4 & 3);
            break;
        case 2: /* one kind */
            turn = steps[block->steps[p]].kind == kind &&
                   ((u >> 5 & 1) || (u >> (24 + i % 40) & 1));
            break;
        default:
            turn = u >> (24 + i % 40) & 1;
            break;
        }
        in_b[p] = (guint8) (block->in_b[p] ^ turn);
    }
}

static double
resample_by_proposals(LampSampler *self, LampBlock *block)
{
    guint8 in_b[2 * LAMP_MAX_KIDS];
    double accepted = 0, a, b;
    double now = block->has_queue ? score_sides(self, block, block->in_b, &a, &b)
                                  : self->state->score[block->a] + self->state->score[block->b];
    guint32 tries = 4 + block->n_flexible;
    gboolean recording = self->share && !self->greedy;
    double temper = temper_of(self, block);
    if (recording)
        lamp_record_look(self, block);
    for (guint32 k = 0; k < tries; k++) {
        memcpy(in_b, block->in_b, block->n);
        propose(self, block, in_b);
        double then = score_sides(self, block, in_b, &a, &b);
        double p = then >= now ? 1 : exp(then - now);
        if (recording)
            lamp_record_change(self, block, in_b, pow(p, temper), tries);
        accepted = MAX(accepted, p);
        if (self->greedy ? then <= now + 1e-6 : lamp_random_unit(&self->random) >= p)
            continue;
        commit(self, block, in_b, a, b);
        now = then;
        memcpy(block->in_b, in_b, block->n);
    }
    return 1 - accepted;
}

static void
visit_pair(LampSampler *self, LampPair *pair)
{
    LampBlock block;
    LampWays ways;
    if (pair->calm >= CALM_VISITS && (self->sweep + pair->a) % CALM_EVERY != 0)
        return;
    if (!lamp_block_gather(self->state, pair->a, pair->b, &block))
        return;
    block.has_queue = has_queue(self, pair->a, pair->b);
    if (block.has_queue)
        gather_neighbours(self, pair->a, pair->b);
    double stay = lamp_block_list_ways(&block, self->state, self->model, &ways)
                      ? resample_exactly(self, &block, &ways)
                      : resample_by_proposals(self, &block);
    pair->calm = stay > CERTAIN ? (guint8) MIN(pair->calm + 1, 200) : 0;
}

/* Score of a request with its order among its neighbours; `extra` is a step more or LAMP_NONE.
 */
static double
score_with(LampSampler *self, guint32 request, guint32 extra, double *out_alone)
{
    LampState *state = self->state;
    const LampKids *kids = &state->kids[request];
    gboolean queue = kind_of(self, request)->has_queue;
    struct LampNeighbours *near = self->neighbours;
    List list = {.n = 0};
    guint32 i = 0;
    for (; i < kids->n && kids->at[i] < extra; i++)
        list.steps[list.n++] = kids->at[i];
    if (extra != LAMP_NONE)
        list.steps[list.n++] = extra;
    for (; i < kids->n; i++)
        list.steps[list.n++] = kids->at[i];
    double sum = *out_alone = lamp_state_score(state, self->model, request, list.steps, list.n,
                                               queue ? &near->a : NULL);
    if (!queue)
        return sum;
    near->n = 0;
    add_neighbours(self, request, request, 1);
    for (guint32 k = 0; k < near->n; k++)
        sum +=
            lamp_queue_score(self->model, kind_of(self, request), &near->a, &near->events[k]);
    return sum;
}

/* Resamples the owner of one step, having none included. */
static void
visit_step(LampSampler *self, guint32 step)
{
    LampState *state = self->state;
    const LampField *f = state->field;
    const LampStep *s = &f->steps[step];
    const guint32 *c = f->candidates + s->first_candidate;
    double logs[LAMP_MAX_CANDIDATES + 1], with[LAMP_MAX_CANDIDATES], without = 0, sum = 0;
    guint32 n = s->n_candidates, owner = state->owner[step], chosen = 0;
    double best = logs[n] = (double) self->model->log_orphan[s->kind];
    lamp_state_assign(state, step, LAMP_NONE);
    for (guint32 j = 0; j < n; j++) {
        logs[j] = -INFINITY;
        with[j] = 0;
        if (state->kids[c[j]].n + 1 >= LAMP_MAX_KIDS)
            continue;
        logs[j] = score_with(self, c[j], step, &with[j]);
        if (c[j] != owner && !kind_of(self, c[j])->has_queue)
            logs[j] -= state->score[c[j]]; /* as it stands, without the step */
        else
            logs[j] -= score_with(self, c[j], LAMP_NONE, &without);
        if (c[j] == owner)
            state->score[owner] = without;
        best = MAX(best, logs[j]);
    }
    for (guint32 j = 0; j <= n; j++)
        sum += logs[j] = exp(logs[j] - best);
    double u = lamp_random_unit(&self->random) * sum;
    for (; chosen < n && u >= logs[chosen]; chosen++)
        u -= logs[chosen];
    if (self->share) {
        for (guint32 j = 0; j < n; j++)
            self->share[s->first_candidate + j] += (float) (logs[j] / sum);
        self->no_share[step] += (float) (logs[n] / sum);
        self->visits[step]++;
    }
    self->sure[step] =
        chosen < n && logs[chosen] > SURE * sum ? (guint8) MIN(self->sure[step] + 1, 200) : 0;
    if (chosen == n)
        return;
    lamp_state_assign(state, step, c[chosen]);
    state->score[c[chosen]] = with[chosen];
}

static double
presence_of(const LampSampler *self, guint32 request)
{
    const LampStep *list[LAMP_MAX_KIDS];
    const LampKids *kids = &self->state->kids[request];
    guint32 n = MIN(kids->n, LAMP_MAX_KIDS);
    for (guint32 i = 0; i < n; i++)
        list[i] = &self->state->field->steps[kids->at[i]];
    return lamp_model_presence(self->model, &self->state->field->requests[request], list, n);
}

/* The request's step that this one would take the place of: the nearest of the same kind. */
static guint32
find_rival(const LampState *state, guint32 step, guint32 request)
{
    const LampStep *steps = state->field->steps;
    const LampKids *kids = &state->kids[request];
    guint32 best = LAMP_NONE;
    gint64 nearest = G_MAXINT64;
    for (guint32 i = 0; i < kids->n; i++) {
        gint64 apart = steps[kids->at[i]].start - steps[step].start;
        apart = apart < 0 ? -apart : apart;
        if (steps[kids->at[i]].kind != steps[step].kind || apart >= nearest)
            continue;
        nearest = apart;
        best = kids->at[i];
    }
    return best;
}

LampParts
lamp_sampler_parts(LampSampler *self, guint32 step, guint32 request)
{
    LampState *state = self->state;
    guint32 owner = state->owner[step];
    guint32 rival = owner == request ? LAMP_NONE : find_rival(state, step, request);
    double alone_with, alone_without;
    if (rival != LAMP_NONE)
        lamp_state_assign(state, rival, LAMP_NONE);
    lamp_state_assign(state, step, LAMP_NONE);
    double without = score_with(self, request, LAMP_NONE, &alone_without);
    double presence = -presence_of(self, request);
    double with = score_with(self, request, step, &alone_with);
    lamp_state_assign(state, step, request);
    presence += presence_of(self, request);
    lamp_state_assign(state, step, owner);
    if (rival != LAMP_NONE)
        lamp_state_assign(state, rival, request);
    double bonus = lamp_state_bonus(state, request, &step, 1);
    LampParts parts = {.presence = presence, .values = bonus};
    parts.delay = alone_with - alone_without - presence - bonus;
    parts.affinity = (with - without) - (alone_with - alone_without);
    return parts;
}

void
lamp_sampler_sweep(LampSampler *self, gboolean orphans)
{
    const LampField *f = self->state->field;
    for (guint32 i = 0; i < self->n_pairs; i++)
        visit_pair(self, &self->pairs[i]);
    if (orphans)
        for (guint32 s = 0; s < f->n_steps; s++)
            if (f->steps[s].n_candidates > 0 && self->sure[s] < SURE_VISITS)
                visit_step(self, s);
    self->sweep++;
}
