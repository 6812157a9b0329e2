/*
 * JSON of one log line as a flat list of named values: nested objects give `outer.inner`,
 * arrays stay as they are written. Iterative, LAMP_LIMIT_JSON_DEPTH levels, no allocation.
 */
#pragma once

#include "ingest/log/record.h"

/* One member; @value is unescaped where it was a string (@is_text), else as written. Both live
 * as long as the record's line. */
typedef void (*LampJsonMember)(gpointer owner, LampBytes key, LampBytes value,
                               gboolean is_text);

enum { LAMP_JSON_SHAPE = 32, LAMP_JSON_SHAPE_BYTES = 31 };

/* The names that stood at the first places of the object before, quotes and colon included:
 * lines of a log have the same ones, which then need not be read again. Zeroed by the caller.
 */
typedef struct {
    guint8 length; /* 0: none is kept */
    guint8 text[LAMP_JSON_SHAPE_BYTES];
    guint notes;         /* the caller's, about the name; 0 where another name took the place */
    LampMeaning meaning; /* likewise */
} LampJsonName;

typedef struct {
    LampJsonName names[LAMP_JSON_SHAPE];
    LampJsonName *current; /* of the member being told, if it is not in another object; or NULL
                            */
} LampJsonShape;

/* Reads the object at the begin of @text and calls @member for each leaf in order. Returns the
 * bytes that the object took, or 0 if it is no well-formed object. @record lends its scratch.
 */
gsize lamp_json_flatten(LampBytes text, LampLogRecord *record, LampJsonMember member,
                        gpointer owner);

/* The same, faster where names stand as @shape remembers them. */
gsize lamp_json_flatten_like(LampBytes text, LampLogRecord *record, LampJsonShape *shape,
                             LampJsonMember member, gpointer owner);

/* @raw with its backslash escapes replaced, in the scratch of @record; @raw itself where that
 * is full. */
LampBytes lamp_json_unescape(LampLogRecord *record, LampBytes raw);
