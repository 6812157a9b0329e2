/*
 * A hash of a whole content that arrives in pieces, equal in every run and however it was cut:
 * by it a file is known again. init, any number of updates, finish.
 *
 * Four lanes take eight bytes each in turn, so that their multiplications (value-hash.h)
 * overlap: a quarter of the time of one SipHash over the same bytes. Whoever chooses the bytes
 * can make two contents meet, as with every hash of 64 bits without a secret; what is taken for
 * a copy is told with the name of what it is a copy of.
 */
#pragma once

#include "base/value-hash.h"

enum { LAMP_STREAM_HASH_LANES = 4, LAMP_STREAM_HASH_BLOCK = 8 * LAMP_STREAM_HASH_LANES };

typedef struct {
    guint64 lanes[LAMP_STREAM_HASH_LANES];
    guint8 tail[LAMP_STREAM_HASH_BLOCK]; /* bytes that do not make a block yet */
    gsize tail_len;
    guint64 total_len;
} LampStreamHash;

static const guint64 lamp_stream_hash_keys[LAMP_STREAM_HASH_LANES] = {
    G_GUINT64_CONSTANT(0x9e3779b97f4a7c15), G_GUINT64_CONSTANT(0xc2b2ae3d27d4eb4f),
    G_GUINT64_CONSTANT(0xd1342543de82ef95), G_GUINT64_CONSTANT(0xaf251af3b0f025b5)};

static inline void
lamp_stream_hash_init(LampStreamHash *hash)
{
    *hash = (LampStreamHash){.tail_len = 0};
    memcpy(hash->lanes, lamp_stream_hash_keys, sizeof hash->lanes);
}

static inline void
lamp_stream_hash_block(guint64 lanes[LAMP_STREAM_HASH_LANES], const guint8 *at)
{
    for (gsize i = 0; i < LAMP_STREAM_HASH_LANES; i++)
        lanes[i] =
            lamp_value_hash_fold(lanes[i] ^ lamp_le64(at + 8 * i), lamp_stream_hash_keys[i]);
}

static inline void
lamp_stream_hash_update(LampStreamHash *hash, LampBytes bytes)
{
    hash->total_len += bytes.len;
    if (hash->tail_len > 0) {
        gsize n = MIN(bytes.len, LAMP_STREAM_HASH_BLOCK - hash->tail_len);
        if (n > 0)
            memcpy(hash->tail + hash->tail_len, bytes.at, n);
        hash->tail_len += n;
        if (hash->tail_len < LAMP_STREAM_HASH_BLOCK)
            return;
        lamp_stream_hash_block(hash->lanes, hash->tail);
        bytes = lamp_bytes(bytes.at + n, bytes.len - n);
        hash->tail_len = 0;
    }
    guint64 lanes[LAMP_STREAM_HASH_LANES]; /* kept in registers */
    memcpy(lanes, hash->lanes, sizeof lanes);
    for (; bytes.len >= LAMP_STREAM_HASH_BLOCK; bytes.len -= LAMP_STREAM_HASH_BLOCK) {
        lamp_stream_hash_block(lanes, bytes.at);
        bytes.at += LAMP_STREAM_HASH_BLOCK;
    }
    memcpy(hash->lanes, lanes, sizeof lanes);
    if (bytes.len > 0)
        memcpy(hash->tail, bytes.at, bytes.len);
    hash->tail_len = bytes.len;
}

static inline guint64
lamp_stream_hash_finish(const LampStreamHash *hash)
{
    guint64 lanes[LAMP_STREAM_HASH_LANES], result = hash->total_len;
    guint8 last[LAMP_STREAM_HASH_BLOCK] = {0};
    memcpy(lanes, hash->lanes, sizeof lanes);
    memcpy(last, hash->tail, hash->tail_len);
    lamp_stream_hash_block(lanes, last);
    for (gsize i = 0; i < LAMP_STREAM_HASH_LANES; i++)
        result = lamp_value_hash_fold(result ^ lanes[i], lamp_stream_hash_keys[i]);
    return lamp_value_hash_fold(result ^ lamp_stream_hash_keys[0], lamp_stream_hash_keys[2]);
}
