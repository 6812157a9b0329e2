/*
 * @summary memcached text, meta and binary protocols: commands paired with responses
 * @spec https://github.com/memcached/memcached/blob/master/doc/protocol.txt
 *
 * In: both streams of a connection. Out: one call for each command, named by command and first
 * key. Text: responses answer in order, one line each, but for retrievals and statistics, which
 * end with END. `noreply` commands and quiet meta commands without an answer are one-way.
 * Binary: answered by opaque number; quiet operations that a later answer overtakes had nothing
 * to say. A retrieval's status is `hit` or `miss`. Values: keys, and ids in the beginning of
 * data blocks. Commands that are not known are calls named `unknown`.
 */
#include "ingest/dissect/memcached-messages.h"
#include "ingest/dissect/store-key.h"
#include "ingest/identifiers.h"

enum { LOOK = 8192 };

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
has_word(const LampMemcachedLine *line, gsize from, const char *word)
{
    for (gsize i = from; i < line->count; i++)
        if (lamp_memcached_word_is(line->words[i], word))
            return TRUE;
    return FALSE;
}

static void
name_keys(LampExchange *exchange, const LampMemcachedLine *line, LampMemcachedKind kind)
{
    gsize first = lamp_memcached_word_is(line->words[0], "gat") ||
                          lamp_memcached_word_is(line->words[0], "gats")
                      ? 2
                      : 1;
    gboolean has_key = kind == LAMP_MEMCACHED_RETRIEVE || kind == LAMP_MEMCACHED_STORE ||
                       kind == LAMP_MEMCACHED_META || kind == LAMP_MEMCACHED_META_SET ||
                       lamp_memcached_word_is(line->words[0], "delete") ||
                       lamp_memcached_word_is(line->words[0], "incr") ||
                       lamp_memcached_word_is(line->words[0], "decr") ||
                       lamp_memcached_word_is(line->words[0], "touch");
    if (!has_key || line->count <= first)
        return;
    lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, line->words[first]);
    for (gsize i = first + 1; kind == LAMP_MEMCACHED_RETRIEVE && i < line->count; i++)
        lamp_exchange_note_key(exchange, LAMP_SIDE_REQUEST, line->words[i]);
}

static void
read_command(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    LampMemcachedLine line;
    LampMemcachedKind kind;
    if (!lamp_memcached_split(frame->bytes, &line) || line.count == 0)
        return;
    if (!lamp_memcached_command(line.words[0], &kind)) {
        kind = LAMP_MEMCACHED_LINE;
        line.words[0] = lamp_bytes_text("unknown");
    }
    gboolean is_meta = kind == LAMP_MEMCACHED_META || kind == LAMP_MEMCACHED_META_SET;
    gboolean is_one_way =
        kind == LAMP_MEMCACHED_QUIT ||
        (!is_meta && kind != LAMP_MEMCACHED_RETRIEVE && has_word(&line, 1, "noreply"));
    LampExchange *exchange = begin_command(state, stream, is_one_way);
    if (exchange == NULL)
        return;
    lamp_exchange_set_operation(exchange, line.words[0]);
    name_keys(exchange, &line, kind);
    if (kind == LAMP_MEMCACHED_STORE || kind == LAMP_MEMCACHED_META_SET)
        add_content(exchange, LAMP_SIDE_REQUEST,
                    lamp_bytes(frame->bytes.at + line.length, frame->bytes.len - line.length));
    exchange->kind =
        (guint8) (is_meta && has_word(&line, 2, "q") ? LAMP_MEMCACHED_QUIET : kind);
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
    gboolean is_get = exchange->kind == LAMP_MEMCACHED_RETRIEVE;
    if (lamp_memcached_word_is(word, "VALUE") || lamp_memcached_word_is(word, "VA"))
        lamp_exchange_set_status(exchange, lamp_bytes_text("hit"));
    else if (lamp_memcached_word_is(word, "EN") ||
             (is_get && lamp_memcached_word_is(word, "END") && exchange->status_len == 0))
        lamp_exchange_set_status(exchange, lamp_bytes_text("miss"));
    else if (g_ascii_isdigit((char) word.at[0]) || lamp_memcached_word_is(word, "STAT"))
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    else if (!lamp_memcached_word_is(word, "END"))
        lamp_exchange_set_status(exchange, word);
    exchange->is_error |=
        lamp_memcached_word_is(word, "ERROR") || lamp_memcached_word_is(word, "SERVER_ERROR");
}

