/*
 * Cells are packed as they come into the parts of a record of SQLite's file format
 * (https://www.sqlite.org/fileformat2.html, section 2.1): the serial types of the columns and
 * their bytes. Rows gather on a page that is copied into the table when it is full. A row that
 * is larger than the page is inserted by itself, as all are where SQLite cannot take pages.
 */
#include "store/batch.h"

#include "base/text.h"
#include "store/row-page.h"

/* Serial types of cells: how their bytes are to be read. */
enum { TYPE_NULL = 0, TYPE_INT64 = 6, TYPE_ZERO = 8, TYPE_ONE = 9, TYPE_TEXT = 13 };

const LampNumberForm lamp_number_forms[65] = {
    [0 ... 8] = {1, 1},   [9 ... 16] = {2, 2},  [17 ... 24] = {3, 3},
    [25 ... 32] = {4, 4}, [33 ... 48] = {5, 6}, [49 ... 64] = {TYPE_INT64, 8},
};

/* ---- cells of a row */

/* A text too long for a type is too long for SQLite, which says so when it is handed over. */
static guint32
text_type(gsize len)
{
    return (guint32) (TYPE_TEXT + 2 * MIN(len, (gsize) 1 << 30));
}

LampOut *
lamp_batch_text_begin(LampBatch *batch, gsize *out_begin)
{
    *out_begin = batch->body.len;
    return &batch->body;
}

void
lamp_batch_text_end(LampBatch *batch, guint column, gsize begin)
{
    gsize len = batch->body.len - begin;
    if (len > 0)
        batch->types[column] = text_type(len);
}

static void
put_text(LampBatch *batch, guint column, LampBytes text)
{
    lamp_out_add(&batch->body, text);
    batch->types[column] = text_type(text.len);
}

void
lamp_batch_utf8(LampBatch *batch, guint column, LampBytes text)
{
    if (text.len > 0)
        put_text(batch, column, text);
}

void
lamp_batch_text(LampBatch *batch, guint column, LampBytes text)
{
    if (text.len > 0 && lamp_text_is_utf8(text)) {
        put_text(batch, column, text);
    } else if (text.len > 0) {
        g_autofree char *repaired = lamp_text_to_utf8(text, text.len);
        put_text(batch, column, lamp_bytes_text(repaired));
    }
}

void
lamp_batch_static(LampBatch *batch, guint column, const char *text)
{
    if (text != NULL)
        put_text(batch, column, lamp_bytes_text(text));
}

/* ---- whole rows */

static void
begin_row(LampBatch *batch)
{
    memset(batch->types, 0, (batch->columns + 1) * sizeof batch->types[0]);
    batch->row_id = 0;
    batch->body.len = 0;
}

static gint64
read_number(const guint8 *at, guint len)
{
    guint64 value = (at[0] & 0x80) != 0 ? ~(guint64) 0 : 0; /* the sign */
    for (guint i = 0; i < len; i++)
        value = value << 8 | at[i];
    return (gint64) value;
}

/* Inserts the row by itself. */
static gboolean
insert_row(LampBatch *batch, GError **error)
{
    static const guint8 lengths[] = {0, 1, 2, 3, 4, 6, 8, 8}; /* by type; 7 is not used */
    const guint8 *body = batch->body.at;
    lamp_statement_reset(batch->insert);
    lamp_statement_bind_int(batch->insert, 1, batch->row_id);
    for (int column = 2; column <= (int) batch->columns; column++) {
        guint32 type = batch->types[column];
        if (type >= TYPE_TEXT) {
            gsize len = (type - TYPE_TEXT) / 2;
            if (len > 0)
                lamp_statement_bind_text(batch->insert, column, lamp_bytes(body, len));
            else
                lamp_statement_bind_string(batch->insert, column, "");
            body += len;
        } else if (type >= TYPE_ZERO) {
            lamp_statement_bind_int(batch->insert, column, type == TYPE_ONE);
        } else if (type != TYPE_NULL) {
            lamp_statement_bind_int(batch->insert, column, read_number(body, lengths[type]));
            body += lengths[type];
        }
    }
    return lamp_statement_run(batch->insert, error);
}

/* The serial types of the row, as they stand before its bytes. */
static gsize
pack_types(const LampBatch *batch, guint8 *out)
{
    guint8 *at = out;
    *at++ = TYPE_NULL; /* the key */
    for (guint column = 2; column <= batch->columns; column++) {
        guint32 type = batch->types[column];
        if (type < 0x80)
            *at++ = (guint8) type;
        else
            at += lamp_put_varint(at, type);
    }
    return (gsize) (at - out);
}

gboolean
lamp_batch_next(LampBatch *batch, GError **error)
{
    enum { LONGEST_TYPE = 5 };
    guint8 packed[LAMP_BATCH_COLUMNS * LONGEST_TYPE];
    LampBytes types = lamp_bytes(packed, pack_types(batch, packed));
    LampBytes body = lamp_bytes(batch->body.at, batch->body.len);
    gboolean ok = lamp_row_page_add(batch->page, batch->row_id, types, body) ||
                  (lamp_row_page_transfer(batch->page, error) &&
                   (lamp_row_page_add(batch->page, batch->row_id, types, body) ||
                    insert_row(batch, error)));
    begin_row(batch);
    return ok;
}

gboolean
lamp_batch_flush(LampBatch *batch, GError **error)
{
    return lamp_row_page_transfer(batch->page, error);
}

void
lamp_batch_clear(LampBatch *batch)
{
    lamp_row_page_clear(batch->page);
    begin_row(batch);
}

static LampStatement *
prepare_insert(LampStore *store, const char *table, guint *out_columns, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT * FROM main.%s", table);
    g_autoptr(LampStatement) rows = lamp_statement_new(store, sql, error);
    if (rows == NULL)
        return NULL;
    *out_columns = (guint) lamp_statement_column_count(rows);
    g_autoptr(GString) insert = g_string_new("INSERT INTO main.");
    g_string_append_printf(insert, "%s VALUES (?", table);
    for (guint i = 1; i < *out_columns; i++)
        g_string_append(insert, ",?");
    g_string_append_c(insert, ')');
    return lamp_statement_new(store, insert->str, error);
}

LampBatch *
lamp_batch_new(LampStore *store, const char *table, GError **error)
{
    LampBatch *batch = g_new0(LampBatch, 1);
    batch->insert = prepare_insert(store, table, &batch->columns, error);
    g_assert(batch->columns <= LAMP_BATCH_COLUMNS); /* the schema is lamplight's own */
    if (batch->insert != NULL)
        batch->page = lamp_row_page_new(store, table, error);
    if (batch->page != NULL) {
        lamp_batch_clear(batch);
        return batch;
    }
    lamp_batch_free(batch);
    return NULL;
}

void
lamp_batch_free(LampBatch *batch)
{
    if (batch == NULL)
        return;
    lamp_statement_free(batch->insert);
    lamp_row_page_free(batch->page);
    lamp_out_clear(&batch->body);
    g_free(batch);
}
