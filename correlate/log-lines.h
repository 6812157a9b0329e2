/*
 * Log lines as the grouping of correlate/log-requests/ wants them.
 */
#pragma once

#include "correlate/correlation.h"
#include "correlate/log-requests/grouping.h"

typedef struct {
    GArray *lines;      /* LampLogLine, in order of time */
    GArray *values;     /* LampLogValue */
    GArray *events;     /* gint64 beside the lines: event ids */
    GArray *operations; /* guint32 beside the lines: string id of the template */
    GArray *services;   /* guint32 by writer: string id of its name, 0 unknown */
    GArray *repeats;    /* LampLogRepeat: records that repeat a line */
} LampLogLines;

/* A record that a second file holds again. */
typedef struct {
    gint64 event;
    guint32 line;
} LampLogRepeat;

/* Reads all events that have a time. Caller frees. Linear but for sorting. */
LampLogLines *lamp_log_lines_read(LampCorrelation *c, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_log_lines_free(LampLogLines *lines);

/* What log lines say of one call that was made of them. */
typedef struct {
    guint32 parent; /* index in log_operations, or NONE */
    guint32 call;
    float confidence;
} LampLogOperation;

/* The passes (correlate/passes.c): groups lines and makes calls of the requests found; gives
 * these calls their parents when all calls are in their order (correlate/log-requests.c). */
gboolean lamp_pass_log_requests(LampCorrelation *c, GError **error);
gboolean lamp_pass_log_links(LampCorrelation *c, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampLogLines, lamp_log_lines_free)
