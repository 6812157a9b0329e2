/*
 * Search for prompt steps in the order of time.
 *
 * A state says which runs of lines are open, and how far each is. Each line goes on one of
 * them, or begins another; the likeliest STATES are kept (beam search), and those that differ
 * in nothing that matters later are one. The ways between them are summed forward and backward
 * over the last RING lines (Baum and others 1970), which gives the probability of each link,
 * and the likeliest way through is taken. LAMP_STEP_WAYS further ways are drawn by their
 * weights: they tell how sure it is that two lines are of one request, whatever lies between.
 *
 * A link has the gain of grouping.c, and what lists of values say. Runs begin when others go
 * on, too, for what all of them waited for comes at the same time: how much more often a run
 * begins soon after some other line than at any time is learnt, and counts against links.
 *
 * In: statistics, links to learn from. Out: links, edges with probabilities. Cost: some
 * thousand steps for each line at most.
 */
#include "correlate/log-requests/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATES 128
#define MOST_TAILS 24 /* open runs */
#define MOST_ARCS (4 * STATES)
#define RING 192   /* lines that are looked back */
#define SETTLE 96  /* lines that are settled together */
#define WORST 20.0 /* nats below the best state */
#define LEAST_GAIN (-12.0)

/* The open end of a run. */
typedef struct {
    LampRun run;
    LampListing listing;
} Tail;

typedef struct {
    Tail tails[MOST_TAILS]; /* the oldest first */
    guint n;
    double score; /* log of the weight of all ways here */
    double best;  /* of the likeliest */
    guint64 hash;
} State;

/* A way to go on from a state. */
typedef struct {
    guint state, tail; /* tail: MOST_TAILS for a new run */
    double score, gain;
    LampListing listing;
} Option;

/* From one state to another, by the link of one line. */
typedef struct {
    guint32 from; /* line before, or NONE */
    guint8 parent, child;
    double gain;
} Arc;

/* All ways by one line. */
typedef struct {
    guint32 line;
    guint n_arcs;
    Arc arcs[MOST_ARCS];
    double forward[STATES];  /* of the states before: log */
    guint likeliest[STATES]; /* arc to each state behind */
} Column;

/* What a line says of following an earlier one: the same in many states. */
typedef struct {
    guint32 line; /* that follows, + 1 */
    double gain;  /* of template and gap */
    LampListing listing, after;
    double worth; /* of values, for this listing */
} Known;

typedef struct {
    LampSteps *t;
    State *states, *next;
    guint n_states;
    Option *options;
    guint n_options;
    Column *columns; /* RING */
    Known *known;    /* by earlier line */
    guint64 n_lines; /* searched so far */
    guint64 settled;
    guint64 random;
    guint32 latest;          /* line */
    double hazard[GAP_BINS]; /* of beginnings, by the time since the latest line: log */
    LampStepLists *lists;
} Search;

static guint64
mix(guint64 x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static guint64
hash_of(const Tail *tail)
{
    guint64 h = mix((guint64) tail->run.last + 1);
    h = mix(h ^ ((guint64) tail->listing.lister << 32 | tail->listing.at));
    return mix(h ^ tail->run.last_bound);
}

/* How often runs begin, by the time since the latest line, against their mean rate. */
static void
learn_hazard(Search *x)
{
    const LampGroupState *s = x->t->s;
    double begins[GAP_BINS + 1] = {0}; /* the last: all */
    double time[GAP_BINS + 1] = {0};
    guint32 latest = LAMP_LOG_NONE;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        if (lamp_steps_is_serial(x->t, i))
            continue;
        if (latest != LAMP_LOG_NONE) {
            gint64 gap = s->input->lines[i].time_ns - s->input->lines[latest].time_ns;
            guint bin = lamp_gap_bin(MIN(gap, LAMP_NS_PER_SECOND));
            for (guint b = 0; b <= bin; b++)
                time[b] += exp(s->log_width[b]) * (b < bin ? 1 : 0.5);
            gboolean is_frame =
                s->bound[i] != LAMP_LOG_NONE && x->t->previous_bound[i] == LAMP_LOG_NONE;
            begins[bin] += s->previous[i] == LAMP_LOG_NONE && !is_frame ? 1 : 0;
        }
        latest = i;
    }
    for (guint b = 0; b < GAP_BINS; b++) {
        begins[GAP_BINS] += begins[b];
        time[GAP_BINS] += time[b];
    }
    double rate = (begins[GAP_BINS] + 1) / (time[GAP_BINS] + 1);
    for (guint b = 0; b < GAP_BINS; b++)
        x->hazard[b] = log((begins[b] + 1) / (time[b] * rate + 1));
}

