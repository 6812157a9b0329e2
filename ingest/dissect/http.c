/*
 * @summary HTTP/1.0 and 1.1: requests paired with responses in order
 * @spec RFC 9112, RFC 9110
 *
 * In: both streams of a connection. Out: one call for each request. Each direction is a machine
 *
 *     HEAD -> BODY | CHUNK_SIZE -> CHUNK -> CHUNK_END … TRAILERS | UNTIL_CLOSE -> HEAD
 *
 * whose bodies are counted and never kept, but for the first 4 KiB of JSON and form bodies,
 * which are searched for ids. Responses answer requests first in, first out (RFC 9112, 9.3.2).
 * Interim responses (1xx but 101) answer nothing. After 101, or 2xx to CONNECT, another
 * protocol owns the connection. A gap inside a body of known length is counted over; any other
 * makes the direction LOST until a start line is seen, and what waited is given up, because one
 * response too many or too few would shift every later pair. Limits: base/limits.h (HTTP_HEAD,
 * HTTP_HEADERS, PIPELINE).
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/http-head.h"
#include "ingest/dissect/http-message.h"

enum { BODY_SAMPLE = 4096, MAX_LINE = 4096 };

typedef enum {
    HTTP_HEAD,
    HTTP_BODY,
    HTTP_UNTIL_CLOSE,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILERS,
    HTTP_LOST,
    HTTP_TUNNEL,
} HttpPhase;

typedef enum { KIND_OTHER, KIND_HEAD, KIND_CONNECT } HttpKind;

typedef struct {
    LampBuffer buffer;
    LampExchange *exchange; /* whose message is being received; NULL: an interim response */
    guint8 *sample;         /* first bytes of a body that lies in several segments */
    guint64 left;           /* bytes of the body or chunk to come */
    guint16 sample_len;
    guint8 phase;
    guint8 wants_json : 1, wants_form : 1, at_body_begin : 1;
    guint8 is_guess : 1; /* the head being gathered was found by search while LOST */
} HttpSide;

typedef struct {
    HttpSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *orphan; /* response being received whose request was not seen */
    guint64 requests;     /* seen on the connection: the position */
    gboolean has_lost;
} HttpState;

/* One call of segment(). */
typedef struct {
    HttpState *state;
    LampStream *stream;
    HttpSide *side;
    const LampSegment *segment;
    LampView view;
} HttpStep;

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static gboolean
is_response_side(const HttpStep *step)
{
    return step->segment->direction == LAMP_TO_CLIENT;
}

static LampHttpLine
start_line(const HttpStep *step, LampBytes text)
{
    return is_response_side(step) ? lamp_http_status_line(text) : lamp_http_request_line(text);
}

static void
clear_sample(HttpSide *side)
{
    g_free(side->sample);
    side->sample = NULL;
    side->sample_len = 0;
    side->wants_json = side->wants_form = FALSE;
}

static void
note_bytes(HttpStep *step, gsize from, gsize to)
{
    LampExchange *exchange = step->side->exchange;
    if (exchange == NULL)
        return;
    if (is_response_side(step))
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}

static void
add_header_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    lamp_http_add_field(target->exchange, target->side, name, value);
}

/* Body bytes [from, to) of the view, @is_last if the body ends there: searched in place when
 * the body lies whole in one segment, else gathered. */
static void
sample_body(HttpStep *step, gsize from, gsize to, gboolean is_last)
{
    HttpSide *side = step->side;
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
    LampSide value_side = is_response_side(step) ? LAMP_SIDE_RESPONSE : LAMP_SIDE_REQUEST;
    if (side->wants_json)
        lamp_http_add_json(side->exchange, value_side, body);
    else
        lamp_http_add_form(side->exchange, value_side, body);
    clear_sample(side);
}

/* Emits the oldest calls of which both messages are done. */
static void
emit_done(HttpState *state, LampStream *stream)
{
    while (state->pairing.first != NULL && state->pairing.first->request_done &&
           state->pairing.first->response_done)
        lamp_exchange_emit(lamp_pairing_pop(&state->pairing), stream);
}

