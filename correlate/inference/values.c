/* values.c — which columns of values tell requests apart, and how much
 *
 * A *column* is a kind of step with a place that its values are seen in (a header, a field, the
 * thread) and such a place of requests. If a step and a request share a value there, that says
 * log(p / c); if both bear values and share none, log((1 - p) / (1 - c)); if only the request
 * has one, log(a / b). p: how often steps share one with their request, and a: how often they
 * have none, both learnt for each kind of request; c: the share of the process's requests that
 * bear this value, so rare values weigh more; b: how often any
 * step of the kind has none.
 *
 * Where values come in runs (a date, a session), overlapping requests share them more often
 * than any two do: c is multiplied by how much more often.
 *
 * A column of noise must say nothing. If p were learnt from links that the column has helped to
 * choose, it would confirm itself. So it is learnt against what the times alone say of each
 * candidate, by expectation maximisation of
 *
 *     sum over steps of log(sum over candidates r of share(r) ratio(r))
 *
 * which is 0 if the column tells nothing, whatever the times say; a column takes part only if
 * this gain exceeds what is gained when every step is given the values of another one of its
 * kind, far away, and the log odds against it: 3 nats, the log of the number of columns looked
 * at, and half a log of the steps for each p. Of several columns the most telling match and the
 * most telling mismatch count: columns of one message often say the same.
 *
 * Limits: 16 columns of a kind of step, those with most and rarest matches. */
#include "correlate/inference/values.h"

#include "base/keyed-map.h"
#include "correlate/inference/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define THREAD_SLOT G_MAXUINT32
#define MOST_VALUES 256u /* of one call */
#define MOST_OF_SLOT 16u /* of one call in one place */
#define MOST_COLUMNS 16u /* of one kind of step */
#define MOST_MEMORY ((gsize) 1 << 28)
#define MAX_WEIGHT 14.0 /* nats; no single value proves more */
#define LEAN 1.0        /* links' worth of what all kinds of requests do, or of p = 1/2 */
#define LEAN_CHANCE 0.1 /* matches by accident */
#define ROUNDS 12
#define ANYTHING 0.1f /* of a step's shares: the times may mislead */
#define NOBODY 0.02   /* no candidate at all is right */
#define AGAINST 3.0   /* nats */

typedef struct {
    guint32 slot;
    guint64 hash;
} Value;

typedef struct {
    Value at[MOST_VALUES];
    guint32 n;
} Values;

typedef enum { MATCH, MISMATCH, ABSENT } Outcome;

/* A candidate edge whose request has values in the column. */
typedef struct {
    guint32 edge;
    float chance; /* c */
    float any;    /* that a request shares any of the step's values */
    Outcome outcome;
} Sighting;

typedef struct {
    guint32 step_kind, slot, request_slot;
    double promise;     /* nats that the matches would be worth at most */
    GArray *sightings;  /* Sighting, by edge */
    double *p, *absent; /* per kind of request */
    double lift, all_absent;
    double gain; /* nats, more than by chance */
} Column;

typedef struct {
    const LampField *field;
    const LampInferenceInput *input;
    LampColumns columns;
    const float *shares;
    LampKeyedMap *bearers; /* (process, slot, hash), and (process, slot) for all */
    GArray *found;         /* Column, by step kind */
    guint32 *first;        /* per step kind: in `found` */
    guint32 *step_of;      /* per candidate edge */
    const guint32 *other;  /* per step: the step whose values it is given; NULL: its own */
} Table;

static void
add_value(Values *to, guint32 slot, guint64 hash)
{
    if (to->n < MOST_VALUES)
        to->at[to->n++] = (Value){slot, hash};
}

static void
add_side(Values *to, const LampInferenceInput *input, const LampInferenceCall *c,
         LampValueSide side)
{
    for (guint32 k = 0; k < c->value_count; k++) {
        const LampInferenceValue *v = &input->values[c->first_value + k];
        if (v->side == side)
            add_value(to, v->slot, v->hash);
    }
}

/* What a request was asked with: where it was fetched, the reply. */
static void
read_request(const Table *self, const LampRequest *r, Values *out)
{
    const LampInferenceCall *c = &self->input->calls[r->call];
    gboolean is_fetched = c->server_process != r->process;
    guint32 thread = is_fetched ? c->client_thread : c->server_thread;
    out->n = 0;
    if (self->columns == LAMP_COLUMNS_VALUES)
        add_side(out, self->input, c, is_fetched ? LAMP_VALUE_RESPONSE : LAMP_VALUE_REQUEST);
    else if (thread != 0)
        add_value(out, THREAD_SLOT, thread);
}

