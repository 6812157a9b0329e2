/*
 * Which template follows which, how often and after how long: learnt from weighted links.
 *
 * A link from a line of template a to one of template b after a gap g has the gain
 *
 *     log P(b | a) f_ab(g) - log P(end | a) - log rate(start of b)
 *
 * against a being the last line of its request and b the first of another. f_ab is a histogram
 * over half octaves of the gap, smoothed, with two observations' worth of a log-uniform one.
 */
#include "correlate/log-requests/state.h"

#include <math.h>
#include <string.h>

#define PRIOR 1.0
#define ENTRY_SHARE 0.3
#define CLOSING_SHARE 0.4
#define FOREIGN_COST 8.0
#define BEGIN_COST 30.0
#define STRANGER_COST 20.0
#define ROOT_SHARE 0.8

guint8
lamp_gap_bin(gint64 gap_ns)
{
    double bin = 2 * log2((double) MAX(gap_ns, 0) / 1000 + 1);
    return (guint8) MIN(bin, GAP_BINS - 1);
}

/* Nanoseconds that a bin stands for. */
static double
bin_width(guint bin)
{
    return 1000 * (exp2((double) (bin + 1) / 2) - exp2((double) bin / 2));
}

guint32
lamp_follow_number(LampGroupState *s, guint32 from, guint32 to)
{
    const LampLogLine *a = &s->input->lines[from];
    const LampLogLine *b = &s->input->lines[to];
    guint32 from_label = s->from_label != NULL ? s->from_label[from] : a->template;
    guint32 to_label = s->to_label != NULL ? s->to_label[to] : b->template;
    gint64 key = (gint64) (((guint64) from_label << 32) | to_label);
    gpointer known = g_hash_table_lookup(s->follow_index, &key);
    if (known != NULL)
        return GPOINTER_TO_UINT(known) - 1;
    LampFollow follow = {
        .from = from_label, .to = to_label, .is_across = a->component != b->component};
    g_array_append_val(s->follows, follow);
    gint64 *copy = g_new(gint64, 1);
    *copy = key;
    g_hash_table_insert(s->follow_index, copy, GUINT_TO_POINTER(s->follows->len));
    return s->follows->len - 1;
}

static void
add_link(LampGroupState *s, guint32 number, guint bin, double weight)
{
    static const float kernel[5] = {0.1F, 0.2F, 0.4F, 0.2F, 0.1F};
    LampFollow *follow = &g_array_index(s->follows, LampFollow, number);
    follow->count += weight;
    for (guint k = 0; k < 5; k++) {
        gint at = (gint) bin + (gint) k - 2;
        follow->bins[CLAMP(at, 0, GAP_BINS - 1)] += kernel[k] * (float) weight;
    }
    s->template_ends[follow->from] -= weight;
    s->template_starts[follow->to] -= weight;
}

void
lamp_statistics_learn(LampGroupState *s)
{
    const LampLogLine *lines = s->input->lines;
    s->learnt++;
    for (guint bin = 0; bin < GAP_BINS; bin++)
        s->log_width[bin] = log(bin_width(bin));
    for (guint i = 0; i < s->follows->len; i++) {
        LampFollow *follow = &g_array_index(s->follows, LampFollow, i);
        follow->count = 0;
        memset(follow->bins, 0, sizeof follow->bins);
    }
    for (guint32 i = 0; i < s->n_templates; i++)
        s->template_ends[i] = s->template_starts[i] = s->template_count[i];
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 before = s->previous[i];
        if (before == LAMP_LOG_NONE)
            continue;
        guint32 number = lamp_follow_number(s, before, i);
        add_link(s, number, lamp_gap_bin(lines[i].time_ns - lines[before].time_ns), 1);
    }
    for (guint i = 0; i < s->edges->len; i++) {
        const LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        if (edge->probability > 1e-4F)
            add_link(s, edge->follow, edge->bin, (double) edge->probability);
    }
    for (guint i = 0; i < s->seeds->len; i++) {
        const LampEdge *edge = &g_array_index(s->seeds, LampEdge, i);
        add_link(s, edge->follow, edge->bin, (double) edge->probability);
    }
}

