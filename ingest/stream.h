/*
 * What a dissector may ask of, and tell to, the connection that it reads. Implemented by the
 * packet layer (ingest/packet/); tests and fuzz targets implement it with a stream of their own
 * making.
 */
#pragma once

#include "ingest/dissector.h"
#include "ingest/key-log.h"

/* Emits one call. The dissector fills operation, status, is_error, flags, the four times,
 * sequences, sizes and values, and position where its protocol has one (stream id, correlation
 * id); position 0 lets the stream count. The stream fills origin, connection and protocol. */
void lamp_stream_call(LampStream *stream, LampObservationRow *call);

/* A finding at the segment being read. @code: static text. */
void lamp_stream_finding(LampStream *stream, LampFindingKind kind, const char *code,
                         const char *text);

/* The bytes have shown that the supposed server is the client: from now on directions are
 * exchanged. Only before the first call of the connection. */
void lamp_stream_swap(LampStream *stream);

/* The rest of the connection speaks another protocol (Upgrade, CONNECT, STARTTLS): @protocol is
 * a name of the table, or NULL for detection from its next bytes. Takes effect after the
 * segment being read, or the gap; @leftover (may be empty, and is none at a gap) are bytes of
 * it that already belong to the new protocol. */
void lamp_stream_become(LampStream *stream, const char *protocol, LampDirection direction,
                        LampBytes leftover);

/* Leaves @thing to the protocol that takes over, which asks for it in its begin(); owned by the
 * stream until then, freed with @free_thing where nobody asks. */
void lamp_stream_hand_over(LampStream *stream, gpointer thing, GDestroyNotify free_thing);

/* What the protocol before left, or NULL; owned by the caller. */
gpointer lamp_stream_take_over(LampStream *stream);

/* Both endpoints as seen now, client first. */
void lamp_stream_endpoints(const LampStream *stream, LampEndpoint *out_client,
                           LampEndpoint *out_server);

/* Another protocol name than the dissector's own for what follows and for the connection row;
 * static text. */
void lamp_stream_protocol(LampStream *stream, const char *name);

/* A flow record that the datagrams at hand report. */
void lamp_stream_flow(LampStream *stream, const LampFlowRow *flow);

/* The exchange may fall silent for long and still go on: do not end it for that. */
void lamp_stream_keep(LampStream *stream);

/* TLS server name for the connection row. */
void lamp_stream_server_name(LampStream *stream, LampBytes name);

/* TLS application protocols, chosen or offered, and names in the server's certificate, for the
 * connection row; blanks stand between several. */
void lamp_stream_alpn(LampStream *stream, LampBytes names);
void lamp_stream_certificate(LampStream *stream, LampBytes names);

/* The TLS secret of that kind for a client random (LAMP_TLS_RANDOM bytes), or nothing; borrowed
 * until the next call. */
LampBytes lamp_stream_secret(const LampStream *stream, LampSecretKind kind,
                             const guint8 *client_random);

/* Were any secrets given? */
gboolean lamp_stream_has_secrets(const LampStream *stream);

/* Bytes of a protocol inside this one, in order: detected and dissected like a connection of
 * their own, with the same identity. Offsets may leave holes. */
void lamp_stream_inside(LampStream *stream, const LampSegment *segment);

/* About so many bytes of the protocol inside are missing. */
void lamp_stream_inside_gap(LampStream *stream, LampDirection direction, guint64 missing);

/* TRUE if the capture began after the connection did, or lacks its first bytes: first messages
 * may be cut. */
gboolean lamp_stream_is_midstream(const LampStream *stream);
