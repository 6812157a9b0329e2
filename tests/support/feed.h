/*
 * Feeds bytes to a reader in chunks of any size, as a source does, and checks the contract of
 * ingest/reader.h on the way. The bytes in memory are copied for every step, so that a reading
 * beyond them, or of bytes consumed earlier, is seen by AddressSanitizer.
 */
#pragma once

#include "ingest/reader.h"

/* Sizes of chunks: constant, or (size 0) drawn from 1 to 64 by a seeded generator. */
typedef struct {
    gsize size;
    guint32 seed;
} LampChunks;

/* Reads all of @content with begin(), step()…, end(). Ends the program where the reader breaks
 * its contract. */
void lamp_feed(const LampReader *reader, LampBytes content, LampChunks chunks,
               const LampSourceContext *context, LampSink *sink);

/* A context without any hint, of a fixed time. */
LampSourceContext lamp_feed_context(const char *path);
