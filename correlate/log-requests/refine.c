/*
 * Improves the links together: requests exchange what follows a line (Metropolis and Hastings).
 *
 * A state is one predecessor at most for each line. A move takes a line j, linked to i, and
 * links it to another candidate i'; what followed i' then follows i. It is accepted with the
 * ratio of the likelihoods: of the templates and gaps at the two places, and of the values that
 * the parts before and behind now share or share no more. Likewise, a part of a request moves
 * into another, or parts of two change places: where both ends of a request are tied by values,
 * no exchange of all that follows leads from one good state to the next. No move parts the
 * lines that identifiers bind, or brings those of two requests together. The share of samples
 * in which a line belongs to the request that began with a certain line is its confidence.
 */
#include "correlate/log-requests/edges.h"
#include "correlate/log-requests/part-values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COST_CAP 25.0
#define HOPELESS 45.0 /* nats that no values make good */
#define LEARNING 24   /* sweeps */
#define SAMPLES 24
#define LONGEST_PART 64     /* lines that move together */
#define LONGEST_SEARCH 2000 /* lines of a request that are looked through for a bond */

/* @j, which follows @from, goes behind @to instead; @k, which followed @to, behind @from. */
typedef struct {
    guint32 j, from, to, k;
} Move;

typedef struct {
    LampGroupState *s;
    guint64 random;
    LampPartValues values;
    guint64 proposals, accepted;
} Refining;

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

/* The request that identifiers bind the lines up to @line to, or from it to @last. */
static guint32
bound_before(const LampGroupState *s, guint32 line)
{
    guint steps = s->has_bonds ? LONGEST_SEARCH : 0;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps > 0; i = s->previous[i], steps--)
        if (s->bound[i] != LAMP_LOG_NONE)
            return s->bound[i];
    return LAMP_LOG_NONE;
}

static guint32
bound_between(const LampGroupState *s, guint32 line, guint32 last)
{
    guint steps = s->has_bonds ? LONGEST_SEARCH : 0;
    for (guint32 i = line; i != LAMP_LOG_NONE && steps > 0; i = s->next[i], steps--) {
        if (s->bound[i] != LAMP_LOG_NONE)
            return s->bound[i];
        if (i == last)
            break;
    }
    return LAMP_LOG_NONE;
}

/* What the values say of the parts behind two cuts changing places. */
static double
change_of_values(Refining *r, const Move *m)
{
    guint32 values_j[LAMP_PART_VALUES];
    guint32 values_k[LAMP_PART_VALUES];
    guint n_j = lamp_part_values(&r->values, m->j, LAMP_LOG_NONE, values_j);
    guint n_k =
        m->k != LAMP_LOG_NONE ? lamp_part_values(&r->values, m->k, LAMP_LOG_NONE, values_k) : 0;
    double change = 0;
    if (n_j + n_k == 0)
        return 0;
    if (m->from != LAMP_LOG_NONE) {
        lamp_part_mark(&r->values, m->from);
        change += lamp_part_shared(&r->values, values_k, n_k) -
                  lamp_part_shared(&r->values, values_j, n_j);
    }
    if (m->to != LAMP_LOG_NONE) {
        lamp_part_mark(&r->values, m->to);
        change += lamp_part_shared(&r->values, values_j, n_j) -
                  lamp_part_shared(&r->values, values_k, n_k);
    }
    return change;
}

/* Do both requests keep the lines that identifiers bind together, and no others' lines? */
static gboolean
is_allowed(const LampGroupState *s, const Move *m)
{
    guint32 before_j = bound_before(s, m->from);
    guint32 behind_j = bound_between(s, m->j, LAMP_LOG_NONE);
    guint32 before_k = bound_before(s, m->to);
    guint32 behind_k = bound_between(s, m->k, LAMP_LOG_NONE);
    gboolean is_parted = (before_j != LAMP_LOG_NONE && before_j == behind_j) ||
                         (before_k != LAMP_LOG_NONE && before_k == behind_k);
    return !is_parted && !lamp_is_conflict(before_k, behind_j) &&
           !lamp_is_conflict(before_j, behind_k);
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
propose(Refining *r, guint32 j, guint32 to)
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
    if (change < -HOPELESS || !is_allowed(s, &m))
        return;
    change += change_of_values(r, &m);
    if (change < 0 && lamp_random_unit(&r->random) >= exp(change))
        return;
    r->accepted++;
    make_move(s, &m);
}

