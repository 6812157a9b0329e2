/*
 * Expectation maximisation over the connections of one callee.
 *
 * In: notes of what programs were serving while calls were made. Out: the probability of each
 * owner for each connection.
 *
 * Every connection has one owner, so all its calls testify. If program o makes them, a call
 * starts while one of its N requests is open and ends before that request's response. A call
 * from t to t' then has the density
 *
 *     p(t | o) = (1 - e) / N * sum over requests r that enclose it of a(t, r) b(t', r) + e / T
 *     a(t, r)  = (1 - k) (1 - v) f(t - r) + k v f'(t - q)
 *     b(t', r) = w g(r' - t') / h(r' - r) + 1 - w
 *
 * and p(t | nobody) = 1 / T. T: length of the capture; e: share of calls that outlive their
 * request; v: probability that r waits for a reply meanwhile, to its call q (waiting.c); k:
 * share of the calls that are made although; w: share of the responses that wait for the call;
 * f, f', g: densities of the gaps since the request's begin, since q's, and to the response; h:
 * that of the durations of r's kind. So a call within a call of r is q's rather than r's,
 * unless it turns out that r makes calls side by side; a program that is busy all the time
 * explains less by enclosing a call than one that is not; and what makes its response wait is
 * known by that.
 *
 * All is learnt for each pair of owner and callee, together with how often each program owns
 * the callee's connections, each gap being scored without itself. No more than TESTIMONIES
 * connections' worth tells two explanations apart: beyond, it is the model that is in doubt.
 * After Dempster, Laird and Rubin (1977).
 */
#include "correlate/ownership/expectation.h"

#include <float.h>
#include <math.h>

#define OUTLIVES 0.02
#define BESIDE 0.05       /* k before any is learnt */
#define BESIDE_WEIGHT 2.0 /* calls that this is worth */
#define AWAITED 0.5       /* w, likewise */
#define LEAST_ROUNDS 4u
#define MOST_ROUNDS 12u
#define STILL 0.001 /* mean change of a posterior from which on nothing happens */
#define LEAST_SHARE 1e-6
#define TESTIMONIES 20.0
#define OWNER_COST 0.5  /* nats for each program that owns some connections */
#define BESIDE_COST 3.0 /* for calls that are made while waiting for another */
#define HASTE_COST 3.0  /* for calls that follow their request faster than HASTE_NS */
#define HASTE_NS 20000

static guint32
callee_of(const LampOwnedSearch *s, guint32 unit)
{
    return s->input->connection[lamp_owned_unit(s->notes, unit)->connection].callee;
}

typedef struct {
    double in_turn, beside, end; /* parts of a note's likelihood */
} Parts;

static Parts
weigh_note(const LampOwnedSearch *s, const LampOwnedPair *pair, const LampOwnedNote *note)
{
    double waiting = (double) note->waiting;
    Parts parts = {.end = lamp_owned_density(s, &pair->to, note->to, note->ended) /
                          (double) s->usual_end[note->request]};
    parts.in_turn = (1 - pair->is_beside) * (1 - waiting) *
                    lamp_owned_density(s, &pair->from, note->from, note->started);
    if (waiting > 0)
        parts.beside = pair->is_beside * waiting *
                       lamp_owned_density(s, &pair->beside, note->after, note->beside);
    return parts;
}

/* Likelihood of a unit if @owner made it, against that nobody did; sets the notes' shares. */
static double
weigh_unit(LampOwnedSearch *s, guint32 unit, guint owner)
{
    guint count;
    LampOwnedNote *notes = lamp_owned_notes(s->notes, unit, owner, &count);
    const LampOwnedPair *pair = lamp_owned_pair(s, owner, callee_of(s, unit));
    guint requests = s->input->first_request[owner + 1] - s->input->first_request[owner];
    double sum = OUTLIVES;
    for (guint i = 0; i < count; i++) {
        Parts p = weigh_note(s, pair, &notes[i]);
        double of_end = pair->is_awaited * p.end + 1 - pair->is_awaited;
        double all = (1 - OUTLIVES) * s->span / requests * (p.in_turn * of_end + p.beside);
        notes[i].share = (float) all;
        sum += all;
    }
    for (guint i = 0; i < count; i++)
        notes[i].share = (float) ((double) notes[i].share / sum);
    return sum;
}

