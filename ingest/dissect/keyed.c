/*
 * Pairs messages by the number that requests and responses share.
 *
 * In: frames of a LampKeyedProtocol. Out: calls. Numbers may be used again once answered; where
 * a client uses one number for all (Thrift), the oldest with it is answered first, which is the
 * order in which such servers answer. A gap cannot shift pairs: it only leaves requests
 * unanswered.
 */
#include "ingest/dissect/keyed.h"

#include "base/limits.h"

/* The protocol that the framer's callbacks work for: it calls them with the state only. */
typedef struct {
    LampKeyedState *state;
    const LampKeyedProtocol *protocol;
} KeyedStep;

enum { NOTE_ENDS = 1 };

static LampExchange *
begin_call(LampKeyedState *state, LampStream *stream, guint64 key)
{
    LampExchange *exchange = lamp_exchange_new();
    state->calls++;
    if (exchange == NULL)
        return NULL;
    if (!lamp_pairing_push(&state->pairing, exchange)) {
        lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                            "too many requests wait for responses; the oldest is given up");
        state->pairing.first->flags |= LAMP_CALL_NO_RESPONSE;
        lamp_framer_emit(&state->framer, &state->pairing, stream, state->pairing.first);
        if (!lamp_pairing_push(&state->pairing, exchange)) {
            lamp_exchange_free(exchange);
            return NULL;
        }
    }
    exchange->key = key;
    exchange->position = state->calls;
    return exchange;
}

/* The call that a response belongs to; where its request may have been missed, a new one. */
static LampExchange *
answered_call(LampKeyedState *state, LampStream *stream, guint64 key)
{
    LampExchange *exchange = lamp_pairing_find(&state->pairing, key);
    gboolean is_midstream = lamp_stream_is_midstream(stream);
    if (exchange == NULL && (is_midstream || state->framer.has_lost) &&
        (exchange = begin_call(state, stream, key)) != NULL)
        exchange->flags = is_midstream ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
    return exchange;
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    KeyedStep *step = opaque;
    LampKeyedState *state = step->state;
    guint64 key = 0;
    LampKeyedRole role = step->protocol->describe(state, frame, &key);
    LampExchange *exchange = NULL;
    if (role == LAMP_KEYED_IGNORE)
        return;
    if (role == LAMP_KEYED_REQUEST || role == LAMP_KEYED_ONE_WAY)
        exchange = begin_call(state, stream, key);
    else if (role == LAMP_KEYED_REQUEST_PART)
        exchange = lamp_pairing_find(&state->pairing, key);
    else
        exchange = answered_call(state, stream, key);
    if (exchange == NULL)
        return;
    if (role == LAMP_KEYED_ONE_WAY)
        exchange->flags |= LAMP_CALL_ONE_WAY;
    gboolean is_response = role == LAMP_KEYED_RESPONSE || role == LAMP_KEYED_RESPONSE_PART;
    if (!is_response && step->protocol->request != NULL)
        step->protocol->request(state, exchange, frame);
    else if (is_response && step->protocol->response != NULL)
        step->protocol->response(state, exchange, frame);
    frame->exchange = exchange;
    frame->note = role == LAMP_KEYED_ONE_WAY || role == LAMP_KEYED_RESPONSE ? NOTE_ENDS : 0;
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    KeyedStep *step = opaque;
    if (frame->exchange != NULL && frame->note == NOTE_ENDS)
        lamp_framer_emit(&step->state->framer, &step->state->pairing, stream, frame->exchange);
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    KeyedStep *step = opaque;
    (void) stream, (void) direction;
    for (LampExchange *e = step->state->pairing.first; e != NULL; e = e->next)
        e->flags |= flags;
}

static gsize
frame_length(gpointer opaque, LampDirection direction, LampBytes bytes)
{
    KeyedStep *step = opaque;
    return step->protocol->framing.length(step->state, direction, bytes);
}

static LampFraming
make_framing(const LampKeyedProtocol *protocol)
{
    LampFraming framing = protocol->framing;
    framing.length = frame_length;
    framing.frame = read_frame;
    framing.frame_end = end_frame;
    framing.lost = lost;
    return framing;
}

void
lamp_keyed_begin(LampKeyedState *state, LampStream *stream)
{
    lamp_framer_begin(&state->framer, stream);
}

void
lamp_keyed_segment(const LampKeyedProtocol *protocol, LampKeyedState *state, LampStream *stream,
                   const LampSegment *segment)
{
    KeyedStep step = {state, protocol};
    LampFraming framing = make_framing(protocol);
    lamp_framer_segment(&state->framer, &framing, &step, stream, segment);
}

void
lamp_keyed_gap(const LampKeyedProtocol *protocol, LampKeyedState *state, LampStream *stream,
               LampDirection direction, guint64 missing)
{
    KeyedStep step = {state, protocol};
    LampFraming framing = make_framing(protocol);
    lamp_framer_gap(&state->framer, &framing, &step, stream, direction, missing);
}

void
lamp_keyed_end(LampKeyedState *state, LampStream *stream)
{
    lamp_framer_drop(&state->framer, &state->pairing, stream, 0);
    lamp_statements_free(state->statements);
    lamp_framer_clear(&state->framer);
}
