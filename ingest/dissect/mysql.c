/*
 * @summary MySQL and MariaDB client/server protocol: commands and their answers
 * @spec https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
 *
 * In: both streams of a connection. Out: one call for each command that has an answer; the
 * handshake is none. Packets are length u24, sequence u8, body (little endian). A command has
 * sequence 0, its answer begins with sequence 1 and lasts until the next command: result sets
 * have no end that could be told without following all of their rows, and the protocol is half
 * duplex. Pipelined commands are answered in order; each answer begins with sequence 1 again (a
 * wrap of the 8 bits comes after a 0). Statements are named by shape; prepared ones are
 * remembered by the id that the server gave. Status: `ok` or the error number. Passwords are
 * never looked at. After an SSL request the rest is TLS. Compressed packets are unpacked
 * (mysql-packed.c); sizes are those of what is in them. Limits: the parameters of binary
 * EXECUTE are not values.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/framing.h"
#include "ingest/dissect/mysql-attributes.h"
#include "ingest/dissect/mysql-packed.h"
#include "ingest/dissect/statements.h"
#include "ingest/operation.h"

enum {
    HEADER = 4,
    LOOK = 16384,
    ASKS_FILE = 0xfb, /* first byte of the answer to LOAD DATA LOCAL */
    CAN_COMPRESS = 0x20,
    CAN_SSL = 0x800,
    CAN_ZSTD = 0x4000000,
    CAN_QUERY_ATTRIBUTES = 0x8000000,
};

typedef enum { PHASE_GREETING, PHASE_LOGIN, PHASE_COMMANDS } MysqlPhase;

typedef struct {
    LampFramer framer;
    LampPairing pairing;
    LampStatements *statements;
    guint64 commands;
    guint32 capabilities;
    LampPacked packed;
    guint8 packing; /* LampMysqlPacking */
    guint8 phase;
    guint8 last_sequence; /* of the server */
    gboolean takes_file;  /* what the client sends is the file that the server asked for */
} MysqlState;

enum {
    COM_QUIT = 0x01,
    COM_INIT_DB = 0x02,
    COM_QUERY = 0x03,
    COM_CHANGE_USER = 0x11,
    COM_PREPARE = 0x16,
    COM_EXECUTE = 0x17,
    COM_LONG_DATA = 0x18,
    COM_CLOSE = 0x19,
    COM_LAST = 0x1f,
    COM_BULK_EXECUTE = 0xfa, /* of MariaDB */
};

static const char *const command_names[COM_LAST + 1] = {"SLEEP",
                                                        "QUIT",
                                                        "INIT DB",
                                                        "QUERY",
                                                        "FIELD LIST",
                                                        "CREATE DB",
                                                        "DROP DB",
                                                        "REFRESH",
                                                        "SHUTDOWN",
                                                        "STATISTICS",
                                                        "PROCESS INFO",
                                                        "CONNECT",
                                                        "KILL",
                                                        "DEBUG",
                                                        "PING",
                                                        "TIME",
                                                        "DELAYED INSERT",
                                                        "CHANGE USER",
                                                        "BINLOG DUMP",
                                                        "TABLE DUMP",
                                                        "CONNECT OUT",
                                                        "REGISTER REPLICA",
                                                        "PREPARE",
                                                        "EXECUTE",
                                                        "LONG DATA",
                                                        "CLOSE",
                                                        "RESET STATEMENT",
                                                        "SET OPTION",
                                                        "FETCH",
                                                        "DAEMON",
                                                        "BINLOG DUMP GTID",
                                                        "RESET CONNECTION"};

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state, (void) direction;
    gsize length = (gsize) lamp_le16(bytes.at) | (gsize) bytes.at[2] << 16;
    return length + HEADER;
}

static LampBytes
body_of(const LampFrame *frame)
{
    return lamp_bytes(frame->bytes.at + HEADER, frame->bytes.len - HEADER);
}

static LampBytes
query_text(const MysqlState *state, LampBytes body)
{
    LampCursor c = lamp_cursor(lamp_bytes(body.at + 1, body.len - 1));
    gboolean is_guess =
        state->capabilities == 0 && body.len > 2 && body.at[1] == 0 && body.at[2] == 1;
    if (((state->capabilities & CAN_QUERY_ATTRIBUTES) != 0 || is_guess) &&
        !lamp_mysql_skip_attributes(&c))
        return lamp_bytes(NULL, 0);
    return lamp_cursor_rest(&c);
}

