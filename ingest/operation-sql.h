/*
 * What the folding of SQL remembers, between ingest/operation-sql.c, which reads statements,
 * and ingest/operation-sql-memo.c. Others include ingest/operation.h.
 */
#pragma once

#include "ingest/operation.h"

enum { LAMP_SQL_MEMO_TEXT = 512, LAMP_SQL_MEMO_SHAPE = 256, LAMP_SQL_MEMO_LITERALS = 8 };

typedef enum { LAMP_SQL_NUMBER, LAMP_SQL_QUOTED, LAMP_SQL_ESCAPED } LampSqlSort;

typedef struct {
    guint16 at, len; /* in the statement, with quotes */
    guint8 sort;     /* LampSqlSort */
    guint8 number;   /* among literals and parameter marks, from 1 */
} LampSqlLiteral;

typedef struct {
    guint16 text_len; /* 0: not in use */
    guint16 shape_len, size, literals;
    LampSqlLiteral literal[LAMP_SQL_MEMO_LITERALS];
    char text[LAMP_SQL_MEMO_TEXT], shape[LAMP_SQL_MEMO_SHAPE];
} LampSqlMemo;

/* Takes a literal of @sort, without its quotes; FALSE where none begins at the cursor. */
gboolean lamp_sql_take_literal(LampCursor *c, LampSqlSort sort, LampBytes *out_value);

/* The statement like @sql that was folded to at most @size bytes, or NULL; and the literals of
 * @sql. Borrowed until the next call of lamp_sql_memo_new(). */
const LampSqlMemo *lamp_sql_memo_find(LampBytes sql, gsize size,
                                      LampBytes out_literals[LAMP_SQL_MEMO_LITERALS]);

/* Where @sql is to be noted while it is folded; not in use until text_len is set. NULL where it
 * is too long. */
LampSqlMemo *lamp_sql_memo_new(LampBytes sql, gsize size);
