/*
 * SQL statements folded to their shape.
 *
 * In: the text of a statement, possibly cut, in any dialect. Out: the same text with literals
 * and parameter marks as `?`, comments and surplus blanks gone, lists after IN and VALUES as
 * `(?)`, and no closing semicolon. One pass over tokens (the lexical rules of the PostgreSQL
 * manual, chapter "Lexical Structure", and MySQL's backquotes and `#` comments); no grammar.
 * Limits: keywords keep their case; a MySQL string in double quotes is taken for an identifier.
 */
#include "ingest/operation-sql.h"

#include "base/text.h"

typedef struct {
    LampCursor in;
    char *out;
    gsize size, len;
    gboolean wants_blank; /* a blank stands between the last token and the next */
    gboolean after_list_word, in_list, after_list;
    guint literals;
    LampFolded folded;
    gpointer owner;
    const guint8 *begin;
    LampSqlMemo *memo; /* in which the literals are noted; NULL: none */
} SqlFold;

/* Bytes of words are letters, digits, `_`, `$` and all that is not ASCII. */
enum { WORD = 1, BLANK = 2, COMMENT = 4 /* may begin one */ };
static const guint8 classes[256] = {
    ['0' ... '9'] = WORD,
    ['A' ... 'Z'] = WORD,
    ['a' ... 'z'] = WORD,
    ['_'] = WORD,
    ['$'] = WORD,
    [0x80 ... 0xff] = WORD,
    ['\t' ... '\n'] = BLANK,
    ['\f' ... '\r'] = BLANK,
    [' '] = BLANK,
    ['#'] = COMMENT,
    ['-'] = COMMENT,
    ['/'] = COMMENT,
};

/* What a token may be by its first byte; 0: anything. */
static const guint8 first_bytes[256] = {
    ['A' ... 'Z'] = WORD,    ['a' ... 'z'] = WORD,    ['_'] = WORD,  [0x80 ... 0xff] = WORD,
    ['\t' ... '\n'] = BLANK, ['\f' ... '\r'] = BLANK, [' '] = BLANK, ['#'] = COMMENT,
    ['-'] = COMMENT,         ['/'] = COMMENT,
};

static inline void
put_blank(SqlFold *f)
{
    if (f->wants_blank && f->len > 0 && f->len < f->size)
        f->out[f->len++] = ' ';
    f->wants_blank = FALSE;
}

static inline void
put_byte(SqlFold *f, guint8 byte)
{
    put_blank(f);
    if (f->len < f->size)
        f->out[f->len++] = (char) byte;
}

static void
put(SqlFold *f, LampBytes token)
{
    put_blank(f);
    gsize n = MIN(token.len, f->size - f->len);
    if (n > 0)
        memcpy(f->out + f->len, token.at, n);
    f->len += n;
}

static gboolean
out_ends(const SqlFold *f, const char *text)
{
    gsize n = strlen(text);
    return f->len >= n && memcmp(f->out + f->len - n, text, n) == 0;
}

/* From an opening quote to the closing one (doubled quotes and, if @escapes, backslashes stand
 * for themselves); the whole rest if it is missing. Hands out what is between. */
static LampBytes
take_quoted(LampCursor *c, gboolean escapes)
{
    guint8 quote = *c->at++;
    const guint8 *from = c->at;
    while (c->at < c->end) {
        if (escapes && *c->at == '\\' && c->at + 1 < c->end)
            c->at++;
        else if (*c->at == quote && (c->at + 1 == c->end || c->at[1] != quote))
            break;
        else if (*c->at == quote)
            c->at++;
        c->at++;
    }
    LampBytes inner = lamp_bytes(from, (gsize) (c->at - from));
    if (c->at < c->end)
        c->at++;
    return inner;
}

/* $tag$ … $tag$; FALSE where this dollar opens no such text. */
static gboolean
take_dollar_quoted(LampCursor *c, LampBytes *out_inner)
{
    const guint8 *p = c->at + 1;
    while (p < c->end && (g_ascii_isalpha(*p) || *p == '_'))
        p++;
    if (p == c->end || *p != '$')
        return FALSE;
    gsize tag_len = (gsize) (p + 1 - c->at);
    const guint8 *from = p + 1;
    const guint8 *close = memmem(from, (gsize) (c->end - from), c->at, tag_len);
    *out_inner = lamp_bytes(from, (gsize) ((close != NULL ? close : c->end) - from));
    c->at = close != NULL ? close + tag_len : c->end;
    return TRUE;
}

