/*
 * Does the traffic of one kind rise with the traffic of another? For long-lived connections,
 * whose beginnings tell nothing of the requests inside.
 */
#pragma once

#include <glib.h>

typedef struct {
    double p;                     /* chance of as good a fit by the cause shifted in time */
    double slope;                 /* units of effect for one unit of cause */
    double slope_low, slope_high; /* 95 % interval by block bootstrap */
    double share;                 /* of the effect's traffic that the cause explains */
    double correlation;
} LampVolumeFit;

/* Non-negative least squares of the changes of @effect from window to window on those of
 * @cause and @other (may be all zero). FALSE for fewer than LAMP_VOLUME_WINDOWS windows, or
 * where nothing varies. O(shifts * windows). */
#define LAMP_VOLUME_WINDOWS 40
gboolean lamp_volume_fit(const double *cause, const double *other, const double *effect,
                         guint windows, guint shifts, LampVolumeFit *out_fit);
