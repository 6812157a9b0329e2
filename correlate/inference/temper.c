/* temper.c — how much the delays of one request may be taken to say
 *
 * In: examples of each kind of request and a model learnt from them. Out: an exponent for the
 * odds of exchanges, 1 at most.
 *
 * The model takes the delays of a request as independent; where they are not (a host that
 * stalls delays all of them), its odds say too much. How much, can be seen without knowing any
 * answer: two requests, wherever they were, are laid over each other so that they might
 * exchange a step. The exchange is known to be wrong. What the model says of it is right on
 * average if the logarithms of its odds, times t, have the greatest likelihood at t = 1; the t
 * of the greatest likelihood is what the odds are to be raised to (the magnitude adjustment of
 * composite likelihoods: Pauli, Racugno and Ventura 2011). Both are scored with what the
 * requests of other folds taught, as ever.
 *
 * Limits: links that the examples have wrong look better than they are, so t comes out high.
 * Cost: four scores a trial. */
#include "correlate/inference/learn.h"

#include <math.h>

#define TRIALS 250
#define MIN_EXAMPLES 40
#define LEAST 0.3
#define LEAN 8.0 /* second derivative of the log of what t is beforehand, around 1 */
#define ROUNDS 12
#define MOST_ODDS 30.0 /* logarithm */

/* A request that can be moved in time. */
typedef struct {
    LampRequest request;
    LampStep steps[LAMP_MAX_KIDS];
    guint32 n;
} Copy;

static void
copy_example(const LampExample *e, const LampExamples *all, const LampField *field, Copy *out)
{
    const guint32 *steps = (const guint32 *) (void *) all->steps->data + e->first;
    out->request = field->requests[e->request];
    out->n = e->n;
    for (guint32 i = 0; i < e->n; i++)
        out->steps[i] = field->steps[steps[i]];
}

static void
move(Copy *copy, gint64 by)
{
    copy->request.start += by;
    copy->request.end += by;
    for (guint32 i = 0; i < copy->n; i++) {
        copy->steps[i].start += by;
        copy->steps[i].end += by;
    }
}

/* The steps need not be in order. */
static double
score(const LampModel *model, const Copy *copy)
{
    const LampStep *list[LAMP_MAX_KIDS];
    for (guint32 i = 0; i < copy->n; i++) {
        guint32 j = i;
        for (; j > 0 && list[j - 1]->start > copy->steps[i].start; j--)
            list[j] = list[j - 1];
        list[j] = &copy->steps[i];
    }
    return lamp_model_score(model, &copy->request, list, copy->n, NULL);
}

/* The step of b that is, among those of its kind, the one that `at` is in a; NULL: none. */
static LampStep *
find_counterpart(const Copy *a, guint32 at, Copy *b)
{
    guint32 before = 0;
    for (guint32 i = 0; i < at; i++)
        before += a->steps[i].kind == a->steps[at].kind;
    for (guint32 i = 0; i < b->n; i++)
        if (b->steps[i].kind == a->steps[at].kind && before-- == 0)
            return &b->steps[i];
    return NULL;
}

/* The shifts of b, from low to high, by which either request could have the other's step. */
static gboolean
find_shifts(const Copy *a, const LampStep *of_a, const Copy *b, const LampStep *of_b,
            gboolean overruns, gint64 *out_low, gint64 *out_high)
{
    gint64 last_a = overruns ? of_a->start : of_a->end;
    gint64 last_b = overruns ? of_b->start : of_b->end;
    *out_low = MAX(a->request.start - of_b->start, last_a - b->request.end);
    *out_high = MIN(of_a->start - b->request.start, a->request.end - last_b);
    return *out_low < *out_high;
}

static void
exchange(LampStep *a, LampStep *b)
{
    LampStep step = *a;
    *a = *b;
    *b = step;
}

/* A trial: what the model says, and how often requests lie like this. */
typedef struct {
    double odds; /* logarithm, against the exchange */
    double weight;
} Trial;

/* Lays b over a at random, and exchanges a step; FALSE if they cannot. */
static gboolean
try_exchange(const LampModel *model, const LampField *field, Copy *a, Copy *b, guint64 *random,
             Trial *out)
{
    guint32 at = (guint32) (lamp_random(random) >> 16) % a->n;
    LampStep *of_a = &a->steps[at], *of_b = find_counterpart(a, at, b);
    gint64 low, high;
    if (!of_b || !find_shifts(a, of_a, b, of_b, field->overruns[of_a->kind] != 0, &low, &high))
        return FALSE;
    gint64 by = low + (gint64) (lamp_random_unit(random) * (double) (high - low));
    gint64 unit = field->grain ? field->grain : field->resolution;
    move(b, by - (b->request.start + by - a->request.start) % unit);
    double before = score(model, a) + score(model, b);
    exchange(of_a, of_b);
    out->odds = before - score(model, a) - score(model, b);
    out->weight = (double) (high - low);
    return TRUE;
}

/* The t of the greatest product of logistic(t odds), by Newton's rule. */
static double
fit(const Trial *trials, guint32 n)
{
    double t = 1, all = 0;
    for (guint32 i = 0; i < n; i++)
        all += trials[i].weight;
    for (int round = 0; round < ROUNDS; round++) {
        double slope = -LEAN * (t - 1), bend = LEAN;
        for (guint32 i = 0; i < n; i++) {
            double x = CLAMP(trials[i].odds, -MOST_ODDS, MOST_ODDS), p = 1 / (1 + exp(-t * x));
            double weight = n * trials[i].weight / all;
            slope += weight * x * (1 - p);
            bend += weight * x * x * p * (1 - p);
        }
        t = CLAMP(t + slope / bend, LEAST, 1);
    }
    return t;
}

static double
temper_of(const LampModel *model, const LampField *field, const LampExamples *all,
          const LampExample *const *list, guint32 n)
{
    g_autofree Copy *copies = g_new(Copy, 2);
    Trial trials[TRIALS];
    guint32 found = 0;
    guint64 random = n;
    for (guint32 i = 0; i < TRIALS; i++) {
        const LampExample *other = list[(lamp_random(&random) >> 16) % n];
        if (other == list[i % n])
            continue;
        copy_example(list[i % n], all, field, &copies[0]);
        copy_example(other, all, field, &copies[1]);
        if (try_exchange(model, field, &copies[0], &copies[1], &random, &trials[found]))
            found++;
    }
    return fit(trials, found);
}

void
lamp_model_temper(LampModel *self, const LampField *field, const LampExamples *examples)
{
    const LampExample *all = (const LampExample *) (void *) examples->list->data;
    g_autofree const LampExample **list = g_new(const LampExample *, examples->list->len + 1);
    for (guint32 k = 0; k < self->n_kinds; k++) {
        LampKind *kind = &self->kinds[k];
        guint32 n = 0;
        for (guint32 i = 0; i < examples->list->len; i++)
            if (field->requests[all[i].request].kind == k && all[i].n > 0)
                list[n++] = &all[i];
        if (n < MIN_EXAMPLES)
            continue;
        double t = temper_of(self, field, examples, list, n);
        kind->temper = kind->temper > 0 ? (kind->temper + t) / 2 : t;
    }
}
