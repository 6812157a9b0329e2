/*
 * The relation of two clocks from messages that both of them stamped.
 */
#pragma once

#include <glib.h>

/* @t: seconds on the first clock since some epoch; @y: ns, second clock minus first. */
typedef struct {
    double t, y;
} LampClockPoint;

/* y(t) = offset + drift * t. */
typedef struct {
    double offset_ns;
    double drift_ns_per_s;
    double half_width_ns; /* the true line lies within this of it */
    double span_s;        /* time over which the points reach */
    gboolean is_two_way;  /* bounded from both sides */
} LampClockLine;

/* Line between @upper, which the true line does not exceed (forward messages), and @lower,
 * which it does not go below (backward messages). Sorts both; outliers are dropped. FALSE when
 * both are empty. O(n log n). */
gboolean lamp_clock_line_fit(GArray *upper, GArray *lower, LampClockLine *out_line);
