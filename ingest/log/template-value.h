/*
 * Classes of bytes for masking, and what in a message is one value though it is more than one
 * word. Private to the template files.
 */
#pragma once

#include "base/bytes.h"

/* Classes of bytes, for the scans that see every byte of a message. */
enum {
    LAMP_BYTE_BLANK = 1,
    LAMP_BYTE_DELIMITER = 2,
    LAMP_BYTE_DIGIT = 4,
    LAMP_BYTE_HEX_LETTER = 8,
    LAMP_BYTE_SIGN = 16,
    LAMP_BYTE_POINT = 32,
    LAMP_BYTE_COLON = 64,
    LAMP_BYTE_OTHER = 128,
};
static const guint8 lamp_byte_classes[256] = {
    [0] = LAMP_BYTE_DELIMITER,
    [1 ... 8] = LAMP_BYTE_OTHER,
    ['\t' ... '\r'] = LAMP_BYTE_BLANK | LAMP_BYTE_DELIMITER,
    [14 ... 31] = LAMP_BYTE_OTHER,
    [' '] = LAMP_BYTE_BLANK | LAMP_BYTE_DELIMITER,
    ['!'] = LAMP_BYTE_OTHER,
    ['"'] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['#' ... '&'] = LAMP_BYTE_OTHER,
    ['\''] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['('] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    [')'] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['*'] = LAMP_BYTE_OTHER,
    ['+'] = LAMP_BYTE_SIGN,
    [','] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['-'] = LAMP_BYTE_SIGN,
    ['.'] = LAMP_BYTE_POINT,
    ['/'] = LAMP_BYTE_OTHER,
    ['0' ... '9'] = LAMP_BYTE_DIGIT,
    [':'] = LAMP_BYTE_COLON | LAMP_BYTE_DELIMITER,
    [';' ... '>'] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['?' ... '@'] = LAMP_BYTE_OTHER,
    ['A' ... 'F'] = LAMP_BYTE_HEX_LETTER,
    ['G' ... 'Z'] = LAMP_BYTE_OTHER,
    ['['] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['\\'] = LAMP_BYTE_OTHER,
    [']'] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['^' ... '`'] = LAMP_BYTE_OTHER,
    ['a' ... 'f'] = LAMP_BYTE_HEX_LETTER,
    ['g' ... 'z'] = LAMP_BYTE_OTHER,
    ['{' ... '}'] = LAMP_BYTE_DELIMITER | LAMP_BYTE_OTHER,
    ['~' ... 255] = LAMP_BYTE_OTHER,
};

static inline gboolean
lamp_is_blank(guint8 byte)
{
    return (lamp_byte_classes[byte] & LAMP_BYTE_BLANK) != 0;
}

static inline gboolean
lamp_is_delimiter(guint8 byte)
{
    return (lamp_byte_classes[byte] & LAMP_BYTE_DELIMITER) != 0;
}

/* All classes that occur in @text. */
static inline guint
lamp_byte_classes_of(LampBytes text)
{
    guint seen = 0;
    for (gsize i = 0; i < text.len; i++)
        seen |= lamp_byte_classes[text.at[i]];
    return seen;
}

static inline gboolean
lamp_has_digit(LampBytes text)
{
    for (gsize i = 0; i < text.len; i++)
        if ((lamp_byte_classes[text.at[i]] & LAMP_BYTE_DIGIT) != 0)
            return TRUE;
    return FALSE;
}

/* `true`, `off`, `null` and the like. */
gboolean lamp_is_truth_value(LampBytes word);
gboolean lamp_is_true_or_false(LampBytes word);

/* The end of a bracket that opens at @open and holds nothing but words of truth, or @open. */
const guint8 *lamp_truths_end(const guint8 *open, const guint8 *end);

/* Length of what begins at @at and is one value, or 0. Each looks at a bounded number of bytes.
 * Hexadecimal groups joined by colons (hardware and IPv6 addresses): */
gsize lamp_groups_length(const guint8 *at, const guint8 *end);
/* The port behind @word, the name of a host (`:443`): */
gsize lamp_port_length(LampBytes word, const guint8 *end);
/* What stands in quotes, behind @quote which @before precedes: after `=`, or several words: */
gsize lamp_quoted_length(const guint8 *at, const guint8 *end, guint8 before, guint8 quote);
/* `Source{10113}`: */
gsize lamp_braces_length(const guint8 *at, const guint8 *end);
