/* queue.c — queue discipline as evidence
 *
 * Two requests wait for the same event, one `lead` ns ahead of the other. With independent
 * delays they change places with probability q(lead) = P(g - g' > lead), known from the gaps
 * seen. A strict queue never lets them. So for each event a factor k is learnt = changes seen /
 * changes expected (at most 1: more changes than expected only say that delays depend on each
 * other), and every overlapping pair adds log k where it changes places and log (1 - k q) / (1
 * - q) where it does not: a proper density for any k, nothing at k = 1.
 *
 * Limits: requests of different kinds are not compared; ties say nothing. */
#include "correlate/inference/queue.h"

#include <math.h>

#define LEAN_POOL 3.0 /* weight of k = 1 in the factor of all services, in changes expected */
#define LEAN 8.0      /* weight of that in the factor of one event */
#define MIN_FACTOR 0.01
#define MAX_GAPS 2048
#define INDIFFERENT 0.15 /* log k below which a factor is not worth its cost */

double
lamp_queue_score(const LampModel *self, const LampKind *kind, const LampEvents *a,
                 const LampEvents *b)
{
    double sum = 0;
    for (guint32 i = 0; i < a->n; i++) {
        guint32 x = a->slots[i];
        if (kind->out_of_order[x] == 0)
            continue;
        for (guint32 j = 0; j < b->n; j++) {
            if (b->slots[j] != x)
                continue;
            gint64 lead = b->causes[j] - a->causes[i], result = b->times[j] - a->times[i];
            if (lead == 0 || result == 0)
                continue;
            if ((lead > 0) != (result > 0)) {
                sum += (double) kind->out_of_order[x];
            } else {
                guint32 bin =
                    lamp_density_bin(lead < 0 ? -lead : lead, self->scale) - LAMP_SIDE;
                sum += (double) kind->in_order[x * LAMP_SIDE + bin];
            }
            break;
        }
    }
    return sum;
}

/* Gaps of one event, gathered while learning. */
typedef struct {
    gint64 *gaps;
    guint32 n, seen;
    double expected, changes;
    float *q; /* LAMP_SIDE: chance to change places by lead */
} Event;

static void
gather_gaps(const LampSampler *sampler, guint32 kind, Event *events, guint32 side)
{
    LampEvents *e = g_new(LampEvents, 1);
    const LampState *state = sampler->state;
    for (guint32 r = 0; r < state->field->n_requests; r++) {
        if (state->field->requests[r].kind != kind)
            continue;
        lamp_state_events(state, sampler->model, r, e);
        for (guint32 i = 0; i < e->n; i++) {
            Event *to = &events[e->slots[i]];
            g_assert(e->slots[i] < side);
            to->seen++;
            if (to->n < MAX_GAPS)
                to->gaps[to->n++] = e->times[i] - e->causes[i];
        }
    }
    g_free(e);
}

/* q by lead from differences of gaps that have nothing to do with each other. */
static void
find_chances(Event *event, float scale)
{
    g_autofree double *count = g_new0(double, LAMP_SIDE);
    double total = 0, sum = 0;
    event->q = g_new0(float, LAMP_SIDE);
    static const guint32 apart[4] = {37, 101, 211, 397};
    for (guint32 i = 0; i < event->n; i++)
        for (int k = 0; k < 4; k++) {
            gint64 difference = event->gaps[i] - event->gaps[(i + apart[k]) % event->n];
            if (difference < 0)
                difference = -difference;
            count[lamp_density_bin(difference, scale) - LAMP_SIDE] += 0.5;
            total += 1;
        }
    for (int b = LAMP_SIDE; b-- > 0;) {
        sum += count[b] / 2;
        event->q[b] = (float) (sum / MAX(total, 1));
        sum += count[b] / 2;
    }
}

static void
count_pair(const LampEvents *a, const LampEvents *b, Event *events, float scale)
{
    for (guint32 i = 0; i < a->n; i++)
        for (guint32 j = 0; j < b->n; j++) {
            if (a->slots[i] != b->slots[j] || events[a->slots[i]].q == NULL)
                continue;
            Event *event = &events[a->slots[i]];
            gint64 lead = b->causes[j] - a->causes[i], result = b->times[j] - a->times[i];
            if (lead == 0 || result == 0)
                continue;
            guint32 bin = lamp_density_bin(lead < 0 ? -lead : lead, scale) - LAMP_SIDE;
            event->expected += (double) event->q[bin];
            event->changes += (lead > 0) != (result > 0);
            break;
        }
}

static void
fit_events(LampKind *kind, const Event *events, LampQueuePool *pool)
{
    double common = MIN(1, (pool->changes + LEAN_POOL) / (pool->expected + LEAN_POOL));
    guint32 side = kind->n_slots + 1;
    g_free(kind->in_order);
    g_free(kind->out_of_order);
    kind->in_order = g_new0(float, side *LAMP_SIDE);
    kind->out_of_order = g_new0(float, side);
    kind->has_queue = FALSE;
    for (guint32 x = 0; x < side; x++) {
        double factor = (events[x].changes + LEAN * common) / (events[x].expected + LEAN);
        factor = CLAMP(factor, MIN_FACTOR, 1);
        pool->next_changes += events[x].changes;
        pool->next_expected += events[x].expected;
        if (-log(factor) < INDIFFERENT)
            continue;
        kind->has_queue = TRUE;
        kind->out_of_order[x] = (float) log(factor);
        for (guint32 b = 0; b < LAMP_SIDE; b++) {
            double q = MIN((double) events[x].q[b], 0.5);
            kind->in_order[x * LAMP_SIDE + b] =
                (float) log(MAX(1 - factor * q, 0.05) / (1 - q));
        }
    }
}

static void
learn_kind(LampSampler *sampler, guint32 k, LampQueuePool *pool)
{
    LampKind *kind = &sampler->model->kinds[k];
    const LampState *state = sampler->state;
    guint32 side = kind->n_slots + 1;
    g_autofree Event *events = g_new0(Event, side);
    g_autofree gint64 *gaps = g_new(gint64, side * MAX_GAPS);
    g_autofree LampEvents *a = g_new(LampEvents, 2);
    for (guint32 x = 0; x < side; x++)
        events[x].gaps = gaps + (gsize) x * MAX_GAPS;
    gather_gaps(sampler, k, events, side);
    for (guint32 x = 0; x < side; x++)
        if (events[x].n >= 20)
            find_chances(&events[x], sampler->model->scale);
        else
            events[x].q = g_new0(float, LAMP_SIDE);
    guint32 first = LAMP_NONE; /* whose events are known: pairs are sorted by it */
    for (guint32 i = 0; i < sampler->n_pairs; i++) {
        const LampPair *p = &sampler->pairs[i];
        if (state->field->requests[p->a].kind != k || state->field->requests[p->b].kind != k)
            continue;
        if (p->a != first)
            lamp_state_events(state, sampler->model, p->a, &a[0]);
        first = p->a;
        lamp_state_events(state, sampler->model, p->b, &a[1]);
        count_pair(&a[0], &a[1], events, sampler->model->scale);
    }
    fit_events(kind, events, pool);
    for (guint32 x = 0; x < side; x++)
        g_free(events[x].q);
}

void
lamp_queue_learn(LampSampler *sampler, LampQueuePool *pool)
{
    if (!(sampler->model->evidence & LAMP_EVIDENCE_QUEUE))
        return;
    for (guint32 k = 0; k < sampler->model->n_kinds; k++)
        if (sampler->model->kinds[k].rules && sampler->model->kinds[k].n_slots > 0)
            learn_kind(sampler, k, pool);
}
