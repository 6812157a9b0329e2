/*
 * @summary Redis serialization protocol 2 and 3: commands paired with replies in order
 * @spec https://redis.io/docs/latest/develop/reference/protocol-spec/
 *
 * In: both streams of a connection. Out: one call for each command, named by command and key.
 * Replies answer commands first in, first out; what the server sends unasked (RESP3 pushes,
 * messages to subscribers, MONITOR lines) answers nothing and becomes a one-way call. A
 * blocking command's long wait is its normal time.
 *
 * Values (resp.c) are read element by element, so a reply of any size is walked without being
 * kept: of each string only its beginning is looked at, for ids and for the payload's
 * fingerprint. What is written to a list, stream or channel and what a consumer takes out get
 * the same fingerprint under the slot `payload`: that ties producer and consumer. Keys that
 * name sessions or tokens are stored as a fingerprint only. Limits: base/limits.h (PIPELINE,
 * EXCHANGES, VALUE).
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/pairing.h"
#include "ingest/dissect/resp.h"
#include "ingest/dissect/store-key.h"
#include "ingest/identifiers.h"

typedef enum {
    COMMAND_PLAIN,     /* the first argument is a key */
    COMMAND_NO_KEY,    /* no argument is looked at as a key */
    COMMAND_SCRIPT,    /* the third argument is a key */
    COMMAND_PRODUCE,   /* puts payloads into a queue or channel */
    COMMAND_CONSUME,   /* its reply carries payloads from a queue */
    COMMAND_STREAMS,   /* the same, keys somewhere among options */
    COMMAND_SUBSCRIBE, /* one reply for each channel, then messages */
    COMMAND_SECRET,    /* nothing of its arguments is kept */
    COMMAND_MONITOR,   /* afterwards the server sends what it likes */
} CommandKind;

