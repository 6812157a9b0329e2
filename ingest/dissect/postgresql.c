/*
 * @summary PostgreSQL frontend/backend protocol 3: statements up to each ReadyForQuery
 * @spec https://www.postgresql.org/docs/current/protocol.html
 *
 * In: both streams of a connection. Out: messages, from which postgresql-calls.c makes calls.
 * Start-up and authentication are no calls.
 *
 *     message: type u8, length u32 (with itself, without the type), body
 *     start-up: length u32, code u32: 196608 protocol 3.0, 80877103 SSL, 80877104 GSS, 80877102
 * cancel
 *
 * Limits: 64 KiB of one message are looked at; after damage, messages are looked for at the
 * begin of a segment only.
 */
#include "base/limits.h"
#include "ingest/dissect/postgresql-calls.h"

enum {
    HEADER = LAMP_PG_HEADER,
    MAX_LOOK = 65536,
    MAX_MESSAGE = 1073741824,
    CODE_V3 = 196608,
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
    CODE_LEAST = 65536 * 3,
    CANCEL_MOST = 12 + 256, /* the key is of 4 bytes, since protocol 3.2 of up to 256 */
};

/* Types of messages by sender; those that have no body. A table, as every message is looked up.
 */
enum { FRONTEND = 1, BACKEND = 2, FRONTEND_EMPTY = 4, BACKEND_EMPTY = 8 };
#define BOTH (FRONTEND | BACKEND)
static const guint8 message_types[256] = {
    ['1'] = BACKEND | BACKEND_EMPTY,
    ['2'] = BACKEND | BACKEND_EMPTY,
    ['3'] = BACKEND | BACKEND_EMPTY,
    ['A'] = BACKEND,
    ['B'] = FRONTEND,
    ['C'] = BOTH,
    ['D'] = BOTH,
    ['E'] = BOTH,
    ['F'] = FRONTEND,
    ['G'] = BACKEND,
    ['H'] = BOTH | FRONTEND_EMPTY,
    ['I'] = BACKEND | BACKEND_EMPTY,
    ['K'] = BACKEND,
    ['N'] = BACKEND,
    ['P'] = FRONTEND,
    ['Q'] = FRONTEND,
    ['R'] = BACKEND,
    ['S'] = BOTH | FRONTEND_EMPTY,
    ['T'] = BACKEND,
    ['V'] = BACKEND,
    ['W'] = BACKEND,
    ['X'] = FRONTEND | FRONTEND_EMPTY,
    ['Z'] = BACKEND,
    ['c'] = BOTH | FRONTEND_EMPTY | BACKEND_EMPTY,
    ['d'] = BOTH,
    ['f'] = FRONTEND,
    ['n'] = BACKEND | BACKEND_EMPTY,
    ['p'] = FRONTEND,
    ['s'] = BACKEND | BACKEND_EMPTY,
    ['t'] = BACKEND,
    ['v'] = BACKEND,
};

static inline gboolean
is_message_type(guint8 type, gboolean is_backend)
{
    return (message_types[type] & (is_backend ? BACKEND : FRONTEND)) != 0;
}

gsize
lamp_pg_message_length(LampBytes bytes, gboolean is_backend)
{
    gsize length = (gsize) lamp_be32(bytes.at + 1) + 1;
    guint8 type = bytes.at[0];
    if (!is_message_type(type, is_backend) || length < HEADER || length > MAX_MESSAGE)
        return 0;
    if (type == 'Z')
        return length == 6 ? length : 0;
    gboolean is_empty = (message_types[type] & (is_backend ? BACKEND_EMPTY : FRONTEND_EMPTY));
    return is_empty && length != HEADER ? 0 : length;
}

/* How much of a message must be in memory before it is read: rows and COPY need their beginning
 * only. */
static gsize
needed_length(guint8 type, gsize length)
{
    return MIN(length, type == 'd' ? HEADER : type == 'D' ? 4096 : MAX_LOOK);
}

static gsize
step_message(LampPgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.len < HEADER)
        return 0;
    gsize length = lamp_pg_message_length(rest, lamp_pg_is_server_side(step));
    if (length == 0) {
        lamp_pg_lose(step);
        return 0;
    }
    gsize need = needed_length(rest.at[0], length);
    if (rest.len < need)
        return 0;
    gsize n = MIN(rest.len, length);
    LampBytes body = lamp_bytes(rest.at + HEADER, n - HEADER);
    step->side->skip = length - n;
    if (lamp_pg_is_server_side(step))
        lamp_pg_read_backend(step, rest.at[0], body, at, at + n);
    else
        lamp_pg_read_frontend(step, rest.at[0], body, at, at + n);
    return n;
}

