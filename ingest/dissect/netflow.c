/*
 * Dissector for flow export over UDP: NetFlow 5 and 9, IPFIX.
 *
 * In: datagrams of an exporter; out: flow records. What the records say: ingest/flow/.
 * Datagrams whose records cannot be read, because their template was not seen or because they
 * contradict themselves, are findings.
 */
#include "ingest/flow/netflow.h"
#include "ingest/dissectors.h"
#include "ingest/stream.h"

typedef struct {
    LampNetflow *netflow;
} NetflowState;

static guint
probe_netflow(LampBytes to_server, LampBytes to_client, G_GNUC_UNUSED guint16 server_port,
              gboolean *out_swapped)
{
    guint forward = lamp_netflow_probe(to_server), back = lamp_netflow_probe(to_client);
    *out_swapped = back > forward;
    return MAX(forward, back);
}

static void
begin_netflow(gpointer state, LampStream *stream)
{
    NetflowState *s = state;
    s->netflow = lamp_netflow_new();
    lamp_stream_keep(stream);
}

static void
emit(gpointer owner, const LampFlowRow *row)
{
    lamp_stream_flow(owner, row);
}

static void
segment_netflow(gpointer state, LampStream *stream, const LampSegment *segment)
{
    NetflowState *s = state;
    LampNetflowResult result =
        lamp_netflow_read(s->netflow, segment->bytes, segment->time, emit, stream);
    if (result == LAMP_NETFLOW_NO_TEMPLATE)
        lamp_stream_finding(stream, LAMP_FINDING_LOSS, "netflow.template",
                            "records of a template that was not captured; left out");
    else if (result == LAMP_NETFLOW_INVALID)
        lamp_stream_finding(stream, LAMP_FINDING_INVALID, "netflow.datagram",
                            "the datagram contradicts itself; its rest was left out");
}

static void
end_netflow(gpointer state, G_GNUC_UNUSED LampStream *stream)
{
    NetflowState *s = state;
    g_clear_pointer(&s->netflow, lamp_netflow_free);
}

const LampDissector lamp_dissector_netflow = {
    .name = "netflow",
    .summary = "flow export: NetFlow 5 and 9, IPFIX",
    .spec = "RFC 3954, RFC 7011",
    .ports = {2055, 4739, 9995, 9996},
    .transport = LAMP_TRANSPORT_UDP,
    .state_size = sizeof(NetflowState),
    .probe = probe_netflow,
    .begin = begin_netflow,
    .segment = segment_netflow,
    .end = end_netflow,
};