static void
finish_message(HttpStep *step)
{
    HttpState *state = step->state;
    HttpSide *side = step->side;
    LampExchange *exchange = side->exchange;
    clear_sample(side);
    side->phase = HTTP_HEAD;
    side->exchange = NULL;
    if (exchange == NULL)
        return;
    if (exchange == state->orphan) {
        state->orphan = NULL;
        lamp_exchange_emit(exchange, step->stream);
        return;
    }
    if (is_response_side(step))
        exchange->response_done = TRUE;
    else
        exchange->request_done = TRUE;
    emit_done(state, step->stream);
}

/* Gives up what waits: after this no response may be paired with a request from before. */
static void
give_up(HttpState *state, LampStream *stream, guint32 flags)
{
    lamp_pairing_lose(&state->pairing, stream, flags);
    if (state->orphan != NULL) {
        state->orphan->flags |= flags;
        lamp_exchange_emit(state->orphan, stream);
        state->orphan = NULL;
    }
    state->sides[0].exchange = state->sides[1].exchange = NULL;
}

static void
lose(HttpStep *step, const char *code, const char *text)
{
    step->side->phase = HTTP_LOST;
    if (step->side->is_guess)
        return;
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, code, text);
    step->state->has_lost = TRUE;
    clear_sample(step->side);
    give_up(step->state, step->stream, 0);
}

static gboolean
method_is(const LampHttpHead *head, const char *name)
{
    return lamp_bytes_equal(head->method, lamp_bytes_text(name));
}

/* Sets how the body is framed; a message without one is finished at once. */
static void
begin_body(HttpStep *step, const LampHttpHead *head, gboolean has_body)
{
    HttpSide *side = step->side;
    side->wants_json = head->is_json ? 1 : 0;
    side->wants_form = head->is_form ? 1 : 0;
    side->at_body_begin = TRUE;
    if (has_body && head->is_chunked) {
        side->phase = HTTP_CHUNK_SIZE;
    } else if (has_body && head->content_length > 0) {
        side->phase = HTTP_BODY;
        side->left = (guint64) head->content_length;
    } else if (has_body && head->content_length < 0 && head->is_response) {
        side->phase = HTTP_UNTIL_CLOSE;
    } else {
        finish_message(step);
    }
}

