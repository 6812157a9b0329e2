/*
 * Opening, checking and closing the database; transactions; stage marks; interned strings.
 *
 * Crash safety: SQLite's rollback journal makes each transaction whole. A stage writes its
 * state `running` in a transaction of its own before its first row and `done` after its last,
 * so a file that a killed run left says so. Databases that others made are opened with
 * defensive settings (https://www.sqlite.org/security.html): no trusted schema, no writable
 * schema.
 */
#include "store/store-private.h"

#define APPLICATION_ID 0x4c414d50 /* "LAMP" */
#define SCHEMA_VERSION 7

G_DEFINE_QUARK(lamp_store_error, lamp_store_error)

gboolean
lamp_store_fail(LampStore *store, int code, const char *what, GError **error)
{
    LampStoreError kind = LAMP_STORE_ERROR_QUERY;
    const char *advice = "";
    switch (code & 0xff) {
    case SQLITE_FULL:
        kind = LAMP_STORE_ERROR_FULL;
        advice = "; free some space and run the same command again";
        break;
    case SQLITE_CORRUPT:
        kind = LAMP_STORE_ERROR_DAMAGED;
        advice = "; ingest again, into another file";
        break;
    case SQLITE_NOTADB:
        kind = LAMP_STORE_ERROR_FOREIGN;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        kind = LAMP_STORE_ERROR_BUSY;
        advice = "; another program has it open for writing";
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_IOERR:
        kind = LAMP_STORE_ERROR_OPEN;
        break;
    default:
        break;
    }
    g_set_error(error, LAMP_STORE_ERROR, (gint) kind, "%s '%s': %s%s", what, store->path,
                store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(code), advice);
    return FALSE;
}

gboolean
lamp_store_run(LampStore *store, const char *sql, GError **error)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || lamp_store_fail(store, code, "cannot change", error);
}

static gint64
read_pragma(LampStore *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    gint64 value = -1;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static gboolean
create_schema(LampStore *store, GError **error)
{
    g_autofree char *marks = g_strdup_printf(
        "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID, SCHEMA_VERSION);
    return lamp_store_begin(store, error) &&
           lamp_store_run(store, lamp_store_schema(), error) &&
           lamp_store_run(store, marks, error) &&
           lamp_store_set_meta(store, "schema.version", G_STRINGIFY(SCHEMA_VERSION), error) &&
           lamp_store_set_meta(store, "lamplight.version", LAMP_VERSION, error) &&
           lamp_store_commit(store, error);
}

static gboolean
check_identity(LampStore *store, LampStoreMode mode, GError **error)
{
    gint64 application = read_pragma(store, "PRAGMA application_id");
    gint64 version = read_pragma(store, "PRAGMA user_version");
    gint64 tables = read_pragma(store, "SELECT count(*) FROM sqlite_schema");
    if (tables == -1)
        return lamp_store_fail(store, sqlite3_errcode(store->db), "cannot read", error);
    if (tables == 0 && mode == LAMP_STORE_CREATE)
        return create_schema(store, error);
    if (tables == 0) {
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_INCOMPLETE,
                    "'%s' is empty: an ingest was stopped before it began; run `lamplight "
                    "ingest PATH... -o %s`",
                    store->path, store->path);
        return FALSE;
    }
    if (application != APPLICATION_ID) {
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_FOREIGN,
                    "'%s' is another program's database", store->path);
        return FALSE;
    }
    if (version != SCHEMA_VERSION) {
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_FOREIGN,
                    "'%s' has schema version %" G_GINT64_FORMAT
                    ", this lamplight knows %d: remove "
                    "it and read the input again",
                    store->path, version, SCHEMA_VERSION);
        return FALSE;
    }
    return TRUE;
}

static gboolean
configure(LampStore *store, LampStoreMode mode, GError **error)
{
    sqlite3_busy_timeout(store->db, 2000);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, mode == LAMP_STORE_READ, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Large pages cost a tenth less CPU when rows are added than SQLite's usual ones. Debian's
     * library overwrites what is deleted, and each new page, with zeros if not told otherwise.
     */
    const char *pragmas = "PRAGMA cell_size_check=ON; PRAGMA page_size=16384; PRAGMA "
                          "secure_delete=OFF; PRAGMA temp_store=FILE; "
                          "PRAGMA cache_size=" LAMP_STORE_CACHE ";";
    int code = sqlite3_exec(store->db, pragmas, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return lamp_store_fail(store, code, "cannot open", error);
    return mode == LAMP_STORE_READ ||
           lamp_store_run(store, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=NORMAL;",
                          error);
}

LampStore *
lamp_store_open(const char *path, LampStoreMode mode, GError **error)
{
    LampStore *store = g_new0(LampStore, 1);
    store->path = g_strdup(path);
    if (mode != LAMP_STORE_CREATE && !g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_OPEN,
                    "cannot open '%s': no such file", path);
        lamp_store_close(store);
        return NULL;
    }
    /* Always read-write where permitted: a hot journal of a killed run has to be rolled back.
     */
    int flags = mode == LAMP_STORE_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                          : SQLITE_OPEN_READWRITE;
    int code = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        lamp_store_fail(store, code, "cannot open", error);
        lamp_store_close(store);
        return NULL;
    }
    if (!configure(store, mode, error) || !check_identity(store, mode, error)) {
        lamp_store_close(store);
        return NULL;
    }
    return store;
}

