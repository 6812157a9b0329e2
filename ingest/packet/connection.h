/*
 * Connections inside the packet layer: the table, the reassembly of each direction, and the
 * state of the stream that the dissector sees. Internal to ingest/packet/.
 */
#pragma once

#include "ingest/packet/layers.h"
#include "ingest/packets.h"
#include "ingest/stream.h"

enum {
    LAMP_RECENT = 4, /* packets of one direction remembered to tell duplicates */
    LAMP_RECENT_CONNECTIONS = 256,
    LAMP_PROBE_BYTES = 2048,
    LAMP_PROBE_PIECES = 16,
    LAMP_DATAGRAMS_LOOKED_AT = 4, /* for a dissector */
};

/* A piece of a byte stream that waits: for bytes before it, or for the choice of a dissector.
 */
typedef struct LampPiece LampPiece;
struct LampPiece {
    LampPiece *next;
    guint64 offset;
    guint64 acknowledged; /* bytes of the other direction that its sender had received */
    guint64 missing;      /* bytes after these that the snap length cut off */
    LampTime time;
    guint side;
    guint32 len;
    guint8 bytes[];
};

/* One direction. Offsets count from the first byte after the SYN; a FIN takes one more. */
typedef struct {
    gboolean is_begun; /* first_sequence is known */
    gboolean has_isn;  /* a SYN was seen, or is known from its acknowledgement */
    guint32 isn;
    guint32 first_sequence; /* of offset 0 */
    guint64 next;           /* first offset not yet delivered */
    guint64 acknowledged;   /* highest offset that the other side says it has */
    gint64 fin;             /* offset of the FIN, -1 unknown */
    gboolean is_finished;   /* the FIN was delivered */
    LampPiece *held, *held_last;
    guint held_count;
    gsize held_bytes;
    guint64 bytes, packets;
    struct {
        guint32 hash, time_us;
    } recent[LAMP_RECENT];
} LampHalf;

typedef struct {
    guint8 address[2][16];
    guint16 port[2];
    guint8 transport;
    guint8 zero[3]; /* keys are compared as bytes */
} LampKey;

/* Intrusive doubly linked lists: of all connections by last use, of ended ones by their end (or
 * UDP pairs, which know none, by last use), of those that hold pieces. */
typedef struct {
    LampStream *previous, *next;
    gboolean is_in;
} LampLinks;

typedef struct {
    LampStream *oldest, *newest;
    gsize at; /* offset of the LampLinks in a LampStream */
    guint count;
} LampList;

struct LampStream {
    LampPackets *packets;
    LampKey key;
    guint64 id;
    guint64 hash;
    LampStream *bucket_next;
    LampLinks used, ended, holding;
    LampHalf half[2];
    guint8 client; /* index of the client's half */
    gboolean is_client_known;
    gboolean is_handshake_seen;
    gboolean is_midstream;
    gboolean is_cut;  /* bytes were lost before the protocol was known */
    gboolean is_kept; /* silence does not end it */
    gboolean is_over; /* end() was called */
    LampConnectionState state;
    guint32 interface;
    LampTime first_time, last_time, used_time, waiting_since;
    LampTime syn_time, synack_time, ack_time;
    guint64 packets_seen, retransmitted, lost, offset;
    /* what the dissector sees */
    const LampDissector *dissector;
    gpointer state_memory;
    const char *protocol;
    char *server_name, *alpn, *certificate_names;
    LampStream *inside; /* what an opened layer carries: not in the table, without rows */
    guint8 depth;       /* layers around it */
    guint64 calls;
    guint becomes;
    gboolean becomes_pending;
    const char *become_protocol;
    LampDirection become_direction;
    GByteArray *become_leftover;
    gpointer handed; /* by the dissector before */
    GDestroyNotify free_handed;
    LampPiece *early, *early_last;
    guint early_count, runs;
    gsize early_bytes[2];
};

