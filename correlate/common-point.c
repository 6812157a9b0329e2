/*
 * The point that most of a set of intervals have in common: a sweep over their bounds.
 */
#include "correlate/common-point.h"

#include <math.h>

void
lamp_bounds_add(GArray *bounds, gint64 low, gint64 high)
{
    LampBound both[2] = {{low, 1}, {high, -1}};
    g_array_append_vals(bounds, both, 2);
}

/* Where intervals begin before where others end. */
static gint
compare_bounds(gconstpointer left, gconstpointer right)
{
    const LampBound *x = left;
    const LampBound *y = right;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return y->change - x->change;
}

static guint
count_most(const GArray *bounds)
{
    guint depth = 0, most = 0;
    for (guint i = 0; i < bounds->len; i++) {
        depth += (guint) g_array_index(bounds, LampBound, i).change;
        most = MAX(most, depth);
    }
    return most;
}

guint
lamp_bounds_most(GArray *bounds, double as_good, gint64 out_reach[2])
{
    g_array_sort(bounds, compare_bounds);
    guint most = count_most(bounds), depth = 0;
    guint enough = (guint) ceil(as_good * most);
    gboolean is_found = FALSE;
    for (guint i = 0; most > 0 && i < bounds->len; i++) {
        const LampBound *bound = &g_array_index(bounds, LampBound, i);
        if (bound->change < 0 && depth >= enough)
            out_reach[1] = bound->time;
        depth += (guint) bound->change;
        if (bound->change > 0 && depth >= enough && !is_found)
            out_reach[0] = bound->time;
        is_found = is_found || depth >= enough;
    }
    return most;
}
