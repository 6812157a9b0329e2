/*
 * From messages of HTTP/1.x to calls.
 *
 * In: heads, body bytes and ends of messages, as http.c finds them. Out: one call for each
 * request. Bodies are counted and never kept, but for the first 4 KiB of JSON and form bodies,
 * which are searched for ids. Responses answer requests first in, first out (RFC 9112, 9.3.2).
 * Interim responses (1xx but 101) answer nothing. After 101, or 2xx to CONNECT, another
 * protocol owns the connection; HTTP/2 answers the request that asked for it, which goes over
 * to it. Limits: base/limits.h (PIPELINE).
 */
#include "ingest/dissect/http-connection.h"

#include "base/text.h"

enum { BODY_SAMPLE = 4096 };

typedef enum { KIND_OTHER, KIND_HEAD, KIND_CONNECT } HttpKind;

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

void
lamp_http_note_bytes(LampHttpStep *step, gsize from, gsize to)
{
    LampExchange *exchange = step->side->exchange;
    if (exchange == NULL)
        return;
    if (lamp_http_is_response_side(step))
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}

void
lamp_http_clear_sample(LampHttpSide *side)
{
    g_free(side->sample);
    side->sample = NULL;
    side->sample_len = 0;
    side->wants_json = side->wants_form = FALSE;
}

static gboolean
add_header_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    return lamp_http_add_field(target->exchange, target->side, name, value);
}

/* Body bytes [from, to) of the view, @is_last if the body ends there: searched in place when
 * the body lies whole in one segment, else gathered. */
void
lamp_http_sample_body(LampHttpStep *step, gsize from, gsize to, gboolean is_last)
{
    LampHttpSide *side = step->side;
    if ((!side->wants_json && !side->wants_form) || side->exchange == NULL)
        return;
    LampBytes body = lamp_bytes(step->view.bytes.at + from, MIN(to - from, BODY_SAMPLE));
    if (side->sample != NULL || !is_last) {
        if (side->sample == NULL)
            side->sample = g_malloc(BODY_SAMPLE);
        gsize n = MIN(body.len, (gsize) (BODY_SAMPLE - side->sample_len));
        if (n > 0)
            memcpy(side->sample + side->sample_len, body.at, n);
        side->sample_len = (guint16) (side->sample_len + n);
        if (!is_last && side->sample_len < BODY_SAMPLE)
            return;
        body = lamp_bytes(side->sample, side->sample_len);
    }
    LampSide value_side =
        lamp_http_is_response_side(step) ? LAMP_SIDE_RESPONSE : LAMP_SIDE_REQUEST;
    if (side->wants_json)
        lamp_http_add_json(side->exchange, value_side, body);
    else
        lamp_http_add_form(side->exchange, value_side, body);
    lamp_http_clear_sample(side);
}

/* Emits the oldest calls of which both messages are done. */
void
lamp_http_emit_done(LampHttpState *state, LampStream *stream)
{
    while (state->pairing.first != NULL && state->pairing.first->request_done &&
           state->pairing.first->response_done)
        lamp_exchange_emit(lamp_pairing_pop(&state->pairing), stream);
}

void
lamp_http_finish_message(LampHttpStep *step)
{
    LampHttpState *state = step->state;
    LampHttpSide *side = step->side;
    LampExchange *exchange = side->exchange;
    lamp_http_clear_sample(side);
    side->phase = LAMP_HTTP_HEAD;
    side->exchange = NULL;
    if (exchange == NULL)
        return;
    if (exchange == state->orphan) {
        state->orphan = NULL;
        lamp_exchange_emit(exchange, step->stream);
        return;
    }
    if (lamp_http_is_response_side(step))
        exchange->response_done = TRUE;
    else
        exchange->request_done = TRUE;
    lamp_http_emit_done(state, step->stream);
}

/* Gives up what waits: after this no response may be paired with a request from before. */
void
lamp_http_give_up(LampHttpState *state, LampStream *stream, guint32 flags)
{
    lamp_pairing_lose(&state->pairing, stream, flags);
    if (state->orphan != NULL) {
        state->orphan->flags |= flags;
        lamp_exchange_emit(state->orphan, stream);
        state->orphan = NULL;
    }
    state->sides[0].exchange = state->sides[1].exchange = NULL;
    state->sides[0].is_cut = state->sides[1].is_cut = FALSE;
    g_clear_pointer(&state->broken, lamp_exchange_free);
}

void
lamp_http_lose(LampHttpStep *step, const char *code, const char *text)
{
    step->side->phase = LAMP_HTTP_LOST;
    if (step->side->is_guess)
        return;
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, code, text);
    step->state->has_lost = TRUE;
    lamp_http_clear_sample(step->side);
    lamp_http_give_up(step->state, step->stream, 0);
}

void
lamp_http_note_broken(LampHttpStep *step, gsize from, gsize to)
{
    if (step->state->broken != NULL && !lamp_http_is_response_side(step))
        lamp_exchange_request_bytes(step->state->broken, &step->view, from, to);
}