struct LampPackets {
    LampSink *out;
    const LampKeyLog *secrets; /* or NULL */
    LampPacketsCounts counts;
    char *filter_text;
    GArray *filters;
    const LampPacket *packet; /* being read */
    LampTime now;
    gint64 resolution_ns;
    LampStream *recent[LAMP_RECENT_CONNECTIONS]; /* met lately, by a cheap hash; or NULL */
    LampStream **buckets;
    guint bucket_count;
    guint connection_count;
    LampList used;
    LampList closing; /* TCP connections that ended: late packets may come */
    LampList quiet;   /* UDP pairs, by their last datagram */
    LampList holding;
    gsize held_bytes;
    struct LampDefrag *defrag; /* made at the first fragment */
    guint8 probe_bytes[2][LAMP_PROBE_BYTES];
};

/* ---- lists and table: connection.c */
void lamp_list_add(LampList *list, LampStream *stream);
void lamp_list_remove(LampList *list, LampStream *stream);
LampStream *lamp_connection_find(LampPackets *packets, const LampKey *key);
LampStream *lamp_connection_add(LampPackets *packets, const LampKey *key);
/* A packet of @side was seen now: counts it and moves the connection to the end of its list. */
void lamp_connection_touch(LampStream *stream, guint side);
/* Fills @key from the addresses of @layers and the ports; returns the side of the sender. */
guint lamp_key_set(LampKey *key, const LampLayers *layers, guint16 source_port,
                   guint16 destination_port, guint8 transport);
/* Ends the stream where that did not happen yet, emits the row and frees. */
void lamp_connection_close(LampStream *stream);
void lamp_connection_free(LampStream *stream);
void lamp_packets_finding(LampPackets *packets, LampFindingKind kind, const char *code,
                          const char *text);

/* ---- transport: tcp.c, udp.c; @layers stands at their header. TRUE: a tunnel goes on inside.
 */
gboolean lamp_tcp_read(LampPackets *packets, LampLayers *layers);
gboolean lamp_udp_read(LampPackets *packets, LampLayers *layers);

/* ---- reassembly.c */
/* Takes in a segment at @offset (negative: before the first known byte). */
void lamp_reassembly_add(LampStream *stream, guint side, gint64 offset, LampBytes bytes,
                         guint64 wire, guint64 acknowledged);
/* Delivers what can be; declares lost what the other side has but the capture lacks. */
void lamp_reassembly_advance(LampStream *stream);
/* Nothing more will come: delivers all that is held, with gaps. */
void lamp_reassembly_flush(LampStream *stream);
void lamp_reassembly_free(LampStream *stream);

/* ---- stream.c, detect.c */
void lamp_stream_deliver(LampStream *stream, guint side, guint64 offset, LampTime time,
                         LampBytes bytes);
void lamp_stream_lose(LampStream *stream, guint side, guint64 missing);
void lamp_stream_end(LampStream *stream);
/* Frees what a dissector left to the next, if it is still there. */
void lamp_stream_drop_handed(LampStream *stream);
void lamp_stream_feed(LampStream *stream, guint side, guint64 offset, LampTime time,
                      LampBytes bytes);
void lamp_stream_choose(LampStream *stream, const LampDissector *dissector);
/* Takes one more piece into the choice. TRUE: a dissector was chosen and the piece is still to
 * be fed; FALSE: the piece was kept. */
gboolean lamp_detect_add(LampStream *stream, guint side, guint64 offset, LampTime time,
                         LampBytes bytes);
/* Index of the client's half as far as the ports tell; else @sender. */
guint lamp_detect_client_by_port(const LampKey *key, guint sender);
/* Chooses with what there is, and feeds it. */
void lamp_detect_finish(LampStream *stream);
void lamp_detect_free(LampStream *stream);
/* One datagram; only dissectors for datagrams see it. */
void lamp_stream_datagram(LampStream *stream, guint side, LampBytes bytes);

/* ---- nflog.c: the event that a logged packet is, where anything was said of it */
void lamp_nflog_emit(LampPackets *packets, const LampNflog *nflog);

/* ---- inside.c */
void lamp_inside_end(LampStream *stream);
void lamp_inside_free(LampStream *stream);

static inline LampDirection
lamp_stream_direction(const LampStream *stream, guint side)
{
    return side == stream->client ? LAMP_TO_SERVER : LAMP_TO_CLIENT;
}
