/*
 * Candidates for the line before each line, from what was learnt.
 *
 * Of each template that was seen before the line's own, the latest lines are looked at; those
 * of the highest gain are kept. Cost: a few hundred table look-ups for each line.
 */
#include "correlate/log-requests/edges.h"

#include <string.h>

#define MOST_CANDIDATES 32
#define TEMPLATES 24 /* that may come before */
#define LATEST 24    /* lines of a template that are looked at */
#define LEAST_COUNT 0.3
#define LEAST_GAIN (-4.0)
#define GAIN_CAP 25.0F

/* Candidates of one line, the best first; no more than `most` are kept. */
typedef struct {
    LampEdge edges[MOST_CANDIDATES];
    guint n, most;
} Best;

static void
keep_best(Best *best, const LampEdge *edge)
{
    guint at = best->n;
    while (at > 0 &&
           (best->edges[at - 1].gain < edge->gain ||
            (best->edges[at - 1].gain == edge->gain && best->edges[at - 1].from < edge->from)))
        at--;
    if (at >= best->most)
        return;
    best->n = MIN(best->n + 1, best->most);
    memmove(&best->edges[at + 1], &best->edges[at], (best->n - 1 - at) * sizeof *edge);
    best->edges[at] = *edge;
}

/* Which templates may precede each template: those that did, the most frequent first. */
static gint
compare_follows(gconstpointer left, gconstpointer right, gpointer user)
{
    const LampGroupState *s = user;
    const LampFollow *a = &g_array_index(s->follows, LampFollow, *(const guint32 *) left);
    const LampFollow *b = &g_array_index(s->follows, LampFollow, *(const guint32 *) right);
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Pairs of templates by the later one, and the latest lines of each template. */
typedef struct {
    LampGroupState *s;
    GArray *order;   /* guint32: numbers of pairs, by `to`, the most frequent first */
    guint32 *first;  /* by template: first in `order`; n_templates + 1 */
    guint32 *latest; /* ring of LATEST lines for each template */
    guint32 *seen;   /* lines of each template so far */
    Best best;
} Search;

static void
begin_search(Search *search, LampGroupState *s, guint most)
{
    *search = (Search){.s = s, .best.most = MIN(most, MOST_CANDIDATES)};
    search->order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < s->follows->len; i++)
        if (g_array_index(s->follows, LampFollow, i).count > LEAST_COUNT)
            g_array_append_val(search->order, i);
    g_array_sort_with_data(search->order, compare_follows, s);
    search->first = g_new0(guint32, (gsize) s->n_templates + 2);
    for (guint i = 0; i < search->order->len; i++) {
        guint32 number = g_array_index(search->order, guint32, i);
        search->first[g_array_index(s->follows, LampFollow, number).to + 1]++;
    }
    for (guint32 t = 0; t <= s->n_templates; t++)
        search->first[t + 1] += search->first[t];
    search->latest = g_new(guint32, (gsize) s->n_templates * LATEST + 1);
    search->seen = g_new0(guint32, (gsize) s->n_templates + 1);
}

static void
end_search(Search *search)
{
    g_array_unref(search->order);
    g_free(search->first);
    g_free(search->latest);
    g_free(search->seen);
}

/* Looks at the latest lines of the earlier template of a pair. */
static void
look_at_pair(Search *search, guint32 line, guint32 number)
{
    LampGroupState *s = search->s;
    const LampLogLine *lines = s->input->lines;
    guint32 template = g_array_index(s->follows, LampFollow, number).from;
    guint32 seen = search->seen[template];
    for (guint32 k = 1; k <= MIN(seen, LATEST); k++) {
        guint32 from = search->latest[(gsize) template * LATEST + (seen - k) % LATEST];
        if (lamp_is_conflict(s->bound[from], s->bound[line]))
            continue;
        LampEdge edge = {.from = from, .to = line, .follow = number};
        edge.bin = lamp_gap_bin(lines[line].time_ns - lines[from].time_ns);
        double gain = lamp_statistics_gain(s, &edge);
        if (gain <= LEAST_GAIN)
            continue;
        edge.gain = MIN((float) gain, GAIN_CAP);
        keep_best(&search->best, &edge);
    }
}

void
lamp_edges_all(LampGroupState *s, guint most)
{
    Search search;
    begin_search(&search, s, most);
    g_array_set_size(s->edges, 0);
    for (guint32 line = 0; line < s->input->n_lines; line++) {
        guint32 template = s->input->lines[line].template;
        guint32 first = search.first[template];
        guint32 last = MIN(search.first[template + 1], first + TEMPLATES);
        search.best.n = 0;
        for (guint32 i = first; i < last; i++)
            look_at_pair(&search, line, g_array_index(search.order, guint32, i));
        s->edge_first[line] = s->edges->len;
        g_array_append_vals(s->edges, search.best.edges, search.best.n);
        s->edge_first[line + 1] = s->edges->len;
        search.latest[(gsize) template * LATEST + search.seen[template] % LATEST] = line;
        search.seen[template]++;
        lamp_values_chances(s, line);
    }
    end_search(&search);
}