static void
link_lines(LampGroupState *s, guint32 from, guint32 to)
{
    if (from != LAMP_LOG_NONE)
        s->next[from] = to;
    if (to != LAMP_LOG_NONE)
        s->previous[to] = from;
}

/* A part of a request that moves: @first to @last, between @from and @rest, goes between @to
 * and @behind. */
typedef struct {
    guint32 first, last, from, rest, to, behind;
} Part;

static gboolean
is_part_allowed(const LampGroupState *s, const Part *p)
{
    guint32 own = bound_between(s, p->first, p->last);
    if (own == LAMP_LOG_NONE)
        return TRUE;
    return own != bound_before(s, p->from) && own != bound_between(s, p->rest, LAMP_LOG_NONE) &&
           !lamp_is_conflict(own, bound_before(s, p->to)) &&
           !lamp_is_conflict(own, bound_between(s, p->behind, LAMP_LOG_NONE));
}

/* Moves the part that begins with @first behind @to, if chance will have it. */
static void
propose_part(Refining *r, guint32 first, guint32 to)
{
    LampGroupState *s = r->s;
    Part p = {.first = first, .last = first, .from = s->previous[first], .to = to};
    p.behind = to != LAMP_LOG_NONE ? s->next[to] : LAMP_LOG_NONE;
    if (to == p.from || (p.behind != LAMP_LOG_NONE && p.behind <= first))
        return;
    guint most = lamp_random_unit(&r->random) < 0.5
                     ? LONGEST_PART
                     : (guint) exp2(lamp_random_unit(&r->random) * 5);
    for (guint n = 1; n < most && s->next[p.last] < p.behind; n++)
        p.last = s->next[p.last];
    p.rest = s->next[p.last];
    if (p.rest == LAMP_LOG_NONE && p.behind == LAMP_LOG_NONE)
        return; /* propose() tries that */
    double change = gain_of(r, p.to, p.first) + gain_of(r, p.last, p.behind) +
                    gain_of(r, p.from, p.rest) - gain_of(r, p.from, p.first) -
                    gain_of(r, p.last, p.rest) - gain_of(r, p.to, p.behind);
    if (change < -HOPELESS || !is_part_allowed(s, &p))
        return;
    guint32 values[LAMP_PART_VALUES];
    guint n = lamp_part_values(&r->values, p.first, p.last, values);
    if (n > 0)
        change += lamp_part_worth(&r->values, p.to, p.behind, values, n) -
                  lamp_part_worth(&r->values, p.from, p.rest, values, n);
    if (change < 0 && lamp_random_unit(&r->random) >= exp(change))
        return;
    link_lines(s, p.from, p.rest);
    link_lines(s, p.to, p.first);
    link_lines(s, p.last, p.behind);
}

/* Do the parts of two requests fit each other's place? */
static gboolean
is_exchange_allowed(const LampGroupState *s, const Part *a, const Part *b)
{
    guint32 own_a = bound_between(s, a->first, a->last);
    guint32 own_b = bound_between(s, b->first, b->last);
    if (own_a == LAMP_LOG_NONE && own_b == LAMP_LOG_NONE)
        return TRUE;
    guint32 around_a = MIN(bound_before(s, a->from), bound_between(s, a->rest, LAMP_LOG_NONE));
    guint32 around_b = MIN(bound_before(s, b->from), bound_between(s, b->rest, LAMP_LOG_NONE));
    return (own_a == LAMP_LOG_NONE || own_a != around_a) &&
           (own_b == LAMP_LOG_NONE || own_b != around_b) &&
           !lamp_is_conflict(own_a, around_b) && !lamp_is_conflict(own_b, around_a);
}

/* Does the request of @line go on to @later? */
static gboolean
is_same_chain(const LampGroupState *s, guint32 line, guint32 later)
{
    while (line < later)
        line = s->next[line];
    return line == later;
}

/* The part that begins with @first, up to a random length, and the one behind @to that ends
 * before what follows the first. FALSE if they cannot change places. */
