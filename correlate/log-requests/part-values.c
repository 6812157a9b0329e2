/*
 * What values say of a part of a request in its place: does each stand in a line before?
 *
 * In: chains of lines, evidence of each value (shared-values.c). Values of one kind in
 * succession are one observation; lines and values looked at are bounded.
 */
#include "correlate/log-requests/part-values.h"

#include <math.h>

#define WALK 160 /* lines of a request that are looked through for values */
#define MOST_MISS 3.0
#define MOST_SHARED 40.0
#define MOST_PROBES 64

/* Adds a hash; TRUE if it is new. A full table takes no more. */
static gboolean
mark(LampMarks *marks, guint64 hash)
{
    for (guint k = 0; k < MOST_PROBES; k++) {
        guint at = (guint) (hash + k) % LAMP_MARKS;
        if (marks->stamps[at] != marks->stamp) {
            marks->stamps[at] = marks->stamp;
            marks->hashes[at] = hash;
            return TRUE;
        }
        if (marks->hashes[at] == hash)
            return FALSE;
    }
    return FALSE;
}

static gboolean
is_marked(const LampMarks *marks, guint64 hash)
{
    for (guint k = 0; k < MOST_PROBES; k++) {
        guint at = (guint) (hash + k) % LAMP_MARKS;
        if (marks->stamps[at] != marks->stamp)
            return FALSE;
        if (marks->hashes[at] == hash)
            return TRUE;
    }
    return FALSE;
}

guint
lamp_part_values(LampPartValues *r, guint32 line, guint32 last, guint32 *values)
{
    const LampGroupState *s = r->s;
    guint n = 0;
    guint steps = 0;
    r->behind.stamp++;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps < WALK; i = s->next[i], steps++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            if (!s->is_telling[v] || !mark(&r->behind, s->input->values[v].hash))
                continue;
            values[n++] = v;
            if (n == LAMP_PART_VALUES)
                return n;
        }
        if (i == last)
            break;
    }
    return n;
}

void
lamp_part_mark(LampPartValues *r, guint32 line)
{
    const LampGroupState *s = r->s;
    guint steps = 0;
    r->before.stamp++;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps < WALK; i = s->previous[i], steps++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++)
            if (s->is_telling[v])
                mark(&r->before, s->input->values[v].hash);
    }
}

static void
mark_more(LampPartValues *r, const guint32 *values, guint n)
{
    for (guint k = 0; k < n; k++)
        mark(&r->before, r->s->input->values[values[k]].hash);
}

/* What the values say of the part behind following the lines marked. Values of one kind in
 * succession are one observation: does any match? */
double
lamp_part_shared(const LampPartValues *r, const guint32 *values, guint n)
{
    const LampGroupState *s = r->s;
    double sum = 0;
    for (guint k = 0; k < n;) {
        guint32 kind = s->kind_of_value[values[k]];
        double best_match = -MOST_MISS;
        double least_miss = -MOST_MISS;
        gboolean is_match = FALSE;
        for (; k < n && s->kind_of_value[values[k]] == kind; k++) {
            double match;
            double miss;
            lamp_values_ratio(s, values[k], &match, &miss);
            least_miss = MAX(least_miss, miss);
            if (!is_marked(&r->before, s->input->values[values[k]].hash))
                continue;
            is_match = TRUE;
            best_match = MAX(best_match, match);
        }
        sum += is_match ? best_match : least_miss;
    }
    return CLAMP(sum, -MOST_SHARED, MOST_SHARED);
}

double
lamp_part_worth(LampPartValues *r, guint32 line, guint32 behind, const guint32 *part, guint n)
{
    guint32 values[LAMP_PART_VALUES];
    guint n_behind = lamp_part_values(r, behind, LAMP_LOG_NONE, values);
    double worth = 0;
    r->before.stamp++;
    if (line != LAMP_LOG_NONE) {
        lamp_part_mark(r, line);
        worth = lamp_part_shared(r, part, n) - lamp_part_shared(r, values, n_behind);
    }
    mark_more(r, part, n);
    return worth + lamp_part_shared(r, values, n_behind);
}
