/*
 * Masking: the variable parts of one message, by their look alone.
 *
 * In: a message. Out: the message with `<*>` for each variable part, blanks as one blank. Words
 * are what stands between blanks and `=:,;()[]{}"'<>|`. A word with a digit is variable, so is
 * a path, a URL, a date with month names, a truth value after `=`. Empty brackets hold an empty
 * variable; neighbouring variables, which are lists or the parts of one value, become one.
 * Masking before mining matters more than the miner (arXiv 2412.05254).
 */
#include "base/text.h"
#include "ingest/log/record.h"
#include "ingest/log/template.h"

typedef struct {
    LampCursor at;
    LampMasked *out;
    gboolean last_is_variable;
    gboolean at_variable; /* separator since the last variable joins lists */
    gsize before_separator;
    LampBytes last_word;
    LampTimestampScanner scanner;
} Mask;

/* Classes of bytes, for the scans that see every byte of a message. */
enum {
    BLANK = 1,
    DELIMITER = 2,
    DIGIT = 4,
    HEX_LETTER = 8,
    SIGN = 16,
    POINT = 32,
    COLON = 64,
    OTHER = 128,
};
static const guint8 classes[256] = {
    [0] = DELIMITER,
    [1 ... 8] = OTHER,
    ['\t' ... '\r'] = BLANK | DELIMITER,
    [14 ... 31] = OTHER,
    [' '] = BLANK | DELIMITER,
    ['!'] = OTHER,
    ['"'] = DELIMITER | OTHER,
    ['#' ... '&'] = OTHER,
    ['\''] = DELIMITER | OTHER,
    ['('] = DELIMITER | OTHER,
    [')'] = DELIMITER | OTHER,
    ['*'] = OTHER,
    ['+'] = SIGN,
    [','] = DELIMITER | OTHER,
    ['-'] = SIGN,
    ['.'] = POINT,
    ['/'] = OTHER,
    ['0' ... '9'] = DIGIT,
    [':'] = COLON | DELIMITER,
    [';' ... '>'] = DELIMITER | OTHER,
    ['?' ... '@'] = OTHER,
    ['A' ... 'F'] = HEX_LETTER,
    ['G' ... 'Z'] = OTHER,
    ['['] = DELIMITER | OTHER,
    ['\\'] = OTHER,
    [']'] = DELIMITER | OTHER,
    ['^' ... '`'] = OTHER,
    ['a' ... 'f'] = HEX_LETTER,
    ['g' ... 'z'] = OTHER,
    ['{' ... '}'] = DELIMITER | OTHER,
    ['~' ... 255] = OTHER,
};

static gboolean
is_blank(guint8 byte)
{
    return (classes[byte] & BLANK) != 0;
}

static gboolean
is_delimiter(guint8 byte)
{
    return (classes[byte] & DELIMITER) != 0;
}

/* All classes that occur in @text. */
static guint
classes_of(LampBytes text)
{
    guint seen = 0;
    for (gsize i = 0; i < text.len; i++)
        seen |= classes[text.at[i]];
    return seen;
}

static gboolean
has_digit(LampBytes text)
{
    for (gsize i = 0; i < text.len; i++)
        if ((classes[text.at[i]] & DIGIT) != 0)
            return TRUE;
    return FALSE;
}

static void
put(Mask *m, const void *text, gsize len)
{
    gsize n = MIN(len, sizeof m->out->text - m->out->length);
    memcpy(m->out->text + m->out->length, text, n);
    m->out->length += n;
}

static void
put_variable(Mask *m, LampBytes value, LampVariableKind kind)
{
    LampMasked *out = m->out;
    if (m->last_is_variable && m->at_variable)
        out->length = m->before_separator; /* one more part of a list */
    else
        put(m, "<*>", 3);
    if (value.len > 0 && out->variable_count < LAMP_TEMPLATE_VARIABLES)
        out->variables[out->variable_count++] = (LampVariable){kind, m->last_word, value};
    m->last_is_variable = TRUE;
    m->at_variable = TRUE;
    m->before_separator = out->length;
}

static void
put_word(Mask *m, LampBytes word)
{
    put(m, word.at, word.len);
    m->last_is_variable = FALSE;
    if (g_ascii_isalpha((char) word.at[0]) && word.len <= 40)
        m->last_word = word;
}