/* Closes the runs that rest for too long; the oldest, if there are too many. */
static void
expire(Search *x, guint32 line)
{
    const LampLogLine *lines = x->t->s->input->lines;
    for (guint k = 0; k < x->n_states; k++) {
        State *state = &x->states[k];
        guint n = 0;
        guint first = state->n == MOST_TAILS ? 1 : 0;
        for (guint i = 0; i < state->n; i++) {
            gint64 rest = lines[line].time_ns - lines[state->tails[i].run.last].time_ns;
            if (i >= first && rest <= x->t->reach_ns)
                state->tails[n++] = state->tails[i];
            else
                state->hash ^= hash_of(&state->tails[i]);
        }
        state->n = n;
    }
}

static LampRun
run_of(const LampGroupState *s, guint32 line)
{
    guint32 bound = s->bound[line] != LAMP_LOG_NONE ? line : LAMP_LOG_NONE;
    return (LampRun){line, line, bound, bound, 0};
}

static const Known *
know(Search *x, const Tail *tail, guint32 line)
{
    LampGroupState *s = x->t->s;
    guint32 from = tail->run.last;
    Known *known = &x->known[from];
    const LampListing *listing = &known->listing;
    gboolean is_new = known->line != line + 1;
    if (is_new) {
        LampEdge edge = {.from = from, .to = line};
        edge.follow = lamp_follow_number(s, from, line);
        edge.bin = lamp_gap_bin(s->input->lines[line].time_ns - s->input->lines[from].time_ns);
        known->gain = lamp_statistics_gain(s, &edge);
        known->line = line + 1;
    }
    if (is_new || listing->lister != tail->listing.lister || listing->at != tail->listing.at) {
        known->listing = tail->listing;
        known->worth = lamp_step_lists_worth(x->lists, &known->listing, line, &known->after);
    }
    return known;
}

/* The ways in which @line may go on the runs of a state. */
static void
add_options(Search *x, guint number, guint32 line, double hazard)
{
    const State *state = &x->states[number];
    LampRun own = run_of(x->t->s, line);
    Option fresh = {.state = number, .tail = MOST_TAILS, .score = state->score};
    fresh.listing = lamp_step_lists_begin(x->lists, line);
    x->options[x->n_options++] = fresh;
    for (guint i = 0; i < state->n; i++) {
        const Tail *tail = &state->tails[i];
        if (!lamp_steps_may_join(x->t, &tail->run, &own))
            continue;
        const Known *known = know(x, tail, line);
        if (known->gain < LEAST_GAIN)
            continue;
        Option option = {.state = number, .tail = i, .listing = known->after};
        option.gain = known->gain - hazard + known->worth;
        option.score = state->score + option.gain;
        x->options[x->n_options++] = option;
    }
}

/* Leaves the options out that are hopeless. */
static void
drop_options(Search *x)
{
    double best = -INFINITY;
    guint n = 0;
    for (guint k = 0; k < x->n_options; k++)
        best = MAX(best, x->options[k].score);
    for (guint k = 0; k < x->n_options; k++)
        if (x->options[k].score > best - WORST)
            x->options[n++] = x->options[k];
    x->n_options = n;
}

static gint
compare_options(gconstpointer left, gconstpointer right)
{
    const Option *a = left;
    const Option *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return a->tail < b->tail ? -1 : a->tail > b->tail;
}

/* The open end that @line is behind the tail that an option names. */
static Tail
next_tail(const Search *x, const Option *option, guint32 line)
{
    Tail own = {run_of(x->t->s, line), option->listing};
    if (option->tail == MOST_TAILS)
        return own;
    const LampRun *run = &x->states[option->state].tails[option->tail].run;
    own.run.first = run->first;
    own.run.first_bound = MIN(run->first_bound, own.run.first_bound);
    if (own.run.last_bound == LAMP_LOG_NONE)
        own.run.last_bound = run->last_bound;
    return own;
}

static void
make_state(const State *before, guint tail, const Tail *own, State *state)
{
    state->n = 0;
    for (guint i = 0; i < before->n; i++)
        if (i != tail)
            state->tails[state->n++] = before->tails[i];
    state->tails[state->n++] = *own;
}

