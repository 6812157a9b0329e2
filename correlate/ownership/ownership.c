/*
 * Owners of connections: explanations of a callee's connections, and which of them counts.
 *
 * In: requests that programs served, and calls by connection. Out: an owner for each
 * connection, and the runner-up.
 *
 * Every connection has one owner, so all its calls testify (expectation.c). Expectation
 * maximisation finds one explanation of several: from the best that is known, what one program
 * owns (or all) is given to another, and what comes of it is compared. The answer is the mean
 * of all explanations, weighted by how well they explain. Who waits for a reply (waiting.c)
 * follows from the owners, so all is done PASSES times, the first without. That one connection
 * is one process' is what vPath (Tak et al., USENIX ATC 2009) has from the kernel.
 *
 * Limits: those of notes.c. A program that is unseen but answers no one (a queue's worker) is
 * nobody.
 */
#include "correlate/ownership/ownership.h"

#include "correlate/ownership/expectation.h"
#include "correlate/ownership/waiting.h"

#include <math.h>
#include <string.h>

#define LEAST_COVERED 0.2 /* of a connection's calls, by whoever may own it */
#define PASSES 3u
#define KINDS 8u
#define MOVED 0.9F /* share of a program's connections that another is given to begin with */
#define LEAST_MASS 0.5 /* connections that are worth moving */
#define LEAST_MOVED 0.8

/* One way to explain the connections of a callee. */
typedef struct {
    double score;
    float *posterior; /* by connection of the callee, owner */
} Explanation;

/* What is known of the owners of @callee's connections now. */
static float *
copy_posterior(const LampOwnedSearch *s, guint callee)
{
    gsize row = (gsize) s->input->owners + 1;
    guint n = s->first_of[callee + 1] - s->first_of[callee];
    float *posterior = g_new(float, n *row + 1);
    for (guint i = 0; i < n; i++)
        memcpy(&posterior[i * row],
               &s->posterior[s->connections[s->first_of[callee] + i] * row],
               row * sizeof(float));
    return posterior;
}

/* Explains, and keeps what came of it. */
static void
try_beginning(LampOwnedSearch *s, guint callee, GArray *explanations, const float *begin)
{
    Explanation e = {lamp_owned_explain(s, callee, begin), NULL};
    e.posterior = copy_posterior(s, callee);
    g_array_append_val(explanations, e);
}

/* Do two explanations say the same of (nearly) all connections? */
static gboolean
is_same(const Explanation *a, const Explanation *b, gsize n)
{
    double distance = 0;
    for (gsize i = 0; i < n; i++)
        distance += fabs((double) a->posterior[i] - (double) b->posterior[i]);
    return distance < 0.001 * (double) n;
}

/* Posteriors over all explanations. */
static void
mix(LampOwnedSearch *s, guint callee, GArray *explanations)
{
    gsize row = (gsize) s->input->owners + 1;
    guint n = s->first_of[callee + 1] - s->first_of[callee];
    double best = -INFINITY, sum = 0;
    g_autofree double *weight = g_new0(double, explanations->len + 1);
    for (guint e = 0; e < explanations->len; e++)
        best = MAX(best, g_array_index(explanations, Explanation, e).score);
    for (guint e = 0; e < explanations->len; e++) {
        const Explanation *this = &g_array_index(explanations, Explanation, e);
        gboolean is_new = TRUE;
        for (guint k = 0; k < e && is_new; k++)
            is_new = weight[k] == 0 ||
                     !is_same(this, &g_array_index(explanations, Explanation, k), n * row);
        weight[e] = is_new ? exp(this->score - best) : 0;
        sum += weight[e];
    }
    for (guint i = 0; i < n; i++) {
        float *posterior = &s->posterior[s->connections[s->first_of[callee] + i] * row];
        for (gsize o = 0; o < row; o++) {
            double p = 0;
            for (guint e = 0; e < explanations->len; e++)
                p +=
                    weight[e] / sum *
                    (double) g_array_index(explanations, Explanation, e).posterior[i * row + o];
            posterior[o] = (float) p;
        }
    }
}

static guint
find_best(const GArray *explanations)
{
    guint best = 0;
    for (guint e = 1; e < explanations->len; e++)
        if (g_array_index(explanations, Explanation, e).score >
            g_array_index(explanations, Explanation, best).score)
            best = e;
    return best;
}

/* Posteriors by which @to owns what @from did, where it may; NULL if that is too little. @from
 * may be `owners` + 1, for all. */
