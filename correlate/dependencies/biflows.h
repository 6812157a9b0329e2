/*
 * Two-way flows from one-way flow records, or from the connections that captures saw.
 *
 * lamp_biflows_load() merges the records of one flow that active timeouts had cut, joins the
 * two directions, and tells client from server.
 */
#pragma once

#include "store/store.h"

typedef struct {
    guint32 address; /* number in LampBiflows.addresses */
    guint16 port;
    gint64 endpoint_id;
} LampFlowEndpoint;

/* One record's share of a flow's traffic. */
typedef struct {
    gint64 first, last; /* ns */
    double packets, bytes;
    guint32 flow; /* index of the flow */
} LampFlowPiece;

typedef struct {
    guint32 client, server; /* in endpoints */
    gint64 first, last;     /* ns */
    double packets, bytes;  /* both directions, sampling undone */
    double client_bytes;    /* of these, what the client sent */
    guint32 pieces;
    guint8 transport;     /* IP protocol number */
    guint8 is_unanswered; /* TCP that was asked for and, as the flags tell, never came about */
    guint8 is_logged;     /* only a firewall's log tells it, and not what the firewall did */
} LampBiflow;

typedef struct {
    GPtrArray *addresses; /* char*: texts, in the order of first use */
    GArray *endpoints;    /* LampFlowEndpoint */
    GArray *flows;        /* LampBiflow by (first, server, client) */
    GArray *pieces;       /* LampFlowPiece by flow */
    gint64 from, to;      /* time covered */
    gint64 resolution;    /* of the stamps, as far as they show it */
    guint64 records, ignored;
    guint64 blocked;      /* of the ignored: packets that a firewall did not let through */
    gboolean are_records; /* FALSE: connections of captures */
    gboolean is_sampled;
} LampBiflows;

/* Reads flow_records, or connections where there are none. Caller frees. O(n log n). */
LampBiflows *lamp_biflows_load(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_biflows_free(LampBiflows *biflows);

/* One record as it was exported; endpoints are indices. */
typedef struct {
    guint32 source, destination;
    gint64 first, last;
    double packets, bytes;
    gint32 exporter; /* file that told it; a flow told by two is used once */
    guint8 transport, flags;
    gboolean is_directed; /* source is known to be the client */
    gboolean is_partial;  /* not all packets: sampled, or one line of a log */
    gboolean is_logged;   /* a line of a firewall that does not tell what it did */
} LampFlowRecord;

/* Merges @records (sorted in place) into biflows->flows and ->pieces. */
void lamp_biflows_merge(LampBiflows *biflows, LampFlowRecord *records, gsize count);

static inline LampBiflow *
lamp_biflow(const LampBiflows *biflows, guint i)
{
    return &g_array_index(biflows->flows, LampBiflow, i);
}

/* Does the flow tell of a connection, as far as its records can tell? */
static inline gboolean
lamp_biflow_is_connection(const LampBiflow *flow)
{
    return !flow->is_unanswered;
}

static inline LampFlowEndpoint *
lamp_flow_endpoint(const LampBiflows *biflows, guint i)
{
    return &g_array_index(biflows->endpoints, LampFlowEndpoint, i);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampBiflows, lamp_biflows_free)