static double
log_sum(double a, double b)
{
    if (a < b)
        return b + log1p(exp(a - b));
    return isinf(a) ? a : a + log1p(exp(b - a));
}

/* Takes one option: to a state that is there already, or to a new one. */
static void
take_option(Search *x, const Option *option, Column *column, guint *n)
{
    const State *before = &x->states[option->state];
    Tail own = next_tail(x, option, column->line);
    guint64 hash = before->hash ^ hash_of(&own);
    guint32 from = LAMP_LOG_NONE;
    if (option->tail < MOST_TAILS) {
        hash ^= hash_of(&before->tails[option->tail]);
        from = before->tails[option->tail].run.last;
    }
    guint m = 0;
    while (m < *n && x->next[m].hash != hash)
        m++;
    if (m == STATES)
        return;
    State *state = &x->next[m];
    if (m == *n) {
        make_state(before, option->tail, &own, state);
        state->hash = hash;
        state->best = state->score = -INFINITY;
        ++*n;
    }
    state->score = log_sum(state->score, option->score);
    if (before->best + option->gain > state->best) {
        state->best = before->best + option->gain;
        column->likeliest[m] = column->n_arcs;
    }
    column->arcs[column->n_arcs++] =
        (Arc){from, (guint8) option->state, (guint8) m, option->gain};
}

/* One of some weights, of which the logs are given. */
static guint
draw(Search *x, const double *logs, guint n)
{
    double most = -INFINITY;
    double sum = 0;
    guint drawn = 0;
    for (guint k = 0; k < n; k++)
        most = MAX(most, logs[k]);
    for (guint k = 0; k < n; k++) {
        double weight = exp(logs[k] - most);
        sum += weight;
        if (weight > 0 && lamp_random_unit(&x->random) * sum < weight)
            drawn = k;
    }
    return drawn;
}

/* Draws one of the ways to the states at the end; keeps the links of the lines up to @until. */
static void
draw_way(Search *x, guint32 *before, guint64 until)
{
    double logs[MOST_ARCS] = {0};
    for (guint k = 0; k < x->n_states; k++)
        logs[k] = x->states[k].score;
    guint at = draw(x, logs, x->n_states);
    for (guint64 n = x->n_lines; n > x->settled; n--) {
        const Column *column = &x->columns[(n - 1) % RING];
        for (guint k = 0; k < column->n_arcs; k++) {
            const Arc *arc = &column->arcs[k];
            logs[k] = arc->child == at ? column->forward[arc->parent] + arc->gain : -INFINITY;
        }
        const Arc *arc = &column->arcs[draw(x, logs, column->n_arcs)];
        at = arc->parent;
        if (n <= until)
            before[column->line] = arc->from;
    }
}

/* The edge of this line's that begins with @from; a new one, if there is none. */
static LampEdge *
edge_of(LampGroupState *s, guint first, guint32 from, guint32 line)
{
    for (guint i = first; i < s->edges->len; i++)
        if (g_array_index(s->edges, LampEdge, i).from == from)
            return &g_array_index(s->edges, LampEdge, i);
    LampEdge edge = {.from = from, .to = line};
    edge.follow = lamp_follow_number(s, from, line);
    edge.bin = lamp_gap_bin(s->input->lines[line].time_ns - s->input->lines[from].time_ns);
    g_array_append_val(s->edges, edge);
    return &g_array_index(s->edges, LampEdge, s->edges->len - 1);
}

/* Probabilities of the links to a line. */
static void
settle_line(Search *x, const Column *column, const double *backward)
{
    LampGroupState *s = x->t->s;
    guint first = s->edges->len;
    double most = -INFINITY;
    double sum = 0;
    for (guint k = 0; k < column->n_arcs; k++) {
        const Arc *arc = &column->arcs[k];
        most = MAX(most, column->forward[arc->parent] + arc->gain + backward[arc->child]);
    }
    for (guint k = 0; k < column->n_arcs; k++) {
        const Arc *arc = &column->arcs[k];
        double weight =
            exp(column->forward[arc->parent] + arc->gain + backward[arc->child] - most);
        sum += weight;
        if (arc->from != LAMP_LOG_NONE)
            edge_of(s, first, arc->from, column->line)->weight += weight;
    }
    for (guint i = first; i < s->edges->len; i++) {
        LampEdge *edge = &g_array_index(s->edges, LampEdge, i);
        edge->probability = (float) (edge->weight / sum);
    }
}

