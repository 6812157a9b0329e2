/*
 * What the passes of the correlate stage share: the rows they work on, in memory, and where
 * each pass leaves its result for the next. Private to correlate/.
 *
 * Everything is addressed by index; LAMP_INDEX_NONE stands for "none". Arrays are in the order
 * of their database ids, no hash table's. Texts are numbers of `strings` (0: NULL).
 */
#pragma once

#include "base/time.h"
#include "correlate/clock/part.h"
#include "correlate/correlate.h"
#include "correlate/inference/inference.h"
#include "store/statement.h"

#define LAMP_INDEX_NONE G_MAXUINT32

/* Values of the flags column of observations and calls (store/schema.sql). */
enum {
    LAMP_SEEN_NO_RESPONSE = 1,
    LAMP_SEEN_GAP = 2,
    LAMP_SEEN_ONE_WAY = 4,
    LAMP_SEEN_PRECAPTURE = 8,
    LAMP_SEEN_OPAQUE = 16,
    LAMP_SEEN_ABORTED = 32,
};

typedef enum {
    LAMP_SOURCE_CAPTURE,
    LAMP_SOURCE_LOG,
    LAMP_SOURCE_SPAN,
    LAMP_SOURCE_OTHER,
} LampSourceKind;

typedef enum {
    LAMP_FROM_WIRE,
    LAMP_FROM_LOG,
    LAMP_FROM_SPAN,
    LAMP_FROM_FLOW
} LampObservationOrigin;
typedef enum {
    LAMP_SEEN_BY_NONE,
    LAMP_SEEN_BY_CLIENT,
    LAMP_SEEN_BY_SERVER
} LampObservationRole;

/* One input file, or what one of several writers wrote to it. */
typedef struct {
    gint64 id, zone_ns, moved_lines; /* moved back for their zone: by how much, how many */
    LampSourceKind kind;
    char *label, *path;         /* host as told, or the file's stem; as it was found */
    char *program, *machine;    /* as its records name them, or NULL */
    gboolean is_told, is_split; /* label is no guess; all its calls are those of its parts */
    guint32 host, part_of; /* whose clock stamped it; whole file of a writer's part, NONE */
} LampSource;

/* One host, or a capture point of its own in the middle of the network. */
typedef struct {
    char *name;
    gint64 zone_ns; /* what an operator's table says of its log times; 0 */
    gboolean is_capture_point;
    gboolean is_reference;
    gboolean has_clock;
    LampClockPart clock; /* of all its time, or the best known part */
    GArray *parts;       /* LampClockPart, in order, of a clock that was set; else NULL */
    guint64 samples;
    const char *method;    /* static: column hosts.method */
    guint32 serves, calls; /* set by the times pass */
    gboolean is_shared;    /* several programs, told apart by the owners pass */
} LampHost;

/* Address and port; the host is that of the address. */
typedef struct {
    gint64 id;
    char *address;
    guint16 port;
    gboolean is_loopback, is_group; /* the capturing host's; multicast or broadcast */
    guint32 host;
} LampPlace;

typedef struct {
    gint64 id;
    guint32 source;
    guint32 client, server; /* places, as this capture saw them */
    guint32 same_as, view;  /* lowest connection that is the same; number of this sight of it */
    gint64 first_time, handshake_server_ns, handshake_client_ns; /* handshakes: -1 unknown */
    gint64 client_sequence, server_sequence;                     /* -1 unknown */
    gboolean is_stray;                                           /* one packet, no more */
} LampConnection;

/* One row of `observations`. Times LAMP_TIME_NONE where NULL. */
typedef struct {
    gint64 id;
    gint64 request_first, request_last, response_first, response_last;
    gint64 resolution;
    gint64 request_sequence, response_sequence; /* -1 unknown */
    guint32 source, connection;
    guint32 client, server; /* places; of captures: those of the connection's `same_as` */
    guint32 position;
    guint32 protocol, operation, process, peer, thread;
    guint32 request_bytes, response_bytes; /* G_MAXUINT32 and more are held as G_MAXUINT32 */
    guint8 flags, origin, role, is_error;
} LampObservation;

