/* Decompression of Snappy's blocks. */
#pragma once

#include "base/bytes.h"

/* Writes the content of @packed, which may be cut off, to @out, at most @room bytes of it.
 * Returns how many, as far as the input is good. O(room). */
gsize lamp_unsnap(LampBytes packed, guint8 *out, gsize room);
