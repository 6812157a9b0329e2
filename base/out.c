/*
 * Growth of bytes that are put out: to twice what is needed, so that adding a byte costs the
 * same on average however many there are.
 */
#include "base/out.h"

void
lamp_out_grow(LampOut *out, gsize room)
{
    out->size = MAX((out->len + room) * 2, (gsize) 256);
    out->at = g_realloc(out->at, out->size);
}

void
lamp_out_clear(LampOut *out)
{
    g_free(out->at);
    *out = (LampOut){NULL, 0, 0};
}
