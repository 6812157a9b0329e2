/*
 * sFlow version 5: from datagrams to one flow record for each sampled packet.
 */
#pragma once

#include "ingest/flow/record.h"

/* Reads one datagram that arrived at @received; @flow is scratch memory. FALSE where it
 * contradicts itself; what came before is kept. O(length). */
gboolean lamp_sflow_read(LampFlowRecord *flow, LampBytes datagram, LampTime received,
                         void (*emit)(gpointer owner, const LampFlowRow *row), gpointer owner);

/* 0 no … 100 certain. */
guint lamp_sflow_probe(LampBytes datagram);
