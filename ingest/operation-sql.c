/*
 * SQL statements folded to their shape.
 *
 * In: the text of a statement, possibly cut, in any dialect. Out: the same text with literals
 * and parameter marks as `?`, comments and surplus blanks gone, lists after IN and VALUES as
 * `(?)`, and no closing semicolon. One pass over tokens (the lexical rules of the PostgreSQL
 * manual, chapter "Lexical Structure", and MySQL's backquotes and `#` comments); no grammar.
 * Limits: keywords keep their case; a MySQL string in double quotes is taken for an identifier.
 */
#include "ingest/operation.h"

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

static void
put_literal(SqlFold *f, LampBytes value)
{
    f->literals++;
    if (f->folded != NULL && value.len > 0)
        f->folded(f->owner, f->literals, value);
    if (f->in_list && out_ends(f, "?,")) {
        f->len--;
        f->wants_blank = FALSE;
        return;
    }
    put_byte(f, '?');
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

static LampBytes
take_word(LampCursor *c)
{
    const guint8 *from = c->at;
    while (c->at < c->end && (classes[*c->at] & WORD) != 0)
        c->at++;
    return lamp_bytes(from, (gsize) (c->at - from));
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

/* Words are short: copying byte by byte is faster than a call. */
static void
put_word(SqlFold *f, LampBytes word)
{
    put_blank(f);
    gsize n = MIN(word.len, f->size - f->len);
    char *out = f->out + f->len;
    for (gsize i = 0; i < n; i++)
        out[i] = (char) word.at[i];
    f->len += n;
}

static void
fold_word(SqlFold *f)
{
    LampBytes word = take_word(&f->in);
    gboolean is_prefix = word.len == 1 && memchr("EeBbXxNn", word.at[0], 8) != NULL;
    if (is_prefix && f->in.at < f->in.end && *f->in.at == '\'') {
        put_literal(f, take_quoted(&f->in, (word.at[0] | 0x20) == 'e'));
        return;
    }
    put_word(f, word);
    f->after_list_word = (word.len == 2 && lamp_text_is_word(word, "in", 2)) ||
                         (word.len == 6 && lamp_text_is_word(word, "values", 6));
    f->after_list = FALSE;
}

static void
fold_dollar(SqlFold *f)
{
    LampBytes inner;
    if (f->in.at + 1 < f->in.end && g_ascii_isdigit(f->in.at[1])) {
        f->in.at++;
        take_word(&f->in);
        put_literal(f, lamp_bytes(NULL, 0));
    } else if (take_dollar_quoted(&f->in, &inner)) {
        put_literal(f, inner);
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
        put_literal(f, take_quoted(&f->in, FALSE));
    else if (b == '"' || b == '`') {
        const guint8 *from = f->in.at;
        take_quoted(&f->in, FALSE);
        put(f, lamp_bytes(from, (gsize) (f->in.at - from)));
    } else if (b == '$')
        fold_dollar(f);
    else if (g_ascii_isdigit(b))
        put_literal(f, take_number(&f->in));
    else if ((classes[b] & WORD) != 0)
        fold_word(f);
    else if (b == '?') {
        f->in.at++;
        put_literal(f, lamp_bytes(NULL, 0));
    } else
        fold_mark(f);
}

gsize
lamp_operation_fold_sql(LampBytes sql, char *out, gsize size, LampFolded folded, gpointer owner)
{
    /* Statements of a megabyte exist (bulk inserts); their shape is in the first kilobytes. */
    LampBytes head = lamp_bytes(sql.at, MIN(sql.len, 16384));
    SqlFold f = {
        .in = lamp_cursor(head), .out = out, .size = size, .folded = folded, .owner = owner};
    while (f.in.at < f.in.end) {
        f.wants_blank |= skip_blank(&f.in);
        if (f.in.at < f.in.end)
            fold_token(&f);
    }
    while (f.len > 0 && (out[f.len - 1] == ';' || out[f.len - 1] == ' '))
        f.len--;
    return f.len;
}