static void
name_by_sql(LampExchange *exchange, LampBytes sql)
{
    char shape[LAMP_EXCHANGE_OPERATION];
    gsize n =
        lamp_operation_fold_sql(sql, shape, sizeof shape, lamp_exchange_add_literal, exchange);
    lamp_exchange_set_operation(exchange, lamp_bytes(shape, n));
}

static void
name_command(MysqlState *state, LampExchange *exchange, LampBytes body)
{
    LampBytes shape;
    guint8 command = body.at[0];
    exchange->kind = command;
    if (command == COM_QUERY)
        name_by_sql(exchange, query_text(state, body));
    else if (command == COM_PREPARE)
        name_by_sql(exchange, lamp_bytes(body.at + 1, body.len - 1));
    else if ((command == COM_EXECUTE || command == COM_BULK_EXECUTE) && body.len >= 5 &&
             lamp_statements_find(state->statements, lamp_bytes(body.at + 1, 4), &shape))
        lamp_exchange_set_operation(exchange, shape);
    else
        lamp_exchange_set_operation(
            exchange, lamp_bytes_text(command == COM_BULK_EXECUTE ? "BULK EXECUTE"
                                      : command > COM_LAST        ? "unknown"
                                                                  : command_names[command]));
}

/* Calls whose answer was seen are over when the next command comes. */
static void
emit_answered(MysqlState *state, LampStream *stream)
{
    LampExchange *first;
    while ((first = state->pairing.first) != NULL && first->response_first != LAMP_TIME_NONE)
        lamp_framer_emit(&state->framer, &state->pairing, stream, first);
}

static void
read_command(MysqlState *state, LampStream *stream, LampFrame *frame)
{
    LampBytes body = body_of(frame);
    gboolean is_in_step = !state->framer.has_lost && !lamp_stream_is_midstream(stream);
    guint8 command = body.len > 0 ? body.at[0] : 0;
    if (body.len == 0 || (command > COM_LAST && command != COM_BULK_EXECUTE && !is_in_step))
        return;
    emit_answered(state, stream);
    if (command == COM_QUIT || command == COM_CLOSE || command == COM_LONG_DATA)
        return;
    LampExchange *exchange = lamp_exchange_new();
    state->commands++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->commands;
        name_command(state, exchange, body);
        frame->exchange = exchange;
        return;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many commands wait for answers; pairing starts anew");
    lamp_framer_lose(&state->framer, &state->pairing, stream, 0);
}

static void
leave(MysqlState *state, LampStream *stream, const LampFrame *frame, const char *protocol)
{
    lamp_framer_stop(&state->framer);
    lamp_stream_become(stream, protocol, frame->direction, lamp_bytes(NULL, 0));
}

/* Handshake response: capabilities first. An SSL request is one that ends before the user name.
 */
static void
read_login(MysqlState *state, LampStream *stream, const LampFrame *frame)
{
    LampBytes body = body_of(frame);
    if (frame->bytes.at[3] != 1 || body.len < 4)
        return;
    state->capabilities = lamp_le32(body.at);
    if ((state->capabilities & CAN_SSL) != 0 && frame->length == HEADER + 32)
        leave(state, stream, frame, "tls");
}

static void
read_login_answer(MysqlState *state, const LampFrame *frame)
{
    LampBytes body = body_of(frame);
    if (state->phase == PHASE_GREETING) {
        state->phase = PHASE_LOGIN;
        return;
    }
    if (body.len == 0 || body.at[0] != 0)
        return;
    state->phase = PHASE_COMMANDS;
    if ((state->capabilities & (CAN_COMPRESS | CAN_ZSTD)) != 0)
        state->packing =
            (state->capabilities & CAN_COMPRESS) != 0 ? LAMP_MYSQL_ZLIB : LAMP_MYSQL_ZSTD;
}

