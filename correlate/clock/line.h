/*
 * The relation of two clocks from messages that both of them stamped.
 */
#pragma once

#include "correlate/clock/hull.h"

/* y(t) = offset + drift * t. [low_ns, high_ns] is what the messages allow at their time nearest
 * to t = 0, moved along the line to t = 0: the side that nothing bounds is infinite. */
typedef struct {
    double offset_ns;
    double drift_ns_per_s;
    double low_ns, high_ns;
    double drift_error;     /* ns per s: half of the range of slopes that the messages allow */
    double statistical_ns;  /* standard error, were the least delays of both ways equal */
    double first_t, span_s; /* time over which the points reach */
    gboolean is_two_way;    /* bounded from both sides */
    gboolean is_parted;     /* FALSE: no line lies between all the points that were kept */
} LampClockLine;

/* Line between @upper, which the true line does not exceed (forward messages), and @lower,
 * which it does not go below (backward messages). Sorts both; outliers are dropped. FALSE when
 * both are empty. O(n log n). */
gboolean lamp_clock_line_fit(GArray *upper, GArray *lower, LampClockLine *out_line);

/* Drops as many points of sorted @upper and @lower as the fit would; TRUE if some line of a
 * drift within +-@limit (ns per s) lies between what is left. */
gboolean lamp_clock_part(GArray *upper, GArray *lower, double limit);
