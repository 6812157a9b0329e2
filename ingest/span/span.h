/*
 * Spans as tracers write them in JSON: Jaeger, Zipkin (API v2) and OTLP, told apart by the
 * names of their members.
 */
#pragma once

#include "ingest/log/record.h"

typedef struct {
    LampBytes id, trace, parent; /* as written; no parent: the first span of its trace */
    LampBytes name, process;     /* `process`: key into the trace's processes (Jaeger) */
    LampBytes service, peer, protocol, status;
    LampRole role;
    gboolean is_inside; /* of no kind, or an internal one: work inside a service */
    gboolean is_error;
    LampTime start, end;
    gint64 resolution_ns;
} LampTraceSpan;

/* FALSE if @object, one JSON object, has no id, no trace or no start, as a span has, or times
 * that no arithmetic should be done with (lamp_time_is_within_range). The texts of @out_span
 * are borrowed from it and from the scratch of @record, until that is cleared. */
gboolean lamp_trace_span_parse(LampBytes object, LampLogRecord *record,
                               LampTraceSpan *out_span) G_GNUC_WARN_UNUSED_RESULT;

/* `service.name` among the attributes of OTLP's @resource; empty if it is not there. */
LampBytes lamp_trace_resource_service(LampBytes resource, LampLogRecord *record);

/* The next of a list of OTLP's (or Jaeger's) attributes, `{"key": …, "value": {…}}`. FALSE if
 * there is none. The texts live as @record's line. */
gboolean lamp_trace_next_attribute(LampCursor *at, LampLogRecord *record, LampBytes *out_key,
                                   LampBytes *out_value) G_GNUC_WARN_UNUSED_RESULT;

/* Calls @take with key and service's name for each of Jaeger's @processes. */
void lamp_trace_processes(LampBytes processes, LampLogRecord *record,
                          void (*take)(gpointer owner, LampBytes key, LampBytes service),
                          gpointer owner);

/* The next JSON object in @at, from its brace to the one that closes it. FALSE if there is
 * none, or it does not end; a bracket in it that closes another one is where @at then stands,
 * which is else not moved. O(n). */
gboolean lamp_trace_next_object(LampCursor *at,
                                LampBytes *out_object) G_GNUC_WARN_UNUSED_RESULT;
