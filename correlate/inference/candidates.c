/* candidates.c — which requests were open when a step was made
 *
 * In: a field's requests and steps in order of time. Out: for every step the requests that
 * contain it. One sweep over time with the list of open requests; cost is the number of open
 * requests summed over the steps. A kind of step of which some fit into no request that was
 * open at their start outlives its request (a caller that gave up, a call nobody waits for), so
 * for that kind the end is no constraint. At most LAMP_MAX_CANDIDATES are kept, the most recent
 * ones. */
#include "correlate/inference/problem.h"

#include <string.h>

#define OVERRUN_SHARE 0.001

typedef struct {
    guint32 *open; /* requests, in order of start */
    guint32 n_open, room, next;
} Sweep;

/* Brings the list of open requests up to the time of a step. */
static void
advance(const LampField *field, Sweep *sweep, const LampStep *step)
{
    while (sweep->next < field->n_requests) {
        const LampRequest *r = &field->requests[sweep->next];
        if (r->rank > step->rank || (r->process == step->process && r->start > step->start))
            break;
        if (sweep->n_open == sweep->room) {
            sweep->room = MAX(64, 2 * sweep->room);
            sweep->open = g_renew(guint32, sweep->open, sweep->room);
        }
        sweep->open[sweep->n_open++] = sweep->next++;
    }
    guint32 kept = 0;
    for (guint32 i = 0; i < sweep->n_open; i++) {
        const LampRequest *r = &field->requests[sweep->open[i]];
        if (r->process == step->process && r->end + field->longest_reach >= step->start)
            sweep->open[kept++] = sweep->open[i];
    }
    sweep->n_open = kept;
}

static guint32
collect(const LampField *field, const Sweep *sweep, const LampStep *step, GArray *out)
{
    guint32 before = out->len;
    for (guint32 i = 0; i < sweep->n_open; i++)
        if (lamp_field_contains(field, &field->requests[sweep->open[i]], step))
            g_array_append_val(out, sweep->open[i]);
    guint32 found = out->len - before;
    if (found > LAMP_MAX_CANDIDATES) {
        g_array_remove_range(out, before, found - LAMP_MAX_CANDIDATES);
        found = LAMP_MAX_CANDIDATES;
    }
    return found;
}

/* Marks the kinds of step of which too many have been made within a request and outlive all. */
static void
find_overruns(LampField *field)
{
    g_autofree guint32 *all = g_new0(guint32, field->n_step_kinds + 1);
    g_autofree guint32 *outlive = g_new0(guint32, field->n_step_kinds + 1);
    Sweep sweep = {0};
    for (guint32 s = 0; s < field->n_steps; s++) {
        const LampStep *step = &field->steps[s];
        gboolean fits = FALSE;
        advance(field, &sweep, step);
        for (guint32 i = 0; i < sweep.n_open && !fits; i++)
            fits = lamp_field_contains(field, &field->requests[sweep.open[i]], step);
        all[step->kind]++;
        outlive[step->kind] += !fits && sweep.n_open > 0;
    }
    for (guint32 k = 0; k < field->n_step_kinds; k++)
        field->overruns[k] = outlive[k] > 1 && outlive[k] > OVERRUN_SHARE * all[k];
    g_free(sweep.open);
}

static void
collect_all(LampField *field)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(guint32));
    Sweep sweep = {0};
    if (!field->reach)
        find_overruns(field);
    for (guint32 s = 0; s < field->n_steps; s++) {
        LampStep *step = &field->steps[s];
        advance(field, &sweep, step);
        step->first_candidate = all->len;
        step->n_candidates = collect(field, &sweep, step, all);
    }
    g_free(sweep.open);
    g_free(field->candidates);
    field->n_candidates = all->len;
    field->candidates = (guint32 *) (void *) g_array_free(all, FALSE);
}

void
lamp_field_find_candidates(LampField *field)
{
    collect_all(field);
    if (lamp_field_find_grain(field))
        collect_all(field);
    if (lamp_field_find_late(field))
        collect_all(field);
    lamp_field_find_background(field);
}
