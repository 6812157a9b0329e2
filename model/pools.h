/*
 * How many connections a caller keeps to a callee, learnt from a batch of compiled flows.
 */
#pragma once

#include "model/simulate.h"

/* What speaks for the limit of one pool. */
typedef struct {
    guint32 client, server; /* instances */
    guint32 connections;
    guint32 full;    /* times that a connection came back while all were in use */
    guint32 awaited; /* of these, times that another request's call took it at once */
    double evidence; /* log-likelihood ratio against no limit */
} LampPoolLimit;

/* Finds pools and adds them to @stations; calls of @replay that use them are marked.
 * *out_limits gets the limits, the first one empty, so that a pool's number is its index;
 * caller unrefs. O(n log n). */
void lamp_pools_learn(LampReplay *replay, const LampTopology *topology, LampStations *stations,
                      GArray **out_limits);

/* How many connections @client had to @server at the same time, each with calls before and
 * after; 0 where the ends of connections are unknown. Reads all calls. */
guint lamp_pools_open_at_once(const LampTopology *topology, guint32 client, guint32 server);

/* Marks the calls of another batch. O(n log n). */
void lamp_pools_mark(LampReplay *replay, const LampTopology *topology, const GArray *limits);

/* Splits off what the marked calls of @replay waited for connections (model/pool-waits.c), so
 * that a simulation with the pools of @stations repeats the observed times. To be called before
 * the waits for places are split off. O(n log n). */
void lamp_pools_split(LampReplay *replay, const LampStations *stations);

/* When the connection that call @call takes comes back: with its end, or that of the last call
 * of its transaction. */
LampTime lamp_pools_hold_end(const LampReplayCall *calls, guint32 call);

/* Number of the pool of @client for @server, 0 if it has none; the second adds one then. */
guint32 lamp_pools_find(const LampStations *stations, guint32 client, guint32 server);
guint32 lamp_pools_add(LampStations *stations, guint32 client, guint32 server,
                       guint32 connections);
