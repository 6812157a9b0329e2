/*
 * Prompt steps: lines that follow one another at once within a request, from one component to
 * the next, bound to the requests that identifiers show.
 *
 * Where a service works on one thing at a time and all others wait for it, gaps at that service
 * say nothing of requests; it goes on with the next promptly after the last. Everywhere else a
 * request goes on within milliseconds. So the lines of services that never work on two things
 * at once, though they would have to if they could, are left out; the others' are linked by
 * gaps, templates and values: first the surest by belief propagation, round by round, then all
 * by a search in the order of time (steps-search.c), which learns again from what it finds.
 * What runs into a line that identifiers bind is bound with it, and cuts the segments in which
 * frames.c places the rest.
 *
 * In: bound lines, units of work as links. Out: more bound lines, how sure these are, and links
 * of the rest. Cost: linear in lines.
 */
#include "correlate/log-requests/steps.h"

#include "correlate/log-requests/edges.h"

#include <math.h>
#include <string.h>

#define REACH_NS (100 * LAMP_NS_PER_MS)
#define LATEST 64         /* open runs that a line may go on */
#define LEAST_OVERLAPS 10 /* expected, to tell that a component has none */
#define MOST_OVERLAPS 0.1 /* of those expected */
#define ROUNDS 4
#define FIRST_LEARNING 12
#define LEARNING 4
#define SUREST 0.9F
#define SEARCHES 4

static void
find_bound_neighbours(LampSteps *t)
{
    const LampGroupState *s = t->s;
    gsize n = (gsize) s->input->n_lines + 1;
    g_autofree guint32 *latest = g_new(guint32, n);
    t->next_bound = g_new(guint32, n);
    t->previous_bound = g_new(guint32, n);
    memset(latest, 0xff, n * sizeof(guint32));
    memset(t->next_bound, 0xff, n * sizeof(guint32));
    memset(t->previous_bound, 0xff, n * sizeof(guint32));
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 frame = s->bound[i];
        if (frame == LAMP_LOG_NONE)
            continue;
        t->previous_bound[i] = latest[frame];
        if (latest[frame] != LAMP_LOG_NONE)
            t->next_bound[latest[frame]] = i;
        latest[frame] = i;
    }
}

/* What a component does: units of work, the time that they take, and how many begin while
 * another lasts. */
typedef struct {
    double units, time, overlaps;
    gint64 until;
} Work;

static void
add_unit(Work *work, gint64 begin, gint64 end)
{
    work->overlaps += work->units > 0 && work->until > begin ? 1 : 0;
    work->until = MAX(work->until, end);
    work->units += 1;
    work->time += (double) (end - begin);
}

/* Units of a component that works on one thing at a time never begin while another lasts,
 * however often they would by chance. @units: the line before each, in its unit. Returns
 * whether there is any such component; @out_is_serial: by component, caller frees. */
static gboolean
find_serial(const LampGroupState *s, const guint32 *units, gboolean **out_is_serial)
{
    const LampLogLine *lines = s->input->lines;
    guint32 n = s->input->n_lines;
    guint32 n_components = 0;
    gboolean is_any = FALSE;
    g_autofree guint32 *first = g_new(guint32, (gsize) n + 1);
    g_autofree guint32 *last = g_new(guint32, (gsize) n + 1);
    for (guint32 i = 0; i < n; i++) {
        first[i] = units[i] == LAMP_LOG_NONE ? i : first[units[i]];
        last[first[i]] = i;
        n_components = MAX(n_components, lines[i].component + 1);
    }
    g_autofree Work *work = g_new0(Work, (gsize) n_components + 1);
    for (guint32 i = 0; i < n; i++)
        if (s->bound[i] == LAMP_LOG_NONE && first[i] == i)
            add_unit(&work[lines[i].component], lines[i].time_ns, lines[last[i]].time_ns);
    *out_is_serial = g_new0(gboolean, (gsize) n_components + 1);
    for (guint32 c = 0; c < n_components; c++) {
        double expected = work[c].units * -expm1(-work[c].time / s->active_ns);
        (*out_is_serial)[c] =
            expected >= LEAST_OVERLAPS && work[c].overlaps < MOST_OVERLAPS * expected;
        is_any = is_any || (*out_is_serial)[c];
        g_debug("component %u: %g units, %g of %g overlaps", c, work[c].units, work[c].overlaps,
                expected);
    }
    return is_any;
}

