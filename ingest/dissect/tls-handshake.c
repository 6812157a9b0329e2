/*
 * Handshake messages of TLS (RFC 8446 section 4, RFC 5246 section 7, RFC 6066, RFC 7301).
 *
 * In: the content of handshake records of both sides. Out: server name, protocols offered or
 * chosen, names in the server's certificate, to the stream; and the keys in force, which follow
 * from the hellos and the secrets that the stream knows. Messages may be spread over records
 * and may share one. A message larger than MESSAGES_MAX ends the reading of that side's.
 */
#include "ingest/dissect/tls-handshake.h"

#include "base/limits.h"
#include "ingest/dissect/tls-certificate.h"

enum {
    MESSAGES_MAX = 65536,
    MESSAGE_HEADER = 4,
    HELLO_CLIENT = 1,
    HELLO_SERVER = 2,
    END_OF_EARLY_DATA = 5,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE = 11,
    FINISHED = 20,
    KEY_UPDATE = 24,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_ALPN = 16,
    EXTENSION_MAC_LAST = 22,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_VERSIONS = 43,
};

static gboolean
take_vector(LampCursor *c, guint length_bytes, LampBytes *out)
{
    LampBytes length;
    if (!lamp_cursor_take(c, length_bytes, &length))
        return FALSE;
    gsize n = 0;
    for (guint i = 0; i < length_bytes; i++)
        n = n << 8 | length.at[i];
    return lamp_cursor_take(c, n, out);
}

static void
read_server_name(LampStream *stream, LampBytes value)
{
    LampCursor c = lamp_cursor(value);
    LampBytes list, name;
    guint8 type;
    if (!take_vector(&c, 2, &list))
        return;
    c = lamp_cursor(list);
    if (lamp_cursor_u8(&c, &type) && type == 0 && take_vector(&c, 2, &name) && name.len > 0)
        lamp_stream_server_name(stream, name);
}

/* Application protocols: the client's offers, or the server's choice. */
static void
read_alpn(LampTlsHandshake *h, LampStream *stream, LampBytes value)
{
    LampCursor c = lamp_cursor(value);
    LampBytes list, name;
    if (!take_vector(&c, 2, &list))
        return;
    g_autoptr(GString) names = g_string_new(NULL);
    h->offers_http2 = FALSE;
    c = lamp_cursor(list);
    while (take_vector(&c, 1, &name)) {
        if (names->len + name.len + 1 > LAMP_LIMIT_VALUE)
            break;
        if (names->len > 0)
            g_string_append_c(names, ' ');
        g_string_append_len(names, (const char *) name.at, (gssize) name.len);
        h->offers_http2 |= lamp_bytes_equal(name, lamp_bytes_text("h2"));
    }
    lamp_stream_alpn(stream, lamp_bytes(names->str, names->len));
}

static void
read_extension(LampTlsHandshake *h, LampStream *stream, gboolean is_client, guint16 type,
               LampBytes value)
{
    if (is_client && type == EXTENSION_SERVER_NAME)
        read_server_name(stream, value);
    else if (is_client && type == EXTENSION_EARLY_DATA)
        h->has_early_data = TRUE;
    else if (type == EXTENSION_ALPN)
        read_alpn(h, stream, value);
    else if (!is_client && type == EXTENSION_MAC_LAST)
        h->is_mac_last = TRUE;
    else if (!is_client && type == EXTENSION_VERSIONS && value.len >= 2)
        h->is_1_3 = lamp_be16(value.at) == LAMP_TLS_1_3;
}

static void
read_extensions(LampTlsHandshake *h, LampStream *stream, gboolean is_client, LampCursor *c)
{
    LampBytes extensions, value;
    guint16 type;
    if (!take_vector(c, 2, &extensions))
        return;
    LampCursor list = lamp_cursor(extensions);
    while (lamp_cursor_be16(&list, &type) && take_vector(&list, 2, &value))
        read_extension(h, stream, is_client, type, value);
}

/* TLS 1.3: the client may send at once, under a suite that it offers: the first that fits. */
static void
begin_early(LampTlsHandshake *h, LampStream *stream, LampBytes suites)
{
    LampTlsSide *side = &h->side[LAMP_TO_SERVER];
    LampBytes secret = lamp_stream_secret(stream, LAMP_SECRET_CLIENT_EARLY, h->client_random);
    g_clear_pointer(&side->cipher, lamp_tls_cipher_free);
    for (gsize at = 0; at + 2 <= suites.len && side->cipher == NULL; at += 2)
        side->cipher = lamp_tls_cipher_new(lamp_be16(suites.at + at), secret);
    h->is_1_3 = side->cipher != NULL;
    side->is_encrypted = side->cipher != NULL;
    side->stage = side->cipher != NULL ? LAMP_TLS_EARLY : LAMP_TLS_CLEAR;
}