static const struct {
    const char *name;
    CommandKind kind;
} commands[] = {
    {"ACL", COMMAND_SECRET},
    {"AUTH", COMMAND_SECRET},
    {"BLMOVE", COMMAND_CONSUME},
    {"BLPOP", COMMAND_CONSUME},
    {"BRPOP", COMMAND_CONSUME},
    {"BRPOPLPUSH", COMMAND_CONSUME},
    {"CLIENT", COMMAND_NO_KEY},
    {"CLUSTER", COMMAND_NO_KEY},
    {"COMMAND", COMMAND_NO_KEY},
    {"CONFIG", COMMAND_SECRET},
    {"DISCARD", COMMAND_NO_KEY},
    {"ECHO", COMMAND_NO_KEY},
    {"EVAL", COMMAND_SCRIPT},
    {"EVALSHA", COMMAND_SCRIPT},
    {"EXEC", COMMAND_NO_KEY},
    {"FCALL", COMMAND_SCRIPT},
    {"HELLO", COMMAND_SECRET},
    {"INFO", COMMAND_NO_KEY},
    {"LMOVE", COMMAND_CONSUME},
    {"LPOP", COMMAND_CONSUME},
    {"LPUSH", COMMAND_PRODUCE},
    {"LPUSHX", COMMAND_PRODUCE},
    {"MIGRATE", COMMAND_SECRET},
    {"MONITOR", COMMAND_MONITOR},
    {"MULTI", COMMAND_NO_KEY},
    {"PING", COMMAND_NO_KEY},
    {"PSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"PSYNC", COMMAND_MONITOR},
    {"PUBLISH", COMMAND_PRODUCE},
    {"PUNSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"REPLCONF", COMMAND_NO_KEY},
    {"RPOP", COMMAND_CONSUME},
    {"RPOPLPUSH", COMMAND_CONSUME},
    {"RPUSH", COMMAND_PRODUCE},
    {"RPUSHX", COMMAND_PRODUCE},
    {"SCRIPT", COMMAND_NO_KEY},
    {"SELECT", COMMAND_NO_KEY},
    {"SPUBLISH", COMMAND_PRODUCE},
    {"SSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"SUBSCRIBE", COMMAND_SUBSCRIBE},
    {"SUNSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"SYNC", COMMAND_MONITOR},
    {"UNSUBSCRIBE", COMMAND_SUBSCRIBE},
    {"UNWATCH", COMMAND_NO_KEY},
    {"XADD", COMMAND_PRODUCE},
    {"XREAD", COMMAND_STREAMS},
    {"XREADGROUP", COMMAND_STREAMS},
};

enum { MAX_INLINE = 4096, MIN_PAYLOAD = 8, MAX_UNIT = LAMP_RESP_TEXT + 65536 };

typedef struct {
    LampBuffer buffer;
    LampResp parser;
    LampExchange *exchange; /* whose value is being received */
    guint32 element;        /* strings seen in it so far */
    guint8 is_lost : 1, is_in_value : 1;
} RedisSide;

typedef struct {
    RedisSide sides[2]; /* LampDirection */
    LampPairing pairing;
    LampExchange *unasked; /* push or orphan being received: not in the pairing */
    guint64 commands;
    guint8 is_subscribed : 1, has_lost : 1, is_monitor : 1;
} RedisState;

typedef struct {
    RedisState *state;
    LampStream *stream;
    RedisSide *side;
    const LampSegment *segment;
    LampView view;
} RedisStep;

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static gboolean
word_is(LampBytes word, const char *name)
{
    return lamp_bytes_equal(word, lamp_bytes_text(name));
}

/* @name in upper case. */
static CommandKind
find_command(LampBytes name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands) && name.len > 0; i++)
        if (commands[i].name[0] == (char) name.at[0] && word_is(name, commands[i].name))
            return commands[i].kind;
    return COMMAND_PLAIN;
}

static void
add_text_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    gboolean is_reply = target->side == LAMP_SIDE_RESPONSE;
    const char *prefix = is_reply ? "reply." : "argument.";
    if (name.len == 0)
        prefix = is_reply ? "reply" : "argument";
    lamp_exchange_add_value(target->exchange, target->side, prefix, name, value);
}

static void
add_text(LampExchange *exchange, LampSide side, LampBytes text, gboolean is_payload)
{
    ValueTarget target = {exchange, side};
    lamp_identifiers_in_text(lamp_bytes(NULL, 0), text, add_text_value, &target);
    if (is_payload && text.len >= MIN_PAYLOAD)
        lamp_exchange_add_fingerprint(exchange, side, "payload", text);
}

static void
name_command(LampExchange *exchange, LampBytes name)
{
    char upper[32];
    gsize n = MIN(name.len, sizeof upper);
    for (gsize i = 0; i < n; i++)
        upper[i] =
            g_ascii_isprint((char) name.at[i]) ? g_ascii_toupper((char) name.at[i]) : '?';
    exchange->kind = (guint8) find_command(lamp_bytes(upper, n));
    lamp_exchange_set_operation(exchange, lamp_bytes(upper, n));
}

/* The @number-th string of a command, from 0. */
static void
add_argument(LampExchange *exchange, guint number, LampBytes text)
{
    CommandKind kind = (CommandKind) exchange->kind;
    guint key_number = kind == COMMAND_SCRIPT ? 3 : 1;
    gboolean has_key =
        kind != COMMAND_NO_KEY && kind != COMMAND_STREAMS && kind != COMMAND_MONITOR;
    if (number == 0)
        name_command(exchange, text);
    else if (kind == COMMAND_SECRET)
        return;
    else if (has_key && number == key_number)
        lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, text);
    else if (number > key_number)
        add_text(exchange, LAMP_SIDE_REQUEST, text, kind == COMMAND_PRODUCE);
}

