/*
 * Opening the records of one direction of a TLS connection whose secrets are known.
 *
 * One LampTlsCipher belongs to one key of one sender. Suites: AES-GCM and ChaCha20-Poly1305
 * (TLS 1.2 and 1.3), AES-CBC with HMAC (TLS 1.0 to 1.2, MAC before or after encryption).
 */
#pragma once

#include "base/bytes.h"

typedef struct LampTlsCipher LampTlsCipher;

enum { LAMP_TLS_1_0 = 0x0301, LAMP_TLS_1_2 = 0x0303, LAMP_TLS_1_3 = 0x0304 };
enum { LAMP_TLS_HEADER = 5, LAMP_TLS_RECORD = 16384 + 2048 };

/* What both keys of a connection up to TLS 1.2 follow from. */
typedef struct {
    guint16 suite, version;
    gboolean is_mac_last; /* extension encrypt_then_mac was agreed on */
    LampBytes master;
    const guint8 *client_random, *server_random; /* LAMP_TLS_RANDOM bytes each */
} LampTlsSession;

/* Can records of this cipher suite be opened? */
gboolean lamp_tls_suite_is_known(guint16 suite);

/* TLS 1.3: the key that follows from a traffic secret; NULL where suite and secret do not fit.
 * Caller frees. */
LampTlsCipher *lamp_tls_cipher_new(guint16 suite, LampBytes secret);

/* Up to TLS 1.2: both keys, out_ciphers[0] the client's; FALSE where the suite is unknown.
 * Caller frees both. */
gboolean lamp_tls_ciphers_new(const LampTlsSession *session, LampTlsCipher *out_ciphers[2]);

void lamp_tls_cipher_free(LampTlsCipher *cipher);

/* TLS 1.3: the sender goes on with the next key of its own making (KeyUpdate). */
void lamp_tls_cipher_update(LampTlsCipher *cipher);

/* Up to @records records may be missing before the next one: their numbers are tried. */
void lamp_tls_cipher_skip(LampTlsCipher *cipher, guint records);

/* Opens one record: its header and its @fragment, which is changed. *out_plain lies inside
 * @fragment; *out_type is the content type. FALSE where the record is not authentic (then the
 * fragment is lost). O(fragment) for each number tried. */
gboolean lamp_tls_cipher_open(LampTlsCipher *cipher, const guint8 header[LAMP_TLS_HEADER],
                              guint8 *fragment, gsize len, LampBytes *out_plain,
                              guint8 *out_type);
