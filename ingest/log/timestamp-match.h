/* One attempt to read a timestamp in one form; used by timestamp.c alone. */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

typedef struct {
    LampCursor at;
    LampCivil civil;
    gint64 resolution_ns;
    gint zone_seconds;
    gint day_of_year;
    LampTime epoch;      /* epoch forms only */
    const guint8 *clock; /* where the hour stands, NULL if there is none of two digits */
    gboolean has_zone, has_year, has_date, is_pm, is_am, is_epoch;
} LampTimestampMatch;

/* All forms, in their order (timestamp-forms.c). */
extern const char *const lamp_timestamp_forms[];
extern const gsize lamp_timestamp_form_count;

/* Reads @text by @form (the notation is described in timestamp-forms.c). TRUE if all parts fit
 * and no word or number goes on behind. O(form). */
gboolean lamp_timestamp_match(const char *form, LampBytes text, LampTimestampMatch *match);

/* A zone, perhaps behind a blank: `Z`, `+02:00`, ` CEST`. FALSE, and nothing taken, if there is
 * none. May change *@out_seconds then. */
gboolean lamp_timestamp_take_zone(LampCursor *at, gint *out_seconds);

/* Does no word or number go on at @at? 09:11 is no clock where 09:11:53 stands. */
gboolean lamp_timestamp_ends(const LampCursor *at);

/* An epoch number of 10, 13, 16 or 19 digits; seconds may have a fraction. */
gboolean lamp_timestamp_take_epoch(LampCursor *at, LampTimestampMatch *match);
