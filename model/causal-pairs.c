/*
 * Counterexamples of one pair of segment types, and the verdict.
 *
 * In: the segments of both types, trace after trace. Each trace weighs w, the probability that
 * both belong to it; a violation by v ns counts by the chance that it exceeds the clocks'
 * error. A relation falls when the weight of counterexamples is more than wrong links explain
 * (99 % bound of a binomial law, of rate 1 % or what the links' own doubt says, if more). It is
 * proven if, with the durations exchanged between traces, it would have fallen.
 */
#include "model/causal-pairs.h"

#include "model/index-map.h"

#include <math.h>

#define CONFIDENCE 0.99
#define PERMUTATIONS 8u

/* Chance that a violation by @by is more than clocks that are wrong. */
static double
exceed(gint64 by, gint64 clock_error)
{
    if (by <= 0)
        return 0;
    return clock_error > 0 ? erf((double) by / (double) clock_error / sqrt(2.0)) : 1;
}

/* Longest overlap of an item of @a with one of @b; both ascending by start. */
static gint64
longest_overlap(const LampSegmentGroup *a, const LampSegmentGroup *b)
{
    gint64 longest = 0;
    for (gsize i = 0, j = 0; i < a->count && j < b->count;) {
        gint64 from = MAX(a->items[i].start, b->items[j].start);
        gint64 to = MIN(a->items[i].end, b->items[j].end);
        longest = MAX(longest, to - from);
        if (a->items[i].end < b->items[j].end)
            i++;
        else
            j++;
    }
    return longest;
}

/* By how much the n-th of @a ends after the n-th of @b begins, at most. */
static gint64
pipeline_violation(const LampSegmentGroup *a, const LampSegmentGroup *b)
{
    gint64 worst = G_MININT64;
    for (gsize i = 0; i < a->count; i++)
        worst = MAX(worst, a->items[i].end - b->items[i].start);
    return worst;
}

static void
keep_sample(LampCausalPair *pair, const LampSegmentGroup *a, const LampSegmentGroup *b)
{
    guint64 place = pair->seen++;
    if (place >= LAMP_CAUSAL_KEPT)
        place = lamp_mix64(pair->seen) % pair->seen;
    if (place >= LAMP_CAUSAL_KEPT)
        return;
    if (pair->kept == NULL)
        pair->kept = g_new(LampPairSample, LAMP_CAUSAL_KEPT);
    gint64 from = MIN(a->first_start, b->first_start);
    pair->kept[place] = (LampPairSample){{a->first_start - from, b->first_start - from},
                                         {a->last_end - from, b->last_end - from}};
}

void
lamp_causal_pair_add(LampCausalPair *pair, const LampSegmentGroup *a, const LampSegmentGroup *b,
                     gint64 clock_error)
{
    double weight = a->confidence * b->confidence;
    pair->traces += weight;
    pair->doubt += 1 - weight;
    pair->before[0] += weight * exceed(a->last_end - b->first_start, clock_error);
    pair->before[1] += weight * exceed(b->last_end - a->first_start, clock_error);
    pair->overlap += weight * exceed(longest_overlap(a, b), clock_error);
    pair->order[a->first_start > b->first_start] += weight;
    if (a->count == b->count && a->count >= 2) {
        pair->items += weight;
        pair->item_before[0] += weight * exceed(pipeline_violation(a, b), clock_error);
        pair->item_before[1] += weight * exceed(pipeline_violation(b, a), clock_error);
    }
    keep_sample(pair, a, b);
}

double
lamp_causal_allowed(double traces, double error)
{
    double mean = traces * error;
    if (mean > 100)
        return mean + 2.326 * sqrt(mean * (1 - error));
    double probability = pow(1 - error, traces), sum = probability, most = 0;
    while (sum < CONFIDENCE && most < traces) {
        probability *= (traces - most) / (most + 1) * error / (1 - error);
        sum += probability;
        most += 1;
    }
    return most;
}

/* Share of exchanges of durations between traces that break "@first before the other". */
static double
chance_of_order(const LampCausalPair *pair, guint first)
{
    guint count = (guint) MIN(pair->seen, LAMP_CAUSAL_KEPT), broken = 0, all = 0;
    for (guint turn = 1; turn <= PERMUTATIONS && turn < count; turn++) {
        for (guint i = 0; i < count; i++) {
            const LampPairSample *here = &pair->kept[i];
            const LampPairSample *there = &pair->kept[(i + turn * (count / 9 + 1)) % count];
            gint64 gap = here->start[!first] - here->start[first];
            broken += there->end[first] - there->start[first] > gap;
            all++;
        }
    }
    return (double) broken / MAX(all, 1);
}

/* Share of exchanges of places between traces that make the two overlap. */
static double
chance_of_overlap(const LampCausalPair *pair)
{
    guint count = (guint) MIN(pair->seen, LAMP_CAUSAL_KEPT), broken = 0, all = 0;
    for (guint turn = 1; turn <= PERMUTATIONS && turn < count; turn++) {
        for (guint i = 0; i < count; i++) {
            const LampPairSample *a = &pair->kept[i];
            const LampPairSample *b = &pair->kept[(i + turn * (count / 9 + 1)) % count];
            broken += a->start[0] < b->end[1] && b->start[1] < a->end[0];
            all++;
        }
    }
    return (double) broken / MAX(all, 1);
}

static gboolean
stands(double traces, double counter, double allowed, const LampCausalOptions *options)
{
    return traces >= options->least_traces && counter <= allowed;
}

void
lamp_causal_pair_judge(const LampCausalPair *pair, guint32 lower, guint32 upper,
                       const LampCausalOptions *options, GArray *out)
{
    if (pair->seen == 0)
        return;
    double error = CLAMP(pair->doubt / (double) pair->seen, options->error_rate, 0.5);
    LampRelation r = {.first = lower,
                      .second = upper,
                      .traces = pair->traces,
                      .allowed = lamp_causal_allowed(pair->traces, error)};
    for (guint way = 0; way < 2; way++) {
        if (!stands(pair->traces, pair->before[way], r.allowed, options))
            continue;
        r.first = way == 0 ? lower : upper;
        r.second = way == 0 ? upper : lower;
        r.counter = pair->before[way];
        r.chance = chance_of_order(pair, way);
        r.is_proven = r.chance >= options->least_chance;
        g_array_append_val(out, r);
        return;
    }
    double rarer = MIN(pair->order[0], pair->order[1]);
    if (stands(pair->traces, pair->overlap, r.allowed, options) && rarer > r.allowed) {
        r.kind = LAMP_RELATION_EXCLUSIVE;
        r.counter = pair->overlap;
        r.chance = chance_of_overlap(pair);
        r.is_proven = r.chance >= options->least_chance;
        g_array_append_val(out, r);
    }
    r.kind = LAMP_RELATION_PIPELINE;
    r.traces = pair->items;
    r.allowed = lamp_causal_allowed(pair->items, error);
    for (guint way = 0; way < 2; way++) {
        if (!stands(pair->items, pair->item_before[way], r.allowed, options))
            continue;
        r.first = way == 0 ? lower : upper;
        r.second = way == 0 ? upper : lower;
        r.counter = pair->item_before[way];
        r.chance = pair->before[way] / pair->traces;
        r.is_proven = r.chance >= options->least_chance;
        g_array_append_val(out, r);
        return;
    }
}