void
lamp_store_close(LampStore *store)
{
    if (store == NULL)
        return;
    lamp_store_rollback(store);
    sqlite3_finalize(store->insert_string);
    lamp_keyed_map_free(store->interned);
    g_clear_pointer(&store->texts, g_ptr_array_unref);
    g_clear_error(&store->intern_error);
    sqlite3_close_v2(store->db);
    g_free(store->path);
    g_free(store);
}

const char *
lamp_store_path(const LampStore *store)
{
    return store->path;
}

gboolean
lamp_store_begin(LampStore *store, GError **error)
{
    if (!lamp_store_run(store, "BEGIN IMMEDIATE", error))
        return FALSE;
    store->in_transaction = TRUE;
    return TRUE;
}

gboolean
lamp_store_commit(LampStore *store, GError **error)
{
    if (store->intern_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&store->intern_error));
        lamp_store_rollback(store);
        return FALSE;
    }
    if (!lamp_store_run(store, "COMMIT", error)) {
        lamp_store_rollback(store);
        return FALSE;
    }
    store->in_transaction = FALSE;
    return TRUE;
}

gboolean
lamp_store_part_begin(LampStore *store, GError **error)
{
    return lamp_store_run(store, "SAVEPOINT part", error);
}

gboolean
lamp_store_part_end(LampStore *store, GError **error)
{
    if (store->intern_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&store->intern_error));
        return FALSE;
    }
    return lamp_store_run(store, "RELEASE part", error);
}

/* Strings that were added in what is taken back are gone: read the table again when needed. */
static void
forget_strings(LampStore *store)
{
    memset(store->recent, 0, sizeof store->recent);
    g_clear_pointer(&store->interned, lamp_keyed_map_free);
    g_clear_pointer(&store->texts, g_ptr_array_unref);
}

void
lamp_store_part_rollback(LampStore *store)
{
    g_clear_error(&store->intern_error);
    /* After some errors SQLite has rolled back the whole transaction by itself. */
    if (sqlite3_get_autocommit(store->db))
        lamp_store_rollback(store);
    else
        sqlite3_exec(store->db, "ROLLBACK TO part; RELEASE part", NULL, NULL, NULL);
    forget_strings(store);
}

gboolean
lamp_store_takes_rows(const LampStore *store)
{
    return store->intern_error == NULL &&
           (!store->in_transaction || !sqlite3_get_autocommit(store->db));
}

void
lamp_store_rollback(LampStore *store)
{
    if (!store->in_transaction)
        return;
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->in_transaction = FALSE;
    forget_strings(store);
}

gboolean
lamp_store_set_meta(LampStore *store, const char *key, const char *value, GError **error)
{
    char *sql = sqlite3_mprintf("INSERT OR REPLACE INTO meta VALUES (%Q, %Q)", key, value);
    gboolean ok = lamp_store_run(store, sql, error);
    sqlite3_free(sql);
    return ok;
}

char *
lamp_store_get_meta(LampStore *store, const char *key)
{
    sqlite3_stmt *statement = NULL;
    char *value = NULL;
    if (sqlite3_prepare_v2(store->db, "SELECT value FROM meta WHERE key = ?", -1, &statement,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
            value = g_strdup((const char *) sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
}

static gboolean
mark_stage(LampStore *store, const char *stage, const char *state, GError **error)
{
    g_autofree char *key = g_strconcat(stage, ".state", NULL);
    return lamp_store_set_meta(store, key, state, error);
}

gboolean
lamp_store_stage_begin(LampStore *store, const char *stage, GError **error)
{
    if (!mark_stage(store, stage, "running", error))
        return FALSE;
    return !g_str_equal(stage, "ingest") ||
           lamp_store_run(store, "DELETE FROM meta WHERE key = 'correlate.state'", error);
}

gboolean
lamp_store_stage_end(LampStore *store, const char *stage, GError **error)
{
    return mark_stage(store, stage, "done", error);
}

gboolean
lamp_store_stage_require(LampStore *store, const char *stage, GError **error)
{
    g_autofree char *key = g_strconcat(stage, ".state", NULL);
    g_autofree char *state = lamp_store_get_meta(store, key);
    if (g_strcmp0(state, "done") == 0)
        return TRUE;
    if (g_str_equal(stage, "ingest"))
        g_set_error(
            error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_INCOMPLETE,
            "'%s' holds an ingest that %s; run `lamplight ingest PATH... -o %s` again to "
            "complete it",
            store->path, state == NULL ? "never ran" : "was interrupted", store->path);
    else
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_INCOMPLETE,
                    "'%s' %s; run `lamplight correlate %s`", store->path,
                    state == NULL ? "is not correlated yet"
                                  : "holds an interrupted correlation",
                    store->path);
    return FALSE;
}