/* Does this line end the answer? */
static gboolean
ends_answer(const LampExchange *exchange, LampBytes word)
{
    gboolean has_lines = exchange->kind == LAMP_MEMCACHED_RETRIEVE ||
                         exchange->kind == LAMP_MEMCACHED_STATS ||
                         exchange->request_first == LAMP_TIME_NONE;
    return !has_lines ||
           (!lamp_memcached_word_is(word, "VALUE") && !lamp_memcached_word_is(word, "STAT"));
}

static void
read_answer(MemcachedState *state, LampStream *stream, LampFrame *frame)
{
    LampMemcachedLine line;
    if (state->pairing.is_unsure || !lamp_memcached_split(frame->bytes, &line) ||
        line.count == 0)
        return;
    if (lamp_memcached_word_is(line.words[0], "MN"))
        emit_quiet(state, stream, NULL, LAMP_MEMCACHED_QUIET);
    LampExchange *exchange = state->pairing.first;
    if (exchange == NULL)
        exchange = begin_orphan(state, stream);
    if (exchange == NULL)
        return;
    set_text_status(exchange, line.words[0]);
    if (lamp_memcached_word_is(line.words[0], "VALUE") ||
        lamp_memcached_word_is(line.words[0], "VA"))
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
    gsize key_len = lamp_be16(bytes.at + 2), body = LAMP_MEMCACHED_HEADER + bytes.at[4];
    const char *name = opcode < G_N_ELEMENTS(binary_names) ? binary_names[opcode] : "other";
    exchange->key = binary_key(bytes);
    gboolean is_get = strncmp(name, "get", 3) == 0 || strncmp(name, "gat", 3) == 0;
    exchange->kind = (guint8) (is_quiet_opcode(opcode) ? LAMP_MEMCACHED_BINARY_QUIET
                               : is_get                ? LAMP_MEMCACHED_BINARY_GET
                                                       : LAMP_MEMCACHED_BINARY);
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
    emit_quiet(state, stream, exchange, LAMP_MEMCACHED_BINARY_QUIET);
    gsize key_len = lamp_be16(bytes.at + 2);
    set_binary_status(exchange, lamp_be16(bytes.at + 6));
    add_content(exchange, LAMP_SIDE_RESPONSE,
                binary_part(bytes, LAMP_MEMCACHED_HEADER + bytes.at[4] + key_len, 4096));
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

/* In step with the client, a line that is no command known here is one all the same: the server
 * answers it, with ERROR if it does not know it either. */
static gsize
frame_length(gpointer opaque, LampDirection direction, LampBytes bytes)
{
    const MemcachedState *state = opaque;
    gsize length = lamp_memcached_length(direction, bytes);
    gboolean is_in_step =
        state != NULL && direction == LAMP_TO_SERVER && !state->framer.sides[direction].is_lost;
    return length == 0 && is_in_step ? lamp_memcached_unknown_length(bytes) : length;
}

static const LampFraming framing = {
    .header_size = 1,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "memcached.message",
    .is_lines = TRUE,
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
    emit_quiet(state, stream, NULL, LAMP_MEMCACHED_QUIET);
    emit_quiet(state, stream, NULL, LAMP_MEMCACHED_BINARY_QUIET);
    lost(state, stream, LAMP_TO_SERVER, 0);
    lamp_framer_clear(&state->framer);
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward = lamp_memcached_score(to_server, to_client);
    guint backward = lamp_memcached_score(to_client, to_server);
    if (backward > forward)
        *out_swapped = TRUE;
    guint score = MAX(forward, backward);
    return server_port == 11211 || score >= 75 ? score : score / 2;
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
