/*
 * Recognition of timestamps as logs write them.
 *
 * One table of forms (timestamp.c) in a small notation; the scanner tries the form that matched
 * last time first, so a file in one form costs one attempt a line. Missing parts are completed
 * from the context: the zone from the source, the year from the file's time.
 */
#pragma once

#include "ingest/reader.h"

typedef struct {
    LampTime time;
    gint64 resolution_ns; /* the time is an interval [time, time + resolution) */
    gsize used;           /* bytes of text that the timestamp took */
    gboolean has_zone;    /* the text named its zone */
    gboolean has_year;    /* the text held the year */
    gboolean has_date;    /* FALSE: time of day only, the date is the file's */
    LampClockKind clock;  /* whether clocks were put back or forward then */
} LampTimestamp;

enum { LAMP_TIMESTAMP_DATE = 15 };

/* Zeroed, then lamp_timestamp_scanner_init(). Copyable. */
typedef struct {
    gint32 zone_seconds;
    gboolean zone_is_given; /* FALSE: zone_seconds is a guess */
    const LampZone *zone;   /* of times without one, instead of `zone_seconds`; NULL: none */
    gint64 quarter;         /* of an hour, of which the next two are kept */
    gint32 offsets[2];
    LampClockKind clock;
    gint64 last_seconds; /* the last time that was read in the zone */
    LampTime modified;   /* completes times without year; LAMP_TIME_NONE unknown */
    LampTime begun;      /* completes them instead; 0 unknown */
    guint8 *zones_seen;  /* LAMP_ZONE_… of what was read, or NULL */
    guint last_form;
    const char *const *own_forms; /* of the user, tried first for whole values; or NULL */
    gboolean is_day_first;        /* 03/04/2026 is in April */
    gboolean is_year_last;        /* 03/04/26 is of 2026 */
    guint8 date_len;              /* of the last time's text up to its hour; 0: none is kept */
    guint8 date[LAMP_TIMESTAMP_DATE];
    gint64 date_seconds; /* its begin, were its zone UTC */
} LampTimestampScanner;

void lamp_timestamp_scanner_init(LampTimestampScanner *scanner,
                                 const LampSourceContext *context);

/* Is there a timestamp at the begin of @text? The byte after it is not part of a word or
 * number. Bare epoch numbers count only with 10, 13, 16 or 19 digits. At most 64 bytes are
 * looked at; about 60 ns where the form is the same as last time. */
gboolean lamp_timestamp_scan(LampTimestampScanner *scanner, LampBytes text,
                             LampTimestamp *out_stamp) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a value that is nothing but a time, where an epoch number may have any number of
 * digits and a fraction or exponent. */
gboolean lamp_timestamp_parse(LampTimestampScanner *scanner, LampBytes text,
                              LampTimestamp *out_stamp) G_GNUC_WARN_UNUSED_RESULT;
