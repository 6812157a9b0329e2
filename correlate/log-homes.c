/*
 * Whose log is it, where only its path says so and no host has that name?
 *
 * `logs/access.log` beside the captures of several hosts: the records say what was served, when
 * and for how long, and the captures show which host served that. A sample of the records is
 * compared with the calls that each host served; the host is taken at which nearly all of those
 * that the captures cover have a call of their own kind, end and duration, and no other host
 * has half as many. Logs of calls that are made (and not served) stay where they are.
 */
#include "correlate/log-side.h"

#define SAMPLE 400     /* records of a log that are looked at */
#define FEWEST 5       /* of them within the captures' time */
#define NEARLY_ALL 0.8 /* of these have to meet a call */
#define APART_MS 20.0  /* ends and durations together */
#define AROUND_NS (150 * LAMP_NS_PER_MS)
#define NEAR 400 /* calls that are looked at for a record */

/* How many records fit the calls of a host. */
typedef struct {
    guint32 covered, met;
} Fit;

static gboolean
is_homeless(const LampSource *source, const guint8 *is_place)
{
    return source->kind == LAMP_SOURCE_LOG && !source->is_told &&
           source->host != LAMP_INDEX_NONE && !is_place[source->host];
}

/* Which hosts captures or addresses stand for. */
static guint8 *
list_places(LampCorrelation *c)
{
    guint8 *is_place = g_new0(guint8, (gsize) c->hosts->len + 1);
    for (guint32 i = 0; i < c->places->len; i++)
        if (lamp_place(c, i)->host != LAMP_INDEX_NONE)
            is_place[lamp_place(c, i)->host] = 1;
    for (guint32 i = 0; i < c->sources->len; i++)
        if (lamp_source(c, i)->kind == LAMP_SOURCE_CAPTURE &&
            lamp_source(c, i)->host != LAMP_INDEX_NONE)
            is_place[lamp_source(c, i)->host] = 1;
    return is_place;
}

static gboolean
is_served(const LampObservation *line)
{
    return line->origin == LAMP_FROM_LOG && line->role != LAMP_SEEN_BY_CLIENT &&
           line->response_last != LAMP_TIME_NONE && line->source != LAMP_INDEX_NONE;
}

static void
free_sample(gpointer sample)
{
    g_array_unref(sample);
}

/* Up to SAMPLE records of served calls of each log (guint32), evenly; one GArray a source. */
static GPtrArray *
sample_logs(LampCorrelation *c)
{
    g_autofree guint32 *counts = g_new0(guint32, (gsize) c->sources->len + 1);
    g_autofree guint32 *seen = g_new0(guint32, (gsize) c->sources->len + 1);
    GPtrArray *samples = g_ptr_array_new_with_free_func(free_sample);
    for (guint32 i = 0; i < c->observations->len; i++)
        if (is_served(lamp_observation(c, i)))
            counts[lamp_observation(c, i)->source]++;
    for (guint32 i = 0; i < c->sources->len; i++)
        g_ptr_array_add(samples, g_array_new(FALSE, FALSE, sizeof(guint32)));
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *line = lamp_observation(c, i);
        if (is_served(line) && seen[line->source]++ % (counts[line->source] / SAMPLE + 1) == 0)
            g_array_append_val((GArray *) g_ptr_array_index(samples, line->source), i);
    }
    return samples;
}

static gboolean
meets_call(const LampSide *side, guint32 line_index, gint64 end)
{
    const LampObservation *line = lamp_observation(side->c, line_index);
    guint32 first = lamp_side_first_at(side, end - AROUND_NS);
    for (guint32 i = first; i < side->n_calls && i < first + NEAR; i++) {
        const LampCall *call = lamp_call(side->c, side->calls[i]);
        if (lamp_side_end_of_call(call, FALSE) > end + line->resolution + AROUND_NS)
            return FALSE;
        if ((call->flags & LAMP_SEEN_OPAQUE) == 0 &&
            lamp_side_may_belong(side, line_index, side->calls[i]) &&
            lamp_side_cost(side, line, call) < APART_MS)
            return TRUE;
    }
    return FALSE;
}

static Fit
fit_host(const LampSide *side, const GArray *lines)
{
    Fit fit = {0};
    gint64 first = lamp_side_end_of_call(lamp_call(side->c, side->calls[0]), FALSE);
    gint64 last =
        lamp_side_end_of_call(lamp_call(side->c, side->calls[side->n_calls - 1]), FALSE);
    for (guint i = 0; i < lines->len; i++) {
        guint32 line = g_array_index(lines, guint32, i);
        gint64 end = lamp_side_end_of_line(side, lamp_observation(side->c, line));
        if (end < first || end > last)
            continue;
        fit.covered++;
        fit.met += meets_call(side, line, end) ? 1 : 0;
    }
    return fit;
}

/* The host that the records fit, or LAMP_INDEX_NONE. */
static guint32
find_home(LampSide *side, const GArray *calls, guint32 *indices, const GArray *lines)
{
    guint32 best = LAMP_INDEX_NONE;
    Fit most = {0}, next = {0};
    for (guint at = 0; at < calls->len;) {
        side->host = g_array_index(calls, LampSideEntry, at).host;
        side->n_calls = lamp_side_take_run(calls, &at, side->host, indices);
        Fit fit = fit_host(side, lines);
        if (fit.met > most.met) {
            next = most;
            most = fit;
            best = side->host;
        } else if (fit.met > next.met) {
            next = fit;
        }
    }
    return most.covered >= FEWEST && most.met >= NEARLY_ALL * most.covered &&
                   next.met * 2 < most.met
               ? best
               : LAMP_INDEX_NONE;
}

void
lamp_log_homes_find(LampCorrelation *c, const LampTexts *texts)
{
    g_autoptr(GArray) calls = lamp_side_list_calls(c, FALSE, TRUE);
    if (calls->len == 0)
        return;
    g_autofree guint8 *is_place = list_places(c);
    g_autofree guint32 *indices = g_new(guint32, (gsize) calls->len + 1);
    g_autoptr(GPtrArray) samples = sample_logs(c);
    for (guint32 i = 0; i < c->sources->len; i++) {
        LampSource *source = lamp_source(c, i);
        const GArray *lines = g_ptr_array_index(samples, i);
        if (!is_homeless(source, is_place) || lines->len < FEWEST)
            continue;
        LampSide side = {.c = c, .texts = texts, .calls = indices};
        guint32 home = find_home(&side, calls, indices, lines);
        if (home != LAMP_INDEX_NONE)
            source->host = home;
    }
}