static gsize
step_skip(LampPgStep *step, gsize at)
{
    gsize n = (gsize) MIN((guint64) (step->view.bytes.len - at), step->side->skip);
    LampExchange *exchange = lamp_pg_sending(step->state, lamp_pg_is_server_side(step));
    step->side->skip -= n;
    if (exchange != NULL && lamp_pg_is_server_side(step))
        lamp_exchange_response_bytes(exchange, &step->view, at, at + n);
    else if (exchange != NULL)
        lamp_exchange_request_bytes(exchange, &step->view, at, at + n);
    return n;
}

static void
become(LampPgStep *step, const char *protocol, gsize at)
{
    lamp_stream_become(step->stream, protocol, step->segment->direction,
                       lamp_view_from(&step->view, at));
}

/* The one byte that answers an SSL or GSS request. */
static gsize
step_tls_answer(LampPgStep *step, gsize at)
{
    guint8 answer = step->view.bytes.at[at];
    step->state->awaits_tls = 0;
    if (answer == 'S' || answer == 'G') {
        become(step, answer == 'S' ? "tls" : NULL, at + 1);
        return step->view.bytes.len - at;
    }
    return answer == 'N' ? 1 : 0;
}

static gsize
step_startup(LampPgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.len < 8)
        return 0;
    gsize length = lamp_be32(rest.at);
    guint32 code = lamp_be32(rest.at + 4);
    gboolean is_tls = code == CODE_SSL || code == CODE_GSS;
    if (length < 8 || length > 10000 || code < CODE_LEAST) {
        step->state->is_started = step->state->is_ready = 1;
        lamp_pg_lose(step);
        return 0;
    }
    if (rest.len < length)
        return 0;
    if (is_tls)
        step->state->awaits_tls = 1;
    else
        step->state->is_started = 1;
    if (code == CODE_CANCEL)
        lamp_pg_cancel(step, at, at + length);
    return length;
}

/* Are there two messages in a row, or one that fills the rest, or too few bytes to tell? */
static gboolean
may_begin_messages(LampBytes bytes, gboolean is_backend)
{
    if (bytes.len < HEADER)
        return is_message_type(bytes.at[0], is_backend);
    gsize length = lamp_pg_message_length(bytes, is_backend);
    if (length == 0 || length > MAX_LOOK)
        return FALSE;
    if (bytes.len <= length)
        return TRUE;
    LampBytes next = lamp_bytes(bytes.at + length, bytes.len - length);
    return next.len < HEADER ? TRUE : lamp_pg_message_length(next, is_backend) > 0;
}

static guint
score_startup(LampBytes text)
{
    if (text.len < 8)
        return 0;
    guint32 length = lamp_be32(text.at), code = lamp_be32(text.at + 4);
    if (length == 8 && (code == CODE_SSL || code == CODE_GSS))
        return 100;
    if (code == CODE_CANCEL && length >= 16 && length <= CANCEL_MOST)
        return 95;
    gboolean fits = code >= CODE_V3 && code < CODE_V3 + 16 && length >= 9 && length <= 10000;
    return fits && (text.len < length || text.at[length - 1] == 0) ? 95 : 0;
}

/* Messages of one side: 0 not, else how many whole ones (at most 3) plus 1. */
static guint
count_messages(LampBytes text, gboolean is_backend)
{
    guint count = 0;
    while (count < 3 && text.len >= HEADER) {
        gsize length = lamp_pg_message_length(text, is_backend);
        if (length == 0)
            return 0;
        if (length > text.len)
            return count + 1;
        text = lamp_bytes(text.at + length, text.len - length);
        count++;
    }
    return count + 1;
}

/* Messages carry no magic: one that fills the rest of the segment is taken at its begin only,
 * further on two whole ones and the begin of a third are asked for. */
static gsize
find_messages(LampBytes rest, gboolean is_backend)
{
    enum { ENOUGH = 3 };
    for (gsize i = 1; i + HEADER <= rest.len; i++)
        if (count_messages(lamp_bytes(rest.at + i, rest.len - i), is_backend) >= ENOUGH)
            return i;
    return rest.len;
}

