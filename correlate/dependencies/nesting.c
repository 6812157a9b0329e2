/*
 * Nested flows (NSDMiner: Natarajan et al., INFOCOM 2012), with a null.
 *
 * The share of a callee's flows inside the caller's flows means little where the caller always
 * has a flow open; so the same share is found with the caller's flows shifted in time. Limits:
 * at most 64 of the caller's flows that are open at one time are looked at.
 */
#include "correlate/dependencies/nesting.h"

#include <math.h>

#define MOST_OPEN 64u
#define SECOND G_GINT64_CONSTANT(1000000000)

/* The caller's flows that are open at the time of a sweep. */
typedef struct {
    gint64 ends[MOST_OPEN];
    guint count;
} Open;

static void
drop_ended(Open *open, gint64 now)
{
    guint kept = 0;
    for (guint i = 0; i < open->count; i++)
        if (open->ends[i] >= now)
            open->ends[kept++] = open->ends[i];
    open->count = kept;
}

/* Sweeps effects [begin, end) moved by @shift; counts those inside one or more causes. */
static void
sweep(const LampBiflows *b, const LampPairHost *host, gint64 shift, gboolean upper,
      guint64 *inside, guint64 *unique)
{
    Open open = {.count = 0};
    guint next = 0;
    gint64 turn = MAX(b->to - b->from, 1);
    for (guint i = 0; i < host->effect_flows->len; i++) {
        const LampBiflow *flow = lamp_biflow(b, g_array_index(host->effect_flows, guint32, i));
        gint64 first = flow->first + shift, last = flow->last + shift;
        gboolean wraps = first < b->from || first > b->to;
        if (wraps != upper)
            continue;
        if (wraps) {
            gint64 back = first < b->from ? turn : -turn;
            first += back;
            last += back;
        }
        while (next < host->cause_flows->len) {
            const LampBiflow *cause =
                lamp_biflow(b, g_array_index(host->cause_flows, guint32, next));
            if (cause->first > first)
                break;
            drop_ended(&open, first);
            if (open.count < MOST_OPEN)
                open.ends[open.count++] = cause->last;
            next++;
        }
        drop_ended(&open, first);
        guint around = 0;
        for (guint k = 0; k < open.count; k++)
            around += open.ends[k] >= last;
        *inside += around > 0;
        *unique += around == 1;
    }
}

static double
ratio_at(const LampBiflows *b, const GPtrArray *hosts, gint64 shift, guint64 *out_unique)
{
    guint64 inside = 0, unique = 0, all = 0;
    for (guint i = 0; i < hosts->len; i++) {
        const LampPairHost *host = g_ptr_array_index(hosts, i);
        sweep(b, host, shift, FALSE, &inside, &unique);
        sweep(b, host, shift, TRUE, &inside, &unique);
        all += host->effect_flows->len;
    }
    if (out_unique != NULL)
        *out_unique = unique;
    return (double) inside / (double) MAX(all, 1);
}

void
lamp_nesting_find(const LampBiflows *b, const GPtrArray *hosts, guint shifts, LampNesting *out)
{
    *out = (LampNesting){.p = 1};
    out->ratio = ratio_at(b, hosts, 0, &out->unique);
    gint64 turn = b->to - b->from;
    gint64 low = MIN(2 * SECOND, turn / 8),
           high = MIN(MAX(120 * SECOND, turn / 20), turn - low);
    g_autofree double *null = g_new(double, MAX(shifts, 1));
    double sum = 0;
    for (guint i = 0; i < shifts; i++) {
        null[i] = ratio_at(b, hosts, lamp_shift_at(i, low, high), NULL);
        sum += null[i];
    }
    out->chance = sum / MAX(shifts, 1);
    out->p = lamp_shift_test(out->ratio, null, shifts);
}