static void
read_client_hello(LampTlsHandshake *h, LampStream *stream, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    LampBytes part, suites;
    if (!lamp_cursor_skip(&c, 2) || !lamp_cursor_take(&c, LAMP_TLS_RANDOM, &part))
        return;
    memcpy(h->client_random, part.at, LAMP_TLS_RANDOM);
    h->has_client = TRUE;
    h->has_early_data = FALSE;
    /* session id, suites, compression */
    if (!take_vector(&c, 1, &part) || !take_vector(&c, 2, &suites) ||
        !take_vector(&c, 1, &part))
        return;
    read_extensions(h, stream, TRUE, &c);
    if (h->has_early_data)
        begin_early(h, stream, suites);
}

/* TLS 1.3: both sides' keys of the handshake; the client may first end its early data. */
static void
begin_1_3(LampTlsHandshake *h, LampStream *stream)
{
    static const LampSecretKind kinds[] = {LAMP_SECRET_CLIENT_HANDSHAKE,
                                           LAMP_SECRET_SERVER_HANDSHAKE};
    for (guint i = 0; i < 2; i++) {
        LampTlsSide *side = &h->side[i];
        LampBytes secret = lamp_stream_secret(stream, kinds[i], h->client_random);
        LampTlsCipher *cipher = lamp_tls_cipher_new(h->suite, secret);
        side->is_encrypted = TRUE;
        if (side->stage == LAMP_TLS_EARLY) {
            side->next = cipher;
            continue;
        }
        lamp_tls_cipher_free(side->cipher);
        side->cipher = cipher;
        side->stage = cipher != NULL ? LAMP_TLS_HANDSHAKE : LAMP_TLS_CLEAR;
    }
}

