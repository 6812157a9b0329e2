/*
 * Two sets of request flows side by side: what is new, gone, more frequent, slower.
 *
 * lamp_compare_new() makes an empty comparison; lamp_compare_read() fills one side from a
 * database (each side may come from another one, or from another period of the same);
 * lamp_compare_finish() tests and ranks.
 */
#pragma once

#include "model/flow.h"
#include "model/quantiles.h"

typedef enum { LAMP_SIDE_A, LAMP_SIDE_B, LAMP_SIDES } LampCompareSide;

/* What a change adds to the mean request, ns, and within what that lies with 95 %. */
typedef struct {
    double value, low, high;
} LampAdded;

/* A shape, an edge between two operations, or one operation; on both sides. */
typedef struct {
    char *name; /* owned */
    guint64 hash;
    guint64 count[LAMP_SIDES];
    guint64 requests[LAMP_SIDES]; /* with it */
    guint64 errors[LAMP_SIDES];   /* of the count */
    double squares[LAMP_SIDES];   /* sum over requests of how often it is in each, squared */
    LampQuantiles duration[LAMP_SIDES]; /* of an operation: its own time; waits left out */
    /* What it takes of the requests: of operations their own time on critical paths; ns. Sums
     * over requests, also of the square and of the product with how often it is in each. */
    double time[LAMP_SIDES], time_squares[LAMP_SIDES], products[LAMP_SIDES];
    double in_request_time;
    guint64 last_request; /* that had it, while reading, and how often */
    guint in_request;
    /* False discovery rates: of another share of requests or number of calls in each, of other
     * durations, of another share of errors. */
    double share_rate, duration_rate, error_rate;
    /* All; what each call takes longer; how many more calls there are. The latter two add up to
     * the first. */
    LampAdded added, by_time, by_calls;
} LampCompared;

typedef struct {
    GArray *shapes, *edges, *operations; /* LampCompared, strongest first once finished */
    guint64 flows[LAMP_SIDES];
    guint64 errors[LAMP_SIDES];                   /* of these, answered with an error */
    guint64 unanswered[LAMP_SIDES];               /* calls without a response: in no duration */
    LampTime first[LAMP_SIDES], last[LAMP_SIDES]; /* starts of requests */
    LampQuantiles duration[LAMP_SIDES];
    double confidence[LAMP_SIDES]; /* mean */
    double duration_probability;   /* that all durations are from one distribution */
    double error_probability;      /* that as large a share fails */
} LampComparison;

/* Requests a second between the first and the last of a side; NAN for fewer than two. */
double lamp_compare_rate(const LampComparison *comparison, LampCompareSide side);

/* Caller frees. */
LampComparison *lamp_compare_new(void);
void lamp_compare_free(LampComparison *comparison);

/* Reads the flows of @store that pass @filter; background flows are left out. */
gboolean lamp_compare_read(LampComparison *comparison, LampCompareSide side, LampStore *store,
                           const LampFlowFilter *filter,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

void lamp_compare_finish(LampComparison *comparison);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampComparison, lamp_compare_free)
