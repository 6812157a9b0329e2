/* Flows that lie inside a flow which the caller served on the same host. */
#pragma once

#include "correlate/dependencies/pairs.h"

typedef struct {
    double ratio, chance; /* of effects inside a cause; the same with shifted causes */
    guint64 unique;       /* effects inside exactly one cause */
    double p;
} LampNesting;

/* @hosts: LampPairHost*. Flows are looked through once for each of @shifts. */
void lamp_nesting_find(const LampBiflows *biflows, const GPtrArray *hosts, guint shifts,
                       LampNesting *out);
