/* From flows of one pair to a row with a verdict. Private to correlate/dependencies/. */
#pragma once

#include "correlate/dependencies/dependencies.h"
#include "correlate/dependencies/pairs.h"

/* What the tests of one pair gave, kept until all pairs are known. */
typedef struct {
    LampDependency *row;
    gboolean has_points, has_volume, is_keep_alive;
    gboolean is_only_logged; /* by firewalls that do not tell what they did */
    gboolean is_doubtful;    /* few flows, of an address of several programs */
    gint64 max_lag;          /* that was looked for */
    double detectable;       /* share that chance reaches in 5 % of the shifts */
    double cause_rate;       /* per second */
    gboolean is_coarse;      /* the stamps' resolution hides the order */
} LampTrial;

/* Measures the pair in used[begin, end). */
void lamp_trial_run(const LampPairs *pairs, guint begin, guint end, LampTrial *out_trial);

/* Verdict and reason; row->q must be known. */
void lamp_trial_judge(LampTrial *trial);
