/*
 * Second names of tables, under which rows are only appended. Internal to store/.
 *
 * SQLite gives a row of a table without a declared key the number after the last one, and
 * remembers where that is; the key of a declared one is searched for from the root, for each
 * row, even where rows come in order: a sixth of the time of a whole ingest. So this connection
 * is told of each table a second time, without the declaration. The file does not keep it.
 */
#pragma once

#include "store/store.h"

#define LAMP_APPEND_PREFIX "lamp_append_"

/* A text for SQL that makes `lamp_append_T` of table `T`: its definition without its key.
 * @condition: of `sqlite_schema s`. Both are the program's own texts. Caller frees. */
char *lamp_append_name_sql(const char *condition);

/* Names those of the @tables that have no index and no trigger. Not inside a transaction. What
 * cannot be named is no error: it is then written to under its own name. */
void lamp_append_names_add(LampStore *store, const char *const tables[], gsize count);
