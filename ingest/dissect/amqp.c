/*
 * @summary AMQP 0-9-1: messages published, delivered and fetched
 * @spec https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf
 *
 * In: both streams of a connection. Out: one call for each message: `publish` (answered by the
 * broker's confirmation where the channel asked for them, else one-way), `deliver` (one-way,
 * from the broker) and `get` (a call). Each kind is numbered by itself; setting up connections,
 * channels, exchanges and queues is no call.
 *
 *     frame: type u8 (1 method, 2 header, 3 body, 8 heartbeat), channel u16, size u32, payload,
 * 0xCE
 *
 * Publisher and consumer are tied by values that both sides show: the payload's fingerprint
 * (of its first 4 KiB), message and correlation ids, ids in headers and JSON bodies. Limits: 64
 * channels of a connection are followed, LAMP_LIMIT_PIPELINE unconfirmed messages.
 */
#include "base/limits.h"
#include "ingest/dissect/framing.h"
#include "ingest/dissect/store-key.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

enum {
    HEADER = 7,
    OVERHEAD = 8,
    LOOK = 4096 + OVERHEAD,
    MAX_FRAME = 16777216,
    MAX_CHANNELS = 64
};
enum { FRAME_METHOD = 1, FRAME_HEADER = 2, FRAME_BODY = 3, FRAME_HEARTBEAT = 8 };

/* class << 16 | method */
enum {
    BASIC_PUBLISH = 60 << 16 | 40,
    BASIC_DELIVER = 60 << 16 | 60,
    BASIC_GET = 60 << 16 | 70,
    BASIC_GET_OK = 60 << 16 | 71,
    BASIC_GET_EMPTY = 60 << 16 | 72,
    BASIC_ACK = 60 << 16 | 80,
    BASIC_NACK = 60 << 16 | 120,
    CONFIRM_SELECT = 85 << 16 | 10,
};

typedef enum { KIND_PUBLISH = 1, KIND_DELIVER, KIND_GET } MessageKind;

/* What goes on in one channel. */
typedef struct {
    guint16 number;
    gboolean is_confirmed;
    gboolean has_payload;     /* of the message being received */
    guint64 next_tag;         /* of the next message published */
    guint64 body_left[2];     /* by direction */
    LampExchange *content[2]; /* message being received */
    LampExchange *get;        /* waits for its answer */
} Channel;

typedef struct {
    LampFramer framer;
    LampPairing confirms; /* key: channel << 48 | tag */
    GArray *channels;     /* of Channel, or NULL */
    guint64 counts[4];    /* by MessageKind */
} AmqpState;

static const char protocol_header[] = "AMQP\0\0\x09\x01";

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    if (direction == LAMP_TO_SERVER && memcmp(bytes.at, protocol_header, 5) == 0)
        return 8;
    guint8 type = bytes.at[0];
    gsize size = lamp_be32(bytes.at + 3);
    gboolean is_type = type >= FRAME_METHOD && type <= FRAME_BODY;
    if ((!is_type && (type != FRAME_HEARTBEAT || size != 0)) || size > MAX_FRAME)
        return 0;
    if (bytes.len >= size + OVERHEAD && bytes.at[size + OVERHEAD - 1] != 0xce)
        return 0;
    return size + OVERHEAD;
}

static Channel *
find_channel(AmqpState *state, guint16 number)
{
    if (state->channels == NULL)
        state->channels = g_array_new(FALSE, TRUE, sizeof(Channel));
    for (guint i = 0; i < state->channels->len; i++)
        if (g_array_index(state->channels, Channel, i).number == number)
            return &g_array_index(state->channels, Channel, i);
    if (state->channels->len >= MAX_CHANNELS)
        return NULL;
    Channel channel = {.number = number, .next_tag = 1};
    g_array_append_val(state->channels, channel);
    return &g_array_index(state->channels, Channel, state->channels->len - 1);
}

static gboolean
take_short(LampCursor *c, LampBytes *out_text)
{
    guint8 length;
    return lamp_cursor_u8(c, &length) && lamp_cursor_take(c, length, out_text);
}

static LampExchange *
new_message(AmqpState *state, MessageKind kind)
{
    LampExchange *exchange = lamp_exchange_new();
    state->counts[kind]++;
    if (exchange == NULL)
        return NULL;
    exchange->kind = (guint8) kind;
    exchange->position = state->counts[kind];
    return exchange;
}

