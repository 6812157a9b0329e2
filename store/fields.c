/*
 * Named values to and from one JSON object of texts (RFC 8259).
 *
 * A log record has about seven named values. As rows of a table of their own they cost three
 * quarters of the time from file to stored event; as one text they cost a copy. JSON, because
 * any SQLite client can take it apart (json_each, `->>`). The writer copies eight bytes at a
 * time while none of them needs an escape.
 */
#include "store/fields.h"

#include "base/text.h"

enum { LONGEST_ESCAPE = 6 };

/* Does one of the eight bytes need an escape? Each test leaves the top bit of a byte that fits,
 * or of one above such (a false alarm costs only time). */
static gboolean
needs_escape(guint64 word)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    guint64 quote = word ^ ones * '"', slash = word ^ ones * '\\';
    guint64 low = (word - ones * 0x20) & ~word;
    return ((low | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops) != 0;
}

static guint8 *
put_escaped(guint8 *out, guint8 byte)
{
    static const char digits[] = "0123456789abcdef";
    static const guint8 replacement[] = {0xef, 0xbf, 0xbd};
    if (byte == 0) {
        memcpy(out, replacement, sizeof replacement);
        return out + sizeof replacement;
    }
    *out++ = '\\';
    if (byte >= 0x20) {
        *out++ = byte;
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = (guint8) digits[byte >> 4];
    out[4] = (guint8) digits[byte & 15];
    return out + 5;
}

/* Writes @text, which is UTF-8, between quotes; at most LONGEST_ESCAPE times its length. */
static guint8 *
put_quoted(guint8 *out, LampBytes text)
{
    const guint8 *at = text.at, *end = text.at + text.len;
    *out++ = '"';
    while (at < end) {
        guint64 word;
        for (; end - at >= 8; at += 8, out += 8) {
            memcpy(&word, at, 8);
            if (needs_escape(word))
                break;
            memcpy(out, &word, 8);
        }
        for (const guint8 *stop = at + MIN(end - at, 8); at < stop; at++) {
            if (*at < 0x20 || *at == '"' || *at == '\\')
                out = put_escaped(out, *at);
            else
                *out++ = *at;
        }
    }
    *out++ = '"';
    return out;
}

static void
append_member(GByteArray *out, gboolean is_first, LampBytes slot, LampBytes value)
{
    guint used = out->len;
    gsize most = LONGEST_ESCAPE * (slot.len + value.len) + 8;
    g_byte_array_set_size(out, (guint) (used + most));
    guint8 *at = out->data + used;
    *at++ = is_first ? '{' : ',';
    at = put_quoted(at, slot);
    *at++ = ':';
    at = put_quoted(at, value);
    g_byte_array_set_size(out, (guint) (at - out->data));
}

void
lamp_fields_add(GByteArray *out, gsize begin, LampBytes slot, LampBytes value)
{
    g_autofree char *repaired_slot = NULL, *repaired_value = NULL;
    if (value.len == 0 || slot.len == 0)
        return;
    if (!lamp_text_is_utf8(slot)) {
        repaired_slot = lamp_text_to_utf8(slot, slot.len);
        slot = lamp_bytes_text(repaired_slot);
    }
    if (!lamp_text_is_utf8(value)) {
        repaired_value = lamp_text_to_utf8(value, value.len);
        value = lamp_bytes_text(repaired_value);
    }
    append_member(out, out->len == begin, slot, value);
}

void
lamp_fields_end(GByteArray *out, gsize begin)
{
    if (out->len > begin)
        g_byte_array_append(out, (const guint8 *) "}", 1);
}

void
lamp_field_scan_start(LampFieldScan *scan, const char *json)
{
    if (scan->text == NULL)
        scan->text = g_string_new(NULL);
    g_string_assign(scan->text, json == NULL ? "" : json);
    scan->at = scan->text->str;
}

void
lamp_field_scan_clear(LampFieldScan *scan)
{
    if (scan->text != NULL)
        g_string_free(scan->text, TRUE);
    *scan = (LampFieldScan){NULL, NULL};
}

/* The character of an escape behind its backslash; 0 at the end of the text. */
static gunichar
take_escape(char **at)
{
    char letter = **at;
    gint code = 0;
    if (letter == '\0')
        return 0;
    *at += 1;
    if (letter != 'u')
        return (guint8) letter;
    for (guint i = 0; i < 4; i++, *at += 1) {
        gint digit = g_ascii_xdigit_value(**at);
        if (digit < 0)
            return 0;
        code = code * 16 + digit;
    }
    return code == 0 || (code >= 0xd800 && code < 0xe000) ? 0xfffd : (gunichar) code;
}

/* What stands between the quotes at *@at, unescaped where it stands and ended by NUL; *@at
 * moves behind it. NULL if there is no whole text. */
static char *
take_text(char **at)
{
    char *read = *at, *begin = *at + 1, *write = begin;
    if (*read++ != '"')
        return NULL;
    for (;;) {
        gsize plain = strcspn(read, "\"\\");
        if (write != read)
            memmove(write, read, plain);
        write += plain;
        read += plain;
        if (*read == '\0')
            return NULL;
        if (*read++ == '"')
            break;
        gunichar character = take_escape(&read);
        if (character == 0)
            return NULL;
        write += g_unichar_to_utf8(character, write);
    }
    *write = '\0';
    *at = read;
    return begin;
}

gboolean
lamp_field_scan_next(LampFieldScan *scan, const char **out_slot, const char **out_value)
{
    if (scan->at == NULL || (*scan->at != '{' && *scan->at != ','))
        return FALSE;
    scan->at++;
    const char *slot = take_text(&scan->at);
    if (slot == NULL || *scan->at != ':') {
        scan->at = NULL;
        return FALSE;
    }
    scan->at++;
    const char *value = take_text(&scan->at);
    if (value == NULL) {
        scan->at = NULL;
        return FALSE;
    }
    *out_slot = slot;
    *out_value = value;
    return TRUE;
}
