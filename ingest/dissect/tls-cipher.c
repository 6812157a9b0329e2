/*
 * Keys and records of TLS (RFC 8446 section 5 and 7, RFC 5246 section 5 and 6, RFC 4346, RFC
 * 5288, RFC 7905, RFC 7366) over the primitives of the library nettle.
 *
 * In: secrets of a key log and encrypted records. Out: plain ones. Records are numbered; where
 * the capture lacks some, the numbers that they may have had are tried until one is authentic.
 * A record that is not authentic is never handed out. Limits: no CCM, no stream or
 * 64-bit-block ciphers; of a connection before TLS 1.1 nothing can be read after a gap, as each
 * record's key stream hangs on the one before.
 */
#include "ingest/dissect/tls-cipher.h"

#include "ingest/dissect/tls-keys.h"
#include "ingest/key-log.h"

#include <nettle/cbc.h>
#include <nettle/nettle-meta.h>

enum {
    TAG = 16, /* of all AEAD suites here */
    NONCE = 12,
    SALT = 4,     /* AES-GCM of TLS 1.2: fixed part of the nonce, the rest is sent */
    EXPLICIT = 8, /* the part that is sent */
    BLOCK = 16,
    MAC_MAX = 48,
};

typedef enum { AES_GCM, CHACHA20, AES_CBC } Algorithm;

typedef struct {
    guint16 number;
    guint8 algorithm, key_size;
    const struct nettle_hash *hash; /* of the key derivation */
    const struct nettle_hash *mac;  /* AES-CBC only */
} Suite;

struct LampTlsCipher {
    const Suite *suite;
    const struct nettle_aead *aead;     /* or */
    const struct nettle_cipher *cipher; /* this one */
    gpointer context;
    gboolean is_1_3, is_mac_last, has_sent_iv;
    guint64 sequence;
    guint skipped; /* records that may be missing before the next */
    guint8 secret[LAMP_SECRET_MAX];
    guint8 iv[BLOCK];
    guint8 mac_key[MAC_MAX];
};

#define GCM(number, bytes, hash)                     \
    {                                                \
        number, AES_GCM, bytes, &nettle_##hash, NULL \
    }
#define CHACHA(number)                             \
    {                                              \
        number, CHACHA20, 32, &nettle_sha256, NULL \
    }
#define CBC(number, bytes, hash, mac)                         \
    {                                                         \
        number, AES_CBC, bytes, &nettle_##hash, &nettle_##mac \
    }
static const Suite suites[] = {
    /* TLS 1.3 */
    GCM(0x1301, 16, sha256),
    GCM(0x1302, 32, sha384),
    CHACHA(0x1303),
    /* RSA, DHE_RSA, DHE_DSS, PSK, DHE_PSK, RSA_PSK */
    GCM(0x009c, 16, sha256),
    GCM(0x009d, 32, sha384),
    GCM(0x009e, 16, sha256),
    GCM(0x009f, 32, sha384),
    GCM(0x00a2, 16, sha256),
    GCM(0x00a3, 32, sha384),
    GCM(0x00a8, 16, sha256),
    GCM(0x00a9, 32, sha384),
    GCM(0x00aa, 16, sha256),
    GCM(0x00ab, 32, sha384),
    GCM(0x00ac, 16, sha256),
    GCM(0x00ad, 32, sha384),
    /* ECDHE_ECDSA, ECDHE_RSA */
    GCM(0xc02b, 16, sha256),
    GCM(0xc02c, 32, sha384),
    GCM(0xc02f, 16, sha256),
    GCM(0xc030, 32, sha384),
    CHACHA(0xcca8),
    CHACHA(0xcca9),
    CHACHA(0xccaa),
    CHACHA(0xccab),
    CHACHA(0xccac),
    CHACHA(0xccad),
    CBC(0x002f, 16, sha256, sha1),
    CBC(0x0032, 16, sha256, sha1),
    CBC(0x0033, 16, sha256, sha1),
    CBC(0x0035, 32, sha256, sha1),
    CBC(0x0038, 32, sha256, sha1),
    CBC(0x0039, 32, sha256, sha1),
    CBC(0x003c, 16, sha256, sha256),
    CBC(0x003d, 32, sha256, sha256),
    CBC(0x0040, 16, sha256, sha256),
    CBC(0x0067, 16, sha256, sha256),
    CBC(0x006a, 32, sha256, sha256),
    CBC(0x006b, 32, sha256, sha256),
    CBC(0xc009, 16, sha256, sha1),
    CBC(0xc00a, 32, sha256, sha1),
    CBC(0xc013, 16, sha256, sha1),
    CBC(0xc014, 32, sha256, sha1),
    CBC(0xc023, 16, sha256, sha256),
    CBC(0xc024, 32, sha384, sha384),
    CBC(0xc027, 16, sha256, sha256),
    CBC(0xc028, 32, sha384, sha384),
};