/* A server that wants another hello says so by this value instead of a random one. */
static gboolean
is_retry(const guint8 *random)
{
    static const guint8 retry[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                   0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                   0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                   0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    return memcmp(random, retry, sizeof retry) == 0;
}

static void
read_server_hello(LampTlsHandshake *h, LampStream *stream, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    LampBytes random, part;
    guint16 version, suite;
    if (!lamp_cursor_be16(&c, &version) || !lamp_cursor_take(&c, LAMP_TLS_RANDOM, &random))
        return;
    if (is_retry(random.at)) {
        h->is_1_3 = TRUE; /* another pair of hellos follows */
        return;
    }
    if (!take_vector(&c, 1, &part) || !lamp_cursor_be16(&c, &suite))
        return;
    memcpy(h->server_random, random.at, LAMP_TLS_RANDOM);
    h->version = version;
    h->suite = suite;
    h->has_server = TRUE;
    h->is_1_3 = h->is_mac_last = FALSE;
    for (guint i = 0; i < 2; i++)
        g_clear_pointer(&h->side[i].next, lamp_tls_cipher_free);
    if (lamp_cursor_skip(&c, 1))
        read_extensions(h, stream, FALSE, &c);
    if (h->is_1_3)
        begin_1_3(h, stream);
}

static void
read_certificate(const LampTlsHandshake *h, LampStream *stream, LampBytes body)
{
    LampCursor c = lamp_cursor(body);
    LampBytes part, list, certificate;
    if ((h->is_1_3 && !take_vector(&c, 1, &part)) || !take_vector(&c, 3, &list))
        return;
    c = lamp_cursor(list);
    if (!take_vector(&c, 3, &certificate))
        return;
    g_autoptr(GString) names = g_string_new(NULL);
    lamp_certificate_names(certificate, names);
    if (names->len > 0)
        lamp_stream_certificate(stream, lamp_bytes(names->str, names->len));
}

gboolean
lamp_tls_handshake_advance(LampTlsHandshake *h, LampStream *stream, LampDirection direction)
{
    LampSecretKind kind =
        direction == LAMP_TO_SERVER ? LAMP_SECRET_CLIENT_TRAFFIC : LAMP_SECRET_SERVER_TRAFFIC;
    LampTlsSide *side = &h->side[direction];
    gboolean is_early = side->stage == LAMP_TLS_EARLY;
    if (!h->is_1_3 || !(is_early || side->stage == LAMP_TLS_HANDSHAKE))
        return FALSE;
    lamp_tls_cipher_free(side->cipher);
    side->cipher = g_steal_pointer(&side->next);
    if (!is_early)
        side->cipher =
            lamp_tls_cipher_new(h->suite, lamp_stream_secret(stream, kind, h->client_random));
    side->stage = side->cipher == NULL ? LAMP_TLS_CLEAR
                  : is_early           ? LAMP_TLS_HANDSHAKE
                                       : LAMP_TLS_TRAFFIC;
    return side->cipher != NULL;
}

static void
read_message(LampTlsHandshake *h, LampStream *stream, LampDirection direction, guint8 type,
             LampBytes body)
{
    LampTlsSide *side = &h->side[direction];
    if (type == HELLO_CLIENT && direction == LAMP_TO_SERVER) {
        read_client_hello(h, stream, body);
    } else if (type == HELLO_SERVER && direction == LAMP_TO_CLIENT) {
        read_server_hello(h, stream, body);
    } else if (type == CERTIFICATE && direction == LAMP_TO_CLIENT) {
        read_certificate(h, stream, body);
    } else if (type == ENCRYPTED_EXTENSIONS && h->is_1_3) {
        LampCursor c = lamp_cursor(body);
        read_extensions(h, stream, FALSE, &c);
    } else if (type == END_OF_EARLY_DATA ? side->stage == LAMP_TLS_EARLY : type == FINISHED) {
        lamp_tls_handshake_advance(h, stream, direction);
    } else if (type == KEY_UPDATE && side->stage == LAMP_TLS_TRAFFIC && h->is_1_3) {
        lamp_tls_cipher_update(side->cipher);
    }
}

void
lamp_tls_handshake_add(LampTlsHandshake *h, LampStream *stream, LampDirection direction,
                       LampBytes bytes)
{
    LampTlsSide *side = &h->side[direction];
    if (side->is_over || bytes.len == 0)
        return;
    if (side->messages == NULL)
        side->messages = g_byte_array_new();
    g_byte_array_append(side->messages, bytes.at, (guint) bytes.len);
    gsize at = 0;
    while (side->messages->len - at >= MESSAGE_HEADER) {
        const guint8 *p = side->messages->data + at;
        gsize length = lamp_be32(p) & 0xffffff;
        if (side->messages->len - at - MESSAGE_HEADER < length)
            break;
        read_message(h, stream, direction, p[0], lamp_bytes(p + MESSAGE_HEADER, length));
        at += MESSAGE_HEADER + length;
    }
    g_byte_array_remove_range(side->messages, 0, (guint) at);
    side->is_over = side->messages->len > MESSAGES_MAX;
    if (side->is_over || side->messages->len == 0)
        g_clear_pointer(&side->messages, g_byte_array_unref);
}

/* Up to TLS 1.2 both keys follow from the master secret. */
static void
derive_keys(LampTlsHandshake *h, LampStream *stream)
{
    LampTlsSession session = {
        .suite = h->suite,
        .version = h->version,
        .is_mac_last = h->is_mac_last,
        .master = lamp_stream_secret(stream, LAMP_SECRET_MASTER, h->client_random),
        .client_random = h->client_random,
        .server_random = h->server_random,
    };
    LampTlsCipher *ciphers[2];
    if (session.master.len == 0 || !lamp_tls_ciphers_new(&session, ciphers))
        return;
    h->side[LAMP_TO_SERVER].next = ciphers[0];
    h->side[LAMP_TO_CLIENT].next = ciphers[1];
}

void
lamp_tls_handshake_change(LampTlsHandshake *h, LampStream *stream, LampDirection direction)
{
    LampTlsSide *side = &h->side[direction];
    if (h->is_1_3)
        return;
    lamp_tls_handshake_flush(h, stream, direction);
    side->is_encrypted = TRUE;
    if (h->has_client && h->has_server && h->side[0].next == NULL && h->side[1].next == NULL)
        derive_keys(h, stream);
    lamp_tls_cipher_free(side->cipher);
    side->cipher = g_steal_pointer(&side->next);
    side->stage = side->cipher != NULL ? LAMP_TLS_TRAFFIC : LAMP_TLS_CLEAR;
}

void
lamp_tls_handshake_flush(LampTlsHandshake *h, LampStream *stream, LampDirection direction)
{
    g_autoptr(GByteArray) cut = g_steal_pointer(&h->side[direction].messages);
    if (cut == NULL || cut->len < MESSAGE_HEADER)
        return;
    LampBytes body = lamp_bytes(cut->data + MESSAGE_HEADER, cut->len - MESSAGE_HEADER);
    if (cut->data[0] == HELLO_CLIENT || cut->data[0] == HELLO_SERVER)
        read_message(h, stream, direction, cut->data[0], body);
}

void
lamp_tls_handshake_forget_keys(LampTlsHandshake *h)
{
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&h->side[i].cipher, lamp_tls_cipher_free);
        g_clear_pointer(&h->side[i].next, lamp_tls_cipher_free);
        h->side[i].stage = LAMP_TLS_CLEAR;
    }
}

void
lamp_tls_handshake_clear(LampTlsHandshake *h)
{
    lamp_tls_handshake_forget_keys(h);
    for (guint i = 0; i < 2; i++)
        g_clear_pointer(&h->side[i].messages, g_byte_array_unref);
}
