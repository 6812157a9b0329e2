/*
 * Owners of connections by expectation maximisation.
 *
 * In: requests that programs served, and calls by connection. Out: an owner for each
 * connection.
 *
 * Every connection has one owner, so all its calls testify. If program o makes them, a call
 * starts while one of its N requests is open and ends before that request's response; seen from
 * the begin of that request, or from its end, the gap has a density f of its own for each pair
 * of owner and callee. A call at t then has the density
 *
 *     p(t | o) = (1 - e) / N * sum over requests r that enclose it of (f(t - r) + g(r' - t')) /
 * 2
 *                + e / T
 *
 * (T: length of the capture; e: calls that outlive their request) and p(t | nobody) = 1 / T. So
 * a program that is busy all the time explains less by enclosing a call than one that is not,
 * and of two programs one of which serves the other the nearer one has the sharper gaps.
 * Densities are histograms of logarithms, learnt together with how often each program is the
 * owner of a callee's connections, in twelve rounds; the first two are tempered, so that all
 * programs are tried. After Dempster, Laird and Rubin (1977); that one connection is one
 * process' is what vPath (Tak et al., USENIX ATC 2009) has from the kernel.
 *
 * Limits: at most 256 calls of a connection testify, fewer where there are so many connections
 * and programs that the notes would take more than 256 MiB; of the requests that enclose a
 * call, the latest 16. A program that is unseen but answers no one (a queue's worker) is
 * nobody.
 */
#include "correlate/ownership.h"

#include <math.h>
#include <string.h>

#define BINS_PER_OCTAVE 4
#define BINS (27u * BINS_PER_OCTAVE) /* from 1 us to two minutes */
#define LEAST_NS 1000.0
#define OUTLIVES 0.02 /* e: share of calls that no request encloses */
#define BROAD 0.05    /* mass of a density that is spread over all bins */
#define ROUNDS 12u
#define MOST_ENCLOSING 16u
#define MOST_LOOKED_AT 256u
#define MOST_CALLS 256u
#define NOTED_BYTES (1u + 2 * MOST_ENCLOSING) /* at most, of a call and an owner */
#define GAP_BUDGET ((guint64) 256 << 20)

typedef struct {
    double from[BINS], to[BINS]; /* probability of each bin */
    double from_count[BINS], to_count[BINS];
} Gaps;

typedef struct {
    const LampOwnershipInput *input;
    GByteArray *gaps;   /* by connection, owner, call: count, then pairs of bins */
    guint most_calls;   /* of a connection that are used */
    double span;        /* T */
    double width[BINS]; /* ns */
    Gaps *of;           /* by owner and callee */
    double *prior;      /* by callee: of each owner, and of nobody */
    double *count;      /* the same, being summed up */
    double *scores;     /* of the connection at hand: by owner, and nobody */
    LampOwnership *answer;
} Search;

static Gaps *
gaps_of(const Search *s, guint owner, guint callee)
{
    return &s->of[(gsize) owner * s->input->callees + callee];
}

static guint8
bin_of(gint64 gap)
{
    double octaves = log2(MAX((double) gap, LEAST_NS) / LEAST_NS);
    return (guint8) MIN(octaves * BINS_PER_OCTAVE, BINS - 1.0);
}

/* Notes how far the ends of @call are from those of the requests of @owner that enclose it. */
static void
note_gaps(Search *s, guint owner, const LampBusyTime *call, gint64 longest)
{
    const LampOwnershipInput *in = s->input;
    guint first = in->first_request[owner], low = first, high = in->first_request[owner + 1];
    guint8 found[NOTED_BYTES] = {0};
    while (low < high) {
        guint mid = low + (high - low) / 2;
        if (in->requests[mid].start <= call->start)
            low = mid + 1;
        else
            high = mid;
    }
    for (guint i = low;
         i-- > first && low - i <= MOST_LOOKED_AT && found[0] < MOST_ENCLOSING;) {
        const LampBusyTime *request = &in->requests[i];
        if (call->start - request->start > longest)
            break;
        if (request->end < call->end)
            continue;
        found[1 + 2 * found[0]] = bin_of(call->start - request->start);
        found[2 + 2 * found[0]] = bin_of(request->end - call->end);
        found[0]++;
    }
    g_byte_array_append(s->gaps, found, 1 + 2 * (guint) found[0]);
}

