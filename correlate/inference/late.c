/* late.c — which kinds of calls are begun after the reply
 *
 * In: a field with candidates. Out: for kinds of steps of which many begin while their process
 * serves nothing, whether requests that ended shortly before cause them (fire and forget: the
 * reply first, then the mail), which kinds of requests do, and how long after the end to look.
 *
 * Idea: the steps that begin in the idle time of their process are points on a line. If
 * requests cause them, their rate is m + sum over requests ended before of p f(time since the
 * end), m the rate of what nobody causes, p the share of the kind of request that makes such a
 * call, f the density of the delay, as in a self-exciting process (Hawkes 1971), learnt by
 * expectation maximisation (Marsan and Lengline 2008) and corrected for the busy time, in which
 * nothing is counted. If nobody causes them, it is constant (a Poisson process), or the time
 * from one to the next has a density of its own (a timer). The likelihoods decide, less half a
 * log of the number of steps for each part of f used, from prior odds of 5 %. Where requests
 * are so dense that the most probable cause of a step has less than two thirds of it on
 * average, the kind stays as it is: which requests are its cause could not be told.
 *
 * Limits: a process that is never idle shows no such call, nor do requests much denser than
 * the delays; near that edge the probabilities come out some points high. Delays are at most
 * 7.5 s, or the time of 72 requests; what is made in a rhythm that is also that of the requests
 * is told by the width of either alone. */
#include "correlate/inference/learn.h"

#include <math.h>
#include <stdlib.h>

#define PRIOR 0.05
#define MIN_OUTSIDE 8
#define MIN_OUTSIDE_SHARE 0.05
#define MOST_BACK (G_GINT64_CONSTANT(10) * 1000 * 1000 * 1000)
#define MOST_ENDED 96 /* requests looked back on, for each step */
#define COARSER 16    /* bins of a density in one of these: an octave */
#define BINS (LAMP_SIDE / COARSER)
#define ROUNDS 25
#define MOST_STEPS 2000   /* of a kind, that are looked at */
#define MOST_PAIRS 100000 /* kinds of requests times kinds of steps; none beyond */
#define AS_GOOD 0.5       /* nats by which a shorter time may be worse */
#define CUTS 12           /* times looked back on, each half as long as the one before */
#define PROBES 2000       /* requests, of which the idle time that follows is looked at */
#define MARGIN 1.5        /* of the time to look back on over the best for learning */
#define LEAST_SURE 0.66   /* mean share of the most probable cause, to tell causes at all */
#define LEAST_CAUSED 0.01 /* of such steps, for a kind of request to be one that makes them */

/* A time in which a process serves nothing. */
typedef struct {
    guint32 rank;
    gint64 from, to;
} Gap;

typedef struct {
    const LampField *field;
    GArray *idle;    /* Gap, by process and time */
    guint32 *ended;  /* requests by process and end */
    guint32 *made;   /* per kind of request: how many there are */
    guint8 *outside; /* per step: begun in idle time */
    guint32 *first,
        *next;            /* per kind and per step: the (next) step of the kind, or LAMP_NONE */
    double idle_time;     /* ns, of all processes */
    gint64 back;          /* how far to look back, ns */
    double follows[BINS]; /* share of the requests whose process is idle so long after */
    float scale;
} Look;

/* One request that may have caused a step. */
typedef struct {
    guint32 step, kind, bin; /* of the request; of the time since its end */
} Edge;

/* What is learnt of one kind of step. */
typedef struct {
    GArray *edges;                      /* Edge, by step */
    guint32 n;                          /* steps looked at */
    guint32 every;                      /* of those begun in idle time, one in so many is */
    gint64 back;                        /* within which a request may have caused them, ns */
    double *makes;                      /* per kind of request: share that makes such a step */
    double density[BINS], caused[BINS]; /* of the delay, per ns; steps that have it */
    double *of;                         /* steps caused, per kind of request */
    double rate;                        /* of what nobody causes, per ns */
    double score;                       /* log likelihood */
    double sure;                        /* sum of the greatest share of each step */
} Law;

static double
edge_of(guint32 bin, float scale)
{
    double octave = ldexp(1, (int) (bin * COARSER / LAMP_SUB));
    return octave * (1 + (double) (bin * COARSER % LAMP_SUB) / LAMP_SUB) / (double) scale -
           1 / (double) scale;
}

static double
width_of(guint32 bin, float scale)
{
    return edge_of(bin + 1, scale) - edge_of(bin, scale);
}

static guint32
bin_of(gint64 gap, float scale)
{
    return (lamp_density_bin(gap, scale) - LAMP_SIDE) / COARSER;
}

