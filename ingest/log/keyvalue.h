/*
 * `key=value key="quoted value" word` as logfmt and many messages write it.
 */
#pragma once

#include "ingest/log/record.h"

typedef struct {
    LampCursor at;
    LampLogRecord *record; /* lends its scratch for quoted values with escapes */
} LampKeyValueScan;

typedef enum {
    LAMP_KEYVALUE_END,
    LAMP_KEYVALUE_PAIR,
    LAMP_KEYVALUE_WORD, /* a word without value, in out_key */
} LampKeyValue;

/* The next pair or word. Pairs are separated by blanks, `,`, `;` or `|`; a value in brackets or
 * quotes may hold blanks. */
LampKeyValue lamp_keyvalue_next(LampKeyValueScan *scan, LampBytes *out_key,
                                LampBytes *out_value);
