/*
 * What PostgreSQL's logs have in common, whatever their form: statements with durations,
 * failures, parameters.
 */
#pragma once

#include "ingest/log/lines.h"

/* LOG, ERROR, … */
gboolean lamp_postgresql_is_severity(LampBytes word);

/* `10.77.0.51(34814)`, or with @separator instead of the parentheses. FALSE if it is none. */
gboolean lamp_postgresql_take_client(LampLogRecord *record, LampBytes word, char separator);

/* `duration: 1.158 ms  execute name: SELECT …` makes the record a call. */
void lamp_postgresql_take_duration(LampLogRecord *record, LampBytes message);

/* The record is an error (@severity ERROR, FATAL or PANIC) that ends a statement; its code may
 * stand before the message, or was taken as the status before. */
void lamp_postgresql_take_failure(LampLogRecord *record, LampBytes severity, LampBytes message);

/* `statement: SELECT …` and the `duration: 1.158 ms`, or the failure, that the same session
 * writes later: what ties the two lines. After the two functions above. */
void lamp_postgresql_take_halves(LampLogRecord *record, LampBytes message);

/* `parameters: $1 = 'SKU-1000', $2 = NULL` as values `param.1` …; FALSE if it is none. */
gboolean lamp_postgresql_take_parameters(LampLogRecord *record, LampBytes text);
