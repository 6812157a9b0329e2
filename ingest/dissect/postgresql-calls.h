/*
 * State of a PostgreSQL connection, and what its messages mean: calls. Finding the messages in
 * the bytes is postgresql.c's.
 */
#pragma once

#include "ingest/dissect/pairing.h"
#include "ingest/dissect/statements.h"

typedef struct {
    LampBuffer buffer;
    guint64 skip; /* rest of a message that is not looked at */
    guint8 is_lost : 1;
} LampPgSide;

typedef struct {
    LampPgSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *building; /* extended protocol: before its Sync */
    LampStatements *statements;
    guint64 calls;
    guint8 is_started : 1; /* the client's start-up is over */
    guint8 is_ready : 1;   /* the server's first ReadyForQuery was seen */
    guint8 awaits_tls : 1; /* the next byte of the server answers an SSL or GSS request */
    guint8 has_lost : 1;
} LampPgState;

typedef struct {
    LampPgState *state;
    LampStream *stream;
    LampPgSide *side;
    const LampSegment *segment;
    LampView view;
} LampPgStep;

static inline gboolean
lamp_pg_is_server_side(const LampPgStep *step)
{
    return step->segment->direction == LAMP_TO_CLIENT;
}

/* A message of the client (or server), of which @body is there; it stands at [@at, @end) of the
 * view. */
void lamp_pg_read_frontend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end);
void lamp_pg_read_backend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end);

/* The request in [@at, @end) of the view to cancel a statement: a call without an answer. */
void lamp_pg_cancel(LampPgStep *step, gsize at, gsize end);

/* Emits what waits, with @flags: answers that follow belong to nothing known. */
void lamp_pg_lose_pairing(LampPgState *state, LampStream *stream, guint32 flags);

/* The bytes are no messages: reports it once, gives up what waits, looks for the next one. */
void lamp_pg_lose(LampPgStep *step);