static gsize
step_lost(LampPgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    gboolean is_backend = lamp_pg_is_server_side(step);
    if (at == 0 && !is_backend && !step->state->has_lost && score_startup(rest) > 0) {
        /* The connection began unseen, but what it says begins here. */
        step->state->is_started = step->state->is_ready = 0;
        step->state->sides[0].is_lost = step->state->sides[1].is_lost = 0;
        return 0;
    }
    gsize skipped = 0;
    if (at > 0 || !may_begin_messages(rest, is_backend))
        skipped = find_messages(rest, is_backend);
    if (skipped < rest.len)
        step->side->is_lost = 0;
    lamp_pg_note_cut(step, at, at + skipped);
    return skipped;
}

static gsize
step_any(LampPgStep *step, gsize at)
{
    LampPgState *state = step->state;
    if (step->side->is_lost)
        return step_lost(step, at);
    if (step->side->skip > 0)
        return step_skip(step, at);
    if (lamp_pg_is_server_side(step) && state->awaits_tls)
        return step_tls_answer(step, at);
    if (!lamp_pg_is_server_side(step) && !state->is_started)
        return step_startup(step, at);
    return step_message(step, at);
}

static void
begin(gpointer opaque, LampStream *stream)
{
    LampPgState *state = opaque;
    if (!lamp_stream_is_midstream(stream))
        return;
    state->is_started = state->is_ready = 1;
    state->sides[0].is_lost = state->sides[1].is_lost = 1;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    LampPgState *state = opaque;
    LampPgStep step = {.state = state,
                       .stream = stream,
                       .side = &state->sides[seg->direction],
                       .segment = seg};
    lamp_pairing_tick(&state->pairing, stream, seg);
    lamp_buffer_open(&step.side->buffer, seg, &step.view);
    gsize at = 0;
    while (at < step.view.bytes.len) {
        gboolean was_lost = step.side->is_lost, was_started = state->is_started,
                 awaited_tls = state->awaits_tls;
        gsize n = step_any(&step, at);
        gboolean is_lost = step.side->is_lost;
        if (n == 0 && is_lost && !was_lost) {
            n = step.view.bytes.len - at; /* the next segment may begin with a message */
            lamp_pg_note_cut(&step, at, at + n);
        }
        if (n == 0 && is_lost == was_lost && was_started == (gboolean) state->is_started &&
            awaited_tls == (gboolean) state->awaits_tls)
            break;
        at += n;
    }
    if (!lamp_buffer_close(&step.side->buffer, &step.view, MIN(at, step.view.bytes.len),
                           MAX_LOOK + LAMP_LIMIT_PACKET))
        lamp_pg_lose(&step);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    LampPgState *state = opaque;
    LampPgSide *side = &state->sides[direction];
    gboolean is_cut = lamp_pg_take_cut(state, stream, direction, missing);
    lamp_buffer_clear(&side->buffer);
    if (is_cut)
        return;
    side->is_lost = state->has_lost = 1;
    state->is_started = state->is_ready = 1;
    side->skip = 0;
    lamp_pg_lose_pairing(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    LampPgState *state = opaque;
    lamp_pg_lose_pairing(state, stream, 0);
    lamp_statements_free(state->statements);
    lamp_buffer_clear(&state->sides[0].buffer);
    lamp_buffer_clear(&state->sides[1].buffer);
}

static guint
score_sides(LampBytes frontend, LampBytes backend)
{
    guint startup = score_startup(frontend);
    if (startup > 0)
        return startup;
    guint asked = frontend.len > 0 ? count_messages(frontend, FALSE) : 1;
    guint answered = backend.len > 0 ? count_messages(backend, TRUE) : 1;
    if (asked == 0 || answered == 0)
        return 0;
    return asked + answered >= 5 ? 90 : asked + answered >= 4 ? 70 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward = score_sides(to_server, to_client);
    guint backward = score_sides(to_client, to_server);
    if (backward > forward)
        *out_swapped = TRUE;
    guint score = MAX(forward, backward);
    return score == 70 && server_port != 5432 ? 40 : score;
}

const LampDissector lamp_dissector_postgresql = {
    .name = "postgresql",
    .summary = "PostgreSQL frontend/backend protocol 3: statements up to each ReadyForQuery",
    .spec = "https://www.postgresql.org/docs/current/protocol.html",
    .ports = {5432, 6432, 5433, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampPgState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
