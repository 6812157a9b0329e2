/*
 * @summary memcached text, meta and binary protocols: commands paired with responses
 * @spec https://github.com/memcached/memcached/blob/master/doc/protocol.txt
 *
 * In: both streams of a connection. Out: one call for each command, named by command and first
 * key. Text: a command is a line, with a data block for storage commands; responses answer in
 * order, one line each, but for retrievals and statistics, which end with END. `noreply`
 * commands and quiet meta commands without an answer are one-way. Binary
 * (doc/protocol-binary.txt): 24 byte headers, answered by opaque number; quiet operations that
 * a later answer overtakes had nothing to say. A retrieval's status is `hit` or `miss`. Values:
 * keys, and ids in the beginning of data blocks.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/framing.h"
#include "ingest/dissect/store-key.h"
#include "ingest/identifiers.h"

enum { LOOK = 8192, MAX_LINE = 65536, MAX_DATA = 134217728, BINARY_HEADER = 24, MAX_WORDS = 8 };

typedef enum {
    KIND_LINE,     /* one line answers */
    KIND_RETRIEVE, /* VALUE blocks, then END */
    KIND_STATS,    /* lines, then END */
    KIND_STORE,    /* a data block follows the line; its length is the fifth word */
    KIND_META,     /* meta command */
    KIND_META_SET, /* the same with a data block; its length is the third word */
    KIND_QUIT,     /* no answer */
    KIND_QUIET,    /* answered only where there is something to say */
    KIND_BINARY,
    KIND_BINARY_GET,
    KIND_BINARY_QUIET,
} CommandKind;

static const struct {
    const char *name;
    CommandKind kind;
} text_commands[] = {
    {"get", KIND_RETRIEVE},     {"gets", KIND_RETRIEVE},
    {"gat", KIND_RETRIEVE},     {"gats", KIND_RETRIEVE},
    {"set", KIND_STORE},        {"add", KIND_STORE},
    {"replace", KIND_STORE},    {"append", KIND_STORE},
    {"prepend", KIND_STORE},    {"cas", KIND_STORE},
    {"delete", KIND_LINE},      {"incr", KIND_LINE},
    {"decr", KIND_LINE},        {"touch", KIND_LINE},
    {"mg", KIND_META},          {"ms", KIND_META_SET},
    {"md", KIND_META},          {"ma", KIND_META},
    {"mn", KIND_META},          {"me", KIND_META},
    {"version", KIND_LINE},     {"flush_all", KIND_LINE},
    {"verbosity", KIND_LINE},   {"stats", KIND_STATS},
    {"lru_crawler", KIND_LINE}, {"cache_memlimit", KIND_LINE},
    {"quit", KIND_QUIT},
};

static const char *const answers[] = {
    "VALUE",   "END",     "STORED", "NOT_STORED", "EXISTS",       "NOT_FOUND",
    "DELETED", "TOUCHED", "OK",     "ERROR",      "CLIENT_ERROR", "SERVER_ERROR",
    "VERSION", "STAT",    "RESET",  "HD",         "VA",           "EN",
    "NF",      "NS",      "EX",     "MN",         "ME",           "BUSY",
};

static const char *const binary_names[] = {
    "get",        "set",        "add",   "replace", "delete",  "increment", "decrement",
    "quit",       "flush",      "getq",  "noop",    "version", "getk",      "getkq",
    "append",     "prepend",    "stat",  "setq",    "addq",    "replaceq",  "deleteq",
    "incrementq", "decrementq", "quitq", "flushq",  "appendq", "prependq",  "verbosity",
    "touch",      "gat",        "gatq",
};

typedef struct {
    LampFramer framer;
    LampPairing pairing;
    LampExchange *one_way; /* being received, to be emitted at its end */
    guint64 commands;
} MemcachedState;

typedef struct {
    LampBytes words[MAX_WORDS];
    gsize count;
    gsize length; /* of the line with its end */
} Line;

