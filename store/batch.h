/*
 * Rows of one table, gathered and inserted many at a time: one statement with LAMP_BATCH_ROWS
 * rows costs SQLite half of what as many statements with one row cost (measured for three
 * columns).
 *
 * Set the columns of a row, from 1, then call lamp_batch_next(); texts are copied. What is
 * gathered must be written with lamp_batch_flush() before the transaction ends.
 */
#pragma once

#include "store/statement.h"

enum { LAMP_BATCH_ROWS = 32 };

typedef struct LampBatch LampBatch;

/* For a @table of @columns columns. Caller frees. */
LampBatch *lamp_batch_new(LampStore *store, const char *table, guint columns,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_batch_free(LampBatch *batch);

/* Cells of the row that is being made; those that are not set are NULL, as an empty text is. */
void lamp_batch_int(LampBatch *batch, guint column, gint64 value);
void lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value, gint64 none);
void lamp_batch_text(LampBatch *batch, guint column, LampBytes text);
/* @text must live until the batch is flushed (static texts); NULL is NULL. */
void lamp_batch_static(LampBatch *batch, guint column, const char *text);

/* The row is complete. Writes when enough rows have gathered. */
gboolean lamp_batch_next(LampBatch *batch, GError **error);

/* Writes what has gathered. */
gboolean lamp_batch_flush(LampBatch *batch, GError **error);

/* Forgets what has gathered. */
void lamp_batch_clear(LampBatch *batch);
