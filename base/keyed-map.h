/*
 * A hash map from bytes to a 64-bit value for keys that come from input.
 *
 * GLib's own string hash has no key, so two megabytes of chosen strings make it quadratic. This
 * one hashes with SipHash-1-3 (Aumasson and Bernstein 2012) under a secret drawn once per
 * process. Its order of iteration therefore differs from run to run: never derive output, ids
 * or decisions from it; sort first. Keys are copied into the map's own arena.
 */
#pragma once

#include "base/bytes.h"

typedef struct LampKeyedMap LampKeyedMap;

/* @budget_bytes bounds the memory of keys and table together. Caller frees. */
LampKeyedMap *lamp_keyed_map_new(gsize budget_bytes);
void lamp_keyed_map_free(LampKeyedMap *map);

/* Place of the value of @key, made with the value 0 where the key is new (*out_is_new, may be
 * NULL, tells). NULL when the budget is used up. Valid until the next call that adds. O(1)
 * expected. */
guint64 *lamp_keyed_map_add(LampKeyedMap *map, LampBytes key, gboolean *out_is_new);

/* Value's place, or NULL where the key is unknown. O(1) expected. */
guint64 *lamp_keyed_map_find(const LampKeyedMap *map, LampBytes key);

guint lamp_keyed_map_size(const LampKeyedMap *map);

/* The keyed hash itself, for tables of other kinds. Differs from process to process. */
guint64 lamp_keyed_hash(LampBytes bytes);

/* A hash without secret, equal in every run, for content identities; not for tables. O(n). */
guint64 lamp_content_hash(LampBytes bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampKeyedMap, lamp_keyed_map_free)
