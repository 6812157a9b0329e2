/*
 * TLS secrets of one run, in the form that browsers and libraries write (SSLKEYLOGFILE,
 * draft-ietf-tls-keylogfile): one line for each secret, named by its use and the client random
 * of the connection that it belongs to.
 *
 * Secrets live in memory only: no row, finding or message ever holds one.
 */
#pragma once

#include "base/bytes.h"

typedef enum {
    LAMP_SECRET_MASTER, /* TLS up to 1.2: 48 bytes */
    LAMP_SECRET_CLIENT_HANDSHAKE,
    LAMP_SECRET_SERVER_HANDSHAKE,
    LAMP_SECRET_CLIENT_TRAFFIC,
    LAMP_SECRET_SERVER_TRAFFIC,
    LAMP_SECRET_CLIENT_EARLY,
    LAMP_SECRET_OTHER, /* well formed, of no use here */
} LampSecretKind;

enum { LAMP_SECRET_MAX = 48, LAMP_TLS_RANDOM = 32 };

typedef struct LampKeyLog LampKeyLog;

LampKeyLog *lamp_key_log_new(void);
void lamp_key_log_free(LampKeyLog *log);

/* Is @line (without its end) a secret? Comments and empty lines are none. Pure. */
gboolean lamp_key_log_is_secret(LampBytes line);

/* Takes the secrets in the lines of @text; other lines are passed over. FALSE when the log is
 * full (LAMP_LIMIT_SECRETS) and one had to be left out. */
gboolean lamp_key_log_add(LampKeyLog *log, LampBytes text);

/* The secret of that kind for the connection with this client random (LAMP_TLS_RANDOM bytes),
 * borrowed until the next addition; empty where there is none, or where @log is NULL. */
LampBytes lamp_key_log_find(const LampKeyLog *log, LampSecretKind kind, const guint8 *random);

/* Number of secrets held; 0 for NULL. */
guint lamp_key_log_count(const LampKeyLog *log);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampKeyLog, lamp_key_log_free)
