/*
 * Advice that rests on what flows do not hold: the values that requests carry, and connections.
 */
#pragma once

#include "model/advice.h"
#include "store/store.h"

/* Appends LampAdvice of the kinds cache and churn to @list. Reads at most 200,000 calls. */
gboolean lamp_advice_query(LampStore *store, GArray *list,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "service/operation" for a change; what has a meaning there becomes '?'. Caller frees. */
char *lamp_advice_target(const char *service, const char *operation);
