/*
 * NetFlow versions 5 and 9 and IPFIX: from datagrams to flow records.
 */
#pragma once

#include "ingest/flow/record.h"

typedef struct LampNetflow LampNetflow;

/* Where flows go: @owner as given to lamp_netflow_read(). */
typedef void (*LampNetflowEmit)(gpointer owner, const LampFlowRow *row);

typedef enum {
    LAMP_NETFLOW_GOOD,
    LAMP_NETFLOW_INVALID,     /* the datagram contradicts itself; what came before is kept */
    LAMP_NETFLOW_NO_TEMPLATE, /* some records are of a template that was not seen */
} LampNetflowResult;

/* Templates of one exporter. Caller frees. */
LampNetflow *lamp_netflow_new(void);
void lamp_netflow_free(LampNetflow *netflow);

/* Reads one datagram that arrived at @received. O(length). */
LampNetflowResult lamp_netflow_read(LampNetflow *netflow, LampBytes datagram, LampTime received,
                                    LampNetflowEmit emit, gpointer owner);

/* 0 no … 100 certain: could @datagram be of any of the versions? */
guint lamp_netflow_probe(LampBytes datagram);
