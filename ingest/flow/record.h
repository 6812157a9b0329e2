/*
 * A flow record under construction, shared by all flow formats: the row and its further fields
 * as JSON.
 */
#pragma once

#include "base/out.h"
#include "ingest/sink.h"

typedef struct {
    LampFlowRow row;
    LampOut attributes; /* its memory is kept from record to record */
    gboolean has_times;
} LampFlowRecord;

/* Empties the record, which is zeroed before its first use; free with lamp_flow_record_free().
 */
void lamp_flow_record_begin(LampFlowRecord *flow);
void lamp_flow_record_free(LampFlowRecord *flow);

/* IPv4 address as a number; both directions are kept as IPv4-mapped IPv6. */
void lamp_flow_record_set_ipv4(LampEndpoint *endpoint, guint32 address);
void lamp_flow_record_set_ipv6(LampEndpoint *endpoint, const guint8 address[16]);

/* Milliseconds since the epoch; FALSE, and nothing set, beyond the years 1678 to 2262. */
gboolean lamp_flow_record_set_times(LampFlowRecord *flow, gint64 first_ms, gint64 last_ms);

/* Further fields; @name is static JSON-safe text. A number of 0 is left out. */
void lamp_flow_record_number(LampFlowRecord *flow, const char *name, guint64 value);
/* A text of input, escaped; an empty one is left out. */
void lamp_flow_record_text(LampFlowRecord *flow, const char *name, LampBytes text);
void lamp_flow_record_address(LampFlowRecord *flow, const char *name, const guint8 *address,
                              gsize len);

/* The row as it is to be handed on; borrowed until the next record begins. */
const LampFlowRow *lamp_flow_record_finish(LampFlowRecord *flow);

/* Hands the record to @sink. */
void lamp_flow_record_emit(LampFlowRecord *flow, LampSink *sink);
