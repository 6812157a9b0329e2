/*
 * The calls of each request, by the values that they bear.
 */
#pragma once

#include "base/keyed-map.h"
#include "correlate/logs.h"

#define LAMP_ROUNDING_NS LAMP_NS_PER_MS /* durations in logs are rounded */

/* One call that bears a value. */
typedef struct {
    guint64 value;
    guint32 call, field;
} LampRequestCall;

/* A component is a host, process and protocol that serves; a kind an operation of it. Numbers
 * are from 1 on; 0 stands for calls that bear no value. */
typedef struct {
    LampCorrelation *c;
    GArray *members;             /* LampRequestCall: by value, each call of it once */
    guint32 *components, *kinds; /* by call */
    LampKeyedMap *numbers;
} LampRequestCalls;

/* Groups the calls of requests. @uses: LampIdUse, by value. Caller frees. O(n log n). */
LampRequestCalls *lamp_request_calls_new(LampCorrelation *c, const GArray *uses);
void lamp_request_calls_free(LampRequestCalls *self);

/* End of the run of members with one value that begins at @from. */
guint lamp_request_calls_end(const LampRequestCalls *self, guint from);

/* A number from 1 on for the four; 0 when the map is full. */
guint32 lamp_number_of(LampKeyedMap *map, const guint32 key[4]);

/* Time of a call where it was served, or else where it was made. */
gint64 lamp_work_start(const LampCall *call);
gint64 lamp_work_end(const LampCall *call);

/* Does @inner begin, or lie, in the time of @outer, as far as stamps and clocks tell? */
gboolean lamp_work_begins_in(const LampCall *inner, const LampCall *outer);
gboolean lamp_work_lies_in(const LampCall *inner, const LampCall *outer);

/* What stamps and clocks leave open of it. */
gint64 lamp_work_slack(const LampCall *call);

static inline const LampRequestCall *
lamp_request_call(const LampRequestCalls *self, guint i)
{
    return &g_array_index(self->members, LampRequestCall, i);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampRequestCalls, lamp_request_calls_free)
