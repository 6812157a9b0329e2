/*
 * Requests from log lines alone: which line belongs to which request.
 *
 * Input and output are plain arrays; this folder knows no files and no database. The lines must
 * be in order of time. See docs/log-requests.md for the model.
 */
#pragma once

#include "base/time.h"

#include <glib.h>

#define LAMP_LOG_NONE G_MAXUINT32

/* One log line. Numbers mean nothing but equality; 0 stands for "unknown". */
typedef struct {
    gint64 time_ns;
    gint64 resolution_ns;
    guint32 template;                 /* message without its variable parts */
    guint32 component;                /* logger, service, host or file that it is of */
    guint32 first_value, value_count; /* in the array of values */
    guint32 writer;                   /* service, host or file that wrote it */
    gint64 duration_ns; /* how long what it tells of took, up to time_ns; 0 none */
} LampLogLine;

/* Something in a line that may stand in other lines too. */
typedef struct {
    guint64 hash; /* of the value */
    guint32 key;  /* what kind of value: name of the field, word before it, thread */
} LampLogValue;

typedef struct {
    const LampLogLine *lines;
    guint32 n_lines;
    const LampLogValue *values;
    guint32 n_values;
} LampLogInput;

/* Where a line was put. */
typedef struct {
    guint32 request;   /* from 0, in the order of first lines */
    guint32 previous;  /* line before it in that request, or LAMP_LOG_NONE */
    guint32 runner_up; /* request that was the next best, or LAMP_LOG_NONE */
    float link;        /* probability of `previous` */
    float other;       /* probability of the runner-up's line */
    float confidence;  /* probability that the line belongs to this request */
} LampLogPlace;

typedef struct {
    LampLogPlace *places; /* one for each line */
    guint32 n_requests;
} LampLogGrouping;

/* Groups lines. Cost is near-linear in lines; some 200 bytes of memory for each. Free with
 * lamp_log_grouping_free(). */
LampLogGrouping *lamp_log_group(const LampLogInput *input) G_GNUC_WARN_UNUSED_RESULT;
void lamp_log_grouping_free(LampLogGrouping *grouping);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampLogGrouping, lamp_log_grouping_free)
