/*
 * @summary HTTP/1.0 and 1.1: requests paired with responses in order
 * @spec RFC 9112, RFC 9110
 *
 * In: both streams of a connection. Out: heads, bodies and ends of messages, from which
 * http-connection.c makes calls. Each direction is a machine
 *
 *     HEAD -> BODY | CHUNK_SIZE -> CHUNK -> CHUNK_END … TRAILERS | UNTIL_CLOSE -> HEAD
 *
 * A gap inside a body of known length is counted over; one inside a head leaves a call of what
 * its begin says (http-cut.c); any other makes the direction LOST until
 * a start line is seen, and what waited is given up, because one response too many or too few
 * would shift every later pair. Limits: base/limits.h (HTTP_HEAD, HTTP_HEADERS).
 */
#include "base/text.h"
#include "ingest/dissect/http-connection.h"

enum { MAX_LINE = 4096 };

static LampHttpLine
start_line(const LampHttpStep *step, LampBytes text)
{
    return lamp_http_is_response_side(step) ? lamp_http_status_line(text)
                                            : lamp_http_request_line(text);
}

/* A whole head at @at, or 0 to wait for more. */
static gsize
step_head(LampHttpStep *step, gsize at)
{
    LampHttpSide *side = step->side;
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.at[0] == '\r' || rest.at[0] == '\n')
        return 1; /* empty lines before a start line are to be ignored (RFC 9112, 2.2) */
    LampHttpLine line = start_line(step, rest);
    gsize length = 0;
    if (line == LAMP_HTTP_LINE_WHOLE)
        length = lamp_http_head_length(rest, side->buffer.scanned);
    if (line == LAMP_HTTP_LINE_NO || (length > 0 ? length : rest.len) > LAMP_LIMIT_HTTP_HEAD) {
        if (lamp_http_is_response_side(step))
            lamp_http_lose(step, "http.start-line",
                           "not a request or status line; looking for the next one");
        else
            lamp_http_lose_request(step);
        return 0;
    }
    side->buffer.scanned = length > 0 ? 0 : (guint32) rest.len;
    if (length == 0)
        return 0;
    side->is_guess = FALSE;
    if (lamp_http_is_response_side(step))
        lamp_http_begin_response(step, lamp_bytes(rest.at, length), at);
    else
        lamp_http_begin_request(step, lamp_bytes(rest.at, length), at);
    return length;
}

/* A response to an unseen HEAD request announces a body that does not come. */
static gboolean
body_is_missing(const LampHttpStep *step, gsize at)
{
    const LampHttpSide *side = step->side;
    return side->at_body_begin && side->exchange != NULL &&
           side->exchange == step->state->orphan &&
           lamp_http_status_line(lamp_view_from(&step->view, at)) == LAMP_HTTP_LINE_WHOLE;
}

static gsize
step_body(LampHttpStep *step, gsize at)
{
    LampHttpSide *side = step->side;
    if (body_is_missing(step, at)) {
        lamp_http_finish_message(step);
        return step_head(step, at);
    }
    side->at_body_begin = FALSE;
    gsize n = (gsize) MIN((guint64) (step->view.bytes.len - at), side->left);
    side->left -= n;
    lamp_http_note_bytes(step, at, at + n);
    gboolean is_chunk = side->phase == LAMP_HTTP_CHUNK;
    lamp_http_sample_body(step, at, at + n, side->left == 0 && !is_chunk);
    if (side->left == 0 && is_chunk)
        side->phase = LAMP_HTTP_CHUNK_END;
    else if (side->left == 0)
        lamp_http_finish_message(step);
    return n;
}

static gsize
step_until_close(LampHttpStep *step, gsize at)
{
    gsize end = step->view.bytes.len;
    lamp_http_note_bytes(step, at, end);
    lamp_http_sample_body(step, at, end, FALSE);
    return end - at;
}

/* The line at @at with its end; 0 while it is incomplete, and lost when it is too long. */
static gsize
take_line(LampHttpStep *step, gsize at, LampBytes *out_line)
{
    LampCursor c = lamp_cursor(lamp_view_from(&step->view, at));
    gsize left = lamp_cursor_left(&c);
    if (!lamp_cursor_line(&c, out_line)) {
        if (left > MAX_LINE)
            lamp_http_lose(step, "http.chunk", "a line between chunks is too long");
        return 0;
    }
    gsize n = left - lamp_cursor_left(&c);
    *out_line = lamp_text_trim(*out_line);
    lamp_http_note_bytes(step, at, at + n);
    return n;
}

static gsize
step_chunk_size(LampHttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n == 0)
        return 0;
    const guint8 *extension = memchr(line.at, ';', line.len);
    if (extension != NULL)
        line.len = (gsize) (extension - line.at);
    if (!lamp_text_parse_hex(lamp_text_trim(line), &step->side->left)) {
        lamp_http_lose(step, "http.chunk", "chunk without a length");
        return 0;
    }
    step->side->phase = step->side->left == 0 ? LAMP_HTTP_TRAILERS : LAMP_HTTP_CHUNK;
    return n;
}

