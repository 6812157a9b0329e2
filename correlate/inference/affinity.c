/* affinity.c — connections as evidence
 *
 * A worker that serves one connection at a time and keeps one to its database (a process of
 * PHP-FPM, a thread with a session of its own) makes its calls on connections that go with
 * those that its requests come on. How often a step to this callee was made on connection c for
 * requests that came on connection r, and on c at all, gives
 *
 *     log (n(r, c) + LEAN p(c)) / ((n(r) + LEAN) p(c)),   p(c) = n(c) / n
 *
 * for each candidate, without what the candidate's own steps say. Where connections are taken
 * from a common pool n(r, c) / n(r) is p(c), and nothing is said; a connection for each request
 * has no other requests to learn from. A callee whose steps gain too little by it is left out.
 */
#include "correlate/inference/affinity.h"

#include "base/keyed-map.h"

#include <math.h>

#define LEAN 4.0       /* steps' worth of indifference */
#define MOST 5.0       /* nats */
#define MANY_STEPS 64u /* of one request: no longer looked through */
#define LEAST 0.2      /* nats a step, below which a callee's connections tell too little */
#define LEAST_SURE 20  /* steps' worth of it to be made up for */
#define NONE G_MAXUINT32
#define MOST_MEMORY ((gsize) 1 << 28) /* bytes, for numbering; what is more goes without */

struct LampAffinity {
    const LampField *field;
    guint32 *pair_of, *row_of;   /* per candidate edge: (r, c); (r, callee); NONE: unknown */
    guint32 *column_of, *all_of; /* per step: (process, c); (process, callee) */
    guint32 n_numbers;
    double *tally;       /* by number */
    double *gain;        /* by number of a callee: what the present assignment gets */
    guint32 *owner_edge; /* per step: the candidate edge of its owner, NONE */
};

static guint32
number_of(LampKeyedMap *numbers, guint32 kind, guint32 a, guint32 b)
{
    guint32 key[3] = {kind, a, b};
    gboolean is_new;
    guint64 *number =
        lamp_keyed_map_add(numbers, lamp_bytes((const guint8 *) key, sizeof key), &is_new);
    if (number == NULL)
        return NONE;
    if (is_new)
        *number = lamp_keyed_map_size(numbers) - 1;
    return (guint32) *number;
}

static guint32
connection_of(const LampRequest *r, const LampInferenceInput *input)
{
    return r->is_fetched ? 0 : input->calls[r->call].server_connection;
}

static gboolean
has_connections(const LampField *field, const LampInferenceInput *input)
{
    gboolean has_requests = FALSE, has_steps = FALSE;
    for (guint32 i = 0; i < field->n_requests && !has_requests; i++)
        has_requests = connection_of(&field->requests[i], input) != 0;
    for (guint32 s = 0; s < field->n_steps && !has_steps; s++)
        has_steps = input->calls[field->steps[s].call].client_connection != 0;
    return has_requests && has_steps;
}

static void
number_step(LampAffinity *self, guint32 s, const LampInferenceInput *input,
            LampKeyedMap *numbers)
{
    enum { PAIR, ROW, COLUMN, ALL };
    const LampField *f = self->field;
    const LampStep *step = &f->steps[s];
    guint32 made_on = input->calls[step->call].client_connection;
    guint32 callee = f->step_kind_service[step->kind];
    self->column_of[s] =
        made_on == 0 ? NONE : number_of(numbers, COLUMN, step->process, made_on);
    self->all_of[s] = made_on == 0 ? NONE : number_of(numbers, ALL, step->process, callee);
    for (guint32 j = 0; j < step->n_candidates; j++) {
        guint32 at = step->first_candidate + j;
        guint32 came_on = connection_of(&f->requests[f->candidates[at]], input);
        gboolean is_known =
            self->column_of[s] != NONE && self->all_of[s] != NONE && came_on != 0;
        self->pair_of[at] = is_known ? number_of(numbers, PAIR, came_on, made_on) : NONE;
        self->row_of[at] = is_known ? number_of(numbers, ROW, came_on, callee) : NONE;
        self->pair_of[at] = self->row_of[at] == NONE ? NONE : self->pair_of[at];
    }
}

