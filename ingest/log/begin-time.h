/* When a log with times that lack the year begins, as its times with a year tell. */
#pragma once

#include "ingest/reader.h"

/* @head: the first bytes of the source. 0 where its first times have a year, where `modified`
 * of
 * @context gives them the right one, or where nothing in @head tells. O(n) for n bytes of
 * @head. */
LampTime lamp_log_begin_time(LampBytes head, const LampSourceContext *context);
