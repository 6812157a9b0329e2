/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over a stream:
 * one compression round for each eight bytes, three at the end. init, any number of updates,
 * finish; the result does not depend on how the bytes were cut.
 */
#pragma once

#include "base/bytes.h"

/* Key of content identities, which must be equal in every run. */
#define LAMP_CONTENT_KEY_0 0x6c616d706c696768ULL
#define LAMP_CONTENT_KEY_1 0x7420636f6e74656eULL

typedef struct {
    guint64 v[4];
    guint64 tail;     /* bytes that do not make a word yet */
    guint8 tail_len;  /* 0 to 7 */
    guint8 total_len; /* of all bytes, modulo 256 */
} LampSipHash;

static inline guint64
lamp_siphash_rotate(guint64 x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
lamp_siphash_round(guint64 v[4])
{
    v[0] += v[1];
    v[1] = lamp_siphash_rotate(v[1], 13) ^ v[0];
    v[0] = lamp_siphash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = lamp_siphash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = lamp_siphash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = lamp_siphash_rotate(v[1], 17) ^ v[2];
    v[2] = lamp_siphash_rotate(v[2], 32);
}

static inline void
lamp_siphash_word(LampSipHash *hash, guint64 word)
{
    hash->v[3] ^= word;
    lamp_siphash_round(hash->v);
    hash->v[0] ^= word;
}

static inline void
lamp_siphash_init(LampSipHash *hash, guint64 k0, guint64 k1)
{
    *hash = (LampSipHash){.v = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
                                k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL}};
}

static inline void
lamp_siphash_update(LampSipHash *hash, LampBytes bytes)
{
    if (bytes.len == 0) /* what is empty may have no address to reckon with */
        return;
    const guint8 *at = bytes.at, *end = bytes.at + bytes.len;
    hash->total_len = (guint8) (hash->total_len + bytes.len);
    while (hash->tail_len > 0 && at < end) {
        hash->tail |= (guint64) *at++ << (8 * hash->tail_len++);
        if (hash->tail_len == 8) {
            lamp_siphash_word(hash, hash->tail);
            hash->tail = 0;
            hash->tail_len = 0;
        }
    }
    for (; end - at >= 8; at += 8)
        lamp_siphash_word(hash, lamp_le64(at));
    while (at < end)
        hash->tail |= (guint64) *at++ << (8 * hash->tail_len++);
}

static inline guint64
lamp_siphash_finish(LampSipHash *hash)
{
    lamp_siphash_word(hash, hash->tail | (guint64) hash->total_len << 56);
    hash->v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        lamp_siphash_round(hash->v);
    return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}