static gsize
step_chunk_end(LampHttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n > 0)
        step->side->phase = LAMP_HTTP_CHUNK_SIZE;
    return n;
}

static gsize
step_trailers(LampHttpStep *step, gsize at)
{
    LampBytes line;
    gsize n = take_line(step, at, &line);
    if (n > 0 && line.len == 0) {
        lamp_http_sample_body(step, at, at, TRUE);
        lamp_http_finish_message(step);
    }
    return n;
}

/* Looks for the next start line: at the begin of the segment, after a newline, and for status
 * lines anywhere, since bodies need not end with a newline. */
static gsize
step_lost(LampHttpStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    gboolean is_response = lamp_http_is_response_side(step);
    for (gsize i = 0; i < rest.len; i++) {
        gboolean may_begin = i == 0 || rest.at[i - 1] == '\n' || is_response;
        if (!may_begin || (is_response ? rest.at[i] != 'H' : !g_ascii_isupper(rest.at[i])))
            continue;
        if (start_line(step, lamp_bytes(rest.at + i, rest.len - i)) == LAMP_HTTP_LINE_NO)
            continue;
        lamp_http_note_bytes(step, at, at + i);
        lamp_http_end_cut(step->state, step->stream, step->segment->direction);
        step->side->phase = LAMP_HTTP_HEAD;
        step->side->is_guess = TRUE;
        lamp_http_note_broken(step, at, at + i);
        return i;
    }
    lamp_http_note_bytes(step, at, at + rest.len);
    lamp_http_note_broken(step, at, at + rest.len);
    return rest.len;
}

static gsize
step_message(LampHttpStep *step, gsize at)
{
    switch ((LampHttpPhase) step->side->phase) {
    case LAMP_HTTP_HEAD:
        return step_head(step, at);
    case LAMP_HTTP_BODY:
    case LAMP_HTTP_CHUNK:
        return step_body(step, at);
    case LAMP_HTTP_UNTIL_CLOSE:
        return step_until_close(step, at);
    case LAMP_HTTP_CHUNK_SIZE:
        return step_chunk_size(step, at);
    case LAMP_HTTP_CHUNK_END:
        return step_chunk_end(step, at);
    case LAMP_HTTP_TRAILERS:
        return step_trailers(step, at);
    case LAMP_HTTP_LOST:
        return step_lost(step, at);
    case LAMP_HTTP_TUNNEL:
        break;
    }
    return step->view.bytes.len - at;
}

/* A capture that began later than the connection may begin anywhere in a message. */
static void
begin(gpointer opaque, LampStream *stream)
{
    LampHttpState *state = opaque;
    if (lamp_stream_is_midstream(stream))
        state->sides[0].phase = state->sides[1].phase = LAMP_HTTP_LOST;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    LampHttpState *state = opaque;
    LampHttpStep step = {.state = state,
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
        if (n == 0 && phase == LAMP_HTTP_HEAD && step.side->phase == LAMP_HTTP_LOST) {
            n = 1; /* the byte that began no start line is passed over */
            lamp_http_note_broken(&step, at, at + n);
        }
        if (n > 0)
            buffer->scanned = 0;
        at += n;
    }
    lamp_buffer_close(buffer, &step.view, MIN(at, step.view.bytes.len),
                      2 * LAMP_LIMIT_HTTP_HEAD);
}

/* Counts a gap over where it lies within a body whose length is known. */
static gboolean
skip_gap(LampHttpState *state, LampHttpSide *side, guint64 missing)
{
    if ((side->phase != LAMP_HTTP_BODY && side->phase != LAMP_HTTP_CHUNK) ||
        missing >= side->left)
        return side->phase == LAMP_HTTP_UNTIL_CLOSE || side->phase == LAMP_HTTP_TUNNEL;
    side->left -= missing;
    lamp_http_clear_sample(side);
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
    LampHttpState *state = opaque;
    LampHttpSide *side = &state->sides[direction];
    gboolean is_cut = lamp_http_take_cut(state, stream, direction, missing);
    lamp_buffer_clear(&side->buffer);
    if (is_cut || skip_gap(state, side, missing))
        return;
    lamp_http_clear_sample(side);
    side->phase = LAMP_HTTP_LOST;
    state->has_lost = TRUE;
    lamp_http_give_up(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    LampHttpState *state = opaque;
    LampHttpSide *response = &state->sides[LAMP_TO_CLIENT];
    if (response->phase == LAMP_HTTP_UNTIL_CLOSE && response->exchange != NULL) {
        response->exchange->response_done = response->exchange->request_done = TRUE;
        if (response->exchange == state->orphan) {
            lamp_exchange_emit(state->orphan, stream);
            state->orphan = NULL;
        }
        lamp_http_emit_done(state, stream);
    }
    lamp_http_end_cut(state, stream, LAMP_TO_CLIENT);
    lamp_http_give_up(state, stream, 0);
    for (guint i = 0; i < 2; i++) {
        lamp_http_clear_sample(&state->sides[i]);
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
    .state_size = sizeof(LampHttpState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
