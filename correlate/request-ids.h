/*
 * Which slots hold ids that were made to name a request, and what of them to compare.
 */
#pragma once

#include "base/bytes.h"
#include "store/store.h"

/* Set of string ids of such slots (GUINT_TO_POINTER). Reads `strings`. Caller unrefs. */
GHashTable *lamp_request_id_slots(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The part of a value that all calls of a request share: of trace headers without the span's
 * own id. Borrowed from @value. */
LampBytes lamp_request_id_shared_part(const char *value);