/* Adds what a unit teaches of @owner, with @weight. */
static void
learn_unit(LampOwnedSearch *s, guint32 unit, guint owner, double weight)
{
    guint count;
    LampOwnedNote *notes = lamp_owned_notes(s->notes, unit, owner, &count);
    LampOwnedPair *pair = lamp_owned_pair(s, owner, callee_of(s, unit));
    for (guint i = 0; i < count; i++) {
        LampOwnedNote *note = &notes[i];
        if (weight * (double) note->share < LEAST_SHARE) {
            note->started = note->beside = note->ended = 0;
            continue;
        }
        Parts p = weigh_note(s, pair, note);
        double of_end = pair->is_awaited * p.end + 1 - pair->is_awaited;
        double share = weight * (double) note->share, all = p.in_turn * of_end + p.beside;
        double beside = all > 0 ? share * p.beside / all : 0;
        double end = pair->is_awaited * p.end / of_end;
        note->started = (float) (share - beside);
        note->beside = (float) beside;
        note->ended = (float) ((share - beside) * end);
        lamp_owned_gaps_add(&pair->from, note->from, (double) note->started);
        lamp_owned_gaps_add(&pair->beside, note->after, beside);
        lamp_owned_gaps_add(&pair->to, note->to, (double) note->ended);
        pair->beside_count += beside;
        pair->awaited_count += (double) note->ended;
        pair->count += share;
        pair->in_turn_count += share - beside;
    }
}

/* Turns logarithms into probabilities; returns the logarithm of their sum. */
static double
normalise(double *scores, guint n, double temperature)
{
    double most = -INFINITY, sum = DBL_MIN;
    for (guint i = 0; i < n; i++)
        most = MAX(most, scores[i]);
    for (guint i = 0; i < n; i++) {
        scores[i] = exp((scores[i] - most) / temperature);
        sum += scores[i];
    }
    for (guint i = 0; i < n; i++)
        scores[i] /= sum;
    return most + log(sum);
}

/* Expectation of one connection; returns the logarithm of its likelihood. */
static double
visit(LampOwnedSearch *s, guint32 connection, double temperature)
{
    guint owners = s->input->owners;
    const guint8 *may = lamp_owned_may(s, connection);
    for (guint o = 0; o < owners; o++)
        s->scores[o] = may[o] ? log(s->prior[o]) : (double) -INFINITY;
    s->scores[owners] = log(s->prior[owners]);
    guint32 first = s->notes->first_unit[connection],
            end = s->notes->first_unit[connection + 1];
    double worth = MIN(1, TESTIMONIES / MAX(end - first, 1));
    for (guint32 u = first; u < end; u++)
        for (guint o = 0; o < owners; o++)
            if (may[o])
                s->scores[o] += worth * log(weigh_unit(s, u, o));
    return normalise(s->scores, owners + 1, temperature);
}

static void
learn_connection(LampOwnedSearch *s, guint32 connection, const float *posterior)
{
    guint owners = s->input->owners;
    const guint8 *may = lamp_owned_may(s, connection);
    for (guint32 u = s->notes->first_unit[connection]; u < s->notes->first_unit[connection + 1];
         u++)
        for (guint o = 0; o < owners; o++)
            if (may[o])
                learn_unit(s, u, o, (double) posterior[o]);
    for (guint o = 0; o <= owners; o++)
        s->count[o] += (double) posterior[o];
}

