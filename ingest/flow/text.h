/*
 * Flow records as text: lines, and the forms in which nfdump writes addresses, protocols, flags
 * and times.
 */
#pragma once

#include "ingest/coverage.h"
#include "ingest/flow/record.h"

/* Lines of a source: zeroed at the start. */
typedef struct {
    LampCoverage coverage;
    guint64 number;       /* of the line at hand, from 1 */
    guint64 offset;       /* of the line at hand */
    guint64 length;       /* of the line at hand, with its end */
    gboolean in_overlong; /* in a line beyond LAMP_LIMIT_LINE */
} LampFlowLines;

/* Takes one line, borrowed for the call. */
typedef void (*LampFlowTakeLine)(gpointer reader, LampBytes line, LampSink *sink);

/* step() of a reader of lines: hands all that are there, without their ends, to @take, until
 * the sink says stop. Lines beyond LAMP_LIMIT_LINE are passed over with a finding. */
void lamp_flow_lines_step(LampFlowLines *lines, LampCursor *in, guint64 offset, gboolean last,
                          LampSink *sink, LampFlowTakeLine take, gpointer reader);

/* Reports what is wrong with what began at @offset, up to the line at hand. */
void lamp_flow_lines_report(const LampFlowLines *lines, LampSink *sink, guint64 offset,
                            const char *code, const char *text);

gboolean lamp_flow_text_address(LampBytes text, LampEndpoint *endpoint);

/* "443", or "8.0" for ICMP type and code. */
gboolean lamp_flow_text_port(LampBytes text, guint16 *out_port);

/* "TCP", "ICMP6", "17". */
gboolean lamp_flow_text_protocol(LampBytes text, guint8 *out_protocol);

/* "...AP.SF" or "0x1b". */
guint8 lamp_flow_text_flags(LampBytes text);

/* "2023-01-25 18:35:43", with T and a fraction if so written, in the zone @zone_seconds east.
 */
gboolean lamp_flow_text_time(LampBytes text, gint32 zone_seconds, gint64 *out_ms);
