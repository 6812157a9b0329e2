/*
 * Reads request lines, status lines and headers (RFC 9112 sections 2 to 6).
 *
 * In: bytes that begin at a start line. Out: a LampHttpHead with views into them. Tolerant
 * where real peers are: lines may end with LF alone, names have any case, values may be folded
 * over lines (section 5.2), numbers of versions after 1. may be any. HTTP/0.9 and everything
 * without a version is refused: it cannot be told from other protocols.
 */
#include "ingest/dissect/http-head.h"

#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/http-idle-lines.h"

enum { MAX_METHOD = 20 };

static LampBytes
trim(LampBytes text)
{
    while (text.len > 0 && text.at[0] <= ' ')
        text = lamp_bytes(text.at + 1, text.len - 1);
    while (text.len > 0 && text.at[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static inline gboolean
name_is(LampBytes name, const char *lower, gsize len)
{
    /* The last letters differ most often, and a letter of any case has this bit. */
    return name.len == len && (name.at[len - 1] | 0x20) == (guint8) lower[len - 1] &&
           lamp_text_is_word(name, lower, len);
}

/* "HTTP/1.1 200": whole, cut, or neither. */
LampHttpLine
lamp_http_status_line(LampBytes text)
{
    static const char form[] = "HTTP/1.d ddd";
    for (gsize i = 0; i < sizeof form - 1; i++) {
        if (i == text.len)
            return LAMP_HTTP_LINE_MAYBE;
        gboolean fits =
            form[i] == 'd' ? g_ascii_isdigit(text.at[i]) : (char) text.at[i] == form[i];
        if (!fits)
            return LAMP_HTTP_LINE_NO;
    }
    gsize n = sizeof form - 1;
    if (text.at[9] < '1' || (text.len > n && text.at[n] > ' '))
        return LAMP_HTTP_LINE_NO;
    return text.len > n && memchr(text.at + n, '\n', text.len - n) ? LAMP_HTTP_LINE_WHOLE
                                                                   : LAMP_HTTP_LINE_MAYBE;
}

/* What a target may begin with: origin, absolute, authority and asterisk form. */
static gboolean
is_target_begin(guint8 b, LampBytes method)
{
    return b == '/' || b == '*' || ((b | 0x20) == 'h') ||
           (name_is(method, "connect", 7) && b > ' ' && b < 0x7f);
}

LampHttpLine
lamp_http_request_line(LampBytes text)
{
    gsize n = 0;
    while (n < text.len && n <= MAX_METHOD &&
           (g_ascii_isupper(text.at[n]) || text.at[n] == '-' || text.at[n] == '_'))
        n++;
    if (n == text.len)
        return n <= MAX_METHOD ? LAMP_HTTP_LINE_MAYBE : LAMP_HTTP_LINE_NO;
    if (text.at[n] != ' ' || n < 3 || n > MAX_METHOD)
        return LAMP_HTTP_LINE_NO;
    if (n + 1 < text.len && !is_target_begin(text.at[n + 1], lamp_bytes(text.at, n)))
        return LAMP_HTTP_LINE_NO;
    const guint8 *end = memchr(text.at, '\n', text.len);
    if (end == NULL)
        return text.len < LAMP_LIMIT_HTTP_HEAD ? LAMP_HTTP_LINE_MAYBE : LAMP_HTTP_LINE_NO;
    LampBytes line = trim(lamp_bytes(text.at, (gsize) (end - text.at)));
    if (line.len < n + 11)
        return LAMP_HTTP_LINE_NO;
    const guint8 *version = line.at + line.len - 9;
    gboolean fits = memcmp(version, " HTTP/1.", 8) == 0 && g_ascii_isdigit(version[8]);
    return fits ? LAMP_HTTP_LINE_WHOLE : LAMP_HTTP_LINE_NO;
}

gsize
lamp_http_head_length(LampBytes text, gsize scanned)
{
    /* The last two bytes of what was scanned may be the first of the end. */
    gsize at = scanned > 3 ? scanned - 3 : 0;
    while (at < text.len) {
        const guint8 *nl = memchr(text.at + at, '\n', text.len - at);
        if (nl == NULL)
            return 0;
        gsize next = (gsize) (nl - text.at) + 1;
        if (next < text.len && text.at[next] == '\n')
            return next + 1;
        if (next + 1 < text.len && text.at[next] == '\r' && text.at[next + 1] == '\n')
            return next + 2;
        at = next;
    }
    return 0;
}

guint
lamp_http_head_status(LampBytes line)
{
    const guint8 *code = line.at + 9;
    return (guint) ((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
}

static void
parse_start_line(LampBytes line, LampHttpHead *head)
{
    head->is_response = lamp_bytes_starts(line, "HTTP/");
    if (head->is_response) {
        head->status = lamp_http_head_status(line);
        return;
    }
    const guint8 *blank = memchr(line.at, ' ', line.len);
    gsize method_len = blank == NULL ? line.len : (gsize) (blank - line.at);
    head->method = lamp_bytes(line.at, method_len);
    if (line.len >= method_len + 10)
        head->target = trim(lamp_bytes(line.at + method_len, line.len - method_len - 9));
}

static void
read_content_type(LampHttpHead *head, LampBytes value)
{
    head->is_json =
        lamp_bytes_starts(value, "application/json") || lamp_text_find(value, "json") >= 0;
    head->is_form = !head->is_json && lamp_text_find(value, "x-www-form-urlencoded") >= 0;
}

/* The last coding named decides (section 6.1); `chunked` must be it. */
static gboolean
ends_with_chunked(LampBytes value)
{
    return value.len >= 7 && name_is(lamp_bytes(value.at + value.len - 7, 7), "chunked", 7);
}

static gboolean
read_framing_header(LampHttpHead *head, LampBytes name, LampBytes value)
{
    guint64 length;
    if (name_is(name, "content-length", 14)) {
        if (head->content_length < 0 && lamp_text_parse_u64(value, &length) &&
            length <= G_MAXINT64)
            head->content_length = (gint64) length;
    } else if (name_is(name, "transfer-encoding", 17)) {
        head->is_chunked = ends_with_chunked(value);
    } else if (name_is(name, "content-type", 12)) {
        read_content_type(head, value);
    } else if (name_is(name, "upgrade", 7)) {
        head->upgrade = value;
    } else {
        return FALSE;
    }
    return TRUE;
}

/* A header with the lines that continue it; FALSE at the empty line. */
static gboolean
take_header(LampCursor *c, LampBytes *out_field)
{
    LampBytes line;
    if (!lamp_cursor_line(c, &line) || line.len == 0 || line.at[0] == '\r')
        return FALSE;
    const guint8 *from = line.at;
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t') && lamp_cursor_line(c, &line))
        ;
    *out_field = lamp_bytes(from, (gsize) (line.at + line.len - from));
    return TRUE;
}

/* FALSE if it says nothing, whatever stands around it. */
static gboolean
read_header(LampBytes field, LampHttpHead *head, gboolean *is_encoded, LampHttpHeader header,
            gpointer owner)
{
    const guint8 *colon = memchr(field.at, ':', field.len);
    if (colon == NULL || colon == field.at)
        return FALSE;
    LampBytes name = trim(lamp_bytes(field.at, (gsize) (colon - field.at)));
    LampBytes value = trim(lamp_bytes(colon + 1, (gsize) (field.at + field.len - colon - 1)));
    if (name_is(name, "content-encoding", 16)) {
        *is_encoded = !name_is(value, "identity", 8);
        return TRUE;
    }
    return read_framing_header(head, name, value) || header == NULL ||
           header(owner, name, value);
}

void
lamp_http_head_parse(LampBytes text, LampHttpHead *out_head, LampHttpHeader header,
                     gpointer owner)
{
    *out_head = (LampHttpHead){.content_length = -1};
    LampCursor c = lamp_cursor(text);
    LampBytes field;
    gboolean is_encoded = FALSE;
    if (!lamp_cursor_line(&c, &field))
        return;
    parse_start_line(trim(field), out_head);
    LampHttpPlace place = out_head->is_response ? LAMP_HTTP_IN_RESPONSE : LAMP_HTTP_IN_REQUEST;
    for (guint i = 0; i < LAMP_LIMIT_HTTP_HEADERS; i++) {
        if (lamp_http_skip_idle(&c, &place))
            continue;
        const guint8 *from = c.at;
        if (!take_header(&c, &field))
            break;
        if (!read_header(field, out_head, &is_encoded, header, owner))
            lamp_http_note_idle(lamp_bytes(from, (gsize) (c.at - from)), &place);
    }
    if (is_encoded)
        out_head->is_json = out_head->is_form = FALSE;
}
