/*
 * Undoing the layers of a frame, from the link to the transport. A LampLayers is a cursor that
 * each layer moves forward; it says what kind of bytes come next. Lengths on the wire are kept
 * beside the captured ones, so that cut frames are known to be cut.
 */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

/* Nanoseconds from one time to another. Times of input can be centuries apart: saturates. */
static inline gint64
lamp_elapsed(LampTime from, LampTime to)
{
    gint64 elapsed;
    if (__builtin_sub_overflow(to, from, &elapsed))
        elapsed = to > from ? G_MAXINT64 : G_MININT64;
    return elapsed;
}

typedef enum {
    LAMP_NEXT_NONE,      /* nothing that is understood */
    LAMP_NEXT_LINK,      /* `number` is a LINKTYPE_ */
    LAMP_NEXT_ETHERTYPE, /* `number` is an EtherType */
    LAMP_NEXT_IP,        /* IPv4 or IPv6, as the first four bits say */
    LAMP_NEXT_PROTOCOL,  /* `number` is an IP protocol; addresses are set */
    LAMP_NEXT_FRAGMENT,  /* a part of an IP packet; `number` is its protocol */
} LampNext;

/* What a firewall's log says of a packet. */
typedef struct {
    LampBytes prefix; /* of the rule, inside the frame */
    guint32 user, group;
    guint8 hook; /* place in the packet's way: 0 before routing, 1 input, 2 forward, … */
    gboolean has_hook, has_user, has_group;
} LampNflog;

typedef struct {
    LampNext next;
    guint32 number;
    LampCursor bytes; /* what is left of the captured frame */
    guint64 wire;     /* what was left on the wire: at least lamp_cursor_left(&bytes) */
    guint tunnels;    /* entered so far */
    guint8 source[16], destination[16];
    guint32 ip_id; /* 0 unknown */
    guint32 fragment_offset;
    gboolean has_more_fragments;
    LampNflog nflog;
    const char *error; /* static code of the finding, where the bytes contradict the format */
} LampLayers;

/* Each takes one layer off; `next` of the result says how to go on. O(1). */
void lamp_layers_link(LampLayers *layers);
void lamp_layers_ethertype(LampLayers *layers);
void lamp_layers_ip(LampLayers *layers);

/* Extension headers, and IP protocols that carry packets: IP in IP, GRE with ERSPAN, EtherIP,
 * MPLS. */
void lamp_layers_protocol(LampLayers *layers);

/* After a UDP header with these ports: enters VXLAN, Geneve, GTP-U or Teredo where the bytes
 * bear that out, and says whether. */
gboolean lamp_layers_udp_tunnel(LampLayers *layers, guint16 source_port,
                                guint16 destination_port);

/* Netfilter's log: attributes, then the packet. */
void lamp_layers_nflog(LampLayers *layers);

/* Point-to-point protocol number and what it carries. */
void lamp_layers_ppp(LampLayers *layers);

/* MPLS labels and what is below the last. */
void lamp_layers_mpls(LampLayers *layers);

/* Counts a tunnel, and goes on with @next; stops at the limit. */
void lamp_layers_enter(LampLayers *layers, LampNext next, guint32 number);

/* Moves over @n bytes that the frame has; FALSE, and `next` none, where they are cut off. */
gboolean lamp_layers_take(LampLayers *layers, gsize n, const guint8 **out_at);

/* Nothing understood follows; @error (static) may be NULL. */
void lamp_layers_stop(LampLayers *layers, const char *error);

/* Bytes beyond @n on the wire are padding or trailer. */
void lamp_layers_limit(LampLayers *layers, guint64 n);
