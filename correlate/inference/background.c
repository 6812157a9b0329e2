/* background.c — which kinds of calls a service makes by itself
 *
 * In: a field with candidates. Out: for every kind of step the probability that no request
 * makes it (a timer, a poll). A call made at any time finds the process without a request as
 * often as the process is idle; one that requests make hardly ever does (only where a request
 * was not seen whole). So of N steps with f outside all requests, f is binomial with the idle
 * share in the first case, with a small share in the second: Bayes' rule decides. Without it a
 * rare timer that now and then ticks during a request would be taken for a rare call of that
 * request.
 *
 * Do requests make such calls as well? Then f is binomial with a share below the idle one (any,
 * beforehand); how probable that is, is the price of giving one to a request.
 *
 * Limits: where the process is never idle nothing can be told. */
#include "correlate/inference/problem.h"

#include <math.h>

#define PRIOR 0.05     /* share of kinds that are background */
#define UNSEEN 0.005   /* share of a request's calls that find no request */
#define MIXED 0.1      /* share of kinds of background that requests make, too */
#define PARTS 64       /* of an integral */
#define MAX_IDLE 0.999 /* something may always be missing */

/* Share of the time from the first to the last event of a process in which it serves nothing;
 * `r` and `s` walk over its requests and steps. */
static double
walk_process(const LampField *field, guint32 rank, guint32 *r, guint32 *s)
{
    gint64 first = G_MAXINT64, last = G_MININT64, until = G_MININT64;
    double busy = 0;
    for (; *r < field->n_requests && field->requests[*r].rank == rank; ++*r) {
        const LampRequest *q = &field->requests[*r];
        first = MIN(first, q->start);
        if (q->end > until)
            busy += (double) (q->end - MAX(q->start, until));
        until = MAX(until, q->end);
    }
    last = until;
    for (; *s < field->n_steps && field->steps[*s].rank == rank; ++*s) {
        first = MIN(first, field->steps[*s].start);
        last = MAX(last, field->steps[*s].end);
    }
    return last > first ? CLAMP(1 - busy / (double) (last - first), 0, MAX_IDLE) : 0;
}

typedef struct {
    double steps, outside, idle; /* the last: summed over the steps */
} Count;

static Count *
count_kinds(const LampField *field)
{
    Count *counts = g_new0(Count, field->n_step_kinds + 1);
    for (guint32 r = 0, s = 0; s < field->n_steps;) {
        guint32 rank = field->steps[s].rank, from = s;
        while (r < field->n_requests && field->requests[r].rank < rank)
            r++;
        double idle = walk_process(field, rank, &r, &s);
        for (guint32 i = from; i < s; i++) {
            Count *of = &counts[field->steps[i].kind];
            of->steps++;
            of->idle += idle;
            of->outside += field->steps[i].n_candidates == 0;
        }
    }
    return counts;
}

static double
probability(const Count *count)
{
    double idle = count->idle / MAX(count->steps, 1), within = count->steps - count->outside;
    if (count->outside == 0 || idle <= UNSEEN)
        return 0;
    double log_odds = log(PRIOR / (1 - PRIOR)) + count->outside * log(idle / UNSEEN) +
                      within * log((1 - idle) / (1 - UNSEEN));
    return 1 / (1 + exp(-log_odds));
}

/* That requests make such calls beside the timers. */
static double
probability_mixed(const Count *count)
{
    double idle = count->idle / MAX(count->steps, 1), within = count->steps - count->outside;
    double logs[PARTS], most = -INFINITY, sum = 0;
    for (int i = 0; i < PARTS; i++) {
        double share = (i + 0.5) / PARTS;
        logs[i] = count->outside * log(share) +
                  within * log((1 - idle * share) / MAX(1 - idle, 1 - MAX_IDLE));
        most = MAX(most, logs[i]);
    }
    for (int i = 0; i < PARTS; i++)
        sum += exp(logs[i] - most);
    double log_odds = log(MIXED / (1 - MIXED)) + most + log(sum / PARTS);
    return 1 / (1 + exp(-log_odds));
}

void
lamp_field_find_background(LampField *field)
{
    g_autofree Count *counts = count_kinds(field);
    g_free(field->background);
    g_free(field->strange);
    field->background = g_new0(float, field->n_step_kinds + 1);
    field->strange = g_new0(float, field->n_step_kinds + 1);
    for (guint32 k = 0; k < field->n_step_kinds; k++) {
        if (field->reach && field->reach[k] > 0) {
            field->background[k] = field->lone[k];
            continue;
        }
        double timer = probability(&counts[k]);
        field->background[k] = (float) timer;
        field->strange[k] = (float) -log(1 - timer + timer * probability_mixed(&counts[k]));
    }
}
