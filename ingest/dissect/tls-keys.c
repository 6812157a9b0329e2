/*
 * Key derivation of TLS: HMAC (RFC 2104), the pseudorandom functions of RFC 2246 and RFC 5246
 * section 5, and HKDF-Expand-Label (RFC 8446 section 7.1, RFC 5869). The hashes are nettle's.
 */
#include "ingest/dissect/tls-keys.h"

#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

enum { DIGEST_MAX = 48 };

/* A state of any of the hashes that TLS uses. */
typedef union {
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
} State;

void
lamp_tls_hmac(const struct nettle_hash *hash, LampBytes key, LampBytes first, LampBytes second,
              guint8 *out)
{
    State outer, inner, state;
    g_assert(hash->context_size <= sizeof state);
    hmac_set_key(&outer, &inner, &state, hash, key.len, key.at);
    hmac_update(&state, hash, first.len, first.at);
    if (second.len > 0)
        hmac_update(&state, hash, second.len, second.at);
    hmac_digest(&outer, &inner, &state, hash, hash->digest_size, out);
}

/* P_hash of RFC 5246 section 5, laid over what is in @out. */
static void
stretch(const struct nettle_hash *hash, LampBytes secret, LampBytes seed, guint8 *out,
        gsize len)
{
    guint8 chain[DIGEST_MAX], block[DIGEST_MAX];
    gsize size = hash->digest_size;
    lamp_tls_hmac(hash, secret, seed, lamp_bytes(NULL, 0), chain);
    for (gsize at = 0; at < len; at += size) {
        lamp_tls_hmac(hash, secret, lamp_bytes(chain, size), seed, block);
        for (gsize i = 0; i < size && at + i < len; i++)
            out[at + i] ^= block[i];
        lamp_tls_hmac(hash, secret, lamp_bytes(chain, size), lamp_bytes(NULL, 0), chain);
    }
}

void
lamp_tls_prf(const struct nettle_hash *hash, LampBytes secret, const char *label,
             LampBytes seed, guint8 *out, gsize len)
{
    guint8 text[128];
    gsize n = strlen(label);
    g_assert(n + seed.len <= sizeof text);
    memcpy(text, label, n);
    memcpy(text + n, seed.at, seed.len);
    LampBytes labelled = lamp_bytes(text, n + seed.len);
    memset(out, 0, len);
    if (hash != NULL) {
        stretch(hash, secret, labelled, out, len);
        return;
    }
    gsize half = (secret.len + 1) / 2;
    stretch(&nettle_md5, lamp_bytes(secret.at, half), labelled, out, len);
    stretch(&nettle_sha1, lamp_bytes(secret.at + secret.len - half, half), labelled, out, len);
}

void
lamp_tls_expand(const struct nettle_hash *hash, const guint8 *secret, const char *label,
                guint8 *out, gsize len)
{
    guint8 text[64] = {(guint8) (len >> 8), (guint8) len}, digest[DIGEST_MAX];
    gsize n = strlen(label) + 6;
    g_assert(len <= hash->digest_size && n + 5 <= sizeof text);
    text[2] = (guint8) n;
    memcpy(text + 3, "tls13 ", 6);
    memcpy(text + 9, label, n - 6);
    /* Behind the label: an empty context, then the number of the block, which is the first. */
    text[n + 4] = 1;
    lamp_tls_hmac(hash, lamp_bytes(secret, hash->digest_size), lamp_bytes(text, n + 5),
                  lamp_bytes(NULL, 0), digest);
    memcpy(out, digest, len);
}
