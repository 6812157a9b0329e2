/*
 * Windows of time for the regression of traffic on traffic.
 *
 * Where nothing goes by for long, windows say nothing but cost as much as others: a second file
 * of another day made a hundred thousand of them. A stretch of windows ends some windows after
 * its last packet, so that the fall of traffic is seen, and the next one follows it at once.
 */
#include "correlate/dependencies/windows.h"

#include <stdlib.h>

enum { SILENCE = 6, MOST_WINDOWS = 20000 };

/* Windows begin … end - 1 in time stand from place @at on. */
typedef struct {
    gint64 begin, end;
    gint64 at;
} Stretch;

struct LampWindows {
    gint64 from, width;
    GArray *stretches; /* by begin, apart from each other */
    gint64 count;
};

static int
compare_stretches(const void *left, const void *right)
{
    const Stretch *a = left, *b = right;
    return (a->begin > b->begin) - (a->begin < b->begin);
}

static void
add_stretches(LampWindows *windows, const LampBiflows *b, const gboolean *some,
              const gboolean *others)
{
    for (guint i = 0; i < b->pieces->len; i++) {
        const LampFlowPiece *piece = &g_array_index(b->pieces, LampFlowPiece, i);
        if (!some[piece->flow] && !others[piece->flow])
            continue;
        Stretch stretch = {.begin = (piece->first - windows->from) / windows->width,
                           .end = (piece->last - windows->from) / windows->width + SILENCE};
        g_array_append_val(windows->stretches, stretch);
    }
}

/* Sorts, joins what overlaps, gives places. */
static void
join_stretches(LampWindows *windows)
{
    GArray *stretches = windows->stretches;
    guint used = 0;
    qsort(stretches->data, stretches->len, sizeof(Stretch), compare_stretches);
    for (guint i = 0; i < stretches->len; i++) {
        const Stretch *next = &g_array_index(stretches, Stretch, i);
        Stretch *last = used > 0 ? &g_array_index(stretches, Stretch, used - 1) : NULL;
        if (last != NULL && next->begin <= last->end)
            last->end = MAX(last->end, next->end);
        else
            g_array_index(stretches, Stretch, used++) = *next;
    }
    g_array_set_size(stretches, used);
    windows->count = 0;
    for (guint i = 0; i < used; i++) {
        Stretch *stretch = &g_array_index(stretches, Stretch, i);
        stretch->at = windows->count;
        windows->count += stretch->end - stretch->begin;
    }
}

LampWindows *
lamp_windows_new(const LampBiflows *biflows, const gboolean *some, const gboolean *others,
                 gint64 width)
{
    LampWindows *windows = g_new0(LampWindows, 1);
    windows->from = biflows->from;
    windows->width = MAX(width, 1);
    windows->stretches = g_array_new(FALSE, TRUE, sizeof(Stretch));
    for (;; windows->width *= 2) {
        g_array_set_size(windows->stretches, 0);
        add_stretches(windows, biflows, some, others);
        join_stretches(windows);
        if (windows->count <= MOST_WINDOWS || windows->width > G_MAXINT64 / 4)
            return windows;
        /* Each stretch has its silence: where they are too many, wider windows join them. */
    }
}

void
lamp_windows_free(LampWindows *windows)
{
    g_array_unref(windows->stretches);
    g_free(windows);
}

guint
lamp_windows_count(const LampWindows *windows)
{
    return (guint) windows->count;
}

static gint64
place_of(const LampWindows *windows, gint64 window)
{
    guint low = 0, high = windows->stretches->len;
    while (high - low > 1) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(windows->stretches, Stretch, middle).begin <= window)
            low = middle;
        else
            high = middle;
    }
    const Stretch *stretch = &g_array_index(windows->stretches, Stretch, low);
    return stretch->at + window - stretch->begin;
}

void
lamp_windows_spread(const LampWindows *windows, const LampBiflows *biflows,
                    const gboolean *is_in, double *sums)
{
    gint64 width = windows->width;
    for (guint i = 0; i < biflows->pieces->len; i++) {
        const LampFlowPiece *piece = &g_array_index(biflows->pieces, LampFlowPiece, i);
        if (!is_in[piece->flow])
            continue;
        gint64 first = piece->first - windows->from, last = piece->last - windows->from;
        gint64 begin = first / width, end = last / width, place = place_of(windows, begin);
        double length = (double) MAX(last - first, 1);
        for (gint64 w = begin; w <= end; w++) {
            gint64 from = MAX(first, w * width), to = MIN(last, (w + 1) * width);
            sums[place + w - begin] +=
                begin == end ? piece->packets
                             : piece->packets * (double) MAX(to - from, 0) / length;
        }
    }
}
