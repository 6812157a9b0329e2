/* Numbers with commas: `1,234` of thousands, `31,5` with a decimal comma. */
#pragma once

#include "base/bytes.h"

/* What commas mean in a log, as far as its numbers told. */
typedef enum {
    LAMP_COMMA_UNKNOWN,
    LAMP_COMMA_DECIMAL,   /* 31,5  1.234,5 */
    LAMP_COMMA_THOUSANDS, /* 12,345.5  1,234,567 */
} LampCommaStyle;

enum { LAMP_COMMA_NUMBER = 32 };

/* @number, of digits, commas and points, with a point for its decimals, in @out; its length, or
 * 0 if it is no number. `1,234` may be either: then *@style decides, which other numbers of the
 * log tell and this function keeps; where they do not, it is thousands of small units
 * (@is_small: milliseconds and below), decimals of large ones. */
gsize lamp_comma_number(LampBytes number, gboolean is_small, LampCommaStyle *style,
                        char out[LAMP_COMMA_NUMBER]);
