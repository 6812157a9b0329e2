/*
 * A flattening JSON scanner (RFC 8259) for log lines.
 *
 * In: a line that begins with `{`. Out: its leaves with dotted names, in order. Strings without
 * escapes are borrowed from the line; others are unescaped into the record's scratch, which is
 * never longer than the line. Numbers are taken as written. Containers are kept on a stack of
 * name lengths, not by recursion; arrays are skipped as one value by counting brackets.
 * Unpaired surrogates become U+FFFD.
 */
#include "ingest/log/json.h"
#include "base/limits.h"
#include "base/same-bytes.h"
#include "base/text.h"

typedef struct {
    LampCursor at;
    LampLogRecord *record;
    LampJsonMember member;
    gpointer owner;
    LampJsonShape *shape; /* NULL: none */
    guint place;          /* members before this one, at all levels */
    gsize prefix_length[LAMP_LIMIT_JSON_DEPTH];
    guint depth;
    guint8 prefix[LAMP_LIMIT_FIELD_KEY];
} Scan;

static inline void
skip_blanks(LampCursor *at)
{
    while (at->at < at->end && *at->at <= ' ' &&
           (*at->at == ' ' || *at->at == '\t' || *at->at == '\n' || *at->at == '\r'))
        at->at++;
}

static inline gboolean
take_byte(LampCursor *at, guint8 byte)
{
    skip_blanks(at);
    if (at->at == at->end || *at->at != byte)
        return FALSE;
    at->at++;
    return TRUE;
}

/* The first quote or backslash from @at on, NULL if there is none. Names and values are short,
 * so eight bytes at a time are faster than two searches by the C library. */
static const guint8 *
find_mark(const guint8 *at, const guint8 *end)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    for (; end - at >= 8; at += 8) {
        guint64 word = lamp_le64(at), quote = word ^ ones * '"', slash = word ^ ones * '\\';
        guint64 hits = (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops;
        if (hits != 0) /* the lowest hit is one, those above may be false */
            return at + __builtin_ctzll(hits) / 8;
    }
    for (; at < end; at++)
        if (*at == '"' || *at == '\\')
            return at;
    return NULL;
}

/* The raw inside of a string; the cursor stands behind its opening quote. */
static gboolean
take_raw_string(LampCursor *at, LampBytes *out_raw, gboolean *out_escaped)
{
    const guint8 *begin = at->at, *mark = find_mark(begin, at->end);
    *out_escaped = FALSE;
    while (mark != NULL && *mark == '\\') {
        *out_escaped = TRUE;
        mark = at->end - mark > 2 ? find_mark(mark + 2, at->end) : NULL;
    }
    if (mark == NULL)
        return FALSE;
    *out_raw = lamp_bytes(begin, (gsize) (mark - begin));
    at->at = mark + 1;
    return TRUE;
}

static gboolean
take_unit(LampCursor *at, guint64 *out_unit)
{
    LampBytes digits;
    return lamp_cursor_take(at, 4, &digits) && lamp_text_parse_hex(digits, out_unit);
}

/* The character of a \u escape whose `u` has been taken. */
static gunichar
take_escaped_character(LampCursor *at)
{
    guint64 unit, low;
    if (!take_unit(at, &unit))
        return 0xFFFD;
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit == 0 ? 0xFFFD : (gunichar) unit;
    LampCursor ahead = *at;
    LampBytes mark;
    if (unit > 0xDBFF || !lamp_cursor_take(&ahead, 2, &mark) ||
        !lamp_bytes_starts(mark, "\\u") || !take_unit(&ahead, &low) || low < 0xDC00 ||
        low > 0xDFFF)
        return 0xFFFD;
    *at = ahead;
    return (gunichar) (0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
}

static guint8
plain_escape(guint8 letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return letter;
    }
}

/* A well-formed escape is longer than what it stands for; a broken \u may become three bytes.
 */
LampBytes
lamp_json_unescape(LampLogRecord *record, LampBytes raw)
{
    guint8 *out = lamp_log_record_take(record, raw.len + raw.len / 2 + 8);
    if (out == NULL)
        return raw;
    gsize used = 0;
    LampCursor at = lamp_cursor(raw);
    while (at.at < at.end) {
        const guint8 *slash = memchr(at.at, '\\', lamp_cursor_left(&at));
        gsize n = slash == NULL ? lamp_cursor_left(&at) : (gsize) (slash - at.at);
        memcpy(out + used, at.at, n);
        used += n;
        at.at += n;
        if (lamp_cursor_left(&at) < 2)
            break;
        guint8 letter = at.at[1];
        at.at += 2;
        if (letter == 'u')
            used += (gsize) g_unichar_to_utf8(take_escaped_character(&at), (char *) out + used);
        else
            out[used++] = plain_escape(letter);
    }
    return lamp_bytes(out, used);
}

static gboolean
take_string(Scan *s, LampBytes *out_text)
{
    LampBytes raw;
    gboolean escaped;
    if (!take_raw_string(&s->at, &raw, &escaped))
        return FALSE;
    *out_text = escaped ? lamp_json_unescape(s->record, raw) : raw;
    return TRUE;
}

/* An array as one value. */
static gboolean
take_array(Scan *s, LampBytes *out_text)
{
    const guint8 *begin = s->at.at;
    guint depth = 0;
    while (s->at.at < s->at.end) {
        guint8 byte = *s->at.at++;
        LampBytes inside;
        gboolean escaped;
        if (byte == '"' && !take_raw_string(&s->at, &inside, &escaped))
            return FALSE;
        if (byte == '[' || byte == '{')
            depth++;
        else if ((byte == ']' || byte == '}') && --depth == 0)
            break;
        if (depth > LAMP_LIMIT_JSON_DEPTH)
            return FALSE;
    }
    *out_text = lamp_bytes(begin, (gsize) (s->at.at - begin));
    return depth == 0;
}