/* Settles the lines up to @until: goes back from the latest. */
static void
settle(Search *x, guint64 until)
{
    double backward[STATES] = {0};
    guint at = 0; /* state on the likeliest way */
    for (guint k = 0; k < x->n_states; k++)
        at = x->states[k].best > x->states[at].best ? k : at;
    for (guint k = 0; x->t->ways != NULL && k < LAMP_STEP_WAYS; k++)
        draw_way(x, x->t->ways + (gsize) k * x->t->s->input->n_lines, until);
    for (guint64 n = x->n_lines; n > x->settled; n--) {
        const Column *column = &x->columns[(n - 1) % RING];
        const Arc *likeliest = &column->arcs[column->likeliest[at]];
        at = likeliest->parent;
        if (n <= until) {
            x->t->s->previous[column->line] = likeliest->from;
            settle_line(x, column, backward);
        }
        double before[STATES];
        for (guint k = 0; k < STATES; k++)
            before[k] = -INFINITY;
        for (guint k = 0; k < column->n_arcs; k++) {
            const Arc *arc = &column->arcs[k];
            before[arc->parent] =
                log_sum(before[arc->parent], arc->gain + backward[arc->child]);
        }
        memcpy(backward, before, sizeof backward);
    }
    x->settled = until;
}

static void
search_line(Search *x, guint32 line)
{
    const LampLogLine *lines = x->t->s->input->lines;
    Column *column = &x->columns[x->n_lines % RING];
    column->line = line;
    column->n_arcs = 0;
    expire(x, line);
    double hazard = 0;
    if (x->latest != LAMP_LOG_NONE)
        hazard = x->hazard[lamp_gap_bin(
            MIN(lines[line].time_ns - lines[x->latest].time_ns, LAMP_NS_PER_SECOND))];
    x->n_options = 0;
    for (guint k = 0; k < x->n_states; k++) {
        column->forward[k] = x->states[k].score;
        add_options(x, k, line, hazard);
    }
    drop_options(x);
    qsort(x->options, x->n_options, sizeof(Option), compare_options);
    guint n = 0;
    for (guint k = 0; k < x->n_options && column->n_arcs < MOST_ARCS; k++)
        take_option(x, &x->options[k], column, &n);
    State *swap = x->states;
    x->states = x->next;
    x->next = swap;
    x->n_states = n;
    double score = x->states[0].score;
    for (guint k = 0; k < n; k++)
        x->states[k].score -= score;
    x->latest = line;
    x->n_lines++;
    if (x->n_lines - x->settled == RING)
        settle(x, x->settled + SETTLE);
}

void
lamp_steps_search(LampSteps *t)
{
    LampGroupState *s = t->s;
    guint32 n = s->input->n_lines;
    Search x = {.t = t, .n_states = 1, .latest = LAMP_LOG_NONE};
    x.states = g_new0(State, STATES);
    x.next = g_new0(State, STATES);
    x.options = g_new(Option, STATES * (MOST_TAILS + 1));
    x.columns = g_new0(Column, RING);
    x.known = g_new0(Known, (gsize) n + 1);
    x.lists = lamp_step_lists_new(t);
    g_array_set_size(s->edges, 0);
    lamp_statistics_learn(s);
    learn_hazard(&x);
    for (guint32 i = 0; i < n; i++)
        if (!lamp_steps_is_serial(t, i))
            s->previous[i] = s->next[i] = LAMP_LOG_NONE;
    for (guint32 i = 0; i < n; i++)
        if (!lamp_steps_is_serial(t, i))
            search_line(&x, i);
    settle(&x, x.n_lines);
    for (guint32 i = 0; i < n; i++) {
        guint32 before = s->previous[i];
        if (before != LAMP_LOG_NONE && s->next[before] != LAMP_LOG_NONE && s->next[before] != i)
            s->previous[i] = LAMP_LOG_NONE; /* settled otherwise before */
        else if (before != LAMP_LOG_NONE)
            s->next[before] = i;
    }
    g_debug("%u ways to go on", s->edges->len);
    lamp_step_lists_free(x.lists);
    g_free(x.states);
    g_free(x.next);
    g_free(x.options);
    g_free(x.columns);
    g_free(x.known);
}