/* Blanks and comments. */
static gboolean
skip_blank(LampCursor *c)
{
    const guint8 *from = c->at;
    while (c->at < c->end && (classes[*c->at] & (BLANK | COMMENT)) != 0) {
        gsize left = lamp_cursor_left(c);
        if (classes[*c->at] == BLANK) {
            c->at++;
        } else if (*c->at == '#' || (left >= 2 && memcmp(c->at, "--", 2) == 0)) {
            const guint8 *end = memchr(c->at, '\n', left);
            c->at = end != NULL ? end : c->end;
        } else if (left >= 2 && memcmp(c->at, "/*", 2) == 0) {
            const guint8 *end = memmem(c->at + 2, left - 2, "*/", 2);
            c->at = end != NULL ? end + 2 : c->end;
        } else {
            break;
        }
    }
    return c->at > from;
}

static const guint8 *
end_of_word(const guint8 *at, const guint8 *end)
{
    while (at < end && (classes[*at] & WORD) != 0)
        at++;
    return at;
}

/* A number with fraction and exponent. */
static LampBytes
take_number(LampCursor *c)
{
    const guint8 *from = c->at;
    while (c->at < c->end && (g_ascii_isalnum(*c->at) || *c->at == '.' ||
                              ((*c->at == '-' || *c->at == '+') && (c->at[-1] | 0x20) == 'e')))
        c->at++;
    return lamp_bytes(from, (gsize) (c->at - from));
}

static void
put_mark(SqlFold *f)
{
    f->literals++;
    if (f->in_list && out_ends(f, "?,")) {
        f->len--;
        f->wants_blank = FALSE;
        return;
    }
    put_byte(f, '?');
}

gboolean
lamp_sql_take_literal(LampCursor *c, LampSqlSort sort, LampBytes *out_value)
{
    gboolean begins = sort == LAMP_SQL_NUMBER ? g_ascii_isdigit(*c->at) : *c->at == '\'';
    if (begins)
        *out_value =
            sort == LAMP_SQL_NUMBER ? take_number(c) : take_quoted(c, sort == LAMP_SQL_ESCAPED);
    return begins;
}

static void
note_literal(SqlFold *f, const guint8 *from, LampSqlSort sort)
{
    LampSqlMemo *m = f->memo;
    if (m->literals == LAMP_SQL_MEMO_LITERALS || f->literals > G_MAXUINT8) {
        f->memo = NULL;
        return;
    }
    m->literal[m->literals++] = (LampSqlLiteral){.at = (guint16) (from - f->begin),
                                                 .len = (guint16) (f->in.at - from),
                                                 .sort = (guint8) sort,
                                                 .number = (guint8) f->literals};
}

static void
hand_out(const SqlFold *f, guint number, LampBytes value)
{
    if (f->folded != NULL && value.len > 0)
        f->folded(f->owner, number, value);
}

static void
fold_literal(SqlFold *f, LampSqlSort sort)
{
    const guint8 *from = f->in.at;
    LampBytes value = lamp_bytes(NULL, 0);
    (void) lamp_sql_take_literal(&f->in, sort, &value);
    put_mark(f);
    hand_out(f, f->literals, value);
    if (f->memo != NULL)
        note_literal(f, from, sort);
}

/* Copies the word at the cursor. Words are short: byte by byte is faster than a call. */
static LampBytes
copy_word(SqlFold *f)
{
    const guint8 *from = f->in.at, *at = from;
    put_blank(f);
    const guint8 *end = from + MIN(lamp_cursor_left(&f->in), f->size - f->len);
    char *out = f->out + f->len;
    for (; at < end && (classes[*at] & WORD) != 0; at++)
        *out++ = (char) *at;
    f->len += (gsize) (at - from);
    f->in.at = at < end ? at : end_of_word(at, f->in.end);
    return lamp_bytes(from, (gsize) (f->in.at - from));
}

/* E'…', B'…', X'…' and N'…' are literals. */
static gboolean
is_literal_prefix(LampCursor c)
{
    return lamp_cursor_left(&c) >= 2 && c.at[1] == '\'' &&
           memchr("EeBbXxNn", c.at[0], 8) != NULL;
}

