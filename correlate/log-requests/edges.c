/*
 * Candidates for the line before each request's part, and their probabilities.
 *
 * Each line without a predecessor looks at the latest lines without a successor. One line has
 * at most one predecessor and one successor: the probabilities under that constraint are
 * approximated by belief propagation (scaling as by Sinkhorn, with an end and a start as
 * further choices).
 */
#include "correlate/log-requests/edges.h"

#include <math.h>

#define ROUNDS 12
#define MOST_GAP_NS (120 * LAMP_NS_PER_SECOND)
#define GAIN_CAP 30.0
#define KNOWN 0.5 /* links of a pair */

/* May a line be the next of a unit of work of its component? */
static gboolean
is_inside(const LampGroupState *s, guint32 from, guint32 to)
{
    const LampLogLine *lines = s->input->lines;
    return lines[from].component == lines[to].component &&
           !s->is_work_begin[lines[to].template] && s->bound[from] == LAMP_LOG_NONE &&
           s->bound[to] == LAMP_LOG_NONE;
}

void
lamp_edges_find(LampGroupState *s, guint most, gint64 reach_ns)
{
    const LampLogInput *in = s->input;
    g_array_set_size(s->edges, 0);
    g_autofree guint32 *tails = g_new(guint32, (gsize) in->n_lines + 1);
    guint32 n_tails = 0;
    for (guint32 j = 0; j < in->n_lines; j++) {
        s->edge_first[j] = s->edges->len;
        if (s->previous[j] == LAMP_LOG_NONE) {
            for (guint32 r = 0; r < most && r < n_tails; r++) {
                guint32 i = tails[n_tails - 1 - r];
                gint64 gap = in->lines[j].time_ns - in->lines[i].time_ns;
                if (gap > MIN(reach_ns, MOST_GAP_NS))
                    break;
                if (lamp_is_conflict(s->group[i], s->group[j]) ||
                    (s->is_unit_only && !is_inside(s, i, j)))
                    continue;
                LampEdge edge = {
                    .from = i, .to = j, .bin = lamp_gap_bin(gap), .rank = (guint8) MIN(r, 255)};
                edge.follow = lamp_follow_number(s, i, j);
                g_array_append_val(s->edges, edge);
            }
            s->edge_first[j + 1] = s->edges->len;
        }
        if (s->next[j] == LAMP_LOG_NONE)
            tails[n_tails++] = j;
    }
    s->edge_first[in->n_lines] = s->edges->len;
}

/* Of a pair of templates that nothing is known of, the nearer the better. */
static void
set_gains(LampGroupState *s, gboolean is_first)
{
    for (guint i = 0; i < s->edges->len; i++) {
        LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        double gain = lamp_statistics_gain(s, edge);
        if (is_first && g_array_index(s->follows, LampFollow, edge->follow).count < KNOWN)
            gain = MAX(gain, 1 - 2 * log(1.0 + edge->rank));
        edge->gain = (float) CLAMP(gain, -GAIN_CAP, GAIN_CAP);
        edge->weight = exp((double) edge->gain);
        edge->asked = edge->weight;
        edge->reply = 1;
    }
}

/* Sum over the ways on from each line, and over the ways to it. */
static void
add_up(LampGroupState *s)
{
    for (guint32 i = 0; i < s->input->n_lines; i++)
        s->weight_from[i] = s->weight_to[i] = 1;
    for (guint i = 0; i < s->edges->len; i++) {
        const LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        s->weight_from[edge->from] += edge->weight * edge->reply;
        s->weight_to[edge->to] += edge->asked;
    }
}

void
lamp_edges_solve(LampGroupState *s, gboolean is_first)
{
    set_gains(s, is_first);
    for (guint round = 0; round < ROUNDS; round++) {
        add_up(s);
        for (guint i = 0; i < s->edges->len; i++) {
            LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
            double asked = edge->weight /
                           (s->weight_from[edge->from] - edge->weight * edge->reply * 0.999999);
            double reply = 1 / (s->weight_to[edge->to] - edge->asked * 0.999999);
            edge->asked = asked;
            edge->reply = reply;
        }
    }
    add_up(s);
    for (guint i = 0; i < s->edges->len; i++) {
        LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        edge->probability = (float) (edge->asked / s->weight_to[edge->to]);
    }
}

static gint
compare_edges(gconstpointer left, gconstpointer right)
{
    const LampEdge *a = left;
    const LampEdge *b = right;
    if (a->probability != b->probability)
        return a->probability > b->probability ? -1 : 1;
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return a->from > b->from ? -1 : a->from < b->from;
}

GArray *
lamp_edges_sure(const LampGroupState *s, float surest)
{
    GArray *sure = g_array_new(FALSE, FALSE, sizeof(LampEdge));
    for (guint i = 0; i < s->edges->len; i++) {
        const LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        if (edge->probability >= surest)
            g_array_append_vals(sure, edge, 1);
    }
    g_array_sort(sure, compare_edges);
    return sure;
}