static void
add_reply_string(LampExchange *exchange, guint number, LampBytes text)
{
    CommandKind kind = (CommandKind) exchange->kind;
    gboolean is_push = (exchange->flags & LAMP_CALL_ONE_WAY) != 0;
    if (kind == COMMAND_SECRET)
        return;
    if (is_push && number == 0)
        name_command(exchange, text);
    else if (is_push && number == 1)
        lamp_exchange_add_key(exchange, LAMP_SIDE_RESPONSE, text);
    else
        add_text(exchange, LAMP_SIDE_RESPONSE, text,
                 is_push || kind == COMMAND_CONSUME || kind == COMMAND_STREAMS);
}

static void
lose_pairing(RedisState *state, LampStream *stream, guint32 flags)
{
    lamp_pairing_lose(&state->pairing, stream, flags);
    if (state->unasked != NULL)
        lamp_exchange_emit(state->unasked, stream);
    state->unasked = NULL;
    state->sides[0].exchange = state->sides[1].exchange = NULL;
}

static void
lose_side(RedisSide *side)
{
    side->parser = (LampResp){0};
    side->is_in_value = 0;
    side->is_lost = 1;
}

static void
lose(RedisStep *step)
{
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, "redis.value",
                            "not a value of the protocol; looking for the next one");
    step->state->has_lost = 1;
    lose_side(step->side);
    lose_pairing(step->state, step->stream, 0);
}

