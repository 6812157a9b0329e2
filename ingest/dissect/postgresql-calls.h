/*
 * State of a PostgreSQL connection, and what its messages mean: calls. Finding the messages in
 * the bytes is postgresql.c's.
 */
#pragma once

#include "ingest/dissect/pairing.h"
#include "ingest/dissect/statements.h"

enum { LAMP_PG_HEADER = 5 };

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

/* Length of the message that @bytes begin with, 0 if it cannot be one; needs LAMP_PG_HEADER
 * bytes. */
gsize lamp_pg_message_length(LampBytes bytes, gboolean is_backend);

/* A message of the client (or server), of which @body is there; it stands at [@at, @end) of the
 * view. */
void lamp_pg_read_frontend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end);
void lamp_pg_read_backend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end);

/* The call to which the rest of a message of the client (or server) belongs, or NULL. */
LampExchange *lamp_pg_sending(const LampPgState *state, gboolean is_server);

/* Do rows to be copied in belong to that call, which waits? */
gboolean lamp_pg_is_copied_into(const LampExchange *exchange);

/* Reads what is held in front of a gap, and tells whether the gap is explained so. What the
 * gap ends is marked: request_done of the call that is being built, response_done of the one
 * being answered. */
gboolean lamp_pg_take_cut(LampPgState *state, LampStream *stream, LampDirection direction,
                          guint64 missing);

/* Bytes [@from, @to) of the view are passed over; they may belong to a message so marked. */
void lamp_pg_note_cut(const LampPgStep *step, gsize from, gsize to);

/* The request in [@at, @end) of the view to cancel a statement: a call without an answer. */
void lamp_pg_cancel(LampPgStep *step, gsize at, gsize end);

/* Emits what waits, with @flags: answers that follow belong to nothing known. */
void lamp_pg_lose_pairing(LampPgState *state, LampStream *stream, guint32 flags);

/* The bytes are no messages: reports it once, gives up what waits, looks for the next one. */
void lamp_pg_lose(LampPgStep *step);