/* Requests of one process from `first` on; returns where the next begins. */
static guint32
add_idle(Look *self, guint32 first, gint64 last)
{
    const LampField *f = self->field;
    gint64 until = f->requests[first].end;
    guint32 r = first, rank = f->requests[first].rank;
    for (; r < f->n_requests && f->requests[r].rank == rank; r++) {
        Gap gap = {rank, until, f->requests[r].start};
        if (gap.to > gap.from)
            g_array_append_val(self->idle, gap);
        until = MAX(until, f->requests[r].end);
    }
    Gap gap = {rank, until, last};
    if (gap.to > gap.from)
        g_array_append_val(self->idle, gap);
    return r;
}

static int
compare_ended(gconstpointer a, gconstpointer b, gpointer context)
{
    const LampRequest *all = context, *x = &all[*(const guint32 *) a],
                      *y = &all[*(const guint32 *) b];
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Idle times, from the end of the first request to the last event of each process, and the
 * steps that begin in them. */
static void
lay_out(Look *self)
{
    const LampField *f = self->field;
    for (guint32 r = 0, s = 0; r < f->n_requests;) {
        gint64 last = G_MININT64;
        for (; s < f->n_steps && f->steps[s].rank <= f->requests[r].rank; s++)
            last = f->steps[s].rank == f->requests[r].rank ? f->steps[s].start + 1 : last;
        r = add_idle(self, r, last);
    }
    const Gap *idle = (const Gap *) (void *) self->idle->data;
    guint32 at = 0, n = self->idle->len;
    for (guint32 i = 0; i < n; i++)
        self->idle_time += (double) (idle[i].to - idle[i].from);
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        while (at < n && (idle[at].rank < step->rank ||
                          (idle[at].rank == step->rank && idle[at].to <= step->start)))
            at++;
        self->outside[s] = at < n && idle[at].rank == step->rank && step->start > idle[at].from;
    }
}

static gboolean
is_idle(const Look *self, guint32 rank, gint64 time)
{
    const Gap *idle = (const Gap *) (void *) self->idle->data;
    guint32 low = 0, high = self->idle->len;
    while (low < high) {
        guint32 middle = low + (high - low) / 2;
        if (idle[middle].rank < rank || (idle[middle].rank == rank && idle[middle].to <= time))
            low = middle + 1;
        else
            high = middle;
    }
    return low < self->idle->len && idle[low].rank == rank && idle[low].from < time;
}

/* How often a call begun so long after a request would find the process idle. */
static void
look_around(Look *self)
{
    const LampField *f = self->field;
    guint32 stride = f->n_requests / PROBES + 1, probes = (f->n_requests - 1) / stride + 1;
    for (guint32 bin = 0; bin < BINS; bin++) {
        gint64 after = (gint64) (edge_of(bin, self->scale) + width_of(bin, self->scale) / 2);
        int idle = 0;
        for (guint32 r = 0; r < f->n_requests && after <= 2 * self->back; r += stride)
            idle += is_idle(self, f->requests[r].rank, f->requests[r].end + after);
        self->follows[bin] = (idle + 0.5) / (probes + 1);
    }
    for (guint32 r = 0; r < f->n_requests; r++) {
        self->ended[r] = r;
        self->made[f->requests[r].base_kind]++;
    }
    g_qsort_with_data(self->ended, (int) f->n_requests, sizeof *self->ended, compare_ended,
                      f->requests);
}

