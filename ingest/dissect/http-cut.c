/*
 * Heads of HTTP/1.x of which only the begin was captured, as with a snap length of 96 bytes.
 *
 * In: a gap behind the begin of a head. Out: a call named by its start line. Where such a
 * message ends is not known; client and server are taken to speak in turns, so a request is
 * over when its response begins, and a response when the next request does, or the connection
 * is. Limits: only where no other request waits, and for a gap that one packet may hide; of a
 * target that is cut the last segment is not known and stands as `…`.
 */
#include "ingest/dissect/http-connection.h"

enum { LINE = 512 };

/* Methods whose requests are known by so little that they may be cut inside the target. */
static gboolean
has_method(LampBytes text)
{
    static const char *const methods[] = {"GET /",  "POST /",  "PUT /",    "DELETE /",
                                          "HEAD /", "PATCH /", "OPTIONS /"};
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (lamp_bytes_starts(text, methods[i]))
            return TRUE;
    return FALSE;
}

/* The start line of a request that is cut inside it, as far as it is sure. */
static LampBytes
complete_line(LampBytes text, guint8 out[LINE])
{
    static const char ellipsis[] = "…", version[] = " HTTP/1.1\r\n";
    const guint8 *query = memchr(text.at, '?', text.len);
    const guint8 *blank = memchr(text.at, ' ', text.len);
    const guint8 *second = memchr(blank + 1, ' ', text.len - (gsize) (blank + 1 - text.at));
    const gsize most = LINE - sizeof ellipsis - sizeof version;
    gsize len = second != NULL ? (gsize) (second - text.at) : text.len;
    if (query != NULL && (second == NULL || len > most))
        len = (gsize) (query - text.at);
    gboolean is_sure = (query != NULL || second != NULL) && len <= most;
    len = MIN(len, most);
    while (!is_sure && text.at[len - 1] != '/')
        len--;
    memcpy(out, text.at, len);
    if (!is_sure) {
        memcpy(out + len, ellipsis, sizeof ellipsis - 1);
        len += sizeof ellipsis - 1;
    }
    memcpy(out + len, version, sizeof version - 1);
    return lamp_bytes(out, len + sizeof version - 1);
}

/* Whole lines of @text; the last one may end anywhere, its value is none. */
static LampBytes
whole_lines(LampBytes text)
{
    gsize len = text.len;
    while (len > 0 && text.at[len - 1] != '\n')
        len--;
    return lamp_bytes(text.at, len);
}

static gboolean
take_request(LampHttpStep *step, LampBytes text)
{
    guint8 line[LINE];
    LampHttpState *state = step->state;
    LampBytes lines = whole_lines(text);
    gboolean is_whole = lines.len > 0 && lamp_http_request_line(lines) == LAMP_HTTP_LINE_WHOLE;
    if (!is_whole && (lines.len > 0 || !has_method(text)))
        return FALSE;
    lamp_http_end_cut(state, step->stream, LAMP_TO_CLIENT);
    lamp_http_end_cut(state, step->stream, LAMP_TO_SERVER);
    if (state->pairing.first != NULL)
        return FALSE;
    lamp_http_begin_cut(step, is_whole ? lines : complete_line(text, line), text.len);
    return TRUE;
}

static gboolean
take_response(LampHttpStep *step, LampBytes text)
{
    LampHttpState *state = step->state;
    enum { CODE = 12 /* bytes up to the end of the status code */ };
    if (text.len <= CODE || lamp_http_status_line(text) == LAMP_HTTP_LINE_NO ||
        lamp_http_head_status(text) < 200)
        return FALSE;
    lamp_http_end_cut(state, step->stream, LAMP_TO_SERVER);
    lamp_http_end_cut(state, step->stream, LAMP_TO_CLIENT);
    if (state->pairing.first != NULL && state->pairing.first->next != NULL)
        return FALSE;
    LampBytes lines = whole_lines(text);
    lamp_http_begin_cut(step, lines.len > 0 ? lines : text, text.len);
    return TRUE;
}

void
lamp_http_take_unfinished(LampHttpStep *step, guint status)
{
    enum { TIMED_OUT = 408 };
    LampHttpState *state = step->state;
    LampHttpSide *side = &state->sides[LAMP_TO_SERVER];
    LampSegment nothing = {.direction = LAMP_TO_SERVER, .sequence = -1};
    LampHttpStep request = {
        .state = state, .stream = step->stream, .side = side, .segment = &nothing};
    if ((!lamp_http_is_refusal(status) && status != TIMED_OUT) || state->broken != NULL ||
        state->pairing.first != NULL || state->pairing.is_unsure ||
        side->phase != LAMP_HTTP_HEAD || side->buffer.len == 0)
        return;
    lamp_buffer_open(&side->buffer, &nothing, &request.view);
    if (!take_request(&request, request.view.bytes))
        return;
    if (side->exchange != NULL)
        side->exchange->flags &= ~(guint32) LAMP_CALL_GAP; /* the client did not send more */
    lamp_buffer_clear(&side->buffer);
}

gboolean
lamp_http_take_cut(LampHttpState *state, LampStream *stream, LampDirection direction,
                   guint64 missing)
{
    LampHttpSide *side = &state->sides[direction];
    LampSegment nothing = {.direction = direction, .sequence = -1};
    LampHttpStep step = {.state = state, .stream = stream, .side = side, .segment = &nothing};
    if (missing > LAMP_LIMIT_PACKET)
        return FALSE;
    if (side->phase == LAMP_HTTP_HEAD && side->buffer.len > 0) {
        lamp_buffer_open(&side->buffer, &nothing, &step.view);
        if (!(lamp_http_is_response_side(&step) ? take_response
                                                : take_request)(&step, step.view.bytes))
            return FALSE;
    }
    if (!side->is_cut)
        return FALSE;
    if (side->exchange != NULL)
        *(direction == LAMP_TO_CLIENT ? &side->exchange->response_bytes
                                      : &side->exchange->request_bytes) += missing;
    return TRUE;
}