gboolean
lamp_steps_are_needed(const LampGroupState *s, const guint32 *units)
{
    g_autofree gboolean *is_serial = NULL;
    return find_serial(s, units, &is_serial);
}

static void
number_runs(LampSteps *t)
{
    LampGroupState *s = t->s;
    s->n_chains = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 before = s->previous[i];
        s->chain[i] = before == LAMP_LOG_NONE ? s->n_chains++ : s->chain[before];
        LampRun *run = &t->runs[s->chain[i]];
        if (before == LAMP_LOG_NONE)
            *run = (LampRun){i, i, LAMP_LOG_NONE, LAMP_LOG_NONE, s->chain[i]};
        run->last = i;
        if (s->bound[i] == LAMP_LOG_NONE)
            continue;
        run->first_bound = MIN(run->first_bound, i);
        run->last_bound = i;
    }
}

static LampRun *
run_of(const LampSteps *t, guint32 line)
{
    guint32 at = t->s->chain[line];
    while (t->runs[at].parent != at) {
        t->runs[at].parent = t->runs[t->runs[at].parent].parent;
        at = t->runs[at].parent;
    }
    return &t->runs[at];
}

gboolean
lamp_steps_may_join(const LampSteps *t, const LampRun *a, const LampRun *b)
{
    if (a->last_bound != LAMP_LOG_NONE) {
        guint32 next = t->next_bound[a->last_bound];
        if (next == LAMP_LOG_NONE)
            return FALSE; /* the request is over */
        return b->first_bound != LAMP_LOG_NONE ? b->first_bound == next : b->last < next;
    }
    if (b->first_bound == LAMP_LOG_NONE)
        return TRUE;
    guint32 before = t->previous_bound[b->first_bound];
    return before != LAMP_LOG_NONE && a->first > before;
}

/* The latest runs that @line may go on. */
static void
add_edges(LampSteps *t, const guint32 *tails, guint32 n_tails, guint32 line)
{
    LampGroupState *s = t->s;
    guint8 rank = 0; /* at most LATEST */
    for (guint32 r = 0; r < MIN(LATEST, n_tails); r++) {
        guint32 from = tails[n_tails - 1 - r];
        gint64 gap = s->input->lines[line].time_ns - s->input->lines[from].time_ns;
        if (gap > t->reach_ns)
            return;
        if (!lamp_steps_may_join(t, run_of(t, from), run_of(t, line)))
            continue;
        LampEdge edge = {.from = from, .to = line, .bin = lamp_gap_bin(gap), .rank = rank};
        edge.follow = lamp_follow_number(s, from, line);
        g_array_append_val(s->edges, edge);
        rank++;
    }
}

static void
find_edges(LampSteps *t)
{
    LampGroupState *s = t->s;
    guint32 n = s->input->n_lines;
    g_autofree guint32 *tails = g_new(guint32, (gsize) n + 1);
    guint32 n_tails = 0;
    g_array_set_size(s->edges, 0);
    for (guint32 i = 0; i < n; i++) {
        s->edge_first[i] = s->edges->len;
        if (lamp_steps_is_serial(t, i))
            continue;
        if (s->previous[i] == LAMP_LOG_NONE)
            add_edges(t, tails, n_tails, i);
        if (s->next[i] == LAMP_LOG_NONE)
            tails[n_tails++] = i;
    }
    s->edge_first[n] = s->edges->len;
}

/* Takes the surest links, the surest first. */
static void
take_links(LampSteps *t)
{
    LampGroupState *s = t->s;
    g_autoptr(GArray) sure = lamp_edges_sure(s, SUREST);
    for (guint i = 0; i < sure->len; i++) {
        const LampEdge *edge = &g_array_index(sure, LampEdge, i);
        LampRun *a = run_of(t, edge->from);
        LampRun *b = run_of(t, edge->to);
        if (s->next[edge->from] != LAMP_LOG_NONE || s->previous[edge->to] != LAMP_LOG_NONE ||
            !lamp_steps_may_join(t, a, b))
            continue;
        b->parent = a->parent;
        a->last = b->last;
        a->first_bound = MIN(a->first_bound, b->first_bound);
        if (b->last_bound != LAMP_LOG_NONE)
            a->last_bound = b->last_bound;
        s->next[edge->from] = edge->to;
        s->previous[edge->to] = edge->from;
    }
}

