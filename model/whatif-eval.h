/*
 * Predictions beside what was measured after the real change.
 *
 * The measurements are a CSV file with a header line; columns are found by name: scenario, op
 * (`ALL`, or one operation: only ALL is used), n, mean, p50, p90, p95, p99 (ms), and as far as
 * they are there captured_as, machine, topo, load. The baseline row whose figures are nearest
 * to those of the database (or whose captured_as is told) chooses the group of runs to compare
 * with: same machine, topo and load. Several runs of a scenario are averaged; the baseline's
 * runs give the noise floor.
 */
#pragma once

#include "model/what-if.h"

#define LAMP_WHATIF_EVAL_ERROR (lamp_whatif_eval_error_quark())
GQuark lamp_whatif_eval_error_quark(void);

typedef enum {
    LAMP_WHATIF_EVAL_ERROR_FORMAT,   /* no such CSV */
    LAMP_WHATIF_EVAL_ERROR_BASELINE, /* no baseline row fits the database */
} LampWhatifEvalError;

typedef struct LampMeasured LampMeasured;

/* Caller frees. At most 16 MiB are read. */
LampMeasured *lamp_measured_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_measured_free(LampMeasured *measured);

/* Chooses the group by @capture (NULL: by the nearest figures to @requests and @mean_ms). */
gboolean lamp_measured_choose(LampMeasured *measured, const char *capture, guint64 requests,
                              double mean_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Mean over the runs of @scenario in the chosen group, ms; FALSE where there is none. */
gboolean lamp_measured_get(const LampMeasured *measured, const char *scenario,
                           LampMetric metric, double *out_ms) G_GNUC_WARN_UNUSED_RESULT;

/* Half the spread of the baseline's runs as a share of their mean; 0 for a single run. */
double lamp_measured_noise(const LampMeasured *measured, LampMetric metric);

/* "idle shop high" of the chosen group; borrowed. */
const char *lamp_measured_group(const LampMeasured *measured);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampMeasured, lamp_measured_free)
