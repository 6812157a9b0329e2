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

/* A shape, an edge between two operations, or one operation; on both sides. */
typedef struct {
    char *name; /* owned */
    guint64 hash;
    guint64 count[LAMP_SIDES];
    guint64 requests[LAMP_SIDES];       /* with it */
    double squares;                     /* sum over all requests of how often it is in each */
    LampQuantiles duration[LAMP_SIDES]; /* of an operation: its own time; waits left out */
    /* What it takes of the requests: of operations their own time on critical paths; ns. */
    double time[LAMP_SIDES], time_squares[LAMP_SIDES]; /* sums over requests */
    double in_request_time;
    guint64 errors[LAMP_SIDES];
    guint64 last_request; /* that had it, while reading, and how often */
    guint in_request;
    double share_rate, duration_rate; /* false discovery rates of a changed share, duration */
    double effect, effect_low, effect_high; /* for ranking: ns per request, with 95 % */
} LampCompared;

typedef struct {
    GArray *shapes, *edges, *operations; /* LampCompared, strongest first once finished */
    guint64 flows[LAMP_SIDES];
    guint64 unanswered[LAMP_SIDES]; /* calls without a response: in no duration */
    LampQuantiles duration[LAMP_SIDES];
    double confidence[LAMP_SIDES]; /* mean */
    double duration_probability;   /* that all durations are from one distribution */
} LampComparison;

/* Caller frees. */
LampComparison *lamp_compare_new(void);
void lamp_compare_free(LampComparison *comparison);

/* Reads the flows of @store that pass @filter; background flows are left out. */
gboolean lamp_compare_read(LampComparison *comparison, LampCompareSide side, LampStore *store,
                           const LampFlowFilter *filter,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

void lamp_compare_finish(LampComparison *comparison);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampComparison, lamp_compare_free)
