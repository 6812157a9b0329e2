/*
 * A fast hash of short texts, equal in every run: for what is counted and compared by its hash,
 * where two texts that meet blur a statistic and nothing else. Whoever chooses the texts can
 * make them meet; maps whose keys come from input use base/keyed-map.h.
 *
 * Each eight bytes are multiplied to 128 bits whose halves are folded together, the way of the
 * family of hashes that began with MUM (V. Makarov, 2016). The last word overlaps the one
 * before it.
 */
#pragma once

#include "base/bytes.h"

static inline guint64
lamp_value_hash_fold(guint64 a, guint64 b)
{
    __extension__ typedef unsigned __int128 Wide;
    Wide product = (Wide) a * b;
    return (guint64) product ^ (guint64) (product >> 64);
}

/* The first or last bytes of a text of fewer than eight, all of them. */
static inline guint64
lamp_value_hash_short(LampBytes text)
{
    guint32 first, last;
    if (text.len >= 4) {
        memcpy(&first, text.at, 4);
        memcpy(&last, text.at + text.len - 4, 4);
        return first | (guint64) last << 32;
    }
    if (text.len == 0)
        return 0;
    return text.at[0] | (guint64) text.at[text.len / 2] << 8 |
           (guint64) text.at[text.len - 1] << 16;
}

static inline guint64
lamp_value_hash(LampBytes text)
{
    const guint64 k0 = G_GUINT64_CONSTANT(0x9e3779b97f4a7c15),
                  k1 = G_GUINT64_CONSTANT(0xd1342543de82ef95);
    guint64 hash = lamp_value_hash_fold(text.len ^ k0, k1), word;
    for (gsize i = 0; i + 8 < text.len; i += 8) {
        memcpy(&word, text.at + i, 8);
        hash = lamp_value_hash_fold(hash ^ GUINT64_FROM_LE(word), k0);
    }
    if (text.len >= 8)
        memcpy(&word, text.at + text.len - 8, 8);
    else
        word = lamp_value_hash_short(text);
    hash = lamp_value_hash_fold(hash ^ GUINT64_FROM_LE(word), k1);
    return lamp_value_hash_fold(hash ^ k1, k0);
}
