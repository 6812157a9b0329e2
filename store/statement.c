/*
 * A thin cover over sqlite3_stmt. Column access is a direct call, so that loops over millions
 * of rows pay nothing for the cover.
 */
#include "store/statement.h"

#include "base/text.h"
#include "store/store-private.h"

struct LampStatement {
    LampStore *store;
    sqlite3_stmt *statement;
};

static gboolean
only_blanks(const char *text)
{
    for (; *text != '\0'; text++)
        if (!g_ascii_isspace(*text) && *text != ';')
            return FALSE;
    return TRUE;
}

LampStatement *
lamp_statement_new(LampStore *store, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    const char *tail = NULL;
    int code =
        sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, &tail);
    if (code != SQLITE_OK) {
        lamp_store_fail(store, code, "cannot query", error);
        return NULL;
    }
    if (statement == NULL || !only_blanks(tail)) {
        sqlite3_finalize(statement);
        g_set_error(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY, "%s",
                    statement == NULL ? "the query is empty" : "one statement at a time");
        return NULL;
    }
    LampStatement *made = g_new0(LampStatement, 1);
    made->store = store;
    made->statement = statement;
    return made;
}

void
lamp_statement_free(LampStatement *statement)
{
    if (statement == NULL)
        return;
    sqlite3_finalize(statement->statement);
    g_free(statement);
}

void
lamp_statement_bind_int(LampStatement *statement, int parameter, gint64 value)
{
    sqlite3_bind_int64(statement->statement, parameter, value);
}

void
lamp_statement_bind_real(LampStatement *statement, int parameter, double value)
{
    sqlite3_bind_double(statement->statement, parameter, value);
}

void
lamp_statement_bind_null(LampStatement *statement, int parameter)
{
    sqlite3_bind_null(statement->statement, parameter);
}

void
lamp_statement_bind_text(LampStatement *statement, int parameter, LampBytes text)
{
    if (text.len == 0) {
        sqlite3_bind_null(statement->statement, parameter);
    } else if (lamp_text_is_utf8(text)) {
        sqlite3_bind_text64(statement->statement, parameter, (const char *) text.at, text.len,
                            SQLITE_STATIC, SQLITE_UTF8);
    } else {
        char *repaired = lamp_text_to_utf8(text, text.len);
        sqlite3_bind_text(statement->statement, parameter, repaired, -1, g_free);
    }
}

void
lamp_statement_bind_string(LampStatement *statement, int parameter, const char *text)
{
    sqlite3_bind_text(statement->statement, parameter, text, -1, SQLITE_STATIC);
}

void
lamp_statement_bind_int_or_null(LampStatement *statement, int parameter, gint64 value,
                                gint64 none)
{
    if (value == none)
        sqlite3_bind_null(statement->statement, parameter);
    else
        sqlite3_bind_int64(statement->statement, parameter, value);
}

gboolean
lamp_statement_step(LampStatement *statement, gboolean *out_has_row, GError **error)
{
    int code = sqlite3_step(statement->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        sqlite3_reset(statement->statement);
        return lamp_store_fail(statement->store, code, "cannot read or change", error);
    }
    *out_has_row = code == SQLITE_ROW;
    return TRUE;
}

gboolean
lamp_statement_run(LampStatement *statement, GError **error)
{
    int code = sqlite3_step(statement->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        lamp_store_fail(statement->store, code, "cannot change", error);
    sqlite3_reset(statement->statement);
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

void
lamp_statement_reset(LampStatement *statement)
{
    sqlite3_reset(statement->statement);
    sqlite3_clear_bindings(statement->statement);
}

int
lamp_statement_column_count(LampStatement *statement)
{
    return sqlite3_column_count(statement->statement);
}

const char *
lamp_statement_column_name(LampStatement *statement, int column)
{
    return sqlite3_column_name(statement->statement, column);
}

LampColumnType
lamp_statement_column_type(LampStatement *statement, int column)
{
    switch (sqlite3_column_type(statement->statement, column)) {
    case SQLITE_NULL:
        return LAMP_COLUMN_NULL;
    case SQLITE_INTEGER:
        return LAMP_COLUMN_INTEGER;
    case SQLITE_FLOAT:
        return LAMP_COLUMN_REAL;
    default:
        return LAMP_COLUMN_TEXT;
    }
}

gint64
lamp_statement_int(LampStatement *statement, int column)
{
    return sqlite3_column_int64(statement->statement, column);
}

double
lamp_statement_real(LampStatement *statement, int column)
{
    return sqlite3_column_double(statement->statement, column);
}

const char *
lamp_statement_text(LampStatement *statement, int column)
{
    return (const char *) sqlite3_column_text(statement->statement, column);
}

gint64
lamp_statement_int_or(LampStatement *statement, int column, gint64 none)
{
    if (sqlite3_column_type(statement->statement, column) == SQLITE_NULL)
        return none;
    return sqlite3_column_int64(statement->statement, column);
}

gboolean
lamp_statement_is_read_only(LampStatement *statement)
{
    return sqlite3_stmt_readonly(statement->statement) != 0;
}