/* Makes and queues the exchange of a request, or gives up all pairing where too many wait. */
static LampExchange *
add_request(HttpStep *step)
{
    HttpState *state = step->state;
    LampExchange *exchange = lamp_exchange_new();
    state->requests++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->requests;
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(step->stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many requests wait for responses; pairing starts anew");
    give_up(state, step->stream, 0);
    return NULL;
}

static void
begin_request(HttpStep *step, LampBytes text, gsize at)
{
    LampHttpHead head;
    LampExchange *exchange = add_request(step);
    ValueTarget target = {exchange, LAMP_SIDE_REQUEST};
    lamp_http_head_parse(text, &head, exchange != NULL ? add_header_value : NULL, &target);
    if (exchange != NULL) {
        exchange->kind = method_is(&head, "HEAD")      ? KIND_HEAD
                         : method_is(&head, "CONNECT") ? KIND_CONNECT
                                                       : KIND_OTHER;
        lamp_http_add_target(exchange, head.method,
                             exchange->kind == KIND_CONNECT ? lamp_bytes(NULL, 0)
                                                            : head.target);
    }
    step->side->exchange = exchange;
    note_bytes(step, at, at + text.len);
    begin_body(step, &head, !method_is(&head, "CONNECT"));
}

/* The request that the response now beginning answers: the oldest without one. */
static LampExchange *
find_unanswered(HttpState *state)
{
    LampExchange *exchange = state->pairing.first;
    while (exchange != NULL && exchange->response_done)
        exchange = exchange->next;
    return exchange;
}

/* A call whose request was not seen: it came before the capture, or was lost. */
static LampExchange *
add_orphan(HttpStep *step, guint status)
{
    HttpState *state = step->state;
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
take_for_response(HttpStep *step, guint status)
{
    HttpState *state = step->state;
    if (state->pairing.is_unsure)
        return NULL;
    LampExchange *exchange = find_unanswered(state);
    return exchange != NULL ? exchange : add_orphan(step, status);
}

/* Another protocol takes over behind byte @to of the view. */
static void
leave_http(HttpStep *step, const LampHttpHead *head, gsize to)
{
    static const struct {
        const char *token, *protocol;
    } upgrades[] = {{"websocket", "websocket"}, {"h2c", "http2"}};
    const char *protocol = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(upgrades); i++)
        if (head->status == 101 && head->upgrade.len == strlen(upgrades[i].token) &&
            g_ascii_strncasecmp((const char *) head->upgrade.at, upgrades[i].token,
                                head->upgrade.len) == 0)
            protocol = upgrades[i].protocol;
    step->state->sides[0].phase = step->state->sides[1].phase = HTTP_TUNNEL;
    step->state->sides[0].exchange = step->state->sides[1].exchange = NULL;
    lamp_stream_become(step->stream, protocol, LAMP_TO_CLIENT, lamp_view_from(&step->view, to));
}

static void
begin_response(HttpStep *step, LampBytes text, gsize at)
{
    LampHttpHead head;
    guint status = lamp_http_head_status(text);
    if (status < 200 && status != 101)
        return;
    LampExchange *exchange = take_for_response(step, status);
    ValueTarget target = {exchange, LAMP_SIDE_RESPONSE};
    lamp_http_head_parse(text, &head, exchange != NULL ? add_header_value : NULL, &target);
    HttpKind kind = exchange != NULL ? (HttpKind) exchange->kind : KIND_OTHER;
    step->side->exchange = exchange;
    note_bytes(step, at, at + text.len);
    if (exchange != NULL)
        lamp_http_set_status(exchange, status);
    if (status == 101 || (kind == KIND_CONNECT && status / 100 == 2)) {
        if (exchange != NULL)
            exchange->request_done = TRUE;
        finish_message(step);
        leave_http(step, &head, at + text.len);
        return;
    }
    begin_body(step, &head, kind != KIND_HEAD && status != 204 && status != 304);
}

/* A whole head at @at, or 0 to wait for more. */
static gsize
step_head(HttpStep *step, gsize at)
{
    HttpSide *side = step->side;
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.at[0] == '\r' || rest.at[0] == '\n')
        return 1; /* empty lines before a start line are to be ignored (RFC 9112, 2.2) */
    LampHttpLine line = start_line(step, rest);
    gsize length = 0;
    if (line == LAMP_HTTP_LINE_WHOLE)
        length = lamp_http_head_length(rest, side->buffer.scanned);
    if (line == LAMP_HTTP_LINE_NO || (length > 0 ? length : rest.len) > LAMP_LIMIT_HTTP_HEAD) {
        lose(step, "http.start-line", "not a request or status line; looking for the next one");
        return 0;
    }
    side->buffer.scanned = length > 0 ? 0 : (guint32) rest.len;
    if (length == 0)
        return 0;
    side->is_guess = FALSE;
    if (is_response_side(step))
        begin_response(step, lamp_bytes(rest.at, length), at);
    else
        begin_request(step, lamp_bytes(rest.at, length), at);
    return length;
}

/* A response to an unseen HEAD request announces a body that does not come. */
static gboolean
body_is_missing(const HttpStep *step, gsize at)
{
    const HttpSide *side = step->side;
    return side->at_body_begin && side->exchange != NULL &&
           side->exchange == step->state->orphan &&
           lamp_http_status_line(lamp_view_from(&step->view, at)) == LAMP_HTTP_LINE_WHOLE;
}

static gsize
step_body(HttpStep *step, gsize at)
{
    HttpSide *side = step->side;
    if (body_is_missing(step, at)) {
        finish_message(step);
        return step_head(step, at);
    }
    side->at_body_begin = FALSE;
    gsize n = (gsize) MIN((guint64) (step->view.bytes.len - at), side->left);
    side->left -= n;
    note_bytes(step, at, at + n);
    gboolean is_chunk = side->phase == HTTP_CHUNK;
    sample_body(step, at, at + n, side->left == 0 && !is_chunk);
    if (side->left == 0 && is_chunk)
        side->phase = HTTP_CHUNK_END;
    else if (side->left == 0)
        finish_message(step);
    return n;
}

