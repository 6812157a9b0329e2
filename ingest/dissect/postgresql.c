/*
 * @summary PostgreSQL frontend/backend protocol 3: statements up to each ReadyForQuery
 * @spec https://www.postgresql.org/docs/current/protocol.html
 *
 * In: both streams of a connection. Out: one call for each Query, FunctionCall or Sync that
 * follows the start-up; a call of the extended protocol is all from its first message (Parse,
 * Bind, …) to its Sync. ReadyForQuery answers them in order. Start-up and authentication are no
 * calls; what the server sends unasked (notices, notifications, parameters) answers nothing.
 *
 *     message: type u8, length u32 (with itself, without the type), body
 *     start-up: length u32, code u32: 196608 protocol 3.0, 80877103 SSL, 80877104 GSS, 80877102
 * cancel
 *
 * Statements are named by their SQL folded to its shape; prepared names are remembered in a
 * small bounded table, so that a later Bind is named too. Bound text parameters and literals
 * are values. Rows are counted, not kept. Passwords are never looked at. Limits: base/limits.h
 * (PIPELINE); 64 prepared names for a connection, the oldest is forgotten; 64 KiB of one
 * message looked at.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/pairing.h"
#include "ingest/dissect/statements.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

enum {
    HEADER = 5,
    MAX_LOOK = 65536,
    MAX_MESSAGE = 1073741824,
    CODE_V3 = 196608,
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
    CODE_LEAST = 65536 * 3,
};

typedef struct {
    LampBuffer buffer;
    guint64 skip; /* rest of a message that is not looked at */
    guint8 is_lost : 1;
} PgSide;

typedef struct {
    PgSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *building; /* extended protocol: before its Sync */
    LampStatements *statements;
    guint64 calls;
    guint8 is_started : 1; /* the client's start-up is over */
    guint8 is_ready : 1;   /* the server's first ReadyForQuery was seen */
    guint8 awaits_tls : 1; /* the next byte of the server answers an SSL or GSS request */
    guint8 has_lost : 1;
} PgState;

typedef struct {
    PgState *state;
    LampStream *stream;
    PgSide *side;
    const LampSegment *segment;
    LampView view;
} PgStep;

typedef struct {
    LampExchange *exchange;
    const char *prefix;
} ValueTarget;

static gboolean
is_server_side(const PgStep *step)
{
    return step->segment->direction == LAMP_TO_CLIENT;
}

/* A text up to its NUL, which is taken too; FALSE where there is none. */
static gboolean
take_text(LampCursor *c, LampBytes *out_text)
{
    const guint8 *nul = memchr(c->at, 0, lamp_cursor_left(c));
    if (nul == NULL)
        return FALSE;
    *out_text = lamp_bytes(c->at, (gsize) (nul - c->at));
    c->at = nul + 1;
    return TRUE;
}

static void
add_literal(gpointer owner, guint number, LampBytes value)
{
    ValueTarget *target = owner;
    if (value.len >= 2 && value.len <= 128)
        lamp_exchange_add_numbered(target->exchange, LAMP_SIDE_REQUEST, target->prefix, number,
                                   value);
}

static void
name_by_sql(LampExchange *exchange, LampBytes sql)
{
    ValueTarget target = {exchange, "literal."};
    char shape[LAMP_EXCHANGE_OPERATION];
    gsize n = lamp_operation_fold_sql(sql, shape, sizeof shape, add_literal, &target);
    /* A pipeline up to one Sync is named by its first statement. */
    if (exchange->operation_len == 0)
        lamp_exchange_set_operation(exchange, lamp_bytes(shape, n));
}

static void
lose_pairing(PgState *state, LampStream *stream, guint32 flags)
{
    if (state->building != NULL) {
        state->building->flags |= flags | LAMP_CALL_ABORTED | LAMP_CALL_NO_RESPONSE;
        state->building->position = ++state->calls;
        lamp_exchange_emit(state->building, stream);
        state->building = NULL;
    }
    lamp_pairing_lose(&state->pairing, stream, flags);
}

static void
lose(PgStep *step)
{
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, "postgresql.message",
                            "not a message of the protocol; looking for the next one");
    step->state->has_lost = 1;
    step->side->is_lost = 1;
    step->side->skip = 0;
    lose_pairing(step->state, step->stream, 0);
}

/* The call that messages before a Sync belong to. */
static LampExchange *
building(PgState *state)
{
    if (state->building == NULL)
        state->building = lamp_exchange_new();
    return state->building;
}

