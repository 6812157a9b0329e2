/* Findings about lines and records of logs that are kept nevertheless. */
#pragma once

#include "ingest/log/lines.h"

/* Where something stands, and who is told of it. */
typedef struct {
    guint64 offset, number; /* of a line, from 1 */
    LampSink *sink;
} LampLogPlace;

/* Tells of NUL bytes and of what is not UTF-8. O(n), eight bytes at a time where it is ASCII.
 */
void lamp_log_check_bytes(const LampLogPlace *place, LampBytes line);

/* Tells of a time that stands for two, or for none. */
void lamp_log_check_clock(const LampLogPlace *place, LampClockKind clock);

/* Tells of a @record without a time, read from @text: once where its format explains it. */
void lamp_log_check_time(LampLog *log, const LampLogPlace *place, const LampLogRecord *record,
                         LampBytes text);
