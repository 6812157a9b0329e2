/*
 * Whose log is it, where only its path says so and no host has that name?
 *
 * `logs/access.log` beside the captures of several hosts: the records say what was served, when
 * and for how long, and the captures show which host served that. A sample of the records is
 * compared with the calls that each host served; a host may be it if nearly all of those that
 * the captures cover have a call of their own kind there, of which they have the end and the
 * duration, or which they lie in from its begin on (what is written before the response has
 * left). A proxy serves what the host behind it serves: of several hosts that is taken whose
 * calls are the nearest to most of the records.
 *
 * Where only a part was captured (a database's log, of whose clients one has a capture), the
 * host's calls of the log's kinds all have a record instead, which is no longer than the call,
 * and hardly any has one when the records are moved. That is looked at in a stretch of the log.
 *
 * Logs of calls that are made (and not served) stay where they are.
 */
#include "correlate/log-side.h"

#include <math.h>

#define SAMPLE 400     /* records of a log that are looked at */
#define FEWEST 5       /* of them within the captures' time */
#define NEARLY_ALL 0.8 /* of these have to meet a call */
#define APART_MS 20.0  /* ends and durations together */
#define AROUND_NS (150 * LAMP_NS_PER_MS)
#define NEAR 400 /* calls that are looked at for a record */

/* Where a part was captured */
#define STRETCH 2000 /* records that are looked at */
#define FEWEST_CALLS 20
#define CLOSE_MS 5.0
#define LONGER_NS (LAMP_NS_PER_MS / 10) /* a record's duration than the call's */
#define MOVED_NS (1370 * LAMP_NS_PER_MS)

/* How many records fit the calls of a host. */
typedef struct {
    guint32 covered, met;
} Fit;

/* A host that nearly all records fit, and how well each of the sample does. */
typedef struct {
    guint32 host, nearest; /* records that fit no other better */
    double *costs;
} Home;

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

/* How far a record that lies in a call is from its begin, ms; else INFINITY. */
static double
lies_in(const LampSide *side, const LampObservation *line, const LampCall *call)
{
    gint64 begin = lamp_side_start_of_call(call, FALSE);
    if (line->request_first == LAMP_TIME_NONE || begin == LAMP_TIME_NONE)
        return INFINITY;
    gint64 end = lamp_side_end_of_line(side, line);
    gint64 start = end - (line->response_last - line->request_first);
    if (end > lamp_side_end_of_call(call, FALSE) || start + line->resolution < begin)
        return INFINITY;
    return (double) MAX(start - begin, 0) / 1e6;
}

/* What the call that the record fits best costs; INFINITY if it fits none. *out_call: its
 * number in the side. */
static double
best_cost(const LampSide *side, guint32 line_index, gint64 end, guint32 *out_call)
{
    const LampObservation *line = lamp_observation(side->c, line_index);
    guint32 first = lamp_side_first_at(side, end - AROUND_NS);
    double best = INFINITY;
    for (guint32 i = first; i < side->n_calls && i < first + NEAR; i++) {
        const LampCall *call = lamp_call(side->c, side->calls[i]);
        if (lamp_side_end_of_call(call, FALSE) > end + line->resolution + AROUND_NS)
            break;
        if ((call->flags & LAMP_SEEN_OPAQUE) != 0 ||
            !lamp_side_may_belong(side, line_index, side->calls[i]))
            continue;
        double cost = lamp_side_cost(side, line, call);
        if (cost < best && (cost < APART_MS || lies_in(side, line, call) < APART_MS)) {
            best = cost;
            *out_call = i;
        }
    }
    return best;
}

/* Fills @costs, one for each of @lines. */
static Fit
fit_host(const LampSide *side, const GArray *lines, double *costs)
{
    Fit fit = {0};
    guint32 call = 0;
    gint64 first = lamp_side_end_of_call(lamp_call(side->c, side->calls[0]), FALSE);
    gint64 last =
        lamp_side_end_of_call(lamp_call(side->c, side->calls[side->n_calls - 1]), FALSE);
    for (guint i = 0; i < lines->len; i++) {
        guint32 line = g_array_index(lines, guint32, i);
        gint64 end = lamp_side_end_of_line(side, lamp_observation(side->c, line));
        costs[i] = INFINITY;
        if (end < first || end > last)
            continue;
        fit.covered++;
        costs[i] = best_cost(side, line, end, &call);
        fit.met += costs[i] < INFINITY ? 1 : 0;
    }
    return fit;
}

static void
clear_home(gpointer data)
{
    g_free(((Home *) data)->costs);
}

/* Of the hosts that the records fit, the one that fits most of them best; else
 * LAMP_INDEX_NONE. */
static guint32
nearest_home(GArray *homes, guint n_lines)
{
    guint32 met = 0;
    for (guint i = 0; i < n_lines; i++) {
        Home *best = NULL;
        for (guint k = 0; k < homes->len; k++) {
            Home *home = &g_array_index(homes, Home, k);
            if (home->costs[i] < (best != NULL ? best->costs[i] : INFINITY))
                best = home;
        }
        met += best != NULL ? 1 : 0;
        if (best != NULL)
            best->nearest++;
    }
    for (guint k = 0; k < homes->len; k++)
        if (g_array_index(homes, Home, k).nearest * 2 > met)
            return g_array_index(homes, Home, k).host;
    return LAMP_INDEX_NONE;
}

