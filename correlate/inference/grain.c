/* grain.c — stamps of several coarse clocks, told apart
 *
 * In: a field with candidates. Where every duration is a whole number of a unit (1 ms) but the
 * stamps themselves are not, several clocks of that unit wrote them, each with its own shift
 * (hosts behind one name after their clocks were set right; recordings laid over each other).
 * What one clock stamped has one phase, the remainder by the unit. Out: if nearly every step
 * has a candidate of its own phase, which chance does not explain, the unit becomes the field's
 * resolution and only requests of a step's phase remain its candidates.
 *
 * Limits: the unit is a power of ten; clocks that drift against each other have no phase. */
#include "correlate/inference/problem.h"

#include <math.h>
#include <stdlib.h>

#define MAX_GRAIN 1000000000
#define MIN_DURATIONS 50  /* that are not zero */
#define MATCHED 0.995     /* share of the steps with a candidate of their phase */
#define MAX_BY_CHANCE 0.9 /* share that would have one anyway */

static void
divide(gint64 start, gint64 end, gint64 *unit, guint32 *seen)
{
    while (*unit > 1 && (end - start) % *unit != 0)
        *unit /= 10;
    *seen += end > start;
}

static gint64
find_unit(const LampField *field)
{
    gint64 unit = MAX_GRAIN;
    guint32 seen = 0;
    for (guint32 r = 0; r < field->n_requests; r++)
        divide(field->requests[r].start, field->requests[r].end, &unit, &seen);
    for (guint32 s = 0; s < field->n_steps; s++)
        divide(field->steps[s].start, field->steps[s].end, &unit, &seen);
    return seen < MIN_DURATIONS ? 1 : unit;
}

static gint64
phase_of(const LampField *field, const LampRequest *r, gint64 unit)
{
    return ((r->start - field->requests[0].start) % unit + unit) % unit;
}

static int
compare_phases(const void *a, const void *b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

/* The chance that two requests have the same phase. */
static double
same_by_chance(const LampField *field, gint64 unit)
{
    g_autofree gint64 *phases = g_new(gint64, field->n_requests + 1);
    double sum = 0, n = field->n_requests;
    for (guint32 r = 0; r < field->n_requests; r++)
        phases[r] = phase_of(field, &field->requests[r], unit);
    qsort(phases, field->n_requests, sizeof *phases, compare_phases);
    for (guint32 from = 0, to; from < field->n_requests; from = to) {
        for (to = from; to < field->n_requests && phases[to] == phases[from];)
            to++;
        sum += (to - from) / n * (to - from) / n;
    }
    return sum;
}

/* Whether phases tell which requests may have made a step. */
static gboolean
phases_tell(const LampField *field, gint64 unit)
{
    double same = same_by_chance(field, unit), n = 0, matched = 0, by_chance = 0;
    for (guint32 s = 0; s < field->n_steps; s++) {
        const LampStep *step = &field->steps[s];
        gboolean found = FALSE;
        for (guint32 j = 0; j < step->n_candidates && !found; j++) {
            guint32 r = field->candidates[step->first_candidate + j];
            found = (step->start - field->requests[r].start) % unit == 0;
        }
        if (step->n_candidates == 0)
            continue;
        n++;
        matched += found;
        by_chance += 1 - pow(1 - same, step->n_candidates);
    }
    return n > 0 && matched >= MATCHED * n && by_chance <= MAX_BY_CHANCE * n;
}

gboolean
lamp_field_find_grain(LampField *field)
{
    gint64 unit = field->n_requests ? find_unit(field) : 1;
    if (unit <= 1 || unit <= field->resolution || !phases_tell(field, unit))
        return FALSE;
    field->grain = field->resolution = unit;
    return TRUE;
}