static void
read_step(const Table *self, const LampStep *s, Values *out)
{
    const LampInferenceCall *c = &self->input->calls[s->call];
    out->n = 0;
    if (self->columns == LAMP_COLUMNS_VALUES)
        add_side(out, self->input, c, LAMP_VALUE_REQUEST);
    else if (c->client_thread != 0)
        add_value(out, THREAD_SLOT, c->client_thread);
}

/* The count of requests of a process that bear a value, or any in this slot. */
static guint64 *
bearers_of(LampKeyedMap *map, guint32 process, guint32 slot, const Value *value, gboolean add)
{
    guint64 key[3] = {(guint64) process << 32 | slot, value != NULL, value ? value->hash : 0};
    LampBytes bytes = lamp_bytes((const guint8 *) key, sizeof key);
    return add ? lamp_keyed_map_add(map, bytes, NULL) : lamp_keyed_map_find(map, bytes);
}

static void
count_bearers(Table *self)
{
    Values values;
    for (guint32 i = 0; i < self->field->n_requests; i++) {
        const LampRequest *r = &self->field->requests[i];
        read_request(self, r, &values);
        for (guint32 k = 0; k < values.n; k++) {
            gboolean is_first = k == 0 || values.at[k].slot != values.at[k - 1].slot;
            guint64 *n =
                bearers_of(self->bearers, r->process, values.at[k].slot, &values.at[k], TRUE);
            *(n ? n : &(guint64){0}) += 1;
            n = is_first ? bearers_of(self->bearers, r->process, values.at[k].slot, NULL, TRUE)
                         : NULL;
            *(n ? n : &(guint64){0}) += 1;
        }
    }
}

static double
chance_of(const Table *self, guint32 process, guint32 slot, const Value *value)
{
    const guint64 *n = bearers_of(self->bearers, process, slot, value, FALSE);
    const guint64 *all = bearers_of(self->bearers, process, slot, NULL, FALSE);
    return ((n ? (double) *n : 0) + 0.5) / ((all ? (double) *all : 0) + 1);
}

/* Columns in which some step shares a value with a candidate. */
static void
note_matches(Table *self, LampKeyedMap *numbers, const LampStep *s, guint32 edge,
             const Values *of_step, const Values *of_request)
{
    for (guint32 i = 0; i < of_step->n; i++)
        for (guint32 j = 0; j < of_request->n; j++) {
            const Value *v = &of_step->at[i], *w = &of_request->at[j];
            guint32 key[3] = {s->kind, v->slot, w->slot};
            gboolean is_new;
            if (v->hash != w->hash)
                continue;
            guint64 *at = lamp_keyed_map_add(
                numbers, lamp_bytes((const guint8 *) key, sizeof key), &is_new);
            if (at == NULL)
                continue;
            if (is_new) {
                Column column = {
                    .step_kind = s->kind, .slot = v->slot, .request_slot = w->slot};
                *at = self->found->len;
                g_array_append_val(self->found, column);
            }
            g_array_index(self->found, Column, *at).promise -=
                (double) self->shares[edge] * log(chance_of(self, s->process, w->slot, v));
        }
}

static gint
compare_columns(gconstpointer left, gconstpointer right)
{
    const Column *a = left, *b = right;
    if (a->step_kind != b->step_kind)
        return a->step_kind < b->step_kind ? -1 : 1;
    if (a->promise != b->promise)
        return a->promise > b->promise ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->request_slot < b->request_slot ? -1 : a->request_slot > b->request_slot;
}

/* Calls @visit for each candidate edge whose request has values (and its step, for @numbers).
 */
typedef void (*Visit)(Table *self, LampKeyedMap *numbers, const LampStep *s, guint32 edge,
                      const Values *of_step, const Values *of_request);

static void
visit_edges(Table *self, LampKeyedMap *numbers, Visit visit)
{
    const LampField *f = self->field;
    Values of_step, of_request;
    for (guint32 i = 0; i < f->n_steps; i++) {
        const LampStep *s = &f->steps[i];
        read_step(self, self->other ? &f->steps[self->other[i]] : s, &of_step);
        for (guint32 j = 0; j < s->n_candidates && (of_step.n > 0 || !numbers); j++) {
            read_request(self, &f->requests[f->candidates[s->first_candidate + j]],
                         &of_request);
            if (of_request.n > 0)
                visit(self, numbers, s, s->first_candidate + j, &of_step, &of_request);
        }
    }
}

