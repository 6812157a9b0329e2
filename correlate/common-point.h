/*
 * The point that most of a set of intervals have in common.
 */
#pragma once

#include <glib.h>

typedef struct {
    gint64 time;
    gint change; /* 1 where an interval begins, -1 where it ends */
} LampBound;

/* Adds the bounds of [@low, @high] to @bounds (LampBound). */
void lamp_bounds_add(GArray *bounds, gint64 low, gint64 high);

/* How many intervals have a point in common at most. Sorts @bounds; fills @out_reach with the
 * first and the last point that nearly as many (@as_good of them) have. 0 where there are none.
 * O(n log n). */
guint lamp_bounds_most(GArray *bounds, double as_good, gint64 out_reach[2]);