LampAffinity *
lamp_affinity_new(const LampField *field, const LampInferenceInput *input)
{
    if (!has_connections(field, input))
        return NULL;
    LampAffinity *self = g_new0(LampAffinity, 1);
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new(MOST_MEMORY);
    self->field = field;
    self->pair_of = g_new(guint32, (gsize) field->n_candidates + 1);
    self->row_of = g_new(guint32, (gsize) field->n_candidates + 1);
    self->column_of = g_new(guint32, (gsize) field->n_steps + 1);
    self->all_of = g_new(guint32, (gsize) field->n_steps + 1);
    self->owner_edge = g_new(guint32, (gsize) field->n_steps + 1);
    for (guint32 s = 0; s < field->n_steps; s++)
        number_step(self, s, input, numbers);
    self->n_numbers = lamp_keyed_map_size(numbers);
    self->tally = g_new(double, (gsize) self->n_numbers + 1);
    self->gain = g_new(double, (gsize) self->n_numbers + 1);
    return self;
}

void
lamp_affinity_free(LampAffinity *self)
{
    if (self == NULL)
        return;
    g_free(self->pair_of);
    g_free(self->row_of);
    g_free(self->column_of);
    g_free(self->all_of);
    g_free(self->owner_edge);
    g_free(self->tally);
    g_free(self->gain);
    g_free(self);
}

/* Steps with few candidates tell most. */
static double
weight_of(const LampStep *step)
{
    return 1.0 / step->n_candidates;
}

static void
count_steps(LampAffinity *self, const LampState *state)
{
    const LampField *f = self->field;
    memset(self->tally, 0, self->n_numbers * sizeof *self->tally);
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        self->owner_edge[s] = NONE;
        for (guint32 j = 0; j < step->n_candidates; j++)
            if (f->candidates[step->first_candidate + j] == state->owner[s])
                self->owner_edge[s] = step->first_candidate + j;
        guint32 edge = self->owner_edge[s];
        if (edge == NONE || self->pair_of[edge] == NONE)
            continue;
        guint32 numbers[] = {self->pair_of[edge], self->row_of[edge], self->column_of[s],
                             self->all_of[s]};
        for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
            self->tally[numbers[i]] += weight_of(step);
    }
}

static double
score(const LampAffinity *self, const LampState *state, guint32 s, guint32 edge)
{
    const LampField *f = self->field;
    const LampKids *kids = &state->kids[f->candidates[edge]];
    guint32 pair = self->pair_of[edge], row = self->row_of[edge];
    if (pair == NONE || kids->n > MANY_STEPS || self->tally[self->all_of[s]] <= 0)
        return 0;
    double together = self->tally[pair], asked = self->tally[row];
    for (guint32 k = 0; k < kids->n; k++) {
        guint32 other = self->owner_edge[kids->at[k]];
        double weight = weight_of(&f->steps[kids->at[k]]);
        if (other == NONE || self->row_of[other] != row)
            continue;
        asked -= weight;
        together -= self->pair_of[other] == pair ? weight : 0;
    }
    double share = self->tally[self->column_of[s]] / self->tally[self->all_of[s]];
    share = CLAMP(share, 1e-4, 1);
    return CLAMP(log((MAX(together, 0) + LEAN * share) / ((MAX(asked, 0) + LEAN) * share)),
                 -MOST, MOST);
}

/* Where connections do not go together, what they say is noise, and steps that fit many
 * requests can be dealt so that they seem to. Those with a single candidate cannot: they
 * decide. */
static void
measure_gains(LampAffinity *self, const LampState *state)
{
    for (guint32 i = 0; i < self->n_numbers; i++)
        self->gain[i] = -LEAST * LEAST_SURE;
    for (guint32 s = 0; s < self->field->n_steps; s++) {
        guint32 edge = self->owner_edge[s];
        if (edge != NONE && self->pair_of[edge] != NONE &&
            self->field->steps[s].n_candidates == 1)
            self->gain[self->all_of[s]] += score(self, state, s, edge) - LEAST;
    }
}

void
lamp_affinity_add(LampAffinity *self, const LampState *state, float *bonus)
{
    const LampField *f = self->field;
    count_steps(self, state);
    measure_gains(self, state);
    for (guint32 s = 0; s < f->n_steps; s++)
        for (guint32 j = 0; j < f->steps[s].n_candidates; j++) {
            guint32 edge = f->steps[s].first_candidate + j;
            if (self->pair_of[edge] != NONE && self->gain[self->all_of[s]] > 0)
                bonus[edge] += (float) score(self, state, s, edge);
        }
}