/* Queues a call whose request is complete. */
static void
push_call(PgStep *step, LampExchange *exchange)
{
    PgState *state = step->state;
    state->calls++;
    state->building = NULL;
    if (exchange != NULL) {
        exchange->position = state->calls;
        exchange->request_done = TRUE;
        if (lamp_pairing_push(&state->pairing, exchange))
            return;
        lamp_exchange_free(exchange);
    }
    lamp_stream_finding(step->stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many statements wait for answers; pairing starts anew");
    lose_pairing(state, step->stream, 0);
}

static void
read_parse(PgState *state, LampExchange *exchange, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    LampBytes name, sql;
    if (!take_text(&c, &name))
        return;
    if (!take_text(&c, &sql))
        sql = lamp_cursor_rest(&c);
    name_by_sql(exchange, sql);
    char shape[LAMP_EXCHANGE_OPERATION];
    gsize n = lamp_operation_fold_sql(sql, shape, sizeof shape, NULL, NULL);
    if (state->statements == NULL)
        state->statements = lamp_statements_new();
    lamp_statements_add(state->statements, name, lamp_bytes(shape, n));
}

/* Is parameter @number (from 0) in text format? Formats: none given, one for all, or one each.
 */
static gboolean
is_text_parameter(LampBytes formats, guint number)
{
    gsize count = formats.len / 2;
    if (count == 0)
        return TRUE;
    gsize at = count == 1 ? 0 : number;
    return at < count && lamp_be16(formats.at + 2 * at) == 0;
}

static void
read_bind(PgState *state, LampExchange *exchange, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    LampBytes portal, name, formats, shape;
    guint16 count;
    if (!take_text(&c, &portal) || !take_text(&c, &name))
        return;
    if (exchange->operation_len == 0 && lamp_statements_find(state->statements, name, &shape))
        lamp_exchange_set_operation(exchange, shape);
    if (!lamp_cursor_be16(&c, &count) || !lamp_cursor_take(&c, (gsize) count * 2, &formats) ||
        !lamp_cursor_be16(&c, &count))
        return;
    ValueTarget target = {exchange, "sql."};
    for (guint i = 0; i < count && i < LAMP_EXCHANGE_VALUES; i++) {
        guint32 length;
        LampBytes value;
        if (!lamp_cursor_be32(&c, &length))
            return;
        if (length == G_MAXUINT32)
            continue; /* NULL */
        if (!lamp_cursor_take(&c, length, &value))
            return;
        if (is_text_parameter(formats, i))
            add_literal(&target, i + 1, value);
    }
}

static void
forget_statement(PgState *state, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    guint8 kind;
    LampBytes name;
    if (lamp_cursor_u8(&c, &kind) && kind == 'S' && take_text(&c, &name))
        lamp_statements_remove(state->statements, name);
}

static void
read_frontend(PgStep *step, guint8 type, LampBytes body, gsize at, gsize end)
{
    PgState *state = step->state;
    if (type == 'p' || type == 'X' || type == 'H')
        return; /* password, terminate, flush */
    gboolean is_copy = type == 'd' || type == 'c' || type == 'f';
    LampExchange *exchange = is_copy ? state->pairing.first : building(state);
    if (exchange != NULL)
        lamp_exchange_request_bytes(exchange, &step->view, at, end);
    if (exchange == NULL && !is_copy && (type == 'Q' || type == 'S' || type == 'F'))
        push_call(step, NULL);
    if (exchange == NULL || is_copy)
        return;
    if (type == 'P')
        read_parse(state, exchange, body);
    else if (type == 'B')
        read_bind(state, exchange, body);
    else if (type == 'C')
        forget_statement(state, body);
    else if (type == 'Q')
        name_by_sql(exchange, body.len > 0 ? lamp_bytes(body.at, strnlen((const char *) body.at,
                                                                         body.len))
                                           : body);
    else if (type == 'F')
        lamp_exchange_set_operation(exchange, lamp_bytes_text("function call"));
    if (type == 'Q' || type == 'S' || type == 'F')
        push_call(step, exchange);
}

/* SQLSTATE, field C of an error; a FATAL one ends the connection. */
static void
read_error(LampExchange *exchange, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    guint8 field;
    LampBytes text;
    exchange->is_error = TRUE;
    while (lamp_cursor_u8(&c, &field) && field != 0 && take_text(&c, &text))
        if (field == 'C')
            lamp_exchange_set_status(exchange, text);
}

static void
add_row_value(gpointer owner, LampBytes name, LampBytes value)
{
    lamp_exchange_add_value(owner, LAMP_SIDE_RESPONSE, "row", name, value);
}

/* Text columns of a row that look like ids. */
static void
read_row(LampExchange *exchange, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    guint16 count;
    if (exchange->value_counts[1] >= LAMP_EXCHANGE_VALUES || !lamp_cursor_be16(&c, &count))
        return;
    for (guint i = 0; i < count && i < LAMP_EXCHANGE_VALUES; i++) {
        guint32 length;
        LampBytes value;
        if (!lamp_cursor_be32(&c, &length))
            return;
        if (length == G_MAXUINT32)
            continue;
        if (!lamp_cursor_take(&c, length, &value))
            return;
        if (value.len >= 5 && !g_ascii_isdigit(value.at[0]) && value.at[0] != '{')
            lamp_identifiers_in_text(lamp_bytes(NULL, 0), value, add_row_value, exchange);
    }
}

/* A call whose statement was not seen. */
static LampExchange *
begin_orphan(PgStep *step)
{
    PgState *state = step->state;
    LampExchange *exchange = lamp_exchange_new();
    if (exchange == NULL)
        return NULL;
    exchange->position = ++state->calls;
    exchange->flags =
        lamp_stream_is_midstream(step->stream) ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
    if (lamp_pairing_push(&state->pairing, exchange))
        return exchange;
    lamp_exchange_free(exchange);
    return NULL;
}

static void
read_ready(PgStep *step)
{
    PgState *state = step->state;
    if (!state->is_ready) {
        state->is_ready = 1;
        return;
    }
    if (state->pairing.is_unsure)
        return;
    LampExchange *exchange = lamp_pairing_pop(&state->pairing);
    if (exchange == NULL)
        return;
    if (exchange->status_len == 0)
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    lamp_exchange_emit(exchange, step->stream);
}

static void
read_backend(PgStep *step, guint8 type, LampBytes body, gsize at, gsize end)
{
    PgState *state = step->state;
    if (type == 'N' || type == 'A' || type == 'S' || type == 'K' || type == 'R' || type == 'v')
        return; /* notice, notification, parameter, key, authentication, version */
    LampExchange *exchange = state->pairing.first;
    if (exchange == NULL && state->building != NULL)
        exchange = state->building; /* answers to a Flush come before the Sync */
    gboolean may_be_orphan = state->has_lost || lamp_stream_is_midstream(step->stream);
    if (exchange == NULL && may_be_orphan && !state->pairing.is_unsure)
        exchange = begin_orphan(step);
    if (exchange != NULL && !state->pairing.is_unsure && state->is_ready) {
        lamp_exchange_response_bytes(exchange, &step->view, at, end);
        if (type == 'E')
            read_error(exchange, body);
        else if (type == 'D')
            read_row(exchange, body);
    }
    if (type == 'Z')
        read_ready(step);
}

static gboolean
is_frontend_type(guint8 type)
{
    return type != 0 && strchr("BCDEFHPQSXcdfp", type) != NULL;
}

static gboolean
is_backend_type(guint8 type)
{
    return type != 0 && strchr("RKSZTDCENAInst123GHWVdcv", type) != NULL;
}

/* Length of the message that @bytes begin with, 0 if it cannot be one; needs HEADER bytes. */
static gsize
message_length(LampBytes bytes, gboolean is_backend)
{
    gsize length = (gsize) lamp_be32(bytes.at + 1) + 1;
    gboolean is_known =
        is_backend ? is_backend_type(bytes.at[0]) : is_frontend_type(bytes.at[0]);
    if (!is_known || length < HEADER || length > MAX_MESSAGE)
        return 0;
    if (bytes.at[0] == 'Z' && is_backend)
        return length == 6 ? length : 0;
    gboolean is_empty = is_backend ? strchr("123nsIc", bytes.at[0]) != NULL
                                   : strchr("SHXc", bytes.at[0]) != NULL;
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
step_message(PgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.len < HEADER)
        return 0;
    gsize length = message_length(rest, is_server_side(step));
    if (length == 0) {
        lose(step);
        return 0;
    }
    gsize need = needed_length(rest.at[0], length);
    if (rest.len < need)
        return 0;
    gsize n = MIN(rest.len, length);
    LampBytes body = lamp_bytes(rest.at + HEADER, n - HEADER);
    step->side->skip = length - n;
    if (is_server_side(step))
        read_backend(step, rest.at[0], body, at, at + n);
    else
        read_frontend(step, rest.at[0], body, at, at + n);
    return n;
}

static gsize
step_skip(PgStep *step, gsize at)
{
    gsize n = (gsize) MIN((guint64) (step->view.bytes.len - at), step->side->skip);
    LampExchange *exchange = step->state->pairing.first;
    step->side->skip -= n;
    if (exchange != NULL && is_server_side(step))
        lamp_exchange_response_bytes(exchange, &step->view, at, at + n);
    else if (!is_server_side(step) && (exchange = step->state->pairing.last) != NULL)
        lamp_exchange_request_bytes(exchange, &step->view, at, at + n);
    return n;
}

static void
become(PgStep *step, const char *protocol, gsize at)
{
    lamp_stream_become(step->stream, protocol, step->segment->direction,
                       lamp_view_from(&step->view, at));
}

/* The one byte that answers an SSL or GSS request. */
static gsize
step_tls_answer(PgStep *step, gsize at)
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
step_startup(PgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.len < 8)
        return 0;
    gsize length = lamp_be32(rest.at);
    guint32 code = lamp_be32(rest.at + 4);
    gboolean is_tls = code == CODE_SSL || code == CODE_GSS;
    if (length < 8 || length > 10000 || code < CODE_LEAST) {
        step->state->is_started = step->state->is_ready = 1;
        lose(step);
        return 0;
    }
    if (rest.len < length)
        return 0;
    if (is_tls)
        step->state->awaits_tls = 1;
    else
        step->state->is_started = 1;
    return length;
}

