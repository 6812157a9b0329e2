/*
 * The clocks of logs that name their callers but share no ids with them: a database's, say.
 *
 * In: records of calls that name a caller's host, and the records of what that host served, on
 * a known clock. A call that was made for a request lies within it; so each record allows the
 * differences of the clocks at which it lies in some request of its caller, and the difference
 * that most records allow is taken (a sweep over the bounds), none if that is nearly as good.
 * Cost: SAMPLE records of a host are looked at, with NEAR requests each.
 */
#include "correlate/common-point.h"
#include "correlate/logs.h"
#include "correlate/served.h"

#define SAMPLE 1000
#define NEAR 400
#define FEWEST 20
#define MOST_OF 0.8
#define AS_GOOD 0.98
#define NARROW_NS (250 * LAMP_NS_PER_MS)
#define WIDE_NS (5 * LAMP_NS_PER_SECOND)
#define LONGEST_NS LAMP_NS_PER_SECOND

static guint32
host_of(LampCorrelation *c, const LampObservation *line)
{
    return line->source != LAMP_INDEX_NONE ? lamp_source(c, line->source)->host
                                           : LAMP_INDEX_NONE;
}

static gboolean
is_served(const LampObservation *line)
{
    return line->origin == LAMP_FROM_LOG && line->role != LAMP_SEEN_BY_CLIENT &&
           line->request_first != LAMP_TIME_NONE && line->response_last != LAMP_TIME_NONE;
}

/* What hosts served, on the reference clock. */
static GArray *
list_served(LampCorrelation *c)
{
    GArray *served = g_array_new(FALSE, FALSE, sizeof(LampServed));
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *line = lamp_observation(c, i);
        guint32 host = is_served(line) ? host_of(c, line) : LAMP_INDEX_NONE;
        if (host == LAMP_INDEX_NONE || !lamp_host(c, host)->has_clock)
            continue;
        const LampHost *clock = lamp_host(c, host);
        LampServed one = {host, lamp_on_reference(c, clock, line->request_first),
                          lamp_on_reference(c, clock, line->response_last), 0};
        g_array_append_val(served, one);
    }
    lamp_served_sort(served);
    return served;
}

static gint
compare_starts(gconstpointer left, gconstpointer right)
{
    const gint64 *a = left;
    const gint64 *b = right;
    return a[0] < b[0] ? -1 : a[0] > b[0];
}

/* Adds the differences at which the record lies in a request of its caller, each once. */
static void
add_record(const GArray *served, const LampObservation *line, guint32 caller, gint64 window,
           GArray *bounds)
{
    gint64 reach[NEAR][2];
    guint n = 0;
    guint first =
        lamp_served_find(served, caller, line->request_first - window - LONGEST_NS, G_MININT64);
    for (guint i = first; i < served->len && n < NEAR; i++) {
        const LampServed *request = &g_array_index(served, LampServed, i);
        if (request->host != caller || request->start > line->request_first + window)
            break;
        reach[n][0] = MAX(line->response_last - request->end - line->resolution, -window);
        reach[n][1] = MIN(line->request_first - request->start + line->resolution, window);
        n += reach[n][0] <= reach[n][1] ? 1 : 0;
    }
    if (n > 0)
        qsort(reach, n, sizeof *reach, compare_starts);
    for (guint i = 0, k; i < n; i = k) {
        gint64 end = reach[i][1];
        for (k = i + 1; k < n && reach[k][0] <= end; k++)
            end = MAX(end, reach[k][1]);
        lamp_bounds_add(bounds, reach[i][0], end);
    }
}

/* Host that a record names as its caller, if what it served is known. */
static guint32
caller_of(LampCorrelation *c, const LampObservation *line)
{
    guint32 host =
        line->client != LAMP_INDEX_NONE ? lamp_place(c, line->client)->host : LAMP_INDEX_NONE;
    return host != LAMP_INDEX_NONE && lamp_host(c, host)->has_clock ? host : LAMP_INDEX_NONE;
}

static gboolean
align_host(LampCorrelation *c, const GArray *served, const GArray *lines, guint32 index,
           gint64 window)
{
    g_autoptr(GArray) bounds = g_array_new(FALSE, FALSE, sizeof(LampBound));
    guint32 n = 0, seen = 0;
    for (guint i = 0; i < lines->len; i++)
        n += host_of(c, lamp_observation(c, g_array_index(lines, guint32, i))) == index;
    guint32 stride = n / SAMPLE + 1, taken = 0;
    for (guint i = 0; i < lines->len; i++) {
        const LampObservation *line = lamp_observation(c, g_array_index(lines, guint32, i));
        guint32 caller =
            host_of(c, line) == index && is_served(line) ? caller_of(c, line) : LAMP_INDEX_NONE;
        if (caller == LAMP_INDEX_NONE || caller == index || seen++ % stride != 0)
            continue;
        add_record(served, line, caller, window, bounds);
        taken++;
    }
    gint64 reach[2] = {0};
    guint most = lamp_bounds_most(bounds, AS_GOOD, reach);
    if (most < FEWEST || most < MOST_OF * taken)
        return FALSE;
    LampHost *host = lamp_host(c, index);
    gint64 width = reach[1] - reach[0];
    gint64 ahead = reach[0] <= 0 && reach[1] >= 0
                       ? 0
                       : CLAMP(0, reach[0] + width / 4, reach[1] - width / 4);
    host->clock.offset_ns = (double) ahead;
    host->clock.uncertainty_ns = (double) width / 4;
    host->clock.samples = host->samples = most;
    host->has_clock = TRUE;
    host->method = "log";
    return TRUE;
}

void
lamp_nested_clocks_align(LampCorrelation *c, const GArray *lines)
{
    g_autofree guint8 *is_open = g_new0(guint8, (gsize) c->hosts->len + 1);
    g_autoptr(GArray) served = list_served(c);
    for (guint i = 0; i < lines->len && served->len > 0; i++) {
        const LampObservation *line = lamp_observation(c, g_array_index(lines, guint32, i));
        guint32 host = host_of(c, line);
        if (host != LAMP_INDEX_NONE && !lamp_host(c, host)->has_clock &&
            caller_of(c, line) != LAMP_INDEX_NONE)
            is_open[host] = 1;
    }
    for (guint32 i = 0; i < c->hosts->len; i++)
        if (is_open[i] != 0 && !align_host(c, served, lines, i, NARROW_NS))
            align_host(c, served, lines, i, WIDE_NS);
}
