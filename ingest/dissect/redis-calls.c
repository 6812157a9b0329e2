/*
 * From commands and replies of Redis to calls.
 *
 * In: values, element by element, as redis.c reads them. Out: one call for each command, named
 * by command and key. Replies answer commands first in, first out; what the server sends
 * unasked (RESP3 pushes, messages to subscribers, MONITOR lines) answers nothing and becomes a
 * one-way call. A blocking command's long wait is its normal time.
 *
 * Of each string only its beginning is looked at, for ids and for the payload's fingerprint.
 * What is written to a list, stream or channel and what a consumer takes out get the same
 * fingerprint under the slot `payload`: that ties producer and consumer. A script may be
 * either, so its longer arguments and replies have fingerprints too; it is named by its digest.
 * Keys that name sessions or tokens are stored as a fingerprint only. Limits: base/limits.h
 * (PIPELINE, EXCHANGES, VALUE).
 */
#include "ingest/dissect/redis-calls.h"

#include "base/text.h"
#include "ingest/dissect/redis-commands.h"
#include "ingest/dissect/store-key.h"
#include "ingest/identifiers.h"

/* Scripts take options and counters besides payloads: theirs are longer. */
enum { MIN_PAYLOAD = 8, MIN_SCRIPT_PAYLOAD = 16, DIGEST = 40, DIGEST_SHOWN = 8 };

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static gboolean
word_is(LampBytes word, const char *name)
{
    return lamp_bytes_equal(word, lamp_bytes_text(name));
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

/* A text of @least_payload bytes and more is a payload. */
static void
add_text(LampExchange *exchange, LampSide side, LampBytes text, gsize least_payload)
{
    ValueTarget target = {exchange, side};
    lamp_identifiers_in_text(lamp_bytes(NULL, 0), text, add_text_value, &target);
    if (text.len >= least_payload)
        lamp_exchange_add_fingerprint(exchange, side, "payload", text);
}

static void
name_command(LampExchange *exchange, LampBytes name)
{
    char upper[32];
    gsize n = MIN(name.len, sizeof upper);
    for (gsize i = 0; i < n; i++) {
        guint8 b = name.at[i];
        upper[i] = (char) (b < ' ' || b > '~' ? '?' : b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b);
    }
    exchange->kind = (guint8) lamp_redis_command(lamp_bytes(upper, n));
    lamp_exchange_set_operation(exchange, lamp_bytes(upper, n));
}

/* What tells one script from another: the first digits of its digest, or a function's name. */
static void
name_script(LampExchange *exchange, LampBytes name)
{
    char operation[LAMP_EXCHANGE_OPERATION];
    gsize n = exchange->operation_len;
    gsize shown = MIN(name.len, name.len == DIGEST ? DIGEST_SHOWN : sizeof operation - n - 1);
    memcpy(operation, exchange->operation, n);
    operation[n++] = ' ';
    for (gsize i = 0; i < shown; i++)
        operation[n++] = (char) (g_ascii_isgraph(name.at[i]) ? name.at[i] : '?');
    lamp_exchange_set_operation(exchange, lamp_bytes(operation, n));
}

/* A script's @number-th string, from 1: what it is called, how many keys there are, the keys,
 * the arguments. Of the keys the first is named: the others lie beside it. */
static void
add_script_argument(LampExchange *exchange, guint number, LampBytes text)
{
    gint64 keys = 0;
    if (number == 1 && exchange->kind == LAMP_REDIS_DIGEST)
        name_script(exchange, text);
    else if (number == 2 && lamp_text_parse_i64(text, &keys))
        exchange->key_count = (guint8) CLAMP(keys, 0, G_MAXUINT8);
    else if (number == 3 && exchange->key_count > 0)
        lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, text);
    else if (number > 2u + exchange->key_count)
        add_text(exchange, LAMP_SIDE_REQUEST, text, MIN_SCRIPT_PAYLOAD);
}

/* CLIENT REPLY ON, OFF or SKIP, in key_count: 0 for all other words. */
typedef enum { REPLY_AS_BEFORE, REPLY_NAMED, REPLY_ON, REPLY_OFF, REPLY_SKIP } ReplyMode;

static void
read_client_word(LampExchange *exchange, guint number, LampBytes word)
{
    guint8 *mode = &exchange->key_count;
    if (number == 1)
        *mode = lamp_text_is_word(word, "reply", 5) ? REPLY_NAMED : REPLY_AS_BEFORE;
    else if (number == 2 && *mode == REPLY_NAMED)
        *mode = lamp_text_is_word(word, "on", 2)     ? REPLY_ON
                : lamp_text_is_word(word, "off", 3)  ? REPLY_OFF
                : lamp_text_is_word(word, "skip", 4) ? REPLY_SKIP
                                                     : REPLY_AS_BEFORE;
}