static void
run_round(LampSteps *t, gboolean is_first)
{
    number_runs(t);
    lamp_statistics_learn(t->s);
    find_edges(t);
    for (guint k = 0; k < (is_first ? FIRST_LEARNING : LEARNING); k++) {
        lamp_edges_solve(t->s, is_first && k == 0);
        lamp_statistics_learn(t->s);
    }
    lamp_edges_solve(t->s, FALSE);
    take_links(t);
}

/* The request that identifiers bind the run of each line to. */
static void
find_frames(const LampGroupState *s, const guint32 *before, guint32 *frame)
{
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        gboolean goes_on = s->bound[i] == LAMP_LOG_NONE && before[i] != LAMP_LOG_NONE;
        frame[i] = goes_on ? frame[before[i]] : s->bound[i];
    }
    for (guint32 i = s->input->n_lines; i-- > 0;)
        if (before[i] != LAMP_LOG_NONE && frame[before[i]] == LAMP_LOG_NONE)
            frame[before[i]] = frame[i];
}

/* Binds what runs into bound lines on the likeliest way; the share of the ways drawn that bring
 * a line to the same request is how sure that is. */
static void
bind_runs(const LampSteps *t, float *sure)
{
    const LampGroupState *s = t->s;
    guint32 n = s->input->n_lines;
    g_autofree guint32 *frame = g_new(guint32, (gsize) n + 1);
    g_autofree guint32 *drawn = g_new(guint32, (gsize) n + 1);
    find_frames(s, s->previous, frame);
    for (guint k = 0; k < LAMP_STEP_WAYS; k++) {
        find_frames(s, t->ways + (gsize) k * n, drawn);
        for (guint32 i = 0; i < n; i++)
            sure[i] += frame[i] == drawn[i] ? 1.0F / LAMP_STEP_WAYS : 0;
    }
    memcpy(s->bound, frame, n * sizeof(guint32));
    for (guint32 i = 0; i < n; i++)
        if (s->bound[i] != LAMP_LOG_NONE)
            s->previous[i] = s->next[i] = LAMP_LOG_NONE;
}

static void
unlink_prompt(const LampSteps *t)
{
    for (guint32 i = 0; i < t->s->input->n_lines; i++)
        if (!lamp_steps_is_serial(t, i))
            t->s->previous[i] = t->s->next[i] = LAMP_LOG_NONE;
}

static void
find_steps(LampSteps *t, LampGroupState *s)
{
    LampGroupState inner;
    gsize n_ways = (gsize) s->input->n_lines * LAMP_STEP_WAYS + 1;
    t->runs = g_new(LampRun, (gsize) s->input->n_lines + 1);
    unlink_prompt(t);
    for (guint k = 0; k < ROUNDS; k++)
        run_round(t, k == 0);
    lamp_step_labels_begin(t, &inner, s);
    for (guint k = 0; k < SEARCHES; k++) {
        if (k + 1 == SEARCHES) {
            t->ways = g_new(guint32, n_ways);
            memset(t->ways, 0xff, n_ways * sizeof(guint32));
        }
        lamp_steps_search(t);
    }
    lamp_step_labels_end(&inner);
    t->s = s;
    s->sure = g_new0(float, (gsize) s->input->n_lines + 1);
    bind_runs(t, s->sure);
    g_free(t->ways);
    g_free(t->runs);
}

void
lamp_steps_bind(LampGroupState *s)
{
    LampSteps t = {.s = s, .reach_ns = REACH_NS};
    find_bound_neighbours(&t);
    if (find_serial(s, s->previous, &t.is_serial))
        find_steps(&t, s);
    g_free(t.next_bound);
    g_free(t.previous_bound);
    g_free(t.is_serial);
}
