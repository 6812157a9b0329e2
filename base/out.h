/*
 * Bytes that grow at their end, for what is made once per record: the test for room is inline,
 * and the bytes are written straight to where they stay.
 */
#pragma once

#include "base/bytes.h"

/* Zeroed at first. */
typedef struct {
    guint8 *at;
    gsize len, size;
} LampOut;

void lamp_out_grow(LampOut *out, gsize room);
void lamp_out_clear(LampOut *out);

/* Where the next bytes go: @room of them at least. The caller adds to `len` what it wrote. */
static inline guint8 *
lamp_out_end(LampOut *out, gsize room)
{
    if (out->size - out->len < room)
        lamp_out_grow(out, room);
    return out->at + out->len;
}

static inline void
lamp_out_add(LampOut *out, LampBytes bytes)
{
    if (bytes.len == 0)
        return;
    guint8 *at = lamp_out_end(out, bytes.len);
    if (bytes.len >= 8 && bytes.len <= 16) { /* two halves that overlap, without a call */
        memcpy(at, bytes.at, 8);
        memcpy(at + bytes.len - 8, bytes.at + bytes.len - 8, 8);
    } else {
        memcpy(at, bytes.at, bytes.len);
    }
    out->len += bytes.len;
}