static void
read_first_answer(MysqlState *state, LampExchange *exchange, LampBytes body)
{
    state->takes_file = exchange->kind == COM_QUERY && body.len > 0 && body.at[0] == ASKS_FILE;
    if (exchange->kind != COM_PREPARE)
        return;
    if (body.len >= 9 && body.at[0] == 0) {
        if (state->statements == NULL)
            state->statements = lamp_statements_new();
        lamp_statements_add(state->statements, lamp_bytes(body.at + 1, 4),
                            lamp_bytes(exchange->operation, exchange->operation_len));
    }
    lamp_statements_mark_prepare(exchange);
}

static void
set_status(LampExchange *exchange, LampBytes body)
{
    if (body.len >= 3 && body.at[0] == 0xff) {
        char digits[12];
        gint n = g_snprintf(digits, sizeof digits, "%u", lamp_le16(body.at + 1));
        lamp_exchange_set_status(exchange, lamp_bytes(digits, (gsize) MAX(n, 0)));
        exchange->is_error = TRUE;
    } else if (exchange->status_len == 0) {
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    }
}

static LampExchange *
begin_orphan(MysqlState *state, LampStream *stream)
{
    LampExchange *exchange = NULL;
    gboolean is_midstream = lamp_stream_is_midstream(stream);
    if ((is_midstream || state->framer.has_lost) && (exchange = lamp_exchange_new()) != NULL) {
        exchange->position = ++state->commands;
        exchange->flags = is_midstream ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
        if (!lamp_pairing_push(&state->pairing, exchange))
            g_clear_pointer(&exchange, lamp_exchange_free);
    }
    return exchange;
}

static void
read_answer(MysqlState *state, LampStream *stream, LampFrame *frame)
{
    guint8 sequence = frame->bytes.at[3];
    gboolean begins = sequence == 1 && state->last_sequence != 0;
    LampExchange *exchange = state->pairing.first;
    state->last_sequence = sequence;
    if (state->pairing.is_unsure)
        return;
    if (begins && exchange != NULL && exchange->response_first != LAMP_TIME_NONE &&
        exchange->next != NULL)
        lamp_framer_emit(&state->framer, &state->pairing, stream, exchange);
    exchange = state->pairing.first;
    if (exchange == NULL && begins)
        exchange = begin_orphan(state, stream);
    if (exchange == NULL)
        return;
    if (exchange->response_first == LAMP_TIME_NONE)
        read_first_answer(state, exchange, body_of(frame));
    set_status(exchange, body_of(frame));
    frame->exchange = exchange;
}

/* Greeting: protocol 10 and a version text such as "8.0.32". */
static gboolean
is_greeting(LampBytes text)
{
    if (text.len < 12 || text.at[3] != 0 || text.at[4] != 10 || text.at[2] != 0 ||
        !g_ascii_isdigit((char) text.at[5]))
        return FALSE;
    gsize most = MIN(text.len - 5, 64);
    const guint8 *nul = memchr(text.at + 5, 0, most);
    gsize len = nul != NULL ? (gsize) (nul - text.at) - 5 : most;
    for (gsize i = 0; i < len; i++)
        if (!g_ascii_isprint((char) text.at[5 + i]))
            return FALSE;
    return (nul != NULL || most < 64) && memchr(text.at + 5, '.', len) != NULL;
}

/* A file, which an empty packet ends, or another way to log in. */
static void
take_asked(MysqlState *state, LampExchange *exchange, const LampFrame *frame)
{
    exchange->request_bytes += frame->length;
    if (frame->length == HEADER)
        state->takes_file = FALSE;
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    MysqlState *state = opaque;
    /* Without the handshake of TCP the connection may still be there from its beginning. */
    if (state->commands == 0 && frame->direction == LAMP_TO_CLIENT &&
        state->phase == PHASE_COMMANDS && is_greeting(frame->bytes)) {
        state->phase = PHASE_LOGIN;
        return;
    }
    if (state->phase != PHASE_COMMANDS) {
        if (frame->direction == LAMP_TO_SERVER)
            read_login(state, stream, frame);
        else
            read_login_answer(state, frame);
        return;
    }
    LampExchange *last = state->pairing.last;
    gboolean is_asked_for = last != NULL && last->response_first != LAMP_TIME_NONE;
    if (frame->direction == LAMP_TO_CLIENT)
        read_answer(state, stream, frame);
    else if (frame->bytes.at[3] == 0 && !state->takes_file)
        read_command(state, stream, frame);
    else if (is_asked_for)
        take_asked(state, last, frame);
    else
        frame->exchange = last; /* the rest of a long command */
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    (void) opaque, (void) stream, (void) frame;
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    MysqlState *state = opaque;
    (void) direction;
    state->phase = PHASE_COMMANDS;
    state->takes_file = FALSE;
    lamp_framer_lose(&state->framer, &state->pairing, stream, flags);
}