/* number, true, false, null */
static gboolean
take_word(Scan *s, LampBytes *out_text)
{
    static const guint8 is_part[256] = {
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
        ['.'] = 1,         ['-'] = 1,         ['+'] = 1,
    };
    const guint8 *begin = s->at.at, *at = begin;
    while (at < s->at.end && is_part[*at])
        at++;
    s->at.at = at;
    *out_text = lamp_bytes(begin, (gsize) (at - begin));
    return out_text->len > 0;
}

static LampBytes
full_key(Scan *s, LampBytes key)
{
    gsize prefix = s->depth > 0 ? s->prefix_length[s->depth - 1] : 0;
    if (prefix == 0)
        return key;
    gsize n = MIN(key.len, sizeof s->prefix - prefix);
    guint8 *out = lamp_log_record_take(s->record, prefix + n);
    if (out == NULL)
        return key;
    memcpy(out, s->prefix, prefix);
    memcpy(out + prefix, key.at, n);
    return lamp_bytes(out, prefix + n);
}

static gboolean
enter_object(Scan *s, LampBytes key)
{
    gsize used = s->depth > 0 ? s->prefix_length[s->depth - 1] : 0;
    if (s->depth == LAMP_LIMIT_JSON_DEPTH)
        return FALSE;
    gsize n = used + 1 < sizeof s->prefix ? MIN(key.len, sizeof s->prefix - used - 1) : 0;
    if (n > 0) {
        memcpy(s->prefix + used, key.at, n);
        used += n;
        s->prefix[used++] = '.';
    }
    s->prefix_length[s->depth++] = used;
    return TRUE;
}

/* The name that stood at this place of the object before, if it stands here again. */
static gboolean
take_known_name(Scan *s, const LampJsonName *name, LampBytes *out_key)
{
    enum { QUOTES_AND_COLON = 3 };
    if (name->length == 0 || lamp_cursor_left(&s->at) < name->length ||
        !lamp_bytes_same(s->at.at, name->text, name->length))
        return FALSE;
    *out_key = lamp_bytes(s->at.at + 1, (gsize) name->length - QUOTES_AND_COLON);
    s->at.at += name->length;
    return TRUE;
}

/* A name, and the colon behind it. */
static gboolean
take_name(Scan *s, LampBytes *out_key)
{
    skip_blanks(&s->at);
    guint place = s->place++;
    LampJsonName *name =
        s->shape != NULL && place < LAMP_JSON_SHAPE ? &s->shape->names[place] : NULL;
    if (s->shape != NULL)
        s->shape->current = NULL;
    if (name != NULL && take_known_name(s, name, out_key)) {
        s->shape->current = s->depth == 1 ? name : NULL;
        return TRUE;
    }
    const guint8 *begin = s->at.at;
    if (!take_byte(&s->at, '"') || !take_string(s, out_key) || !take_byte(&s->at, ':'))
        return FALSE;
    gsize length = (gsize) (s->at.at - begin);
    /* Only as it is mostly written: no escapes, no blank before the colon. */
    if (name != NULL && length <= sizeof name->text && out_key->at == begin + 1 &&
        out_key->len + 3 == length) {
        name->length = (guint8) length;
        name->notes = 0;
        memcpy(name->text, begin, length);
    }
    return TRUE;
}

static gboolean
take_member(Scan *s, gboolean *out_entered)
{
    LampBytes key, value;
    *out_entered = FALSE;
    if (!take_name(s, &key))
        return FALSE;
    skip_blanks(&s->at);
    if (s->at.at == s->at.end)
        return FALSE;
    guint8 first = *s->at.at;
    if (first == '{') {
        s->at.at++;
        *out_entered = TRUE;
        return enter_object(s, key);
    }
    gboolean is_text = first == '"';
    if (is_text)
        s->at.at++;
    if (is_text        ? !take_string(s, &value)
        : first == '[' ? !take_array(s, &value)
                       : !take_word(s, &value))
        return FALSE;
    gboolean is_null = !is_text && lamp_bytes_equal(value, lamp_bytes("null", 4));
    if (!is_null)
        s->member(s->owner, full_key(s, key), value, is_text);
    return TRUE;
}

gsize
lamp_json_flatten(LampBytes text, LampLogRecord *record, LampJsonMember member, gpointer owner)
{
    return lamp_json_flatten_like(text, record, NULL, member, owner);
}

gsize
lamp_json_flatten_like(LampBytes text, LampLogRecord *record, LampJsonShape *shape,
                       LampJsonMember member, gpointer owner)
{
    Scan s;
    gboolean entered;
    s.at = lamp_cursor(text);
    s.record = record;
    s.member = member;
    s.owner = owner;
    s.shape = shape;
    s.place = 0;
    s.depth = 1;
    s.prefix_length[0] = 0;
    if (!take_byte(&s.at, '{'))
        return 0;
    gboolean may_close = TRUE;
    while (s.depth > 0) {
        if (may_close && take_byte(&s.at, '}')) {
            s.depth--;
        } else {
            if (!take_member(&s, &entered))
                return 0;
            may_close = TRUE;
            if (entered)
                continue;
        }
        if (s.depth == 0)
            break;
        may_close = !take_byte(&s.at, ',');
        if (may_close && (s.at.at == s.at.end || *s.at.at != '}'))
            return 0;
    }
    return (gsize) (s.at.at - text.at);
}
