/* modes.c — a kind of call changes its kind of request as a whole
 *
 * Two kinds of requests that are always there together (a gateway asks for both at once) may
 * exchange all their steps of a kind and nothing but the likelihood of the whole says which is
 * right: whatever is learnt from a wrong assignment confirms it, and moving the steps of one
 * pair of requests costs the patterns of both. So such exchanges are tried as a whole: all
 * steps go to the other kind of request, the model of both kinds is learnt from that, each step
 * goes to the request where it fits best, and the model is learnt again. The way with the
 * greater likelihood stays (a label-switching move: Celeux, Hurn and Robert 2000; the profile
 * likelihood stands for the integral, since both ways have as many slots).
 *
 * Only what the rest of the recording leaves open is tried: kinds of steps of which nearly none
 * (a fifth at most) was made while only one of both was there.
 *
 * Limits: two kinds of steps that are wrong together, and only together, are not found. */
#include "correlate/inference/modes.h"

#include "correlate/inference/learn.h"

#include <math.h>

#define FEWEST 8u           /* steps that either might have made */
#define ANCHORED 0.2        /* share of the steps that only one of both can have made */
#define MOST_RIVALRIES 8u   /* looked at */
#define MOST_COUNTS 1048576 /* pairs of kinds of requests, times kinds of steps */
#define PASSES 2
#define SAME 12.0 /* nats: ways that differ by less stay open */

static guint32
place_of(const LampField *f, guint32 request_kind, guint32 step_kind)
{
    return request_kind * f->n_step_kinds + step_kind;
}

/* Counts for each kind of request that has steps of a kind how many of these each other kind
 * might have made: [request kind x step kind] x request kind; on the diagonal, all. */
static void
count_chances(const LampState *state, guint32 *out)
{
    const LampField *f = state->field;
    guint32 n = f->n_request_kinds;
    g_autofree guint32 *seen = g_new0(guint32, n + 1); /* last step, from 1 */
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        if (state->owner[s] == LAMP_NONE)
            continue;
        guint32 own = f->requests[state->owner[s]].kind;
        guint32 *row = out + (gsize) place_of(f, own, step->kind) * n;
        row[own]++;
        seen[own] = s + 1;
        for (guint32 j = 0; j < step->n_candidates; j++) {
            guint32 kind = f->requests[f->candidates[step->first_candidate + j]].kind;
            row[kind] += seen[kind] != s + 1;
            seen[kind] = s + 1;
        }
    }
}

static gint
compare_rivalries(gconstpointer left, gconstpointer right)
{
    const LampRivalry *a = left, *b = right;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    if (a->step_kind != b->step_kind)
        return a->step_kind < b->step_kind ? -1 : 1;
    if (a->kinds[0] != b->kinds[0])
        return a->kinds[0] < b->kinds[0] ? -1 : 1;
    return a->kinds[1] < b->kinds[1] ? -1 : a->kinds[1] > b->kinds[1];
}

void
lamp_modes_find(const LampState *state, GArray *rivalries)
{
    const LampField *f = state->field;
    guint32 n = f->n_request_kinds;
    g_array_set_size(rivalries, 0);
    if (n < 2 || (guint64) n * n * f->n_step_kinds > MOST_COUNTS)
        return;
    g_autofree guint32 *chances = g_new0(guint32, (gsize) n * n * f->n_step_kinds + 1);
    count_chances(state, chances);
    for (guint32 a = 0; a < n; a++)
        for (guint32 k = 0; k < f->n_step_kinds; k++) {
            const guint32 *row = chances + (gsize) place_of(f, a, k) * n;
            for (guint32 b = 0; b < n; b++) {
                guint32 others = chances[(gsize) place_of(f, b, k) * n + b];
                LampRivalry rivalry = {k, {a, b}, row[b]};
                if (a != b && row[b] >= FEWEST && row[b] >= (1 - ANCHORED) * row[a] &&
                    others <= ANCHORED * row[a])
                    g_array_append_val(rivalries, rivalry);
            }
        }
    g_array_sort(rivalries, compare_rivalries);
    g_array_set_size(rivalries, MIN(rivalries->len, MOST_RIVALRIES));
}

