/*
 * Coarse stamps of log lines, made finer by what they are tied to.
 *
 * In: pairs of records, a client's and a server's of one call, or a server's and that of a call
 * made for it, each with the resolution of its line. A stamp to the whole second stands for any
 * moment of that second, while the duration beside it is good to the millisecond: so the
 * coarser line is moved, within its resolution and with its duration, to where its interval has
 * the finer one's in its middle. All records of one line move together (a proxy's line tells of
 * the request it served and of the one it made for it), and the line is then as fine as what it
 * was tied to; lines tied to it follow. Where the clocks disagree by more than the resolution,
 * the line comes as near as it may and stays coarse. Cost: linear in the ties, ROUNDS times.
 */
#include "correlate/logs.h"

/* A line that became finer makes the next one finer: as many hops as this. */
#define ROUNDS 4

typedef struct {
    LampCorrelation *c;
    gint64 *events; /* by observation: its line; 0 none */
} Stamps;

static gboolean
read_events(Stamps *self, GError **error)
{
    LampCorrelation *c = self->c;
    gboolean has_row;
    guint at = 0;
    g_autoptr(LampStatement) rows = lamp_statement_new(
        c->store,
        "SELECT observation_id, event_id FROM observations WHERE event_id IS NOT NULL"
        " ORDER BY observation_id",
        error);
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        gint64 id = lamp_statement_int(rows, 0);
        while (at < c->observations->len && lamp_observation(c, at)->id < id)
            at++;
        if (at < c->observations->len && lamp_observation(c, at)->id == id)
            self->events[at] = lamp_statement_int(rows, 1);
    }
    return FALSE;
}

static void
move_time(gint64 *time, gint64 by)
{
    if (*time != LAMP_TIME_NONE)
        *time += by;
}

/* Moves all records of the line of observation @index. */
static void
move_line(const Stamps *self, guint32 index, gint64 by, gint64 resolution)
{
    LampCorrelation *c = self->c;
    guint32 first = index;
    guint32 last = index;
    while (self->events[index] != 0 && first > 0 &&
           self->events[first - 1] == self->events[index])
        first--;
    while (self->events[index] != 0 && last + 1 < c->observations->len &&
           self->events[last + 1] == self->events[index])
        last++;
    for (guint32 i = first; i <= last; i++) {
        LampObservation *seen = lamp_observation(c, i);
        move_time(&seen->request_first, by);
        move_time(&seen->request_last, by);
        move_time(&seen->response_first, by);
        move_time(&seen->response_last, by);
        seen->resolution = resolution;
    }
}

static gint64
on_reference(LampCorrelation *c, const LampObservation *seen, gint64 time)
{
    return lamp_on_reference(c, lamp_host(c, lamp_source(c, seen->source)->host), time);
}

static gint64
length_of(const LampObservation *seen)
{
    return MAX(0, seen->response_last - seen->request_first);
}

/* The middle of what the record tells of. */
static gint64
middle_of(LampCorrelation *c, const LampObservation *seen)
{
    gint64 start = on_reference(c, seen, seen->request_first);
    return start + (on_reference(c, seen, seen->response_last) - start) / 2;
}

/* Moves the coarser of two tied records. Returns whether one was. */
static gboolean
settle(const Stamps *self, guint32 one, guint32 other)
{
    LampCorrelation *c = self->c;
    guint32 coarse =
        lamp_observation(c, one)->resolution > lamp_observation(c, other)->resolution ? one
                                                                                      : other;
    const LampObservation *moves = lamp_observation(c, coarse);
    const LampObservation *stays = lamp_observation(c, coarse == one ? other : one);
    if (moves->resolution <= stays->resolution || moves->response_last == LAMP_TIME_NONE ||
        stays->response_last == LAMP_TIME_NONE)
        return FALSE;
    gint64 wanted = middle_of(c, stays) - middle_of(c, moves);
    gint64 by = CLAMP(wanted, 0, moves->resolution - 1);
    gint64 apart = ABS(length_of(moves) - length_of(stays));
    gint64 resolution = CLAMP(apart, stays->resolution, moves->resolution);
    move_line(self, coarse, by, by == wanted ? resolution : moves->resolution);
    return by == wanted;
}

gboolean
lamp_log_stamps_settle(LampCorrelation *c, const GArray *ties, GError **error)
{
    g_autofree gint64 *events = g_new0(gint64, (gsize) c->observations->len + 1);
    Stamps self = {c, events};
    gboolean has_moved = TRUE;
    if (!read_events(&self, error))
        return FALSE;
    for (guint round = 0; has_moved && round < ROUNDS; round++) {
        has_moved = FALSE;
        for (guint i = 0; i < ties->len; i++) {
            const LampStampTie *tie = &g_array_index(ties, LampStampTie, i);
            has_moved = settle(&self, tie->one, tie->other) || has_moved;
        }
    }
    return TRUE;
}
