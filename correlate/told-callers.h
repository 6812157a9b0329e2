/*
 * What ids tell of who makes a host's calls.
 */
#pragma once

#include "correlate/correlation.h"

/* Callers that are told apart. */
enum { LAMP_TOLD_CALLERS = 64 };

/* Calls of a group of hosts that bear an id; of these, in requests of which a caller's own
 * records bear it, too; and made by that caller. */
typedef struct {
    guint all, beside, made;
} LampTold;

typedef struct {
    guint64 *marks; /* by request that an id names: the callers whose records bear it */
    LampTold *told; /* by group, as many as there are callers */
    guint callers;
} LampToldCallers;

/* @group: by host, the first of its replicas; @callers: the groups of @n possible callers, at
 * most LAMP_TOLD_CALLERS. Linear in calls. */
void lamp_told_callers_begin(LampToldCallers *self, LampCorrelation *c, const guint32 *group,
                             const guint32 *callers, guint n);
void lamp_told_callers_end(LampToldCallers *self);

/* Do records of caller @number bear the id of the request that @call is of? */
gboolean lamp_told_is_marked(const LampToldCallers *self, const LampCall *call, guint number);
