/*
 * From messages of PostgreSQL's protocol to calls.
 *
 * In: messages of either side, in order, as postgresql.c finds them. Out: one call for each
 * Query, FunctionCall or Sync; a call of the extended protocol is all from its first message
 * (Parse, Bind, …) to its Sync. ReadyForQuery answers them in order; what the server sends
 * unasked (notices, notifications, parameters) answers nothing.
 *
 * Statements are named by their SQL folded to its shape; prepared names are remembered in a
 * small bounded table, so that a later Bind is named too. Bound parameters and literals are
 * values. Rows are counted, not kept. Passwords are never looked at. Limits: base/limits.h
 * (PIPELINE); 64 prepared names for a connection, the oldest is forgotten.
 */
#include "ingest/dissect/postgresql-calls.h"

#include "ingest/dissect/postgresql-binary.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

/* What a call of several messages did, in its kind: rows that are copied in after its Sync are
 * followed by a second one. */
enum { PG_PARSED = 1, PG_BOUND = 2, PG_SYNCED = 4, PG_COPIES = 8, PG_COMPLETED = 16 };

typedef struct {
    LampExchange *exchange;
    const char *prefix;
} ValueTarget;

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
emit_building(LampPgState *state, LampStream *stream, guint32 flags)
{
    LampExchange *building = g_steal_pointer(&state->building);
    building->flags |= flags;
    building->position = ++state->calls;
    lamp_exchange_emit(building, stream);
}

void
lamp_pg_lose_pairing(LampPgState *state, LampStream *stream, guint32 flags)
{
    const LampExchange *building = state->building;
    if (building != NULL) {
        if (!building->request_done && !building->response_done)
            flags |= LAMP_CALL_ABORTED;
        if (building->response_first == LAMP_TIME_NONE)
            flags |= LAMP_CALL_NO_RESPONSE;
        emit_building(state, stream, flags);
    }
    lamp_pairing_lose(&state->pairing, stream, flags);
}

/* The call whose answer was cut, and is over when the client goes on. */
static LampExchange *
cut_answer(const LampPgState *state)
{
    LampExchange *exchange = lamp_pg_sending(state, TRUE);
    return exchange != NULL && exchange->response_done ? exchange : NULL;
}

static void
end_cut_answer(LampPgState *state, LampStream *stream)
{
    LampExchange *exchange = cut_answer(state);
    if (exchange == NULL)
        return;
    if (exchange->status_len == 0 && (exchange->kind & PG_COMPLETED) != 0)
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    if (exchange == state->building)
        emit_building(state, stream, 0);
    else
        lamp_exchange_emit(lamp_pairing_pop(&state->pairing), stream);
}

void
lamp_pg_lose(LampPgStep *step)
{
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, "postgresql.message",
                            "not a message of the protocol; looking for the next one");
    step->state->has_lost = 1;
    step->side->is_lost = 1;
    step->side->skip = 0;
    if (!lamp_pg_is_server_side(step) || cut_answer(step->state) == NULL)
        lamp_pg_lose_pairing(step->state, step->stream, 0);
}

/* The call that messages before a Sync belong to. */
static LampExchange *
building(LampPgState *state)
{
    if (state->building == NULL)
        state->building = lamp_exchange_new();
    return state->building;
}

/* Queues a call whose request is complete. */
static void
push_call(LampPgStep *step, LampExchange *exchange)
{
    LampPgState *state = step->state;
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
    lamp_pg_lose_pairing(state, step->stream, 0);
}

/* Asks for the end of another connection's statement, and gets no answer. Its key is a secret.
 */
void
lamp_pg_cancel(LampPgStep *step, gsize at, gsize end)
{
    LampExchange *exchange = lamp_exchange_new();
    if (exchange == NULL)
        return;
    exchange->position = ++step->state->calls;
    exchange->flags = LAMP_CALL_ONE_WAY;
    lamp_exchange_set_operation(exchange, lamp_bytes_text("CANCEL"));
    lamp_exchange_request_bytes(exchange, &step->view, at, end);
    lamp_exchange_emit(exchange, step->stream);
}

static void
read_parse(LampPgState *state, LampExchange *exchange, LampBytes body)
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
read_bind(LampPgState *state, LampExchange *exchange, LampBytes body)
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
        char text[LAMP_PG_BINARY_TEXT];
        add_literal(&target, i + 1,
                    is_text_parameter(formats, i) ? value : lamp_pg_binary_text(value, text));
    }
}

static void
forget_statement(LampPgState *state, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    guint8 kind;
    LampBytes name;
    if (lamp_cursor_u8(&c, &kind) && kind == 'S' && take_text(&c, &name))
        lamp_statements_remove(state->statements, name);
}

