/*
 * Groups log lines to requests: links each line to the line before it in its request.
 *
 * In rounds: candidates are found, their probabilities and the statistics they rest on are
 * learnt from each other (expectation maximisation), the surest are taken. Parts of requests
 * grow so that later rounds see farther back with the same number of candidates, and know the
 * values of whole parts.
 */
#include "correlate/log-requests/edges.h"

#include "base/union-find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 24000 /* lines that are grouped together */
#define JOINT_STEPS 10
#define JOINT_CANDIDATES 24
#define LEAST_LINK 0.05F
#define UNIT_ROUNDS 6
#define LEAST_FRAMED 0.8 /* of all lines */
#define MOST_TRUST                                                                           \
    0.5                /* in links: where more of them are right, they tell more than frames \
                        */
#define LEAST_BOUND 10 /* lines, to judge the others by */

typedef struct {
    guint most;      /* candidates of a line */
    guint learning;  /* steps of expectation maximisation */
    float surest;    /* probability from which links are taken */
    gint64 reach_ns; /* longest gap */
} Round;

#define MS LAMP_NS_PER_MS
static const Round rounds[] = {
    {32, 6, 0.9F, MS},          {32, 5, 0.9F, 8 * MS},      {48, 5, 0.85F, 50 * MS},
    {64, 5, 0.8F, 400 * MS},    {64, 5, 0.7F, 3000 * MS},   {64, 4, 0.6F, 20000 * MS},
    {64, 4, 0.4F, 120000 * MS}, {64, 3, 0.3F, 120000 * MS},
};
static void
number_chains(LampGroupState *s)
{
    s->n_chains = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++)
        s->chain[i] =
            s->previous[i] == LAMP_LOG_NONE ? s->n_chains++ : s->chain[s->previous[i]];
}

/* The request that identifiers bind each line's chain to. */
static void
find_groups(LampGroupState *s)
{
    number_chains(s);
    g_autofree guint32 *groups = g_new(guint32, (gsize) s->n_chains + 1);
    memset(groups, 0xff, ((gsize) s->n_chains + 1) * sizeof(guint32));
    for (guint32 i = 0; i < s->input->n_lines; i++)
        if (s->bound[i] != LAMP_LOG_NONE)
            groups[s->chain[i]] = s->bound[i];
    for (guint32 i = 0; i < s->input->n_lines; i++)
        s->group[i] = groups[s->chain[i]];
}

/* Merges the chains that identifiers bind to one request, in the order of time. */
static void
merge_bound(LampGroupState *s)
{
    find_groups(s);
    g_autofree guint32 *latest = g_new(guint32, (gsize) s->input->n_lines + 1);
    memset(latest, 0xff, ((gsize) s->input->n_lines + 1) * sizeof(guint32));
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 group = s->group[i];
        if (group == LAMP_LOG_NONE)
            continue;
        s->previous[i] = latest[group];
        s->next[i] = LAMP_LOG_NONE;
        if (latest[group] != LAMP_LOG_NONE)
            s->next[latest[group]] = i;
        latest[group] = i;
    }
}

/* Takes the links above @surest, the surest first; none that joins what identifiers part. */
static void
take_links(LampGroupState *s, float surest)
{
    g_autoptr(GArray) sure = lamp_edges_sure(s, surest);
    g_autofree guint32 *parents = g_new(guint32, (gsize) s->input->n_lines + 1);
    find_groups(s);
    for (guint32 i = 0; i < s->input->n_lines; i++)
        parents[i] =
            s->previous[i] == LAMP_LOG_NONE ? i : lamp_union_find_root(parents, s->previous[i]);
    for (guint i = 0; i < sure->len; i++) {
        const LampEdge *edge = &g_array_index(sure, LampEdge, i);
        if (s->next[edge->from] != LAMP_LOG_NONE || s->previous[edge->to] != LAMP_LOG_NONE)
            continue;
        guint32 a = lamp_union_find_root(parents, edge->from);
        guint32 b = lamp_union_find_root(parents, edge->to);
        if (lamp_is_conflict(s->group[a], s->group[b]))
            continue;
        parents[b] = a;
        s->group[a] = MIN(s->group[a], s->group[b]);
        s->next[edge->from] = edge->to;
        s->previous[edge->to] = edge->from;
        s->link[edge->to] = edge->probability;
    }
}