/* The place in `ended` after all requests of the step's process that ended before it. */
static guint32
find_ended(const Look *self, const LampStep *step)
{
    guint32 low = 0, high = self->field->n_requests;
    while (low < high) {
        guint32 middle = low + (high - low) / 2;
        const LampRequest *r = &self->field->requests[self->ended[middle]];
        if (r->rank < step->rank || (r->rank == step->rank && r->end < step->start))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
gather(const Look *self, guint32 kind, Law *law)
{
    const LampField *f = self->field;
    guint32 seen = 0;
    for (guint32 s = self->first[kind]; s != LAMP_NONE; s = self->next[s]) {
        const LampStep *step = &f->steps[s];
        if (!self->outside[s] || seen++ % law->every != 0)
            continue;
        guint32 at = find_ended(self, step);
        for (guint32 i = 0; i < MOST_ENDED && at-- > 0; i++) {
            const LampRequest *r = &f->requests[self->ended[at]];
            if (r->rank != step->rank || step->start - r->end > law->back)
                break;
            Edge edge = {law->n, r->base_kind, bin_of(step->start - r->end, self->scale)};
            g_array_append_val(law->edges, edge);
        }
        law->n++;
    }
}

/* Shares each step out among its possible causes; the log likelihood. */
static double
share_out(const Look *self, Law *law)
{
    const Edge *edges = (const Edge *) (void *) law->edges->data;
    guint32 n_edges = law->edges->len, e = 0;
    double score = 0, alone = 0;
    law->sure = 0;
    memset(law->caused, 0, sizeof law->caused);
    memset(law->of, 0, self->field->n_base_kinds * sizeof *law->of);
    for (guint32 i = 0; i < law->n; i++) {
        guint32 from = e;
        double rate = law->rate, most = rate;
        for (; e < n_edges && edges[e].step == i; e++)
            rate += law->makes[edges[e].kind] * law->density[edges[e].bin];
        for (guint32 k = from; k < e; k++) {
            double share = law->makes[edges[k].kind] * law->density[edges[k].bin] / rate;
            most = MAX(most, share * rate);
            law->caused[edges[k].bin] += share;
            law->of[edges[k].kind] += share;
        }
        alone += law->rate / rate;
        law->sure += most / rate;
        score += log(rate);
    }
    law->rate = MAX(alone, 1e-6) / self->idle_time;
    return score - law->n;
}

/* Delays and shares from what each step was shared out to. */
static void
fit(const Look *self, Law *law)
{
    double all = 1e-9, seen = 0;
    for (guint32 bin = 0; bin < BINS; bin++)
        all += law->caused[bin] / self->follows[bin];
    for (guint32 bin = 0; bin < BINS; bin++) {
        double share = law->caused[bin] / self->follows[bin] / all;
        law->density[bin] = share / width_of(bin, self->scale);
        seen += share * self->follows[bin];
    }
    for (guint32 k = 0; k < self->field->n_base_kinds; k++)
        law->makes[k] = law->of[k] / (MAX(self->made[k], 1) * MAX(seen, 1e-9));
}

static void
learn_law(const Look *self, guint32 kind, Law *law)
{
    const LampField *f = self->field;
    const guint32 bins = BINS;
    gather(self, kind, law);
    for (guint32 k = 0; k < f->n_base_kinds; k++)
        law->makes[k] = 0.5 * law->n / f->n_requests;
    for (guint32 bin = 0; bin < BINS; bin++)
        law->density[bin] = edge_of(bin, self->scale) < (double) law->back
                                ? 1 / (bins * width_of(bin, self->scale))
                                : 0;
    law->rate = 0.5 * law->n / self->idle_time;
    for (int round = 0; round < ROUNDS; round++) {
        law->score = share_out(self, law);
        fit(self, law);
    }
}

static int
compare_times(const void *a, const void *b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

/* Log likelihood, per step, of the time from one step to the next by its own density. */
static double
score_rhythm(const Look *self, guint32 kind)
{
    const LampStep *steps = self->field->steps;
    g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree float *bins = g_new0(float, LAMP_BINS);
    double weight;
    for (guint32 s = self->first[kind], to; s != LAMP_NONE; s = to) {
        to = self->next[s];
        gint64 gap = to == LAMP_NONE ? 0 : steps[to].start - steps[s].start;
        if (to != LAMP_NONE && steps[to].rank == steps[s].rank)
            g_array_append_val(gaps, gap);
    }
    if (gaps->len < MIN_OUTSIDE)
        return -INFINITY;
    g_array_sort(gaps, compare_times);
    gint64 middle = g_array_index(gaps, gint64, gaps->len / 2);
    for (guint32 i = 0; i < gaps->len; i++)
        lamp_histogram_add(bins, g_array_index(gaps, gint64, i) - middle, self->scale, 1);
    return -lamp_density_cost(bins, self->scale, &weight) / gaps->len;
}

/* Log likelihood, per step, of what nobody causes: at any time, or in a rhythm. */
static double
score_alone(const Look *self, guint32 kind, const Law *law)
{
    double poisson = log(law->n / self->idle_time) - 1, every = log(law->every);
    return MAX(poisson, score_rhythm(self, kind) - every);
}

/* What speaks for requests as the cause, in nats. */
static double
weigh_law(const Look *self, double alone, const Law *law)
{
    double parts = 0, price = 0.5 * log(law->n);
    for (guint32 bin = 0; bin < BINS; bin++)
        parts += law->caused[bin] > 0.5;
    for (guint32 k = 0; k < self->field->n_base_kinds; k++)
        parts += law->of[k] > 0.5;
    return law->score - alone * law->n - price * parts + log(PRIOR / (1 - PRIOR));
}

/* Notes the kind of step as one that is begun after the reply. */
static void
note_late(const Look *self, LampField *field, guint32 kind, const Law *law)
{
    double caused = 0, lone = law->rate * law->every * (double) field->span;
    guint32 steps = 0;
    for (guint32 s = self->first[kind]; s != LAMP_NONE; s = self->next[s])
        steps++;
    for (guint32 k = 0; k < field->n_base_kinds; k++)
        caused += law->of[k];
    for (guint32 k = 0; k < field->n_base_kinds; k++)
        field->causes_late[k * field->n_step_kinds + kind] =
            law->of[k] >= LEAST_CAUSED * caused;
    field->reach[kind] = (gint64) (MARGIN * (double) law->back);
    field->longest_reach = MAX(field->longest_reach, field->reach[kind]);
    field->overruns[kind] = TRUE;
    field->lone[kind] = (float) MIN(0.5, lone / steps);
}

static void
clear_law(Law *law)
{
    if (law->edges)
        g_array_free(law->edges, TRUE);
    g_free(law->makes);
    g_free(law->of);
    *law = (Law){0};
}

/* Looks back on shorter and shorter times; the shortest of the best tells. If that is the
 * longest, something else goes up and down with the requests; if no request stands out, too
 * many come into question. */
static gboolean
judge(const Look *self, LampField *field, guint32 kind, guint32 outside)
{
    Law best = {0};
    double most = 0, alone = 0;
    for (int cut = 0; cut < CUTS; cut++) {
        Law law = {.edges = g_array_new(FALSE, FALSE, sizeof(Edge)),
                   .every = outside / MOST_STEPS + 1,
                   .back = self->back >> cut};
        law.makes = g_new0(double, field->n_base_kinds + 1);
        law.of = g_new0(double, field->n_base_kinds + 1);
        learn_law(self, kind, &law);
        if (cut == 0)
            alone = score_alone(self, kind, &law);
        double score = weigh_law(self, alone, &law);
        if (score + AS_GOOD > most) {
            most = MAX(most, score);
            clear_law(&best);
            best = law;
        } else {
            clear_law(&law);
        }
    }
    gboolean is_late = most > 0 && best.back < self->back && best.sure > LEAST_SURE * best.n;
    if (is_late)
        note_late(self, field, kind, &best);
    clear_law(&best);
    return is_late;
}

static gboolean
look_at(Look *self, LampField *field, const guint32 *counts, const guint32 *outside)
{
    gboolean found = FALSE;
    for (guint32 k = 0; k < field->n_step_kinds; k++)
        if (outside[k] >= MIN_OUTSIDE && outside[k] >= MIN_OUTSIDE_SHARE * counts[k])
            found |= judge(self, field, k, outside[k]);
    return found;
}

static gboolean
find_kinds(Look *self, LampField *field)
{
    g_autofree guint32 *counts = g_new0(guint32, field->n_step_kinds + 1);
    g_autofree guint32 *outside = g_new0(guint32, field->n_step_kinds + 1);
    gboolean some = FALSE;
    for (guint32 k = 0; k < field->n_step_kinds; k++)
        self->first[k] = LAMP_NONE;
    for (guint32 s = field->n_steps; s-- > 0;) {
        guint32 kind = field->steps[s].kind;
        self->next[s] = self->first[kind];
        self->first[kind] = s;
        counts[kind]++;
        outside[kind] += self->outside[s];
    }
    for (guint32 k = 0; k < field->n_step_kinds; k++)
        some =
            some || (outside[k] >= MIN_OUTSIDE && outside[k] >= MIN_OUTSIDE_SHARE * counts[k]);
    if (!some)
        return FALSE;
    look_around(self);
    return look_at(self, field, counts, outside);
}

gboolean
lamp_field_find_late(LampField *field)
{
    gsize pairs = (gsize) field->n_base_kinds * field->n_step_kinds;
    if (field->n_requests == 0 || field->n_steps == 0 || pairs > MOST_PAIRS)
        return FALSE;
    Look self = {.field = field, .scale = 1.0f / (float) field->resolution};
    self.idle = g_array_new(FALSE, FALSE, sizeof(Gap));
    self.ended = g_new(guint32, field->n_requests + 1);
    self.made = g_new0(guint32, field->n_base_kinds + 1);
    self.outside = g_new0(guint8, field->n_steps + 1);
    self.first = g_new(guint32, field->n_step_kinds + 1);
    self.next = g_new(guint32, field->n_steps + 1);
    self.back = MIN(MOST_BACK, field->span / field->n_requests * MOST_ENDED);
    field->reach = g_new0(gint64, field->n_step_kinds + 1);
    field->lone = g_new0(float, field->n_step_kinds + 1);
    field->causes_late = g_new0(guint8, pairs + 1);
    lay_out(&self);
    gboolean found = self.idle_time > 0 && find_kinds(&self, field);
    if (!found) {
        g_clear_pointer(&field->reach, g_free);
        g_clear_pointer(&field->lone, g_free);
        g_clear_pointer(&field->causes_late, g_free);
    }
    g_array_free(self.idle, TRUE);
    g_free(self.ended);
    g_free(self.made);
    g_free(self.outside);
    g_free(self.first);
    g_free(self.next);
    return found;
}
