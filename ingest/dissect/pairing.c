/*
 * The pool of exchanges, the queue of those that wait, and the making of the row.
 *
 * In: what a dissector learns of a request and its response. Out: one observation for each
 * call, through lamp_stream_call(). Freed blocks go to a short list of spares (none under
 * AddressSanitizer, which then sees every use after free). Keyed look-up walks the queue: it is
 * short in real traffic, and LAMP_LIMIT_PIPELINE bounds it in any.
 */
#include "ingest/dissect/pairing.h"

#include "base/limits.h"

enum { MAX_SPARES = 256, IDLE_NS = 100000000, SHORTEST_LITERAL = 2, LONGEST_LITERAL = 128 };

static _Thread_local LampExchange *spares;
static _Thread_local guint spare_count;
static _Thread_local guint live_count;

LampExchange *
lamp_exchange_new(void)
{
    if (live_count >= LAMP_LIMIT_EXCHANGES)
        return NULL;
    live_count++;
    LampExchange *exchange = spares;
    if (exchange != NULL) {
        spares = exchange->next;
        spare_count--;
    } else {
        exchange = g_malloc(sizeof *exchange);
    }
    memset(exchange, 0, G_STRUCT_OFFSET(LampExchange, operation));
    exchange->request_first = exchange->request_last = LAMP_TIME_NONE;
    exchange->response_first = exchange->response_last = LAMP_TIME_NONE;
    exchange->request_sequence = exchange->response_sequence = -1;
    return exchange;
}

void
lamp_exchange_free(LampExchange *exchange)
{
    if (exchange == NULL)
        return;
    live_count--;
#ifndef __SANITIZE_ADDRESS__
    if (spare_count < MAX_SPARES) {
        exchange->next = spares;
        spares = exchange;
        spare_count++;
        return;
    }
#endif
    g_free(exchange);
}

void
lamp_exchange_set_operation(LampExchange *exchange, LampBytes operation)
{
    gsize n = MIN(operation.len, sizeof exchange->operation);
    if (n > 0)
        memcpy(exchange->operation, operation.at, n);
    exchange->operation_len = (guint8) n;
}

void
lamp_exchange_set_status(LampExchange *exchange, LampBytes status)
{
    gsize n = MIN(status.len, sizeof exchange->status);
    if (n > 0)
        memcpy(exchange->status, status.at, n);
    exchange->status_len = (guint8) n;
}

/* Takes the value at *at out of the packed texts; FALSE at their end. */
static gboolean
next_value(const LampExchange *exchange, gsize *at, LampValue *out_value)
{
    if (*at + 4 > exchange->text_len)
        return FALSE;
    const guint8 *p = exchange->text + *at;
    gsize slot_len = p[1], value_len = lamp_be16(p + 2);
    *out_value = (LampValue){.side = (LampSide) p[0],
                             .slot = lamp_bytes(p + 4, slot_len),
                             .value = lamp_bytes(p + 4 + slot_len, value_len)};
    *at += 4 + slot_len + value_len;
    return TRUE;
}

static gboolean
has_value(const LampExchange *exchange, const LampValue *value)
{
    LampValue other;
    gsize at = 0;
    while (next_value(exchange, &at, &other))
        if (other.side == value->side && lamp_bytes_equal(other.value, value->value) &&
            lamp_bytes_equal(other.slot, value->slot))
            return TRUE;
    return FALSE;
}

void
lamp_exchange_add_value(LampExchange *exchange, LampSide side, const char *prefix,
                        LampBytes name, LampBytes value)
{
    gsize prefix_len = strlen(prefix), slot_len = prefix_len + name.len;
    guint8 *count = &exchange->value_counts[side == LAMP_SIDE_RESPONSE];
    if (value.len == 0 || value.len > LAMP_LIMIT_VALUE || slot_len > 64 ||
        *count >= LAMP_EXCHANGE_VALUES)
        return;
    if (exchange->text_len + 4 + slot_len + value.len > sizeof exchange->text)
        return;
    guint8 *p = exchange->text + exchange->text_len;
    p[0] = (guint8) side;
    p[1] = (guint8) slot_len;
    p[2] = (guint8) (value.len >> 8);
    p[3] = (guint8) value.len;
    memcpy(p + 4, prefix, prefix_len);
    if (name.len > 0)
        memcpy(p + 4 + prefix_len, name.at, name.len);
    memcpy(p + 4 + slot_len, value.at, value.len);
    LampValue added = {side, lamp_bytes(p + 4, slot_len),
                       lamp_bytes(p + 4 + slot_len, value.len)};
    if (has_value(exchange, &added))
        return;
    exchange->text_len = (guint16) (exchange->text_len + 4 + slot_len + value.len);
    *count = (guint8) (*count + 1);
}

void
lamp_exchange_add_numbered(LampExchange *exchange, LampSide side, const char *prefix,
                           guint number, LampBytes value)
{
    /* Written by hand: printing took a fortieth of the time from capture to stored call. */
    char digits[10];
    gsize at = sizeof digits;
    do {
        digits[--at] = (char) ('0' + number % 10);
        number /= 10;
    } while (number > 0);
    lamp_exchange_add_value(exchange, side, prefix, lamp_bytes(digits + at, sizeof digits - at),
                            value);
}

void
lamp_exchange_add_literal(gpointer exchange, guint number, LampBytes value)
{
    if (value.len >= SHORTEST_LITERAL && value.len <= LONGEST_LITERAL)
        lamp_exchange_add_numbered(exchange, LAMP_SIDE_REQUEST, "literal.", number, value);
}

