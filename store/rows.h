/*
 * The rows that ingest hands to the store and correlate reads back: plain structs with borrowed
 * texts. Strings are borrowed for the duration of the call that takes the row; a LampBytes with
 * len 0 means NULL. Column meanings and units: store/schema.sql, which is the reference.
 */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

/* An endpoint by value: IPv4 addresses are kept as IPv4-mapped IPv6 (::ffff:a.b.c.d). */
typedef struct {
    guint8 address[16];
    guint16 port;
    gboolean is_known; /* FALSE: no address, use `name` */
    LampBytes name;    /* where no address is known */
} LampEndpoint;

typedef enum { LAMP_TRANSPORT_TCP, LAMP_TRANSPORT_UDP } LampTransport;
typedef enum {
    LAMP_CONNECTION_OPEN,
    LAMP_CONNECTION_CLOSED,
    LAMP_CONNECTION_RESET,
    LAMP_CONNECTION_MIDSTREAM,
} LampConnectionState;

typedef struct {
    guint64 connection_id; /* given by the packet layer, unique in its source, from 1 */
    guint32 interface;
    LampTransport transport;
    LampEndpoint client, server;
    const char *protocol; /* static name, or NULL */
    LampTime first_time, last_time;
    gint64 handshake_server_ns, handshake_client_ns; /* -1 unknown */
    gint64 client_sequence, server_sequence;         /* -1 unknown */
    guint64 client_bytes, server_bytes, packets, retransmitted_bytes, lost_bytes;
    LampBytes server_name, alpn, certificate_names;
    LampConnectionState state;
} LampConnectionRow;

typedef enum {
    LAMP_ORIGIN_WIRE,
    LAMP_ORIGIN_LOG,
    LAMP_ORIGIN_SPAN,
    LAMP_ORIGIN_FLOW
} LampOrigin;
typedef enum { LAMP_ROLE_NONE, LAMP_ROLE_CLIENT, LAMP_ROLE_SERVER } LampRole;

enum {
    LAMP_CALL_NO_RESPONSE = 1,
    LAMP_CALL_GAP = 2,
    LAMP_CALL_ONE_WAY = 4,
    LAMP_CALL_PRECAPTURE = 8,
    LAMP_CALL_OPAQUE = 16,
    LAMP_CALL_ABORTED = 32,
};

typedef enum { LAMP_SIDE_REQUEST = 1, LAMP_SIDE_RESPONSE = 2 } LampSide;

/* A value that may tie this call to others. */
typedef struct {
    LampSide side;
    LampBytes slot;  /* where it stood: "path.2", "header.x-request-id", "key", "sql.1" */
    LampBytes value; /* at most LAMP_LIMIT_VALUE bytes are stored */
} LampValue;

typedef struct {
    LampOrigin origin;
    LampRole role;
    LampBytes external_id;
    LampBytes external_trace_id,
        external_parent_id; /* span: where the input tells the parent */
    guint64 event_number;   /* log: number that the event sink returned; 0 if none */
    guint64 connection_id;  /* wire: as in LampConnectionRow; 0 if none */
    guint64 position;
    gint64 request_sequence, response_sequence; /* -1 unknown */
    LampEndpoint client, server; /* log, span; the connection has them for wire */
    gboolean has_client, has_server;
    LampBytes process, peer, thread;
    LampBytes protocol, operation, status;
    gboolean is_error;
    guint32 flags; /* LAMP_CALL_… */
    LampTime request_first, request_last, response_first,
        response_last; /* LAMP_TIME_NONE unknown */
    gint64 resolution_ns;
    guint64 request_bytes, response_bytes;
    const LampValue *values;
    gsize value_count;
} LampObservationRow;

typedef struct {
    LampBytes slot, value;
} LampField;

typedef struct {
    guint64 offset, length;
    LampTime time;
    gint64 resolution_ns;
    LampBytes host, service, process, thread, severity, message, message_template;
    const struct LampMasked *masked; /* values at the template's places, or NULL: not stored */
    const LampField *fields;
    gsize field_count;
    gboolean is_logger;       /* `service` names a logger, and no program */
    gint64 duration_ns;       /* 0: not told */
    gboolean zone_is_assumed; /* nothing told the zone of `time` */
    const char
        *form; /* of the line where it is not the source's format: static text, or NULL */
} LampEventRow;

typedef struct {
    LampEndpoint source, destination;
    guint8 transport; /* IP protocol number */
    LampTime first_time, last_time;
    guint64 packets, bytes;
    guint8 tcp_flags;
    guint32 sampling;
    LampBytes attributes; /* JSON or empty */
    guint64 event_number; /* log: number that the event sink returned; 0 if none */
} LampFlowRow;

typedef struct {
    LampBytes address, name;
    guint16 port;
    gint32 zone_minutes; /* G_MININT32 unknown */
} LampHostNameRow;

typedef struct {
    LampBytes client_external_id, server_external_id;
} LampSpanJoinRow;
