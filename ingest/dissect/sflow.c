/*
 * Dissector for sFlow version 5 over UDP.
 *
 * In: datagrams of an agent; out: one flow record for each sampled packet
 * (ingest/flow/sflow.c).
 */
#include "ingest/flow/sflow.h"
#include "ingest/dissectors.h"
#include "ingest/stream.h"

typedef struct {
    LampFlowRecord flow;
} SflowState;

static guint
probe_sflow(LampBytes to_server, LampBytes to_client, G_GNUC_UNUSED guint16 server_port,
            gboolean *out_swapped)
{
    guint forward = lamp_sflow_probe(to_server), back = lamp_sflow_probe(to_client);
    *out_swapped = back > forward;
    return MAX(forward, back);
}

static void
begin_sflow(G_GNUC_UNUSED gpointer state, LampStream *stream)
{
    lamp_stream_keep(stream);
}

static void
emit(gpointer owner, const LampFlowRow *row)
{
    lamp_stream_flow(owner, row);
}

static void
segment_sflow(gpointer state, LampStream *stream, const LampSegment *segment)
{
    SflowState *s = state;
    if (!lamp_sflow_read(&s->flow, segment->bytes, segment->time, emit, stream))
        lamp_stream_finding(stream, LAMP_FINDING_INVALID, "sflow.datagram",
                            "the datagram contradicts itself; its rest was left out");
}

static void
end_sflow(gpointer state, G_GNUC_UNUSED LampStream *stream)
{
    SflowState *s = state;
    lamp_flow_record_free(&s->flow);
}

const LampDissector lamp_dissector_sflow = {
    .name = "sflow",
    .summary = "sampled packets of switches and routers",
    .spec = "https://sflow.org/sflow_version_5.txt",
    .ports = {6343},
    .transport = LAMP_TRANSPORT_UDP,
    .state_size = sizeof(SflowState),
    .probe = probe_sflow,
    .begin = begin_sflow,
    .segment = segment_sflow,
    .end = end_sflow,
};
