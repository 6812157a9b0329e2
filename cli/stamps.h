/*
 * How fine the stamps of calls are: no more digits are shown than these carry.
 */
#pragma once

#include "base/time.h"
#include "store/statement.h"

/* A query for lamp_stamps_resolution(); NULL with @error set. */
LampStatement *lamp_stamps_open(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Resolution of the stamps at which call @call_id begins, ns; 1 where it is not known. */
gint64 lamp_stamps_resolution(LampStatement *stamps, gint64 call_id);

/* "22.1 ms"; "< 1 s" for nothing between stamps of @resolution; caller frees. What was measured
 * otherwise keeps its own digits. */
char *lamp_stamps_duration(gint64 duration, gint64 resolution);