/* Are there two messages in a row, or one that fills the rest, or too few bytes to tell? */
static gboolean
may_begin_messages(LampBytes bytes, gboolean is_backend)
{
    if (bytes.len < HEADER)
        return is_backend ? is_backend_type(bytes.at[0]) : is_frontend_type(bytes.at[0]);
    gsize length = message_length(bytes, is_backend);
    if (length == 0 || length > MAX_LOOK)
        return FALSE;
    if (bytes.len <= length)
        return TRUE;
    LampBytes next = lamp_bytes(bytes.at + length, bytes.len - length);
    return next.len < HEADER ? TRUE : message_length(next, is_backend) > 0;
}

/* Messages carry no magic: a resync is taken at a segment's begin only. */
static gsize
step_lost(PgStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    if (at > 0 || !may_begin_messages(rest, is_server_side(step)))
        return rest.len;
    step->side->is_lost = 0;
    return 0;
}

static gsize
step_any(PgStep *step, gsize at)
{
    PgState *state = step->state;
    if (step->side->is_lost)
        return step_lost(step, at);
    if (step->side->skip > 0)
        return step_skip(step, at);
    if (is_server_side(step) && state->awaits_tls)
        return step_tls_answer(step, at);
    if (!is_server_side(step) && !state->is_started)
        return step_startup(step, at);
    return step_message(step, at);
}