static float *
move_owner(const LampOwnedSearch *s, guint callee, const float *posterior, guint from, guint to)
{
    guint owners = s->input->owners;
    gsize row = (gsize) owners + 1;
    guint n = s->first_of[callee + 1] - s->first_of[callee];
    double moved = 0, all = 0;
    float *other = g_memdup2(posterior, n * row * sizeof(float));
    for (guint i = 0; i < n; i++) {
        float *p = &other[i * row];
        gboolean may = lamp_owned_may(s, s->connections[s->first_of[callee] + i])[to];
        for (guint o = 0; o <= owners; o++) {
            float mass = o != to && (o == from || from > owners) ? p[o] : 0;
            all += (double) mass;
            moved += may ? (double) mass : 0;
            p[o] -= may ? mass * MOVED : 0;
            p[to] += may ? mass * MOVED : 0;
        }
    }
    if (all < LEAST_MASS || moved < LEAST_MOVED * all)
        g_clear_pointer(&other, g_free);
    return other;
}

/* Gives what one program owns by the best explanation to another, and looks what comes of it.
 */
static void
try_moves(LampOwnedSearch *s, guint callee, GArray *explanations)
{
    guint owners = s->input->owners;
    for (guint from = 0; from <= owners + 1; from++)
        for (guint to = 0; to < owners; to++) {
            const Explanation *best =
                &g_array_index(explanations, Explanation, find_best(explanations));
            if (to == from || lamp_owned_pair(s, to, callee) == NULL)
                continue;
            g_autofree float *begin = move_owner(s, callee, best->posterior, from, to);
            if (begin != NULL)
                try_beginning(s, callee, explanations, begin);
        }
}

static void
clear_explanation(gpointer data)
{
    g_free(((Explanation *) data)->posterior);
}

/* Moves are tried for each pair of owners, over all connections: some seven microseconds each.
 */
static gboolean
is_affordable(const LampOwnershipInput *in)
{
    enum { MOST_TRIED = 500000 };
    return (guint64) in->connections * in->owners * (in->owners + 2) <= MOST_TRIED;
}

/* Leaves the notes as the best explanation has them, and the posteriors as all together. */
static void
compare_explanations(LampOwnedSearch *s, guint callee)
{
    g_autoptr(GArray) explanations = g_array_new(FALSE, FALSE, sizeof(Explanation));
    g_array_set_clear_func(explanations, clear_explanation);
    g_autofree float *known = copy_posterior(s, callee);
    try_beginning(s, callee, explanations, known);
    try_beginning(s, callee, explanations, NULL);
    if (is_affordable(s->input))
        try_moves(s, callee, explanations);
    guint best = find_best(explanations);
    if (best != explanations->len - 1)
        lamp_owned_explain(s, callee, g_array_index(explanations, Explanation, best).posterior);
    mix(s, callee, explanations);
}

/* From the first begin to the last end of all. */
static double
find_span(const LampOwnershipInput *in)
{
    gint64 from = G_MAXINT64, to = G_MININT64;
    for (guint i = 0; i < in->first_request[in->owners]; i++) {
        from = MIN(from, in->requests[i].start);
        to = MAX(to, in->requests[i].end);
    }
    for (guint i = 0; i < in->connections; i++)
        for (guint k = 0; k < in->connection[i].count; k++) {
            from = MIN(from, in->calls[in->connection[i].first + k].start);
            to = MAX(to, in->calls[in->connection[i].first + k].end);
        }
    return to > from ? (double) (to - from) : 1.0;
}

/* The densities of the durations of @owner's requests: the first kinds have one of their own,
 * the others one together. @kind: room for one of each request. */
static void
find_durations(LampOwnedSearch *s, guint owner, LampOwnedGaps *durations, guint8 *kind)
{
    const LampOwnershipInput *in = s->input;
    guint32 known[KINDS], first = in->first_request[owner], end = in->first_request[owner + 1];
    guint n = 0;
    for (guint i = first; i < end; i++) {
        const LampServedRequest *request = &in->requests[i];
        guint k = 0;
        while (k < n && known[k] != request->kind)
            k++;
        if (k == n && n < KINDS)
            known[n++] = request->kind;
        kind[i] = (guint8) MIN(k, KINDS - 1);
        lamp_owned_gaps_add(&durations[kind[i]],
                            lamp_owned_gap_bin(request->end - request->start), 1);
    }
    for (guint k = 0; k < KINDS; k++)
        lamp_owned_gaps_settle(&durations[k]);
    for (guint i = first; i < end; i++) {
        const LampServedRequest *request = &in->requests[i];
        guint16 bin = lamp_owned_gap_bin(request->end - request->start);
        s->usual_end[i] = (float) lamp_owned_density(s, &durations[kind[i]], bin, 1);
    }
}

