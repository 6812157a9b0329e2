/*
 * @summary WebSocket: messages of both sides as turns
 * @spec RFC 6455
 *
 * In: both streams of a connection after its upgrade. Out: one call for each burst of the
 * client with what the server sends after it (ingest/dissect/turns.h): frames name no request
 * that they answer. It is reached from HTTP only; the probe claims nothing, as frames have no
 * mark of their own.
 */
#include "ingest/dissect/turns.h"
#include "ingest/dissectors.h"

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    (void) to_server, (void) to_client, (void) server_port, (void) out_swapped;
    return 0;
}

static void
segment(gpointer state, LampStream *stream, const LampSegment *seg)
{
    lamp_turn_add(state, stream, seg, seg->bytes.len);
}

static void
gap(gpointer state, LampStream *stream, LampDirection direction, guint64 missing)
{
    (void) stream;
    lamp_turn_gap(state, direction, missing);
}

static void
end(gpointer state, LampStream *stream)
{
    lamp_turn_end(state, stream);
}

const LampDissector lamp_dissector_websocket = {
    .name = "websocket",
    .summary = "WebSocket: messages of both sides as turns",
    .spec = "RFC 6455",
    .ports = {0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampTurn),
    .probe = probe,
    .segment = segment,
    .gap = gap,
    .end = end,
};
