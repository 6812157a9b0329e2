/*
 * Advice that rests on what flows do not hold: the values that requests carry, and connections.
 */
#pragma once

#include "model/advice.h"
#include "store/store.h"

/* Which calls to look at. */
typedef struct {
    const char *traces; /* JSON array of trace ids */
    guint64 calls;      /* in these */
} LampAdviceScope;

/* Appends LampAdvice of the kinds cache and churn to @list. For caches the first 200,000 calls
 * of @scope are looked at; the text says so where there are more. */
gboolean lamp_advice_query(LampStore *store, const LampAdviceScope *scope, GArray *list,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "service/operation" for a change; what has a meaning there becomes '?'. Caller frees. */
char *lamp_advice_target(const char *service, const char *operation);
