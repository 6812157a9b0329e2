/*
 * A pull parser for RESP2 and RESP3 (redis.io, "Redis serialization protocol specification").
 *
 * In: bytes at an element's begin. Out: elements with their depth and where values end. Strings
 * longer than 4 KiB are handed out by their beginning and then passed over. Maps count twice;
 * an attribute (`|`) stands before the value that it describes and is no value itself. Not
 * read: streamed strings and arrays of unknown length (`$?`, `*?`), which no server sends by
 * itself.
 */
#include "ingest/dissect/resp.h"

#include "base/text.h"

enum { MAX_LINE = 65536, MAX_LENGTH = 536870912 };

/* First bytes of elements; those with a count, and of these the strings. */
enum { ELEMENT = 1, COUNTED = 2, STRING = 4 };
static const guint8 element_types[256] = {
    ['+'] = ELEMENT,
    ['-'] = ELEMENT,
    [':'] = ELEMENT,
    ['_'] = ELEMENT,
    ['#'] = ELEMENT,
    [','] = ELEMENT,
    ['('] = ELEMENT,
    ['$'] = ELEMENT | COUNTED | STRING,
    ['='] = ELEMENT | COUNTED | STRING,
    ['!'] = ELEMENT | COUNTED | STRING,
    ['*'] = ELEMENT | COUNTED,
    ['~'] = ELEMENT | COUNTED,
    ['>'] = ELEMENT | COUNTED,
    ['%'] = ELEMENT | COUNTED,
    ['|'] = ELEMENT | COUNTED,
};

/* Most lines are lengths and end within eight bytes, which are looked at all at once (a byte
 * that is zero: S. E. Anderson, "Bit Twiddling Hacks"). */
static const guint8 *
find_line_end(LampBytes bytes)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
    if (bytes.len >= 8) {
        guint64 differ = lamp_le64(bytes.at) ^ ones * '\n';
        guint64 ends = (differ - ones) & ~differ & ones * 0x80;
        if (ends != 0)
            return bytes.at + __builtin_ctzll(ends) / 8;
    }
    return memchr(bytes.at, '\n', MIN(bytes.len, MAX_LINE));
}

static gsize
take_line(LampBytes bytes, LampBytes *out_line)
{
    const guint8 *nl = find_line_end(bytes);
    if (nl == NULL)
        return 0;
    gsize n = (gsize) (nl - bytes.at);
    *out_line = lamp_bytes(bytes.at + 1, n < 2 ? 0 : n - 2);
    return n >= 2 && nl[-1] == '\r' ? n + 1 : 0;
}

/* Counts of one or two digits are most of all. */
static gboolean
read_count(LampBytes line, gint64 *out_count)
{
    guint first = line.len > 0 ? (guint) line.at[0] - '0' : 10, second;
    if (line.len == 1 && first < 10) {
        *out_count = first;
        return TRUE;
    }
    if (line.len == 2 && first < 10 && (second = (guint) line.at[1] - '0') < 10) {
        *out_count = first * 10 + second;
        return TRUE;
    }
    return lamp_text_parse_i64(line, out_count);
}

/* Counts the element just taken; TRUE when the outermost value is complete. */
static gboolean
close_element(LampResp *resp)
{
    while (resp->depth > 0) {
        if (--resp->left[resp->depth - 1] > 0)
            return FALSE;
        resp->depth--;
        if (resp->attributes & 1u << resp->depth) {
            resp->attributes &= (guint16) ~(1u << resp->depth);
            return FALSE;
        }
    }
    return TRUE;
}

static gsize
bad(LampRespElement *element)
{
    element->is_bad = TRUE;
    return 0;
}

static gsize
step_array(LampResp *resp, gint64 count, gsize length, LampRespElement *element)
{
    guint64 elements = (guint64) count * (element->type == '%' || element->type == '|' ? 2 : 1);
    if (count > MAX_LENGTH || resp->depth == LAMP_RESP_DEPTH)
        return bad(element);
    if (elements == 0) {
        element->ends = element->type != '|' && close_element(resp);
        return length;
    }
    if (element->type == '|')
        resp->attributes |= (guint16) (1u << resp->depth);
    resp->left[resp->depth++] = elements;
    return length;
}