static LampBytes
query_of(LampBytes body)
{
    return body.len > 0 ? lamp_bytes(body.at, strnlen((const char *) body.at, body.len)) : body;
}

static void
read_message(LampPgState *state, LampExchange *exchange, guint8 type, LampBytes body)
{
    switch (type) {
    case 'P':
        exchange->kind |= PG_PARSED;
        read_parse(state, exchange, body);
        break;
    case 'B':
        exchange->kind |= PG_BOUND;
        read_bind(state, exchange, body);
        break;
    case 'C':
        forget_statement(state, body);
        break;
    case 'Q':
        name_by_sql(exchange, query_of(body));
        break;
    case 'F':
        lamp_exchange_set_operation(exchange, lamp_bytes_text("function call"));
        break;
    case 'S':
        if (exchange->kind == PG_PARSED)
            lamp_statements_mark_prepare(exchange);
        exchange->kind |= PG_SYNCED;
        break;
    default:
        break;
    }
}

/* The server passes over a Sync that it meets where rows to copy should come; the one behind
 * the rows is answered. */
static gboolean
is_second_sync(LampPgState *state, guint8 type)
{
    LampExchange *oldest = state->pairing.first;
    if (type != 'S' || oldest == NULL || state->building != NULL ||
        (~oldest->kind & (PG_SYNCED | PG_COPIES)) != 0)
        return FALSE;
    oldest->kind = PG_SYNCED;
    return TRUE;
}

void
lamp_pg_read_frontend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end)
{
    LampPgState *state = step->state;
    if (type == 'p' || type == 'X' || type == 'H')
        return; /* password, terminate, flush */
    gboolean is_copy = type == 'd' || type == 'c' || type == 'f' || is_second_sync(state, type);
    gboolean is_last = type == 'Q' || type == 'S' || type == 'F';
    if (!is_copy)
        end_cut_answer(state, step->stream);
    LampExchange *exchange = is_copy ? state->pairing.first : building(state);
    if (exchange != NULL)
        lamp_exchange_request_bytes(exchange, &step->view, at, end);
    if (is_copy)
        return;
    if (exchange != NULL)
        read_message(state, exchange, type, body);
    if (is_last)
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
begin_orphan(LampPgStep *step)
{
    LampPgState *state = step->state;
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
read_ready(LampPgStep *step)
{
    LampPgState *state = step->state;
    if (!state->is_ready) {
        state->is_ready = 1;
        return;
    }
    if (state->pairing.is_unsure)
        return;
    LampExchange *exchange = lamp_pairing_pop(&state->pairing);
    if (exchange == NULL && state->building != NULL && state->building->request_done) {
        exchange = g_steal_pointer(&state->building); /* its Sync was cut off */
        exchange->position = ++state->calls;
    }
    if (exchange == NULL)
        return;
    if (exchange->status_len == 0)
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    lamp_exchange_emit(exchange, step->stream);
}

/* May an answer belong to a statement that was not seen? Those to a login do not. */
static gboolean
may_be_orphan(const LampPgStep *step)
{
    const LampPgState *state = step->state;
    return (state->has_lost || lamp_stream_is_midstream(step->stream)) && state->is_ready &&
           !state->pairing.is_unsure;
}

LampExchange *
lamp_pg_sending(const LampPgState *state, gboolean is_server)
{
    LampExchange *building = state->building;
    if (!is_server)
        return building != NULL ? building : state->pairing.last;
    if (state->pairing.is_unsure || !state->is_ready)
        return NULL;
    return state->pairing.first != NULL ? state->pairing.first : building;
}

static void
read_answer(LampExchange *exchange, guint8 type, LampBytes body)
{
    if (type == 'E')
        read_error(exchange, body);
    else if (type == 'D')
        read_row(exchange, body);
    else if (type == 'G' || type == 'W')
        exchange->kind |= PG_COPIES;
    else if (type == 'C')
        exchange->kind |= PG_COMPLETED;
}

gboolean
lamp_pg_is_copied_into(const LampExchange *exchange)
{
    return (exchange->kind & PG_COPIES) != 0;
}

void
lamp_pg_read_backend(LampPgStep *step, guint8 type, LampBytes body, gsize at, gsize end)
{
    LampPgState *state = step->state;
    if (type == 'N' || type == 'A' || type == 'S' || type == 'K' || type == 'R' || type == 'v')
        return; /* notice, notification, parameter, key, authentication, version */
    LampExchange *exchange = lamp_pg_sending(state, TRUE);
    if (exchange == NULL && type != 'Z' && may_be_orphan(step))
        exchange = begin_orphan(step);
    if (exchange != NULL) {
        lamp_exchange_response_bytes(exchange, &step->view, at, end);
        read_answer(exchange, type, body);
    }
    if (type == 'Z')
        read_ready(step);
}
