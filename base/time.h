/*
 * Times: int64 nanoseconds since the Unix epoch, UTC; durations: int64 nanoseconds.
 * The range is the years 1678 to 2262. LAMP_TIME_NONE stands for "not known".
 */
#pragma once

#include <glib.h>

typedef gint64 LampTime;

#define LAMP_TIME_NONE G_MININT64
#define LAMP_NS_PER_US G_GINT64_CONSTANT(1000)
#define LAMP_NS_PER_MS G_GINT64_CONSTANT(1000000)
#define LAMP_NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

/* A calendar time without zone, as written in a log. month 1 to 12, day 1 to 31, second 0
 * to 60. */
typedef struct {
    gint year, month, day, hour, minute, second;
    gint32 nanosecond;
} LampCivil;

/* Days since 1970-01-01 of a proleptic Gregorian date (the usual era arithmetic). O(1). */
gint64 lamp_days_from_civil(gint year, gint month, gint day);

/* UTC time of @civil minus @zone_seconds (east positive). FALSE if a field is out of range or
 * the result does not fit. A leap second (60) counts as the first second of the next minute.
 * O(1). */
gboolean lamp_time_from_civil(const LampCivil *civil, gint zone_seconds,
                              LampTime *out_time) G_GNUC_WARN_UNUSED_RESULT;

/* Calendar fields of @time in UTC. O(1). */
void lamp_time_to_civil(LampTime time, LampCivil *out_civil);

/* @seconds + @nanoseconds as a time; FALSE when it does not fit. */
gboolean lamp_time_from_parts(gint64 seconds, gint64 nanoseconds,
                              LampTime *out_time) G_GNUC_WARN_UNUSED_RESULT;

/* May differences be taken between any two such times, and sums with up to 400 days, and does
 * @duration fit these? Holds for the years 1825 to 2114; others are none that a system wrote.
 * O(1). */
gboolean lamp_time_is_within_range(LampTime time, gint64 duration);

/* "2026-11-21T08:45:57.135165000Z"; caller frees. */
char *lamp_time_format(LampTime time);

/* The same with the digits that stamps of @resolution ns have: "2026-11-21T08:45:57Z" for 1 s;
 * for 1 ns to the microsecond where there are no nanoseconds. Caller frees. */
char *lamp_time_format_to(LampTime time, gint64 resolution);

/* Duration in the unit that shows three digits, fewer where it is round: "512 ns", "1.22 ms",
 * "45 ms", "3.05 s", "0"; caller frees. */
char *lamp_duration_format(gint64 duration_ns);

/* The same between two stamps of @resolution ns: "13 s", "< 1 s"; caller frees. */
char *lamp_duration_format_to(gint64 duration_ns, gint64 resolution);