void
lamp_http_lose_request(LampHttpStep *step)
{
    LampHttpState *state = step->state;
    gboolean is_alone = state->pairing.first == NULL && !state->pairing.is_unsure;
    gboolean is_guess = step->side->is_guess;
    lamp_http_lose(step, "http.start-line",
                   "not a request or status line; looking for the next one");
    if (!is_alone || is_guess)
        return;
    g_clear_pointer(&state->broken, lamp_exchange_free);
    state->broken = lamp_exchange_new();
}

/* Servers answer what is no request with a status of these and close the connection; any other
 * answers something else. */
gboolean
lamp_http_is_refusal(guint status)
{
    return status == 400 || status == 405 || status == 414 || status == 431 || status == 501 ||
           status == 505;
}

/* What was no request, if that is what @status answers. */
static LampExchange *
take_broken(LampHttpStep *step, guint status)
{
    LampExchange *exchange = g_steal_pointer(&step->state->broken);
    if (exchange != NULL && !lamp_http_is_refusal(status))
        g_clear_pointer(&exchange, lamp_exchange_free);
    if (exchange == NULL)
        return NULL;
    exchange->position = ++step->state->requests;
    lamp_exchange_set_operation(exchange, lamp_bytes_text("(malformed)"));
    return step->state->orphan = exchange;
}

static gboolean
method_is(const LampHttpHead *head, const char *name)
{
    return lamp_bytes_equal(head->method, lamp_bytes_text(name));
}

/* Sets how the body is framed; a message without one is finished at once. */
static void
begin_body(LampHttpStep *step, const LampHttpHead *head, gboolean has_body)
{
    LampHttpSide *side = step->side;
    side->wants_json = head->is_json ? 1 : 0;
    side->wants_form = head->is_form ? 1 : 0;
    side->at_body_begin = TRUE;
    if (has_body && head->is_chunked) {
        side->phase = LAMP_HTTP_CHUNK_SIZE;
    } else if (has_body && head->content_length > 0) {
        side->phase = LAMP_HTTP_BODY;
        side->left = (guint64) head->content_length;
    } else if (has_body && head->content_length < 0 && head->is_response) {
        side->phase = LAMP_HTTP_UNTIL_CLOSE;
    } else {
        lamp_http_finish_message(step);
    }
}