/* A run of delimiters; blanks as one. Separators of list parts are blanks, `,` and `:`. */
static void
take_delimiters(Mask *m)
{
    guint marks = 0;
    gboolean joins = TRUE, opened = FALSE;
    while (m->at.at < m->at.end && is_delimiter(*m->at.at)) {
        guint8 byte = *m->at.at;
        if (byte == '<' && lamp_cursor_left(&m->at) > 1 && g_ascii_isdigit((char) m->at.at[1]))
            break; /* `<1 sec` */
        if (is_blank(byte)) {
            while (m->at.at < m->at.end && is_blank(*m->at.at))
                m->at.at++;
            if (m->at.at < m->at.end)
                put(m, " ", 1);
            opened = FALSE;
            continue;
        }
        gboolean closes = (byte == ')' || byte == ']') && opened;
        m->at_variable = m->at_variable && joins;
        if (closes)
            put_variable(m, lamp_bytes(NULL, 0), LAMP_VARIABLE_WORD);
        marks++;
        joins = joins && (byte == ',' || byte == ':') && marks == 1;
        put(m, &byte, 1);
        opened = byte == '(' || byte == '[';
        m->at.at++;
        if (closes) {
            joins = FALSE;
            m->last_is_variable = TRUE;
        }
    }
    m->at_variable = m->at_variable && joins;
}

static gboolean
is_truth_value(LampBytes word)
{
    static const char *const words[] = {"true", "false", "null", "none", "yes",
                                        "no",   "on",    "off",  "nil"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i]) == word.len &&
            g_ascii_strncasecmp(words[i], (const char *) word.at, word.len) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
follows_equals(const Mask *m)
{
    gsize n = m->out->length;
    while (n > 0 && m->out->text[n - 1] == ' ')
        n--;
    return n > 0 && m->out->text[n - 1] == '=';
}

static gboolean
ends_path(guint8 byte)
{
    return is_delimiter(byte) && byte != '=' && byte != ':' && byte != '|';
}

/* `/usr/bin`, `https://host/x?y`: to the next blank, quote, bracket, comma or semicolon. */
static LampBytes
peek_path(const Mask *m)
{
    const guint8 *p = m->at.at, *end = m->at.end;
    while (p < end && (g_ascii_isalnum((char) *p) || *p == '+' || *p == '.' || *p == '-'))
        p++;
    gboolean url = p > m->at.at && g_ascii_isalpha((char) *m->at.at) && end - p > 3 &&
                   memcmp(p, "://", 3) == 0;
    if (!url && *m->at.at != '/')
        return lamp_bytes(NULL, 0);
    p = url ? p + 3 : m->at.at + 1;
    const guint8 *inside = p;
    while (p < end && !ends_path(*p))
        p++;
    return p > inside ? lamp_bytes(m->at.at, (gsize) (p - m->at.at)) : lamp_bytes(NULL, 0);
}

/* `Sun Jul 10 03:55:15 2005`: dates with names of months, which have words in them. */
static gsize
peek_date(Mask *m)
{
    LampBytes rest = lamp_cursor_rest(&m->at);
    LampTimestamp stamp;
    if (rest.len < 15 || !g_ascii_isupper((char) rest.at[0]) || rest.at[3] != ' ' ||
        strchr("JFMASONDTW", rest.at[0]) == NULL)
        return 0;
    return lamp_timestamp_scan(&m->scanner, rest, &stamp) ? stamp.used : 0;
}

static LampBytes
peek_word(const Mask *m)
{
    const guint8 *p = m->at.at;
    if (*p == '<')
        p++;
    while (p < m->at.end && !is_delimiter(*p))
        p++;
    return lamp_bytes(m->at.at, (gsize) (p - m->at.at));
}

static void
take_part(Mask *m)
{
    LampBytes path = peek_path(m);
    gsize date = path.len > 0 ? 0 : peek_date(m);
    if (date > 0) {
        put_variable(m, lamp_bytes(m->at.at, date), LAMP_VARIABLE_TIME);
        m->at.at += date;
        return;
    }
    LampBytes word = path.len > 0 ? path : peek_word(m);
    gboolean variable =
        path.len > 0 || has_digit(word) || (is_truth_value(word) && follows_equals(m));
    m->at.at += word.len;
    if (word.len > 1 && *word.at == '<' && lamp_cursor_left(&m->at) >= 4 &&
        memcmp(m->at.at, " sec", 4) == 0)
        m->at.at += 4;
    if (variable)
        put_variable(m, word, lamp_variable_kind(word));
    else
        put_word(m, word);
}

