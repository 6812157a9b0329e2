/*
 * Information elements of NetFlow version 9 and IPFIX (IANA registry "IPFIX Information
 * Elements").
 */
#pragma once

#include "ingest/flow/record.h"

/* Times and sampling of a record while its fields come in. */
typedef struct {
    gint64 boot_ms;    /* since the epoch: when the exporter started; 0 unknown */
    gint64 export_ms;  /* since the epoch: when the datagram left it */
    guint32 uptime_ms; /* at that time, since the start; of 32 bits, which turn over */
    gboolean has_uptime;
    gint64 first_ms, last_ms;
    gboolean has_first, has_last;
    gboolean is_uptime;   /* first_ms and last_ms are relative to the exporter's start */
    guint64 sampled_size; /* packets taken out of each sampling interval */
    guint64 population;   /* packets of that interval */
    guint64 interval;     /* packets taken one after the other, then `space` are left out */
    guint64 space;
    gboolean has_space;
    gboolean has_sampling; /* the record said how much is sampled */
    guint64 duration_ms;
    guint32 sampling; /* from an options record; 0 none */
} LampFieldTimes;

/* Takes one field of IANA's registry into the record; unknown ones are passed over. O(1). */
void lamp_flow_field(LampFlowRecord *flow, LampFieldTimes *times, guint16 element,
                     LampBytes value);

/* Completes the times. FALSE: the record lacks addresses or has impossible times. */
gboolean lamp_flow_field_finish(LampFlowRecord *flow, const LampFieldTimes *times);
