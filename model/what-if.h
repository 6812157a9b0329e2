/*
 * What would latency have been? Replays all flows of a database with changes.
 *
 * lamp_whatif_load() reads and compiles the flows once; lamp_whatif_run() then answers one
 * question after the other from a copy. The baseline is what was observed; a change that
 * changes nothing predicts it exactly.
 */
#pragma once

#include "model/change.h"
#include "model/pools.h"
#include "model/quantiles.h"
#include "model/stations.h"

#define LAMP_WHATIF_BATCH 50000u

typedef enum {
    LAMP_METRIC_MEAN,
    LAMP_METRIC_P50,
    LAMP_METRIC_P90,
    LAMP_METRIC_P95,
    LAMP_METRIC_P99,
    LAMP_METRICS
} LampMetric;

extern const char *const lamp_metric_names[LAMP_METRICS];

/* Bins of a histogram, by their upper edges; the last one has none. */
#define LAMP_WHATIF_BINS 13u
extern const double lamp_whatif_edges_ms[LAMP_WHATIF_BINS - 1];

/* A figure with the interval in which it lies with 95 %, by block bootstrap. ns. */
typedef struct {
    double value, low, high;
} LampEstimate;

/* One endpoint, or all requests. */
typedef struct {
    guint32 label; /* of the root; LAMP_FLOW_NONE for all requests */
    guint64 requests;
    double confidence;                   /* mean probability that the trees are right */
    guint64 cut;                         /* requests in which a timeout struck, predicted */
    guint64 errors_before, errors_after; /* requests answered with an error */
    LampEstimate before[LAMP_METRICS], after[LAMP_METRICS];
    LampQuantiles durations_before, durations_after; /* owned */
    guint64 histogram[LAMP_WHATIF_BINS];             /* of those after */
} LampWhatifRow;

/* An instance to or from which a change moves load: as it was, as it would be. */
typedef struct {
    char *name;                        /* owned */
    guint64 calls_before, calls_after; /* that it served */
    double work_before, work_after;    /* calls at work there at once, in the mean */
    guint32 peak_before, peak_after;   /* at most, with those that wait */
    guint32 limit;                     /* calls that it serves at once; 0: none is known */
} LampWhatifPlace;

typedef struct {
    GArray *rows;                   /* LampWhatifRow, all requests first, then by requests */
    GArray *places;                 /* LampWhatifPlace; empty where a change moves no load */
    double span_before, span_after; /* first to last arrival, ns */
    GPtrArray *notes;               /* char *: what to know before believing the figures */
    guint64 unanswered;             /* requests without a response: in no figure */
    double throughput;              /* requests/s that arrive in this run */
    char *busiest; /* what has a limit and the highest use, NULL if nothing has one; owned */
    guint32 busiest_places;  /* calls that it serves at once, or connections */
    double busiest_use;      /* work that arrives, as share of what its places can do */
    double throughput_limit; /* requests/s at which that instance saturates; 0 unknown */
    double load_limit;       /* the same as a multiple of the observed load */
    guint32 stretched; /* instance without a limit that is far from what was seen; 0 none */
    guint32 stretched_calls, stretched_seen; /* calls at once there, now and in the capture */
} LampWhatifResult;

/* So many times the calls at once that were seen are too far from the capture. */
#define LAMP_WHATIF_STRETCHED 2.0

typedef struct LampWhatif LampWhatif;

/* @filter as for reading flows. Flows that began inside the system, and those that service,
 * root or operation leave out, take part in the load but are not counted. At most @most_flows
 * are used, from the begin (0: all). @store, @topology and
 * @structure must outlive it. */
LampWhatif *lamp_whatif_load(LampStore *store, LampTopology *topology,
                             const LampStructure *structure, const LampFlowFilter *filter,
                             guint most_flows, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_whatif_free(LampWhatif *whatif);

/* Runs a resolved change (NULL: none). Caller frees with lamp_whatif_result_free(). */
LampWhatifResult *lamp_whatif_run(LampWhatif *whatif, const LampChange *change,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_whatif_result_free(LampWhatifResult *result);

/* LampStationLimit of each instance that shows one. Borrowed. */
const GArray *lamp_whatif_limits(const LampWhatif *whatif);

/* LampPoolLimit of each pool of connections that shows, from index 1 on. Borrowed. */
const GArray *lamp_whatif_pools(const LampWhatif *whatif);

/* Requests counted in the first batch, and the mean probability that their trees are right. */
guint64 lamp_whatif_requests(const LampWhatif *whatif);
double lamp_whatif_confidence(const LampWhatif *whatif);

/* Mean duration over the first batch, for comparing many changes quickly. */
double lamp_whatif_mean(LampWhatif *whatif, const LampChange *change);

/* What @change does to that mean: below 0 where requests get faster. */
LampEstimate lamp_whatif_gain(LampWhatif *whatif, const LampChange *change);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampWhatif, lamp_whatif_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampWhatifResult, lamp_whatif_result_free)