/* The @number-th string of a command, from 0. */
void
lamp_redis_add_argument(LampExchange *exchange, guint number, LampBytes text)
{
    LampRedisCommand kind = (LampRedisCommand) exchange->kind;
    gboolean has_key = kind != LAMP_REDIS_NO_KEY && kind != LAMP_REDIS_STREAMS &&
                       kind != LAMP_REDIS_MONITOR && kind != LAMP_REDIS_REPLICATE &&
                       kind != LAMP_REDIS_CLIENT;
    if (kind == LAMP_REDIS_CLIENT && number > 0)
        read_client_word(exchange, number, text);
    if (number == 0)
        name_command(exchange, text);
    else if (kind == LAMP_REDIS_SECRET)
        return;
    else if (kind == LAMP_REDIS_SCRIPT || kind == LAMP_REDIS_DIGEST)
        add_script_argument(exchange, number, text);
    else if (has_key && number == 1)
        lamp_exchange_add_key(exchange, LAMP_SIDE_REQUEST, text);
    else if (number > 1)
        add_text(exchange, LAMP_SIDE_REQUEST, text,
                 kind == LAMP_REDIS_PRODUCE ? MIN_PAYLOAD : G_MAXSIZE);
}

/* A string whose end was not captured: a key is named up to its last separator, anything else
 * would be taken for what it is not. */
static void
add_cut_argument(LampExchange *exchange, guint number, LampBytes text)
{
    LampRedisCommand kind = (LampRedisCommand) exchange->kind;
    if (number == 0)
        name_command(exchange, text);
    else if (number == 1 && (kind == LAMP_REDIS_PLAIN || kind == LAMP_REDIS_PRODUCE ||
                             kind == LAMP_REDIS_CONSUME || kind == LAMP_REDIS_SUBSCRIBE))
        lamp_exchange_add_cut_key(exchange, text);
}

/* From how many bytes on a string of the reply is a payload. */
static gsize
least_reply_payload(LampRedisCommand kind, gboolean is_push)
{
    if (kind == LAMP_REDIS_SCRIPT || kind == LAMP_REDIS_DIGEST)
        return MIN_SCRIPT_PAYLOAD;
    return is_push || kind == LAMP_REDIS_CONSUME || kind == LAMP_REDIS_STREAMS ? MIN_PAYLOAD
                                                                               : G_MAXSIZE;
}

static void
add_reply_string(LampExchange *exchange, guint number, LampBytes text)
{
    LampRedisCommand kind = (LampRedisCommand) exchange->kind;
    gboolean is_push = (exchange->flags & LAMP_CALL_ONE_WAY) != 0;
    if (kind == LAMP_REDIS_SECRET)
        return;
    if (is_push && number == 0)
        name_command(exchange, text);
    else if (is_push && number == 1)
        lamp_exchange_add_key(exchange, LAMP_SIDE_RESPONSE, text);
    else
        add_text(exchange, LAMP_SIDE_RESPONSE, text, least_reply_payload(kind, is_push));
}

void
lamp_redis_lose_pairing(LampRedisState *state, LampStream *stream, guint32 flags)
{
    lamp_pairing_lose(&state->pairing, stream, flags);
    if (state->unasked != NULL)
        lamp_exchange_emit(state->unasked, stream);
    state->unasked = NULL;
    state->sides[0].exchange = state->sides[1].exchange = NULL;
}

void
lamp_redis_lose_side(LampRedisSide *side)
{
    side->parser = (LampResp){0};
    side->is_in_value = 0;
    side->is_lost = 1;
}

void
lamp_redis_lose(LampRedisStep *step)
{
    if (!step->state->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, "redis.value",
                            "not a value of the protocol; looking for the next one");
    step->state->has_lost = 1;
    lamp_redis_lose_side(step->side);
    lamp_redis_lose_pairing(step->state, step->stream, 0);
}

