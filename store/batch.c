/*
 * Cells are kept as they come, texts one behind the other in one buffer. A batch is also an
 * eponymous virtual table (https://www.sqlite.org/vtab.html) of the connection, so that one
 * `INSERT … SELECT * FROM` it writes all gathered rows: no statement is reset and no value is
 * bound for each row. The rows are written when there are enough of them or their texts are
 * large, so memory is bounded.
 */
#include "store/batch.h"

#include "base/text.h"
#include "store/store-private.h"

enum { BATCH_ROWS = 256, BATCH_BYTES = 1 << 20 };

typedef enum { CELL_NULL, CELL_INT, CELL_TEXT, CELL_STATIC } CellKind;

typedef struct {
    CellKind kind;
    guint32 len;
    union {
        gint64 number; /* for CELL_TEXT: its place in the buffer */
        const char *text;
    };
} Cell;

struct LampBatch {
    LampStore *store;
    LampStatement *insert;
    char *module;
    guint columns, rows;
    Cell *cells;
    GByteArray *texts;
};

typedef struct {
    sqlite3_vtab base;
    LampBatch *batch;
} Table;

typedef struct {
    sqlite3_vtab_cursor base;
    guint row;
} TableCursor;

static int
table_connect(sqlite3 *db, void *owner, int argc, const char *const *argv,
              sqlite3_vtab **out_table, char **out_error)
{
    LampBatch *batch = owner;
    g_autoptr(GString) sql = g_string_new("CREATE TABLE t (");
    (void) argc;
    (void) argv;
    (void) out_error;
    for (guint i = 0; i < batch->columns; i++)
        g_string_append_printf(sql, i == 0 ? "c%u" : ", c%u", i + 1);
    g_string_append_c(sql, ')');
    int code = sqlite3_declare_vtab(db, sql->str);
    if (code != SQLITE_OK)
        return code;
    Table *table = g_new0(Table, 1);
    table->batch = batch;
    *out_table = &table->base;
    return SQLITE_OK;
}

static int
table_disconnect(sqlite3_vtab *table)
{
    g_free(table);
    return SQLITE_OK;
}

static int
table_plan(sqlite3_vtab *table, sqlite3_index_info *plan)
{
    (void) table;
    plan->estimatedRows = BATCH_ROWS;
    plan->estimatedCost = BATCH_ROWS;
    return SQLITE_OK;
}

static int
table_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out_cursor)
{
    (void) table;
    TableCursor *cursor = g_new0(TableCursor, 1);
    *out_cursor = &cursor->base;
    return SQLITE_OK;
}

static int
table_close(sqlite3_vtab_cursor *cursor)
{
    g_free(cursor);
    return SQLITE_OK;
}

static int
table_rewind(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argc,
             sqlite3_value **argv)
{
    (void) plan;
    (void) plan_text;
    (void) argc;
    (void) argv;
    ((TableCursor *) cursor)->row = 0;
    return SQLITE_OK;
}

static int
table_next(sqlite3_vtab_cursor *cursor)
{
    ((TableCursor *) cursor)->row++;
    return SQLITE_OK;
}

static int
table_at_end(sqlite3_vtab_cursor *cursor)
{
    return ((TableCursor *) cursor)->row >= ((Table *) cursor->pVtab)->batch->rows;
}

static int
table_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
    const LampBatch *batch = ((Table *) cursor->pVtab)->batch;
    gsize row = ((TableCursor *) cursor)->row;
    const Cell *cell = &batch->cells[row * batch->columns + (guint) column];
    if (cell->kind == CELL_INT)
        sqlite3_result_int64(result, cell->number);
    else if (cell->kind == CELL_TEXT)
        sqlite3_result_text64(result, (const char *) batch->texts->data + cell->number,
                              cell->len, SQLITE_STATIC, SQLITE_UTF8);
    else if (cell->kind == CELL_STATIC && cell->text != NULL)
        sqlite3_result_text(result, cell->text, -1, SQLITE_STATIC);
    return SQLITE_OK;
}

static int
table_row_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out_id)
{
    *out_id = ((TableCursor *) cursor)->row;
    return SQLITE_OK;
}

