/* Identifiers of a whole store. */
#pragma once

#include "store/store.h"

/* Fills `identifiers`, `identifier_slots` and `identifier_relations` anew from the values of
 * events and of calls on the wire. One transaction; O(n log n) in the number of values, of
 * which at most four million are looked at: with more, a sample of the values, the same in
 * every column. */
gboolean lamp_identifiers_settle(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
