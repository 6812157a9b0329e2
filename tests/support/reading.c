/*
 * Puts the packet layer between the reader and the rendering sink: its rows are rendered, and
 * so is each frame.
 */
#include "tests/support/reading.h"

#include "ingest/packets.h"

typedef struct {
    LampPackets *packets;
    void (*render_packet)(gpointer owner, const LampPacket *packet);
} Tap;

static Tap tap;

static void
take_packet(gpointer owner, const LampPacket *packet)
{
    tap.render_packet(owner, packet);
    lamp_packets_add(tap.packets, packet);
}

LampRender *
lamp_reading(const LampReader *reader, LampBytes content, LampChunks chunks,
             const LampSourceContext *context)
{
    LampRender *render = lamp_render_new();
    render->content_bytes = content.len;
    if (reader->kind != LAMP_KIND_CAPTURE) {
        lamp_feed(reader, content, chunks, context, &render->sink);
        return render;
    }
    tap.packets = lamp_packets_new(&render->sink, NULL);
    tap.render_packet = render->sink.packet;
    render->sink.packet = take_packet;
    lamp_feed(reader, content, chunks, context, &render->sink);
    lamp_packets_finish(tap.packets);
    lamp_packets_free(tap.packets);
    return render;
}
