/*
 * The SQLite file that the stages hand on to each other.
 *
 * lamp_store_open() makes or opens it and checks that it is ours and of a version that this
 * program knows. Stages announce themselves with lamp_store_stage_begin() and _end(): between
 * the two the file says that the stage is running, so a run that was killed can be told from
 * one that finished. Changes happen in transactions (lamp_store_begin(), _commit()); a killed
 * transaction is rolled back by SQLite at the next opening. A rollback journal is used and not
 * a write-ahead log, because the stages append: only the few pages that already existed are
 * written twice.
 *
 * One thread uses a store. SQLite's own header is included in this folder only; others use
 * store/statement.h.
 */
#pragma once

#include "base/bytes.h"

typedef struct LampStore LampStore;

#define LAMP_STORE_ERROR (lamp_store_error_quark())
GQuark lamp_store_error_quark(void);

typedef enum {
    LAMP_STORE_ERROR_OPEN,       /* cannot be opened or made: path or permission */
    LAMP_STORE_ERROR_FOREIGN,    /* not a lamplight database, or of another version */
    LAMP_STORE_ERROR_DAMAGED,    /* SQLite finds it corrupt: ingest again */
    LAMP_STORE_ERROR_FULL,       /* no space left: free some and run the same command again */
    LAMP_STORE_ERROR_BUSY,       /* another program writes to it */
    LAMP_STORE_ERROR_INCOMPLETE, /* a stage has not run, or was interrupted: the text says what
                                    to do */
    LAMP_STORE_ERROR_QUERY,      /* SQL is wrong */
} LampStoreError;

typedef enum {
    LAMP_STORE_READ,   /* must exist; nothing is changed */
    LAMP_STORE_WRITE,  /* must exist */
    LAMP_STORE_CREATE, /* made if it does not exist */
} LampStoreMode;

/* Opens @path. Caller closes with lamp_store_close(). */
LampStore *lamp_store_open(const char *path, LampStoreMode mode,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Rolls back what is not committed; NULL is fine. */
void lamp_store_close(LampStore *store);

const char *lamp_store_path(const LampStore *store);

/* Runs one or more statements without results. */
gboolean lamp_store_run(LampStore *store, const char *sql,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean lamp_store_begin(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_store_commit(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A part of the open transaction that can be taken back by itself; one at a time. */
gboolean lamp_store_part_begin(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_store_part_end(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_store_part_rollback(LampStore *store);
void lamp_store_rollback(LampStore *store);

/* Facts in `meta`. The getter returns a copy or NULL; caller frees. */
gboolean lamp_store_set_meta(LampStore *store, const char *key, const char *value,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *lamp_store_get_meta(LampStore *store, const char *key);

/* Stages in their order: "ingest", "correlate". Beginning one marks it `running` (committed at
 * once, if no transaction is open) and forgets that later stages were done; ending marks it
 * `done`. */
gboolean lamp_store_stage_begin(LampStore *store, const char *stage,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_store_stage_end(LampStore *store, const char *stage,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE with LAMP_STORE_ERROR_INCOMPLETE, and the command to run, unless @stage is done. */
gboolean lamp_store_stage_require(LampStore *store, const char *stage,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Id of @text in `strings`, added if new; 0 for an empty text (stands for NULL), and on
 * failure, which the next commit reports. O(1) expected. Only in a transaction. */
gint64 lamp_store_intern(LampStore *store, LampBytes text);

/* Id of @text if it is in `strings`, else 0. O(1) expected. */
gint64 lamp_store_find(LampStore *store, LampBytes text);

/* Text of a string id, or NULL; valid until the store is closed. The first call reads the
 * table. */
const char *lamp_store_text(LampStore *store, gint64 string_id);

/* The schema as SQL with its comments, static. */
const char *lamp_store_schema(void);

/* The schema as Markdown, for docs/schema.md; caller frees. */
char *lamp_store_schema_markdown(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampStore, lamp_store_close)