/* Makes and queues the exchange of a request, or gives up all pairing where too many wait. */
static LampExchange *
add_request(LampHttpStep *step)
{
    LampHttpState *state = step->state;
    LampExchange *exchange = lamp_exchange_new();
    g_clear_pointer(&state->broken, lamp_exchange_free);
    state->requests++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->requests;
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(step->stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many requests wait for responses; pairing starts anew");
    lamp_http_give_up(state, step->stream, 0);
    return NULL;
}

static void
open_request(LampHttpStep *step, LampBytes text, LampHttpHead *out_head)
{
    LampExchange *exchange = add_request(step);
    ValueTarget target = {exchange, LAMP_SIDE_REQUEST};
    lamp_http_head_parse(text, out_head, exchange != NULL ? add_header_value : NULL, &target);
    if (exchange != NULL) {
        exchange->kind = method_is(out_head, "HEAD")      ? KIND_HEAD
                         : method_is(out_head, "CONNECT") ? KIND_CONNECT
                                                          : KIND_OTHER;
        lamp_http_add_target(exchange, out_head->method,
                             exchange->kind == KIND_CONNECT ? lamp_bytes(NULL, 0)
                                                            : out_head->target);
    }
    step->side->exchange = exchange;
}

void
lamp_http_begin_request(LampHttpStep *step, LampBytes text, gsize at)
{
    LampHttpHead head;
    lamp_http_end_cut(step->state, step->stream, LAMP_TO_CLIENT);
    open_request(step, text, &head);
    lamp_http_note_bytes(step, at, at + text.len);
    begin_body(step, &head, !method_is(&head, "CONNECT"));
}

/* The request that the response now beginning answers: the oldest without one. */
static LampExchange *
find_unanswered(LampHttpState *state)
{
    LampExchange *exchange = state->pairing.first;
    while (exchange != NULL && exchange->response_done)
        exchange = exchange->next;
    return exchange;
}

/* A call whose request was not seen: it came before the capture, or was lost. */
static LampExchange *
add_orphan(LampHttpStep *step, guint status)
{
    LampHttpState *state = step->state;
    gboolean is_midstream = lamp_stream_is_midstream(step->stream);
    if (!is_midstream && !state->has_lost) {
        lamp_stream_finding(step->stream, LAMP_FINDING_LOSS, "http.unsolicited",
                            "response without a request");
        if (status == 400 || status == 408)
            return NULL; /* servers close idle connections so */
    }
    LampExchange *exchange = state->orphan = lamp_exchange_new();
    if (exchange != NULL) {
        exchange->position = ++state->requests;
        exchange->flags = is_midstream ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
    }
    return exchange;
}

static LampExchange *
take_for_response(LampHttpStep *step, guint status)
{
    LampHttpState *state = step->state;
    if (state->pairing.is_unsure)
        return NULL;
    LampExchange *exchange = find_unanswered(state);
    if (exchange == NULL)
        exchange = take_broken(step, status);
    return exchange != NULL ? exchange : add_orphan(step, status);
}

/* The protocol that an Upgrade asks for, or NULL. */
static const char *
upgrade_of(const LampHttpHead *head)
{
    if (lamp_text_is_word(head->upgrade, "websocket", 9))
        return "websocket";
    return lamp_text_is_word(head->upgrade, "h2c", 3) ? "http2" : NULL;
}

/* Leaves the request to the protocol that will answer it, as if nothing of that had come. */
static void
hand_over(LampHttpStep *step, LampExchange *exchange)
{
    lamp_pairing_remove(&step->state->pairing, exchange);
    exchange->request_done = TRUE;
    exchange->status_len = 0;
    exchange->is_error = FALSE;
    exchange->response_first = exchange->response_last = LAMP_TIME_NONE;
    exchange->response_sequence = -1;
    exchange->response_bytes = 0;
    lamp_stream_hand_over(step->stream, exchange, (GDestroyNotify) lamp_exchange_free);
}

/* Another protocol takes over behind byte @to of the view. */
static void
leave_http(LampHttpStep *step, const char *protocol, gsize to)
{
    step->state->sides[0].phase = step->state->sides[1].phase = LAMP_HTTP_TUNNEL;
    step->state->sides[0].exchange = step->state->sides[1].exchange = NULL;
    lamp_stream_become(step->stream, protocol, LAMP_TO_CLIENT, lamp_view_from(&step->view, to));
}

/* The response at hand was the last of this protocol. */
static void
end_http(LampHttpStep *step, const char *protocol, gsize to)
{
    LampHttpState *state = step->state;
    LampExchange *exchange = step->side->exchange;
    gboolean is_waiting = exchange != NULL && exchange == state->pairing.first;
    if (is_waiting && g_strcmp0(protocol, "http2") == 0) {
        hand_over(step, exchange);
    } else {
        if (exchange != NULL)
            exchange->request_done = TRUE;
        lamp_http_finish_message(step);
    }
    leave_http(step, protocol, to);
}

static LampExchange *
open_response(LampHttpStep *step, LampBytes text, guint status, LampHttpHead *out_head)
{
    LampExchange *exchange = take_for_response(step, status);
    ValueTarget target = {exchange, LAMP_SIDE_RESPONSE};
    lamp_http_head_parse(text, out_head, exchange != NULL ? add_header_value : NULL, &target);
    if (exchange != NULL)
        lamp_http_set_status(exchange, status);
    return step->side->exchange = exchange;
}

void
lamp_http_begin_response(LampHttpStep *step, LampBytes text, gsize at)
{
    LampHttpHead head;
    guint status = lamp_http_head_status(text);
    if (status < 200 && status != 101)
        return;
    lamp_http_take_unfinished(step, status);
    lamp_http_end_cut(step->state, step->stream, LAMP_TO_SERVER);
    LampExchange *exchange = open_response(step, text, status, &head);
    HttpKind kind = exchange != NULL ? (HttpKind) exchange->kind : KIND_OTHER;
    lamp_http_note_bytes(step, at, at + text.len);
    if (status == 101 || (kind == KIND_CONNECT && status / 100 == 2)) {
        end_http(step, status == 101 ? upgrade_of(&head) : NULL, at + text.len);
        return;
    }
    begin_body(step, &head, kind != KIND_HEAD && status != 204 && status != 304);
}

void
lamp_http_begin_cut(LampHttpStep *step, LampBytes text, gsize captured)
{
    LampHttpHead head;
    LampHttpSide *side = step->side;
    if (lamp_http_is_response_side(step))
        (void) open_response(step, text, lamp_http_head_status(text), &head);
    else
        open_request(step, text, &head);
    lamp_http_note_bytes(step, 0, captured);
    if (side->exchange != NULL)
        side->exchange->flags |= LAMP_CALL_GAP;
    side->phase = LAMP_HTTP_LOST;
    side->is_cut = TRUE;
}

void
lamp_http_end_cut(LampHttpState *state, LampStream *stream, LampDirection direction)
{
    LampHttpSide *side = &state->sides[direction];
    LampExchange *exchange = side->exchange;
    if (!side->is_cut)
        return;
    side->is_cut = FALSE;
    side->exchange = NULL;
    if (exchange == NULL)
        return;
    if (exchange == state->orphan) {
        state->orphan = NULL;
        lamp_exchange_emit(exchange, stream);
        return;
    }
    if (direction == LAMP_TO_CLIENT)
        exchange->response_done = TRUE;
    else
        exchange->request_done = TRUE;
    lamp_http_emit_done(state, stream);
}
