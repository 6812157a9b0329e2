/*
 * Finds ids in headers, queries and small bodies, and keeps secrets out.
 *
 * In: parts of messages. Out: (name, value) pairs. JSON is read by a flat scan for strings and
 * numbers with the last key seen, which needs no stack, stands any cut and cannot recurse; a
 * value in an array therefore has the key of the array. What looks like an id is decided by
 * lamp_operation_is_id(), the same rule that folds paths. Header names: W3C Trace Context, B3
 * (openzipkin/b3-propagation), Jaeger, AWS X-Ray, and the common X-Request-ID family. Limits:
 * strings with escapes are skipped; names longer than 40 bytes or with odd bytes are skipped.
 */
#include "ingest/identifiers.h"

#include "base/text.h"
#include "ingest/operation.h"

enum { MAX_NAME = 40, MAX_ID = 128, PARTS = 6 };

static inline gboolean
name_is(LampBytes name, const char *text)
{
    return lamp_text_is_word(name, text, strlen(text));
}

static inline gboolean
ends_with(LampBytes name, const char *text)
{
    gsize n = strlen(text);
    return name.len >= n && lamp_text_is_word(lamp_bytes(name.at + name.len - n, n), text, n);
}

/* Parts of secret names by their first letter. */
static const char *const secret_parts[26][PARTS] = {
    ['a' - 'a'] = {"apikey", "api_key", "api-key", "auth"},
    ['b' - 'a'] = {"bearer"},
    ['c' - 'a'] = {"cookie", "credent", "csrf", "card", "cvv", "cvc"},
    ['i' - 'a'] = {"iban"},
    ['j' - 'a'] = {"jwt"},
    ['o' - 'a'] = {"otp"},
    ['p' - 'a'] = {"passw", "pwd", "private", "passphras"},
    ['s' - 'a'] = {"secret", "sess", "signature"},
    ['t' - 'a'] = {"token"},
    ['x' - 'a'] = {"xsrf"},
};

#define LETTER(l) (1u << ((l) - 'a'))
#define BOTH_CASES(l, mask) [l] = (mask), [(l) - 'a' + 'A'] = (mask)
/* The second letters of the parts by their first: most places of most names need one look. */
static const guint32 second_letters[256] = {
    BOTH_CASES('a', LETTER('p') | LETTER('u')),
    BOTH_CASES('b', LETTER('e')),
    BOTH_CASES('c', LETTER('o') | LETTER('r') | LETTER('s') | LETTER('a') | LETTER('v')),
    BOTH_CASES('i', LETTER('b')),
    BOTH_CASES('j', LETTER('w')),
    BOTH_CASES('o', LETTER('t')),
    BOTH_CASES('p', LETTER('a') | LETTER('w') | LETTER('r')),
    BOTH_CASES('s', LETTER('e') | LETTER('i')),
    BOTH_CASES('t', LETTER('o')),
    BOTH_CASES('x', LETTER('s')),
};

/* The bit of a letter of any case, 0 for other bytes. */
static inline guint32
letter_bit(guint8 b)
{
    guint letter = (guint) (b | 0x20) - 'a';
    return letter < 26 ? 1u << letter : 0;
}

/* Does @text begin with @part, letters of any case? */
static gboolean
begins_with(LampBytes text, const char *part)
{
    for (gsize i = 0; part[i] != '\0'; i++) {
        if (i == text.len)
            return FALSE;
        guint8 b = text.at[i];
        if ((b >= 'A' && b <= 'Z' ? b | 0x20 : b) != part[i])
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_secret_part(LampBytes name)
{
    for (gsize i = 0; i + 1 < name.len; i++) {
        guint32 seconds = second_letters[name.at[i]];
        if (seconds == 0 || (seconds & letter_bit(name.at[i + 1])) == 0)
            continue;
        guint letter = (guint) (name.at[i] | 0x20) - 'a';
        LampBytes rest = lamp_bytes(name.at + i, name.len - i);
        for (guint k = 0; k < PARTS && secret_parts[letter][k] != NULL; k++)
            if (begins_with(rest, secret_parts[letter][k]))
                return TRUE;
    }
    return FALSE;
}

gboolean
lamp_identifier_is_secret(LampBytes name)
{
    if (name.len == 3 && (name_is(name, "sid") || name_is(name, "pin") ||
                          name_is(name, "pan") || name_is(name, "sig") || name_is(name, "key")))
        return TRUE;
    return name_is(name, "code") || name_is(name, "state") || has_secret_part(name);
}

static gboolean
is_known_header(LampBytes name)
{
    static const struct {
        const char *name;
        gsize len;
    } names[] = {
        {"traceparent", 11}, {"b3", 2}, {"sentry-trace", 12}, {"x-cloud-trace-context", 21}};
    static const char *const endings[] = {"request-id",     "trace-id",  "correlation-id",
                                          "transaction-id", "requestid", "traceid"};
    /* The last letter tells most headers apart. */
    guint8 last = name.at[name.len - 1] | 0x20;
    gboolean ends_in_d = last == 'd';
    gboolean may_be_name = last == 't' || last == '3' || last == 'e';
    for (gsize i = 0; may_be_name && i < G_N_ELEMENTS(names); i++)
        if (name.len == names[i].len && name_is(name, names[i].name))
            return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(endings) && ends_in_d; i++)
        if (ends_with(name, endings[i]))
            return TRUE;
    return begins_with(name, "x-b3-") && name.len > 5;
}

gboolean
lamp_identifier_is_header(LampBytes name)
{
    return name.len >= 2 && name.len <= MAX_NAME && is_known_header(name) &&
           !lamp_identifier_is_secret(name);
}

static gsize
run_length(LampBytes text, gsize from, char stop)
{
    const guint8 *end = from < text.len ? memchr(text.at + from, stop, text.len - from) : NULL;
    return end == NULL ? text.len - MIN(from, text.len) : (gsize) (end - text.at) - from;
}

LampBytes
lamp_identifier_trace_part(LampBytes name, LampBytes value)
{
    if (name_is(name, "traceparent") && value.len >= 55)
        return lamp_bytes(value.at + 3, 32);
    if (name_is(name, "b3") && value.len > 33)
        return lamp_bytes(value.at, run_length(value, 0, '-'));
    if (name_is(name, "uber-trace-id"))
        return lamp_bytes(value.at, run_length(value, 0, ':'));
    gssize root = name_is(name, "x-amzn-trace-id") ? lamp_text_find(value, "Root=") : -1;
    if (root >= 0) {
        gsize from = (gsize) root + 5;
        return lamp_bytes(value.at + from, run_length(value, from, ';'));
    }
    return lamp_bytes(NULL, 0);
}

/* Classes of bytes, for the scans that see every byte of a body. */
enum {
    WORD = 1 /* letters, digits */,
    NAME = 2 /* these and _ - . */,
    NUMBER = 4 /* and + - . */
};
#define LETTERS_AND_DIGITS (WORD | NAME | NUMBER)
static const guint8 classes[256] = {
    ['0' ... '9'] = LETTERS_AND_DIGITS,
    ['A' ... 'Z'] = LETTERS_AND_DIGITS,
    ['a' ... 'z'] = LETTERS_AND_DIGITS,
    ['_'] = NAME,
    ['-'] = NAME | NUMBER,
    ['.'] = NAME | NUMBER,
    ['+'] = NUMBER,
};

static gboolean
is_plain_name(LampBytes name)
{
    if (name.len == 0 || name.len > MAX_NAME)
        return FALSE;
    for (gsize i = 0; i < name.len; i++)
        if ((classes[name.at[i]] & NAME) == 0)
            return FALSE;
    return TRUE;
}

static gboolean
is_id_text(LampBytes text)
{
    if (text.len < 3 || text.len > MAX_ID || !lamp_operation_is_id(text))
        return FALSE;
    for (gsize i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] == '\\' || text.at[i] >= 0x7f)
            return FALSE;
    return memchr(text.at, '/', text.len) == NULL;
}

