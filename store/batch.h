/*
 * Rows of one table, gathered and handed to SQLite many at a time, as the records that they
 * will be in the file. It costs less than a third of binding and inserting them one by one.
 *
 * Set the columns of a row in ascending order, from 1, then call lamp_batch_next(); texts are
 * copied. What is gathered must be written with lamp_batch_flush() before the transaction ends.
 */
#pragma once

#include "base/out.h"
#include "store/statement.h"

typedef struct LampBatch LampBatch;

/* A batch for rows of @table, whose first column is its INTEGER PRIMARY KEY. Not inside a
 * transaction; one for a table of a store. Caller frees, before the store is closed. */
LampBatch *lamp_batch_new(LampStore *store, const char *table,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_batch_free(LampBatch *batch);

/* Cells of the row that is being made; those that are not set are NULL, as an empty text is.
 * The first column, a number from 1, must be set. */
void lamp_batch_int(LampBatch *batch, guint column, gint64 value);
void lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value, gint64 none);
void lamp_batch_text(LampBatch *batch, guint column, LampBytes text);
/* The same for a text that is appended to the bytes that begin() returns, and is UTF-8. Between
 * the two no other cell may be set. */
LampOut *lamp_batch_text_begin(LampBatch *batch, gsize *out_begin);
void lamp_batch_text_end(LampBatch *batch, guint column, gsize begin);
/* @text is UTF-8; NULL is NULL, and an empty text is one. */
void lamp_batch_static(LampBatch *batch, guint column, const char *text);

/* The row is complete. Writes when enough rows have gathered. */
gboolean lamp_batch_next(LampBatch *batch, GError **error);

/* Writes what has gathered. */
gboolean lamp_batch_flush(LampBatch *batch, GError **error);

/* Forgets what has gathered. */
void lamp_batch_clear(LampBatch *batch);
