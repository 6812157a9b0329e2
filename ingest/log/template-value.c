/*
 * What a value looks like: its kind, and which runs of several words are one value.
 *
 * In: bytes of a message. Out: lengths and kinds. All look at a bounded number of bytes.
 */
#include "ingest/log/template-value.h"
#include "base/text.h"
#include "ingest/log/record.h"
#include "ingest/log/template.h"

static gboolean
is_word_of(LampBytes word, const char *const words[], gsize count)
{
    for (gsize i = 0; i < count; i++)
        if (strlen(words[i]) == word.len &&
            g_ascii_strncasecmp(words[i], (const char *) word.at, word.len) == 0)
            return TRUE;
    return FALSE;
}

gboolean
lamp_is_truth_value(LampBytes word)
{
    static const char *const words[] = {"true", "false", "null", "none", "yes",
                                        "no",   "on",    "off",  "nil"};
    return word.len <= 5 && is_word_of(word, words, G_N_ELEMENTS(words));
}

gboolean
lamp_is_true_or_false(LampBytes word)
{
    static const char *const words[] = {"true", "false"};
    return is_word_of(word, words, G_N_ELEMENTS(words));
}

const guint8 *
lamp_truths_end(const guint8 *open, const guint8 *end)
{
    guint words = 0;
    for (const guint8 *p = open + 1; p < end && p - open < 48;) {
        const guint8 *begin = p;
        while (p < end && !lamp_is_delimiter(*p))
            p++;
        LampBytes word = lamp_bytes(begin, (gsize) (p - begin));
        if (word.len > 0 && !lamp_is_truth_value(word))
            return open;
        words += word.len > 0 ? 1 : 0;
        if (p < end && (*p == ')' || *p == ']'))
            return words > 0 ? p : open;
        p++;
    }
    return open;
}

/* Up to four hexadecimal digits; FALSE if there are more. */
static gboolean
skip_group(const guint8 **p, const guint8 *end)
{
    const guint8 *begin = *p;
    while (*p < end && *p - begin < 5 &&
           (lamp_byte_classes[**p] & (LAMP_BYTE_DIGIT | LAMP_BYTE_HEX_LETTER)) != 0)
        ++*p;
    return *p - begin <= 4;
}

/* `00:11:43:e3:ba:c3`, `fe80::e3ba`: at least three groups. */
gsize
lamp_groups_length(const guint8 *at, const guint8 *end)
{
    const guint8 *p = at;
    guint groups = 0;
    for (;;) {
        const guint8 *group = p;
        if (!skip_group(&p, end) || (p == group && groups == 0))
            return 0;
        groups += p > group ? 1 : 0;
        if (p + 1 >= end || *p != ':')
            break;
        p++;
    }
    gboolean is_whole = p[-1] != ':' && (p == end || lamp_is_delimiter(*p));
    return groups >= 3 && p - at >= 8 && is_whole ? (gsize) (p - at) : 0;
}

/* Last part of a name with points that is a file of source text, as in `sweep.c:1455`. */
static gboolean
names_source(LampBytes word)
{
    static const char *const kinds[] = {"java", "scala", "py", "cpp", "cc", "cxx",
                                        "hpp",  "go",    "rs", "js",  "ts", "php",
                                        "rb",   "kt",    "cs", "log"};
    const guint8 *dot = memrchr(word.at, '.', word.len);
    LampBytes kind = lamp_bytes(dot + 1, (gsize) (word.at + word.len - dot - 1));
    return kind.len < 2 || is_word_of(kind, kinds, G_N_ELEMENTS(kinds));
}

gsize
lamp_port_length(LampBytes word, const guint8 *end)
{
    const guint8 *p = word.at + word.len, *digits = p + 1;
    if (end - p < 2 || *p != ':' || !g_ascii_isdigit((char) *digits) || word.len < 4 ||
        memchr(word.at, '.', word.len) == NULL || names_source(word))
        return 0;
    for (p = digits; p < end && p - digits < 6 && g_ascii_isdigit((char) *p);)
        p++;
    gboolean is_whole = p - digits <= 5 && (p == end || lamp_is_delimiter(*p));
    return is_whole ? (gsize) (p - digits) + 1 : 0;
}

