/*
 * Decompression of single blocks: those of nfcapd files, and of protocols.
 */
#pragma once

#include "base/bytes.h"

typedef enum {
    LAMP_UNPACK_NONE,
    LAMP_UNPACK_LZO,
    LAMP_UNPACK_BZIP2,
    LAMP_UNPACK_LZ4,
    LAMP_UNPACK_ZSTD,
} LampUnpack;

/* Writes the content of @packed to @out, at most @room bytes. Returns the number of bytes, or
 * -1 where the input is damaged or does not fit. O(room). */
gssize lamp_unpack(LampUnpack method, LampBytes packed, guint8 *out, gsize room);

/* Writes the begin of an LZ4 block that may be cut off. Returns how many bytes, as far as the
 * input is good. O(room). */
gsize lamp_unpack_lz4_begin(LampBytes packed, guint8 *out, gsize room);