static const Suite *
find_suite(guint16 number)
{
    for (gsize i = 0; i < G_N_ELEMENTS(suites); i++)
        if (suites[i].number == number)
            return &suites[i];
    return NULL;
}

gboolean
lamp_tls_suite_is_known(guint16 suite)
{
    return find_suite(suite) != NULL;
}

static LampTlsCipher *
new_cipher(const Suite *suite)
{
    LampTlsCipher *c = g_new0(LampTlsCipher, 1);
    c->suite = suite;
    if (suite->algorithm == AES_CBC)
        c->cipher = suite->key_size == 16 ? &nettle_aes128 : &nettle_aes256;
    else if (suite->algorithm == CHACHA20)
        c->aead = &nettle_chacha_poly1305;
    else
        c->aead = suite->key_size == 16 ? &nettle_gcm_aes128 : &nettle_gcm_aes256;
    gsize size = c->aead != NULL ? c->aead->context_size : c->cipher->context_size;
    c->context = g_malloc0(size);
    return c;
}

void
lamp_tls_cipher_free(LampTlsCipher *c)
{
    if (c == NULL)
        return;
    g_free(c->context);
    g_free(c);
}

static void
set_key(LampTlsCipher *c, const guint8 *key)
{
    if (c->aead != NULL)
        c->aead->set_decrypt_key(c->context, key);
    else
        c->cipher->set_decrypt_key(c->context, key);
}

/* ---- TLS 1.3 */

static void
set_traffic_key(LampTlsCipher *c)
{
    guint8 key[32];
    lamp_tls_expand(c->suite->hash, c->secret, "key", key, c->suite->key_size);
    lamp_tls_expand(c->suite->hash, c->secret, "iv", c->iv, NONCE);
    set_key(c, key);
    c->sequence = 0;
    c->skipped = 0;
}

LampTlsCipher *
lamp_tls_cipher_new(guint16 number, LampBytes secret)
{
    const Suite *suite = find_suite(number);
    if (suite == NULL || suite->number >> 8 != 0x13 || secret.len != suite->hash->digest_size)
        return NULL;
    LampTlsCipher *c = new_cipher(suite);
    c->is_1_3 = TRUE;
    memcpy(c->secret, secret.at, secret.len);
    set_traffic_key(c);
    return c;
}

void
lamp_tls_cipher_update(LampTlsCipher *c)
{
    guint8 next[LAMP_SECRET_MAX];
    gsize size = c->suite->hash->digest_size;
    lamp_tls_expand(c->suite->hash, c->secret, "traffic upd", next, size);
    memcpy(c->secret, next, size);
    set_traffic_key(c);
}

/* ---- up to TLS 1.2: MAC keys, keys and initial vectors cut out of one block */

static gsize
iv_size(const Suite *suite)
{
    return suite->algorithm == AES_GCM    ? (gsize) SALT
           : suite->algorithm == CHACHA20 ? (gsize) NONCE
                                          : (gsize) BLOCK;
}

