/*
 * @summary Redis serialization protocol 2 and 3: commands paired with replies in order
 * @spec https://redis.io/docs/latest/develop/reference/protocol-spec/
 *
 * In: both streams of a connection. Out: values, from which redis-calls.c makes calls. They are
 * read element by element (resp.c), so a reply of any size is walked without being kept. Lines
 * of words, as typed by hand, are commands too.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/redis-calls.h"

enum { MAX_INLINE = 4096, MAX_UNIT = LAMP_RESP_TEXT + 65536 };

/* Splits a line of words, as typed by hand or sent by health checks, into a command. */
static gsize
step_inline(LampRedisStep *step, gsize at)
{
    LampCursor c = lamp_cursor(lamp_view_from(&step->view, at));
    LampBytes line;
    gsize left = lamp_cursor_left(&c);
    if (!lamp_cursor_line(&c, &line)) {
        if (left > MAX_INLINE)
            lamp_redis_lose(step);
        return 0;
    }
    gsize n = left - lamp_cursor_left(&c);
    line = lamp_text_trim(line);
    if (line.len == 0)
        return n;
    step->side->exchange = lamp_redis_begin_command(step);
    lamp_redis_note_bytes(step, at, at + n);
    for (guint number = 0; line.len > 0 && step->side->exchange != NULL && number < 64;
         number++) {
        const guint8 *blank = memchr(line.at, ' ', line.len);
        gsize len = blank == NULL ? line.len : (gsize) (blank - line.at);
        lamp_redis_add_argument(step->side->exchange, number, lamp_bytes(line.at, len));
        line = lamp_text_trim(lamp_bytes(line.at + len, line.len - len));
    }
    lamp_redis_finish_value(step);
    return n;
}

static gsize
step_value(LampRedisStep *step, gsize at)
{
    LampRedisSide *side = step->side;
    LampBytes rest = lamp_view_from(&step->view, at);
    gboolean is_command = step->segment->direction == LAMP_TO_SERVER;
    if (!side->is_in_value && !is_command && step->state->is_replica)
        return rest.len;
    if (!side->is_in_value && is_command && rest.at[0] != '*') {
        if (g_ascii_isalpha(rest.at[0]) || rest.at[0] == '\r' || rest.at[0] == '\n')
            return step_inline(step, at);
        lamp_redis_lose(step);
        return 0;
    }
    LampResp before = side->parser;
    LampRespElement element;
    gsize n = lamp_resp_step(&side->parser, rest, &element);
    if (element.is_bad) {
        lamp_redis_lose(step);
        return 0;
    }
    if (n == 0 || (!side->is_in_value && !lamp_redis_begin_value(step, rest))) {
        side->parser = before;
        return 0;
    }
    lamp_redis_note_bytes(step, at, at + n);
    lamp_redis_take_element(step, &element);
    if (element.ends)
        lamp_redis_finish_value(step);
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

/* Words that a line begins with as it is typed by hand, or sent by health checks. */
static gboolean
begins_line(LampBytes text)
{
    static const char *const words[] = {"PING", "SET ", "GET ", "DEL ", "INFO", "INCR", "AUTH",
                                        "ECHO", "KEYS", "HELL", "QUIT", "MGET", "EXIS"};
    for (gsize i = 0; text.len >= 4 && i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strncasecmp((const char *) text.at, words[i], 4) == 0)
            return memchr(text.at, '\n', text.len) != NULL;
    return FALSE;
}

/* Passes over bytes until a value may begin: at a segment's begin or behind a line end. */
static gsize
step_lost(LampRedisStep *step, gsize at)
{
    gboolean is_command = step->segment->direction == LAMP_TO_SERVER;
    LampBytes rest = lamp_view_from(&step->view, at);
    gsize i = 0;
    if (!is_command && lamp_redis_cut_answer(step->state) != NULL)
        i = rest.len; /* the values of an answer look like answers */
    for (; i < rest.len; i++) {
        if (i > 0 && rest.at[i - 1] != '\n')
            continue;
        LampBytes from = lamp_bytes(rest.at + i, rest.len - i);
        gboolean is_line = at + i == 0 && is_command && begins_line(from);
        if (!is_line && !may_begin_value(from, is_command))
            continue;
        step->side->is_lost = 0;
        break;
    }
    lamp_redis_note_cut(step, at, at + i);
    return i;
}

static void
begin(gpointer opaque, LampStream *stream)
{
    LampRedisState *state = opaque;
    if (lamp_stream_is_midstream(stream))
        state->sides[0].is_lost = state->sides[1].is_lost = 1;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    LampRedisState *state = opaque;
    LampRedisStep step = {.state = state,
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
        lamp_redis_lose(&step);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    LampRedisState *state = opaque;
    LampRedisSide *side = &state->sides[direction];
    gboolean is_cut = lamp_redis_take_cut(state, stream, direction, missing);
    lamp_buffer_clear(&side->buffer);
    if (is_cut)
        return;
    state->has_lost = 1;
    lamp_redis_lose_side(side);
    lamp_redis_lose_pairing(state, stream, LAMP_CALL_GAP);
}

static void
end(gpointer opaque, LampStream *stream)
{
    LampRedisState *state = opaque;
    lamp_redis_lose_pairing(state, stream, 0);
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
    gboolean is_line = answer.len >= 4 && memchr("+-:$*", answer.at[0], 5) != NULL &&
                       score_side(answer, FALSE) == 2;
    return is_line && begins_line(text) ? 85 : 0;
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
    .state_size = sizeof(LampRedisState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