void
lamp_exchange_request_bytes(LampExchange *exchange, const LampView *view, gsize from, gsize to)
{
    if (to <= from)
        return;
    if (exchange->request_first == LAMP_TIME_NONE) {
        exchange->request_first = lamp_view_time(view, from);
        exchange->request_sequence = lamp_view_sequence(view, from);
    }
    exchange->request_last = lamp_view_time(view, to - 1);
    exchange->request_bytes += to - from;
}

void
lamp_exchange_response_bytes(LampExchange *exchange, const LampView *view, gsize from, gsize to)
{
    if (to <= from)
        return;
    if (exchange->response_first == LAMP_TIME_NONE) {
        exchange->response_first = lamp_view_time(view, from);
        exchange->response_sequence = lamp_view_sequence(view, from);
    }
    exchange->response_last = lamp_view_time(view, to - 1);
    exchange->response_bytes += to - from;
}

void
lamp_exchange_emit(LampExchange *exchange, LampStream *stream)
{
    LampValue values[2 * LAMP_EXCHANGE_VALUES];
    gsize count = 0, at = 0;
    while (count < G_N_ELEMENTS(values) && next_value(exchange, &at, &values[count]))
        count++;
    const char *protocol = exchange->protocol;
    LampObservationRow row = {
        .protocol = protocol != NULL ? lamp_bytes_text(protocol) : lamp_bytes(NULL, 0),
        .position = exchange->position,
        .request_sequence = exchange->request_sequence,
        .response_sequence = exchange->response_sequence,
        .operation = lamp_bytes(exchange->operation, exchange->operation_len),
        .status = lamp_bytes(exchange->status, exchange->status_len),
        .is_error = exchange->is_error,
        .flags = exchange->flags,
        .request_first = exchange->request_first,
        .request_last = exchange->request_last,
        .response_first = exchange->response_first,
        .response_last = exchange->response_last,
        .request_bytes = exchange->request_bytes,
        .response_bytes = exchange->response_bytes,
        .values = values,
        .value_count = count,
    };
    lamp_stream_call(stream, &row);
    lamp_exchange_free(exchange);
}

gboolean
lamp_pairing_push(LampPairing *pairing, LampExchange *exchange)
{
    if (pairing->count >= LAMP_LIMIT_PIPELINE)
        return FALSE;
    exchange->next = NULL;
    if (pairing->last != NULL)
        pairing->last->next = exchange;
    else
        pairing->first = exchange;
    pairing->last = exchange;
    pairing->count++;
    return TRUE;
}

LampExchange *
lamp_pairing_pop(LampPairing *pairing)
{
    LampExchange *exchange = pairing->first;
    if (exchange == NULL)
        return NULL;
    pairing->first = exchange->next;
    if (pairing->first == NULL)
        pairing->last = NULL;
    pairing->count--;
    exchange->next = NULL;
    return exchange;
}

LampExchange *
lamp_pairing_find(const LampPairing *pairing, guint64 key)
{
    LampExchange *exchange = pairing->first;
    while (exchange != NULL && exchange->key != key)
        exchange = exchange->next;
    return exchange;
}

gboolean
lamp_pairing_remove(LampPairing *pairing, LampExchange *exchange)
{
    LampExchange *before = NULL, *at = pairing->first;
    while (at != NULL && at != exchange) {
        before = at;
        at = at->next;
    }
    if (at == NULL)
        return FALSE;
    if (before == NULL)
        return lamp_pairing_pop(pairing) == exchange;
    before->next = exchange->next;
    if (pairing->last == exchange)
        pairing->last = before;
    pairing->count--;
    exchange->next = NULL;
    return TRUE;
}

void
lamp_pairing_drop(LampPairing *pairing, LampStream *stream, guint32 flags)
{
    LampExchange *exchange;
    while ((exchange = lamp_pairing_pop(pairing)) != NULL) {
        exchange->flags |= flags;
        if (exchange->response_first == LAMP_TIME_NONE &&
            (exchange->flags & LAMP_CALL_ONE_WAY) == 0)
            exchange->flags |= LAMP_CALL_NO_RESPONSE;
        lamp_exchange_emit(exchange, stream);
    }
}

void
lamp_pairing_lose(LampPairing *pairing, LampStream *stream, guint32 flags)
{
    guint32 unanswered = 0;
    for (LampExchange *e = pairing->first; e != NULL; e = e->next)
        if (e->response_first == LAMP_TIME_NONE)
            unanswered++;
        else if (!e->response_done)
            e->flags |= LAMP_CALL_ABORTED;
    lamp_pairing_drop(pairing, stream, flags);
    if (unanswered > 1) {
        pairing->is_unsure = TRUE;
        pairing->last_time = LAMP_TIME_NONE;
    }
}

gboolean
lamp_pairing_tick(LampPairing *pairing, LampStream *stream, const LampSegment *segment)
{
    if (!pairing->is_unsure)
        return FALSE;
    LampTime last = pairing->last_time;
    pairing->last_time = segment->time;
    if (segment->direction != LAMP_TO_SERVER || last == LAMP_TIME_NONE ||
        segment->time - last < IDLE_NS)
        return FALSE;
    lamp_pairing_drop(pairing, stream, LAMP_CALL_GAP);
    pairing->is_unsure = FALSE;
    return TRUE;
}