/* One call: its observations are members[first_member … + member_count). */
typedef struct {
    guint32 first_member, member_count;
    guint32 first_evidence;           /* log records that tell of it: in `evidence`, or NONE */
    guint32 client_seen, server_seen; /* best observation at each end; may be the same */
    guint32 base_seen;                /* whose operation, status and sizes are taken */
    gint64 client_id, server_id, base_id; /* the same as observation ids; 0 none */
    guint32 client_host, server_host;
    guint32 client_instance, server_instance;
    guint32 client_place, server_place;
    guint32 client_connection, server_connection; /* equal numbers: the same connection */
    guint32 position;
    guint32 protocol, operation;
    guint32 client_thread, server_thread;
    guint32 request_bytes, response_bytes;
    gint64 client_start, client_end, server_start, server_end; /* reference clock */
    gint64 client_uncertainty, server_uncertainty;
    gint64 order_violation;
    gint64 lamport[4]; /* request send, request receive, response send, response receive */
    guint32 parent, root, other_owner;    /* the last: next likely caller, an instance */
    guint32 request_group, log_operation; /* calls with one id; in log_operations + 1; 0 */
    float confidence;                     /* of the parent */
    float owner_probability, other_owner_probability; /* of `client_instance`; 1 where seen */
    float tree_confidence, caller_doubt; /* whole tree of a root right; `client_host` wrong */
    guint8 flags, is_error, is_told, is_shared, is_streamed; /* LAMP_SEEN_…; told parent */
} LampCall;

/* One log record tied to a call; a list by index. */
typedef struct {
    guint32 observation, next;
    gint64 observation_id;
} LampEvidenceLine;

/* A service; its number for the causal engine is its index + 1. */
typedef struct {
    char *name;
    guint32 protocol;
    gboolean is_external;
} LampService;

typedef struct {
    guint32 service;
    guint32 host;
    char *name;
} LampInstance;

typedef struct {
    LampStore *store;
    LampCorrelateOptions options;
    GArray *sources;          /* LampSource */
    GArray *hosts;            /* LampHost */
    GArray *places;           /* LampPlace */
    GArray *connections;      /* LampConnection */
    GArray *observations;     /* LampObservation */
    GArray *partners;         /* guint32 beside observations: other end of a span, or NONE */
    GArray *told;             /* LampToldParent */
    GArray *members;          /* guint32: indices of observations, grouped by call */
    GArray *evidence;         /* LampEvidenceLine */
    GArray *calls;            /* LampCall */
    GArray *services;         /* LampService */
    GArray *instances;        /* LampInstance */
    GArray *log_operations;   /* LampLogOperation (correlate/log-lines.h), or NULL */
    gint64 epoch;             /* reference time at which offsets hold */
    LampInference *inference; /* calls and services as in the arrays above */
} LampCorrelation;

static inline LampSource *
lamp_source(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->sources, LampSource, i);
}

static inline LampHost *
lamp_host(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->hosts, LampHost, i);
}

static inline LampPlace *
lamp_place(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->places, LampPlace, i);
}

static inline LampConnection *
lamp_connection(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->connections, LampConnection, i);
}

static inline LampObservation *
lamp_observation(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->observations, LampObservation, i);
}

static inline LampCall *
lamp_call(LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->calls, LampCall, i);
}

/* Does a server of @protocol only answer: do none of its requests make another?
 * (correlate/links.c) */
gboolean lamp_only_answers(LampCorrelation *c, guint32 protocol);

/* A stamp of @host on the reference clock; @host may be NULL (correlate/times.c). */
gint64 lamp_on_reference(const LampCorrelation *c, const LampHost *host, gint64 time);

/* Sets the times of one call from its observations (correlate/times.c). */
void lamp_set_times(LampCorrelation *c, LampCall *call);

/* Adds a call made of one span or log record and, if it has one, its partner; nothing for the
 * server end of a pair, which comes with the client end (correlate/merge.c). */
void lamp_add_single(LampCorrelation *c, guint32 observation);
