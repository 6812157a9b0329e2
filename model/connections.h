/*
 * Connections of callers to callees in a simulation: so many calls at once and no more; who
 * finds none free waits, first come first served.
 */
#pragma once

#include "base/time.h"

/* Connections that one instance has to another. */
typedef struct {
    guint32 client, server; /* instances */
    guint32 connections;    /* 0: as many as it wants */
} LampPool;

typedef struct LampConnections LampConnections;

/* @pools: @count of them, the first without meaning; borrowed. Caller frees. */
LampConnections *lamp_connections_new(const LampPool *pools, guint count);
void lamp_connections_free(LampConnections *connections);

/* TRUE if a connection was free and is taken; else the call waits in the pool's queue. */
gboolean lamp_connections_take(LampConnections *connections, guint32 pool, LampTime now,
                               guint32 flow, guint32 call);

/* Gives one back. TRUE if a call waited: it has the connection now. */
gboolean lamp_connections_give(LampConnections *connections, guint32 pool, LampTime now,
                               guint32 *out_flow, guint32 *out_call);

/* Sum of the times that connections of @pool were in use until the last take or give, ns. */
gint64 lamp_connections_held(const LampConnections *connections, guint32 pool);

/* A call that waits though nothing goes on any more (each holds what the other waits for): it
 * gets a connection beyond the limit. FALSE if there is none. */
gboolean lamp_connections_break(LampConnections *connections, guint32 *out_flow,
                                guint32 *out_call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampConnections, lamp_connections_free)
