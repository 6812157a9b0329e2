/*
 * Names of prepared statements of one connection with the shape of their SQL. Bounded: 64 names
 * of at most 63 bytes; where there are more, the one least recently added is forgotten, and its
 * calls have no operation. Used by the dissectors of databases.
 */
#pragma once

#include "base/bytes.h"
#include "ingest/dissect/pairing.h"

typedef struct LampStatements LampStatements;

/* Caller frees. */
LampStatements *lamp_statements_new(void);

/* NULL is fine. */
void lamp_statements_free(LampStatements *statements);

/* Adds or replaces; both are copied. O(64). */
void lamp_statements_add(LampStatements *statements, LampBytes name, LampBytes shape);

/* FALSE where @name is unknown or @statements is NULL; *out_shape is borrowed until the next
 * add. */
gboolean lamp_statements_find(const LampStatements *statements, LampBytes name,
                              LampBytes *out_shape);

/* NULL and unknown names are fine. */
void lamp_statements_remove(LampStatements *statements, LampBytes name);

/* Tells a call that prepares a statement from those that run it: "PREPARE " before its shape.
 * Once for a call. */
void lamp_statements_mark_prepare(LampExchange *exchange);
