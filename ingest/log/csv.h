/*
 * Fields of one line of separated values, with quotes (RFC 4180).
 */
#pragma once

#include "ingest/log/record.h"

/* Splits @line at @separator into at most @max fields; doubled quotes are unescaped into the
 * scratch of @record. Returns the number of fields, further ones are dropped; 0 if a quote is
 * never closed. O(n). */
gsize lamp_csv_split(LampBytes line, char separator, LampLogRecord *record,
                     LampBytes *out_fields, gsize max);
