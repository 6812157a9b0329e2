/*
 * Streams inside packets of their own: compressed or checked pieces, whose contents joined
 * together are what the protocol says.
 *
 * A protocol describes one outer packet (LampPacking); joining what arrives, times, loss and
 * limits are the same for all and done here.
 */
#pragma once

#include "ingest/dissect/buffer.h"
#include "ingest/flow/unpack.h"

typedef struct {
    LampBuffer buffers[2]; /* LampDirection */
    guint8 is_lost[2];
} LampPacked;

/* Takes a piece of the stream inside, borrowed for the call. */
typedef void (*LampPackedTake)(gpointer owner, const LampSegment *segment);

typedef struct LampUnpacking LampUnpacking;

/* The outer packet at the begin of @rest: hands its content out with lamp_packed_give() and
 * returns its length, 0 to wait for more. *@out_is_bad where it is damaged or none. */
typedef gsize (*LampPackedRead)(LampUnpacking *unpacking, guint form, LampBytes rest,
                                gboolean *out_is_bad);

typedef struct {
    LampPackedRead read;
    guint form;  /* the protocol's note */
    gsize limit; /* bytes of an incomplete packet that are held at most */
} LampPacking;

/* Gives a piece of the content of the packet at hand. The first byte of a packet has the time
 * of its header, the rest that of the segment that completed it. */
void lamp_packed_give(LampUnpacking *unpacking, LampBytes content);

/* The same of content that is @packed, @size bytes without. FALSE if it is not exactly that;
 * what came out of it is given all the same. The caller bounds @size. */
gboolean lamp_packed_give_unpacked(LampUnpacking *unpacking, LampUnpack method,
                                   LampBytes packed, gsize size);

/* Hands out what @segment completes. FALSE where it is damaged: the next packet is then looked
 * for at the begin of a segment. */
gboolean lamp_packed_segment(LampPacked *packed, const LampPacking *packing,
                             const LampSegment *segment, LampPackedTake take, gpointer owner);

/* Bytes of @direction are missing. */
void lamp_packed_gap(LampPacked *packed, LampDirection direction);
void lamp_packed_clear(LampPacked *packed);