static void
emit(AmqpState *state, LampStream *stream, LampExchange *exchange)
{
    for (guint i = 0; state->channels != NULL && i < state->channels->len; i++) {
        Channel *channel = &g_array_index(state->channels, Channel, i);
        for (guint d = 0; d < 2; d++)
            if (channel->content[d] == exchange)
                channel->content[d] = NULL;
        if (channel->get == exchange)
            channel->get = NULL;
    }
    lamp_framer_emit(&state->framer, &state->confirms, stream, exchange);
}

static LampSide
side_of(const LampExchange *exchange)
{
    return exchange->kind == KIND_PUBLISH ? LAMP_SIDE_REQUEST : LAMP_SIDE_RESPONSE;
}

/* "publish exchange key" with ids folded. */
static void
name_message(LampExchange *exchange, const char *verb, LampBytes place, LampBytes key)
{
    char text[LAMP_EXCHANGE_OPERATION];
    gint n = g_snprintf(text, sizeof text, "%s", verb);
    gsize len = (gsize) MAX(n, 0);
    LampBytes parts[] = {place, key};
    for (gsize i = 0; i < 2; i++) {
        if (parts[i].len == 0 || len + 1 >= sizeof text)
            continue;
        text[len++] = ' ';
        len += lamp_operation_fold_key(parts[i], text + len, sizeof text - len, NULL, NULL);
    }
    lamp_exchange_set_operation(exchange, lamp_bytes(text, len));
    lamp_exchange_add_value(exchange, side_of(exchange), "routing-key", lamp_bytes(NULL, 0),
                            key);
}

static void
begin_publish(AmqpState *state, LampStream *stream, Channel *channel, LampCursor c)
{
    LampBytes place, key;
    if (!lamp_cursor_skip(&c, 2) || !take_short(&c, &place) || !take_short(&c, &key))
        return;
    LampExchange *exchange = new_message(state, KIND_PUBLISH);
    if (channel->content[LAMP_TO_SERVER] != NULL)
        emit(state, stream, channel->content[LAMP_TO_SERVER]);
    channel->content[LAMP_TO_SERVER] = exchange;
    if (exchange == NULL)
        return;
    name_message(exchange, "publish", place, key);
    exchange->key = (guint64) channel->number << 48 | channel->next_tag++;
    if (!channel->is_confirmed || !lamp_pairing_push(&state->confirms, exchange))
        exchange->flags |= LAMP_CALL_ONE_WAY;
}

static void
begin_deliver(AmqpState *state, LampStream *stream, Channel *channel, LampCursor c)
{
    LampBytes consumer, place, key;
    if (!take_short(&c, &consumer) || !lamp_cursor_skip(&c, 9) || !take_short(&c, &place) ||
        !take_short(&c, &key))
        return;
    LampExchange *exchange = new_message(state, KIND_DELIVER);
    if (channel->content[LAMP_TO_CLIENT] != NULL)
        emit(state, stream, channel->content[LAMP_TO_CLIENT]);
    channel->content[LAMP_TO_CLIENT] = exchange;
    if (exchange == NULL)
        return;
    exchange->flags = LAMP_CALL_ONE_WAY;
    name_message(exchange, "deliver", place, key);
}

static LampExchange *
begin_get(AmqpState *state, LampStream *stream, Channel *channel, LampCursor c)
{
    LampBytes queue;
    if (!lamp_cursor_skip(&c, 2) || !take_short(&c, &queue))
        return NULL;
    if (channel->get != NULL) {
        channel->get->flags |= LAMP_CALL_NO_RESPONSE;
        emit(state, stream, channel->get);
    }
    channel->get = new_message(state, KIND_GET);
    if (channel->get != NULL)
        name_message(channel->get, "get", queue, lamp_bytes(NULL, 0));
    return channel->get;
}

/* The broker's confirmation of one message or of all up to one. */
static void
confirm(AmqpState *state, LampStream *stream, const Channel *channel, const LampFrame *frame,
        gboolean is_ack)
{
    LampBytes body = lamp_bytes(frame->bytes.at + HEADER + 4, frame->bytes.len - HEADER - 4);
    if (body.len < 9)
        return;
    guint64 tag = lamp_be64(body.at);
    gboolean is_multiple = (body.at[8] & 1) != 0;
    for (LampExchange *e = state->confirms.first, *next; e != NULL; e = next) {
        next = e->next;
        guint64 own = e->key & 0xffffffffffff;
        if (e->key >> 48 != channel->number || !(own == tag || (is_multiple && own < tag)))
            continue;
        e->response_first = e->response_last = frame->time;
        e->response_sequence = frame->sequence;
        e->response_bytes = frame->length;
        e->is_error = !is_ack;
        lamp_exchange_set_status(e, lamp_bytes_text(is_ack ? "ack" : "nack"));
        emit(state, stream, e);
    }
}

