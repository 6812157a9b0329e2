/*
 * @summary Kafka: requests paired by correlation id
 * @spec https://kafka.apache.org/protocol
 *
 * In: both streams of a connection. Out: one call for each request, named by API and first
 * topic (Produce, Fetch). A produce that asks for no acknowledgement is one-way.
 *
 *     request: size i32, api i16, version i16, correlation i32, client id; response: size,
 * correlation
 *
 * Producer and consumer are tied by the value `payload`: checksum and first time of each record
 * batch (format 2), which the broker hands on unchanged. Limits: 16 KiB of a message are
 * searched for batches; error codes inside responses are not read, so the status is always
 * `ok`.
 */
#include "ingest/dissect/keyed.h"

#include "ingest/operation.h"

enum { HEADER = 8, REQUEST_HEADER = 14, LOOK = 16384, MAX_SIZE = 104857600, BATCH = 61 };
enum { API_PRODUCE = 0, API_FETCH = 1, API_LAST = 100, TOPIC_IDS = 13 };

static const char *const api_names[] = {"Produce",
                                        "Fetch",
                                        "ListOffsets",
                                        "Metadata",
                                        "LeaderAndIsr",
                                        "StopReplica",
                                        "UpdateMetadata",
                                        "ControlledShutdown",
                                        "OffsetCommit",
                                        "OffsetFetch",
                                        "FindCoordinator",
                                        "JoinGroup",
                                        "Heartbeat",
                                        "LeaveGroup",
                                        "SyncGroup",
                                        "DescribeGroups",
                                        "ListGroups",
                                        "SaslHandshake",
                                        "ApiVersions",
                                        "CreateTopics",
                                        "DeleteTopics",
                                        "DeleteRecords",
                                        "InitProducerId",
                                        "OffsetForLeaderEpoch",
                                        "AddPartitionsToTxn",
                                        "AddOffsetsToTxn",
                                        "EndTxn",
                                        "WriteTxnMarkers",
                                        "TxnOffsetCommit",
                                        "DescribeAcls",
                                        "CreateAcls",
                                        "DeleteAcls",
                                        "DescribeConfigs",
                                        "AlterConfigs"};

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    gsize size = lamp_be32(bytes.at);
    if (size < 4 || size > MAX_SIZE)
        return 0;
    if (direction == LAMP_TO_SERVER &&
        (size < REQUEST_HEADER - 4 || lamp_be16(bytes.at + 4) > API_LAST ||
         lamp_be16(bytes.at + 6) > 24))
        return 0;
    return size + 4;
}

static gboolean
take_varint(LampCursor *c, guint32 *out_value)
{
    guint32 value = 0;
    for (guint shift = 0; shift < 28; shift += 7) {
        guint8 b;
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        value |= (guint32) (b & 0x7f) << shift;
        if (b < 0x80) {
            *out_value = value;
            return TRUE;
        }
    }
    return FALSE;
}

/* String with a 16 bit length, or with a compact one (length + 1); null gives an empty text. */
static gboolean
take_text(LampCursor *c, gboolean is_compact, LampBytes *out_text)
{
    guint32 length;
    guint16 wide;
    *out_text = lamp_bytes(NULL, 0);
    if (is_compact) {
        if (!take_varint(c, &length))
            return FALSE;
        return length == 0 || lamp_cursor_take(c, length - 1, out_text);
    }
    if (!lamp_cursor_be16(c, &wide))
        return FALSE;
    return wide == 0xffff || lamp_cursor_take(c, wide, out_text);
}

static gboolean
take_count(LampCursor *c, gboolean is_compact, guint32 *out_count)
{
    return is_compact ? take_varint(c, out_count) : lamp_cursor_be32(c, out_count);
}

static gsize
fetch_fields_length(guint16 version)
{
    gsize length = version >= 15 ? 8 : 12;
    if (version >= 3)
        length += 4;
    if (version >= 4)
        length += 1;
    return version >= 7 ? length + 8 : length;
}

/* Moves behind the header and the fields before the topics; FALSE where the bytes do not fit.
 * *out_acks is the produce's, else 1. */
static gboolean
find_topics(LampCursor *c, guint16 api, guint16 version, gboolean *out_is_compact,
            guint16 *out_acks)
{
    LampBytes text;
    guint32 tags;
    *out_acks = 1;
    gboolean is_compact = *out_is_compact =
        (api == API_PRODUCE && version >= 9) || (api == API_FETCH && version >= 12);
    if (!take_text(c, FALSE, &text) || (is_compact && (!take_varint(c, &tags) || tags != 0)))
        return FALSE;
    if (api == API_FETCH)
        return lamp_cursor_skip(c, fetch_fields_length(version));
    if (version >= 3 && !take_text(c, is_compact, &text))
        return FALSE;
    return lamp_cursor_be16(c, out_acks) && lamp_cursor_skip(c, 4);
}

