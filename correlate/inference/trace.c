/* trace.c — evidence from other services: the place of a request in its trace
 *
 * A service that several callers of one trace feed (a fan-in: the parts of an order, a review,
 * a page) goes on when the last part is there. Seen from that service alone all parts look
 * alike; the callers' links tell which belong together. So requests are split in kinds by
 * whether they are the last of their trace, and patterns and delays are learnt for each. The
 * split follows each sample of the callers' links, so their doubt is carried over. It is made
 * only where it tells much about which requests make calls: mutual information above a
 * threshold. */
#include "correlate/inference/trace.h"

#include <math.h>

#define MAX_DEPTH 64
#define MIN_INFORMATION 0.05 /* nats per request */
#define MIN_REQUESTS 50

/* The requests of one trace. */
typedef struct {
    guint32 n, last;
    gint64 time; /* of the last */
} Members;

void
lamp_trace_note(const LampField *field, const LampState *state, guint32 *parents)
{
    for (guint32 s = 0; s < field->n_steps; s++) {
        guint32 owner = state->owner[s];
        parents[field->steps[s].call] =
            owner == LAMP_NONE ? LAMP_NONE : field->requests[owner].call;
    }
}

static guint32
root_of(const guint32 *parents, guint32 call)
{
    for (int depth = 0; depth < MAX_DEPTH && parents[call] != LAMP_NONE; depth++)
        call = parents[call];
    return call;
}

/* The variant (0 alone, 1 not last, 2 last) of every request. */
static guint8 *
find_places(const LampField *field, LampPlace place, const guint32 *parents)
{
    g_autofree guint32 *roots = g_new(guint32, field->n_requests + 1);
    guint8 *variants = g_new0(guint8, field->n_requests + 1);
    guint32 most = 0;
    for (guint32 r = 0; r < field->n_requests; r++) {
        roots[r] = root_of(parents, field->requests[r].call);
        most = MAX(most, roots[r]);
    }
    g_autofree Members *members = g_new0(Members, (gsize) most + 1);
    for (guint32 r = 0; r < field->n_requests; r++) {
        const LampRequest *q = &field->requests[r];
        gint64 time = place == LAMP_PLACE_LAST_START ? q->start : q->end;
        Members *to = &members[roots[r]];
        if (to->n++ == 0 || time >= to->time) {
            to->last = r;
            to->time = time;
        }
    }
    for (guint32 r = 0; r < field->n_requests; r++) {
        const Members *of = &members[roots[r]];
        variants[r] = of->n == 1 ? 0 : of->last == r ? 2 : 1;
    }
    return variants;
}

static double
plogp(double n, double of, double total)
{
    return n > 0 ? n / total * log(n / of) : 0;
}

/* Mutual information of (variant) and (makes calls), over requests of one base kind. */
static double
information(const LampField *field, const LampState *state, const guint8 *variants)
{
    guint32 n = field->n_request_kinds;
    g_autofree double *count = g_new0(double, 6 * (gsize) n + 1);
    double sum = 0;
    for (guint32 r = 0; r < field->n_requests; r++)
        count[field->requests[r].base_kind * 6 + variants[r] * 2u +
              (state->kids[r].n > 0 ? 1 : 0)]++;
    for (guint32 k = 0; k < n; k++) {
        const double *c = count + k * 6;
        double all = c[0] + c[1] + c[2] + c[3] + c[4] + c[5];
        if (all == 0)
            continue;
        double with = c[1] + c[3] + c[5], before = 0, after = 0;
        before = plogp(with, all, all) + plogp(all - with, all, all);
        for (int v = 0; v < 3; v++)
            after += plogp(c[2 * v], c[2 * v] + c[2 * v + 1], all) +
                     plogp(c[2 * v + 1], c[2 * v] + c[2 * v + 1], all);
        sum += (after - before) * all / field->n_requests;
    }
    return sum;
}

LampPlace
lamp_trace_choose(const LampField *field, const LampState *state, const guint32 *parents)
{
    LampPlace best = LAMP_PLACE_UNUSED;
    double most = MIN_INFORMATION;
    for (int p = LAMP_PLACE_LAST_START; p <= LAMP_PLACE_LAST_END; p++) {
        g_autofree guint8 *variants = find_places(field, (LampPlace) p, parents);
        double found = information(field, state, variants);
        if (field->n_requests < MIN_REQUESTS || found <= most)
            continue;
        most = found;
        best = (LampPlace) p;
    }
    return best;
}

void
lamp_trace_apply(LampField *field, LampPlace place, const guint32 *parents)
{
    g_autofree guint8 *variants =
        place == LAMP_PLACE_UNUSED ? NULL : find_places(field, place, parents);
    for (guint32 r = 0; r < field->n_requests; r++) {
        LampRequest *q = &field->requests[r];
        q->kind = q->base_kind + (variants ? variants[r] * field->n_base_kinds : 0);
    }
}
