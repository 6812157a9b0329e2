/*
 * Which template follows which, from counts alone: no line is assigned to any request.
 *
 * If each line of b follows one of a in the same request, then at any time as many lines of a
 * as of b were written, or more; in the end as many of both. Of the templates a for which that
 * holds, the one that leaves the fewest lines waiting is nearest before b; by Little's law the
 * mean of those waiting is rate times delay. However many requests overlap, and however the
 * delay varies, this holds; what a busy component does next, though it comes promptly after the
 * last line of another request, fails it. The k-th line of a and the k-th of b have the gaps of
 * the pair in good approximation.
 *
 * Cost: lines times templates of the same count.
 */
#include "correlate/log-requests/state.h"

#define LEAST_LINES 8
#define TOLERANCE 0.02 /* of the lines: more or less, or too early */

/* Lines by template. */
typedef struct {
    guint32 *first; /* by template, in `lines`; n_templates + 1 */
    guint32 *lines;
} ByTemplate;

static void
sort_lines(const LampGroupState *s, ByTemplate *by)
{
    guint32 n = s->input->n_lines;
    by->first = g_new0(guint32, (gsize) s->n_templates + 2);
    by->lines = g_new(guint32, (gsize) n + 1);
    for (guint32 i = 0; i < n; i++)
        by->first[s->input->lines[i].template + 2]++;
    for (guint32 t = 2; t <= s->n_templates + 1; t++)
        by->first[t] += by->first[t - 1];
    for (guint32 i = 0; i < n; i++)
        by->lines[by->first[s->input->lines[i].template + 1]++] = i;
}

/* Mean delay in ns of the lines of @to behind those of @from, or -1 if they are no such pair.
 */
static double
mean_delay(const LampGroupState *s, const ByTemplate *by, guint32 from, guint32 to)
{
    const LampLogLine *lines = s->input->lines;
    guint32 n_from = by->first[from + 1] - by->first[from];
    guint32 n_to = by->first[to + 1] - by->first[to];
    guint32 most = (guint32) (TOLERANCE * n_to);
    if (n_from + most < n_to || n_to + most < n_from)
        return -1;
    guint32 n = MIN(n_from, n_to);
    guint32 early = 0;
    double sum = 0;
    for (guint32 k = 0; k < n; k++) {
        guint32 a = by->lines[by->first[from] + k];
        guint32 b = by->lines[by->first[to] + k];
        early += a > b ? 1 : 0;
        sum += (double) (lines[b].time_ns - lines[a].time_ns);
        if (early > most)
            return -1;
    }
    return sum / n;
}

static guint32
count_pairs(const ByTemplate *by, guint32 from, guint32 to)
{
    return MIN(by->first[from + 1] - by->first[from], by->first[to + 1] - by->first[to]);
}

static void
add_pairs(LampGroupState *s, const LampLinePairs *pairs)
{
    const LampLogLine *lines = s->input->lines;
    for (guint32 k = 0; k < pairs->n; k++) {
        guint32 a = pairs->before[k];
        guint32 b = pairs->after[k];
        if (a >= b)
            continue;
        LampEdge edge = {.from = a, .to = b, .probability = 1};
        edge.bin = lamp_gap_bin(lines[b].time_ns - lines[a].time_ns);
        edge.follow = lamp_follow_number(s, a, b);
        g_array_append_val(s->seeds, edge);
    }
}

void
lamp_order_find(LampGroupState *s)
{
    ByTemplate by;
    sort_lines(s, &by);
    guint32 pairs = 0;
    for (guint32 to = 0; to < s->n_templates; to++) {
        guint32 best = LAMP_LOG_NONE;
        double least = 0;
        if (by.first[to + 1] - by.first[to] < LEAST_LINES)
            continue;
        for (guint32 from = 0; from < s->n_templates; from++) {
            double delay = from != to ? mean_delay(s, &by, from, to) : -1;
            if (delay < 0 || (best != LAMP_LOG_NONE && delay >= least))
                continue;
            best = from;
            least = delay;
        }
        if (best == LAMP_LOG_NONE)
            continue;
        LampLinePairs match = {best, to, by.lines + by.first[best], by.lines + by.first[to],
                               count_pairs(&by, best, to)};
        add_pairs(s, &match);
        lamp_neighbours_judge(s, &match);
        pairs++;
    }
    g_debug("%u templates follow one other", pairs);
    g_free(by.first);
    g_free(by.lines);
}