/* Splits the first line; FALSE where its end is not there. */
static gboolean
split_line(LampBytes bytes, Line *out_line)
{
    LampCursor c = lamp_cursor(bytes);
    LampBytes line;
    *out_line = (Line){0};
    if (!lamp_cursor_line(&c, &line))
        return FALSE;
    out_line->length = line.len + 1;
    line = lamp_text_trim(line);
    while (line.len > 0 && out_line->count < MAX_WORDS) {
        const guint8 *blank = memchr(line.at, ' ', line.len);
        gsize n = blank == NULL ? line.len : (gsize) (blank - line.at);
        out_line->words[out_line->count++] = lamp_bytes(line.at, n);
        line = lamp_text_trim(lamp_bytes(line.at + n, line.len - n));
    }
    return TRUE;
}

static gboolean
word_is(LampBytes word, const char *name)
{
    return lamp_bytes_equal(word, lamp_bytes_text(name));
}

static int
find_command(LampBytes name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(text_commands); i++)
        if (word_is(name, text_commands[i].name))
            return (int) i;
    return -1;
}

static gboolean
is_answer(LampBytes word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        if (word_is(word, answers[i]))
            return TRUE;
    guint64 number;
    return lamp_text_parse_u64(word, &number);
}

/* Bytes of the data block announced by word @number of the line, with its line end. */
static gboolean
data_length(const Line *line, gsize number, gsize *out_length)
{
    guint64 length;
    if (line->count <= number || !lamp_text_parse_u64(line->words[number], &length) ||
        length > MAX_DATA)
        return FALSE;
    *out_length = (gsize) length + 2;
    return TRUE;
}

static gsize
request_length(const Line *line)
{
    gsize length = 0;
    int command = line->count > 0 ? find_command(line->words[0]) : -1;
    if (command < 0)
        return 0;
    CommandKind kind = text_commands[command].kind;
    if (kind == KIND_STORE && !data_length(line, 4, &length))
        return 0;
    if (kind == KIND_META_SET && !data_length(line, 2, &length))
        return 0;
    return line->length + length;
}

static gsize
response_length(const Line *line)
{
    gsize length = 0;
    if (line->count == 0 || !is_answer(line->words[0]))
        return 0;
    if (word_is(line->words[0], "VALUE") && !data_length(line, 3, &length))
        return 0;
    if (word_is(line->words[0], "VA") && !data_length(line, 1, &length))
        return 0;
    return line->length + length;
}

static gsize
binary_length(LampBytes bytes)
{
    if (bytes.len < BINARY_HEADER)
        return LAMP_FRAMING_MORE;
    gsize body = lamp_be32(bytes.at + 8), key = lamp_be16(bytes.at + 2), extras = bytes.at[4];
    gboolean fits = body <= MAX_DATA && key + extras <= body && key <= 250 && bytes.at[5] == 0;
    return fits ? BINARY_HEADER + body : 0;
}

/* May @bytes, without a line end so far, become a line of words? */
static gboolean
may_be_line(LampBytes bytes)
{
    if (bytes.len > MAX_LINE || !g_ascii_isalnum((char) bytes.at[0]))
        return FALSE;
    for (gsize i = 0; i < MIN(bytes.len, 12); i++)
        if (bytes.at[i] < ' ' && bytes.at[i] != '\r')
            return FALSE;
    return TRUE;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    if (bytes.at[0] == (direction == LAMP_TO_SERVER ? 0x80 : 0x81))
        return binary_length(bytes);
    Line line;
    if (!split_line(bytes, &line))
        return may_be_line(bytes) ? LAMP_FRAMING_MORE : 0;
    return direction == LAMP_TO_SERVER ? request_length(&line) : response_length(&line);
}

/* A new call, numbered; pushed unless it has no answer. */
static LampExchange *
begin_command(MemcachedState *state, LampStream *stream, gboolean is_one_way)
{
    LampExchange *exchange = lamp_exchange_new();
    state->commands++;
    if (exchange == NULL)
        return NULL;
    exchange->position = state->commands;
    if (is_one_way) {
        exchange->flags = LAMP_CALL_ONE_WAY;
        return state->one_way = exchange;
    }
    if (lamp_pairing_push(&state->pairing, exchange))
        return exchange;
    lamp_exchange_free(exchange);
    lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many commands wait for answers; pairing starts anew");
    lamp_framer_lose(&state->framer, &state->pairing, stream, 0);
    return NULL;
}

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static void
add_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    lamp_exchange_add_value(target->exchange, target->side,
                            target->side == LAMP_SIDE_REQUEST ? "argument." : "reply.", name,
                            value);
}