static gint64
longest_request(const LampOwnershipInput *in, guint owner)
{
    gint64 longest = 0;
    for (guint i = in->first_request[owner]; i < in->first_request[owner + 1]; i++)
        longest = MAX(longest, in->requests[i].end - in->requests[i].start);
    return longest;
}

/* How many calls of a connection are used, and which is the @k-th of these. */
static guint
used_calls(const Search *s, const LampCallerConnection *connection)
{
    return MIN(connection->count, s->most_calls);
}

static guint32
used_call(const Search *s, const LampCallerConnection *connection, guint k)
{
    return connection->first +
           (guint32) ((guint64) k * connection->count / used_calls(s, connection));
}

static gboolean
may_own(const Search *s, guint owner, const LampCallerConnection *connection)
{
    return s->input->callee_of_owner[owner] != connection->callee;
}

static void
note_all_gaps(Search *s)
{
    const LampOwnershipInput *in = s->input;
    g_autofree gint64 *longest = g_new(gint64, in->owners + 1);
    for (guint o = 0; o < in->owners; o++)
        longest[o] = longest_request(in, o);
    for (guint i = 0; i < in->connections; i++)
        for (guint o = 0; o < in->owners; o++)
            for (guint k = 0;
                 may_own(s, o, &in->connection[i]) && k < used_calls(s, &in->connection[i]);
                 k++)
                note_gaps(s, o, &in->calls[used_call(s, &in->connection[i], k)], longest[o]);
}

static double
density(const Search *s, const Gaps *gaps, const guint8 *pair)
{
    return (gaps->from[pair[0]] / s->width[pair[0]] + gaps->to[pair[1]] / s->width[pair[1]]) /
           2;
}

/* Logarithm of how much likelier the calls are if @owner makes them than if nobody does; moves
 * *@at behind what was noted of them. */
static double
weigh(const Search *s, guint owner, const LampCallerConnection *connection, gsize *at)
{
    const Gaps *gaps = gaps_of(s, owner, connection->callee);
    guint requests = s->input->first_request[owner + 1] - s->input->first_request[owner];
    double sum = 0, scale = (1.0 - OUTLIVES) * s->span / MAX(requests, 1);
    for (guint k = 0; k < used_calls(s, connection); k++) {
        const guint8 *noted = s->gaps->data + *at;
        double all = 0;
        for (guint i = 0; i < noted[0]; i++)
            all += density(s, gaps, noted + 1 + (gsize) i * 2);
        sum += log(scale * all + OUTLIVES);
        *at += 1 + 2 * (gsize) noted[0];
    }
    return sum;
}

/* Adds the gaps of a connection to what is learnt of @owner, with @weight. */
static void
learn(const Search *s, guint owner, const LampCallerConnection *connection, double weight,
      gsize *at)
{
    Gaps *gaps = gaps_of(s, owner, connection->callee);
    for (guint k = 0; k < used_calls(s, connection); k++) {
        const guint8 *noted = s->gaps->data + *at;
        double all = 0;
        for (guint i = 0; i < noted[0]; i++)
            all += density(s, gaps, noted + 1 + (gsize) i * 2);
        for (guint i = 0; i < noted[0] && weight > 1e-6; i++) {
            const guint8 *pair = noted + 1 + (gsize) i * 2;
            double share = weight * density(s, gaps, pair) / all;
            gaps->from_count[pair[0]] += share;
            gaps->to_count[pair[1]] += share;
        }
        *at += 1 + 2 * (gsize) noted[0];
    }
}

/* Turns logarithms into probabilities; returns the likeliest. */
static guint
normalise(double *scores, guint n, double temperature)
{
    guint best = 0;
    double sum = 0;
    for (guint i = 1; i < n; i++)
        best = scores[i] > scores[best] ? i : best;
    double most = scores[best];
    for (guint i = 0; i < n; i++) {
        scores[i] = exp((scores[i] - most) / temperature);
        sum += scores[i];
    }
    for (guint i = 0; i < n; i++)
        scores[i] /= sum;
    return best;
}

