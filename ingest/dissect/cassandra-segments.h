/*
 * The segments around the frames of Cassandra's protocol from version 5 on.
 *
 * Behind the answer to STARTUP both directions are segments with checksums, perhaps packed with
 * LZ4, whose contents joined together are the stream of frames.
 */
#pragma once

#include "ingest/dissect/packed.h"

/* Do @bytes begin with the header of a segment? Its checksum says so: one in sixteen million
 * other bytes would do. */
gboolean lamp_cql_is_segment(LampBytes bytes);

/* lamp_packed_segment() for these segments. One of them (131,071 bytes) is held at most. */
gboolean lamp_cql_open_segments(LampPacked *packed, const LampSegment *segment,
                                LampPackedTake take, gpointer owner);
