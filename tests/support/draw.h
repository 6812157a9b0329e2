/*
 * Numbers drawn at random, the same in each run: linear congruential generators of 32 bits
 * (Numerical Recipes) and 64 (Knuth, MMIX).
 */
#pragma once

#include <glib.h>

/* From 0 to @most - 1. */
static inline gint64
draw_below(guint32 *state, gint64 most)
{
    *state = *state * 1664525u + 1013904223u;
    return (gint64) (*state >> 8) % most;
}

/* Between 0 and 1. */
static inline double
draw_unit(guint64 *state)
{
    *state = *state * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return ((double) (*state >> 11) + 0.5) * 0x1.0p-53;
}