static void
count_templates(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    for (guint32 i = 0; i < in->n_lines; i++)
        s->n_templates = MAX(s->n_templates, in->lines[i].template + 1);
    s->template_count = g_new0(double, s->n_templates + 1);
    s->template_ends = g_new0(double, s->n_templates + 1);
    s->template_starts = g_new0(double, s->n_templates + 1);
    s->is_entry = g_new0(gboolean, s->n_templates + 1);
    s->is_closing = g_new0(gboolean, s->n_templates + 1);
    s->is_new = g_new0(float, s->n_templates + 1);
    s->is_root = g_new0(gboolean, s->n_templates + 1);
    s->is_begin = g_new0(gboolean, s->n_templates + 1);
    s->brings = g_new0(gboolean, s->n_templates + 1);
    s->is_work_begin = g_new0(gboolean, s->n_templates + 1);
    s->only_after = g_new0(guint32, s->n_templates + 1);
    s->only_before = g_new0(guint32, s->n_templates + 1);
    for (guint32 i = 0; i < in->n_lines; i++)
        s->template_count[in->lines[i].template] += 1;
    s->active_ns = 1;
    for (guint32 i = 1; i < in->n_lines; i++)
        s->active_ns +=
            (double) MIN(in->lines[i].time_ns - in->lines[i - 1].time_ns, LAMP_NS_PER_SECOND);
}

static void
begin(LampGroupState *s, const LampLogInput *input)
{
    gsize n = (gsize) input->n_lines + 2;
    *s = (LampGroupState){.input = input};
    s->previous = g_new(guint32, n);
    s->next = g_new(guint32, n);
    memset(s->previous, 0xff, n * sizeof(guint32));
    memset(s->next, 0xff, n * sizeof(guint32));
    s->link = g_new0(float, n);
    s->bound = g_new(guint32, n);
    s->group = g_new(guint32, n);
    s->chain = g_new0(guint32, n);
    s->chain_values = g_new(guint64, (gsize) input->n_values + 1);
    s->edges = g_array_new(FALSE, TRUE, sizeof(LampEdge));
    s->seeds = g_array_new(FALSE, TRUE, sizeof(LampEdge));
    s->edge_first = g_new0(guint32, n);
    s->follows = g_array_new(FALSE, TRUE, sizeof(LampFollow));
    s->follow_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    s->weight_from = g_new(double, n);
    s->weight_to = g_new(double, n);
    count_templates(s);
    lamp_values_prepare(s);
}

static void
end(LampGroupState *s)
{
    g_free(s->previous);
    g_free(s->next);
    g_free(s->link);
    g_free(s->sure);
    g_free(s->bound);
    g_free(s->group);
    g_free(s->chain);
    g_free(s->chain_values);
    g_free(s->chain_first);
    g_array_unref(s->edges);
    g_array_unref(s->seeds);
    g_free(s->edge_first);
    g_array_unref(s->follows);
    g_hash_table_unref(s->follow_index);
    g_array_unref(s->value_kinds);
    g_free(s->kind_of_value);
    g_free(s->chance);
    g_free(s->is_telling);
    g_free(s->weight_from);
    g_free(s->weight_to);
    g_free(s->template_count);
    g_free(s->template_ends);
    g_free(s->template_starts);
    g_free(s->is_entry);
    g_free(s->is_closing);
    g_free(s->is_new);
    g_free(s->is_root);
    g_free(s->is_begin);
    g_free(s->wake);
    g_free(s->rested);
    g_free(s->brings);
    g_free(s->is_work_begin);
    g_free(s->only_after);
    g_free(s->only_before);
}

/* Lets links go that what was learnt since speaks against. */
static void
drop_links(LampGroupState *s, gboolean is_late)
{
    lamp_statistics_learn(s);
    if (is_late)
        lamp_statistics_judge(s);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 before = s->previous[i];
        if (before == LAMP_LOG_NONE)
            continue;
        LampEdge edge = {.from = before, .to = i};
        edge.follow = lamp_follow_number(s, before, i);
        edge.bin = lamp_gap_bin(s->input->lines[i].time_ns - s->input->lines[before].time_ns);
        if (lamp_statistics_gain(s, &edge) > 0)
            continue;
        s->next[before] = LAMP_LOG_NONE;
        s->previous[i] = LAMP_LOG_NONE;
    }
}

