/*
 * Prepared statements: the only way to SQLite outside of this folder.
 *
 * lamp_statement_new() compiles; bind parameters from 1; lamp_statement_step() runs to the next
 * row; columns count from 0. After a statement without rows has run, lamp_statement_run() has
 * already reset it for the next use. Texts of columns are valid until the next step or reset.
 */
#pragma once

#include "store/store.h"

typedef struct LampStatement LampStatement;

typedef enum {
    LAMP_COLUMN_NULL,
    LAMP_COLUMN_INTEGER,
    LAMP_COLUMN_REAL,
    LAMP_COLUMN_TEXT
} LampColumnType;

/* Caller frees. One statement only; the error text names the place in it that is wrong. */
LampStatement *lamp_statement_new(LampStore *store, const char *sql,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_statement_free(LampStatement *statement);

void lamp_statement_bind_int(LampStatement *statement, int parameter, gint64 value);
void lamp_statement_bind_real(LampStatement *statement, int parameter, double value);
void lamp_statement_bind_null(LampStatement *statement, int parameter);

/* @text is borrowed until the statement is reset; a text that is not UTF-8 is stored repaired.
 * An empty @text binds NULL. */
void lamp_statement_bind_text(LampStatement *statement, int parameter, LampBytes text);

/* The same for a NUL-terminated text; NULL binds NULL. */
void lamp_statement_bind_string(LampStatement *statement, int parameter, const char *text);

/* Binds NULL for a @value equal to @none, else the value. */
void lamp_statement_bind_int_or_null(LampStatement *statement, int parameter, gint64 value,
                                     gint64 none);

/* Next row: *out_has_row tells whether there is one. */
gboolean lamp_statement_step(LampStatement *statement, gboolean *out_has_row,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Runs a statement that gives no rows and resets it; bindings are kept. */
gboolean lamp_statement_run(LampStatement *statement, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ready for the next use; bindings are cleared. */
void lamp_statement_reset(LampStatement *statement);

int lamp_statement_column_count(LampStatement *statement);
const char *lamp_statement_column_name(LampStatement *statement, int column);
LampColumnType lamp_statement_column_type(LampStatement *statement, int column);
gint64 lamp_statement_int(LampStatement *statement, int column);
double lamp_statement_real(LampStatement *statement, int column);
/* NULL for SQL NULL. */
const char *lamp_statement_text(LampStatement *statement, int column);
/* @none for SQL NULL. */
gint64 lamp_statement_int_or(LampStatement *statement, int column, gint64 none);

/* TRUE if the statement cannot change the database. */
gboolean lamp_statement_is_read_only(LampStatement *statement);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampStatement, lamp_statement_free)