static gsize
step_string(LampResp *resp, LampBytes bytes, gint64 count, gsize length,
            LampRespElement *element)
{
    if (count > MAX_LENGTH)
        return bad(element);
    gsize whole = length + (gsize) count + 2;
    element->is_string = TRUE;
    element->text = lamp_bytes(bytes.at + length, MIN((gsize) count, LAMP_RESP_TEXT));
    if (bytes.len >= whole) {
        if (memcmp(bytes.at + whole - 2, "\r\n", 2) != 0)
            return bad(element);
        element->ends = close_element(resp);
        return whole;
    }
    if (count <= LAMP_RESP_TEXT || bytes.len < length + LAMP_RESP_TEXT)
        return 0;
    resp->skip = whole - length - LAMP_RESP_TEXT;
    return length + LAMP_RESP_TEXT;
}

static gsize
step_skip(LampResp *resp, LampBytes bytes, LampRespElement *element)
{
    gsize n = (gsize) MIN((guint64) bytes.len, resp->skip);
    resp->skip -= n;
    if (resp->skip == 0)
        element->ends = close_element(resp);
    return n;
}

gsize
lamp_resp_step(LampResp *resp, LampBytes bytes, LampRespElement *out_element)
{
    *out_element = (LampRespElement){.depth = resp->depth};
    if (resp->skip > 0)
        return step_skip(resp, bytes, out_element);
    if (bytes.len == 0)
        return 0;
    out_element->type = bytes.at[0];
    guint8 kind = element_types[bytes.at[0]];
    if (kind == 0)
        return bad(out_element);
    LampBytes line;
    gsize length = take_line(bytes, &line);
    if (length == 0)
        return bytes.len >= MAX_LINE || memchr(bytes.at, '\n', bytes.len) ? bad(out_element)
                                                                          : 0;
    out_element->text = line;
    gint64 count = 0;
    gboolean is_counted = (kind & COUNTED) != 0;
    if (is_counted && !read_count(line, &count))
        return bad(out_element);
    out_element->is_null = out_element->type == '_' || count < 0;
    if (!is_counted || count < 0) {
        out_element->is_string = !is_counted && out_element->type == '+';
        out_element->ends = close_element(resp);
        return length;
    }
    if ((kind & STRING) != 0)
        return step_string(resp, bytes, count, length, out_element);
    return step_array(resp, count, length, out_element);
}

gboolean
lamp_resp_cut(LampResp *resp, LampBytes bytes, LampRespElement *out_element)
{
    LampBytes line = {NULL, 0};
    gint64 count = 0;
    guint8 type = bytes.len > 0 ? bytes.at[0] : 0, kind = element_types[type];
    *out_element = (LampRespElement){.depth = resp->depth, .type = type, .is_cut = TRUE};
    if (kind == 0 || (kind & (COUNTED | STRING)) == COUNTED)
        return FALSE;
    if ((kind & COUNTED) == 0) {
        out_element->text = lamp_bytes(bytes.at + 1, bytes.len - 1);
        return TRUE;
    }
    gsize length = take_line(bytes, &line);
    if (length == 0 || !read_count(line, &count) || count < 0 || count > MAX_LENGTH)
        return FALSE;
    gsize whole = length + (gsize) count + 2;
    if (bytes.len >= whole)
        return FALSE;
    out_element->is_string = TRUE;
    out_element->text = lamp_bytes(bytes.at + length, MIN(bytes.len - length, (gsize) count));
    resp->skip = whole - bytes.len;
    return TRUE;
}

gboolean
lamp_resp_pass(LampResp *resp, guint64 missing)
{
    resp->skip -= MIN(missing, resp->skip);
    return resp->skip == 0 && close_element(resp);
}
