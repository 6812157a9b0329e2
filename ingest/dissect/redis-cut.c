/*
 * Commands and replies of Redis of which only the begin was captured, as with a snap length of
 * 96 bytes.
 *
 * In: a gap inside a value. Out: the string at hand as far as it is there; where its length
 * says that it alone is cut, reading goes on behind it. Otherwise client and server are taken
 * to speak in turns: a command is over with its packet, a reply when the client goes on.
 * Limits: only where no other command waits, and for a gap that one packet may hide.
 */
#include "base/limits.h"
#include "ingest/dissect/redis-calls.h"

/* Reads the element whose begin is held; FALSE where there is none to read. */
static gboolean
read_held(LampRedisStep *step)
{
    LampRedisSide *side = step->side;
    LampRespElement element;
    LampResp parser = side->parser;
    if (side->is_lost || side->buffer.len == 0)
        return FALSE;
    lamp_buffer_open(&side->buffer, step->segment, &step->view);
    LampBytes held = step->view.bytes;
    gboolean may_begin =
        step->segment->direction == LAMP_TO_CLIENT || side->is_in_value || held.at[0] == '*';
    if (!may_begin || !lamp_resp_cut(&parser, held, &element) ||
        (!side->is_in_value && !lamp_redis_begin_value(step, held)))
        return FALSE;
    side->parser = parser;
    lamp_redis_note_bytes(step, 0, held.len);
    lamp_redis_take_element(step, &element);
    return TRUE;
}

static void
note_missing(const LampRedisStep *step, LampExchange *exchange, guint64 missing)
{
    if (exchange == NULL)
        return;
    exchange->flags |= LAMP_CALL_GAP;
    *(step->segment->direction == LAMP_TO_CLIENT ? &exchange->response_bytes
                                                 : &exchange->request_bytes) += missing;
}

/* The call whose command, or reply, ends somewhere in the gap; NULL where that is not sure. */
static LampExchange *
find_cut(const LampRedisStep *step)
{
    const LampRedisState *state = step->state;
    LampExchange *first = state->pairing.first;
    if (state->pairing.count != 1 || state->pairing.is_unsure || state->is_monitor ||
        state->is_subscribed || state->unasked != NULL)
        return NULL;
    if (step->segment->direction == LAMP_TO_SERVER && step->side->exchange != first)
        return NULL;
    return first;
}

gboolean
lamp_redis_take_cut(LampRedisState *state, LampStream *stream, LampDirection direction,
                    guint64 missing)
{
    LampRedisSide *side = &state->sides[direction];
    LampSegment nothing = {.direction = direction, .sequence = -1};
    LampRedisStep step = {.state = state, .stream = stream, .side = side, .segment = &nothing};
    gsize unread = side->buffer.len; /* of an element whose length is not there */
    if (side->parser.skip == 0 && read_held(&step))
        unread = 0;
    if (missing <= side->parser.skip) {
        note_missing(&step, side->exchange, missing);
        if (lamp_resp_pass(&side->parser, missing))
            lamp_redis_finish_value(&step);
        return TRUE;
    }
    LampExchange *exchange = missing <= LAMP_LIMIT_PACKET ? find_cut(&step) : NULL;
    if (exchange == NULL)
        return FALSE;
    note_missing(&step, exchange, missing + unread);
    if (direction == LAMP_TO_CLIENT)
        exchange->response_done = TRUE;
    state->has_lost = 1;
    side->exchange = NULL;
    side->element = 0;
    lamp_redis_lose_side(side);
    return TRUE;
}

LampExchange *
lamp_redis_cut_answer(const LampRedisState *state)
{
    LampExchange *first = state->pairing.first;
    return first != NULL && first->response_done ? first : NULL;
}

void
lamp_redis_note_cut(const LampRedisStep *step, gsize from, gsize to)
{
    LampExchange *exchange = lamp_redis_cut_answer(step->state);
    if (exchange != NULL && step->segment->direction == LAMP_TO_CLIENT)
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
}
