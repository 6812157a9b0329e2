/*
 * Rows are gathered, as records of SQLite's file format
 * (https://www.sqlite.org/fileformat2.html, sections 1.6 and 2.1), on one page of a small
 * database in memory that is attached to the store. `INSERT INTO main.t SELECT * FROM` that
 * database's `t` then copies whole records: for tables of equal definition SQLite leaves out
 * the unpacking and packing of columns ("transfer optimisation"), which was two thirds of the
 * cost of an insert.
 *
 *     page 1   header and schema, made by SQLite itself
 *     page 2   root of the table: a leaf, filled here, emptied after each INSERT
 *
 * Rows whose numbers follow the table's last one are copied under names that declare no key,
 * which saves the search for their places (append-names.h); the page has such a name, too.
 *
 * The page changes while SQLite holds a lock on it for the length of a transaction, so it must
 * not be cached: it is read as mapped memory, which SQLite fetches anew for each statement.
 * That is tried out once; where a library does not do so, no row is taken. A count of rows
 * copied that differs from the page's is an error.
 */
#include "store/row-page.h"

#include "store/append-names.h"
#include "store/store-private.h"

#define SCHEMA_PREFIX "lamp_rows_of_"

enum {
    PAGE = 65536,
    LEAF_HEADER = 8,
    LEAF_TABLE = 13,             /* type of the page */
    LONGEST_PAYLOAD = PAGE - 35, /* longer records go on on other pages */
    LONGEST_VARINT = 8,
};

struct LampRowPage {
    LampStore *store;
    char *schema, *table; /* name of the attached database, and in it */
    LampStatement *transfer;
    LampStatement *append, *last; /* of rows that follow the last one; NULL: not possible */
    gint64 first_id, last_id;     /* of the rows on the page */
    gboolean is_ascending;        /* by one */
    gboolean is_attached, is_usable;
    guint8 *bytes; /* page 2; SQLite owns the memory */
    guint rows;
    guint free_end; /* of the free bytes, which begin behind the cell pointers */
};

/* An image of a database with the table and no row, as SQLite would write it. */
static guint8 *
make_image(const char *definition)
{
    sqlite3 *scratch = NULL;
    sqlite3_int64 size = 0;
    guint8 *image = NULL;
    g_autofree char *second_name = lamp_append_name_sql("TRUE");
    g_autofree char *sql = g_strdup_printf(
        "PRAGMA page_size=%d; PRAGMA auto_vacuum=NONE; %s; %s", PAGE, definition, second_name);
    if (sqlite3_open(":memory:", &scratch) == SQLITE_OK &&
        sqlite3_exec(scratch, sql, NULL, NULL, NULL) == SQLITE_OK)
        image = sqlite3_serialize(scratch, "main", &size, 0);
    sqlite3_close(scratch);
    if (size == 2 * PAGE)
        return image;
    sqlite3_free(image);
    return NULL;
}

static guint8 *
copy_table(const LampRowPage *page, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        page->store, "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?",
        error);
    gboolean has_row = FALSE;
    guint8 *image = NULL;
    if (query == NULL)
        return NULL;
    lamp_statement_bind_string(query, 1, page->table);
    if (!lamp_statement_step(query, &has_row, error))
        return NULL;
    if (has_row)
        image = make_image(lamp_statement_text(query, 0));
    if (image == NULL)
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY,
                    "cannot write rows to '%s' of '%s'", page->table,
                    lamp_store_path(page->store));
    return image;
}

static gboolean
attach(LampRowPage *page, GError **error)
{
    LampStore *store = page->store;
    guint8 *image = copy_table(page, error);
    g_autofree char *sql = g_strdup_printf("ATTACH ':memory:' AS %s", page->schema);
    g_autofree char *map = g_strdup_printf("PRAGMA %s.mmap_size=%d", page->schema, 2 * PAGE);
    if (image == NULL)
        return FALSE;
    page->is_attached = lamp_store_run(store, sql, error);
    if (!page->is_attached) {
        sqlite3_free(image);
        return FALSE;
    }
    page->bytes = image + PAGE;
    int code = sqlite3_deserialize(store->db, page->schema, image, 2 * PAGE, 2 * PAGE,
                                   SQLITE_DESERIALIZE_FREEONCLOSE);
    if (code != SQLITE_OK)
        return lamp_store_fail(store, code, "cannot write rows to", error);
    return lamp_store_run(store, map, error);
}

static void
put16(guint8 *at, guint value)
{
    at[0] = (guint8) (value >> 8);
    at[1] = (guint8) value;
}

/* The row as a cell of the page. FALSE: there is no room. */
static gboolean
add_cell(LampRowPage *page, gint64 row_id, LampBytes types, LampBytes body)
{
    guint8 head[2 * LONGEST_VARINT + 2];
    gsize head_len = types.len + (types.len < 0x7f ? 1 : 2);
    gsize payload = head_len + body.len;
    gsize before = lamp_put_varint(head, payload);
    before += lamp_put_varint(head + before, (guint64) row_id);
    before += lamp_put_varint(head + before, head_len);
    gsize size = before + types.len + body.len;
    guint pointer = LEAF_HEADER + 2 * page->rows;
    if (payload > LONGEST_PAYLOAD || size + pointer + 2 > page->free_end)
        return FALSE;
    page->is_ascending = page->rows == 0 || (page->is_ascending && row_id - 1 == page->last_id);
    page->first_id = page->rows == 0 ? row_id : page->first_id;
    page->last_id = row_id;
    page->free_end -= (guint) size;
    put16(page->bytes + pointer, page->free_end);
    page->rows++;
    guint8 *at = page->bytes + page->free_end;
    memcpy(at, head, before);
    at += before;
    memcpy(at, types.at, types.len);
    if (body.len > 0)
        memcpy(at + types.len, body.at, body.len);
    return TRUE;
}

