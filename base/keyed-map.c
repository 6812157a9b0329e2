/*
 * Open addressing with linear probing over an array of slots; load at most three quarters. Each
 * slot keeps half of the hash, so that probing rarely touches a key. SipHash-1-3 follows the
 * published reference description (one compression round per word, three at the end).
 */
#include "base/keyed-map.h"

#include "base/arena.h"
#include "base/siphash.h"

#include <sys/random.h>

typedef struct {
    guint32 hash; /* 0 marks a free slot; a hash of 0 is stored as 1 */
    guint32 key_len;
    union {
        guint8 bytes[8]; /* of a key that is not longer */
        const guint8 *at;
    } key;
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

static guint64
sip_hash(LampBytes bytes, guint64 k0, guint64 k1)
{
    LampSipHash hash;
    lamp_siphash_init(&hash, k0, k1);
    lamp_siphash_update(&hash, bytes);
    return lamp_siphash_finish(&hash);
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
    return sip_hash(bytes, LAMP_CONTENT_KEY_0, LAMP_CONTENT_KEY_1);
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

static LampBytes
key_of(const Slot *slot)
{
    gboolean is_short = slot->key_len <= sizeof slot->key.bytes;
    return lamp_bytes(is_short ? slot->key.bytes : slot->key.at, slot->key_len);
}

static Slot *
find_slot(const LampKeyedMap *map, LampBytes key, guint32 hash)
{
    gsize mask = map->slot_count - 1;
    for (gsize i = hash & mask;; i = (i + 1) & mask) {
        Slot *slot = &map->slots[i];
        if (slot->hash == 0 || (slot->hash == hash && lamp_bytes_equal(key_of(slot), key)))
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
            *find_slot(map, key_of(&old[i]), old[i].hash) = old[i];
    g_free(old);
    return TRUE;
}

static guint32
slot_hash(LampBytes key)
{
    guint32 hash = (guint32) lamp_keyed_hash(key);
    return hash == 0 ? 1 : hash;
}

static gboolean
set_key(LampKeyedMap *map, Slot *slot, LampBytes key)
{
    if (key.len <= sizeof slot->key.bytes) {
        if (key.len > 0)
            memcpy(slot->key.bytes, key.at, key.len);
        return TRUE;
    }
    if (map->slot_count * sizeof(Slot) + lamp_arena_size(map->keys) + key.len > map->budget)
        return FALSE;
    slot->key.at = lamp_arena_copy(map->keys, key).at;
    return slot->key.at != NULL;
}

guint64 *
lamp_keyed_map_add(LampKeyedMap *map, LampBytes key, gboolean *out_is_new)
{
    guint32 hash = slot_hash(key);
    if (key.len > G_MAXUINT32 || (map->slot_count == 0 && !grow(map)))
        return NULL;
    Slot *slot = find_slot(map, key, hash);
    if (out_is_new != NULL)
        *out_is_new = slot->hash == 0;
    if (slot->hash != 0)
        return &slot->value;
    if ((gsize) map->used + 1 > map->slot_count / 4 * 3) {
        if (!grow(map))
            return NULL;
        slot = find_slot(map, key, hash);
    }
    Slot fresh = {.hash = hash, .key_len = (guint32) key.len};
    if (!set_key(map, &fresh, key))
        return NULL;
    *slot = fresh;
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
