/*
 * How far the requests found are to be trusted, by their likeness.
 *
 * Samples of one model agree on what is wrong where the model does not fit. Requests of one
 * kind look alike, however: what was put together rightly comes again with the same lines,
 * while parts of different requests hardly come together the same way twice. The share of the
 * lines in requests that come three times or more is a measure of how often lines are right.
 * Where identifiers tell how often links alone are right, that counts as much (geometric mean);
 * they tell too little, for their lines are those that the sampling holds in place. Where they
 * tell much, requests may be right that are all different. The figures below were set on
 * recordings whose requests are known.
 */
#include "correlate/log-requests/state.h"

#include <math.h>

#define LEAST 0.43    /* right where no request comes again */
#define MOST 0.96     /* right where nearly all do, and no identifier tells */
#define ENOUGH 0.77   /* share of lines in requests that come again, for MOST */
#define LEAST_ALIKE 3 /* requests */
#define LEAST_TRUST 0.2
#define FRAMED 0.75F /* of what frames.c says of itself */

typedef struct {
    guint64 kind; /* hash of its templates, in any order */
    guint32 lines;
    gboolean is_alike;
} Request;

static guint64
mix(guint64 x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static Request *
sum_requests(const LampGroupState *s, const LampLogPlace *places, guint32 first, guint32 n)
{
    Request *requests = g_new0(Request, (gsize) n + 1);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        Request *request = &requests[places[i].request - first];
        request->kind += mix((guint64) s->input->lines[i].template + 1);
        request->lines++;
    }
    return requests;
}

/* Marks the requests that come again. Returns the share of the lines in them. */
static double
find_alike(Request *requests, guint32 n)
{
    g_autoptr(GHashTable) kinds = g_hash_table_new(g_int64_hash, g_int64_equal);
    double lines = 0;
    double alike = 0;
    for (guint32 k = 0; k < n; k++) {
        guint seen = GPOINTER_TO_UINT(g_hash_table_lookup(kinds, &requests[k].kind));
        g_hash_table_insert(kinds, &requests[k].kind, GUINT_TO_POINTER(seen + 1));
    }
    for (guint32 k = 0; k < n; k++) {
        requests[k].is_alike =
            GPOINTER_TO_UINT(g_hash_table_lookup(kinds, &requests[k].kind)) >= LEAST_ALIKE;
        lines += requests[k].lines;
        alike += requests[k].is_alike ? requests[k].lines : 0;
    }
    return alike / MAX(1, lines);
}

/* Probability that a line of a request is right, before the samples are heard. */
static double
sure_of(const LampGroupState *s, const Request *request, double regular)
{
    double sure = request->is_alike && request->lines > 1 ? (MOST + 2 * regular) / 3 : regular;
    if (request->lines == 1 || s->trust >= 1)
        return sure;
    return sqrt(sure * (LEAST_TRUST + (1 - LEAST_TRUST) * s->trust));
}

void
lamp_regularity_weigh(const LampGroupState *s, LampLogPlace *places, guint32 first, guint32 n)
{
    if (s->is_framed) {
        for (guint32 i = 0; i < s->input->n_lines; i++)
            places[i].confidence *= s->bound[i] == LAMP_LOG_NONE ? FRAMED
                                    : s->sure != NULL            ? s->sure[i]
                                                                 : 1;
        return;
    }
    g_autofree Request *requests = sum_requests(s, places, first, n);
    double alike = find_alike(requests, n);
    double share = MAX(MIN(1, alike / ENOUGH), s->trust < 1 ? s->trust : 0);
    double regular = LEAST + (MOST - LEAST) * pow(share, 4);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        if (s->bound[i] != LAMP_LOG_NONE)
            continue;
        double sampled = (double) places[i].confidence;
        const Request *request = &requests[places[i].request - first];
        places[i].confidence =
            (float) (sure_of(s, request, regular) * pow(sampled, regular * regular));
    }
    g_debug("%g of the lines in requests that come again: %g; trust %g", alike, regular,
            s->trust);
}
