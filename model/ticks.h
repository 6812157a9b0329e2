/*
 * Starts and ends of what takes up a place, in order of time.
 */
#pragma once

#include "base/time.h"

#include <glib.h>

typedef struct {
    LampTime time;
    guint32 index; /* of what starts or ends */
    guint32 is_start;
} LampTick;

/* Room for @uses starts and ends; caller unrefs. */
GArray *lamp_ticks_new(guint uses);

void lamp_ticks_add(GArray *ticks, guint32 index, LampTime start, LampTime end);

/* Sorts by time; at the same time ends come first, then what has the lower index. Returns the
 * most that are between start and end at once. O(n log n). */
guint lamp_ticks_sort(GArray *ticks);

static inline const LampTick *
lamp_tick(const GArray *ticks, guint at)
{
    return &g_array_index(ticks, LampTick, at);
}