static LampCursor
behind_header(const LampFrame *frame)
{
    gsize at = MIN((gsize) 12, frame->bytes.len);
    return lamp_cursor(lamp_bytes(frame->bytes.at + at, frame->bytes.len - at));
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    if (frame->direction == LAMP_TO_CLIENT) {
        *out_key = lamp_be32(frame->bytes.at + 4);
        return LAMP_KEYED_RESPONSE;
    }
    if (frame->bytes.len < REQUEST_HEADER)
        return LAMP_KEYED_IGNORE;
    *out_key = lamp_be32(frame->bytes.at + 8);
    LampCursor c = behind_header(frame);
    gboolean is_compact;
    guint16 acks, api = lamp_be16(frame->bytes.at + 4);
    gboolean is_silent =
        api == API_PRODUCE &&
        find_topics(&c, api, lamp_be16(frame->bytes.at + 6), &is_compact, &acks) && acks == 0;
    return is_silent ? LAMP_KEYED_ONE_WAY : LAMP_KEYED_REQUEST;
}

/* Record batches wherever they stand: a format 2 header names its own length and count. */
static void
add_batches(LampExchange *exchange, LampSide side, LampBytes bytes)
{
    gsize at = 0;
    while (at + BATCH <= bytes.len) {
        const guint8 *b = bytes.at + at;
        guint32 length = lamp_be32(b + 8), count = lamp_be32(b + 57);
        gboolean is_batch = b[16] == 2 && length >= BATCH - 12 && count > 0 &&
                            count < 1000000 && lamp_be32(b + 23) == count - 1;
        if (!is_batch) {
            at++;
            continue;
        }
        char text[32];
        gint n = g_snprintf(text, sizeof text, "%08x%016" G_GINT64_MODIFIER "x",
                            lamp_be32(b + 17), lamp_be64(b + 27));
        lamp_exchange_add_value(exchange, side, "payload", lamp_bytes(NULL, 0),
                                lamp_bytes(text, (gsize) MAX(n, 0)));
        at += MIN((gsize) length + 12, bytes.len - at);
    }
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    guint16 api = lamp_be16(frame->bytes.at + 4), version = lamp_be16(frame->bytes.at + 6),
            acks;
    char text[LAMP_EXCHANGE_OPERATION];
    gint n = api < G_N_ELEMENTS(api_names) ? g_snprintf(text, sizeof text, "%s", api_names[api])
                                           : g_snprintf(text, sizeof text, "API %u", api);
    gsize len = (gsize) MAX(n, 0);
    LampCursor c = behind_header(frame);
    gboolean is_compact;
    guint32 topics;
    LampBytes topic;
    exchange->kind = (guint8) api;
    if (api <= API_FETCH && find_topics(&c, api, version, &is_compact, &acks) &&
        take_count(&c, is_compact, &topics) && topics > (is_compact ? 1u : 0u) &&
        version < TOPIC_IDS && take_text(&c, is_compact, &topic)) {
        text[len++] = ' ';
        len += lamp_operation_fold_key(topic, text + len, sizeof text - len, NULL, NULL);
    }
    lamp_exchange_set_operation(exchange, lamp_bytes(text, len));
    if (api == API_PRODUCE)
        add_batches(exchange, LAMP_SIDE_REQUEST, frame->bytes);
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    lamp_exchange_set_status(exchange, lamp_bytes_text("ok"));
    if (exchange->kind == API_FETCH)
        add_batches(exchange, LAMP_SIDE_RESPONSE, frame->bytes);
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = HEADER,
                .look = LOOK,
                .length = frame_length,
                .finding = "kafka.message"},
    .describe = describe,
    .request = request,
    .response = response,
};

LAMP_KEYED_FUNCTIONS(protocol)

/* A request with a printable client id. */
static gboolean
is_request(LampBytes bytes)
{
    if (bytes.len < REQUEST_HEADER || frame_length(NULL, LAMP_TO_SERVER, bytes) == 0)
        return FALSE;
    LampCursor c = lamp_cursor(lamp_bytes(bytes.at + 12, bytes.len - 12));
    LampBytes client;
    if (lamp_be16(c.at) == 0xffff)
        return lamp_be32(bytes.at) + 4 == bytes.len && lamp_be16(bytes.at + 4) < 64;
    if (!take_text(&c, FALSE, &client) || client.len > 249 || client.len == 0)
        return FALSE;
    for (gsize i = 0; i < client.len; i++)
        if (!g_ascii_isgraph((char) client.at[i]) && client.at[i] != ' ')
            return FALSE;
    return TRUE;
}

static guint
score(LampBytes client, LampBytes server)
{
    if (!is_request(client))
        return 0;
    if (server.len < HEADER)
        return server.len == 0 ? 60 : 0;
    gboolean answers = frame_length(NULL, LAMP_TO_CLIENT, server) > 0 &&
                       lamp_be32(server.at + 4) == lamp_be32(client.at + 8);
    return answers ? 95 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward = score(to_server, to_client), backward = score(to_client, to_server);
    if (backward > forward)
        *out_swapped = TRUE;
    guint best = MAX(forward, backward);
    return best == 60 && server_port != 9092 ? 45 : best;
}

const LampDissector lamp_dissector_kafka = {
    .name = "kafka",
    .summary = "Kafka: requests paired by correlation id",
    .spec = "https://kafka.apache.org/protocol",
    .ports = {9092, 9093, 9094, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
