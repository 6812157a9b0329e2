/*
 * Cuts a pair of clouds where no one line lies between them.
 *
 * Congestion only widens the corridor between two clouds, so a corridor that is closed means
 * that a clock was set, that its rate changed, or that messages were mispaired. The longest
 * first part that one line passes (a few points apart) is taken, then the longest next one: as
 * each part of a passable stretch is passable, that gives the fewest parts. Where a part ends
 * is found by bisection. The points that the fit gave up at the end of a part belong to the
 * next one already: all the last ones of one side.
 *
 * Limits: a step below TOLERANCE_NS, or one that the corridor is wide enough for, is not seen
 * and not needed. A part of fewer than LEAST_POINTS is taken for mispaired messages.
 */
#include "correlate/clock/cuts.h"
#include "correlate/clock/line.h"

#include <math.h>

/* Bounds may cross by this much before clocks are thought to have changed: stamps of kernels
 * and cards are not better. */
#define TOLERANCE_NS 20000.0

/* ns per s: crystals drift by less; more of it would bend to a step. A clock that is slewed all
 * the time may have up to the greater. */
#define USUAL_LIMIT 1e5
#define GREATEST_LIMIT 6e5
#define MOST_PARTS 32
#define LEAST_POINTS 4

/* So many last (or first) points of one side must be given up for a part of their own. */
#define LEAST_RUN 3

typedef struct {
    double t, y;
    gboolean is_upper, is_dropped;
} Event;

static gint
compare_events(gconstpointer left, gconstpointer right)
{
    const Event *a = left;
    const Event *b = right;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    if (a->is_upper != b->is_upper)
        return a->is_upper ? -1 : 1;
    return a->y < b->y ? -1 : a->y > b->y;
}

static void
add_events(GArray *events, const GArray *points, gboolean is_upper)
{
    for (guint i = 0; i < points->len; i++) {
        const LampClockPoint *p = &lamp_clock_points(points)[i];
        Event event = {p->t, p->y + (is_upper ? 1 : -1) * TOLERANCE_NS / 2, is_upper, FALSE};
        g_array_append_val(events, event);
    }
}

/* Marks the events of one side that are no longer among its @kept points. */
static void
mark_dropped(Event *events, guint n, const GArray *kept, gboolean is_upper)
{
    guint k = 0;
    for (guint i = 0; i < n; i++) {
        if (events[i].is_upper != is_upper)
            continue;
        const LampClockPoint *p = &lamp_clock_points(kept)[k];
        events[i].is_dropped = k >= kept->len || p->t != events[i].t || p->y != events[i].y;
        if (!events[i].is_dropped)
            k++;
    }
}

/* Does one line pass events[0, n)? Marks those that it gives up. */
static gboolean
is_passable(Event *events, guint n, double limit)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    for (guint i = 0; i < n; i++) {
        LampClockPoint point = {events[i].t, events[i].y};
        g_array_append_val(events[i].is_upper ? upper : lower, point);
    }
    gboolean is_parted = lamp_clock_part(upper, lower, limit);
    mark_dropped(events, n, upper, TRUE);
    mark_dropped(events, n, lower, FALSE);
    return is_parted;
}

/* First event of the last run of one side that was given up whole; @n where there is none of at
 * least @least events. */
static guint
last_run(const Event *events, guint n, guint least)
{
    guint begin = n;
    for (guint side = 0; side < 2; side++) {
        guint count = 0;
        guint first = n;
        for (guint i = n; i-- > 0;) {
            if (events[i].is_upper != (side == 0))
                continue;
            if (!events[i].is_dropped)
                break;
            first = i;
            count++;
        }
        if (count >= least)
            begin = MIN(begin, first);
    }
    return begin;
}

/* Events after the first run of one side that was given up whole; 0 where there is none. */
static guint
first_run(const Event *events, guint n)
{
    guint end = 0;
    for (guint side = 0; side < 2; side++) {
        guint count = 0;
        guint last = 0;
        for (guint i = 0; i < n; i++) {
            if (events[i].is_upper != (side == 0))
                continue;
            if (!events[i].is_dropped)
                break;
            last = i + 1;
            count++;
        }
        if (count >= LEAST_RUN)
            end = MAX(end, last);
    }
    return end;
}

/* Length of the next part of events[0, n). */
static guint
next_part(Event *events, guint n)
{
    guint low = MIN(n, 2);
    guint high = n;
    if (!is_passable(events, n, USUAL_LIMIT)) {
        while (low + 1 < high) {
            guint middle = low + (high - low) / 2;
            if (is_passable(events, middle, USUAL_LIMIT))
                low = middle;
            else
                high = middle;
        }
    } else {
        low = n;
    }
    is_passable(events, low, USUAL_LIMIT);
    guint begun = first_run(events, low);
    if (begun > 0 && begun < low)
        return begun;
    guint end = last_run(events, low, low < n ? 1 : LEAST_RUN);
    return end > 0 ? end : low;
}

/* The cut before events[at], that follows a part which ends before events[end]. Only points of
 * the one side tell of a step in one direction, so it may have been anywhere between two of
 * them: the wider of the two stretches is taken. */
static LampClockCut
cut_at(const Event *events, guint n, guint end, guint at)
{
    LampClockCut cut = {events[end - 1].t, events[at].t, events[at].t};
    double before[2] = {-INFINITY, -INFINITY};
    double after[2] = {INFINITY, INFINITY};
    for (guint i = 0; i < end; i++)
        before[events[i].is_upper] = events[i].t;
    for (guint i = n; i-- > at;)
        after[events[i].is_upper] = events[i].t;
    for (guint side = 0; side < 2; side++) {
        if (isfinite(before[side]))
            cut.before = fmin(cut.before, before[side]);
        if (isfinite(after[side]))
            cut.after = fmax(cut.after, after[side]);
    }
    return cut;
}

GArray *
lamp_clock_cuts(const GArray *upper, const GArray *lower)
{
    GArray *cuts = g_array_new(FALSE, FALSE, sizeof(LampClockCut));
    g_autoptr(GArray) array = g_array_new(FALSE, FALSE, sizeof(Event));
    add_events(array, upper, TRUE);
    add_events(array, lower, FALSE);
    g_array_sort(array, compare_events);
    Event *events = (Event *) (gpointer) array->data;
    guint end = 0; /* of the last part that counts */
    if (is_passable(events, array->len, GREATEST_LIMIT) &&
        !is_passable(events, array->len, USUAL_LIMIT))
        return cuts;
    for (guint from = 0; from < array->len && cuts->len < MOST_PARTS;) {
        guint length = next_part(events + from, array->len - from);
        gboolean counts = length >= LEAST_POINTS;
        if (counts && end > 0) {
            LampClockCut cut = cut_at(events, array->len, end, from);
            g_array_append_val(cuts, cut);
        }
        if (counts)
            end = from + length;
        from += length;
    }
    if (cuts->len >= MOST_PARTS)
        g_array_set_size(cuts, 0);
    return cuts;
}