static void
fold_word(SqlFold *f)
{
    if (is_literal_prefix(f->in)) {
        gboolean escapes = (*f->in.at++ | 0x20) == 'e';
        fold_literal(f, escapes ? LAMP_SQL_ESCAPED : LAMP_SQL_QUOTED);
        return;
    }
    LampBytes word = copy_word(f);
    f->after_list_word = (word.len == 2 && lamp_text_is_word(word, "in", 2)) ||
                         (word.len == 6 && lamp_text_is_word(word, "values", 6));
    f->after_list = FALSE;
}

static void
fold_dollar(SqlFold *f)
{
    LampBytes inner;
    if (f->in.at + 1 < f->in.end && g_ascii_isdigit(f->in.at[1])) {
        f->in.at = end_of_word(f->in.at + 1, f->in.end);
        put_mark(f);
    } else if (take_dollar_quoted(&f->in, &inner)) {
        put_mark(f);
        hand_out(f, f->literals, inner);
        f->memo = NULL;
    } else {
        put_byte(f, *f->in.at++);
    }
}

/* Brackets open and close lists; `VALUES (?), (?)` is cut back to `VALUES (?)`. */
static void
fold_mark(SqlFold *f)
{
    guint8 b = *f->in.at++;
    if (b == '(') {
        f->in_list = f->after_list_word || (f->after_list && out_ends(f, ","));
        f->after_list_word = FALSE;
    }
    if (b == ',')
        f->wants_blank = FALSE;
    put_byte(f, b);
    if (b != ')')
        return;
    if (f->in_list && f->after_list && (out_ends(f, "(?), (?)") || out_ends(f, "(?),(?)")))
        f->len -= out_ends(f, ", (?)") ? 5 : 4;
    f->after_list = f->in_list;
    f->in_list = FALSE;
}

static void
fold_token(SqlFold *f)
{
    guint8 b = *f->in.at;
    if (b == '\'')
        fold_literal(f, LAMP_SQL_QUOTED);
    else if (b == '"' || b == '`') {
        const guint8 *from = f->in.at;
        take_quoted(&f->in, FALSE);
        put(f, lamp_bytes(from, (gsize) (f->in.at - from)));
    } else if (b == '$')
        fold_dollar(f);
    else if (g_ascii_isdigit(b))
        fold_literal(f, LAMP_SQL_NUMBER);
    else if (b == '?') {
        f->in.at++;
        put_mark(f);
    } else
        fold_mark(f);
}

/* Reads the statement, and notes it. */
static gsize
fold(SqlFold *f)
{
    while (f->in.at < f->in.end) {
        guint8 kind = first_bytes[*f->in.at];
        if (kind == WORD)
            fold_word(f);
        else if ((kind & (BLANK | COMMENT)) == 0 || !skip_blank(&f->in))
            fold_token(f);
        else
            f->wants_blank = TRUE;
    }
    while (f->len > 0 && (f->out[f->len - 1] == ';' || f->out[f->len - 1] == ' '))
        f->len--;
    if (f->memo != NULL) {
        f->memo->shape_len = (guint16) f->len;
        memcpy(f->memo->shape, f->out, f->len);
        f->memo->text_len = (guint16) (f->in.end - f->begin);
    }
    return f->len;
}

gsize
lamp_operation_fold_sql(LampBytes sql, char *out, gsize size, LampFolded folded, gpointer owner)
{
    /* Statements of a megabyte exist (bulk inserts); their shape is in the first kilobytes. */
    LampBytes head = lamp_bytes(sql.at, MIN(sql.len, 16384)), values[LAMP_SQL_MEMO_LITERALS];
    SqlFold f = {.in = lamp_cursor(head),
                 .out = out,
                 .size = size,
                 .folded = folded,
                 .owner = owner,
                 .begin = head.at};
    const LampSqlMemo *known = lamp_sql_memo_find(head, size, values);
    if (known == NULL) {
        f.memo = lamp_sql_memo_new(head, size);
        return fold(&f);
    }
    for (guint i = 0; i < known->literals; i++)
        hand_out(&f, known->literal[i].number, values[i]);
    memcpy(out, known->shape, known->shape_len);
    return known->shape_len;
}
