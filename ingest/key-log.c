/*
 * The table of TLS secrets: kind and client random to secret.
 *
 * In: lines `LABEL CLIENT_RANDOM SECRET`, both in hexadecimal digits. A secret that is named
 * twice keeps its first value. Hashed under a secret key, as the randoms come from input.
 */
#include "ingest/key-log.h"

#include "base/keyed-map.h"
#include "base/limits.h"
#include "base/text.h"

typedef struct {
    guint8 len;
    guint8 bytes[LAMP_SECRET_MAX];
} Secret;

struct LampKeyLog {
    LampKeyedMap *places; /* kind and random to index + 1 */
    GArray *secrets;
};

static const struct {
    const char *label;
    LampSecretKind kind;
} labels[] = {
    {"CLIENT_RANDOM", LAMP_SECRET_MASTER},
    {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", LAMP_SECRET_CLIENT_HANDSHAKE},
    {"SERVER_HANDSHAKE_TRAFFIC_SECRET", LAMP_SECRET_SERVER_HANDSHAKE},
    {"CLIENT_TRAFFIC_SECRET_0", LAMP_SECRET_CLIENT_TRAFFIC},
    {"SERVER_TRAFFIC_SECRET_0", LAMP_SECRET_SERVER_TRAFFIC},
    {"CLIENT_EARLY_TRAFFIC_SECRET", LAMP_SECRET_CLIENT_EARLY},
};

LampKeyLog *
lamp_key_log_new(void)
{
    LampKeyLog *log = g_new0(LampKeyLog, 1);
    log->places = lamp_keyed_map_new((gsize) LAMP_LIMIT_SECRETS * 128);
    log->secrets = g_array_new(FALSE, FALSE, sizeof(Secret));
    return log;
}

void
lamp_key_log_free(LampKeyLog *log)
{
    if (log == NULL)
        return;
    lamp_keyed_map_free(log->places);
    g_array_unref(log->secrets);
    g_free(log);
}

/* Takes hexadecimal digits as far as they go; their bytes, or 0 if they are odd or too many. */
static gsize
take_hex(LampCursor *c, guint8 *out_bytes, gsize most)
{
    gsize digits = 0;
    while (lamp_cursor_left(c) > 0 && g_ascii_isxdigit(*c->at) && digits < 2 * most) {
        guint8 value = (guint8) g_ascii_xdigit_value((gchar) *c->at++);
        if (digits % 2 == 0)
            out_bytes[digits / 2] = (guint8) (value << 4);
        else
            out_bytes[digits / 2] |= value;
        digits++;
    }
    return digits % 2 == 0 ? digits / 2 : 0;
}

/* The name in front of a line; names that are not known (later keys, exporters) have no use. */
static gboolean
take_label(LampCursor *c, LampSecretKind *out_kind)
{
    const guint8 *begin = c->at;
    while (lamp_cursor_left(c) > 0 &&
           (g_ascii_isupper(*c->at) || g_ascii_isdigit(*c->at) || *c->at == '_'))
        c->at++;
    LampBytes label = lamp_bytes(begin, (gsize) (c->at - begin));
    *out_kind = LAMP_SECRET_OTHER;
    for (gsize i = 0; i < G_N_ELEMENTS(labels); i++)
        if (lamp_bytes_equal(label, lamp_bytes_text(labels[i].label)))
            *out_kind = labels[i].kind;
    return label.len > 0;
}

static gboolean
take_blank(LampCursor *c)
{
    return lamp_cursor_skip(c, 1) && c->at[-1] == ' ';
}

static gboolean
read_line(LampBytes line, LampSecretKind *out_kind, guint8 random[LAMP_TLS_RANDOM],
          Secret *out_secret)
{
    LampCursor c = lamp_cursor(lamp_text_trim(line));
    if (!take_label(&c, out_kind) || !take_blank(&c) ||
        take_hex(&c, random, LAMP_TLS_RANDOM) != LAMP_TLS_RANDOM || !take_blank(&c))
        return FALSE;
    out_secret->len = (guint8) take_hex(&c, out_secret->bytes, LAMP_SECRET_MAX);
    return out_secret->len >= LAMP_TLS_RANDOM && lamp_cursor_left(&c) == 0;
}

gboolean
lamp_key_log_is_secret(LampBytes line)
{
    LampSecretKind kind;
    guint8 random[LAMP_TLS_RANDOM];
    Secret secret;
    return read_line(line, &kind, random, &secret);
}

static gboolean
add_secret(LampKeyLog *log, LampSecretKind kind, const guint8 *random, const Secret *secret)
{
    guint8 key[1 + LAMP_TLS_RANDOM] = {(guint8) kind};
    memcpy(key + 1, random, LAMP_TLS_RANDOM);
    if (log->secrets->len >= LAMP_LIMIT_SECRETS)
        return FALSE;
    guint64 *place = lamp_keyed_map_add(log->places, lamp_bytes(key, sizeof key), NULL);
    if (place == NULL)
        return FALSE;
    if (*place != 0)
        return TRUE;
    g_array_append_val(log->secrets, *secret);
    *place = log->secrets->len;
    return TRUE;
}

gboolean
lamp_key_log_add(LampKeyLog *log, LampBytes text)
{
    LampCursor c = lamp_cursor(text);
    LampBytes line;
    gboolean has_all = TRUE;
    while (lamp_cursor_left(&c) > 0) {
        if (!lamp_cursor_line(&c, &line)) {
            line = lamp_cursor_rest(&c);
            c.at = c.end;
        }
        LampSecretKind kind;
        guint8 random[LAMP_TLS_RANDOM];
        Secret secret;
        if (read_line(line, &kind, random, &secret) && kind != LAMP_SECRET_OTHER)
            has_all = add_secret(log, kind, random, &secret) && has_all;
    }
    return has_all;
}

LampBytes
lamp_key_log_find(const LampKeyLog *log, LampSecretKind kind, const guint8 *random)
{
    if (log == NULL)
        return lamp_bytes(NULL, 0);
    guint8 key[1 + LAMP_TLS_RANDOM] = {(guint8) kind};
    memcpy(key + 1, random, LAMP_TLS_RANDOM);
    const guint64 *place = lamp_keyed_map_find(log->places, lamp_bytes(key, sizeof key));
    if (place == NULL || *place == 0)
        return lamp_bytes(NULL, 0);
    const Secret *secret = &g_array_index(log->secrets, Secret, *place - 1);
    return lamp_bytes(secret->bytes, secret->len);
}

guint
lamp_key_log_count(const LampKeyLog *log)
{
    return log == NULL ? 0 : log->secrets->len;
}