static void
add_content(LampExchange *exchange, LampSide side, LampBytes content)
{
    ValueTarget target = {exchange, side};
    if (content.len >= 2 && (content.at[0] == '{' || content.at[0] == '['))
        lamp_identifiers_in_json(lamp_bytes(content.at, MIN(content.len, 4096)), add_value,
                                 &target);
}

static gboolean
has_word(const Line *line, gsize from, const char *word)
{
    for (gsize i = from; i < line->count; i++)
        if (word_is(line->words[i], word))
            return TRUE;
    return FALSE;
}

static void
name_keys(LampExchange *exchange, const Line *line, CommandKind kind)
{
    gsize first = word_is(line->words[0], "gat") || word_is(line->words[0], "gats") ? 2 : 1;
    gboolean has_key = kind == KIND_RETRIEVE || kind == KIND_STORE || kind == KIND_META ||
                       kind == KIND_META_SET || word_is(line->words[0], "delete") ||
                       word_is(line->words[0], "incr") || word_is(line->words[0], "decr") ||
                       word_is(line->words[0], "touch");
    if (!has_key || line->count <= first)
        return;
    lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, line->words[first]);
    for (gsize i = first + 1; kind == KIND_RETRIEVE && i < line->count; i++)
        lamp_exchange_note_key(exchange, LAMP_SIDE_REQUEST, line->words[i]);
}

static void
read_command(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    Line line;
    int command;
    if (!split_line(frame->bytes, &line) || (command = find_command(line.words[0])) < 0)
        return;
    CommandKind kind = text_commands[command].kind;
    gboolean is_meta = kind == KIND_META || kind == KIND_META_SET;
    gboolean is_one_way = kind == KIND_QUIT ||
                          (!is_meta && kind != KIND_RETRIEVE && has_word(&line, 1, "noreply"));
    LampExchange *exchange = begin_command(state, stream, is_one_way);
    if (exchange == NULL)
        return;
    lamp_exchange_set_operation(exchange, line.words[0]);
    name_keys(exchange, &line, kind);
    if (kind == KIND_STORE || kind == KIND_META_SET)
        add_content(exchange, LAMP_SIDE_REQUEST,
                    lamp_bytes(frame->bytes.at + line.length, frame->bytes.len - line.length));
    exchange->kind = (guint8) (is_meta && has_word(&line, 2, "q") ? KIND_QUIET : kind);
    frame->exchange = exchange;
}

/* A response whose command was not seen. */
static LampExchange *
begin_orphan(MemcachedState *state, LampStream *stream)
{
    if (!state->framer.has_lost && !lamp_stream_is_midstream(stream))
        return NULL;
    LampExchange *exchange = begin_command(state, stream, FALSE);
    if (exchange != NULL)
        exchange->flags =
            lamp_stream_is_midstream(stream) ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
    return exchange;
}

/* Emits the commands before @until that had nothing to say. */
static void
emit_quiet(MemcachedState *state, LampStream *stream, const LampExchange *until, guint8 kind)
{
    LampExchange *first;
    while ((first = state->pairing.first) != NULL && first != until && first->kind == kind) {
        first->flags |= LAMP_CALL_ONE_WAY;
        lamp_framer_emit(&state->framer, &state->pairing, stream, first);
    }
}

static void
set_text_status(LampExchange *exchange, LampBytes word)
{
    gboolean is_get = exchange->kind == KIND_RETRIEVE;
    if (word_is(word, "VALUE") || word_is(word, "VA"))
        lamp_exchange_set_status(exchange, lamp_bytes_text("hit"));
    else if (word_is(word, "EN") ||
             (is_get && word_is(word, "END") && exchange->status_len == 0))
        lamp_exchange_set_status(exchange, lamp_bytes_text("miss"));
    else if (g_ascii_isdigit((char) word.at[0]) || word_is(word, "STAT"))
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    else if (!word_is(word, "END"))
        lamp_exchange_set_status(exchange, word);
    exchange->is_error |= word_is(word, "ERROR") || word_is(word, "SERVER_ERROR");
}

