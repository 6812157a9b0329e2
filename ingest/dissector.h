/*
 * The interface of an application protocol over one connection.
 *
 * The packet layer puts the two byte streams of a connection in order and feeds them to a
 * dissector in the order in which the bytes arrived. The dissector finds messages, pairs
 * requests with responses as its protocol guarantees, and emits one observation for each call
 * through lamp_stream_call() (see ingest/stream.h). It allocates only in its own state and
 * frees it in end().
 *
 * Detection is by content first, port second: probe() is asked with the first bytes of both
 * directions. Streams that no dissector claims are read as request/response turns.
 */
#pragma once

#include "ingest/sink.h"

typedef enum { LAMP_TO_SERVER = 0, LAMP_TO_CLIENT = 1 } LampDirection;

/* One piece of a byte stream, in order. */
typedef struct {
    LampDirection direction;
    LampTime time;   /* of the first packet that carried its first byte */
    gint64 sequence; /* TCP sequence number of its first byte; -1 for datagrams */
    guint64 offset;  /* stream offset of its first byte */
    LampBytes bytes;
} LampSegment;

typedef struct LampStream LampStream; /* what a dissector may ask and tell: ingest/stream.h */

typedef struct {
    const char *name; /* protocol name as stored: `http`, `redis`, `postgresql` */
    const char *summary;
    const char *spec; /* RFC or documentation */
    guint16 ports[8]; /* hint only, ends with 0 */
    LampTransport transport;
    gsize state_size; /* zeroed bytes for each connection */
    /* 0 no … 100 certain. First bytes of each direction; either may be empty. Sets *out_swapped
     * when the bytes show that the supposed server is the client. */
    guint (*probe)(LampBytes to_server, LampBytes to_client, guint16 server_port,
                   gboolean *out_swapped);
    void (*begin)(gpointer state, LampStream *stream);
    void (*segment)(gpointer state, LampStream *stream, const LampSegment *segment);
    /* @missing bytes of @direction were never captured: resynchronise at the next message. */
    void (*gap)(gpointer state, LampStream *stream, LampDirection direction, guint64 missing);
    /* The connection is over, or the capture is: emit what waits for a response. */
    void (*end)(gpointer state, LampStream *stream);
} LampDissector;

/* The table of protocols, NULL-terminated, alphabetical (ingest/dissectors.c). */
extern const LampDissector *const lamp_dissectors[];
