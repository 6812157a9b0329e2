/* Templates of a whole store. */
#pragma once

#include "store/store.h"

/* Merges the masked texts that the events of @store carry and gives each event its final
 * template. One transaction; a second call changes nothing. O(events) only where templates
 * were merged. */
gboolean lamp_templates_settle(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