static void
run_round(LampGroupState *s, guint number)
{
    const Round *round = &rounds[number];
    drop_links(s, number >= G_N_ELEMENTS(rounds) - 2);
    find_groups(s);
    lamp_edges_find(s, round->most, round->reach_ns);
    for (guint k = 0; k < round->learning; k++) {
        lamp_edges_solve(s, k == 0);
        lamp_statistics_learn(s);
    }
    lamp_edges_solve(s, FALSE);
    take_links(s, round->surest);
    g_debug("round %u: %u edges, %u chains", number, s->edges->len, s->n_chains);
}

void
lamp_groups_relearn(LampGroupState *s)
{
    number_chains(s);
    lamp_values_of_chains(s);
    g_array_set_size(s->edges, 0);
    lamp_statistics_learn(s);
    lamp_statistics_judge(s);
    lamp_values_learn(s);
}

/* Identifiers tell how far links by templates and times are to be trusted: of the lines that
 * they bind to an earlier one, how many did the links bring into its chain? Probabilities are
 * too sure of themselves where the model does not fit. */
static void
measure_trust(LampGroupState *s)
{
    number_chains(s);
    g_autofree guint32 *first = g_new(guint32, (gsize) s->input->n_lines + 1);
    memset(first, 0xff, ((gsize) s->input->n_lines + 1) * sizeof(guint32));
    double n = 0;
    double together = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 group = s->bound[i];
        if (group == LAMP_LOG_NONE)
            continue;
        if (first[group] == LAMP_LOG_NONE) {
            first[group] = s->chain[i];
            continue;
        }
        n += 1;
        together += first[group] == s->chain[i] ? 1 : 0;
    }
    s->trust = n >= LEAST_BOUND ? (together + 1) / (n + 2) : 1;
    g_debug("%g of %g lines with identifiers found without", together, n);
}

static void
unlink_all(LampGroupState *s)
{
    memset(s->previous, 0xff, (gsize) s->input->n_lines * sizeof(guint32));
    memset(s->next, 0xff, (gsize) s->input->n_lines * sizeof(guint32));
}

/* All links anew, under what was learnt: probabilities and statistics from each other. */
static void
solve_jointly(LampGroupState *s)
{
    lamp_groups_relearn(s);
    for (guint k = 0; k <= JOINT_STEPS; k++) {
        lamp_edges_all(s, JOINT_CANDIDATES);
        unlink_all(s);
        lamp_edges_solve(s, FALSE);
        if (k < JOINT_STEPS)
            lamp_statistics_learn(s);
    }
    take_links(s, LEAST_LINK);
    measure_trust(s);
    merge_bound(s);
}

/* The request that most samples say, and the next. */
static void
elect(const LampVotes *votes, guint *out_best, guint *out_next, guint *out_sum)
{
    guint best = 0;
    guint next = G_MAXUINT;
    *out_sum = 0;
    for (guint k = 0; k < LAMP_VOTES; k++) {
        *out_sum += votes->count[k];
        if (votes->count[k] > votes->count[best])
            best = k;
    }
    for (guint k = 0; k < LAMP_VOTES; k++)
        if (k != best && votes->count[k] > 0 &&
            (next == G_MAXUINT || votes->count[k] > votes->count[next]))
            next = k;
    *out_best = best;
    *out_next = next;
}

/* Numbers the requests by their first lines; @first is the number of lines before this slice.
 */
static void
fill_places(LampLogGrouping *grouping, const LampGroupState *s, const LampVotes *votes,
            guint32 first)
{
    guint32 n = s->input->n_lines;
    guint32 before = grouping->n_requests;
    LampLogPlace *places = grouping->places + first;
    g_autofree guint32 *numbers = g_new(guint32, (gsize) n + 1);
    g_autofree guint32 *latest = g_new(guint32, (gsize) n + 1);
    memset(numbers, 0xff, ((gsize) n + 1) * sizeof(guint32));
    memset(latest, 0xff, ((gsize) n + 1) * sizeof(guint32));
    for (guint32 i = 0; i < n; i++) {
        guint best;
        guint next;
        guint sum;
        elect(&votes[i], &best, &next, &sum);
        guint32 root = votes[i].root[best];
        if (numbers[root] == LAMP_LOG_NONE)
            numbers[root] = grouping->n_requests++;
        places[i] = (LampLogPlace){
            .request = numbers[root],
            .previous = latest[root],
            .runner_up = next != G_MAXUINT ? votes[i].root[next] : LAMP_LOG_NONE,
            .other = next != G_MAXUINT ? (float) votes[i].count[next] / (float) sum : 0,
            .confidence = (float) votes[i].count[best] / (float) sum,
        };
        latest[root] = first + i;
    }
    for (guint32 i = 0; i < n; i++)
        if (places[i].runner_up != LAMP_LOG_NONE)
            places[i].runner_up = numbers[places[i].runner_up];
    lamp_regularity_weigh(s, places, before, grouping->n_requests - before);
    for (guint32 i = 0; s->thread_trust > 0 && i < n; i++)
        places[i].confidence *= (float) s->thread_trust;
}

