/* Shared by the files of store/ only. */
#pragma once

#include "base/keyed-map.h"
#include "store/store.h"

#include <sqlite3.h>

enum { RECENT_STRINGS = 256, RECENT_STRING_BYTES = 55 };

/* A string that was interned not long ago. */
typedef struct {
    gint64 id; /* 0: none */
    guint8 length, text[RECENT_STRING_BYTES];
} RecentString;

#define LAMP_STORE_CACHE "-16384" /* of pages, in KiB, negative */

struct LampStore {
    sqlite3 *db;
    char *path;
    gboolean in_transaction;
    LampKeyedMap *interned; /* text -> string_id; NULL until first used */
    gint64 last_string_id;
    RecentString recent[RECENT_STRINGS]; /* by a cheap hash; found without the keyed one */
    sqlite3_stmt *insert_string;
    GError *intern_error; /* first failure of lamp_store_intern(), told by commit */
    GPtrArray *texts;     /* string_id -> text; NULL until first used */
};

/* May rows be written? Not after a string could not be; nor after SQLite has rolled the
 * transaction back by itself (on a full disk), when each further row would be kept by itself.
 */
gboolean lamp_store_takes_rows(const LampStore *store);

/* Sets @error from SQLite's last error; returns FALSE, for `return`. @what: what failed. */
gboolean lamp_store_fail(LampStore *store, int code, const char *what, GError **error);