static void
find_all_durations(LampOwnedSearch *s)
{
    const LampOwnershipInput *in = s->input;
    gsize requests = in->first_request[in->owners];
    g_autofree guint8 *kind = g_new(guint8, requests + 1);
    g_autofree LampOwnedGaps *durations = g_new(LampOwnedGaps, KINDS);
    s->usual_end = g_new(float, requests + 1);
    for (guint o = 0; o < in->owners; o++) {
        memset(durations, 0, KINDS * sizeof *durations);
        find_durations(s, o, durations, kind);
    }
}

/* Programs that may own @connection. */
static void
find_possible(LampOwnedSearch *s, guint32 connection)
{
    const LampOwnershipInput *in = s->input;
    guint32 first = s->notes->first_unit[connection],
            end = s->notes->first_unit[connection + 1];
    for (guint o = 0; o < in->owners; o++) {
        guint covered = 0, count;
        for (guint32 u = first; u < end; u++) {
            lamp_owned_notes(s->notes, u, o, &count);
            covered += count > 0 ? 1 : 0;
        }
        LampOwnedPair **pair =
            &s->pair[(gsize) o * in->callees + in->connection[connection].callee];
        gboolean may = covered > 0 && covered >= LEAST_COVERED * (end - first);
        s->may_own[(gsize) connection * in->owners + o] = (guint8) may;
        if (may && *pair == NULL)
            *pair = g_new0(LampOwnedPair, 1);
    }
}

static void
find_all_possible(LampOwnedSearch *s)
{
    const LampOwnershipInput *in = s->input;
    s->pair = g_new0(LampOwnedPair *, (gsize) in->owners * in->callees + 1);
    s->may_own = g_new0(guint8, (gsize) in->owners * in->connections + 1);
    for (guint i = 0; i < in->connections; i++)
        find_possible(s, i);
}

static void
list_connections(LampOwnedSearch *s)
{
    const LampOwnershipInput *in = s->input;
    s->connections = g_new(guint32, (gsize) in->connections + 1);
    s->first_of = g_new0(guint32, (gsize) in->callees + 2);
    for (guint i = 0; i < in->connections; i++)
        s->first_of[in->connection[i].callee + 2]++;
    for (guint c = 0; c < in->callees; c++)
        s->first_of[c + 2] += s->first_of[c + 1];
    for (guint i = 0; i < in->connections; i++)
        s->connections[s->first_of[in->connection[i].callee + 1]++] = i;
}

static LampOwnership *
tell_owners(const LampOwnedSearch *s)
{
    const LampOwnershipInput *in = s->input;
    LampOwnership *answer = g_new0(LampOwnership, (gsize) in->connections + 1);
    for (guint i = 0; i < in->connections; i++) {
        const float *p = &s->posterior[(gsize) i * (in->owners + 1)];
        guint best = 0, next = in->owners;
        for (guint o = 1; o <= in->owners; o++)
            best = p[o] > p[best] ? o : best;
        next = best == in->owners ? 0 : in->owners;
        for (guint o = 0; o <= in->owners; o++)
            next = o != best && p[o] > p[next] ? o : next;
        answer[i] = (LampOwnership){best, next, p[best], next != best ? p[next] : 0};
    }
    return answer;
}

static void
search(LampOwnedSearch *s)
{
    for (guint pass = 0; pass < PASSES; pass++) {
        if (pass > 0)
            lamp_ownership_find_waiting(s->notes, s->posterior);
        for (guint c = 0; c < s->input->callees; c++)
            if (s->first_of[c + 1] > s->first_of[c] && pass == 0)
                lamp_owned_explain(s, c, NULL);
            else if (s->first_of[c + 1] > s->first_of[c])
                compare_explanations(s, c);
    }
}

LampOwnership *
lamp_ownership_find(const LampOwnershipInput *input)
{
    g_autoptr(LampOwnershipNotes) notes = lamp_ownership_notes_new(input);
    if (notes == NULL)
        return NULL;
    gsize choices = (gsize) input->owners + 1;
    LampOwnedSearch s = {.input = input, .notes = notes, .span = find_span(input)};
    for (guint16 i = 0; i < LAMP_OWNED_GAP_BINS; i++)
        s.per_width[i] = 1 / lamp_owned_gap_width(i);
    find_all_durations(&s);
    find_all_possible(&s);
    list_connections(&s);
    s.prior = g_new0(double, choices);
    s.count = g_new0(double, choices);
    s.scores = g_new0(double, choices);
    s.posterior = g_new0(float, choices * input->connections + 1);
    search(&s);
    LampOwnership *answer = tell_owners(&s);
    for (gsize i = 0; i < (gsize) input->owners * input->callees; i++)
        g_free(s.pair[i]);
    gpointer all[] = {s.pair,      s.prior,   s.count,    s.scores,     s.posterior,
                      s.usual_end, s.may_own, s.first_of, s.connections};
    for (guint i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]);
    return answer;
}
