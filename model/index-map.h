/*
 * A map from 64-bit keys that the model made itself (packed indices, hashes of shapes) to small
 * numbers, with open addressing. The keys are mixed, not keyed: do not use it for keys that
 * come from input (base/keyed-map.h is for those). Entries are never removed and keep the order
 * in which they were added, so walking the values is deterministic.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 *keys;   /* owned */
    guint32 *values; /* value + 1; 0: free place */
    guint32 size, count;
} LampIndexMap;

void lamp_index_map_init(LampIndexMap *map);
void lamp_index_map_clear(LampIndexMap *map);

/* Place of the number of @key; new keys get @value_if_new (*out_is_new tells, may be NULL).
 * O(1) expected. */
guint32 lamp_index_map_add(LampIndexMap *map, guint64 key, guint32 value_if_new,
                           gboolean *out_is_new);

/* Number of @key, or G_MAXUINT32. */
guint32 lamp_index_map_find(const LampIndexMap *map, guint64 key);

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014), for hashes of hashes. */
static inline guint64
lamp_mix64(guint64 h)
{
    h = (h ^ (h >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return h ^ (h >> 31);
}
