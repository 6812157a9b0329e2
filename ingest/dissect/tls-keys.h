/*
 * The key schedules of TLS over a hash of nettle's.
 */
#pragma once

#include "base/bytes.h"

#include <nettle/nettle-meta.h>

/* HMAC of @first and @second under @key; @out takes a digest. */
void lamp_tls_hmac(const struct nettle_hash *hash, LampBytes key, LampBytes first,
                   LampBytes second, guint8 *out);

/* The pseudorandom function up to TLS 1.2; @hash NULL: that of TLS 1.0 and 1.1. */
void lamp_tls_prf(const struct nettle_hash *hash, LampBytes secret, const char *label,
                  LampBytes seed, guint8 *out, gsize len);

/* HKDF-Expand-Label of TLS 1.3 without context; @secret has a digest's length, @len is at most
 * that. */
void lamp_tls_expand(const struct nettle_hash *hash, const guint8 *secret, const char *label,
                     guint8 *out, gsize len);
