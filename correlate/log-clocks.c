/*
 * The clocks of logs, from the calls that captures show.
 *
 * Records whose times are whole quarters of an hour off are moved (correlate/log-zones.c). The
 * log of a host with a capture is on that host's clock. A host without one gets the offset on
 * which most of the differences agree between the ends of calls and of records that may tell of
 * them; a record's time is the beginning of an interval of its resolution.
 */
#include "correlate/log-side.h"

/* How near to a call a line must end to speak for a time zone: on a known clock, and else. */
#define MEETING_NS (20 * LAMP_NS_PER_MS)
#define LOOSE_NS (2 * LAMP_NS_PER_SECOND)
#define NEAR 4000

/* Does a line meet a call that it may belong to, if it is moved back by @shift? */
static gboolean
meets_call(gpointer user, guint32 i, gint64 shift)
{
    const LampSide *side = user;
    const LampObservation *line = lamp_observation(side->c, side->lines[i]);
    gint64 reach = side->is_aligned ? MEETING_NS : LOOSE_NS;
    gint64 end = lamp_side_end_of_line(side, line) - shift;
    guint32 first = lamp_side_first_at(side, end - reach);
    for (guint32 k = first; k < side->n_calls && k < first + NEAR; k++) {
        const LampCall *call = lamp_call(side->c, side->calls[k]);
        if (lamp_side_end_of_call(call, side->is_client) > end + line->resolution + reach)
            break;
        if (lamp_side_may_belong(side, side->lines[i], side->calls[k]))
            return TRUE;
    }
    return FALSE;
}

static void
move_line(LampObservation *line, gint64 shift)
{
    gint64 *times[] = {&line->request_first, &line->request_last, &line->response_first,
                       &line->response_last};
    for (guint i = 0; i < G_N_ELEMENTS(times); i++)
        if (*times[i] != LAMP_TIME_NONE)
            *times[i] -= shift;
}

/* Moves lines whose times are whole quarters of an hour off, and remembers it of their logs. */
static void
correct_zones(LampSide *side)
{
    LampCorrelation *c = side->c;
    g_autofree gint64 *times = g_new(gint64, (gsize) side->n_lines + 1);
    g_autofree gint64 *shifts = g_new0(gint64, (gsize) side->n_lines + 1);
    for (guint32 i = 0; i < side->n_lines; i++)
        times[i] = lamp_side_end_of_line(side, lamp_observation(c, side->lines[i]));
    LampZoneSearch search = {
        .times = times,
        .n = side->n_lines,
        .first_call = lamp_side_end_of_call(lamp_call(c, side->calls[0]), side->is_client),
        .last_call = lamp_side_end_of_call(lamp_call(c, side->calls[side->n_calls - 1]),
                                           side->is_client),
        .meets = meets_call,
        .user = side,
    };
    lamp_zone_shifts(&search, shifts);
    for (guint32 i = 0; i < side->n_lines; i++) {
        LampObservation *line = lamp_observation(c, side->lines[i]);
        LampSource *source = lamp_source(c, line->source);
        if (shifts[i] == 0)
            continue;
        move_line(line, shifts[i]);
        source->zone_ns = shifts[i];
        source->moved_lines++;
    }
}

static gint
compare_int64(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *) left;
    gint64 b = *(const gint64 *) right;
    return a < b ? -1 : a > b;
}

/* Ends of calls minus ends of lines for pairs of the same operation within +-5 s. */
static GArray *
end_differences(const LampSide *side)
{
    const gint64 reach = 5 * LAMP_NS_PER_SECOND;
    GArray *differences = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint32 stride = MAX(1, side->n_lines / 1000);
    for (guint32 i = 0; i < side->n_lines; i += stride) {
        gint64 end = lamp_side_end_of_line(side, lamp_observation(side->c, side->lines[i]));
        guint32 first = lamp_side_first_at(side, end - reach);
        for (guint32 k = first; k < side->n_calls && k < first + NEAR; k++) {
            gint64 gap =
                lamp_side_end_of_call(lamp_call(side->c, side->calls[k]), side->is_client) -
                end;
            if (gap > reach)
                break;
            if (lamp_side_may_belong(side, side->lines[i], side->calls[k]))
                g_array_append_val(differences, gap);
        }
    }
    g_array_sort(differences, compare_int64);
    return differences;
}

/* The resolution that most lines have at least. */
static gint64
resolution_of(const LampSide *side)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint32 i = 0; i < side->n_lines; i++)
        g_array_append_val(values, lamp_observation(side->c, side->lines[i])->resolution);
    g_array_sort(values, compare_int64);
    return g_array_index(values, gint64, values->len / 2);
}

/* For a host without a capture: the differences lie within the resolution above its clock's
 * offset, so the densest stretch of that length (at least 20 ms) tells it. */
static void
align_host(LampSide *side)
{
    gint64 resolution = resolution_of(side);
    gint64 width = MAX(20 * LAMP_NS_PER_MS, resolution);
    g_autoptr(GArray) array = end_differences(side);
    const gint64 *differences = (const gint64 *) (gpointer) array->data;
    guint best = 0;
    guint best_count = 0;
    for (guint i = 0, k = 0; i < array->len; i++) {
        while (differences[i] - differences[k] > width)
            k++;
        if (i - k + 1 > best_count) {
            best_count = i - k + 1;
            best = k;
        }
    }
    if (best_count < 10)
        return;
    gint64 lowest = differences[best];
    gint64 highest = differences[best + best_count - 1];
    gint64 middle = differences[best + (best_count - 1) / 2];
    gboolean is_coarse = resolution >= width;
    if (is_coarse) /* a stamp is the beginning of an interval */
        middle = (lowest + highest - resolution) / 2;
    LampHost *host = lamp_host(side->c, side->host);
    host->clock.offset_ns = -(double) middle;
    host->clock.uncertainty_ns =
        is_coarse ? (double) (resolution - (highest - lowest)) / 2 + 1e7 : (double) width / 2;
    host->clock.samples = host->samples = best_count;
    host->has_clock = TRUE;
    host->method = "log";
}

static gboolean
has_capture(LampCorrelation *c, guint32 host)
{
    for (guint i = 0; i < c->sources->len; i++)
        if (lamp_source(c, i)->host == host && lamp_source(c, i)->kind == LAMP_SOURCE_CAPTURE)
            return TRUE;
    return FALSE;
}

void
lamp_side_align(LampSide *side)
{
    side->is_aligned =
        lamp_host(side->c, side->host)->has_clock || has_capture(side->c, side->host);
    if (!side->is_unanswered)
        correct_zones(side);
    if (!side->is_aligned)
        align_host(side);
}
