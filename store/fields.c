/*
 * Named values to and from one JSON object of texts (RFC 8259).
 *
 * A log record has about seven named values. As rows of a table of their own they cost three
 * quarters of the time from file to stored event; as one text they cost a copy. JSON, because
 * any SQLite client can take it apart (json_each, `->>`). The writer copies eight bytes at a
 * time while none of them is more than a copy; only texts with others are looked at twice.
 */
#include "store/fields.h"

#include "base/text.h"

enum { LONGEST_ESCAPE = 6 };

/* Is one of the eight bytes more than a copy: an escape, NUL, or not ASCII? Each test leaves
 * the top bit of a byte that fits, or of one above such (a false alarm costs only time). */
static gboolean
is_odd(guint64 word)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    guint64 quote = word ^ ones * '"', slash = word ^ ones * '\\';
    guint64 low = (word - ones * 0x20) & ~word;
    return ((word | low | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops) != 0;
}

/* Copies one to seven bytes; where they are odd they are copied in vain. */
static gboolean
copy_short(guint8 *out, const guint8 *at, gsize len)
{
    guint32 first, last;
    if (len >= 4) {
        memcpy(&first, at, 4);
        memcpy(&last, at + len - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + len - 4, &last, 4);
        return !is_odd(first | (guint64) last << 32);
    }
    const guint64 letters = G_GUINT64_CONSTANT(0x6161616161000000);
    out[0] = at[0];
    out[len / 2] = at[len / 2];
    out[len - 1] = at[len - 1];
    return !is_odd(letters | at[0] | (guint64) at[len / 2] << 8 | (guint64) at[len - 1] << 16);
}

/* Copies @text while it needs nothing else; FALSE if it does. The last word overlaps the one
 * before it. */
static gboolean
copy_plain(guint8 *out, LampBytes text)
{
    guint64 word;
    if (text.len < 8)
        return copy_short(out, text.at, text.len);
    for (gsize i = 0; i + 8 < text.len; i += 8) {
        memcpy(&word, text.at + i, 8);
        if (is_odd(word))
            return FALSE;
        memcpy(out + i, &word, 8);
    }
    memcpy(&word, text.at + text.len - 8, 8);
    memcpy(out + text.len - 8, &word, 8);
    return !is_odd(word);
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

/* Writes @text, which is UTF-8, escaped; at most LONGEST_ESCAPE times its length. */
static guint8 *
put_escaping(guint8 *out, LampBytes text)
{
    for (gsize i = 0; i < text.len; i++) {
        if (text.at[i] < 0x20 || text.at[i] == '"' || text.at[i] == '\\')
            out = put_escaped(out, text.at[i]);
        else
            *out++ = text.at[i];
    }
    return out;
}

/* Adds a text of which something is more than a copy. */
static void
add_odd(LampOut *out, LampBytes text)
{
    g_autofree char *repaired = NULL;
    if (!lamp_text_is_utf8(text)) {
        repaired = lamp_text_to_utf8(text, text.len);
        text = lamp_bytes_text(repaired);
    }
    guint8 *at = lamp_out_end(out, text.len * LONGEST_ESCAPE + 2);
    *at = '"';
    guint8 *end = put_escaping(at + 1, text);
    *end++ = '"';
    out->len += (gsize) (end - at);
}

static void
add_quoted(LampOut *out, LampBytes text)
{
    guint8 *at = lamp_out_end(out, text.len + 2);
    *at = '"';
    if (!copy_plain(at + 1, text)) {
        add_odd(out, text);
        return;
    }
    at[text.len + 1] = '"';
    out->len += text.len + 2;
}

/* Copies a quoted name and its colon: four bytes or more, without a call. */
static void
copy_name(guint8 *out, LampBytes name)
{
    guint32 first, last;
    guint64 word;
    if (name.len < 8) {
        memcpy(&first, name.at, 4);
        memcpy(&last, name.at + name.len - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + name.len - 4, &last, 4);
        return;
    }
    for (gsize i = 0; i + 8 < name.len; i += 8) {
        memcpy(&word, name.at + i, 8);
        memcpy(out + i, &word, 8);
    }
    memcpy(&word, name.at + name.len - 8, 8);
    memcpy(out + name.len - 8, &word, 8);
}

static void
add_byte(LampOut *out, guint8 byte)
{
    *lamp_out_end(out, 1) = byte;
    out->len++;
}

void
lamp_fields_quote(LampOut *out, LampBytes slot)
{
    add_quoted(out, slot);
    add_byte(out, ':');
}

void
lamp_fields_add_to(LampOut *out, gsize begin, LampBytes quoted_slot, LampBytes value)
{
    guint8 *at = lamp_out_end(out, quoted_slot.len + value.len + 3);
    *at++ = out->len == begin ? '{' : ',';
    copy_name(at, quoted_slot);
    at += quoted_slot.len;
    *at = '"';
    if (!copy_plain(at + 1, value)) {
        out->len += 1 + quoted_slot.len;
        add_odd(out, value);
        return;
    }
    at[value.len + 1] = '"';
    out->len += quoted_slot.len + value.len + 3;
}

void
lamp_fields_add(LampOut *out, gsize begin, LampBytes slot, LampBytes value)
{
    if (value.len == 0 || slot.len == 0)
        return;
    add_byte(out, out->len == begin ? '{' : ',');
    lamp_fields_quote(out, slot);
    add_quoted(out, value);
}

void
lamp_fields_end(LampOut *out, gsize begin)
{
    if (out->len > begin)
        add_byte(out, '}');
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