LampExchange *
lamp_redis_begin_command(LampRedisStep *step)
{
    LampRedisState *state = step->state;
    if (lamp_redis_cut_answer(state) != NULL)
        lamp_exchange_emit(lamp_pairing_pop(&state->pairing), step->stream);
    LampExchange *exchange = lamp_exchange_new();
    state->commands++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->commands;
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(step->stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many commands wait for replies; pairing starts anew");
    lamp_redis_lose_pairing(state, step->stream, 0);
    return NULL;
}

typedef enum { REPLY_ANSWER, REPLY_MESSAGE, REPLY_IGNORE, REPLY_CUT } ReplyKind;

/* What a reply beginning at @bytes answers: arrays that say `message` were not asked for, and
 * of the acknowledgements of a subscription only the first answers the command. */
static ReplyKind
classify_reply(const LampRedisState *state, LampBytes bytes)
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
        oldest != NULL && (bytes.at[0] == '*' || oldest->kind == LAMP_REDIS_SUBSCRIBE);
    gboolean is_acknowledgement =
        word.text.len >= 9 && lamp_text_find(word.text, "subscribe") >= 0;
    if (is_acknowledgement && (oldest == NULL || oldest->kind != LAMP_REDIS_SUBSCRIBE))
        return REPLY_IGNORE;
    return is_answer ? REPLY_ANSWER : REPLY_IGNORE;
}

static LampExchange *
begin_message(LampRedisState *state)
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
begin_orphan(LampRedisStep *step)
{
    LampRedisState *state = step->state;
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
begin_reply(LampRedisStep *step, ReplyKind kind)
{
    LampRedisState *state = step->state;
    if (kind == REPLY_IGNORE || state->pairing.is_unsure)
        return NULL;
    if (kind == REPLY_MESSAGE)
        return begin_message(state);
    LampExchange *exchange = state->pairing.first;
    if (exchange == NULL)
        return begin_orphan(step);
    if (exchange->kind == LAMP_REDIS_SUBSCRIBE)
        state->is_subscribed = 1;
    if (exchange->kind == LAMP_REDIS_MONITOR)
        state->is_monitor = 1;
    if (exchange->kind == LAMP_REDIS_REPLICATE)
        state->is_replica = 1;
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

void
lamp_redis_note_bytes(LampRedisStep *step, gsize from, gsize to)
{
    LampExchange *exchange = step->side->exchange;
    if (exchange == NULL)
        return;
    if (step->segment->direction == LAMP_TO_CLIENT)
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}

/* Is @command, now whole, one that gets no reply? Takes what it says of later ones. */
static gboolean
is_unanswered(LampRedisState *state, const LampExchange *command)
{
    guint mode =
        command->kind == LAMP_REDIS_CLIENT ? command->key_count : (guint) REPLY_AS_BEFORE;
    gboolean is_silent = state->is_silent || state->skips_reply || state->is_replica;
    state->skips_reply = mode == REPLY_SKIP && !state->is_silent;
    if (mode == REPLY_ON || mode == REPLY_OFF)
        state->is_silent = mode == REPLY_OFF;
    return (is_silent || mode == REPLY_OFF || mode == REPLY_SKIP) && mode != REPLY_ON;
}

static void
finish_command(LampRedisStep *step, LampExchange *command)
{
    LampRedisState *state = step->state;
    if (!is_unanswered(state, command) || state->sides[LAMP_TO_CLIENT].exchange == command)
        return;
    command->flags |= LAMP_CALL_ONE_WAY;
    lamp_pairing_remove(&state->pairing, command);
    lamp_exchange_emit(command, step->stream);
}

void
lamp_redis_finish_value(LampRedisStep *step)
{
    LampRedisSide *side = step->side;
    LampRedisState *state = step->state;
    LampExchange *exchange = side->exchange;
    side->exchange = NULL;
    side->is_in_value = 0;
    side->element = 0;
    if (exchange != NULL && step->segment->direction == LAMP_TO_SERVER)
        finish_command(step, exchange);
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

void
lamp_redis_take_element(LampRedisStep *step, const LampRespElement *element)
{
    LampRedisSide *side = step->side;
    gboolean is_reply = step->segment->direction == LAMP_TO_CLIENT;
    if (side->exchange != NULL) {
        if (is_reply && element->type != 0)
            set_status(side->exchange, element);
        if (element->is_cut && !is_reply)
            add_cut_argument(side->exchange, side->element, element->text);
        else if (element->is_cut)
            ; /* a part of a payload is another payload */
        else if (element->is_string && is_reply)
            add_reply_string(side->exchange, side->element, element->text);
        else if (element->is_string)
            lamp_redis_add_argument(side->exchange, side->element, element->text);
    }
    side->element += element->is_string ? 1 : 0;
}

gboolean
lamp_redis_begin_value(LampRedisStep *step, LampBytes rest)
{
    ReplyKind kind = REPLY_ANSWER;
    if (step->segment->direction == LAMP_TO_CLIENT)
        kind = classify_reply(step->state, rest);
    if (kind == REPLY_CUT)
        return FALSE;
    step->side->exchange = step->segment->direction == LAMP_TO_CLIENT
                               ? begin_reply(step, kind)
                               : lamp_redis_begin_command(step);
    step->side->is_in_value = 1;
    return TRUE;
}