static void
settle(LampOwnedSearch *s, guint callee)
{
    guint owners = s->input->owners;
    double sum = 0;
    for (guint o = 0; o < owners; o++) {
        LampOwnedPair *pair = lamp_owned_pair(s, o, callee);
        if (pair == NULL)
            continue;
        lamp_owned_gaps_settle(&pair->from);
        lamp_owned_gaps_settle(&pair->beside);
        lamp_owned_gaps_settle(&pair->to);
        pair->is_beside =
            (pair->beside_count + BESIDE * BESIDE_WEIGHT) / (pair->count + BESIDE_WEIGHT);
        pair->is_awaited = (pair->awaited_count + AWAITED) / (pair->in_turn_count + 1);
        pair->beside_count = pair->awaited_count = pair->count = pair->in_turn_count = 0;
    }
    for (guint o = 0; o <= owners; o++)
        sum += s->count[o] += 0.1;
    for (guint o = 0; o <= owners; o++) {
        s->prior[o] = s->count[o] / sum;
        s->count[o] = 0;
    }
}

/* Forgets what was learnt of @callee. */
static void
forget(LampOwnedSearch *s, guint callee)
{
    for (guint i = s->first_of[callee]; i < s->first_of[callee + 1]; i++) {
        guint32 connection = s->connections[i];
        for (guint32 u = s->notes->first_unit[connection];
             u < s->notes->first_unit[connection + 1]; u++)
            for (guint o = 0; o < s->input->owners; o++) {
                guint count;
                LampOwnedNote *note = lamp_owned_notes(s->notes, u, o, &count);
                for (guint k = 0; k < count; k++)
                    note[k].started = note[k].beside = note[k].ended = 0;
            }
    }
    settle(s, callee);
    settle(s, callee); /* the first may have had counts */
}

/* How many calls testify. */
static double
count_testimonies(const LampOwnedSearch *s, guint callee)
{
    double sum = 0;
    for (guint i = s->first_of[callee]; i < s->first_of[callee + 1]; i++) {
        const guint32 *first = &s->notes->first_unit[s->connections[i]];
        sum += MIN(TESTIMONIES, first[1] - first[0]);
    }
    return MAX(sum, 1);
}

/* Logarithm of how improbable an explanation is before any data. */
static double
weigh_oddity(const LampOwnedSearch *s, guint callee)
{
    double sum = 0, units = 0, odd = 0;
    for (guint o = 0; o < s->input->owners; o++) {
        const LampOwnedPair *pair = lamp_owned_pair(s, o, callee);
        if (pair == NULL)
            continue;
        double all = pair->from.total + pair->beside.total;
        units += all;
        odd += BESIDE_COST * pair->beside.total +
               HASTE_COST * lamp_owned_gaps_below(&pair->from, HASTE_NS);
        sum += all > 0.5 ? OWNER_COST : 0;
    }
    return sum + odd / MAX(units, 1);
}

/* One round over the connections of @callee: their posteriors, if @begin is not given, else
 * with these. Returns the logarithm of their likelihood; sets how far the posteriors moved. */
static double
go_round(LampOwnedSearch *s, guint callee, double temperature, const float *begin,
         double *out_moved)
{
    gsize row = (gsize) s->input->owners + 1;
    guint32 first = s->first_of[callee], end = s->first_of[callee + 1];
    double score = 0;
    *out_moved = 0;
    for (guint32 i = first; i < end; i++) {
        float *posterior = &s->posterior[s->connections[i] * row];
        score += visit(s, s->connections[i], temperature);
        for (gsize o = 0; o < row; o++) {
            float now = begin != NULL ? begin[(i - first) * row + o] : (float) s->scores[o];
            *out_moved += fabs((double) (now - posterior[o])) / (end - first);
            posterior[o] = now;
        }
        learn_connection(s, s->connections[i], posterior);
    }
    settle(s, callee);
    return score;
}

/* Explains the connections of @callee, beginning with posteriors or from nothing; returns how
 * well. */
double
lamp_owned_explain(LampOwnedSearch *s, guint callee, const float *begin)
{
    double score = 0, moved = 1;
    forget(s, callee);
    for (guint round = 0; round < MOST_ROUNDS && (round < LEAST_ROUNDS || moved > STILL);
         round++) {
        double temperature = begin != NULL || round > 1 ? 1 : round == 0 ? 50 : 5;
        score = go_round(s, callee, temperature, round == 0 ? begin : NULL, &moved);
    }
    return score * MIN(1, TESTIMONIES / count_testimonies(s, callee)) - weigh_oddity(s, callee);
}