static void
begin(gpointer opaque, LampStream *stream)
{
    PgState *state = opaque;
    if (!lamp_stream_is_midstream(stream))
        return;
    state->is_started = state->is_ready = 1;
    state->sides[0].is_lost = state->sides[1].is_lost = 1;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    PgState *state = opaque;
    PgStep step = {.state = state,
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
        if (n == 0 && is_lost && !was_lost)
            n = step.view.bytes.len - at; /* the next segment may begin with a message */
        if (n == 0 && is_lost == was_lost && was_started == (gboolean) state->is_started &&
            awaited_tls == (gboolean) state->awaits_tls)
            break;
        at += n;
    }
    if (!lamp_buffer_close(&step.side->buffer, &step.view, MIN(at, step.view.bytes.len),
                           MAX_LOOK + LAMP_LIMIT_PACKET))
        lose(&step);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    PgState *state = opaque;
    PgSide *side = &state->sides[direction];
    lamp_buffer_clear(&side->buffer);
    if (missing < side->skip) {
        side->skip -= missing;
        if (state->pairing.first != NULL)
            state->pairing.first->flags |= LAMP_CALL_GAP;
        return;
    }
    side->is_lost = state->has_lost = 1;
    state->is_started = state->is_ready = 1;
    side->skip = 0;
    lose_pairing(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    PgState *state = opaque;
    lose_pairing(state, stream, 0);
    lamp_statements_free(state->statements);
    lamp_buffer_clear(&state->sides[0].buffer);
    lamp_buffer_clear(&state->sides[1].buffer);
}

static guint
score_startup(LampBytes text)
{
    if (text.len < 8)
        return 0;
    guint32 length = lamp_be32(text.at), code = lamp_be32(text.at + 4);
    if (length == 8 && (code == CODE_SSL || code == CODE_GSS))
        return 100;
    if (length == 16 && code == CODE_CANCEL)
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
        gsize length = message_length(text, is_backend);
        if (length == 0)
            return 0;
        if (length > text.len)
            return count + 1;
        text = lamp_bytes(text.at + length, text.len - length);
        count++;
    }
    return count + 1;
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
    .state_size = sizeof(PgState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
