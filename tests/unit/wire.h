/* Frames made in code: raw IPv4 with TCP or UDP between one client and one server.
 */
#pragma once

#include "ingest/sink.h"
#include "tests/unit/collect.h"

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_ACK = 16 };
enum { WIRE_CLIENT = 40000, WIRE_SERVER = 7777 };

typedef struct {
    gboolean to_client;
    gint64 ms;
    guint32 sequence, acknowledgement;
    guint8 flags;
    guint16 ip_id;
    guint16 client_port; /* 0: WIRE_CLIENT */
    const char *payload; /* or NULL */
    gsize length;        /* of payload; 0: it is a text */
    gsize cut;           /* payload bytes that the snap length cut off */
} WireSegment;

static inline void
wire_be16(GByteArray *a, guint v)
{
    guint8 b[2] = {(guint8) (v >> 8), (guint8) v};
    g_byte_array_append(a, b, 2);
}

static inline void
wire_be32(GByteArray *a, guint32 v)
{
    wire_be16(a, v >> 16);
    wire_be16(a, v & 0xffff);
}

static inline void
wire_ipv4(GByteArray *a, guint8 protocol, gboolean to_client, guint16 ip_id, gsize payload)
{
    guint32 client = 0x0a000001, server = 0x0a000002;
    wire_be16(a, 0x4500);
    wire_be16(a, (guint) (20 + payload));
    wire_be16(a, ip_id);
    wire_be16(a, 0x4000);
    wire_be16(a, 0x4000u | protocol);
    wire_be16(a, 0);
    wire_be32(a, to_client ? server : client);
    wire_be32(a, to_client ? client : server);
}

/* The IPv4 packet of @s, all of it; caller frees. */
static inline GByteArray *
wire_frame(const WireSegment *s)
{
    GByteArray *a = g_byte_array_new();
    gsize n = s->payload == NULL ? 0 : s->length > 0 ? s->length : strlen(s->payload);
    guint16 client = s->client_port != 0 ? s->client_port : WIRE_CLIENT;
    wire_ipv4(a, 6, s->to_client, s->ip_id, 20 + n);
    wire_be16(a, s->to_client ? WIRE_SERVER : client);
    wire_be16(a, s->to_client ? client : WIRE_SERVER);
    wire_be32(a, s->sequence);
    wire_be32(a, s->acknowledgement);
    wire_be16(a, 0x5000u | s->flags);
    wire_be16(a, 1000);
    wire_be32(a, 0);
    if (n > 0)
        g_byte_array_append(a, (const guint8 *) s->payload, (guint) n);
    return a;
}

static inline void
wire_send(Collect *c, const WireSegment *s)
{
    GByteArray *a = wire_frame(s);
    LampPacket packet = {.link_type = 101,
                         .number = c->frames + 1,
                         .time = s->ms * LAMP_NS_PER_MS,
                         .resolution_ns = 1,
                         .frame = lamp_bytes(a->data, a->len - s->cut),
                         .wire_bytes = a->len};
    c->sink.packet(c->sink.owner, &packet);
    g_byte_array_unref(a);
}

/* Sends @count segments, ends the source. */
static inline void
wire_send_all(Collect *c, const WireSegment *segments, gsize count)
{
    collect_begin(c);
    collect_attach(c, NULL);
    for (gsize i = 0; i < count; i++)
        wire_send(c, &segments[i]);
    lamp_packets_finish(c->packets);
}