static const sqlite3_module rows_module = {
    .iVersion = 1,
    .xConnect = table_connect,
    .xBestIndex = table_plan,
    .xDisconnect = table_disconnect,
    .xOpen = table_open,
    .xClose = table_close,
    .xFilter = table_rewind,
    .xNext = table_next,
    .xEof = table_at_end,
    .xColumn = table_column,
    .xRowid = table_row_id,
};

LampBatch *
lamp_batch_new(LampStore *store, const LampBatchForm *form, GError **error)
{
    LampBatch *batch = g_new0(LampBatch, 1);
    batch->store = store;
    batch->columns = form->columns;
    batch->cells = g_new0(Cell, (gsize) form->columns * BATCH_ROWS);
    batch->texts = g_byte_array_new();
    batch->module = g_strconcat("lamp_rows_of_", form->name, NULL);
    g_autofree char *sql = g_strdup_printf("INSERT INTO %s SELECT %s FROM %s", form->table,
                                           form->values, batch->module);
    int code = sqlite3_create_module(store->db, batch->module, &rows_module, batch);
    if (code != SQLITE_OK)
        lamp_store_fail(store, code, "cannot write rows to", error);
    else
        batch->insert = lamp_statement_new(store, sql, error);
    if (batch->insert != NULL)
        return batch;
    lamp_batch_free(batch);
    return NULL;
}

void
lamp_batch_free(LampBatch *batch)
{
    if (batch == NULL)
        return;
    lamp_statement_free(batch->insert);
    sqlite3_create_module(batch->store->db, batch->module, NULL, NULL); /* removes it */
    g_byte_array_unref(batch->texts);
    g_free(batch->module);
    g_free(batch->cells);
    g_free(batch);
}

static Cell *
cell_at(LampBatch *batch, guint column)
{
    return &batch->cells[batch->rows * batch->columns + column - 1];
}

void
lamp_batch_int(LampBatch *batch, guint column, gint64 value)
{
    *cell_at(batch, column) = (Cell){.kind = CELL_INT, .number = value};
}

void
lamp_batch_int_or_null(LampBatch *batch, guint column, gint64 value, gint64 none)
{
    *cell_at(batch, column) =
        (Cell){.kind = value == none ? CELL_NULL : CELL_INT, .number = value};
}

GByteArray *
lamp_batch_text_begin(LampBatch *batch, gsize *out_begin)
{
    *out_begin = batch->texts->len;
    return batch->texts;
}

void
lamp_batch_text_end(LampBatch *batch, guint column, gsize begin)
{
    gsize len = batch->texts->len - begin;
    *cell_at(batch, column) = (Cell){.kind = len == 0 ? CELL_NULL : CELL_TEXT,
                                     .len = (guint32) len,
                                     .number = (gint64) begin};
}

void
lamp_batch_text(LampBatch *batch, guint column, LampBytes text)
{
    gsize begin = batch->texts->len;
    if (text.len > 0 && lamp_text_is_utf8(text)) {
        g_byte_array_append(batch->texts, text.at, (guint) text.len);
    } else if (text.len > 0) {
        g_autofree char *repaired = lamp_text_to_utf8(text, text.len);
        g_byte_array_append(batch->texts, (const guint8 *) repaired, (guint) strlen(repaired));
    }
    lamp_batch_text_end(batch, column, begin);
}

void
lamp_batch_static(LampBatch *batch, guint column, const char *text)
{
    *cell_at(batch, column) = (Cell){.kind = CELL_STATIC, .text = text};
}

gboolean
lamp_batch_flush(LampBatch *batch, GError **error)
{
    gboolean ok = batch->rows == 0 || lamp_statement_run(batch->insert, error);
    lamp_batch_clear(batch);
    return ok;
}

gboolean
lamp_batch_next(LampBatch *batch, GError **error)
{
    batch->rows++;
    return (batch->rows < BATCH_ROWS && batch->texts->len < BATCH_BYTES) ||
           lamp_batch_flush(batch, error);
}

void
lamp_batch_clear(LampBatch *batch)
{
    guint used = MIN(batch->rows + 1, (guint) BATCH_ROWS);
    memset(batch->cells, 0, sizeof *batch->cells * batch->columns * used);
    batch->rows = 0;
    g_byte_array_set_size(batch->texts, 0);
}