static void
read_method(AmqpState *state, LampStream *stream, LampFrame *frame, Channel *channel)
{
    LampCursor c = lamp_cursor(lamp_bytes(frame->bytes.at + HEADER, frame->bytes.len - HEADER));
    guint32 method;
    if (!lamp_cursor_be32(&c, &method))
        return;
    gboolean from_client = frame->direction == LAMP_TO_SERVER;
    if (method == BASIC_PUBLISH && from_client) {
        begin_publish(state, stream, channel, c);
        frame->exchange = channel->content[LAMP_TO_SERVER];
    } else if (method == BASIC_DELIVER && !from_client) {
        begin_deliver(state, stream, channel, c);
        frame->exchange = channel->content[LAMP_TO_CLIENT];
    } else if (method == BASIC_GET && from_client) {
        frame->exchange = begin_get(state, stream, channel, c);
    } else if ((method == BASIC_GET_OK || method == BASIC_GET_EMPTY) && channel->get != NULL) {
        frame->exchange = channel->get;
        gboolean is_empty = method == BASIC_GET_EMPTY;
        lamp_exchange_set_status(channel->get, lamp_bytes_text(is_empty ? "empty" : "ok"));
        channel->content[LAMP_TO_CLIENT] = is_empty ? NULL : channel->get;
        frame->note = is_empty ? 1 : 0;
    } else if ((method == BASIC_ACK || method == BASIC_NACK) && !from_client) {
        confirm(state, stream, channel, frame, method == BASIC_ACK);
    } else if (method == CONFIRM_SELECT) {
        channel->is_confirmed = TRUE;
        channel->next_tag = 1;
    }
}

/* Text entries of a header table that carry trace ids; stops at a type that it does not know.
 */
static void
read_table(LampExchange *exchange, LampBytes table)
{
    LampCursor c = lamp_cursor(table);
    LampBytes name, value;
    while (take_short(&c, &name)) {
        guint8 type;
        guint32 length;
        if (!lamp_cursor_u8(&c, &type) || type != 'S' || !lamp_cursor_be32(&c, &length) ||
            !lamp_cursor_take(&c, length, &value))
            return;
        if (!lamp_identifier_is_header(name))
            continue;
        lamp_exchange_add_value(exchange, side_of(exchange), "header.", name, value);
        lamp_exchange_add_value(exchange, side_of(exchange), "header.trace",
                                lamp_bytes(NULL, 0), lamp_identifier_trace_part(name, value));
    }
}

/* Content header: class, weight, body size, a bit for each property, the properties. */
static void
read_header(Channel *channel, LampExchange *exchange, const LampFrame *frame)
{
    LampCursor c = lamp_cursor(lamp_bytes(frame->bytes.at + HEADER, frame->bytes.len - HEADER));
    LampBytes fixed, text;
    if (!lamp_cursor_take(&c, 14, &fixed))
        return;
    channel->body_left[frame->direction] = lamp_be64(fixed.at + 4);
    channel->has_payload = FALSE;
    guint flags = lamp_be16(fixed.at + 12);
    for (gint bit = 15; bit >= 7; bit--) {
        guint32 length;
        if ((flags & 1u << bit) == 0)
            continue;
        if (bit == 13) {
            if (!lamp_cursor_be32(&c, &length) || !lamp_cursor_take(&c, length, &text))
                return;
            read_table(exchange, text);
        } else if (bit == 12 || bit == 11) {
            if (!lamp_cursor_skip(&c, 1))
                return;
        } else if (!take_short(&c, &text)) {
            return;
        } else if (bit == 10 || bit == 7) {
            lamp_exchange_add_value(exchange, side_of(exchange),
                                    bit == 7 ? "message-id" : "correlation-id",
                                    lamp_bytes(NULL, 0), text);
        }
    }
}

static void
add_body_value(gpointer owner, LampBytes name, LampBytes value)
{
    LampExchange *exchange = owner;
    lamp_exchange_add_value(exchange, side_of(exchange), "body.", name, value);
}

