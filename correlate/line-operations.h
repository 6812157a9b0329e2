/*
 * What each service did in a request that only log lines show.
 */
#pragma once

#include "correlate/log-lines.h"

/* One service's work within one request: from its first line, or the begin that a line tells,
 * to its last. */
typedef struct {
    guint32 request, first, last; /* lines */
    guint32 parent;               /* operation, or LAMP_INDEX_NONE */
    guint32 before;               /* operation before it in its request, or LAMP_INDEX_NONE */
    guint32 writer, kind;
    gint64 start, end;
    gint64 told_end;  /* of a line that tells how long all of it took; LAMP_TIME_NONE */
    gboolean goes_on; /* has lines after an operation below it */
    float confidence;
} LampLineOperation;

/* Operations (LampLineOperation) in the order of their begins. Caller unrefs. Linear but for
 * sorting the lines of a request. */
GArray *lamp_line_operations(const LampLogLines *lines, const LampLogGrouping *grouping);