static guint32
count_kind(const LampState *state, guint32 request, guint32 step_kind)
{
    const LampKids *kids = &state->kids[request];
    guint32 n = 0;
    for (guint32 i = 0; i < kids->n; i++)
        n += state->field->steps[kids->at[i]].kind == step_kind;
    return n;
}

/* What a step adds to a request, which must not have it. */
static double
gain_of(LampState *state, const LampModel *model, guint32 step, guint32 request)
{
    guint32 list[LAMP_MAX_KIDS], n = 0, i = 0;
    const LampKids *kids = &state->kids[request];
    for (; i < kids->n && kids->at[i] < step; i++)
        list[n++] = kids->at[i];
    list[n++] = step;
    for (; i < kids->n; i++)
        list[n++] = kids->at[i];
    return lamp_state_score(state, model, request, list, n, NULL) -
           lamp_state_score(state, model, request, kids->at, kids->n, NULL);
}

/* How well a step suits a request before anything is learnt: by what speaks for the link, and
 * by how near the request's start is to that of the one that has the step. */
static double
suit_of(const LampState *state, guint32 step, guint32 request, gint64 start)
{
    gint64 apart = state->field->requests[request].start - start;
    return lamp_state_bonus(state, request, &step, 1) -
           log(1 + fabs((double) apart) / (double) state->field->resolution) / 100;
}

/* Gives a step to the best request of a kind that has room for it; leaves it where it is if
 * there is none. @model (or NULL: nothing is learnt yet). */
static void
place(LampState *state, const LampModel *model, guint32 step, guint32 kind)
{
    const LampField *f = state->field;
    const LampStep *s = &f->steps[step];
    guint32 owner = state->owner[step], best = owner;
    gint64 start = f->requests[owner].start;
    double most = -INFINITY;
    lamp_state_assign(state, step, LAMP_NONE);
    for (guint32 j = 0; j < s->n_candidates; j++) {
        guint32 r = f->candidates[s->first_candidate + j];
        if (f->requests[r].kind != kind || state->kids[r].n + 1 >= LAMP_MAX_KIDS)
            continue;
        double gain = model ? gain_of(state, model, step, r)
                            : suit_of(state, step, r, start) - count_kind(state, r, s->kind);
        if (gain <= most)
            continue;
        most = gain;
        best = r;
    }
    lamp_state_assign(state, step, best);
}

/* A model of two kinds of requests only. */
static LampModel *
learn_both(const LampState *state, const guint32 *kinds, guint32 evidence)
{
    const LampField *f = state->field;
    LampModel *model = lamp_model_new(f, evidence);
    LampExamples *examples = lamp_examples_new(f);
    for (guint32 r = 0; r < f->n_requests; r++) {
        const LampKids *kids = &state->kids[r];
        guint32 kind = f->requests[r].kind;
        LampExample e = {r, examples->steps->len, MIN(kids->n, LAMP_MAX_KIDS), 1};
        if (kind != kinds[0] && kind != kinds[1])
            continue;
        if (e.n > 0)
            g_array_append_vals(examples->steps, kids->at, e.n);
        g_array_append_val(examples->list, e);
    }
    examples->n_snapshots = 1;
    for (guint32 k = 0; k < f->n_request_kinds; k++)
        if (k != kinds[0] && k != kinds[1])
            model->kinds[k].slot_of = g_new0(guint16, 1); /* has nothing to be learnt */
    lamp_model_learn(model, f, examples, TRUE);
    lamp_examples_free(examples);
    return model;
}

static double
score_both(const LampState *state, const LampModel *model, const guint32 *kinds)
{
    const LampField *f = state->field;
    double sum = 0;
    for (guint32 r = 0; r < f->n_requests; r++)
        if (f->requests[r].kind == kinds[0] || f->requests[r].kind == kinds[1])
            sum += lamp_state_score(state, model, r, state->kids[r].at, state->kids[r].n, NULL);
    return sum;
}

/* Gives all of these steps to one kind of request, and returns the log likelihood with what
 * that teaches. */
