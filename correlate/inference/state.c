/* state.c — bookkeeping of one assignment
 *
 * Lists are kept in ascending step number, which is the order of time within a process. */
#include "correlate/inference/state.h"

#include <math.h>

#define APART 0.02 /* share of what links that are dealt one by one make of a set */

LampState *
lamp_state_new(const LampField *field)
{
    LampState *self = g_new0(LampState, 1);
    self->field = field;
    self->owner = g_new(guint32, field->n_steps + 1);
    self->kids = g_new0(LampKids, field->n_requests + 1);
    self->score = g_new0(double, field->n_requests + 1);
    for (guint32 s = 0; s < field->n_steps; s++)
        self->owner[s] = LAMP_NONE;
    return self;
}

void
lamp_state_free(LampState *self)
{
    if (!self)
        return;
    for (guint32 r = 0; r < self->field->n_requests; r++)
        g_free(self->kids[r].at);
    g_free(self->kids);
    g_free(self->owner);
    g_free(self->score);
    g_free(self);
}

static void
make_room(LampKids *kids, guint32 n)
{
    if (n <= kids->room)
        return;
    kids->room = MAX(n, MAX(4, 2 * kids->room));
    kids->at = g_renew(guint32, kids->at, kids->room);
}

static void
remove_kid(LampKids *kids, guint32 step)
{
    guint32 i = 0;
    while (i < kids->n && kids->at[i] != step)
        i++;
    if (i == kids->n)
        return;
    for (kids->n--; i < kids->n; i++)
        kids->at[i] = kids->at[i + 1];
}

static void
add_kid(LampKids *kids, guint32 step)
{
    make_room(kids, kids->n + 1);
    guint32 i = kids->n++;
    for (; i > 0 && kids->at[i - 1] > step; i--)
        kids->at[i] = kids->at[i - 1];
    kids->at[i] = step;
}

void
lamp_state_assign(LampState *self, guint32 step, guint32 request)
{
    if (self->owner[step] != LAMP_NONE)
        remove_kid(&self->kids[self->owner[step]], step);
    if (request != LAMP_NONE)
        add_kid(&self->kids[request], step);
    self->owner[step] = request;
}

void
lamp_state_replace(LampState *self, guint32 request, const guint32 *steps, guint32 n)
{
    LampKids *kids = &self->kids[request];
    make_room(kids, n);
    kids->n = n;
    for (guint32 i = 0; i < n; i++) {
        kids->at[i] = steps[i];
        self->owner[steps[i]] = request;
    }
}

double
lamp_state_bonus(const LampState *self, guint32 request, const guint32 *steps, guint32 n)
{
    double sum = 0;
    if (!self->bonus)
        return 0;
    for (guint32 i = 0; i < n; i++) {
        guint32 at = lamp_field_edge(self->field, &self->field->steps[steps[i]], request);
        sum += at != LAMP_NONE ? (double) self->bonus[at] : 0;
    }
    return sum;
}

/* How probable a set is, leaning on its links as if each were dealt by itself, whose logs sum
 * up to `apart`. */
static double
score_set(const LampState *self, guint32 request, const guint32 *steps, guint32 n, double apart)
{
    guint64 set = 0;
    for (guint32 i = 0; i < n; i++)
        set += lamp_sets_name(steps[i]);
    double share = (double) lamp_sets_share(self->sets, request, set);
    return share < 0 ? 0 : log((1 - APART) * share + APART * exp(apart));
}

double
lamp_state_score(const LampState *self, const LampModel *model, guint32 request,
                 const guint32 *steps, guint32 n, LampEvents *out_events)
{
    const LampStep *list[LAMP_MAX_KIDS];
    n = MIN(n, LAMP_MAX_KIDS);
    for (guint32 i = 0; i < n; i++)
        list[i] = &self->field->steps[steps[i]];
    double bonus = lamp_state_bonus(self, request, steps, n);
    if (self->sets)
        return bonus + score_set(self, request, steps, n, bonus);
    return bonus +
           lamp_model_score(model, &self->field->requests[request], list, n, out_events);
}

void
lamp_state_events(const LampState *self, const LampModel *model, guint32 request,
                  LampEvents *out)
{
    lamp_state_score(self, model, request, self->kids[request].at, self->kids[request].n, out);
}

void
lamp_state_rescore(LampState *self, const LampModel *model)
{
    for (guint32 r = 0; r < self->field->n_requests; r++)
        self->score[r] =
            lamp_state_score(self, model, r, self->kids[r].at, self->kids[r].n, NULL);
}