gboolean
lamp_tls_ciphers_new(const LampTlsSession *session, LampTlsCipher *out_ciphers[2])
{
    const Suite *suite = find_suite(session->suite);
    if (suite == NULL || suite->number >> 8 == 0x13)
        return FALSE;
    guint8 block[2 * (MAC_MAX + 32 + BLOCK)], seed[2 * LAMP_TLS_RANDOM];
    gsize mac = suite->mac != NULL ? suite->mac->digest_size : 0, key = suite->key_size;
    gsize iv = iv_size(suite);
    memcpy(seed, session->server_random, LAMP_TLS_RANDOM);
    memcpy(seed + LAMP_TLS_RANDOM, session->client_random, LAMP_TLS_RANDOM);
    lamp_tls_prf(session->version >= LAMP_TLS_1_2 ? suite->hash : NULL, session->master,
                 "key expansion", lamp_bytes(seed, sizeof seed), block, 2 * (mac + key + iv));
    for (gsize i = 0; i < 2; i++) {
        LampTlsCipher *c = out_ciphers[i] = new_cipher(suite);
        memcpy(c->mac_key, block + i * mac, mac);
        set_key(c, block + 2 * mac + i * key);
        memcpy(c->iv, block + 2 * (mac + key) + i * iv, iv);
        c->is_mac_last = session->is_mac_last;
        c->has_sent_iv = session->version > LAMP_TLS_1_0;
    }
    return TRUE;
}

/* ---- records */

static void
put_be64(guint8 *p, guint64 value)
{
    for (guint i = 0; i < 8; i++)
        p[i] = (guint8) (value >> (56 - 8 * i));
}

/* What is authenticated besides the content: number, type, version, length. */
static void
make_pseudo_header(guint8 out_bytes[13], guint64 sequence, const guint8 *header, gsize len)
{
    put_be64(out_bytes, sequence);
    memcpy(out_bytes + 8, header, 3);
    out_bytes[11] = (guint8) (len >> 8);
    out_bytes[12] = (guint8) len;
}

/* Tags decide, but for the fuzzer, which could never make one. */
static gboolean
is_equal_tag(const guint8 *a, const guint8 *b, gsize n)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    const gboolean is_fuzzing = TRUE;
#else
    const gboolean is_fuzzing = FALSE;
#endif
    return is_fuzzing || memcmp(a, b, n) == 0;
}

/* The nonce of RFC 8446 and RFC 7905: the number laid over the initial vector. */
static void
make_nonce(const LampTlsCipher *c, guint64 sequence, const guint8 *fragment,
           guint8 out_nonce[NONCE])
{
    memcpy(out_nonce, c->iv, NONCE);
    if (c->suite->algorithm == AES_GCM && !c->is_1_3) {
        memcpy(out_nonce + SALT, fragment, EXPLICIT);
        return;
    }
    guint8 number[8];
    put_be64(number, sequence);
    for (guint i = 0; i < 8; i++)
        out_nonce[NONCE - 8 + i] ^= number[i];
}

static gboolean
open_aead(LampTlsCipher *c, guint64 sequence, const guint8 *header, LampBytes fragment,
          guint8 *out)
{
    guint8 nonce[NONCE], pseudo[13], tag[TAG];
    gsize lead = c->suite->algorithm == AES_GCM && !c->is_1_3 ? EXPLICIT : 0;
    gsize len = fragment.len - lead - TAG;
    make_nonce(c, sequence, fragment.at, nonce);
    c->aead->set_nonce(c->context, nonce);
    if (c->is_1_3) {
        c->aead->update(c->context, LAMP_TLS_HEADER, header);
    } else {
        make_pseudo_header(pseudo, sequence, header, len);
        c->aead->update(c->context, sizeof pseudo, pseudo);
    }
    c->aead->decrypt(c->context, len, out, fragment.at + lead);
    c->aead->digest(c->context, TAG, tag);
    return is_equal_tag(tag, fragment.at + lead + len, TAG);
}

/* Number of records that may be missing is tried one by one, into @out. */
static gboolean
open_numbered(LampTlsCipher *c, const guint8 *header, LampBytes fragment, guint8 *out)
{
    for (guint i = 0; i <= c->skipped; i++) {
        if (!open_aead(c, c->sequence + i, header, fragment, out))
            continue;
        c->sequence += i + 1;
        c->skipped = 0;
        return TRUE;
    }
    return FALSE;
}

