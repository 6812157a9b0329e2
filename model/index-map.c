/*
 * Open addressing with linear probing, at most two thirds full.
 */
#include "model/index-map.h"

#include <string.h>

#define FIRST_SIZE 64u

void
lamp_index_map_init(LampIndexMap *map)
{
    memset(map, 0, sizeof *map);
}

void
lamp_index_map_clear(LampIndexMap *map)
{
    g_free(map->keys);
    g_free(map->values);
    lamp_index_map_init(map);
}

static guint32
find_place(const LampIndexMap *map, guint64 key)
{
    guint32 i = (guint32) lamp_mix64(key) & (map->size - 1);
    while (map->values[i] != 0 && map->keys[i] != key)
        i = (i + 1) & (map->size - 1);
    return i;
}

static void
grow(LampIndexMap *map)
{
    LampIndexMap wider = {.size = map->size == 0 ? FIRST_SIZE : map->size * 2,
                          .count = map->count};
    wider.keys = g_new(guint64, wider.size);
    wider.values = g_new0(guint32, wider.size);
    for (guint32 i = 0; i < map->size; i++) {
        if (map->values[i] == 0)
            continue;
        guint32 place = find_place(&wider, map->keys[i]);
        wider.keys[place] = map->keys[i];
        wider.values[place] = map->values[i];
    }
    lamp_index_map_clear(map);
    *map = wider;
}

guint32
lamp_index_map_add(LampIndexMap *map, guint64 key, guint32 value_if_new, gboolean *out_is_new)
{
    if (map->count * 3 >= map->size * 2)
        grow(map);
    guint32 place = find_place(map, key);
    gboolean is_new = map->values[place] == 0;
    if (is_new) {
        map->keys[place] = key;
        map->values[place] = value_if_new + 1;
        map->count++;
    }
    if (out_is_new != NULL)
        *out_is_new = is_new;
    return map->values[place] - 1;
}

guint32
lamp_index_map_find(const LampIndexMap *map, guint64 key)
{
    if (map->size == 0)
        return G_MAXUINT32;
    guint32 place = find_place(map, key);
    return map->values[place] == 0 ? G_MAXUINT32 : map->values[place] - 1;
}
