/* Identifiers of a whole store. */
#pragma once

#include "ingest/log/occurrences.h"

/* Fills `identifiers`, `identifier_slots` and `identifier_relations` anew from the values of
 * events and of calls on the wire: those of @seen, or, if it is NULL, all of the store. After
 * lamp_templates_settle(). One transaction; O(n log n) in the number of sampled values. */
gboolean lamp_identifiers_settle(LampStore *store, LampOccurrences *seen,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
