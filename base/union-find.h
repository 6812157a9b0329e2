/*
 * Disjoint sets of numbers, kept as trees: each number knows its parent, a root is its own.
 * R. E. Tarjan, J. van Leeuwen: Worst-case analysis of set union algorithms (1984): path
 * halving.
 */
#pragma once

#include <glib.h>

/* The root of @i's set; halves the path to it. */
static inline guint32
lamp_union_find_root(guint32 *parents, guint32 i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}