/* Makes the page what its rows make it, and begins anew. */
static void
close_page(LampRowPage *page)
{
    page->bytes[0] = LEAF_TABLE;
    put16(page->bytes + 3, page->rows);
    put16(page->bytes + 5, page->free_end);
    lamp_row_page_clear(page);
}

/* Does SQLite see what is on the page now, or what was there when a transaction first read it?
 */
static gboolean
sees_changes(LampRowPage *page)
{
    static const guint8 nulls[] = {0, 0, 0};
    g_autofree char *sql =
        g_strdup_printf("SELECT max(rowid) FROM %s.%s", page->schema, page->table);
    g_autoptr(LampStatement) query = lamp_statement_new(page->store, sql, NULL);
    gboolean sees = query != NULL && lamp_store_begin(page->store, NULL);
    for (gint64 id = 1; id <= 2 && sees; id++) {
        gboolean has_row = FALSE;
        sees = add_cell(page, id, lamp_bytes(nulls, sizeof nulls), lamp_bytes(NULL, 0));
        close_page(page);
        sees = sees && lamp_statement_step(query, &has_row, NULL) && has_row &&
               lamp_statement_int(query, 0) == id;
        lamp_statement_reset(query);
    }
    lamp_store_rollback(page->store);
    return sees;
}

static void
forget_append(LampRowPage *page)
{
    g_clear_pointer(&page->append, lamp_statement_free);
    g_clear_pointer(&page->last, lamp_statement_free);
}

static void
prepare_append(LampRowPage *page)
{
    g_autofree char *append = g_strdup_printf("INSERT INTO main." LAMP_APPEND_PREFIX
                                              "%s SELECT * FROM %s." LAMP_APPEND_PREFIX "%s",
                                              page->table, page->schema, page->table);
    g_autofree char *last = g_strdup_printf(
        "SELECT (SELECT coalesce(max(rowid), 0) FROM main.%s), (SELECT count(*) FROM "
        "main.sqlite_schema WHERE tbl_name = '%s' AND type <> 'table')",
        page->table, page->table);
    page->append = lamp_statement_new(page->store, append, NULL);
    page->last = lamp_statement_new(page->store, last, NULL);
    if (page->append == NULL || page->last == NULL)
        forget_append(page);
}

/* Do the rows follow the last one of the table, which still has no index? */
static gboolean
follow_last(const LampRowPage *page)
{
    gboolean has_row = FALSE;
    if (page->append == NULL || !page->is_ascending)
        return FALSE;
    gboolean follow = lamp_statement_step(page->last, &has_row, NULL) && has_row &&
                      lamp_statement_int(page->last, 0) == page->first_id - 1 &&
                      lamp_statement_int(page->last, 1) == 0;
    lamp_statement_reset(page->last);
    return follow;
}

LampRowPage *
lamp_row_page_new(LampStore *store, const char *table, GError **error)
{
    LampRowPage *page = g_new0(LampRowPage, 1);
    g_autofree char *sql = g_strdup_printf("INSERT INTO main.%s SELECT * FROM %s%s.%s", table,
                                           SCHEMA_PREFIX, table, table);
    page->store = store;
    page->table = g_strdup(table);
    page->schema = g_strconcat(SCHEMA_PREFIX, table, NULL);
    lamp_row_page_clear(page);
    if (attach(page, error))
        page->transfer = lamp_statement_new(store, sql, error);
    if (page->transfer != NULL) {
        page->is_usable = sees_changes(page);
        prepare_append(page);
        return page;
    }
    lamp_row_page_free(page);
    return NULL;
}

void
lamp_row_page_free(LampRowPage *page)
{
    if (page == NULL)
        return;
    lamp_statement_free(page->transfer);
    forget_append(page);
    g_autofree char *sql = g_strdup_printf("DETACH %s", page->schema);
    if (page->is_attached) /* where this fails, closing the store frees the memory */
        sqlite3_exec(page->store->db, sql, NULL, NULL, NULL);
    g_free(page->schema);
    g_free(page->table);
    g_free(page);
}

gboolean
lamp_row_page_add(LampRowPage *page, gint64 row_id, LampBytes types, LampBytes body)
{
    return page->is_usable && add_cell(page, row_id, types, body);
}

/* Where the schema was read again, and the names are gone with it, nothing was written. After
 * some errors (a full disk) SQLite has ended the transaction, and nothing may follow. */
static gboolean
append_rows(LampRowPage *page, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (lamp_statement_run(page->append, &failure))
        return TRUE;
    forget_append(page);
    if (lamp_store_takes_rows(page->store))
        return lamp_statement_run(page->transfer, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
lamp_row_page_transfer(LampRowPage *page, GError **error)
{
    guint rows = page->rows;
    if (rows == 0)
        return TRUE;
    gboolean append = follow_last(page);
    close_page(page);
    if (append ? !append_rows(page, error) : !lamp_statement_run(page->transfer, error))
        return FALSE;
    if (sqlite3_changes(page->store->db) == (int) rows &&
        sqlite3_last_insert_rowid(page->store->db) == page->last_id)
        return TRUE;
    g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY,
                "cannot change '%s': SQLite did not take the rows of '%s'",
                lamp_store_path(page->store), page->table);
    return FALSE;
}

void
lamp_row_page_clear(LampRowPage *page)
{
    page->rows = 0;
    page->free_end = PAGE;
}
