/*
 * State of a Redis connection, and what the values on it mean: commands, replies, messages.
 * Reading the values is redis.c's.
 */
#pragma once

#include "ingest/dissect/pairing.h"
#include "ingest/dissect/resp.h"

typedef struct {
    LampBuffer buffer;
    LampResp parser;
    LampExchange *exchange; /* whose value is being received */
    guint32 element;        /* strings seen in it so far */
    guint8 is_lost : 1, is_in_value : 1;
} LampRedisSide;

typedef struct {
    LampRedisSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *unasked; /* push or orphan being received: not in the pairing */
    guint64 commands;
    guint8 is_subscribed : 1, has_lost : 1, is_monitor : 1;
    guint8 is_replica : 1; /* the server hands on what others command; nothing is answered */
    guint8 is_silent : 1, skips_reply : 1; /* CLIENT REPLY OFF; SKIP, for the next command */
} LampRedisState;

typedef struct {
    LampRedisState *state;
    LampStream *stream;
    LampRedisSide *side;
    const LampSegment *segment;
    LampView view;
} LampRedisStep;

/* A value begins with the bytes of @rest: sets what call it belongs to. FALSE where more bytes
 * are needed to tell. */
gboolean lamp_redis_begin_value(LampRedisStep *step, LampBytes rest);

/* The next part of it, read from bytes [@from, @to) of the view, and its end. */
void lamp_redis_note_bytes(LampRedisStep *step, gsize from, gsize to);
void lamp_redis_take_element(LampRedisStep *step, const LampRespElement *element);
void lamp_redis_finish_value(LampRedisStep *step);

/* A command that is no value but a line of words: a call for it (NULL: too many), and its
 * @number-th word, from 0. */
LampExchange *lamp_redis_begin_command(LampRedisStep *step);
void lamp_redis_add_argument(LampExchange *exchange, guint number, LampBytes text);

/* Emits what waits, with @flags: replies that follow belong to nothing known. */
void lamp_redis_lose_pairing(LampRedisState *state, LampStream *stream, guint32 flags);

/* The next value of the side has to be looked for. */
void lamp_redis_lose_side(LampRedisSide *side);

/* The same where the bytes are no value: reports it once, gives up what waits. */
void lamp_redis_lose(LampRedisStep *step);

/* Reads what is held in front of a gap, and tells whether the gap is explained so: by a value
 * whose length is known, or as the end of the only command that waits, or of its answer. */
gboolean lamp_redis_take_cut(LampRedisState *state, LampStream *stream, LampDirection direction,
                             guint64 missing);

/* The call whose answer was cut and is over when the client goes on, or NULL. */
LampExchange *lamp_redis_cut_answer(const LampRedisState *state);

/* Bytes [@from, @to) of the view are passed over; they may belong to what was cut. */
void lamp_redis_note_cut(const LampRedisStep *step, gsize from, gsize to);