static gboolean
choose_exchange(Refining *r, guint32 first, guint32 to, Part *a, Part *b)
{
    const LampGroupState *s = r->s;
    if (to == LAMP_LOG_NONE || to == s->previous[first] || s->next[to] == LAMP_LOG_NONE)
        return FALSE;
    *a = (Part){.first = first, .last = first, .from = s->previous[first]};
    *b = (Part){.first = s->next[to], .last = s->next[to], .from = to};
    guint most = (guint) exp2(lamp_random_unit(&r->random) * 6);
    for (guint n = 1; n < most && s->next[a->last] != LAMP_LOG_NONE; n++)
        a->last = s->next[a->last];
    a->rest = s->next[a->last];
    if (a->rest == LAMP_LOG_NONE || b->first >= a->rest || is_same_chain(s, to, first) ||
        (a->from != LAMP_LOG_NONE && b->first <= a->from))
        return FALSE;
    while (s->next[b->last] < a->rest)
        b->last = s->next[b->last];
    b->rest = s->next[b->last];
    return TRUE;
}

static double
worth_of_exchange(Refining *r, const Part *a, const Part *b)
{
    guint32 values_a[LAMP_PART_VALUES];
    guint32 values_b[LAMP_PART_VALUES];
    guint n_a = lamp_part_values(&r->values, a->first, a->last, values_a);
    guint n_b = lamp_part_values(&r->values, b->first, b->last, values_b);
    if (n_a + n_b == 0)
        return 0;
    return lamp_part_worth(&r->values, a->from, a->rest, values_b, n_b) -
           lamp_part_worth(&r->values, a->from, a->rest, values_a, n_a) +
           lamp_part_worth(&r->values, b->from, b->rest, values_a, n_a) -
           lamp_part_worth(&r->values, b->from, b->rest, values_b, n_b);
}

/* The part that begins with @first and one behind @to change places, if chance will have it. */
static void
propose_exchange(Refining *r, guint32 first, guint32 to)
{
    LampGroupState *s = r->s;
    Part a;
    Part b;
    if (!choose_exchange(r, first, to, &a, &b))
        return;
    double change = gain_of(r, b.from, a.first) + gain_of(r, a.last, b.rest) +
                    gain_of(r, a.from, b.first) + gain_of(r, b.last, a.rest) -
                    gain_of(r, a.from, a.first) - gain_of(r, a.last, a.rest) -
                    gain_of(r, b.from, b.first) - gain_of(r, b.last, b.rest);
    if (change < -HOPELESS || !is_exchange_allowed(s, &a, &b))
        return;
    change += worth_of_exchange(r, &a, &b);
    if (change < 0 && lamp_random_unit(&r->random) >= exp(change))
        return;
    link_lines(s, a.from, b.first);
    link_lines(s, b.last, a.rest);
    link_lines(s, b.from, a.first);
    link_lines(s, a.last, b.rest);
}

/* One of the candidates of @line, or none. */
static guint32
draw_candidate(Refining *r, guint32 line)
{
    const LampGroupState *s = r->s;
    guint32 n = s->edge_first[line + 1] - s->edge_first[line];
    guint32 pick = (guint32) (lamp_random_unit(&r->random) * (n + 0.3));
    if (pick >= n)
        return LAMP_LOG_NONE;
    return g_array_index(s->edges, LampEdge, s->edge_first[line] + pick).from;
}

static void
sweep(Refining *r)
{
    LampGroupState *s = r->s;
    for (guint32 j = 0; j < s->input->n_lines; j++) {
        guint32 n = s->edge_first[j + 1] - s->edge_first[j];
        if (n == 0 && s->previous[j] == LAMP_LOG_NONE)
            continue;
        for (guint k = 0; k < 2; k++)
            propose(r, j, draw_candidate(r, j));
        propose_part(r, j, draw_candidate(r, j));
        propose_exchange(r, j, draw_candidate(r, j));
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
    r->values.s = s;
    r->random = 1;
    g_autofree guint32 *roots = g_new(guint32, (gsize) s->input->n_lines + 1);
    for (guint k = 0; k < LEARNING + SAMPLES; k++) {
        if (k % 4 == 0 && k <= LEARNING) {
            lamp_groups_relearn(s);
            lamp_edges_all(s, 16);
        }
        sweep(r);
        if (k >= LEARNING)
            count_sample(s, roots, votes);
    }
    g_debug("%" G_GUINT64_FORMAT " moves of %" G_GUINT64_FORMAT, r->accepted, r->proposals);
}
