/*
 * Seeded numbers for the makers of benchmark inputs: the same seed gives the same bytes.
 */
#pragma once

#include <glib.h>
#include <math.h>

/* SplitMix64 (Steele, Lea, Flood 2014). */
static inline guint64
draw(guint64 *state)
{
    guint64 z = *state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* 0 to @n - 1. */
static inline guint32
draw_below(guint64 *state, guint32 n)
{
    return (guint32) (((draw(state) >> 32) * n) >> 32);
}

/* Exponential with this mean: times between arrivals, durations. */
static inline double
draw_exponential(guint64 *state, double mean)
{
    return -mean * log(1.0 - (double) (draw(state) >> 11) * 0x1p-53);
}