static const LampFraming framing = {
    .header_size = HEADER,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "mysql.packet",
};

static void
begin(gpointer opaque, LampStream *stream)
{
    MysqlState *state = opaque;
    lamp_framer_begin(&state->framer, stream);
    state->last_sequence = 1;
    if (lamp_stream_is_midstream(stream))
        state->phase = PHASE_COMMANDS;
}

typedef struct {
    MysqlState *state;
    LampStream *stream;
} Inside;

static void
take_inside(gpointer owner, const LampSegment *seg)
{
    Inside *inside = owner;
    lamp_framer_segment(&inside->state->framer, &framing, inside->state, inside->stream, seg);
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    MysqlState *state = opaque;
    Inside inside = {state, stream};
    lamp_framer_tick(&state->framer, &state->pairing, stream, seg);
    if (state->packing == LAMP_MYSQL_PLAIN) {
        lamp_framer_segment(&state->framer, &framing, state, stream, seg);
    } else if (!lamp_mysql_unpack(&state->packed, (LampMysqlPacking) state->packing, seg,
                                  take_inside, &inside)) {
        lamp_stream_finding(stream, LAMP_FINDING_INVALID, "mysql.packed",
                            "a compressed packet is damaged; looking for the next one");
        lamp_framer_gap(&state->framer, &framing, state, stream, seg->direction, G_MAXUINT64);
    }
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    MysqlState *state = opaque;
    if (state->packing != LAMP_MYSQL_PLAIN) {
        lamp_packed_gap(&state->packed, direction);
        missing = G_MAXUINT64; /* how much of what is inside is not known */
    }
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    MysqlState *state = opaque;
    lamp_framer_drop(&state->framer, &state->pairing, stream, 0);
    lamp_statements_free(state->statements);
    lamp_framer_clear(&state->framer);
    lamp_packed_clear(&state->packed);
}

/* A command whose length is that of the bytes at hand, with a statement that begins as one. */
static guint
score_command(LampBytes text)
{
    if (text.len < HEADER + 1 || text.at[3] != 0 || text.at[4] == 0 || text.at[4] > COM_LAST ||
        frame_length(NULL, LAMP_TO_SERVER, text) != text.len)
        return 0;
    if (text.at[4] != COM_QUERY && text.at[4] != COM_PREPARE)
        return 30;
    gsize skip = text.len > 7 && text.at[5] == 0 && text.at[6] == 1 ? 7 : 5;
    for (gsize i = skip; i < MIN(text.len, skip + 4); i++)
        if (!g_ascii_isalpha((char) text.at[i]) && memchr("/*-(# @", text.at[i], 7) == NULL)
            return 0;
    return 75;
}

static gboolean
is_answer(LampBytes text)
{
    return text.len >= HEADER + 1 && text.at[3] == 1 &&
           lamp_framing_count(&framing, NULL, LAMP_TO_CLIENT, text) > 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    if (is_greeting(to_client))
        return 95;
    if (is_greeting(to_server)) {
        *out_swapped = TRUE;
        return 95;
    }
    guint score = score_command(to_server);
    if (score > 0 && (to_client.len == 0 || is_answer(to_client)))
        return to_client.len > 0 && score >= 75 ? 85 : server_port == 3306 ? 60 : score / 2;
    score = score_command(to_client);
    if (score >= 75 && is_answer(to_server)) {
        *out_swapped = TRUE;
        return 80;
    }
    return 0;
}

const LampDissector lamp_dissector_mysql = {
    .name = "mysql",
    .summary = "MySQL and MariaDB client/server protocol: commands and their answers",
    .spec = "https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html",
    .ports = {3306, 33060, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(MysqlState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