static void
find_columns(Table *self)
{
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new(MOST_MEMORY);
    visit_edges(self, numbers, note_matches);
    g_array_sort(self->found, compare_columns);
    guint32 kept = 0, of_kind = 0;
    for (guint32 i = 0; i < self->found->len; i++) {
        Column column = g_array_index(self->found, Column, i);
        gboolean is_other =
            kept == 0 ||
            g_array_index(self->found, Column, kept - 1).step_kind != column.step_kind;
        of_kind = is_other ? 1 : of_kind + 1;
        if (of_kind <= MOST_COLUMNS)
            g_array_index(self->found, Column, kept++) = column;
    }
    g_array_set_size(self->found, kept);
    for (guint32 i = 0; i < kept; i++) {
        Column *column = &g_array_index(self->found, Column, i);
        column->sightings = g_array_new(FALSE, FALSE, sizeof(Sighting));
        column->p = g_new(double, (gsize) self->field->n_base_kinds + 1);
        column->absent = g_new(double, (gsize) self->field->n_base_kinds + 1);
    }
    for (guint32 kind = 0, i = 0; kind <= self->field->n_step_kinds; kind++) {
        while (i < kept && g_array_index(self->found, Column, i).step_kind < kind)
            i++;
        self->first[kind] = i;
    }
}

static gboolean
bears(const Values *values, guint32 slot, const Value *value)
{
    for (guint32 k = 0; k < values->n; k++)
        if (values->at[k].slot == slot && (!value || values->at[k].hash == value->hash))
            return TRUE;
    return FALSE;
}

/* One value of a step: the share of requests that bear it, and whether this one does. */
typedef struct {
    float share;
    gboolean is_shared;
} Chance;

static int
compare_chances(const void *a, const void *b)
{
    const Chance *x = a, *y = b;
    return x->share < y->share ? -1 : x->share > y->share;
}

/* The step's values in the column, from the rarest on. */
static guint32
list_chances(const Table *self, const Column *column, const LampStep *s, const Values *of_step,
             const Values *of_request, Chance *out)
{
    guint32 n = 0;
    for (guint32 i = 0; i < of_step->n && n < MOST_OF_SLOT; i++) {
        const Value *v = &of_step->at[i];
        if (v->slot == column->slot)
            out[n++] = (Chance){(float) chance_of(self, s->process, column->request_slot, v),
                                bears(of_request, column->request_slot, v)};
    }
    qsort(out, n, sizeof *out, compare_chances);
    return n;
}

/* Of several values each is as likely to be the one that the step shares with its request; what
 * counts is the rarest that is shared. */
static void
see(const Table *self, Column *column, const LampStep *s, guint32 edge, const Values *of_step,
    const Values *of_request)
{
    Chance chances[MOST_OF_SLOT];
    float none = 1;
    if (!bears(of_request, column->request_slot, NULL))
        return;
    guint32 n = list_chances(self, column, s, of_step, of_request, chances);
    Sighting seen = {edge, 1, 1, n == 0 ? ABSENT : MISMATCH};
    for (guint32 k = 0; k < n; k++) {
        if (seen.outcome == MISMATCH && chances[k].is_shared) {
            seen.outcome = MATCH;
            seen.chance = chances[k].share * none * (float) n;
        }
        none *= 1 - chances[k].share;
    }
    seen.any = 1 - none;
    g_array_append_val(column->sightings, seen);
}

static void
see_edge(Table *self, LampKeyedMap *numbers, const LampStep *s, guint32 edge,
         const Values *of_step, const Values *of_request)
{
    (void) numbers;
    self->step_of[edge] = (guint32) (s - self->field->steps);
    for (guint32 i = self->first[s->kind]; i < self->first[s->kind + 1]; i++)
        see(self, &g_array_index(self->found, Column, i), s, edge, of_step, of_request);
}

static guint32
kind_of(const Table *self, const Sighting *seen)
{
    return self->field->requests[self->field->candidates[seen->edge]].base_kind;
}

static double
ratio_of(const Column *column, const Sighting *seen, guint32 kind)
{
    double p = column->p[kind];
    double present = (1 - column->absent[kind]) / (1 - column->all_absent);
    if (seen->outcome == ABSENT)
        return column->absent[kind] / column->all_absent;
    if (seen->outcome == MATCH)
        return present * p / MIN(1, (double) seen->chance * column->lift);
    return present * (1 - p) / (1 - MIN(p, (double) seen->any * column->lift));
}