void
lamp_template_mask(LampBytes message, LampMasked *out_masked)
{
    const guint8 *nl = message.len > 0 ? memchr(message.at, '\n', message.len) : NULL;
    if (nl != NULL)
        message.len = (gsize) (nl - message.at);
    if (message.len > LAMP_TEMPLATE_BYTES) {
        message.len = LAMP_TEMPLATE_BYTES;
        while (message.len > 0 && !is_blank(message.at[message.len - 1]))
            message.len--; /* half a word could hide that it is variable */
    }
    out_masked->length = 0;
    out_masked->variable_count = 0;
    Mask m = {.at = lamp_cursor(lamp_text_trim(message)), .out = out_masked};
    lamp_timestamp_scanner_init(&m.scanner, NULL);
    while (m.at.at < m.at.end) {
        const guint8 *begin = m.at.at;
        take_delimiters(&m);
        if (m.at.at < m.at.end)
            take_part(&m);
        if (m.at.at == begin)
            break;
    }
}

static LampVariableKind
kind_with_unit(LampBytes value)
{
    static const char *const sizes[] = {"B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB"};
    gint64 ns, resolution;
    gsize digits = 0;
    while (digits < value.len &&
           (g_ascii_isdigit((char) value.at[digits]) || value.at[digits] == '.'))
        digits++;
    LampBytes unit = lamp_bytes(value.at + digits, value.len - digits);
    for (gsize i = 0; digits > 0 && i < G_N_ELEMENTS(sizes); i++)
        if (lamp_bytes_equal(unit, lamp_bytes_text(sizes[i])))
            return LAMP_VARIABLE_SIZE;
    if (digits > 0 && lamp_duration_parse(value, 1, &ns, &resolution))
        return LAMP_VARIABLE_DURATION;
    return has_digit(value) ? LAMP_VARIABLE_IDENTIFIER : LAMP_VARIABLE_WORD;
}

/* @seen are the classes of @value; a sign may be a plus where only dashes are allowed. */
static gboolean
is_hex(LampBytes value, guint seen, gboolean with_dashes)
{
    if ((seen & ~(guint) (DIGIT | HEX_LETTER | SIGN)) != 0)
        return FALSE;
    if (with_dashes)
        return memchr(value.at, '+', value.len) == NULL;
    return (seen & SIGN) == 0;
}

/* Addresses have points or colons. */
static gboolean
is_address(LampBytes value, guint seen)
{
    LampEndpoint endpoint;
    return (seen & (POINT | COLON)) != 0 && lamp_address_parse(value, &endpoint) &&
           endpoint.is_known;
}

LampVariableKind
lamp_variable_kind(LampBytes value)
{
    guint seen = classes_of(value);
    if (value.len == 0)
        return LAMP_VARIABLE_WORD;
    if ((seen & ~(guint) (DIGIT | SIGN)) == 0)
        return LAMP_VARIABLE_INTEGER;
    if ((seen & ~(guint) (DIGIT | SIGN | POINT)) == 0)
        return is_address(value, seen) ? LAMP_VARIABLE_ADDRESS : LAMP_VARIABLE_DECIMAL;
    if (value.len == 36 && value.at[8] == '-' && is_hex(value, seen, TRUE))
        return LAMP_VARIABLE_UUID;
    if ((seen & COLON) != 0 && lamp_text_find(value, "://") > 0)
        return LAMP_VARIABLE_URL;
    if (value.at[0] == '/')
        return LAMP_VARIABLE_PATH;
    if ((seen & POINT) != 0 && memchr(value.at, '@', value.len) != NULL)
        return LAMP_VARIABLE_EMAIL;
    if ((lamp_bytes_starts(value, "0x") && value.len > 2) ||
        (value.len >= 8 && is_hex(value, seen, FALSE)))
        return LAMP_VARIABLE_HEX;
    return is_address(value, seen) ? LAMP_VARIABLE_ADDRESS : kind_with_unit(value);
}

const char *
lamp_variable_kind_name(LampVariableKind kind)
{
    static const char *const names[] = {"integer", "decimal",    "hex",   "uuid",     "address",
                                        "path",    "url",        "email", "duration", "size",
                                        "time",    "identifier", "word"};
    return names[kind];
}