/* Bytes to the next @quote, if that is near and a word ends there; else 0. */
static gsize
length_to_quote(const guint8 *at, const guint8 *end, guint8 quote)
{
    enum { MOST = 96 };
    const guint8 *p = at;
    while (p < end && p - at < MOST && *p != quote)
        p++;
    gboolean is_closed = p < end && *p == quote && (p + 1 == end || lamp_is_delimiter(p[1]));
    return is_closed ? (gsize) (p - at) : 0;
}

gsize
lamp_quoted_length(const guint8 *at, const guint8 *end, guint8 before, guint8 quote)
{
    if ((quote != '"' && quote != '\'') || !lamp_is_delimiter(before) || before == quote)
        return 0;
    gsize length = length_to_quote(at, end, quote);
    gboolean is_name = quote == '\'' && length > 0 && memchr(at, ' ', length) != NULL;
    return is_name || before == '=' ? length : 0;
}

gsize
lamp_braces_length(const guint8 *at, const guint8 *end)
{
    enum { MOST = 64 };
    const guint8 *p = at;
    while (p < end && p - at < MOST && g_ascii_isalnum((char) *p))
        p++;
    if (p == at || p == end || *p != '{' || !g_ascii_isupper((char) *at))
        return 0;
    for (p++; p < end && p - at < MOST && !lamp_is_delimiter(*p);)
        p++;
    return p < end && *p == '}' ? (gsize) (p + 1 - at) : 0;
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
    return lamp_has_digit(value) ? LAMP_VARIABLE_IDENTIFIER : LAMP_VARIABLE_WORD;
}

/* @seen are the classes of @value; a sign may be a plus where only dashes are allowed. */
static gboolean
is_hex(LampBytes value, guint seen, gboolean with_dashes)
{
    if ((seen & ~(guint) (LAMP_BYTE_DIGIT | LAMP_BYTE_HEX_LETTER | LAMP_BYTE_SIGN)) != 0)
        return FALSE;
    if (with_dashes)
        return memchr(value.at, '+', value.len) == NULL;
    return (seen & LAMP_BYTE_SIGN) == 0;
}

/* Addresses have points or colons. */
static gboolean
is_address(LampBytes value, guint seen)
{
    LampEndpoint endpoint;
    return (seen & (LAMP_BYTE_POINT | LAMP_BYTE_COLON)) != 0 &&
           lamp_address_parse(value, &endpoint) && endpoint.is_known;
}

LampVariableKind
lamp_variable_kind(LampBytes value)
{
    guint seen = lamp_byte_classes_of(value);
    if (value.len == 0)
        return LAMP_VARIABLE_WORD;
    if ((seen & ~(guint) (LAMP_BYTE_DIGIT | LAMP_BYTE_SIGN)) == 0)
        return LAMP_VARIABLE_INTEGER;
    if ((seen & ~(guint) (LAMP_BYTE_DIGIT | LAMP_BYTE_SIGN | LAMP_BYTE_POINT)) == 0)
        return is_address(value, seen) ? LAMP_VARIABLE_ADDRESS : LAMP_VARIABLE_DECIMAL;
    if (value.len == 36 && value.at[8] == '-' && is_hex(value, seen, TRUE))
        return LAMP_VARIABLE_UUID;
    if ((seen & LAMP_BYTE_COLON) != 0 && lamp_text_find(value, "://") > 0)
        return LAMP_VARIABLE_URL;
    if (value.at[0] == '/')
        return LAMP_VARIABLE_PATH;
    if ((seen & LAMP_BYTE_POINT) != 0 && memchr(value.at, '@', value.len) != NULL)
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