/* What the times say, with some doubt. */
static double
share_of(const Table *self, const Sighting *seen)
{
    const LampStep *s = &self->field->steps[self->step_of[seen->edge]];
    return (1 - NOBODY) * (double) ((1 - ANYTHING) * self->shares[seen->edge] +
                                    ANYTHING / (float) s->n_candidates);
}

/* Sums of one round of expectation maximisation. */
typedef struct {
    double *links[ABSENT + 1]; /* by outcome and kind of request */
    double steps, absent_steps;
    double gain;
} Sums;

/* One step: its sightings [from, to). */
static void
weigh_step(const Table *self, const Column *column, guint32 from, guint32 to, Sums *sums)
{
    double total = 1;
    const Sighting *all = (const Sighting *) (gpointer) column->sightings->data;
    for (guint32 i = from; i < to; i++)
        total +=
            share_of(self, &all[i]) * (ratio_of(column, &all[i], kind_of(self, &all[i])) - 1);
    total = MAX(total, 1e-12);
    sums->gain += log(total);
    sums->steps++;
    sums->absent_steps += all[from].outcome == ABSENT;
    for (guint32 i = from; i < to; i++) {
        guint32 kind = kind_of(self, &all[i]);
        double link = share_of(self, &all[i]) * ratio_of(column, &all[i], kind) / total;
        sums->links[all[i].outcome][kind] += CLAMP(link, 0, 1);
    }
}

static double
portion(double part, double all, double usual)
{
    return CLAMP((part + LEAN * usual) / (all + LEAN), 1e-4, 1 - 1e-4);
}

static void
maximise(const Table *self, Column *column, const Sums *sums)
{
    double matches = 0, mismatches = 0;
    for (guint32 k = 0; k < self->field->n_base_kinds; k++) {
        matches += sums->links[MATCH][k];
        mismatches += sums->links[MISMATCH][k];
    }
    double mean = portion(matches, matches + mismatches, 0.5);
    column->all_absent = portion(sums->absent_steps, sums->steps, 0.5);
    for (guint32 k = 0; k < self->field->n_base_kinds; k++) {
        double both = sums->links[MATCH][k] + sums->links[MISMATCH][k];
        double absent = sums->links[ABSENT][k];
        column->p[k] = portion(sums->links[MATCH][k], both, mean);
        column->absent[k] = portion(absent, both + absent, column->all_absent);
    }
}

/* Where the sightings of the step of `from` end. */
static guint32
end_of_step(const Table *self, const Column *column, guint32 from)
{
    const Sighting *seen = (const Sighting *) (gpointer) column->sightings->data;
    guint32 to = from + 1;
    while (to < column->sightings->len &&
           self->step_of[seen[to].edge] == self->step_of[seen[from].edge])
        to++;
    return to;
}

/* One pass over all steps that the column concerns. */
static void
expect(const Table *self, const Column *column, Sums *sums)
{
    for (Outcome o = MATCH; o <= ABSENT; o++)
        memset(sums->links[o], 0, self->field->n_base_kinds * sizeof *sums->links[o]);
    sums->steps = sums->absent_steps = sums->gain = 0;
    for (guint32 from = 0, to; from < column->sightings->len; from = to) {
        to = end_of_step(self, column, from);
        weigh_step(self, column, from, to, sums);
    }
}

/* How much more often than any two do a step and a request that is open share a value: of those
 * that match one is taken for the step's own. */
static double
measure_lift(const Table *self, const Column *column)
{
    double accidents = 0, expected = 0;
    for (guint32 from = 0, to; from < column->sightings->len; from = to) {
        guint32 matches = 0;
        to = end_of_step(self, column, from);
        for (guint32 i = from; i < to; i++) {
            const Sighting *seen = &g_array_index(column->sightings, Sighting, i);
            matches += seen->outcome == MATCH;
            expected += seen->outcome != ABSENT && i > from ? (double) seen->any : 0;
        }
        accidents += matches > 0 ? matches - 1 : 0;
    }
    return MAX(1, (accidents + LEAN_CHANCE) / (expected + LEAN_CHANCE));
}

static void
learn_column(const Table *self, Column *column, Sums *sums)
{
    for (guint32 k = 0; k < self->field->n_base_kinds; k++)
        column->p[k] = column->absent[k] = 0.5;
    column->all_absent = 0.5;
    column->lift = measure_lift(self, column);
    for (int round = 0; round < ROUNDS; round++) {
        expect(self, column, sums);
        maximise(self, column, sums);
    }
    expect(self, column, sums);
}

