/*
 * Rows of one table, gathered and inserted many at a time: SQLite fetches them itself, as rows
 * of a virtual table, for a quarter less than it costs to bind them one by one (measured for
 * the fourteen columns of events).
 *
 * Set the columns of a row, from 1, then call lamp_batch_next(); texts are copied. What is
 * gathered must be written with lamp_batch_flush() before the transaction ends.
 */
#pragma once

#include "store/statement.h"

typedef struct LampBatch LampBatch;

/* Which rows a batch gathers and where they go; texts are static. */
typedef struct {
    const char *name; /* of the batch: one of a name in a store */
    const char *table;
    guint columns;
    /* What goes into the table: `*`, or expressions of the cells c1, c2, … and constants, which
     * cost less than a cell. */
    const char *values;
} LampBatchForm;

/* Caller frees, before the store is closed. */
LampBatch *lamp_batch_new(LampStore *store, const LampBatchForm *form,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_batch_free(LampBatch *batch);

/* Cells of the row that is being made; those that are not set are NULL, as an empty text is. */
void lamp_batch_int(LampBatch *batch, guint column, gint64 value);
void lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value, gint64 none);
void lamp_batch_text(LampBatch *batch, guint column, LampBytes text);
/* The same for a text that is appended to the bytes that begin() returns, and is UTF-8. Between
 * the two no other text may be added. */
GByteArray *lamp_batch_text_begin(LampBatch *batch, gsize *out_begin);
void lamp_batch_text_end(LampBatch *batch, guint column, gsize begin);
/* @text must live until the batch is flushed (static texts); NULL is NULL. */
void lamp_batch_static(LampBatch *batch, guint column, const char *text);

/* The row is complete. Writes when enough rows have gathered. */
gboolean lamp_batch_next(LampBatch *batch, GError **error);

/* Writes what has gathered. */
gboolean lamp_batch_flush(LampBatch *batch, GError **error);

/* Forgets what has gathered. */
void lamp_batch_clear(LampBatch *batch);
