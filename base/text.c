/*
 * Numbers and safe text. See text.h; nothing here depends on the locale.
 */
#include "base/text.h"

gboolean
lamp_text_parse_u64(LampBytes text, guint64 *out_value)
{
    guint64 value = 0;
    if (text.len == 0 || text.len > 20)
        return FALSE;
    for (gsize i = 0; i < text.len; i++) {
        guint digit = (guint) text.at[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, (guint64) 10, &value) ||
            __builtin_add_overflow(value, (guint64) digit, &value))
            return FALSE;
    }
    *out_value = value;
    return TRUE;
}

static gboolean
take_sign(LampBytes *text)
{
    if (text->len == 0 || (text->at[0] != '-' && text->at[0] != '+'))
        return FALSE;
    gboolean negative = text->at[0] == '-';
    text->at++;
    text->len--;
    return negative;
}

gboolean
lamp_text_parse_i64(LampBytes text, gint64 *out_value)
{
    gboolean negative = take_sign(&text);
    guint64 magnitude;
    if (!lamp_text_parse_u64(text, &magnitude) || magnitude > (guint64) G_MAXINT64)
        return FALSE;
    *out_value = negative ? -(gint64) magnitude : (gint64) magnitude;
    return TRUE;
}

gboolean
lamp_text_parse_hex(LampBytes text, guint64 *out_value)
{
    guint64 value = 0;
    if (text.len == 0 || text.len > 16)
        return FALSE;
    for (gsize i = 0; i < text.len; i++) {
        gint digit = g_ascii_xdigit_value((char) text.at[i]);
        if (digit < 0)
            return FALSE;
        value = value << 4 | (guint64) digit;
    }
    *out_value = value;
    return TRUE;
}

gboolean
lamp_text_parse_scaled(LampBytes text, guint scale, gint64 *out_value)
{
    gboolean negative = take_sign(&text), in_fraction = FALSE;
    gint64 value = 0;
    guint decimals = 0;
    gsize digits = 0;
    for (gsize i = 0; i < text.len; i++) {
        if (text.at[i] == '.' && !in_fraction) {
            in_fraction = TRUE;
            continue;
        }
        guint digit = (guint) text.at[i] - '0';
        if (digit > 9)
            return FALSE;
        digits++;
        if (in_fraction && decimals >= scale)
            continue;
        if (in_fraction)
            decimals++;
        if (__builtin_mul_overflow(value, (gint64) 10, &value) ||
            __builtin_add_overflow(value, (gint64) digit, &value))
            return FALSE;
    }
    for (; decimals < scale; decimals++)
        if (__builtin_mul_overflow(value, (gint64) 10, &value))
            return FALSE;
    if (digits == 0)
        return FALSE;
    *out_value = negative ? -value : value;
    return TRUE;
}

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

LampBytes
lamp_text_trim(LampBytes text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

gssize
lamp_text_find(LampBytes text, const char *needle)
{
    gsize n = strlen(needle);
    if (n == 0 || text.len < n)
        return -1;
    /* Needles are short words of the program: a search for one byte that is not among
     * the most frequent ones finds nothing sooner than memmem() is prepared. */
    gsize anchor = (needle[0] == ' ' || needle[0] == '"') && n > 1 ? 1 : 0;
    const guint8 *at = text.at + anchor, *end = text.at + text.len - (n - anchor) + 1;
    while (at < end && (at = memchr(at, needle[anchor], (gsize) (end - at))) != NULL) {
        if (memcmp(at - anchor, needle, n) == 0)
            return at - anchor - text.at;
        at++;
    }
    return -1;
}

/* ASCII without NUL. */
static gboolean
is_plain(LampBytes text)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    const guint8 *at = text.at, *end = text.at + text.len;
    guint64 odd = 0;
    for (; end - at >= 8; at += 8) {
        guint64 word;
        memcpy(&word, at, 8);
        odd |= word | ((word - ones) & ~word);
    }
    for (; at < end; at++)
        odd |= *at == 0 || *at >= 0x80 ? tops : 0;
    return (odd & tops) == 0;
}

gboolean
lamp_text_is_utf8(LampBytes text)
{
    return is_plain(text) || g_utf8_validate_len((const char *) text.at, text.len, NULL);
}

char *
lamp_text_to_utf8(LampBytes text, gsize max_bytes)
{
    gsize len = MIN(text.len, max_bytes);
    if (len < text.len)
        while (len > 0 && (text.at[len] & 0xC0) == 0x80)
            len--;
    return g_utf8_make_valid((const char *) text.at, (gssize) len);
}

static void
append_shown(GString *out, LampBytes rest, gsize *out_used)
{
    gunichar c = g_utf8_get_char_validated((const char *) rest.at, (gssize) rest.len);
    gboolean bad = c == (gunichar) -1 || c == (gunichar) -2;
    if (!bad && c == '\t') {
        g_string_append_c(out, ' ');
        *out_used = 1;
    } else if (bad || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
        g_string_append_printf(out, "\\x%02x", rest.at[0]);
        *out_used = 1;
    } else {
        *out_used = g_unichar_to_utf8(c, NULL) > 0 ? (gsize) g_unichar_to_utf8(c, NULL) : 1;
        g_string_append_len(out, (const char *) rest.at, (gssize) *out_used);
    }
}

char *
lamp_text_escape(LampBytes text)
{
    GString *out = g_string_sized_new(text.len + 1);
    for (gsize i = 0; i < text.len;) {
        gsize used = 1;
        append_shown(out, lamp_bytes(text.at + i, text.len - i), &used);
        i += used;
    }
    return g_string_free(out, FALSE);
}
