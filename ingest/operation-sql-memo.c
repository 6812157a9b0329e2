/*
 * Statements folded lately, so that one that differs in its literals only is not read again.
 *
 * In: statements with the places of their literals and their shapes. Out: shapes. The lexer
 * reads from left to right and what it does at a place depends on the tokens before it alone,
 * so where the bytes between the literals are equal, and literals of the same sort stand
 * between them, the shape is equal too. Programs send few different statements: comparing is a
 * tenth of the work of reading. Limits: statements of 512 bytes with 8 literals.
 */
#include "ingest/operation-sql.h"

#include "base/value-hash.h"

enum { PLACES = 32, WAYS = 4, HEAD = 32 };

typedef struct {
    LampSqlMemo ways[WAYS];
    guint next; /* to be given up */
} Place;

/* What a thread folded last. Results do not depend on it. */
static _Thread_local Place places[PLACES];

static Place *
place_of(LampBytes sql)
{
    LampBytes head = lamp_bytes(sql.at, MIN(sql.len, (gsize) HEAD));
    return &places[lamp_value_hash(head) % PLACES];
}

/* Compares @sql with what is remembered; the literals of @sql are handed out. */
static gboolean
is_like(const LampSqlMemo *m, LampBytes sql, LampBytes out_literals[LAMP_SQL_MEMO_LITERALS])
{
    LampCursor c = lamp_cursor(sql);
    gsize at = 0;
    for (guint i = 0; i < m->literals; i++) {
        const LampSqlLiteral *l = &m->literal[i];
        gsize n = l->at - at;
        if (lamp_cursor_left(&c) <= n || memcmp(c.at, m->text + at, n) != 0)
            return FALSE;
        c.at += n;
        if (!lamp_sql_take_literal(&c, l->sort, &out_literals[i]))
            return FALSE;
        at = (gsize) l->at + l->len;
    }
    gsize n = m->text_len - at;
    return lamp_cursor_left(&c) == n && memcmp(c.at, m->text + at, n) == 0;
}

const LampSqlMemo *
lamp_sql_memo_find(LampBytes sql, gsize size, LampBytes out_literals[LAMP_SQL_MEMO_LITERALS])
{
    if (sql.len == 0 || sql.len > LAMP_SQL_MEMO_TEXT)
        return NULL;
    const Place *place = place_of(sql);
    for (guint i = 0; i < WAYS; i++) {
        const LampSqlMemo *m = &place->ways[i];
        if (m->text_len > 0 && m->size == size && is_like(m, sql, out_literals))
            return m;
    }
    return NULL;
}

LampSqlMemo *
lamp_sql_memo_new(LampBytes sql, gsize size)
{
    if (sql.len == 0 || sql.len > LAMP_SQL_MEMO_TEXT || size > LAMP_SQL_MEMO_SHAPE)
        return NULL;
    Place *place = place_of(sql);
    LampSqlMemo *m = &place->ways[place->next++ % WAYS];
    m->text_len = m->shape_len = 0;
    m->literals = 0;
    m->size = (guint16) size;
    memcpy(m->text, sql.at, sql.len);
    return m;
}
