/* A page of rows in memory that SQLite copies into a table as they are. Internal to store/. */
#pragma once

#include "store/statement.h"

typedef struct LampRowPage LampRowPage;

/* An empty page for rows of @table. Not inside a transaction; one for a table of a store.
 * Caller frees, before the store is closed. */
LampRowPage *lamp_row_page_new(LampStore *store, const char *table,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_row_page_free(LampRowPage *page);

/* Adds a row: its key, the serial types of its columns and their bytes. FALSE, and not added,
 * where there is no room, or this library's SQLite cannot take rows in this way. */
gboolean lamp_row_page_add(LampRowPage *page, gint64 row_id, LampBytes types, LampBytes body);

/* Copies the rows into the table and empties the page. */
gboolean lamp_row_page_transfer(LampRowPage *page, GError **error);

/* Forgets the rows. */
void lamp_row_page_clear(LampRowPage *page);

/* Seven bits a byte, the highest first; @value is below 2^56. Returns the length, at most 8. */
static inline guint
lamp_put_varint(guint8 *at, guint64 value)
{
    guint len = 1;
    if (value < 0x80) {
        at[0] = (guint8) value;
        return 1;
    }
    for (guint64 rest = value >> 7; rest > 0; rest >>= 7)
        len++;
    for (guint i = len; i-- > 0; value >>= 7)
        at[i] = (guint8) ((value & 0x7f) | (i + 1 < len ? 0x80 : 0));
    return len;
}
