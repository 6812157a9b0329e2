/*
 * Bounded reading of numbers from borrowed text, and safe showing of text that came from input.
 */
#pragma once

#include "base/bytes.h"

/* Unsigned decimal number that fills all of @text. FALSE if empty, if another byte occurs, or
 * if it does not fit in 64 bits. O(n), at most 20 digits are looked at. */
gboolean lamp_text_parse_u64(LampBytes text, guint64 *out_value) G_GNUC_WARN_UNUSED_RESULT;

/* The same with an optional sign. */
gboolean lamp_text_parse_i64(LampBytes text, gint64 *out_value) G_GNUC_WARN_UNUSED_RESULT;

/* Hexadecimal digits without prefix that fill all of @text (at most 16). */
gboolean lamp_text_parse_hex(LampBytes text, guint64 *out_value) G_GNUC_WARN_UNUSED_RESULT;

/* Decimal fraction "12", "12.5", ".5" (optional sign, no exponent) times 10^@scale as an
 * integer, further digits cut; so seconds with @scale 9 give nanoseconds exactly. */
gboolean lamp_text_parse_scaled(LampBytes text, guint scale,
                                gint64 *out_value) G_GNUC_WARN_UNUSED_RESULT;

/* @text without blanks, tabs and carriage returns at both ends; borrowed. */
LampBytes lamp_text_trim(LampBytes text);

/* Do the eight bytes at @text spell those at @lower, its letters in any case? The bits by which
 * cases differ are found eight at a time; of a constant they are constants. */
static inline gboolean
lamp_text_spells_eight(const guint8 *text, const char *lower)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
    guint64 given, wanted;
    memcpy(&given, text, 8);
    memcpy(&wanted, lower, 8);
    guint64 letters =
        (wanted + ones * (0x80 - 'a')) & ~(wanted + ones * (0x80 - 'z' - 1)) & ones * 0x80;
    return (given | letters >> 2) == wanted;
}

/* Is @text the word @lower (ASCII in lower case), its letters in any case? O(n). Inline, since
 * it is asked for every header and key, mostly of constants. */
static inline gboolean
lamp_text_is_word(LampBytes text, const char *lower, gsize lower_len)
{
    if (text.len != lower_len)
        return FALSE;
    gsize i = 0;
    for (; i + 8 <= lower_len; i += 8)
        if (!lamp_text_spells_eight(text.at + i, lower + i))
            return FALSE;
    if (lower_len >= 8) /* the last eight overlap those before */
        return lamp_text_spells_eight(text.at + lower_len - 8, lower + lower_len - 8);
    for (; i < lower_len; i++) {
        guint8 letter = (guint8) lower[i];
        guint8 case_bit = letter >= 'a' && letter <= 'z' ? 0x20 : 0;
        if ((text.at[i] | case_bit) != letter)
            return FALSE;
    }
    return TRUE;
}

/* Is @needle (not empty) somewhere in @text? Returns the offset, or -1. O(n). */
gssize lamp_text_find(LampBytes text, const char *needle);

/* Is @text UTF-8 without NUL? O(n), eight bytes at a time where it is ASCII. */
gboolean lamp_text_is_utf8(LampBytes text);

/* A NUL-terminated copy in which invalid UTF-8 is replaced by U+FFFD and NUL by U+FFFD, cut at
 * @max_bytes on a character border; caller frees. */
char *lamp_text_to_utf8(LampBytes text, gsize max_bytes);

/* A copy that may be shown on a terminal: control bytes and invalid UTF-8 appear as \xHH, tabs
 * as a blank. The only way to print what came from input. Caller frees. */
char *lamp_text_escape(LampBytes text);
