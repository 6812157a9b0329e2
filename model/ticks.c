/*
 * Starts and ends in order of time: the sweep line under all that counts what is in use.
 */
#include "model/ticks.h"

GArray *
lamp_ticks_new(guint uses)
{
    return g_array_sized_new(FALSE, FALSE, sizeof(LampTick), uses * 2);
}

void
lamp_ticks_add(GArray *ticks, guint32 index, LampTime start, LampTime end)
{
    LampTick both[2] = {{start, index, 1}, {end, index, 0}};
    g_array_append_vals(ticks, both, 2);
}

static gint
compare_ticks(gconstpointer a, gconstpointer b)
{
    const LampTick *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->is_start != y->is_start)
        return x->is_start < y->is_start ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

guint
lamp_ticks_sort(GArray *ticks)
{
    gint open = 0, most = 0;
    g_array_sort(ticks, compare_ticks);
    for (guint i = 0; i < ticks->len; i++) {
        open += lamp_tick(ticks, i)->is_start ? 1 : -1;
        most = MAX(most, open);
    }
    return (guint) most;
}