/* How often does a template bring a component into a request that was not in it before? And
 * which templates begin requests, or stand only where they have begun one already: then these
 * are several requests in succession. */
static void
judge_newness(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autofree guint32 *roots = g_new(guint32, (gsize) in->n_lines + 1);
    g_autofree double *inside = g_new0(double, (gsize) s->n_templates + 1);
    g_autofree double *again = g_new0(double, (gsize) s->n_templates + 1);
    g_autofree double *fresh = g_new0(double, (gsize) s->n_templates + 1);
    for (guint32 i = 0; i < in->n_lines; i++) {
        guint32 before = s->previous[i];
        roots[i] = before == LAMP_LOG_NONE ? i : roots[before];
        gint64 key = (gint64) (((guint64) roots[i] << 32) | in->lines[i].component);
        gboolean is_known = g_hash_table_contains(known, &key);
        if (!is_known) {
            gint64 *copy = g_new(gint64, 1);
            *copy = key;
            g_hash_table_add(known, copy);
        }
        if (before == LAMP_LOG_NONE)
            continue;
        inside[in->lines[i].template] += 1;
        again[in->lines[i].template] +=
            in->lines[roots[i]].template == in->lines[i].template ? 1 : 0;
        fresh[in->lines[i].template] += is_known ? 0 : 1;
    }
    for (guint32 t = 0; t < s->n_templates; t++) {
        double begins = again[t] + s->template_count[t] - inside[t];
        s->is_new[t] = (float) ((fresh[t] + 0.6) / (inside[t] + 1));
        if ((again[t] >= 1 || s->is_root[t]) && begins > ROOT_SHARE * s->template_count[t])
            s->is_root[t] = TRUE;
    }
}

void
lamp_statistics_judge(LampGroupState *s)
{
    s->learnt++;
    judge_newness(s);
    g_autofree double *away = g_new0(double, (gsize) s->n_templates + 1);
    for (guint i = 0; i < s->follows->len; i++) {
        const LampFollow *follow = &g_array_index(s->follows, LampFollow, i);
        if (follow->is_across)
            away[follow->from] += follow->count;
    }
    for (guint32 t = 0; t < s->n_templates; t++) {
        double ends = MAX(0, s->template_ends[t]);
        s->is_entry[t] = s->template_starts[t] > ENTRY_SHARE * s->template_count[t] &&
                         s->template_starts[t] > 1.5;
        s->is_closing[t] = ends > 1.5 && ends > CLOSING_SHARE * (ends + away[t]);
    }
}

/* The gains of a pair for all gaps. */
static void
fill_gains(const LampGroupState *s, LampFollow *follow)
{
    double n_from = s->template_count[follow->from];
    double goes_on = (follow->count + 0.01) / (n_from + 1);
    double ends = (MAX(0, s->template_ends[follow->from]) + 0.5) / (n_from + 1);
    double starts = (MAX(0, s->template_starts[follow->to]) + 0.5) / s->active_ns;
    double base = log(goes_on) - log(ends) - log(starts) - log(follow->count + PRIOR);
    gboolean is_foreign = follow->is_across && s->is_new[follow->to] > 0.5F &&
                          (s->is_entry[follow->to] || s->is_closing[follow->from]);
    if (is_foreign || s->brings[follow->to] || s->is_root[follow->to])
        base -= FOREIGN_COST;
    if (lamp_neighbours_forbid(s, follow->from, follow->to))
        base -= STRANGER_COST;
    if (s->is_begin[follow->to])
        base -= BEGIN_COST;
    for (guint bin = 0; bin < GAP_BINS; bin++)
        follow->gains[bin] = (float) (base - s->log_width[bin] +
                                      log((double) follow->bins[bin] + PRIOR / GAP_BINS));
    follow->learnt = s->learnt;
}

double
lamp_statistics_gain(const LampGroupState *s, const LampEdge *edge)
{
    LampFollow *follow = &g_array_index(s->follows, LampFollow, edge->follow);
    if (follow->learnt != s->learnt)
        fill_gains(s, follow);
    return (double) follow->gains[edge->bin];
}
