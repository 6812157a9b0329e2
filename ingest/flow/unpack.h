/*
 * Decompression of the blocks of nfcapd files.
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
