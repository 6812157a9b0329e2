/*
 * Scanner of key=value text. In: borrowed text; out: pairs and words in order. A key consists
 * of letters, digits and `_ . - @ / $`; what does not look like a pair is handed out as a word,
 * so the scan always reaches the end, in linear time.
 */
#include "ingest/log/keyvalue.h"
#include "base/text.h"
#include "ingest/log/json.h"

static gboolean
is_separator(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == ',' || byte == ';' || byte == '|' ||
           byte == '\n' || byte == '\r';
}

static gboolean
is_key_byte(guint8 byte)
{
    return g_ascii_isalnum((char) byte) || byte == '_' || byte == '.' || byte == '-' ||
           byte == '@' || byte == '/' || byte == '$';
}

static LampBytes
take_quoted(LampKeyValueScan *scan)
{
    guint8 quote = *scan->at.at;
    const guint8 *begin = ++scan->at.at;
    gboolean escaped = FALSE;
    while (scan->at.at < scan->at.end && *scan->at.at != quote) {
        gboolean slash = *scan->at.at == '\\' && lamp_cursor_left(&scan->at) > 1;
        escaped |= slash;
        scan->at.at += slash ? 2 : 1;
    }
    LampBytes raw = lamp_bytes(begin, (gsize) (scan->at.at - begin));
    if (scan->at.at < scan->at.end)
        scan->at.at++;
    return escaped ? lamp_json_unescape(scan->record, raw) : raw;
}

/* To the bracket that closes the one at the cursor, or to the next separator if none does. */
static LampBytes
take_bracketed(LampKeyValueScan *scan)
{
    const guint8 *begin = scan->at.at;
    guint8 open = *begin, close = open == '[' ? ']' : open == '{' ? '}' : ')';
    guint depth = 0;
    for (const guint8 *p = begin; p < scan->at.end; p++) {
        depth += *p == open;
        depth -= *p == close;
        if (depth == 0) {
            scan->at.at = p + 1;
            return lamp_bytes(begin, (gsize) (p + 1 - begin));
        }
    }
    scan->at.at = scan->at.end;
    return lamp_bytes(begin, (gsize) (scan->at.end - begin));
}

static LampBytes
take_plain(LampKeyValueScan *scan)
{
    const guint8 *begin = scan->at.at;
    while (scan->at.at < scan->at.end && !is_separator(*scan->at.at))
        scan->at.at++;
    LampBytes value = lamp_bytes(begin, (gsize) (scan->at.at - begin));
    /* `span{a=b}:`, as Rust's tracing closes its spans */
    if (value.len > 2 && value.at[value.len - 1] == ':' && value.at[value.len - 2] == '}')
        value.len--;
    while (value.len > 1 && strchr(")]}.\"'", value.at[value.len - 1]) != NULL)
        value.len--;
    return value;
}

static LampBytes
take_value(LampKeyValueScan *scan)
{
    if (scan->at.at == scan->at.end || is_separator(*scan->at.at))
        return lamp_bytes(scan->at.at, 0);
    switch (*scan->at.at) {
    case '"':
    case '\'':
        return take_quoted(scan);
    case '[':
    case '{':
    case '(':
        return take_bracketed(scan);
    default:
        return take_plain(scan);
    }
}

LampKeyValue
lamp_keyvalue_next(LampKeyValueScan *scan, LampBytes *out_key, LampBytes *out_value)
{
    while (scan->at.at < scan->at.end &&
           (is_separator(*scan->at.at) || strchr("([{", *scan->at.at) != NULL))
        scan->at.at++;
    const guint8 *begin = scan->at.at;
    if (begin == scan->at.end)
        return LAMP_KEYVALUE_END;
    while (scan->at.at < scan->at.end && is_key_byte(*scan->at.at))
        scan->at.at++;
    *out_key = lamp_bytes(begin, (gsize) (scan->at.at - begin));
    if (out_key->len > 0 && scan->at.at < scan->at.end && *scan->at.at == '=') {
        scan->at.at++;
        *out_value = take_value(scan);
        return LAMP_KEYVALUE_PAIR;
    }
    gboolean is_span = out_key->len > 0; /* `request{method=GET` */
    while (scan->at.at < scan->at.end && !is_separator(*scan->at.at) &&
           !(is_span && *scan->at.at == '{'))
        scan->at.at++;
    *out_key = lamp_bytes(begin, (gsize) (scan->at.at - begin));
    return LAMP_KEYVALUE_WORD;
}