static gsize
step_until_close(HttpStep *step, gsize at)
{
    gsize end = step->view.bytes.len;
    note_bytes(step, at, end);
    sample_body(step, at, end, FALSE);
    return end - at;
}

/* The line at @at with its end; 0 while it is incomplete, and lost when it is too long. */
static gsize
take_line(HttpStep *step, gsize at, LampBytes *out_line)
{
    LampCursor c = lamp_cursor(lamp_view_from(&step->view, at));
    gsize left = lamp_cursor_left(&c);
    if (!lamp_cursor_line(&c, out_line)) {
        if (left > MAX_LINE)
            lose(step, "http.chunk", "a line between chunks is too long");
        return 0;
    }
    gsize n = left - lamp_cursor_left(&c);
    *out_line = lamp_text_trim(*out_line);
    note_bytes(step, at, at + n);
    return n;
}

static gsize
step_chunk_size(HttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n == 0)
        return 0;
    const guint8 *extension = memchr(line.at, ';', line.len);
    if (extension != NULL)
        line.len = (gsize) (extension - line.at);
    if (!lamp_text_parse_hex(lamp_text_trim(line), &step->side->left)) {
        lose(step, "http.chunk", "chunk without a length");
        return 0;
    }
    step->side->phase = step->side->left == 0 ? HTTP_TRAILERS : HTTP_CHUNK;
    return n;
}

static gsize
step_chunk_end(HttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n > 0)
        step->side->phase = HTTP_CHUNK_SIZE;
    return n;
}

static gsize
step_trailers(HttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n > 0 && line.len == 0) {
        sample_body(step, at, at, TRUE);
        finish_message(step);
    }
    return n;
}

/* Looks for the next start line: at the begin of the segment, after a newline, and for status
 * lines anywhere, since bodies need not end with a newline. */
static gsize
step_lost(HttpStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    gboolean is_response = is_response_side(step);
    for (gsize i = 0; i < rest.len; i++) {
        gboolean may_begin = i == 0 || rest.at[i - 1] == '\n' || is_response;
        if (!may_begin || (is_response ? rest.at[i] != 'H' : !g_ascii_isupper(rest.at[i])))
            continue;
        if (start_line(step, lamp_bytes(rest.at + i, rest.len - i)) == LAMP_HTTP_LINE_NO)
            continue;
        step->side->phase = HTTP_HEAD;
        step->side->is_guess = TRUE;
        return i;
    }
    return rest.len;
}

static gsize
step_message(HttpStep *step, gsize at)
{
    switch ((HttpPhase) step->side->phase) {
    case HTTP_HEAD:
        return step_head(step, at);
    case HTTP_BODY:
    case HTTP_CHUNK:
        return step_body(step, at);
    case HTTP_UNTIL_CLOSE:
        return step_until_close(step, at);
    case HTTP_CHUNK_SIZE:
        return step_chunk_size(step, at);
    case HTTP_CHUNK_END:
        return step_chunk_end(step, at);
    case HTTP_TRAILERS:
        return step_trailers(step, at);
    case HTTP_LOST:
        return step_lost(step, at);
    case HTTP_TUNNEL:
        break;
    }
    return step->view.bytes.len - at;
}

/* A capture that began later than the connection may begin anywhere in a message. */
static void
begin(gpointer opaque, LampStream *stream)
{
    HttpState *state = opaque;
    if (lamp_stream_is_midstream(stream))
        state->sides[0].phase = state->sides[1].phase = HTTP_LOST;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    HttpState *state = opaque;
    HttpStep step = {.state = state,
                     .stream = stream,
                     .side = &state->sides[seg->direction],
                     .segment = seg};
    LampBuffer *buffer = &step.side->buffer;
    if (lamp_pairing_tick(&state->pairing, stream, seg))
        state->sides[0].exchange = state->sides[1].exchange = NULL;
    lamp_buffer_open(buffer, seg, &step.view);
    gsize at = 0;
    while (at < step.view.bytes.len) {
        guint8 phase = step.side->phase;
        gsize n = step_message(&step, at);
        if (n == 0 && step.side->phase == phase)
            break;
        if (n == 0 && phase == HTTP_HEAD && step.side->phase == HTTP_LOST)
            n = 1; /* the byte that began no start line is passed over */
        if (n > 0)
            buffer->scanned = 0;
        at += n;
    }
    lamp_buffer_close(buffer, &step.view, MIN(at, step.view.bytes.len),
                      2 * LAMP_LIMIT_HTTP_HEAD);
}

