/*
 * Improves the links together: requests exchange what follows a line (Metropolis and Hastings).
 *
 * A state is one predecessor at most for each line. A move takes a line j, linked to i, and
 * links it to another candidate i'; what followed i' then follows i. It is accepted with the
 * ratio of the likelihoods: of the templates and gaps at the two places, and of the values that
 * the parts before and behind now share or share no more. The share of samples in which a line
 * belongs to the request that began with a certain line is its confidence.
 */
#include "correlate/log-requests/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WALK 160  /* lines of a request that are looked through for values */
#define VALUES 24 /* values behind a move that are compared */
#define COST_CAP 25.0
#define MOST_MISS 3.0
#define MOST_SHARED 40.0
#define HOPELESS 45.0 /* nats that no values make good */
#define TABLE 4096
#define MOST_PROBES 64
#define LEARNING 24 /* sweeps */
#define SAMPLES 24

/* @j, which follows @from, goes behind @to instead; @k, which followed @to, behind @from. */
typedef struct {
    guint32 j, from, to, k;
} Move;

/* A set of hashes that is emptied by raising its stamp. */
typedef struct {
    guint64 hashes[TABLE];
    guint32 stamps[TABLE];
    guint32 stamp;
} Marks;

typedef struct {
    LampGroupState *s;
    guint64 random;
    Marks before, behind; /* values of the part before a cut, and behind it */
    guint64 proposals, accepted;
} Refining;

static double
random_unit(Refining *r)
{
    r->random += 0x9e3779b97f4a7c15U;
    guint64 z = r->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double) ((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Of any two lines; LAMP_LOG_NONE stands for a start or an end. */
static double
gain_of(Refining *r, guint32 from, guint32 to)
{
    LampGroupState *s = r->s;
    if (from == LAMP_LOG_NONE || to == LAMP_LOG_NONE)
        return 0;
    if (to <= from)
        return -1e9;
    LampEdge edge = {.from = from, .to = to};
    edge.follow = lamp_follow_number(s, from, to);
    edge.bin = lamp_gap_bin(s->input->lines[to].time_ns - s->input->lines[from].time_ns);
    double gain = lamp_statistics_gain(s, &edge);
    return CLAMP(gain, -COST_CAP, COST_CAP);
}

/* Adds a hash; TRUE if it is new. A full table takes no more. */
static gboolean
mark(Marks *marks, guint64 hash)
{
    for (guint k = 0; k < MOST_PROBES; k++) {
        guint at = (guint) (hash + k) % TABLE;
        if (marks->stamps[at] != marks->stamp) {
            marks->stamps[at] = marks->stamp;
            marks->hashes[at] = hash;
            return TRUE;
        }
        if (marks->hashes[at] == hash)
            return FALSE;
    }
    return FALSE;
}

static gboolean
is_marked(const Marks *marks, guint64 hash)
{
    for (guint k = 0; k < MOST_PROBES; k++) {
        guint at = (guint) (hash + k) % TABLE;
        if (marks->stamps[at] != marks->stamp)
            return FALSE;
        if (marks->hashes[at] == hash)
            return TRUE;
    }
    return FALSE;
}

/* The values behind a cut, each once. */
static guint
values_behind(Refining *r, guint32 line, guint32 *values)
{
    const LampGroupState *s = r->s;
    guint n = 0;
    guint steps = 0;
    r->behind.stamp++;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps < WALK; i = s->next[i], steps++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            if (!s->is_telling[v] || !mark(&r->behind, s->input->values[v].hash))
                continue;
            values[n++] = v;
            if (n == VALUES)
                return n;
        }
    }
    return n;
}

static void
mark_before(Refining *r, guint32 line)
{
    const LampGroupState *s = r->s;
    guint steps = 0;
    r->before.stamp++;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps < WALK; i = s->previous[i], steps++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++)
            if (s->is_telling[v])
                mark(&r->before, s->input->values[v].hash);
    }
}

/* What the values say of the part behind following the lines marked. Values of one kind in
 * succession are one observation: does any match? */
static double
shared_with_marked(const Refining *r, const guint32 *values, guint n)
{
    const LampGroupState *s = r->s;
    double sum = 0;
    for (guint k = 0; k < n;) {
        guint32 kind = s->kind_of_value[values[k]];
        double best_match = -MOST_MISS;
        double least_miss = -MOST_MISS;
        gboolean is_match = FALSE;
        for (; k < n && s->kind_of_value[values[k]] == kind; k++) {
            double match;
            double miss;
            lamp_values_ratio(s, values[k], &match, &miss);
            least_miss = MAX(least_miss, miss);
            if (!is_marked(&r->before, s->input->values[values[k]].hash))
                continue;
            is_match = TRUE;
            best_match = MAX(best_match, match);
        }
        sum += is_match ? best_match : least_miss;
    }
    return CLAMP(sum, -MOST_SHARED, MOST_SHARED);
}

