/*
 * Messages of PostgreSQL's protocol of which only the begin was captured, as with a snap length
 * of 96 bytes.
 *
 * In: a gap behind the begin of a message, or of a packet of several. Out: the message as far
 * as it is there; where its length says that it alone is cut, reading goes on behind it.
 * Otherwise what the rest of the packet held is not known: client and server are taken to speak
 * in turns, so the call is over at a ReadyForQuery that was captured, or when the client goes
 * on. Limits: only where no other call waits, and for a gap that one packet may hide.
 */
#include "base/limits.h"
#include "ingest/dissect/postgresql-calls.h"

/* Reads the message whose begin is held. */
static void
read_held(LampPgStep *step)
{
    LampPgSide *side = step->side;
    gboolean is_server = lamp_pg_is_server_side(step);
    if (side->is_lost || !step->state->is_started || side->buffer.len < LAMP_PG_HEADER ||
        (is_server && step->state->awaits_tls))
        return;
    lamp_buffer_open(&side->buffer, step->segment, &step->view);
    LampBytes held = step->view.bytes;
    gsize length = lamp_pg_message_length(held, is_server);
    if (length <= held.len)
        return;
    LampBytes body = lamp_bytes(held.at + LAMP_PG_HEADER, held.len - LAMP_PG_HEADER);
    side->skip = length - held.len;
    if (is_server)
        lamp_pg_read_backend(step, held.at[0], body, 0, held.len);
    else
        lamp_pg_read_frontend(step, held.at[0], body, 0, held.len);
}

static void
note_missing(const LampPgStep *step, LampExchange *exchange, guint64 missing)
{
    if (exchange == NULL)
        return;
    exchange->flags |= LAMP_CALL_GAP;
    *(lamp_pg_is_server_side(step) ? &exchange->response_bytes : &exchange->request_bytes) +=
        missing;
}

/* The call whose answer, or request, ends somewhere in the gap; NULL where that is not sure. */
static LampExchange *
find_cut(const LampPgStep *step)
{
    const LampPgState *state = step->state;
    LampExchange *first = state->pairing.first;
    gboolean is_alone = state->pairing.count + (state->building != NULL ? 1u : 0u) == 1;
    if (!is_alone)
        return NULL;
    if (lamp_pg_is_server_side(step))
        return lamp_pg_sending(state, TRUE);
    return first != NULL && lamp_pg_is_copied_into(first) ? first : state->building;
}

/* Rows to copy go on behind the gap; any other request is over. */
static void
end_part(const LampPgStep *step, LampExchange *exchange)
{
    if (lamp_pg_is_server_side(step))
        exchange->response_done = TRUE;
    else if (exchange == step->state->building)
        exchange->request_done = TRUE;
}

gboolean
lamp_pg_take_cut(LampPgState *state, LampStream *stream, LampDirection direction,
                 guint64 missing)
{
    LampPgSide *side = &state->sides[direction];
    LampSegment nothing = {.direction = direction, .sequence = -1};
    LampPgStep step = {.state = state, .stream = stream, .side = side, .segment = &nothing};
    if (side->skip == 0)
        read_held(&step);
    if (missing <= side->skip) {
        side->skip -= missing;
        note_missing(&step, lamp_pg_sending(state, lamp_pg_is_server_side(&step)), missing);
        return TRUE;
    }
    LampExchange *exchange = missing <= LAMP_LIMIT_PACKET ? find_cut(&step) : NULL;
    if (exchange == NULL)
        return FALSE;
    gsize unread = side->skip == 0 ? side->buffer.len : 0; /* less than a header */
    note_missing(&step, exchange, missing + unread);
    end_part(&step, exchange);
    side->skip = 0;
    side->is_lost = state->has_lost = 1;
    return TRUE;
}

void
lamp_pg_note_cut(const LampPgStep *step, gsize from, gsize to)
{
    LampPgState *state = step->state;
    LampExchange *exchange = lamp_pg_sending(state, lamp_pg_is_server_side(step));
    if (exchange == NULL)
        return;
    if (lamp_pg_is_server_side(step) && exchange->response_done)
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else if (!lamp_pg_is_server_side(step) && exchange->request_done &&
             exchange == state->building)
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}