/* Does this line end the answer? */
static gboolean
ends_answer(const LampExchange *exchange, LampBytes word)
{
    gboolean has_lines = exchange->kind == KIND_RETRIEVE || exchange->kind == KIND_STATS ||
                         exchange->request_first == LAMP_TIME_NONE;
    return !has_lines || (!word_is(word, "VALUE") && !word_is(word, "STAT"));
}

static void
read_answer(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    Line line;
    if (state->pairing.is_unsure || !split_line(frame->bytes, &line) || line.count == 0)
        return;
    if (word_is(line.words[0], "MN"))
        emit_quiet(state, stream, NULL, KIND_QUIET);
    LampExchange *exchange = state->pairing.first;
    if (exchange == NULL)
        exchange = begin_orphan(state, stream);
    if (exchange == NULL)
        return;
    set_text_status(exchange, line.words[0]);
    if (word_is(line.words[0], "VALUE") || word_is(line.words[0], "VA"))
        add_content(exchange, LAMP_SIDE_RESPONSE,
                    lamp_bytes(frame->bytes.at + line.length, frame->bytes.len - line.length));
    frame->exchange = exchange;
    frame->note = ends_answer(exchange, line.words[0]) ? 1 : 0;
}

static guint64
binary_key(LampBytes header)
{
    return (guint64) lamp_be32(header.at + 12) << 8 | header.at[1];
}

static gboolean
is_quiet_opcode(guint8 opcode)
{
    return opcode == 0x09 || opcode == 0x0d || (opcode >= 0x11 && opcode <= 0x1a) ||
           opcode == 0x1e;
}

static LampBytes
binary_part(LampBytes frame, gsize from, gsize len)
{
    from = MIN(from, frame.len);
    return lamp_bytes(frame.at + from, MIN(len, frame.len - from));
}

static void
read_binary_command(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    LampBytes bytes = frame->bytes;
    guint8 opcode = bytes.at[1];
    LampExchange *exchange = begin_command(state, stream, FALSE);
    if (exchange == NULL)
        return;
    gsize key_len = lamp_be16(bytes.at + 2), body = BINARY_HEADER + bytes.at[4];
    const char *name = opcode < G_N_ELEMENTS(binary_names) ? binary_names[opcode] : "other";
    exchange->key = binary_key(bytes);
    gboolean is_get = strncmp(name, "get", 3) == 0 || strncmp(name, "gat", 3) == 0;
    exchange->kind = (guint8) (is_quiet_opcode(opcode) ? KIND_BINARY_QUIET
                               : is_get                ? KIND_BINARY_GET
                                                       : KIND_BINARY);
    lamp_exchange_set_operation(exchange, lamp_bytes_text(name));
    gboolean is_sasl = opcode >= 0x20 && opcode <= 0x22;
    if (key_len > 0 && !is_sasl) {
        lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, binary_part(bytes, body, key_len));
        add_content(exchange, LAMP_SIDE_REQUEST, binary_part(bytes, body + key_len, 4096));
    }
    frame->exchange = exchange;
}

static void
set_binary_status(LampExchange *exchange, guint16 status)
{
    static const char *const names[] = {"ok",      "NOT_FOUND",  "EXISTS",     "TOO_LARGE",
                                        "INVALID", "NOT_STORED", "NON_NUMERIC"};
    gboolean is_get =
        lamp_bytes_starts(lamp_bytes(exchange->operation, exchange->operation_len), "get");
    const char *name = status < G_N_ELEMENTS(names) ? names[status] : "ERROR";
    if (is_get && status < 2)
        name = status == 0 ? "hit" : "miss";
    lamp_exchange_set_status(exchange, lamp_bytes_text(name));
    exchange->is_error = status >= 0x80;
}

