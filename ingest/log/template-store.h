/* Templates of a whole store. */
#pragma once

#include "store/store.h"

/* Merges the masked texts that the events of @store carry and gives each event its final
 * template. @seen has a byte for each string id, not 0 if it is the masked text of an event;
 * NULL if they are to be read from the table. One transaction; a second call changes nothing.
 * O(events) only where templates were merged, or without @seen. */
gboolean lamp_templates_settle(LampStore *store, const GByteArray *seen,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
