/*
 * The packets inside MySQL's compressed packets.
 *
 * After a login with compression both directions are packets of their own form, whose contents
 * joined together are the stream of usual ones.
 */
#pragma once

#include "ingest/dissect/buffer.h"

typedef enum { LAMP_MYSQL_PLAIN, LAMP_MYSQL_ZLIB, LAMP_MYSQL_ZSTD } LampMysqlPacking;

typedef struct {
    LampBuffer buffers[2]; /* LampDirection */
    guint8 is_lost[2];
} LampMysqlPacked;

/* Takes a piece of the stream inside, borrowed for the call. */
typedef void (*LampMysqlTake)(gpointer owner, const LampSegment *segment);

/* Hands out what @segment completes. FALSE where it is damaged: the next packet is then looked
 * for at the begin of a segment. At most a mebibyte is held. */
gboolean lamp_mysql_unpack(LampMysqlPacked *packed, LampMysqlPacking packing,
                           const LampSegment *segment, LampMysqlTake take, gpointer owner);

/* Bytes of @direction are missing. */
void lamp_mysql_packed_gap(LampMysqlPacked *packed, LampDirection direction);
void lamp_mysql_packed_clear(LampMysqlPacked *packed);
