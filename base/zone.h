/*
 * Time zones by name (`Europe/Berlin`), with their changes of offset, from the system's
 * database.
 */
#pragma once

#include "base/time.h"

typedef struct LampZone LampZone;

/* NULL if there is no zone of that name (or no database). Caller frees. */
LampZone *lamp_zone_new(const char *name);
void lamp_zone_free(LampZone *zone);

/* Seconds east of UTC at @seconds since the epoch. */
gint32 lamp_zone_offset(const LampZone *zone, gint64 seconds);

/* What a clock on the wall stands for. */
typedef enum {
    LAMP_CLOCK_PLAIN,
    LAMP_CLOCK_TWICE, /* clocks were put back: it was shown two times */
    LAMP_CLOCK_NEVER, /* clocks were put forward: it was never shown */
} LampClockKind;

/* Which offsets a clock that shows @local_seconds (as if it were UTC) may have: one; the
 * earlier and the later where it was shown twice; that before the change where it never was.
 * Some microseconds: remember it for the quarter of an hour, within which it is the same. */
LampClockKind lamp_zone_offsets(const LampZone *zone, gint64 local_seconds,
                                gint32 out_offsets[2]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampZone, lamp_zone_free)
