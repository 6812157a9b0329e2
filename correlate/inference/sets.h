/* sets.h — how often each request had which set of steps
 *
 * Probabilities of single links do not tell what goes together: two steps that change sides
 * with even chances may do so only both at once. */
#ifndef LAMP_CORRELATE_INFERENCE_SETS_H
#define LAMP_CORRELATE_INFERENCE_SETS_H

#include <glib.h>

typedef struct LampSets LampSets;

LampSets *lamp_sets_new(guint32 n_requests);
void lamp_sets_free(LampSets *self);

/* What a step adds to the name of a set; a set's name is the sum over its steps. */
guint64 lamp_sets_name(guint32 step);

/* Counts one look at a request; the shares that are added after it sum up to one. */
void lamp_sets_look(LampSets *self, guint32 request);
void lamp_sets_add(LampSets *self, guint32 request, guint64 set, float share);

/* Mean share of a set over all looks at the request; -1 if there were none. */
float lamp_sets_share(const LampSets *self, guint32 request, guint64 set);

#endif
