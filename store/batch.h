/*
 * Rows of one table, gathered and handed to SQLite many at a time, as the records that they
 * will be in the file. It costs less than a third of binding and inserting them one by one.
 *
 * Set the columns of a row in ascending order, from 1, then call lamp_batch_next(); texts are
 * copied. What is gathered must be written with lamp_batch_flush() before the transaction ends.
 */
#pragma once

#include "base/out.h"
#include "store/row-page.h"
#include "store/statement.h"

enum { LAMP_BATCH_COLUMNS = 64 };

/* Fields are batch.c's and the inline functions' own: the cells of numbers are most of a row.
 */
typedef struct {
    LampStatement *insert;
    LampRowPage *page;
    guint columns;
    gint64 row_id;                         /* of the row being made */
    guint32 types[LAMP_BATCH_COLUMNS + 1]; /* serial types of its cells by column; 0 is NULL */
    LampOut body;
} LampBatch;

/* A batch for rows of @table, whose first column is its INTEGER PRIMARY KEY. Not inside a
 * transaction; one for a table of a store. Caller frees, before the store is closed. */
LampBatch *lamp_batch_new(LampStore *store, const char *table,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_batch_free(LampBatch *batch);

/* Cells of the row that is being made; those that are not set are NULL, as an empty text is.
 * The first column, a number from 1, must be set. */
static inline void lamp_batch_int(LampBatch *batch, guint column, gint64 value);
static inline void lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value,
                                          gint64 none);
void lamp_batch_text(LampBatch *batch, guint column, LampBytes text);
/* The same for a text that is known to be UTF-8. */
void lamp_batch_utf8(LampBatch *batch, guint column, LampBytes text);
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

/* How numbers are written, by the bits that they need, their sign included: serial type and
 * length. */
typedef struct {
    guint8 type, bytes;
} LampNumberForm;
extern const LampNumberForm lamp_number_forms[65];

static inline void
lamp_batch_int(LampBatch *batch, guint column, gint64 value)
{
    enum { TYPE_ZERO = 8 /* 9: one */, NUMBER_BYTES = 8 };
    if (column == 1) { /* the table's key is not part of its record */
        batch->row_id = value;
        return;
    }
    if (value == 0 || value == 1) {
        batch->types[column] = TYPE_ZERO + (guint32) value;
        return;
    }
    guint64 magnitude = (guint64) (value < 0 ? ~value : value);
    LampNumberForm form = lamp_number_forms[65 - __builtin_clzll(magnitude | 1)];
    guint64 big_endian = GUINT64_TO_BE((guint64) value << (64 - 8 * form.bytes));
    batch->types[column] = form.type;
    memcpy(lamp_out_end(&batch->body, NUMBER_BYTES), &big_endian, NUMBER_BYTES);
    batch->body.len += form.bytes;
}

static inline void
lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value, gint64 none)
{
    if (value != none)
        lamp_batch_int(batch, column, value);
}
