/* The passes of the correlate stage in a table. Private to correlate/. */
#pragma once

#include "correlate/correlation.h"

/* One pass: its work, and the work it rests on. */
typedef struct {
    const char *name;
    const char *basis; /* paper or rule */
    gboolean (*run)(LampCorrelation *c, GError **error);
} LampPass;

/* In the order in which they run; ends with a row without name (correlate/passes.c). */
extern const LampPass lamp_passes[];
