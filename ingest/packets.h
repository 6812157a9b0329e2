/*
 * From captured frames to connections: the packet layer below the application protocols.
 *
 * One LampPackets reads the frames of one source in their order: it undoes links, tunnels and
 * IP fragments, keeps a table of connections, puts each TCP byte stream in order, finds the
 * protocol that it speaks and feeds the dissector. Connections, observations and findings go to
 * the sink.
 */
#pragma once

#include "ingest/key-log.h"
#include "ingest/sink.h"

typedef struct LampPackets LampPackets;

typedef enum { LAMP_PACKETS_ERROR_FILTER } LampPacketsError;
#define LAMP_PACKETS_ERROR (lamp_packets_error_quark())
GQuark lamp_packets_error_quark(void);

typedef struct {
    const char *filter; /* capture filter in libpcap's language, or NULL for all frames */
    const LampKeyLog *secrets; /* of TLS connections, or NULL; borrowed; may grow meanwhile */
} LampPacketsOptions;

typedef struct {
    guint64 frames;      /* given */
    guint64 filtered;    /* left out by the filter */
    guint64 duplicates;  /* the same packet seen again at another interface */
    guint64 unknown;     /* frames without a TCP or UDP packet that could be read */
    guint64 connections; /* found so far */
} LampPacketsCounts;

/* Is @filter correct? FALSE sets @error, with libpcap's text. */
gboolean lamp_packets_check_filter(const char *filter, GError **error);

/* @out is borrowed and must outlive the result; caller frees. @options may be NULL. */
LampPackets *lamp_packets_new(LampSink *out, const LampPacketsOptions *options);

/* Reads one frame. */
void lamp_packets_add(LampPackets *packets, const LampPacket *packet);

/* The source is over: ends all connections, the least recently used first. */
void lamp_packets_finish(LampPackets *packets);

LampPacketsCounts lamp_packets_counts(const LampPackets *packets);

/* Frees without ending connections; NULL is fine. */
void lamp_packets_free(LampPackets *packets);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampPackets, lamp_packets_free)