static double
settle(LampState *state, const GArray *steps, const guint32 *kinds, guint32 kind,
       guint32 evidence)
{
    const LampField *f = state->field;
    LampModel *model = NULL;
    for (int pass = 0; pass <= PASSES; pass++) {
        for (guint i = 0; i < steps->len; i++) {
            guint32 step = g_array_index(steps, guint32, i);
            if (model || f->requests[state->owner[step]].kind != kind)
                place(state, model, step, kind);
        }
        lamp_model_free(model);
        model = learn_both(state, kinds, evidence);
    }
    double score = score_both(state, model, kinds);
    lamp_model_free(model);
    return score;
}

static void
restore(LampState *state, const GArray *steps, const guint32 *owners)
{
    for (guint i = 0; i < steps->len; i++)
        lamp_state_assign(state, g_array_index(steps, guint32, i), owners[i]);
}

static guint32 *
copy_owners(const LampState *state, const GArray *steps)
{
    guint32 *owners = g_new(guint32, steps->len + 1);
    for (guint i = 0; i < steps->len; i++)
        owners[i] = state->owner[g_array_index(steps, guint32, i)];
    return owners;
}

/* The steps of a rivalry, and which kind of request has most of them. */
static GArray *
gather(const LampState *state, LampRivalry *rivalry)
{
    const LampField *f = state->field;
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(guint32));
    guint32 of[2] = {0, 0};
    for (guint32 s = 0; s < f->n_steps; s++) {
        if (f->steps[s].kind != rivalry->step_kind || state->owner[s] == LAMP_NONE)
            continue;
        guint32 kind = f->requests[state->owner[s]].kind;
        if (kind != rivalry->kinds[0] && kind != rivalry->kinds[1])
            continue;
        of[kind == rivalry->kinds[1]]++;
        g_array_append_val(steps, s);
    }
    if (of[1] > of[0]) {
        guint32 first = rivalry->kinds[0];
        rivalry->kinds[0] = rivalry->kinds[1];
        rivalry->kinds[1] = first;
    }
    return steps;
}

gboolean
lamp_modes_decide(LampState *state, const LampModel *model, LampRivalry *rivalry, double chance,
                  double *out_gain)
{
    g_autoptr(GArray) steps = gather(state, rivalry);
    const guint32 *kinds = rivalry->kinds;
    g_autofree guint32 *before = copy_owners(state, steps);
    double now = settle(state, steps, kinds, kinds[0], model->evidence);
    restore(state, steps, before);
    double then = settle(state, steps, kinds, kinds[1], model->evidence);
    double share = 1 / (1 + exp(now - then)),
           of_lower = kinds[0] < kinds[1] ? 1 - share : share;
    gboolean to_lower = chance < of_lower;
    *out_gain = then - now;
    if (to_lower == (kinds[1] < kinds[0]))
        return TRUE;
    restore(state, steps, before);
    return FALSE;
}

/* Nats by which the other way is better; the assignment stays. */
static double
weigh(LampState *state, const LampModel *model, LampRivalry *rivalry)
{
    g_autoptr(GArray) steps = gather(state, rivalry);
    g_autofree guint32 *before = copy_owners(state, steps);
    double now = settle(state, steps, rivalry->kinds, rivalry->kinds[0], model->evidence);
    restore(state, steps, before);
    double then = settle(state, steps, rivalry->kinds, rivalry->kinds[1], model->evidence);
    restore(state, steps, before);
    return then - now;
}

gboolean
lamp_modes_settle(LampState *state, const LampModel *model, GArray *rivalries)
{
    double gains[MOST_RIVALRIES], ignored;
    gboolean changed = FALSE;
    for (guint pass = 0; pass < MOST_RIVALRIES; pass++) {
        guint best = 0;
        lamp_modes_find(state, rivalries);
        for (guint i = 0; i < rivalries->len; i++) {
            gains[i] = weigh(state, model, &g_array_index(rivalries, LampRivalry, i));
            best = gains[i] > gains[best] ? i : best;
        }
        if (rivalries->len == 0 || gains[best] <= 0)
            break;
        changed = TRUE;
        lamp_modes_decide(state, model, &g_array_index(rivalries, LampRivalry, best), 0.5,
                          &ignored);
    }
    for (guint i = rivalries->len; i-- > 0;)
        if (fabs(gains[i]) >= SAME)
            g_array_remove_index(rivalries, i);
    return changed;
}