/* What speaks against a column beforehand. */
static double
price(const Table *self, const Sums *sums)
{
    guint32 kinds = 0;
    for (guint32 k = 0; k < self->field->n_base_kinds; k++)
        kinds += sums->links[MATCH][k] + sums->links[MISMATCH][k] >= 1;
    return AGAINST + log(self->found->len) + 0.5 * kinds * log(MAX(sums->steps, 1));
}

/* Each step is given the values of another of its kind, half a recording away. */
static guint32 *
exchange_values(const LampField *f)
{
    guint32 *other = g_new(guint32, (gsize) f->n_steps + 1);
    g_autofree guint32 *of_kind = g_new(guint32, (gsize) f->n_steps + 1);
    for (guint32 kind = 0; kind < f->n_step_kinds; kind++) {
        guint32 n = 0;
        for (guint32 s = 0; s < f->n_steps; s++)
            if (f->steps[s].kind == kind)
                of_kind[n++] = s;
        for (guint32 i = 0; i < n; i++)
            other[of_kind[i]] = of_kind[(i + (n + 1) / 2) % n];
    }
    return other;
}

/* Learns all columns, first from values that belong to others: what is gained then is chance.
 */
static void
learn_columns(Table *self, Sums *sums)
{
    g_autofree guint32 *other = exchange_values(self->field);
    self->other = other;
    visit_edges(self, NULL, see_edge);
    self->other = NULL;
    for (guint32 i = 0; i < self->found->len; i++) {
        Column *column = &g_array_index(self->found, Column, i);
        learn_column(self, column, sums);
        column->gain = -MAX(sums->gain, 0);
        g_array_set_size(column->sightings, 0);
    }
    visit_edges(self, NULL, see_edge);
    for (guint32 i = 0; i < self->found->len; i++) {
        Column *column = &g_array_index(self->found, Column, i);
        learn_column(self, column, sums);
        column->gain += sums->gain - price(self, sums);
    }
}

/* Adds what the columns that stand the test say of each edge. */
static float *
sum_up(const Table *self)
{
    float *out = NULL;
    g_autofree float *worst = g_new0(float, (gsize) self->field->n_candidates + 1);
    for (guint32 i = 0; i < self->found->len; i++) {
        const Column *column = &g_array_index(self->found, Column, i);
        if (column->gain <= 0)
            continue;
        if (out == NULL)
            out = g_new0(float, (gsize) self->field->n_candidates + 1);
        for (guint32 k = 0; k < column->sightings->len; k++) {
            const Sighting *seen = &g_array_index(column->sightings, Sighting, k);
            double weight = log(ratio_of(column, seen, kind_of(self, seen)));
            if (seen->outcome == MATCH)
                out[seen->edge] =
                    (float) MAX((double) out[seen->edge], MIN(weight, MAX_WEIGHT));
            else
                worst[seen->edge] = MIN(worst[seen->edge], (float) weight);
        }
    }
    for (guint32 i = 0; out != NULL && i < self->field->n_candidates; i++)
        out[i] += worst[i];
    return out;
}

static void
clear_column(gpointer data)
{
    Column *column = data;
    if (column->sightings)
        g_array_unref(column->sightings);
    g_free(column->p);
    g_free(column->absent);
}

float *
lamp_values_weigh(const LampField *field, const LampInferenceInput *input, LampColumns columns,
                  const float *shares)
{
    g_autoptr(LampKeyedMap) bearers = lamp_keyed_map_new(MOST_MEMORY);
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Column));
    g_autofree guint32 *first = g_new0(guint32, (gsize) field->n_step_kinds + 2);
    g_autofree guint32 *step_of = g_new0(guint32, (gsize) field->n_candidates + 1);
    gsize n = (gsize) field->n_base_kinds + 1;
    g_autofree double *links = g_new0(double, n *(ABSENT + 1));
    Table self = {field, input, columns, shares, bearers, found, first, step_of, NULL};
    Sums sums = {.links = {links, links + n, links + 2 * n}};
    g_array_set_clear_func(found, clear_column);
    count_bearers(&self);
    if (lamp_keyed_map_size(bearers) > 0)
        find_columns(&self);
    if (found->len > 0)
        learn_columns(&self, &sums);
    return sum_up(&self);
}
