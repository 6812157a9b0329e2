/*
 * The handshake of a TLS connection: what it tells in the clear, and, with the connection's
 * secrets, the keys that follow from it.
 */
#pragma once

#include "ingest/dissect/tls-cipher.h"
#include "ingest/stream.h"

typedef enum {
    LAMP_TLS_CLEAR,     /* no keys yet, or none known */
    LAMP_TLS_EARLY,     /* TLS 1.3: the client's keys for data before the server's answer */
    LAMP_TLS_HANDSHAKE, /* TLS 1.3: keys of the handshake */
    LAMP_TLS_TRAFFIC,
} LampTlsStage;

/* One sender. */
typedef struct {
    GByteArray *messages; /* handshake messages that are not whole yet, or NULL */
    gboolean is_encrypted;
    gboolean is_over; /* its messages are not read any more */
    LampTlsStage stage;
    LampTlsCipher *cipher; /* in force, or NULL */
    LampTlsCipher *next;   /* up to TLS 1.2: from ChangeCipherSpec on */
} LampTlsSide;

typedef struct {
    LampTlsSide side[2];             /* by LampDirection */
    gboolean has_client, has_server; /* hello messages */
    gboolean is_1_3, is_mac_last, offers_http2, has_early_data;
    guint16 version, suite;
    guint8 client_random[LAMP_TLS_RANDOM], server_random[LAMP_TLS_RANDOM];
} LampTlsHandshake;

/* Takes the content of handshake records, in the clear or opened. */
void lamp_tls_handshake_add(LampTlsHandshake *handshake, LampStream *stream,
                            LampDirection direction, LampBytes bytes);

/* Takes a ChangeCipherSpec. */
void lamp_tls_handshake_change(LampTlsHandshake *handshake, LampStream *stream,
                               LampDirection direction);

/* No more handshake records follow: reads what there is of a message that was cut. */
void lamp_tls_handshake_flush(LampTlsHandshake *handshake, LampStream *stream,
                              LampDirection direction);

/* TLS 1.3: goes on to the keys of the next stage, also after loss. FALSE where there are none.
 */
gboolean lamp_tls_handshake_advance(LampTlsHandshake *handshake, LampStream *stream,
                                    LampDirection direction);

/* Forgets all keys. */
void lamp_tls_handshake_forget_keys(LampTlsHandshake *handshake);

/* Frees what is held. */
void lamp_tls_handshake_clear(LampTlsHandshake *handshake);
