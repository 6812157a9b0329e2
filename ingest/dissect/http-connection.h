/*
 * State of an HTTP/1.x connection, and what becomes of it when a head was read, body bytes
 * passed or a message ended: calls, paired first in, first out. Reading the bytes is http.c's.
 */
#pragma once

#include "base/limits.h"
#include "ingest/dissect/http-head.h"
#include "ingest/dissect/http-message.h"

typedef enum {
    LAMP_HTTP_HEAD,
    LAMP_HTTP_BODY,
    LAMP_HTTP_UNTIL_CLOSE,
    LAMP_HTTP_CHUNK_SIZE,
    LAMP_HTTP_CHUNK,
    LAMP_HTTP_CHUNK_END,
    LAMP_HTTP_TRAILERS,
    LAMP_HTTP_LOST,
    LAMP_HTTP_TUNNEL,
} LampHttpPhase;

typedef struct {
    LampBuffer buffer;
    LampExchange *exchange; /* whose message is being received; NULL: an interim response */
    guint8 *sample;         /* first bytes of a body that lies in several segments */
    guint64 left;           /* bytes of the body or chunk to come */
    guint16 sample_len;
    guint8 phase;
    guint8 wants_json : 1, wants_form : 1, at_body_begin : 1;
    guint8 is_guess : 1; /* the head being gathered was found by search while LOST */
    guint8 is_cut : 1;   /* LOST behind the begin of a head: its message goes on */
} LampHttpSide;

typedef struct {
    LampHttpSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *orphan; /* response being received whose request was not seen */
    LampExchange
        *broken;      /* bytes that are no request, sent while nothing waited for a response */
    guint64 requests; /* seen on the connection: the position */
    gboolean has_lost;
} LampHttpState;

/* One call of segment(). */
typedef struct {
    LampHttpState *state;
    LampStream *stream;
    LampHttpSide *side;
    const LampSegment *segment;
    LampView view;
} LampHttpStep;

static inline gboolean
lamp_http_is_response_side(const LampHttpStep *step)
{
    return step->segment->direction == LAMP_TO_CLIENT;
}

/* Counts bytes [@from, @to) of the view to the message being received. */
void lamp_http_note_bytes(LampHttpStep *step, gsize from, gsize to);

/* Body bytes [@from, @to) of the view, @is_last if the body ends there: searched for ids in
 * place where the body lies whole in one segment, else gathered up to a bound. */
void lamp_http_sample_body(LampHttpStep *step, gsize from, gsize to, gboolean is_last);
void lamp_http_clear_sample(LampHttpSide *side);

/* A whole head, @text, at @at of the view. Sets the side's phase; a message without a body ends
 * at once, and what is no response to a call (1xx) changes nothing. */
void lamp_http_begin_request(LampHttpStep *step, LampBytes text, gsize at);
void lamp_http_begin_response(LampHttpStep *step, LampBytes text, gsize at);

/* Servers answer what is no request with a status of these and close the connection. */
gboolean lamp_http_is_refusal(guint status);

/* Before a response with @status: where it answers a request whose head is not whole and no
 * other, what is held of the head is the request. */
void lamp_http_take_unfinished(LampHttpStep *step, guint status);

/* The begin of a head, @captured bytes of the view, whose rest is missing: @text is what of it
 * is sure. The side is LOST behind it. */
void lamp_http_begin_cut(LampHttpStep *step, LampBytes text, gsize captured);

/* A message of @direction that began so is over. */
void lamp_http_end_cut(LampHttpState *state, LampStream *stream, LampDirection direction);

/* Reads the begin of a head that is held, or counts what follows it, where @missing bytes were
 * not captured. FALSE where the gap means something else (http-cut.c). */
gboolean lamp_http_take_cut(LampHttpState *state, LampStream *stream, LampDirection direction,
                            guint64 missing);

/* The message being received is over; calls of which both are leave. */
void lamp_http_finish_message(LampHttpStep *step);

/* Emits the oldest calls of which both messages are done. */
void lamp_http_emit_done(LampHttpState *state, LampStream *stream);

/* Gives up what waits, with @flags: no response is paired with an earlier request any more. */
void lamp_http_give_up(LampHttpState *state, LampStream *stream, guint32 flags);

/* The same of what stands where a request should: kept, because a server may answer it.
 */
void lamp_http_lose_request(LampHttpStep *step);

/* Bytes [@from, @to) of the view belong to that. */
void lamp_http_note_broken(LampHttpStep *step, gsize from, gsize to);

/* The bytes are not HTTP: reports it once, gives up what waits, looks for a start line. */
void lamp_http_lose(LampHttpStep *step, const char *code, const char *text);