static LampExchange *
begin_command(RedisStep *step)
{
    RedisState *state = step->state;
    LampExchange *exchange = lamp_exchange_new();
    state->commands++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->commands;
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(step->stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many commands wait for replies; pairing starts anew");
    lose_pairing(state, step->stream, 0);
    return NULL;
}

typedef enum { REPLY_ANSWER, REPLY_MESSAGE, REPLY_IGNORE, REPLY_CUT } ReplyKind;

/* What a reply beginning at @bytes answers: arrays that say `message` were not asked for, and
 * of the acknowledgements of a subscription only the first answers the command. */
static ReplyKind
classify_reply(const RedisState *state, LampBytes bytes)
{
    if (state->is_monitor)
        return state->pairing.first != NULL ? REPLY_ANSWER : REPLY_IGNORE;
    if (bytes.at[0] != '>' && !(state->is_subscribed && bytes.at[0] == '*'))
        return REPLY_ANSWER;
    LampResp parser = {0};
    LampRespElement head, word;
    gsize n = lamp_resp_step(&parser, bytes, &head);
    if (n == 0 || head.is_bad || head.ends)
        return n == 0 && !head.is_bad ? REPLY_CUT : REPLY_ANSWER;
    gsize m = lamp_resp_step(&parser, lamp_bytes(bytes.at + n, bytes.len - n), &word);
    if (m == 0 && !word.is_bad)
        return REPLY_CUT;
    if (word_is(word.text, "message") || word_is(word.text, "pmessage") ||
        word_is(word.text, "smessage") || word_is(word.text, "invalidate"))
        return REPLY_MESSAGE;
    const LampExchange *oldest = state->pairing.first;
    gboolean is_answer =
        oldest != NULL && (bytes.at[0] == '*' || oldest->kind == COMMAND_SUBSCRIBE);
    gboolean is_acknowledgement =
        word.text.len >= 9 && lamp_text_find(word.text, "subscribe") >= 0;
    if (is_acknowledgement && (oldest == NULL || oldest->kind != COMMAND_SUBSCRIBE))
        return REPLY_IGNORE;
    return is_answer ? REPLY_ANSWER : REPLY_IGNORE;
}

static LampExchange *
begin_message(RedisState *state)
{
    LampExchange *exchange = state->unasked = lamp_exchange_new();
    if (exchange == NULL)
        return NULL;
    exchange->position = state->commands;
    exchange->flags = LAMP_CALL_ONE_WAY;
    return exchange;
}

/* A reply whose command was not seen counts as a call, so that later positions stay right. */
static LampExchange *
begin_orphan(RedisStep *step)
{
    RedisState *state = step->state;
    gboolean is_midstream = lamp_stream_is_midstream(step->stream);
    if (!is_midstream && !state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_LOSS, "redis.unsolicited",
                            "reply without a command");
    LampExchange *exchange = state->unasked = lamp_exchange_new();
    if (exchange == NULL)
        return NULL;
    exchange->position = ++state->commands;
    exchange->flags = is_midstream ? LAMP_CALL_PRECAPTURE : LAMP_CALL_GAP;
    return exchange;
}

static LampExchange *
begin_reply(RedisStep *step, ReplyKind kind)
{
    RedisState *state = step->state;
    if (kind == REPLY_IGNORE || state->pairing.is_unsure)
        return NULL;
    if (kind == REPLY_MESSAGE)
        return begin_message(state);
    LampExchange *exchange = state->pairing.first;
    if (exchange == NULL)
        return begin_orphan(step);
    if (exchange->kind == COMMAND_SUBSCRIBE)
        state->is_subscribed = 1;
    if (exchange->kind == COMMAND_MONITOR)
        state->is_monitor = 1;
    return exchange;
}

static void
set_status(LampExchange *exchange, const LampRespElement *element)
{
    if (element->depth > 0)
        return;
    if (element->type == '-' || element->type == '!') {
        const guint8 *end = memchr(element->text.at, ' ', element->text.len);
        gsize n = end == NULL ? element->text.len : (gsize) (end - element->text.at);
        lamp_exchange_set_status(exchange, lamp_bytes(element->text.at, n));
        exchange->is_error = TRUE;
    } else {
        lamp_exchange_set_status(exchange, lamp_bytes_text(element->is_null ? "nil" : "ok"));
    }
}

static void
note_bytes(RedisStep *step, gsize from, gsize to)
{
    LampExchange *exchange = step->side->exchange;
    if (exchange == NULL)
        return;
    if (step->segment->direction == LAMP_TO_CLIENT)
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}

static void
finish_value(RedisStep *step)
{
    RedisSide *side = step->side;
    RedisState *state = step->state;
    LampExchange *exchange = side->exchange;
    side->exchange = NULL;
    side->is_in_value = 0;
    side->element = 0;
    if (exchange == NULL || step->segment->direction == LAMP_TO_SERVER)
        return;
    if (exchange == state->unasked)
        state->unasked = NULL;
    else
        lamp_pairing_pop(&state->pairing);
    if (state->sides[LAMP_TO_SERVER].exchange == exchange)
        state->sides[LAMP_TO_SERVER].exchange = NULL; /* answered before it was whole */
    lamp_exchange_emit(exchange, step->stream);
}

/* Splits a line of words, as typed by hand or sent by health checks, into a command. */
static gsize
step_inline(RedisStep *step, gsize at)
{
    LampCursor c = lamp_cursor(lamp_view_from(&step->view, at));
    LampBytes line;
    gsize left = lamp_cursor_left(&c);
    if (!lamp_cursor_line(&c, &line)) {
        if (left > MAX_INLINE)
            lose(step);
        return 0;
    }
    gsize n = left - lamp_cursor_left(&c);
    line = lamp_text_trim(line);
    if (line.len == 0)
        return n;
    step->side->exchange = begin_command(step);
    note_bytes(step, at, at + n);
    for (guint number = 0; line.len > 0 && step->side->exchange != NULL && number < 64;
         number++) {
        const guint8 *blank = memchr(line.at, ' ', line.len);
        gsize len = blank == NULL ? line.len : (gsize) (blank - line.at);
        add_argument(step->side->exchange, number, lamp_bytes(line.at, len));
        line = lamp_text_trim(lamp_bytes(line.at + len, line.len - len));
    }
    finish_value(step);
    return n;
}

static void
take_element(RedisStep *step, const LampRespElement *element)
{
    RedisSide *side = step->side;
    gboolean is_reply = step->segment->direction == LAMP_TO_CLIENT;
    if (side->exchange != NULL) {
        if (is_reply && element->type != 0)
            set_status(side->exchange, element);
        if (element->is_string && is_reply)
            add_reply_string(side->exchange, side->element, element->text);
        else if (element->is_string)
            add_argument(side->exchange, side->element, element->text);
    }
    side->element += element->is_string ? 1 : 0;
}

static gboolean
begin_value(RedisStep *step, LampBytes rest)
{
    ReplyKind kind = REPLY_ANSWER;
    if (step->segment->direction == LAMP_TO_CLIENT)
        kind = classify_reply(step->state, rest);
    if (kind == REPLY_CUT)
        return FALSE;
    step->side->exchange = step->segment->direction == LAMP_TO_CLIENT ? begin_reply(step, kind)
                                                                      : begin_command(step);
    step->side->is_in_value = 1;
    return TRUE;
}

static gsize
step_value(RedisStep *step, gsize at)
{
    RedisSide *side = step->side;
    LampBytes rest = lamp_view_from(&step->view, at);
    gboolean is_command = step->segment->direction == LAMP_TO_SERVER;
    if (!side->is_in_value && is_command && rest.at[0] != '*') {
        if (g_ascii_isalpha(rest.at[0]) || rest.at[0] == '\r' || rest.at[0] == '\n')
            return step_inline(step, at);
        lose(step);
        return 0;
    }
    LampResp before = side->parser;
    LampRespElement element;
    gsize n = lamp_resp_step(&side->parser, rest, &element);
    if (element.is_bad) {
        lose(step);
        return 0;
    }
    if (n == 0 || (!side->is_in_value && !begin_value(step, rest))) {
        side->parser = before;
        return 0;
    }
    note_bytes(step, at, at + n);
    take_element(step, &element);
    if (element.ends)
        finish_value(step);
    return n;
}

/* May a value begin here? TRUE for what is too short to tell. Stricter than the parser, since
 * any text may begin with a plus sign. */
static gboolean
may_begin_value(LampBytes bytes, gboolean is_command)
{
    LampResp parser = {0};
    LampRespElement element, second = {0};
    if (is_command && bytes.at[0] != '*')
        return FALSE;
    gsize n = lamp_resp_step(&parser, bytes, &element);
    if (element.is_bad)
        return FALSE;
    if (n == 0 || element.ends)
        return n > 0 || bytes.len < 16;
    lamp_resp_step(&parser, lamp_bytes(bytes.at + n, bytes.len - n), &second);
    return !second.is_bad && (!is_command || second.type == 0 || second.type == '$');
}

/* Passes over bytes until a value may begin: at a segment's begin or behind a line end. */
static gsize
step_lost(RedisStep *step, gsize at)
{
    gboolean is_command = step->segment->direction == LAMP_TO_SERVER;
    LampBytes rest = lamp_view_from(&step->view, at);
    for (gsize i = 0; i < rest.len; i++) {
        if (i > 0 && rest.at[i - 1] != '\n')
            continue;
        if (!may_begin_value(lamp_bytes(rest.at + i, rest.len - i), is_command))
            continue;
        step->side->is_lost = 0;
        return i;
    }
    return rest.len;
}

static void
begin(gpointer opaque, LampStream *stream)
{
    RedisState *state = opaque;
    if (lamp_stream_is_midstream(stream))
        state->sides[0].is_lost = state->sides[1].is_lost = 1;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    RedisState *state = opaque;
    RedisStep step = {.state = state,
                      .stream = stream,
                      .side = &state->sides[seg->direction],
                      .segment = seg};
    if (lamp_pairing_tick(&state->pairing, stream, seg))
        state->sides[0].exchange = state->sides[1].exchange = NULL;
    lamp_buffer_open(&step.side->buffer, seg, &step.view);
    gsize at = 0;
    while (at < step.view.bytes.len) {
        gboolean was_lost = step.side->is_lost;
        gsize n = was_lost ? step_lost(&step, at) : step_value(&step, at);
        if (n == 0 && (gboolean) step.side->is_lost == was_lost)
            break;
        if (n == 0 && step.side->is_lost)
            n = 1; /* the byte that began no value is passed over */
        at += n;
    }
    if (!lamp_buffer_close(&step.side->buffer, &step.view, MIN(at, step.view.bytes.len),
                           MAX_UNIT))
        lose(&step);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    RedisState *state = opaque;
    RedisSide *side = &state->sides[direction];
    lamp_buffer_clear(&side->buffer);
    if (missing < side->parser.skip) {
        side->parser.skip -= missing;
        if (side->exchange != NULL)
            side->exchange->flags |= LAMP_CALL_GAP;
        return;
    }
    state->has_lost = 1;
    lose_side(side);
    lose_pairing(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    RedisState *state = opaque;
    lose_pairing(state, stream, 0);
    lamp_buffer_clear(&state->sides[0].buffer);
    lamp_buffer_clear(&state->sides[1].buffer);
}

/* 0 cannot be, 1 too short to tell, 2 whole command or reply. */
static guint
score_side(LampBytes text, gboolean is_command)
{
    LampResp parser = {0};
    LampRespElement element;
    gsize n = lamp_resp_step(&parser, text, &element);
    if (element.is_bad || (is_command && element.type != '*'))
        return 0;
    if (n == 0 || element.ends)
        return n == 0 ? 1 : 2;
    gsize m = lamp_resp_step(&parser, lamp_bytes(text.at + n, text.len - n), &element);
    if (element.is_bad || (is_command && m > 0 && element.type != '$'))
        return 0;
    gboolean is_word = m > 0 && element.text.len > 0 && element.text.len <= 32;
    for (gsize i = 0; is_word && is_command && i < element.text.len; i++)
        is_word = g_ascii_isalpha(element.text.at[i]) || memchr("._", element.text.at[i], 2);
    return m == 0 ? 1 : is_word || !is_command ? 2 : 0;
}

/* Commands typed as a line are told from other lines by the answer only. */
static guint
score_inline(LampBytes text, LampBytes answer)
{
    static const char *const words[] = {"PING", "SET ", "GET ", "DEL ", "INFO", "INCR", "AUTH",
                                        "ECHO", "KEYS", "HELL", "QUIT", "MGET", "EXIS"};
    gboolean is_line = answer.len >= 4 && memchr("+-:$*", answer.at[0], 5) != NULL &&
                       score_side(answer, FALSE) == 2;
    for (gsize i = 0; is_line && text.len >= 4 && i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strncasecmp((const char *) text.at, words[i], 4) == 0)
            return memchr(text.at, '\n', text.len) != NULL ? 85 : 0;
    return 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    gboolean is_port = server_port == 6379;
    if (to_server.len == 0) {
        gboolean is_reply = to_client.len > 0 && score_side(to_client, FALSE) == 2;
        if (is_reply && score_side(to_client, TRUE) == 2) {
            *out_swapped = !is_port;
            return is_port ? 60 : 80;
        }
        return is_reply && is_port ? 60 : 0;
    }
    guint command = score_side(to_server, TRUE);
    guint answer = to_client.len > 0 ? score_side(to_client, FALSE) : 1;
    if (command > 0 && answer > 0)
        return command == 2 ? 90 + 5 * (answer == 2) : is_port ? 60 : 10;
    if (to_client.len > 0 && score_side(to_client, TRUE) == 2 &&
        score_side(to_server, FALSE) == 2) {
        *out_swapped = TRUE;
        return 90;
    }
    return score_inline(to_server, to_client);
}

const LampDissector lamp_dissector_redis = {
    .name = "redis",
    .summary = "Redis serialization protocol 2 and 3: commands paired with replies in order",
    .spec = "https://redis.io/docs/latest/develop/reference/protocol-spec/",
    .ports = {6379, 6380, 26379, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(RedisState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
