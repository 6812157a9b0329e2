/*
 * Log times that are off by whole quarters of an hour.
 *
 * A log that does not name its time zone is read in the zone that is taken for it; where that
 * is wrong, its times are off by a whole number of quarters of an hour, and by another one
 * after a change to or from daylight saving. In: the times of a log's records, in order, and
 * whether a record meets a call that a capture shows if it is moved by so much. Out: by how
 * much each record is moved.
 *
 * The records are taken in blocks of BLOCK. A block is moved by the shift at which most of its
 * records meet a call, if these are at least LEAST and twice as many as without a shift; else
 * as the block before it. Where neighbouring blocks are moved differently, every record of the
 * two is moved as it meets a call. A log that lies wholly beside the calls and is too short for
 * that is moved by the quarters between the two. Cost: up to 112 tries for each record.
 */
#include "correlate/logs.h"

#include <math.h>

#define QUARTER_NS (900 * LAMP_NS_PER_SECOND)
#define MOST_QUARTERS (14 * 4)
#define BLOCK 40
#define LEAST 6

static guint
count_met(const LampZoneSearch *search, guint32 from, guint32 to, gint64 shift)
{
    guint met = 0;
    for (guint32 i = from; i < to; i++)
        met += search->meets(search->user, i, shift) ? 1 : 0;
    return met;
}

/* Could any record from @from to @to, moved by @shift, lie among the calls? */
static gboolean
can_meet(const LampZoneSearch *search, guint32 from, guint32 to, gint64 shift)
{
    return search->times[from] - shift <= search->last_call + LAMP_NS_PER_SECOND &&
           search->times[to - 1] - shift >= search->first_call - LAMP_NS_PER_SECOND;
}

static gint64
best_shift(const LampZoneSearch *search, guint32 from, guint32 to, gint64 before)
{
    guint none = count_met(search, from, to, 0);
    guint most = 0;
    if (2 * none > to - from)
        return 0;
    gint64 best = before;
    for (gint64 k = 0; k <= 2 * MOST_QUARTERS; k++) {
        /* The smaller shifts first: 0, 1, -1, 2, … */
        gint64 shift = (k % 2 == 0 ? -(k / 2) : (k + 1) / 2) * QUARTER_NS;
        if (shift == 0 || !can_meet(search, from, to, shift))
            continue;
        guint met = count_met(search, from, to, shift);
        if (met > most && met >= LEAST && met >= 2 * none) {
            most = met;
            best = shift;
        }
    }
    return most == 0 && none >= LEAST ? 0 : best;
}

/* Quarters of an hour between records and calls that do not meet at all otherwise. */
static gint64
shift_beside(const LampZoneSearch *search)
{
    gint64 first = search->times[0];
    gint64 last = search->times[search->n - 1];
    if (first <= search->last_call && search->first_call <= last)
        return 0;
    double apart =
        (double) (first - search->first_call) / 2 + (double) (last - search->last_call) / 2;
    double quarters = round(apart / (double) QUARTER_NS);
    return fabs(quarters) <= MOST_QUARTERS ? (gint64) quarters * QUARTER_NS : 0;
}

static gboolean
is_among_calls(const LampZoneSearch *search, guint32 i, gint64 shift)
{
    return can_meet(search, i, i + 1, shift);
}

/* Records of two blocks that are moved differently: each as it meets a call, or at least lies
 * among them. */
static void
part_blocks(const LampZoneSearch *search, guint32 middle, gint64 *shifts)
{
    gint64 before = shifts[middle - 1];
    gint64 after = shifts[middle];
    guint32 from = middle - MIN(middle, BLOCK);
    guint32 to = MIN(search->n, middle + BLOCK);
    for (guint32 i = from; i < to; i++) {
        gint64 other = i < middle ? after : before;
        gboolean is_met = search->meets(search->user, i, shifts[i]);
        gboolean is_other_met = !is_met && search->meets(search->user, i, other);
        gboolean is_beside =
            !is_among_calls(search, i, shifts[i]) && is_among_calls(search, i, other);
        if (is_other_met || (!is_met && is_beside))
            shifts[i] = other;
    }
}

void
lamp_zone_shifts(const LampZoneSearch *search, gint64 *shifts)
{
    gint64 shift = search->n > 0 ? shift_beside(search) : 0;
    for (guint32 from = 0; from < search->n; from += BLOCK) {
        guint32 to = MIN(search->n, from + BLOCK);
        shift = best_shift(search, from, to, shift);
        for (guint32 i = from; i < to; i++)
            shifts[i] = shift;
    }
    for (guint32 middle = BLOCK; middle < search->n; middle += BLOCK)
        if (shifts[middle] != shifts[middle - 1])
            part_blocks(search, middle, shifts);
}