static void
read_body(Channel *channel, LampExchange *exchange, const LampFrame *frame)
{
    gsize size = frame->length - OVERHEAD;
    guint64 *left = &channel->body_left[frame->direction];
    *left -= MIN(*left, size);
    if (channel->has_payload)
        return;
    channel->has_payload = TRUE;
    LampBytes body = lamp_bytes(frame->bytes.at + HEADER, MIN(size, frame->bytes.len - HEADER));
    lamp_identifiers_in_text(lamp_bytes(NULL, 0), body, add_body_value, exchange);
    if (body.len >= 8 && !frame->is_cut)
        lamp_exchange_add_fingerprint(exchange, side_of(exchange), "payload", body);
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    AmqpState *state = opaque;
    guint8 type = frame->bytes.at[0];
    guint16 number = lamp_be16(frame->bytes.at + 1);
    frame->key = number;
    if (type == FRAME_HEARTBEAT || type == 'A' || number == 0)
        return;
    Channel *channel = find_channel(state, number);
    if (channel == NULL)
        return;
    if (type == FRAME_METHOD) {
        read_method(state, stream, frame, channel);
        return;
    }
    LampExchange *exchange = channel->content[frame->direction];
    if (exchange == NULL)
        return;
    if (type == FRAME_HEADER)
        read_header(channel, exchange, frame);
    else
        read_body(channel, exchange, frame);
    frame->exchange = exchange;
    frame->note = channel->body_left[frame->direction] == 0 ? 1 : 0;
}

/* A message is over with its last body frame; a confirmed one waits for the broker. */
static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    AmqpState *state = opaque;
    LampExchange *exchange = frame->exchange;
    if (exchange == NULL || frame->note == 0)
        return;
    Channel *channel = find_channel(state, (guint16) frame->key);
    if (exchange->kind == KIND_PUBLISH && (exchange->flags & LAMP_CALL_ONE_WAY) == 0) {
        if (channel != NULL)
            channel->content[LAMP_TO_SERVER] = NULL;
        return;
    }
    if (exchange->kind == KIND_DELIVER)
        lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    emit(state, stream, exchange);
}

static void
drop_all(AmqpState *state, LampStream *stream, guint32 flags)
{
    for (guint i = 0; state->channels != NULL && i < state->channels->len; i++) {
        Channel *channel = &g_array_index(state->channels, Channel, i);
        for (guint d = 0; d < 3; d++) {
            LampExchange *exchange = d < 2 ? channel->content[d] : channel->get;
            if (exchange == NULL)
                continue;
            exchange->flags |= flags | (d < 2 ? LAMP_CALL_ABORTED : 0u);
            if (exchange->kind != KIND_DELIVER && exchange->response_first == LAMP_TIME_NONE &&
                (exchange->flags & LAMP_CALL_ONE_WAY) == 0)
                exchange->flags |= LAMP_CALL_NO_RESPONSE;
            emit(state, stream, exchange);
        }
    }
    lamp_framer_drop(&state->framer, &state->confirms, stream, flags);
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    (void) direction;
    drop_all(opaque, stream, flags);
}

static const LampFraming framing = {
    .header_size = 8,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "amqp.frame",
};

static void
begin(gpointer opaque, LampStream *stream)
{
    AmqpState *state = opaque;
    lamp_framer_begin(&state->framer, stream);
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    AmqpState *state = opaque;
    lamp_framer_segment(&state->framer, &framing, state, stream, seg);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    AmqpState *state = opaque;
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    AmqpState *state = opaque;
    drop_all(state, stream, 0);
    g_clear_pointer(&state->channels, g_array_unref);
    lamp_framer_clear(&state->framer);
}

/* A whole first frame with its end mark: 2, none of these bytes speak against it: 1. */
static guint
score_side(LampBytes bytes, LampDirection direction)
{
    if (bytes.len < framing.header_size)
        return bytes.len == 0 ? 1 : 0;
    return lamp_framing_count(&framing, NULL, direction, bytes) >= 2 ? 2 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) server_port;
    if (to_server.len >= 8 && memcmp(to_server.at, protocol_header, 8) == 0)
        return 100;
    if (to_client.len >= 8 && memcmp(to_client.at, protocol_header, 8) == 0) {
        *out_swapped = TRUE;
        return 100;
    }
    guint sum = score_side(to_server, LAMP_TO_SERVER) * score_side(to_client, LAMP_TO_CLIENT);
    return sum == 4 ? 85 : sum == 2 ? 70 : 0;
}

const LampDissector lamp_dissector_amqp = {
    .name = "amqp",
    .summary = "AMQP 0-9-1: messages published, delivered and fetched",
    .spec = "https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf",
    .ports = {5672, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(AmqpState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