/* The host that the records fit, or LAMP_INDEX_NONE. */
static guint32
find_home(LampSide *side, const GArray *calls, guint32 *indices, const GArray *lines)
{
    g_autoptr(GArray) homes = g_array_new(FALSE, FALSE, sizeof(Home));
    g_array_set_clear_func(homes, clear_home);
    for (guint at = 0; at < calls->len;) {
        side->host = g_array_index(calls, LampSideEntry, at).host;
        side->n_calls = lamp_side_take_run(calls, &at, side->host, indices);
        Home home = {side->host, 0, g_new(double, lines->len)};
        Fit fit = fit_host(side, lines, home.costs);
        if (fit.covered >= FEWEST && fit.met >= NEARLY_ALL * fit.covered)
            g_array_append_val(homes, home);
        else
            g_free(home.costs);
    }
    return nearest_home(homes, lines->len);
}

/* The records of served calls in the log that the side's calls cover, at most STRETCH from
 * their middle, in order of time (guint32). Caller unrefs. */
static GArray *
take_stretch(const LampSide *side, const GArray *all)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(guint32));
    gint64 first = lamp_side_end_of_call(lamp_call(side->c, side->calls[0]), FALSE);
    gint64 last =
        lamp_side_end_of_call(lamp_call(side->c, side->calls[side->n_calls - 1]), FALSE);
    for (guint i = 0; i < all->len; i++) {
        guint32 line = g_array_index(all, LampSideEntry, i).index;
        gint64 end = lamp_side_end_of_line(side, lamp_observation(side->c, line));
        if (end >= first && end <= last)
            g_array_append_val(lines, line);
    }
    if (lines->len > STRETCH) {
        guint skip = (lines->len - STRETCH) / 2;
        g_array_remove_range(lines, 0, skip);
        g_array_set_size(lines, STRETCH);
    }
    return lines;
}

/* How many of the side's calls have a record that is close and no longer, if all records are
 * moved by @moved. */
static guint32
count_met(const LampSide *side, const GArray *lines, gint64 moved)
{
    g_autofree guint8 *is_met = g_new0(guint8, (gsize) side->n_calls + 1);
    guint32 met = 0;
    for (guint i = 0; i < lines->len; i++) {
        guint32 index = g_array_index(lines, guint32, i), at = 0;
        LampObservation line = *lamp_observation(side->c, index);
        LampObservation *held = lamp_observation(side->c, index);
        held->response_last += moved;
        held->request_first += held->request_first != LAMP_TIME_NONE ? moved : 0;
        gint64 end = lamp_side_end_of_line(side, held);
        double cost = best_cost(side, index, end, &at);
        *held = line;
        if (cost >= CLOSE_MS || is_met[at] != 0)
            continue;
        const LampCall *call = lamp_call(side->c, side->calls[at]);
        gint64 seen = lamp_side_end_of_call(call, FALSE) - lamp_side_start_of_call(call, FALSE);
        if (line.response_last - line.request_first <= seen + LONGER_NS) {
            is_met[at] = 1;
            met++;
        }
    }
    return met;
}

/* How many of the side's calls are of the kinds and in the time of @lines. */
static guint32
count_alike(const LampSide *side, const GArray *lines)
{
    g_autoptr(GHashTable) kinds = g_hash_table_new(NULL, NULL);
    guint32 alike = 0;
    const guint32 *all = (const guint32 *) (gconstpointer) lines->data;
    gint64 first = lamp_side_end_of_line(side, lamp_observation(side->c, all[0]));
    gint64 last = lamp_side_end_of_line(side, lamp_observation(side->c, all[lines->len - 1]));
    for (guint i = 0; i < lines->len; i++)
        g_hash_table_add(kinds, GUINT_TO_POINTER(lamp_observation(side->c, all[i])->operation));
    for (guint32 i = 0; i < side->n_calls; i++) {
        const LampCall *call = lamp_call(side->c, side->calls[i]);
        gint64 end = lamp_side_end_of_call(call, FALSE);
        alike += end >= first && end <= last &&
                         g_hash_table_contains(kinds, GUINT_TO_POINTER(call->operation))
                     ? 1
                     : 0;
    }
    return alike;
}

/* The host of whose calls nearly all have a record; only one may be so, or LAMP_INDEX_NONE. */
static guint32
find_part_home(LampSide *side, const GArray *calls, guint32 *indices, const GArray *all)
{
    guint32 home = LAMP_INDEX_NONE;
    for (guint at = 0; at < calls->len;) {
        side->host = g_array_index(calls, LampSideEntry, at).host;
        side->n_calls = lamp_side_take_run(calls, &at, side->host, indices);
        g_autoptr(GArray) lines = take_stretch(side, all);
        guint32 alike = lines->len > 0 ? count_alike(side, lines) : 0;
        if (alike < FEWEST_CALLS || alike > 2 * STRETCH)
            continue;
        guint32 met = count_met(side, lines, 0);
        if (met < NEARLY_ALL * alike || count_met(side, lines, MOVED_NS) * 2 > met)
            continue;
        if (home != LAMP_INDEX_NONE)
            return LAMP_INDEX_NONE;
        home = side->host;
    }
    return home;
}

static gint
compare_times(gconstpointer left, gconstpointer right)
{
    const LampSideEntry *a = left, *b = right;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* All records of served calls of @source by time (LampSideEntry). Caller unrefs. */
static GArray *
list_served(LampCorrelation *c, guint32 source)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(LampSideEntry));
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *line = lamp_observation(c, i);
        LampSideEntry entry = {source, line->response_last, i};
        if (is_served(line) && line->source == source)
            g_array_append_val(lines, entry);
    }
    g_array_sort(lines, compare_times);
    return lines;
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
        if (home == LAMP_INDEX_NONE) {
            g_autoptr(GArray) served = list_served(c, i);
            home = find_part_home(&side, calls, indices, served);
        }
        if (home != LAMP_INDEX_NONE)
            source->host = home;
    }
}