/* Counts a gap over where it lies within a body whose length is known. */
static gboolean
skip_gap(HttpState *state, HttpSide *side, guint64 missing)
{
    if ((side->phase != HTTP_BODY && side->phase != HTTP_CHUNK) || missing >= side->left)
        return side->phase == HTTP_UNTIL_CLOSE || side->phase == HTTP_TUNNEL;
    side->left -= missing;
    clear_sample(side);
    if (side->exchange != NULL) {
        side->exchange->flags |= LAMP_CALL_GAP;
        *(side == &state->sides[LAMP_TO_CLIENT] ? &side->exchange->response_bytes
                                                : &side->exchange->request_bytes) += missing;
    }
    return TRUE;
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    HttpState *state = opaque;
    HttpSide *side = &state->sides[direction];
    lamp_buffer_clear(&side->buffer);
    if (skip_gap(state, side, missing))
        return;
    clear_sample(side);
    side->phase = HTTP_LOST;
    state->has_lost = TRUE;
    give_up(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    HttpState *state = opaque;
    HttpSide *response = &state->sides[LAMP_TO_CLIENT];
    if (response->phase == HTTP_UNTIL_CLOSE && response->exchange != NULL) {
        response->exchange->response_done = response->exchange->request_done = TRUE;
        if (response->exchange == state->orphan) {
            lamp_exchange_emit(state->orphan, stream);
            state->orphan = NULL;
        }
        emit_done(state, stream);
    }
    give_up(state, stream, 0);
    for (guint i = 0; i < 2; i++) {
        clear_sample(&state->sides[i]);
        lamp_buffer_clear(&state->sides[i].buffer);
    }
}

/* How surely @text is HTTP from one side; *out_is_response tells which. */
static guint
score_side(LampBytes text, gboolean *out_is_response)
{
    *out_is_response = FALSE;
    if (text.len == 0)
        return 0;
    *out_is_response =
        lamp_bytes_starts(text, "HTTP/1.") && lamp_http_status_line(text) != LAMP_HTTP_LINE_NO;
    LampHttpLine line = lamp_http_request_line(text);
    if (line == LAMP_HTTP_LINE_WHOLE || *out_is_response)
        return 95;
    if (line == LAMP_HTTP_LINE_MAYBE)
        return memchr(text.at, '/', text.len) != NULL ? 60 : 0;
    gssize later = lamp_text_find(text, "\r\nHTTP/1.1 ");
    *out_is_response = later >= 0;
    return later >= 0 || lamp_text_find(text, " HTTP/1.1\r\n") >= 0 ? 50 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) server_port;
    gboolean server_answers, client_answers;
    guint from_client = score_side(to_server, &client_answers);
    guint from_server = score_side(to_client, &server_answers);
    gboolean is_swapped = (from_client > 0 && client_answers) ||
                          (from_client == 0 && from_server > 0 && !server_answers);
    if (from_client > 0 && from_server > 0 && client_answers == server_answers)
        return 0;
    if (is_swapped)
        *out_swapped = TRUE;
    if (to_server.len > 0 && to_client.len > 0 && from_client >= 95 && from_server >= 95)
        return 100;
    return MAX(from_client, from_server);
}

const LampDissector lamp_dissector_http = {
    .name = "http",
    .summary = "HTTP/1.0 and 1.1: requests paired with responses in order",
    .spec = "RFC 9112, RFC 9110",
    .ports = {80, 8080, 8000, 3000, 8081, 8888, 5000, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(HttpState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
