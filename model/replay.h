/*
 * A request flow as a program that can be run again: lags between events instead of times.
 *
 * Every call has four events: it *starts* (request leaves the caller), *begins* to be served
 * (after the network and, where the callee limits how many it serves at once, after a wait), is
 * *left* by its response, and *ends* at the caller. A start is released when the parent has
 * begun and all earlier siblings that it waits for have ended; a leave when the call has begun
 * and all children that it waits for have ended. Between release and event lies a lag: the
 * callee's own time. A run with unchanged lags gives the observed times back exactly.
 *
 * lamp_replay_new() makes an empty batch, lamp_replay_add() compiles a flow into it; a change
 * (model/change.h) may then rewrite the calls, and lamp_replay_link() makes it ready for
 * lamp_simulate() (model/simulate.h).
 */
#pragma once

#include "model/structure.h"

/* Siblings that one start may wait for; further ones ended long before and are implied. */
#define LAMP_REPLAY_WAITS 16

typedef struct {
    guint32 label, client_instance, server_instance;
    guint32 number; /* the call's id, cut: what random draws for it are made from */
    guint32 parent; /* index in the flow; LAMP_FLOW_NONE for the root */
    guint32 end_index;
    gint64 lag_start; /* from the release to the start; root: 0 */
    gint64 lag_join;  /* caller's work after this call and the one that it joins */
    gint64 net_out, net_back;
    gint64 lag_leave; /* from the release to the leave */
    gint64 wait;      /* of the time at the callee, spent waiting for a place (see stations) */
    gint64 arrived;   /* observed time of arrival, for finding the waits */
    gint64 held;      /* observed time from arrival to leave */
    gint64 connect_wait; /* observed wait for a connection, no longer in lag_start */
    gint64 lag_connect;  /* of it, from its coming back to the start */
    gint64 first_need;   /* observed time from arrival to the first start below; held if none */
    gint64 timeout;      /* the caller goes on after so long; 0 never */
    guint16 ordinal;     /* of this call among its siblings */
    guint16 waits;       /* bit k: the start waits for the sibling k + 1 ordinals before */
    guint16 starts_with; /* the start waits for that of the sibling so many ordinals before */
    guint16 joins;      /* what waits for this call waits for the sibling so many before, too */
    guint8 is_awaited;  /* the parent's response waits for it */
    guint8 starts_late; /* starts after the parent's response has left */
    guint8 bypasses;    /* does not take a place at its station */
    guint8 is_idle;     /* waits for work: takes no place, no change of speed reaches it */
    guint8 is_removed;  /* takes no time and no place */
    guint8 fails;       /* is refused, as its instance is gone */
    guint8 gives_up;    /* its caller does not try again, though it did */
    guint8 is_error;
    guint8 is_miss;          /* what it asked for was not there */
    guint8 is_open;          /* no response was seen: it has no duration to replay */
    guint8 has_open_child;   /* it failed while one that it waits for went on: a timeout */
    guint8 is_given_up;      /* that one */
    guint8 was_cut;          /* its timeout struck in the capture, its request failed by it */
    guint8 fails_if_cut;     /* its request fails when its timeout strikes */
    guint8 is_hit;           /* answered by a cache in front: work of no service */
    guint8 connection_of;    /* uses the connection of the sibling so many before; 0: its own */
    guint8 keeps_connection; /* a later sibling gives the connection back */
    guint16 pool;            /* where the connection comes from (model/pools.h); 0 unlimited */
} LampReplayCall;

typedef struct {
    gint64 trace_id;
    LampTime start;
    gint64 duration;      /* observed */
    guint32 first, count; /* in the batch's calls */
    guint32 label;        /* of the root */
    guint32 weight;       /* flows that this one stands for, of a sample; else 1 */
    gfloat confidence;
    guint8 is_background;
    guint8 is_open;       /* a request without a response: kept as background, told apart */
    guint8 is_error;      /* was answered with an error */
    guint8 is_callerless; /* no record names its caller; set by model/what-if.c */
} LampReplayFlow;

typedef struct {
    GArray *flows; /* LampReplayFlow, by start once linked */
    GArray *calls; /* LampReplayCall */
} LampReplay;

/* Caller frees. */
LampReplay *lamp_replay_new(void);
void lamp_replay_free(LampReplay *replay);
void lamp_replay_clear(LampReplay *replay);

/* Compiles @flow. O(calls times LAMP_REPLAY_WAITS). */
void lamp_replay_add(LampReplay *replay, const LampFlow *flow, const LampStructure *structure);

/* Sorts the flows by start; to be called after the last add. O(n log n). */
void lamp_replay_sort(LampReplay *replay);

static inline LampReplayFlow *
lamp_replay_flow(const LampReplay *replay, guint index)
{
    return &g_array_index(replay->flows, LampReplayFlow, index);
}

static inline LampReplayCall *
lamp_replay_calls(const LampReplay *replay, const LampReplayFlow *flow)
{
    return &g_array_index(replay->calls, LampReplayCall, flow->first);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampReplay, lamp_replay_free)
