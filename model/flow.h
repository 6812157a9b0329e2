/*
 * A request flow: a root call and all that it caused, as a tree of calls.
 *
 * lamp_flow_reader_new() starts reading a database, lamp_flow_reader_next() hands out one flow
 * after the other until there is none. The calls stand in preorder: a parent before its
 * children, siblings by start; the children of call i begin at i + 1 and each is followed by
 * its next sibling at `end_index`. The reader holds only the flows that are open at one time,
 * so memory grows with concurrency and not with the length of the capture.
 *
 * Times are on the reference clock and made consistent: client_start <= server_start <=
 * server_end <= client_end, and no call starts before its parent's serving does. Where one side
 * was not seen, its times are the other side's. A call without a response (`is_open`) has no
 * end: what stands there is the latest moment at which it was seen at work, and no duration.
 */
#pragma once

#include "base/time.h"
#include "model/topology.h"

#define LAMP_FLOW_NONE G_MAXUINT32

typedef struct {
    gint64 call_id;
    LampTime client_start, server_start, server_end, client_end;
    guint32 label;     /* what was asked of whom */
    guint32 parent;    /* index in the flow, LAMP_FLOW_NONE for the root */
    guint32 end_index; /* one past the last call of the subtree */
    guint32 client_instance, server_instance;
    guint32 request_bytes, response_bytes; /* cut at 4 GiB */
    gfloat confidence;                     /* of the link to the parent; 1 for the root */
    guint32 weight; /* calls that this one stands for; 0: not in the sample */
    guint16 flags;  /* LAMP_CALL_… of store/rows.h */
    guint8 is_error;
    guint8 is_asynchronous; /* its link says so: the parent did not wait */
    guint8 has_client;      /* the caller's end was seen, its times are its own */
    guint8 has_server;      /* the callee's */
    guint8 waits;           /* for work, as its label says */
    guint8 is_open;         /* no response was seen: its ends are lower bounds */
    guint8 is_miss;         /* its status says that what was asked for was not there */
    char status[8];         /* cut; empty if unknown */
} LampFlowCall;

typedef struct {
    gint64 trace_id;
    LampFlowCall *calls; /* calls[0] is the root; borrowed from the reader */
    guint32 count;
    guint32 errors;
    guint32 weight;    /* flows that this one stands for: 1 without sampling, 0: none */
    double confidence; /* probability that the whole tree is right */
    gboolean is_background;
    gboolean is_chosen; /* passes the filter; FALSE with `keep_others` only */
} LampFlow;

/* Was the request never answered, as far as was seen? Then it has no duration. */
static inline gboolean
lamp_flow_is_open(const LampFlow *flow)
{
    return flow->calls[0].is_open != 0;
}

/* Time from the request's leaving the client to the response's arrival there; 0 without one. */
static inline gint64
lamp_flow_duration(const LampFlow *flow)
{
    return lamp_flow_is_open(flow) ? 0
                                   : flow->calls[0].client_end - flow->calls[0].client_start;
}

/* First child of call @i, or LAMP_FLOW_NONE. */
static inline guint32
lamp_flow_first_child(const LampFlow *flow, guint32 i)
{
    return flow->calls[i].end_index > i + 1 ? i + 1 : LAMP_FLOW_NONE;
}

/* Sibling after call @i, or LAMP_FLOW_NONE. */
static inline guint32
lamp_flow_next_sibling(const LampFlow *flow, guint32 i)
{
    guint32 parent = flow->calls[i].parent, next = flow->calls[i].end_index;
    if (parent == LAMP_FLOW_NONE || next >= flow->calls[parent].end_index)
        return LAMP_FLOW_NONE;
    return next;
}

/* Was call @i still open when its caller had answered with an error? The caller gave up on it:
 * that says nothing on whether it waits for such calls. */
static inline gboolean
lamp_flow_is_given_up(const LampFlow *flow, guint32 i)
{
    const LampFlowCall *call = &flow->calls[i], *parent;
    if (call->parent == LAMP_FLOW_NONE)
        return FALSE;
    parent = &flow->calls[call->parent];
    return parent->is_error && call->client_start < parent->server_end &&
           call->client_end > parent->server_end;
}

/* Was an answer seen? Messages that have none take no time that could be told. */
gboolean lamp_flow_call_has_duration(const LampFlowCall *call);

typedef struct LampFlowReader LampFlowReader;

/* What is sampled: requests whatever they are; requests, but all that are slow, failed or rare;
 * calls one by one (model/flow-sample.c). */
typedef enum { LAMP_SAMPLE_HEAD, LAMP_SAMPLE_TAIL, LAMP_SAMPLE_CALL } LampSampleBy;

/* To whom asynchronous work belongs: the request that caused it, or itself, as a flow that
 * began inside the system (model/flow-split.h). */
typedef enum { LAMP_VIEW_SUBMITTER, LAMP_VIEW_TRIGGER } LampView;

/* Which flows to read; zeroed means all. */
typedef struct {
    LampTime from, to;        /* root start in [from, to); both 0: all */
    gboolean only_errors;     /* only flows whose root was answered with an error */
    gboolean errors_inside;   /* only flows in which some call was */
    gboolean skip_background; /* leave out flows that began inside the system */
    const char *service;      /* only flows with a call to this (a name of model/target.h) */
    const char *root;         /* only flows whose root asks this */
    const char *operation;    /* only flows whose root operation contains this */
    guint32 sample_one_in;    /* keep about one in so many; 0, 1: all */
    LampSampleBy sample_by;
    guint64 sample_seed; /* another seed keeps other flows */
    gint64 trace_id;     /* only this one; 0: all */
    LampView view;
    gboolean keep_others; /* also hand out what service, root, operation, skip_background leave
                           * out: it takes places from what is asked about */
    gboolean only_times;  /* sizes and status are not needed and left zero */
} LampFlowFilter;

/* Starts to read; @topology gains the labels that occur. Caller frees. @filter is copied, its
 * texts are borrowed. */
LampFlowReader *lamp_flow_reader_new(LampStore *store, LampTopology *topology,
                                     const LampFlowFilter *filter,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_flow_reader_free(LampFlowReader *reader);

/* Next flow, or *out_flow = NULL at the end. The flow is borrowed until the next call. Flows
 * come in the order in which their last call begins. Amortised O(n log n) in its calls. */
gboolean lamp_flow_reader_next(LampFlowReader *reader, const LampFlow **out_flow,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Calls that could not be placed: without times, without a trace, or unreachable from a root.
 */
guint64 lamp_flow_reader_unplaced(const LampFlowReader *reader);

/* A copy that the caller frees with lamp_flow_free(). */
LampFlow *lamp_flow_dup(const LampFlow *flow);
void lamp_flow_free(LampFlow *flow);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampFlowReader, lamp_flow_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampFlow, lamp_flow_free)
