/*
 * Log lines that tell of a packet or a connection rather than of work: what firewalls and the
 * kernel's connection tracking write.
 */
#pragma once

#include "ingest/log/lines.h"

/* Hands flow records of what the finished @record tells to @sink: one packet for a firewall's
 * line, a connection in one or both directions for one of connection tracking. None where the
 * line is of another kind, has no time or no addresses. @event_number as the sink gave it. */
void lamp_log_emit_flows(const LampLogRecord *record, guint64 event_number, LampSink *sink);
