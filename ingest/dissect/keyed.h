/*
 * Protocols whose messages have a length and carry the number of their request.
 *
 * Such a protocol says how long a message is, what it is and which number it has (describe()),
 * and what can be read from it (request(), response()); framing, pairing, limits, loss and
 * captures that begin inside a connection are the same for all and done here.
 */
#pragma once

#include "ingest/dissect/framing.h"
#include "ingest/dissect/statements.h"

typedef enum {
    LAMP_KEYED_IGNORE,        /* no part of a call */
    LAMP_KEYED_REQUEST,       /* a response will come */
    LAMP_KEYED_ONE_WAY,       /* a request without response, or a message of the server's own */
    LAMP_KEYED_REQUEST_PART,  /* more of a request that has begun */
    LAMP_KEYED_RESPONSE_PART, /* more parts follow */
    LAMP_KEYED_RESPONSE,      /* the last or only part */
} LampKeyedRole;

typedef struct {
    LampFramer framer;
    LampPairing pairing;
    LampStatements *statements; /* for the protocol's use: prepared statements by id */
    guint64 calls;
    guint8 version; /* the protocol's note */
} LampKeyedState;

typedef struct {
    LampFraming framing; /* header_size, look, length, finding; the rest is filled in */
    LampKeyedRole (*describe)(LampKeyedState *state, const LampFrame *frame, guint64 *out_key);
    /* Reads a request into the exchange (operation, values); may be NULL. */
    void (*request)(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame);
    /* Reads a response into the exchange of its request (status, values); may be NULL. */
    void (*response)(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame);
} LampKeyedProtocol;

/* To be forwarded from the functions of the LampDissector. */
void lamp_keyed_begin(LampKeyedState *state, LampStream *stream);
void lamp_keyed_segment(const LampKeyedProtocol *protocol, LampKeyedState *state,
                        LampStream *stream, const LampSegment *segment);
void lamp_keyed_gap(const LampKeyedProtocol *protocol, LampKeyedState *state,
                    LampStream *stream, LampDirection direction, guint64 missing);
void lamp_keyed_end(LampKeyedState *state, LampStream *stream);

/* Defines begin, segment, gap and end of a dissector whose protocol is @protocol and whose
 * state is a LampKeyedState. */
#define LAMP_KEYED_FUNCTIONS(protocol)                                              \
    static void begin(gpointer state, LampStream *stream)                           \
    {                                                                               \
        lamp_keyed_begin(state, stream);                                            \
    }                                                                               \
    static void segment(gpointer state, LampStream *stream, const LampSegment *seg) \
    {                                                                               \
        lamp_keyed_segment(&(protocol), state, stream, seg);                        \
    }                                                                               \
    static void gap(gpointer state, LampStream *stream, LampDirection direction,    \
                    guint64 missing)                                                \
    {                                                                               \
        lamp_keyed_gap(&(protocol), state, stream, direction, missing);             \
    }                                                                               \
    static void end(gpointer state, LampStream *stream)                             \
    {                                                                               \
        lamp_keyed_end(state, stream);                                              \
    }
