/*
 * Types of the variable places of templates: the narrowest one that all values at a place have.
 *
 * Each value adds the bit of what it looks like, so the bits of a place, and of places that are
 * merged, are or-ed in any order; the type is named at the end from the bits.
 */
#pragma once

#include "ingest/log/template.h"

enum {
    LAMP_TYPE_INTEGER = 1 << 0,
    LAMP_TYPE_DECIMAL = 1 << 1,
    LAMP_TYPE_HEX = 1 << 2,
    LAMP_TYPE_UUID = 1 << 3,
    LAMP_TYPE_IP = 1 << 4,
    LAMP_TYPE_IP_PORT = 1 << 5,
    LAMP_TYPE_PATH = 1 << 6,
    LAMP_TYPE_URL = 1 << 7,
    LAMP_TYPE_EMAIL = 1 << 8,
    LAMP_TYPE_DURATION = 1 << 9,
    LAMP_TYPE_SIZE = 1 << 10,
    LAMP_TYPE_TIME = 1 << 11,
    LAMP_TYPE_QUOTED = 1 << 12, /* in quotes, more than one word */
    LAMP_TYPE_IDENTIFIER = 1 << 13,
    LAMP_TYPE_WORD = 1 << 14,
    LAMP_TYPE_OTHER = 1 << 15, /* not known */
};

/* The bit of one value of @kind. O(n) in the length of @value. */
guint16 lamp_value_type(LampBytes value, LampVariableKind kind);

/* The bit of what masking took for several values though it is one: a date with its time, a
 * number with separators; else 0. */
guint16 lamp_joined_type(LampBytes value);

/* The type of values with the or-ed bits @types, followed by the constant text @behind: a
 * number before a unit (`31 ms`, `4 KB`) is a duration or size. Static text: `integer`,
 * `ip:port`; `*` where the values have nothing in common; `empty` where there were none. */
const char *lamp_types_name(guint types, LampBytes behind);

/* The number at the begin of a value whose type is integer or decimal. */
gboolean lamp_value_number(LampBytes value, double *out_number);
