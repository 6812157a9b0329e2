/*
 * The named values of a record as one JSON object of texts, `{"status":"200","user":"7"}`: the
 * form in which the columns `events.fields`, `observations.request_values` and
 * `.response_values` hold them. A name may stand more than once.
 */
#pragma once

#include "base/out.h"

/* Appends the member to the object that begins at @begin of @out, or begins it there. What is
 * not UTF-8, and NUL, is replaced by U+FFFD. An empty @value is left out. O(length). */
void lamp_fields_add(LampOut *out, gsize begin, LampBytes slot, LampBytes value);

/* The same where the name comes again and again: @quoted_slot was made by lamp_fields_quote()
 * of a name that is not empty, nor is @value. */
void lamp_fields_quote(LampOut *out, LampBytes slot);
void lamp_fields_add_to(LampOut *out, gsize begin, LampBytes quoted_slot, LampBytes value);

/* Ends the object, if one was begun. */
void lamp_fields_end(LampOut *out, gsize begin);

/* Reads such an object: start (any number of times), next until FALSE, clear. Zeroed before the
 * first start. Not a general JSON parser: at what was not written by lamp_fields_add() it ends.
 */
typedef struct {
    GString *text; /* owned copy, unescaped in place */
    char *at;
} LampFieldScan;

/* @json may be NULL: no members. */
void lamp_field_scan_start(LampFieldScan *scan, const char *json);
/* The texts live until the next start or clear. */
gboolean lamp_field_scan_next(LampFieldScan *scan, const char **out_slot,
                              const char **out_value) G_GNUC_WARN_UNUSED_RESULT;
void lamp_field_scan_clear(LampFieldScan *scan);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LampFieldScan, lamp_field_scan_clear)
