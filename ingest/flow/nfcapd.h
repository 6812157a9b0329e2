/*
 * Records of nfcapd files, layouts 1 and 2.
 */
#pragma once

#include "ingest/flow/record.h"

/* Extension maps of layout 1, by number; zeroed at the start, free with lamp_nfcapd_free(). */
typedef struct {
    GPtrArray *maps;
    LampFlowRecord flow;
} LampNfcapd;

typedef enum {
    LAMP_NFCAPD_FLOW,  /* handed to the sink */
    LAMP_NFCAPD_OTHER, /* a record that describes others, or of an unknown kind */
    LAMP_NFCAPD_BAD,   /* contradicts itself */
} LampNfcapdResult;

/* Reads one record, from its type and size on. Flows go to @sink. O(size). */
LampNfcapdResult lamp_nfcapd_record(LampNfcapd *nfcapd, LampBytes record, LampSink *sink);

void lamp_nfcapd_free(LampNfcapd *nfcapd);