/* Links of lines inside components alone, where lines without identifier are to be placed
 * between others: units of work. Caller frees. */
static guint32 *
find_units(LampGroupState *s)
{
    if (!lamp_frames_cover(s))
        return NULL;
    lamp_work_begins_find(s);
    s->is_unit_only = TRUE;
    for (guint r = 0; r < UNIT_ROUNDS; r++)
        run_round(s, r);
    s->is_unit_only = FALSE;
    guint32 *units = g_memdup2(s->previous, (gsize) s->input->n_lines * sizeof(guint32));
    unlink_all(s);
    return units;
}

/* Do the links, however wrong, leave few lines in requests without a frame? */
static gboolean
are_all_framed(LampGroupState *s)
{
    guint32 framed = 0;
    find_groups(s);
    for (guint32 i = 0; i < s->input->n_lines; i++)
        framed += s->group[i] != LAMP_LOG_NONE ? 1 : 0;
    g_debug("%u of %u lines linked to frames", framed, s->input->n_lines);
    return framed > LEAST_FRAMED * s->input->n_lines;
}

static void
take_units(LampGroupState *s, const guint32 *units)
{
    unlink_all(s);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        s->previous[i] = units[i];
        if (units[i] != LAMP_LOG_NONE)
            s->next[units[i]] = i;
    }
}

static void
group_slice(LampLogGrouping *grouping, const LampLogInput *input, guint32 first)
{
    LampGroupState s;
    begin(&s, input);
    lamp_values_tell(&s);
    lamp_idle_begins_find(&s);
    lamp_bonds_find(&s);
    lamp_threads_bind(&s);
    lamp_enclosed_bind(&s);
    lamp_order_find(&s);
    g_autofree guint32 *units = find_units(&s);
    for (guint r = 0; r < G_N_ELEMENTS(rounds); r++)
        run_round(&s, r);
    merge_bound(&s);
    g_array_set_size(s.seeds, 0); /* learnt from by now */
    solve_jointly(&s);
    g_autofree LampVotes *votes = g_new0(LampVotes, (gsize) input->n_lines + 1);
    if (units != NULL &&
        ((s.trust < MOST_TRUST && are_all_framed(&s)) || lamp_steps_are_needed(&s, units))) {
        take_units(&s, units);
        lamp_steps_bind(&s);
        s.is_framed = TRUE;
        lamp_frames_place(&s, votes);
    } else {
        lamp_refine(&s, votes);
    }
    fill_places(grouping, &s, votes, first);
    end(&s);
}

/* Where to end a slice that may have @most lines: in the longest silence of its last part. */
static guint32
slice_end(const LampLogInput *input, guint32 first, guint32 most)
{
    if (input->n_lines - first <= most)
        return input->n_lines;
    guint32 best = first + most;
    gint64 longest = -1;
    for (guint32 i = first + most - most / 8; i <= first + most; i++) {
        gint64 gap = input->lines[i].time_ns - input->lines[i - 1].time_ns;
        if (gap > longest) {
            longest = gap;
            best = i;
        }
    }
    return best;
}

LampLogGrouping *
lamp_log_group(const LampLogInput *input)
{
    LampLogGrouping *grouping = g_new0(LampLogGrouping, 1);
    grouping->places = g_new0(LampLogPlace, (gsize) input->n_lines + 1);
    for (guint32 first = 0; first < input->n_lines;) {
        guint32 end_line = slice_end(input, first, SLICE);
        LampLogInput slice = *input;
        slice.lines += first;
        slice.n_lines = end_line - first;
        group_slice(grouping, &slice, first);
        first = end_line;
    }
    return grouping;
}

void
lamp_log_grouping_free(LampLogGrouping *grouping)
{
    if (grouping == NULL)
        return;
    g_free(grouping->places);
    g_free(grouping);
}