/* What the values say of the parts behind two cuts changing places. */
static double
change_of_values(Refining *r, const Move *m)
{
    guint32 values_j[VALUES];
    guint32 values_k[VALUES];
    guint n_j = values_behind(r, m->j, values_j);
    guint n_k = m->k != LAMP_LOG_NONE ? values_behind(r, m->k, values_k) : 0;
    double change = 0;
    if (n_j + n_k == 0)
        return 0;
    if (m->from != LAMP_LOG_NONE) {
        mark_before(r, m->from);
        change += shared_with_marked(r, values_k, n_k) - shared_with_marked(r, values_j, n_j);
    }
    if (m->to != LAMP_LOG_NONE) {
        mark_before(r, m->to);
        change += shared_with_marked(r, values_j, n_j) - shared_with_marked(r, values_k, n_k);
    }
    return change;
}

static void
make_move(LampGroupState *s, const Move *m)
{
    if (m->from != LAMP_LOG_NONE)
        s->next[m->from] = m->k;
    if (m->k != LAMP_LOG_NONE)
        s->previous[m->k] = m->from;
    s->previous[m->j] = m->to;
    if (m->to != LAMP_LOG_NONE)
        s->next[m->to] = m->j;
}

/* Links @j to @to instead of its present predecessor, if chance will have it. */
static void
propose(Refining *r, guint32 j, guint32 to, double heat)
{
    LampGroupState *s = r->s;
    Move m = {.j = j, .from = s->previous[j], .to = to, .k = LAMP_LOG_NONE};
    if (m.from == to)
        return;
    if (to != LAMP_LOG_NONE)
        m.k = s->next[to];
    if (m.k != LAMP_LOG_NONE && m.from != LAMP_LOG_NONE && m.k <= m.from)
        return; /* would go back in time */
    double change = gain_of(r, to, j) + gain_of(r, m.from, m.k) - gain_of(r, m.from, j) -
                    gain_of(r, to, m.k);
    r->proposals++;
    if (change < -HOPELESS * heat)
        return;
    change += change_of_values(r, &m);
    if (change < 0 && random_unit(r) >= exp(change / heat))
        return;
    r->accepted++;
    make_move(s, &m);
}

static void
sweep(Refining *r, double heat)
{
    LampGroupState *s = r->s;
    for (guint32 j = 0; j < s->input->n_lines; j++) {
        guint32 n = s->edge_first[j + 1] - s->edge_first[j];
        if (n == 0 && s->previous[j] == LAMP_LOG_NONE)
            continue;
        for (guint k = 0; k < 2; k++) {
            guint32 pick = (guint32) (random_unit(r) * (n + 0.3));
            propose(r, j,
                    pick < n ? g_array_index(s->edges, LampEdge, s->edge_first[j] + pick).from
                             : LAMP_LOG_NONE,
                    heat);
        }
    }
}

/* The request of each line, by the line that it begins with; up to four are counted. */
static void
count_sample(const LampGroupState *s, guint32 *roots, LampVotes *votes)
{
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        roots[i] = s->previous[i] == LAMP_LOG_NONE ? i : roots[s->previous[i]];
        LampVotes *v = &votes[i];
        guint least = 0;
        guint k = 0;
        for (; k < LAMP_VOTES && v->count[k] > 0 && v->root[k] != roots[i]; k++)
            least = v->count[k] <= v->count[least] ? k : least;
        if (k == LAMP_VOTES) {
            k = least;
            v->count[k] = 0;
        }
        v->root[k] = roots[i];
        v->count[k]++;
    }
}

void
lamp_refine(LampGroupState *s, LampVotes *votes)
{
    g_autofree Refining *r = g_new0(Refining, 1);
    r->s = s;
    r->random = 1;
    g_autofree guint32 *roots = g_new(guint32, (gsize) s->input->n_lines + 1);
    for (guint k = 0; k < LEARNING + SAMPLES; k++) {
        if (k % 4 == 0 && k <= LEARNING) {
            lamp_groups_relearn(s);
            lamp_edges_all(s, 16);
        }
        double heat = k < LEARNING ? 1 + (double) (LEARNING - k) / LEARNING : 1;
        sweep(r, heat);
        if (k >= LEARNING)
            count_sample(s, roots, votes);
    }
    g_debug("%" G_GUINT64_FORMAT " moves of %" G_GUINT64_FORMAT, r->accepted, r->proposals);
}
