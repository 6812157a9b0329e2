/*
 * Fuzz target of one layer below TCP and UDP, named by LAMP_FUZZ_LAYER at compile time: one
 * program for each row of layers.def.
 *
 * The input is frames: one byte of control, one of length, that many bytes, which stand behind
 * the row's. Bits 0 to 6 of the control byte are milliseconds since the frame before; bit 7
 * says that the snap length cut off as many bytes as follow. Rows are counted and forgotten,
 * after their texts were read, so that AddressSanitizer sees what is no longer there.
 */
#include "ingest/packets.h"
#include "tests/fuzz/target.h"

enum { CONTROL_CUT = 0x80, CONTROL_TIME = 0x7f, MOST_PREFIX = 64, MOST_FRAME = 255 };

typedef struct {
    const char *name;
    guint32 link_type;
    const char *prefix;
    gsize prefix_len;
} Layer;

#define LAYER(name, link_type, prefix) {#name, link_type, prefix, sizeof(prefix) - 1},
static const Layer layers[] = {
#include "tests/fuzz/layers.def"
};
#undef LAYER

static guint sum; /* of all bytes handed over: keeps the reading of them */

static void
touch(LampBytes bytes)
{
    for (gsize i = 0; i < bytes.len; i++)
        sum += bytes.at[i];
}

static guint64
take_event(G_GNUC_UNUSED gpointer owner, const LampEventRow *event)
{
    touch(event->message);
    for (gsize i = 0; i < event->field_count; i++) {
        touch(event->fields[i].slot);
        touch(event->fields[i].value);
    }
    return 1;
}

static void
take_observation(G_GNUC_UNUSED gpointer owner, const LampObservationRow *call)
{
    touch(call->protocol);
    touch(call->operation);
    touch(call->status);
    for (gsize i = 0; i < call->value_count; i++)
        touch(call->values[i].value);
}

static void
take_connection(G_GNUC_UNUSED gpointer owner, const LampConnectionRow *connection)
{
    touch(connection->server_name);
    g_assert_cmpint(connection->last_time, >=, connection->first_time);
}

static void
take_flow(G_GNUC_UNUSED gpointer owner, const LampFlowRow *flow)
{
    touch(flow->attributes);
}

static void
take_finding(G_GNUC_UNUSED gpointer owner, const LampFinding *finding)
{
    touch(lamp_bytes_text(finding->code));
    touch(lamp_bytes_text(finding->text));
}

static const Layer *
find_layer(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(layers); i++)
        if (g_str_equal(layers[i].name, name))
            return &layers[i];
    g_error("layers.def has no row '%s'", name);
}

/* The frame has memory of its own, so that reading beyond it is seen. */
static void
add_frame(LampPackets *packets, const Layer *layer, LampPacket *packet, LampBytes bytes,
          gboolean is_cut)
{
    gsize len = layer->prefix_len + bytes.len;
    guint8 *frame = g_malloc(MAX(len, 1));
    g_assert_cmpuint(layer->prefix_len, <=, MOST_PREFIX);
    memcpy(frame, layer->prefix, layer->prefix_len);
    if (bytes.len > 0)
        memcpy(frame + layer->prefix_len, bytes.at, bytes.len);
    packet->frame = lamp_bytes(frame, len);
    packet->wire_bytes = (guint32) (len + (is_cut ? bytes.len : 0));
    packet->number++;
    lamp_packets_add(packets, packet);
    g_free(frame);
}

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    const Layer *layer = find_layer(G_STRINGIFY(LAMP_FUZZ_LAYER));
    LampSink sink = {.event = take_event,
                     .observation = take_observation,
                     .connection = take_connection,
                     .flow = take_flow,
                     .finding = take_finding};
    LampPacket packet = {
        .link_type = layer->link_type, .time = LAMP_NS_PER_SECOND, .resolution_ns = 1000};
    g_autoptr(LampPackets) packets = lamp_packets_new(&sink, NULL);
    LampCursor c = lamp_cursor(lamp_bytes(at, len));
    guint8 control, length;
    while (lamp_cursor_u8(&c, &control) && lamp_cursor_u8(&c, &length)) {
        LampBytes bytes = lamp_bytes(c.at, MIN(length, lamp_cursor_left(&c)));
        c.at += bytes.len;
        packet.time += (control & CONTROL_TIME) * LAMP_NS_PER_MS;
        add_frame(packets, layer, &packet, bytes, (control & CONTROL_CUT) != 0);
    }
    lamp_packets_finish(packets);
    return 0;
}
