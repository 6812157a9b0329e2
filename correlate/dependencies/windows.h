/* Windows of time over the traffic of some flows; long silences have none. */
#pragma once

#include "correlate/dependencies/biflows.h"

typedef struct LampWindows LampWindows;

/* Windows of @width ns, or of a multiple where they would be too many, over the pieces of flows
 * that are in @some or in @others (one place a flow). Caller frees. O(n log n) for n pieces,
 * whatever the time they span. */
LampWindows *lamp_windows_new(const LampBiflows *biflows, const gboolean *some,
                              const gboolean *others, gint64 width);
void lamp_windows_free(LampWindows *windows);
guint lamp_windows_count(const LampWindows *windows);

/* Adds the packets of the pieces of flows in @is_in, which were in one of the two above, to
 * @sums. */
void lamp_windows_spread(const LampWindows *windows, const LampBiflows *biflows,
                         const gboolean *is_in, double *sums);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampWindows, lamp_windows_free)
