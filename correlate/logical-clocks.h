/*
 * Lamport and vector clocks of one trace.
 */
#pragma once

#include "correlate/correlation.h"

/* The vector clock at the sending of a call's request: @counts[i] events of instance
 * @instances[i] (LAMP_INDEX_NONE: unknown process) precede or are it. */
typedef void (*LampVectorSink)(gpointer user, guint32 call, const guint32 *instances,
                               const guint32 *counts, guint n);

/* Sets LampCall.lamport of the @n @calls of one trace. @sink may be NULL; it is not called for
 * traces of more than 64 instances. */
void lamp_logical_clocks(LampCorrelation *c, const guint32 *calls, guint n, LampVectorSink sink,
                         gpointer user);