static gboolean
is_mac_right(LampTlsCipher *c, guint64 sequence, const guint8 *header, LampBytes content,
             const guint8 *sent)
{
    guint8 pseudo[13], mac[MAC_MAX];
    gsize size = c->suite->mac->digest_size;
    make_pseudo_header(pseudo, sequence, header, content.len);
    lamp_tls_hmac(c->suite->mac, lamp_bytes(c->mac_key, size), lamp_bytes(pseudo, 13), content,
                  mac);
    return is_equal_tag(mac, sent, size);
}

/* Finds the record's number by its MAC. */
static gboolean
check_mac(LampTlsCipher *c, const guint8 *header, LampBytes content, const guint8 *sent)
{
    for (guint i = 0; i <= c->skipped; i++) {
        if (!is_mac_right(c, c->sequence + i, header, content, sent))
            continue;
        c->sequence += i + 1;
        c->skipped = 0;
        return TRUE;
    }
    return FALSE;
}

/* Takes off the vector that each record brings, or that the record before left; decrypts. */
static gboolean
decrypt_blocks(LampTlsCipher *c, guint8 *fragment, gsize len, LampBytes *out_plain)
{
    if (c->has_sent_iv) {
        if (len < BLOCK)
            return FALSE;
        memcpy(c->iv, fragment, BLOCK);
        fragment += BLOCK;
        len -= BLOCK;
    }
    if (len == 0 || len % BLOCK != 0)
        return FALSE;
    cbc_decrypt(c->context, c->cipher->decrypt, BLOCK, c->iv, len, fragment, fragment);
    gsize padding = (gsize) fragment[len - 1] + 1;
    if (padding > len)
        return FALSE;
    *out_plain = lamp_bytes(fragment, len - padding);
    return TRUE;
}

static gboolean
open_cbc(LampTlsCipher *c, const guint8 *header, guint8 *fragment, gsize len,
         LampBytes *out_plain)
{
    gsize mac = c->suite->mac->digest_size;
    if (len < mac)
        return FALSE;
    if (c->is_mac_last)
        return check_mac(c, header, lamp_bytes(fragment, len - mac), fragment + len - mac) &&
               decrypt_blocks(c, fragment, len - mac, out_plain);
    if (!decrypt_blocks(c, fragment, len, out_plain) || out_plain->len < mac)
        return FALSE;
    out_plain->len -= mac;
    return check_mac(c, header, *out_plain, out_plain->at + out_plain->len);
}

/* The content type of TLS 1.3 is the last byte that is not zero. */
static gboolean
take_inner_type(LampBytes *plain, guint8 *out_type)
{
    while (plain->len > 0 && plain->at[plain->len - 1] == 0)
        plain->len--;
    if (plain->len == 0)
        return FALSE;
    *out_type = plain->at[--plain->len];
    return TRUE;
}

void
lamp_tls_cipher_skip(LampTlsCipher *c, guint records)
{
    c->skipped = MIN(c->skipped + records, 256);
}

gboolean
lamp_tls_cipher_open(LampTlsCipher *c, const guint8 header[LAMP_TLS_HEADER], guint8 *fragment,
                     gsize len, LampBytes *out_plain, guint8 *out_type)
{
    *out_type = header[0];
    if (c->cipher != NULL)
        return open_cbc(c, header, fragment, len, out_plain);
    gsize lead = c->suite->algorithm == AES_GCM && !c->is_1_3 ? EXPLICIT : 0;
    if (len < lead + TAG)
        return FALSE;
    /* Trying several numbers needs the fragment unchanged. */
    g_autofree guint8 *copy = c->skipped > 0 ? g_memdup2(fragment, len) : NULL;
    LampBytes sealed = lamp_bytes(copy != NULL ? copy : fragment, len);
    if (!open_numbered(c, header, sealed, fragment + lead))
        return FALSE;
    *out_plain = lamp_bytes(fragment + lead, len - lead - TAG);
    return !c->is_1_3 || take_inner_type(out_plain, out_type);
}