static gboolean
is_id_number(LampBytes name, LampBytes number)
{
    for (gsize i = 0; i < number.len; i++)
        if (!g_ascii_isdigit(number.at[i]))
            return FALSE;
    return number.len >= 4 || (number.len >= 1 && ends_with(name, "id"));
}

static LampBytes
take_json_string(LampCursor *c)
{
    const guint8 *from = ++c->at;
    while (c->at < c->end && *c->at != '"')
        c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
    LampBytes text = lamp_bytes(from, (gsize) (c->at - from));
    if (c->at < c->end)
        c->at++;
    return text;
}

static LampBytes
take_json_number(LampCursor *c)
{
    const guint8 *from = c->at;
    while (c->at < c->end && (classes[*c->at] & NUMBER) != 0)
        c->at++;
    return lamp_bytes(from, (gsize) (c->at - from));
}

static void
skip_to_quote(LampCursor *c)
{
    const guint8 *quote = memchr(c->at, '"', lamp_cursor_left(c));
    c->at = quote != NULL ? quote : c->end;
}

static gboolean
is_json_key(const LampCursor *c)
{
    const guint8 *p = c->at;
    while (p < c->end && g_ascii_isspace(*p))
        p++;
    return p < c->end && *p == ':';
}

void
lamp_identifiers_in_json(LampBytes json, LampIdentifierFound found, gpointer owner)
{
    LampCursor c = lamp_cursor(json);
    LampBytes name = lamp_bytes(NULL, 0);
    gboolean usable = FALSE;
    while (c.at < c.end) {
        if (!usable && *c.at != '"') { /* nothing counts before the next name */
            skip_to_quote(&c);
        } else if (*c.at == '"') {
            LampBytes text = take_json_string(&c);
            if (is_json_key(&c)) {
                name = text;
                usable = is_plain_name(name) && !lamp_identifier_is_secret(name);
            } else if (usable && c.at < c.end && is_id_text(text)) {
                found(owner, name, text);
            }
        } else if ((classes[*c.at] & WORD) != 0 || *c.at == '-') {
            LampBytes number = take_json_number(&c);
            if (usable && c.at < c.end && is_id_number(name, number))
                found(owner, name, number);
        } else {
            c.at++;
        }
    }
}

void
lamp_identifiers_in_query(LampBytes query, gboolean only_ids, LampIdentifierFound found,
                          gpointer owner)
{
    gsize at = 0;
    while (at < query.len) {
        LampBytes pair = lamp_bytes(query.at + at, run_length(query, at, '&'));
        at += pair.len + 1;
        LampBytes name = lamp_bytes(pair.at, run_length(pair, 0, '='));
        if (name.len + 1 >= pair.len || !is_plain_name(name) || lamp_identifier_is_secret(name))
            continue;
        LampBytes value = lamp_bytes(pair.at + name.len + 1, pair.len - name.len - 1);
        if (value.len <= MAX_ID &&
            (!only_ids || is_id_text(value) || is_id_number(name, value)))
            found(owner, name, value);
    }
}

void
lamp_identifiers_in_text(LampBytes name, LampBytes text, LampIdentifierFound found,
                         gpointer owner)
{
    if (text.len >= 2 && (text.at[0] == '{' || text.at[0] == '['))
        lamp_identifiers_in_json(text, found, owner);
    else if (is_id_text(text))
        found(owner, name, text);
}