static void
visit(Search *s, guint index, double temperature, gsize *at)
{
    const LampOwnershipInput *in = s->input;
    const LampCallerConnection *connection = &in->connection[index];
    const double *prior = &s->prior[(gsize) connection->callee * (in->owners + 1)];
    double *count = &s->count[(gsize) connection->callee * (in->owners + 1)];
    gsize begin = *at;
    for (guint o = 0; o < in->owners; o++)
        s->scores[o] = may_own(s, o, connection) ? log(prior[o]) + weigh(s, o, connection, at)
                                                 : (double) -INFINITY;
    s->scores[in->owners] = log(prior[in->owners]);
    guint best = normalise(s->scores, in->owners + 1, temperature);
    s->answer[index] = (LampOwnership){best, (float) s->scores[best]};
    for (guint o = 0; o < in->owners; o++)
        if (may_own(s, o, connection))
            learn(s, o, connection, s->scores[o], &begin);
    for (guint o = 0; o <= in->owners; o++)
        count[o] += s->scores[o];
}

/* The histogram from counts, each smoothed with its neighbours. */
static void
settle(double *bins, double *count)
{
    double sum = 0;
    for (guint i = 0; i < BINS; i++)
        sum += count[i];
    for (guint i = 0; i < BINS; i++) {
        double before = i > 0 ? count[i - 1] : 0, after = i + 1 < BINS ? count[i + 1] : 0;
        double smooth = sum > 0 ? (before + 2 * count[i] + after) / 4 / sum : 1.0 / BINS;
        bins[i] = (1.0 - BROAD) * smooth + BROAD / BINS;
    }
    memset(count, 0, BINS * sizeof *count);
}

static void
settle_all(Search *s)
{
    const LampOwnershipInput *in = s->input;
    for (guint i = 0; i < in->owners * in->callees; i++) {
        settle(s->of[i].from, s->of[i].from_count);
        settle(s->of[i].to, s->of[i].to_count);
    }
    for (guint c = 0; c < in->callees; c++) {
        double *count = &s->count[(gsize) c * (in->owners + 1)], sum = 0;
        for (guint o = 0; o <= in->owners; o++)
            sum += count[o] += 0.1;
        for (guint o = 0; o <= in->owners; o++) {
            s->prior[(gsize) c * (in->owners + 1) + o] = count[o] / sum;
            count[o] = 0;
        }
    }
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

/* The most that can be noted of @k calls of each connection. */
static guint64
cost_of_calls(const LampOwnershipInput *in, guint k)
{
    guint64 calls = 0;
    for (guint i = 0; i < in->connections; i++)
        calls += MIN(in->connection[i].count, k);
    return calls * in->owners * NOTED_BYTES;
}

/* So many calls of each connection that what is noted of them stays within bounds; 0: even one
 * is too much. */
static guint
choose_most_calls(const LampOwnershipInput *in)
{
    guint low = 0, high = MOST_CALLS;
    while (low < high) {
        guint mid = high - (high - low) / 2;
        if (cost_of_calls(in, mid) <= GAP_BUDGET)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

LampOwnership *
lamp_ownership_find(const LampOwnershipInput *input)
{
    Search s = {.input = input, .most_calls = choose_most_calls(input)};
    gsize choices = (gsize) input->owners + 1;
    if (s.most_calls == 0)
        return NULL;
    s.gaps = g_byte_array_new();
    s.span = find_span(input);
    for (guint i = 0; i < BINS; i++)
        s.width[i] =
            LEAST_NS * (exp2((i + 1.0) / BINS_PER_OCTAVE) - exp2((double) i / BINS_PER_OCTAVE));
    s.of = g_new0(Gaps, (gsize) input->owners * input->callees + 1);
    s.prior = g_new0(double, choices * input->callees + 1);
    s.count = g_new0(double, choices * input->callees + 1);
    s.scores = g_new0(double, choices);
    s.answer = g_new0(LampOwnership, (gsize) input->connections + 1);
    note_all_gaps(&s);
    settle_all(&s);
    for (guint round = 0; round < ROUNDS; round++) {
        double temperature = round == 0 ? 50 : round == 1 ? 5 : 1;
        gsize at = 0;
        for (guint i = 0; i < input->connections; i++)
            visit(&s, i, temperature, &at);
        settle_all(&s);
    }
    g_byte_array_unref(s.gaps);
    g_free(s.of);
    g_free(s.prior);
    g_free(s.count);
    g_free(s.scores);
    return s.answer;
}
