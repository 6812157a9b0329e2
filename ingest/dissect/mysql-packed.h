/*
 * The packets inside MySQL's compressed packets.
 *
 * After a login with compression both directions are packets of their own form, whose contents
 * joined together are the stream of usual ones.
 */
#pragma once

#include "ingest/dissect/packed.h"

typedef enum { LAMP_MYSQL_PLAIN, LAMP_MYSQL_ZLIB, LAMP_MYSQL_ZSTD } LampMysqlPacking;

/* lamp_packed_segment() for these packets. At most a mebibyte is held. */
gboolean lamp_mysql_unpack(LampPacked *packed, LampMysqlPacking packing,
                           const LampSegment *segment, LampPackedTake take, gpointer owner);
