/*
 * What is known of a host's clock for a part of its time.
 */
#pragma once

#include <glib.h>

/* Figures are against the reference clock; offset and drift at the epoch of the correlation. */
typedef struct {
    double offset_ns;      /* host clock minus reference clock */
    double drift;          /* pure number: 1e-6 is one part in a million */
    double uncertainty_ns; /* the truth lies within it where messages are; infinite: one-way */
    double statistical_ns; /* standard error, were the least delays of both ways equal */
    double drift_error;    /* half of the range that the messages allow */
    guint64 samples;
    gint64 first, last; /* reference time in which its messages are; of one part of several */
} LampClockPart;
