/*
 * Open addressing with linear probing over an array of slots; load at most one half. Each slot
 * keeps the full hash, so that probing rarely touches a key. SipHash-1-3 follows the published
 * reference description (one compression round per word, three at the end).
 */
#include "base/keyed-map.h"

#include "base/arena.h"

#include <sys/random.h>

typedef struct {
    guint64 hash; /* 0 marks a free slot; a hash of 0 is stored as 1 */
    LampBytes key;
    guint64 value;
} Slot;

struct LampKeyedMap {
    Slot *slots;
    gsize slot_count; /* a power of two, or 0 */
    guint used;
    gsize budget;
    LampArena *keys;
};

static guint64 secret[2];

static void
ensure_secret(void)
{
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        if (getrandom(secret, sizeof secret, 0) != (gssize) sizeof secret) {
            secret[0] = (guint64) g_get_monotonic_time();
            secret[1] = (guint64) (gsize) &ready;
        }
        g_once_init_leave(&ready, 1);
    }
}

static inline guint64
rotate(guint64 x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
sip_round(guint64 v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static guint64
sip_hash(LampBytes bytes, guint64 k0, guint64 k1)
{
    guint64 v[4] = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
                    k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL};
    gsize whole = bytes.len / 8 * 8;
    for (gsize i = 0; i < whole; i += 8) {
        guint64 word = lamp_le64(bytes.at + i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    guint64 last = (guint64) bytes.len << 56;
    for (gsize i = whole; i < bytes.len; i++)
        last |= (guint64) bytes.at[i] << (8 * (i - whole));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

guint64
lamp_keyed_hash(LampBytes bytes)
{
    ensure_secret();
    return sip_hash(bytes, secret[0], secret[1]);
}

guint64
lamp_content_hash(LampBytes bytes)
{
    return sip_hash(bytes, 0x6c616d706c696768ULL, 0x7420636f6e74656eULL);
}

LampKeyedMap *
lamp_keyed_map_new(gsize budget_bytes)
{
    LampKeyedMap *map = g_new0(LampKeyedMap, 1);
    map->budget = budget_bytes;
    map->keys = lamp_arena_new(budget_bytes);
    return map;
}

void
lamp_keyed_map_free(LampKeyedMap *map)
{
    if (map == NULL)
        return;
    lamp_arena_free(map->keys);
    g_free(map->slots);
    g_free(map);
}

void
lamp_keyed_map_clear(LampKeyedMap *map)
{
    lamp_arena_clear(map->keys);
    g_clear_pointer(&map->slots, g_free);
    map->slot_count = 0;
    map->used = 0;
}

static Slot *
find_slot(const LampKeyedMap *map, LampBytes key, guint64 hash)
{
    gsize mask = map->slot_count - 1;
    for (gsize i = hash & mask;; i = (i + 1) & mask) {
        Slot *slot = &map->slots[i];
        if (slot->hash == 0 || (slot->hash == hash && lamp_bytes_equal(slot->key, key)))
            return slot;
    }
}

static gboolean
grow(LampKeyedMap *map)
{
    gsize old_count = map->slot_count, count = old_count == 0 ? 64 : old_count * 2;
    Slot *old = map->slots;
    if (count * sizeof(Slot) + lamp_arena_size(map->keys) > map->budget)
        return FALSE;
    Slot *slots = g_try_new0(Slot, count);
    if (slots == NULL)
        return FALSE;
    map->slots = slots;
    map->slot_count = count;
    for (gsize i = 0; i < old_count; i++)
        if (old[i].hash != 0)
            *find_slot(map, old[i].key, old[i].hash) = old[i];
    g_free(old);
    return TRUE;
}

static guint64
slot_hash(LampBytes key)
{
    guint64 hash = lamp_keyed_hash(key);
    return hash == 0 ? 1 : hash;
}

guint64 *
lamp_keyed_map_add(LampKeyedMap *map, LampBytes key, gboolean *out_is_new)
{
    guint64 hash = slot_hash(key);
    if (map->slot_count == 0 && !grow(map))
        return NULL;
    Slot *slot = find_slot(map, key, hash);
    if (out_is_new != NULL)
        *out_is_new = slot->hash == 0;
    if (slot->hash != 0)
        return &slot->value;
    if ((gsize) map->used + 1 > map->slot_count / 2) {
        if (!grow(map))
            return NULL;
        slot = find_slot(map, key, hash);
    }
    if (map->slot_count * sizeof(Slot) + lamp_arena_size(map->keys) + key.len > map->budget)
        return NULL;
    LampBytes copy = lamp_arena_copy(map->keys, key);
    if (copy.at == NULL)
        return NULL;
    *slot = (Slot){.hash = hash, .key = copy};
    map->used++;
    return &slot->value;
}

guint64 *
lamp_keyed_map_find(const LampKeyedMap *map, LampBytes key)
{
    if (map->slot_count == 0)
        return NULL;
    Slot *slot = find_slot(map, key, slot_hash(key));
    return slot->hash == 0 ? NULL : &slot->value;
}

guint
lamp_keyed_map_size(const LampKeyedMap *map)
{
    return map->used;
}
