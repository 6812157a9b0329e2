/*
 * Cells are kept as they come, texts one behind the other in one buffer; a flush binds them
 * all. A full batch goes through the statement of many rows, a rest through that of one row.
 */
#include "store/batch.h"

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
    LampStatement *one, *many;
    guint columns, rows;
    Cell *cells;
    GByteArray *texts;
};

static LampStatement *
prepare(LampStore *store, const char *table, guint columns, guint rows, GError **error)
{
    g_autoptr(GString) sql = g_string_new("INSERT INTO ");
    g_string_append_printf(sql, "%s VALUES ", table);
    for (guint row = 0; row < rows; row++) {
        g_string_append(sql, row == 0 ? "(?" : ",(?");
        for (guint column = 1; column < columns; column++)
            g_string_append(sql, ",?");
        g_string_append_c(sql, ')');
    }
    return lamp_statement_new(store, sql->str, error);
}

LampBatch *
lamp_batch_new(LampStore *store, const char *table, guint columns, GError **error)
{
    LampBatch *batch = g_new0(LampBatch, 1);
    batch->columns = columns;
    batch->cells = g_new0(Cell, (gsize) columns * LAMP_BATCH_ROWS);
    batch->texts = g_byte_array_new();
    batch->one = prepare(store, table, columns, 1, error);
    if (batch->one != NULL)
        batch->many = prepare(store, table, columns, LAMP_BATCH_ROWS, error);
    if (batch->many != NULL)
        return batch;
    lamp_batch_free(batch);
    return NULL;
}

void
lamp_batch_free(LampBatch *batch)
{
    if (batch == NULL)
        return;
    lamp_statement_free(batch->one);
    lamp_statement_free(batch->many);
    g_byte_array_unref(batch->texts);
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

void
lamp_batch_text(LampBatch *batch, guint column, LampBytes text)
{
    *cell_at(batch, column) = (Cell){.kind = text.len == 0 ? CELL_NULL : CELL_TEXT,
                                     .len = (guint32) text.len,
                                     .number = batch->texts->len};
    if (text.len > 0)
        g_byte_array_append(batch->texts, text.at, (guint) text.len);
}

void
lamp_batch_static(LampBatch *batch, guint column, const char *text)
{
    *cell_at(batch, column) = (Cell){.kind = CELL_STATIC, .text = text};
}

static void
bind_cells(LampBatch *batch, LampStatement *statement, const Cell *cells, guint count)
{
    for (guint i = 0; i < count; i++) {
        int parameter = (int) i + 1;
        if (cells[i].kind == CELL_INT)
            lamp_statement_bind_int(statement, parameter, cells[i].number);
        else if (cells[i].kind == CELL_TEXT)
            lamp_statement_bind_text(
                statement, parameter,
                lamp_bytes(batch->texts->data + cells[i].number, cells[i].len));
        else
            lamp_statement_bind_string(statement, parameter,
                                       cells[i].kind == CELL_STATIC ? cells[i].text : NULL);
    }
}

gboolean
lamp_batch_flush(LampBatch *batch, GError **error)
{
    gboolean ok = TRUE;
    if (batch->rows == LAMP_BATCH_ROWS) {
        bind_cells(batch, batch->many, batch->cells, batch->rows * batch->columns);
        ok = lamp_statement_run(batch->many, error);
    } else {
        for (guint row = 0; row < batch->rows && ok; row++) {
            bind_cells(batch, batch->one, &batch->cells[row * batch->columns], batch->columns);
            ok = lamp_statement_run(batch->one, error);
        }
    }
    lamp_batch_clear(batch);
    return ok;
}

gboolean
lamp_batch_next(LampBatch *batch, GError **error)
{
    batch->rows++;
    return batch->rows < LAMP_BATCH_ROWS || lamp_batch_flush(batch, error);
}

void
lamp_batch_clear(LampBatch *batch)
{
    batch->rows = 0;
    g_byte_array_set_size(batch->texts, 0);
    memset(batch->cells, 0, sizeof *batch->cells * batch->columns * LAMP_BATCH_ROWS);
}
