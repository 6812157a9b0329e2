/* values.c — which columns of values tell requests apart, and how much
 *
 * If a step and a request share a value in a column (columns.h), that says
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
 * most telling mismatch count: columns of one message often say the same. */
#include "correlate/inference/values.h"

#include "correlate/inference/columns.h"

#include <math.h>
#include <string.h>

#define MAX_WEIGHT 14.0 /* nats; no single value proves more */
#define LEAN 1.0        /* links' worth of what all kinds of requests do, or of p = 1/2 */
#define LEAN_CHANCE 0.1 /* matches by accident */
#define ROUNDS 12
#define ANYTHING 0.1f /* of a step's shares: the times may mislead */
#define NOBODY 0.02   /* no candidate at all is right */
#define AGAINST 3.0   /* nats */

static guint32
kind_of(const LampColumnTable *self, const LampSighting *seen)
{
    return self->field->requests[self->field->candidates[seen->edge]].base_kind;
}

static double
ratio_of(const LampColumn *column, const LampSighting *seen, guint32 kind)
{
    double p = column->p[kind];
    double present = (1 - column->absent[kind]) / (1 - column->all_absent);
    if (seen->outcome == LAMP_ABSENT)
        return column->absent[kind] / column->all_absent;
    if (seen->outcome == LAMP_MATCH)
        return present * p / MIN(1, (double) seen->chance * column->lift);
    return present * (1 - p) / (1 - MIN(p, (double) seen->any * column->lift));
}

/* What the times say, with some doubt. */
static double
share_of(const LampColumnTable *self, const LampSighting *seen)
{
    const LampStep *s = &self->field->steps[self->step_of[seen->edge]];
    return (1 - NOBODY) * (double) ((1 - ANYTHING) * self->shares[seen->edge] +
                                    ANYTHING / (float) s->n_candidates);
}

/* Sums of one round of expectation maximisation. */
typedef struct {
    double *links[LAMP_ABSENT + 1]; /* by outcome and kind of request */
    double steps, absent_steps;
    double gain;
} Sums;

/* One step: its sightings [from, to). */
static void
weigh_step(const LampColumnTable *self, const LampColumn *column, guint32 from, guint32 to,
           Sums *sums)
{
    double total = 1;
    const LampSighting *all = (const LampSighting *) (gpointer) column->sightings->data;
    for (guint32 i = from; i < to; i++)
        total +=
            share_of(self, &all[i]) * (ratio_of(column, &all[i], kind_of(self, &all[i])) - 1);
    total = MAX(total, 1e-12);
    sums->gain += log(total);
    sums->steps++;
    sums->absent_steps += all[from].outcome == LAMP_ABSENT;
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
maximise(const LampColumnTable *self, LampColumn *column, const Sums *sums)
{
    double matches = 0, mismatches = 0;
    for (guint32 k = 0; k < self->field->n_base_kinds; k++) {
        matches += sums->links[LAMP_MATCH][k];
        mismatches += sums->links[LAMP_MISMATCH][k];
    }
    double mean = portion(matches, matches + mismatches, 0.5);
    column->all_absent = portion(sums->absent_steps, sums->steps, 0.5);
    for (guint32 k = 0; k < self->field->n_base_kinds; k++) {
        double both = sums->links[LAMP_MATCH][k] + sums->links[LAMP_MISMATCH][k];
        double absent = sums->links[LAMP_ABSENT][k];
        column->p[k] = portion(sums->links[LAMP_MATCH][k], both, mean);
        column->absent[k] = portion(absent, both + absent, column->all_absent);
    }
}

/* Where the sightings of the step of `from` end. */
static guint32
end_of_step(const LampColumnTable *self, const LampColumn *column, guint32 from)
{
    const LampSighting *seen = (const LampSighting *) (gpointer) column->sightings->data;
    guint32 to = from + 1;
    while (to < column->sightings->len &&
           self->step_of[seen[to].edge] == self->step_of[seen[from].edge])
        to++;
    return to;
}

/* One pass over all steps that the column concerns. */
static void
expect(const LampColumnTable *self, const LampColumn *column, Sums *sums)
{
    for (LampOutcome o = LAMP_MATCH; o <= LAMP_ABSENT; o++)
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
measure_lift(const LampColumnTable *self, const LampColumn *column)
{
    double accidents = 0, expected = 0;
    for (guint32 from = 0, to; from < column->sightings->len; from = to) {
        guint32 matches = 0;
        to = end_of_step(self, column, from);
        for (guint32 i = from; i < to; i++) {
            const LampSighting *seen = &g_array_index(column->sightings, LampSighting, i);
            matches += seen->outcome == LAMP_MATCH;
            expected += seen->outcome != LAMP_ABSENT && i > from ? (double) seen->any : 0;
        }
        accidents += matches > 0 ? matches - 1 : 0;
    }
    return MAX(1, (accidents + LEAN_CHANCE) / (expected + LEAN_CHANCE));
}

static void
learn_column(const LampColumnTable *self, LampColumn *column, Sums *sums)
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
price(const LampColumnTable *self, const Sums *sums)
{
    guint32 kinds = 0;
    for (guint32 k = 0; k < self->field->n_base_kinds; k++)
        kinds += sums->links[LAMP_MATCH][k] + sums->links[LAMP_MISMATCH][k] >= 1;
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
learn_columns(LampColumnTable *self, Sums *sums)
{
    g_autofree guint32 *other = exchange_values(self->field);
    lamp_columns_see(self, other);
    for (guint32 i = 0; i < self->found->len; i++) {
        LampColumn *column = &g_array_index(self->found, LampColumn, i);
        learn_column(self, column, sums);
        column->gain = -MAX(sums->gain, 0);
    }
    lamp_columns_see(self, NULL);
    for (guint32 i = 0; i < self->found->len; i++) {
        LampColumn *column = &g_array_index(self->found, LampColumn, i);
        learn_column(self, column, sums);
        column->gain += sums->gain - price(self, sums);
    }
}

/* Adds what the columns that stand the test say of each edge. */
static float *
sum_up(const LampColumnTable *self)
{
    float *out = NULL;
    g_autofree float *worst = g_new0(float, (gsize) self->field->n_candidates + 1);
    for (guint32 i = 0; i < self->found->len; i++) {
        const LampColumn *column = &g_array_index(self->found, LampColumn, i);
        if (column->gain <= 0)
            continue;
        if (out == NULL)
            out = g_new0(float, (gsize) self->field->n_candidates + 1);
        for (guint32 k = 0; k < column->sightings->len; k++) {
            const LampSighting *seen = &g_array_index(column->sightings, LampSighting, k);
            double weight = log(ratio_of(column, seen, kind_of(self, seen)));
            if (seen->outcome == LAMP_MATCH)
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

float *
lamp_values_weigh(const LampField *field, const LampInferenceInput *input, LampColumns columns,
                  const float *shares)
{
    LampColumnTable self;
    gsize n = (gsize) field->n_base_kinds + 1;
    g_autofree double *links = g_new0(double, n *(LAMP_ABSENT + 1));
    Sums sums = {.links = {links, links + n, links + 2 * n}};
    lamp_columns_open(&self, field, input, columns, shares);
    if (self.found->len > 0)
        learn_columns(&self, &sums);
    float *weights = sum_up(&self);
    lamp_columns_close(&self);
    return weights;
}
