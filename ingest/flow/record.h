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

/* Milliseconds since the epoch; FALSE, and nothing set, that no clock tells
 * (lamp_time_is_within_range). */
gboolean lamp_flow_record_set_times(LampFlowRecord *flow, gint64 first_ms, gint64 last_ms);

/* Further fields; @name is static JSON-safe text. A number or an address of 0 is left out.
 * Where
 * @name is a literal its length costs nothing: hence inline. */
static inline void lamp_flow_record_number(LampFlowRecord *flow, const char *name,
                                           guint64 value);
static inline void lamp_flow_record_address(LampFlowRecord *flow, const char *name,
                                            const guint8 *address, gsize len);
/* A text of input, escaped; an empty one is left out. */
void lamp_flow_record_text(LampFlowRecord *flow, const char *name, LampBytes text);

/* The row as it is to be handed on; borrowed until the next record begins. */
const LampFlowRow *lamp_flow_record_finish(LampFlowRecord *flow);

/* Hands the record to @sink. */
void lamp_flow_record_emit(LampFlowRecord *flow, LampSink *sink);

/* Ends of a member whose name is written; for the inline functions. */
void lamp_flow_record_end_number(LampFlowRecord *flow, guint8 *at, guint64 value);
void lamp_flow_record_end_address(LampFlowRecord *flow, guint8 *at, const guint8 *address,
                                  gsize len);

/* Begins a member: `,"name":`. Returns where its value goes, with room for a number or address.
 */
static inline guint8 *
lamp_flow_record_begin_member(LampFlowRecord *flow, const char *name)
{
    enum { VALUE_MOST = 48 /* an IPv6 address in quotes */ };
    gsize len = strlen(name);
    guint8 *out = lamp_out_end(&flow->attributes, len + 4 + VALUE_MOST);
    *out++ = flow->attributes.len == 0 ? '{' : ',';
    *out++ = '"';
    memcpy(out, name, len);
    memcpy(out + len, "\":", 2);
    return out + len + 2;
}

static inline void
lamp_flow_record_number(LampFlowRecord *flow, const char *name, guint64 value)
{
    if (value != 0)
        lamp_flow_record_end_number(flow, lamp_flow_record_begin_member(flow, name), value);
}

static inline void
lamp_flow_record_address(LampFlowRecord *flow, const char *name, const guint8 *address,
                         gsize len)
{
    gboolean is_given = len == 4    ? lamp_be32(address) != 0
                        : len == 16 ? (lamp_be64(address) | lamp_be64(address + 8)) != 0
                                    : FALSE;
    if (is_given)
        lamp_flow_record_end_address(flow, lamp_flow_record_begin_member(flow, name), address,
                                     len);
}