static void
read_binary_answer(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    LampBytes bytes = frame->bytes;
    LampExchange *exchange = lamp_pairing_find(&state->pairing, binary_key(bytes));
    if (exchange == NULL)
        exchange = begin_orphan(state, stream);
    if (exchange == NULL)
        return;
    emit_quiet(state, stream, exchange, KIND_BINARY_QUIET);
    gsize key_len = lamp_be16(bytes.at + 2);
    set_binary_status(exchange, lamp_be16(bytes.at + 6));
    add_content(exchange, LAMP_SIDE_RESPONSE,
                binary_part(bytes, BINARY_HEADER + bytes.at[4] + key_len, 4096));
    frame->exchange = exchange;
    frame->note =
        bytes.at[1] != 0x10 || key_len == 0 ? 1 : 0; /* statistics end with an empty key */
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    gboolean is_binary = frame->bytes.at[0] >= 0x80;
    if (frame->direction == LAMP_TO_SERVER)
        (is_binary ? read_binary_command : read_command)(opaque, stream, frame);
    else
        (is_binary ? read_binary_answer : read_answer)(opaque, stream, frame);
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    MemcachedState *state = opaque;
    if (frame->direction == LAMP_TO_CLIENT && frame->note != 0 && frame->exchange != NULL)
        lamp_framer_emit(&state->framer, &state->pairing, stream, frame->exchange);
    if (frame->direction == LAMP_TO_SERVER && state->one_way != NULL)
        lamp_exchange_emit(g_steal_pointer(&state->one_way), stream);
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    MemcachedState *state = opaque;
    (void) direction;
    lamp_framer_lose(&state->framer, &state->pairing, stream, flags);
    if (state->one_way != NULL)
        lamp_exchange_emit(g_steal_pointer(&state->one_way), stream);
}

static const LampFraming framing = {
    .header_size = 1,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "memcached.message",
};

static void
begin(gpointer opaque, LampStream *stream)
{
    MemcachedState *state = opaque;
    lamp_framer_begin(&state->framer, stream);
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    MemcachedState *state = opaque;
    lamp_framer_tick(&state->framer, &state->pairing, stream, seg);
    lamp_framer_segment(&state->framer, &framing, state, stream, seg);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    MemcachedState *state = opaque;
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    MemcachedState *state = opaque;
    emit_quiet(state, stream, NULL, KIND_QUIET);
    emit_quiet(state, stream, NULL, KIND_BINARY_QUIET);
    lost(state, stream, LAMP_TO_SERVER, 0);
    lamp_framer_clear(&state->framer);
}

/* Text commands have words that other protocols have too, so arguments are looked at as well.
 */
static guint
score_command(LampBytes text)
{
    Line line;
    if (text.len >= BINARY_HEADER && text.at[0] == 0x80)
        return binary_length(text) > 0 && text.at[1] < 0x40 && lamp_be16(text.at + 6) < 4096
                   ? 70
                   : 0;
    if (text.len == 0 || !split_line(text, &line) || line.count == 0)
        return 0;
    int command = find_command(line.words[0]);
    if (command < 0 || request_length(&line) == 0 || text.at[line.length - 1] != '\n' ||
        line.length < 2 || text.at[line.length - 2] != '\r')
        return 0;
    CommandKind kind = text_commands[command].kind;
    if (kind == KIND_STORE || kind == KIND_META_SET)
        return 90;
    return kind == KIND_RETRIEVE && line.count >= 2 ? 80 : line.count >= 2 ? 60 : 40;
}

static guint
score_answer(LampBytes text)
{
    Line line;
    if (text.len >= BINARY_HEADER && text.at[0] == 0x81)
        return binary_length(text) > 0 && text.at[1] < 0x40 ? 70 : 0;
    if (text.len == 0 || !split_line(text, &line) || line.count == 0)
        return 0;
    gboolean is_number = g_ascii_isdigit((char) line.words[0].at[0]);
    return is_number || response_length(&line) == 0 ? 0
           : word_is(line.words[0], "VALUE")        ? 90
                                                    : 50;
}

static guint
score_sides(LampBytes client, LampBytes server)
{
    guint command = score_command(client), answer = score_answer(server);
    if (client.len > 0 && server.len > 0)
        return command > 0 && answer > 0 ? 95 : command >= 80 ? 60 : 0;
    return client.len > 0 ? command : answer;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward = score_sides(to_server, to_client);
    guint backward = score_sides(to_client, to_server);
    if (backward > forward)
        *out_swapped = TRUE;
    guint score = MAX(forward, backward);
    return server_port == 11211 || score >= 80 ? score : score / 2;
}

const LampDissector lamp_dissector_memcached = {
    .name = "memcached",
    .summary = "memcached text, meta and binary protocols: commands paired with responses",
    .spec = "https://github.com/memcached/memcached/blob/master/doc/protocol.txt",
    .ports = {11211, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(MemcachedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
