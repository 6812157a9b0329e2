/*
 * Folding: from what one request says to the operation that it is one of.
 *
 * `GET /items/SKU-1406` and `GET /items/SKU-17` are the same operation `GET /items/{}`; two
 * statements that differ in their literals have the same shape. All functions write at most
 * @size bytes without a NUL and return how many; they look at bounded input and allocate
 * nothing.
 */
#pragma once

#include "base/bytes.h"

/* Told each part that was folded away: its number (path segment from 1, literal from 1). */
typedef void (*LampFolded)(gpointer owner, guint number, LampBytes value);

/* Does @word look like the name of one thing rather than of a kind of things: digits, a hash, a
 * UUID, letters mixed with digits, an address? `v2`, `oauth2`, `base64` do not. O(n). */
gboolean lamp_operation_is_id(LampBytes word);

/* Path of a URL (what follows `?` or `#` is cut) with its id segments as `{}`. */
gsize lamp_operation_fold_path(LampBytes path, char *out, gsize size, LampFolded folded,
                               gpointer owner);

/* Key of a store such as `sess:81f3`, parts between `:`, `/`, `.` or `|`, its ids as `{}`. */
gsize lamp_operation_fold_key(LampBytes key, char *out, gsize size, LampFolded folded,
                              gpointer owner);

/* SQL statement: literals and parameters as `?`, IN and VALUES lists as `(?)`, comments cut,
 * runs of blanks as one. */
gsize lamp_operation_fold_sql(LampBytes sql, char *out, gsize size, LampFolded folded,
                              gpointer owner);
