/*
 * Who owns a connection, where several programs share one address (127.0.0.1).
 *
 * Each connection is opened by one program: one of those that listen there, or one that does
 * not. lamp_ownership_find() tells for each which, by what the listening programs were serving
 * while calls were made on it. Pure: no database, no clock; the model is in ownership.c.
 */
#pragma once

#include <glib.h>

#define LAMP_OWNERSHIP_NONE G_MAXUINT32

typedef struct {
    gint64 start, end;
} LampBusyTime;

typedef struct {
    gint64 start, end; /* from arrival to response */
    guint32 kind;      /* what was asked for: any number */
    guint32 call;      /* which of `calls` it is at its caller; NONE: of none of these */
} LampServedRequest;

typedef struct {
    guint32 callee;       /* whom it calls, from 0 */
    guint32 first, count; /* its calls, in `calls`, in the order of time */
} LampCallerConnection;

typedef struct {
    guint owners, callees, connections;
    const guint32 *first_request; /* owners + 1: those of owner o are requests[first_request[o]
                                     ... first_request[o + 1]), by start */
    const LampServedRequest *requests;
    const guint32 *callee_of_owner; /* its own number as a callee: nobody calls itself */
    const LampCallerConnection *connection;
    const LampBusyTime *calls; /* from request to response */
} LampOwnershipInput;

typedef struct {
    guint32 owner, runner_up; /* equal to `owners`: none of them */
    float probability, runner_up_probability;
} LampOwnership;

/* One for each connection; caller frees. NULL where there are too many connections and owners
 * to note even one call of each. O(calls x owners x overlapping requests). */
LampOwnership *lamp_ownership_find(const LampOwnershipInput *input);
