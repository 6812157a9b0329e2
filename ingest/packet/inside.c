/*
 * The stream inside a stream: what an encrypted layer carries, once it is opened.
 *
 * In: plain bytes in order, from the dissector of the layer. Out: calls of the protocol found
 * in them, as if they had been the connection's own. The inner stream has the connection's
 * identity, is in no table and makes no row; the connection takes over its protocol. Layers
 * inside layers are opened up to DEPTH_MAX.
 */
#include "ingest/packet/connection.h"

#include "base/limits.h"
#include "ingest/dissectors.h"

enum { DEPTH_MAX = 2 };

static LampStream *
inside_of(LampStream *s)
{
    if (s->inside != NULL)
        return s->inside;
    LampStream *inner = g_new0(LampStream, 1);
    inner->packets = s->packets;
    inner->key = s->key;
    inner->id = s->id;
    inner->interface = s->interface;
    inner->client = s->client;
    inner->calls = s->calls;
    inner->depth = (guint8) (s->depth + 1);
    for (guint i = 0; i < 2; i++)
        inner->half[i].first_sequence = s->half[i].first_sequence;
    return s->inside = inner;
}

/* Index of the half that sends in @direction, as the outer layer sees it. */
static guint
side_of(const LampStream *s, LampDirection direction)
{
    return direction == LAMP_TO_SERVER ? s->client : !s->client;
}

void
lamp_stream_inside(LampStream *s, const LampSegment *segment)
{
    LampStream *inner = inside_of(s);
    lamp_stream_feed(inner, side_of(s, segment->direction), segment->offset, segment->time,
                     segment->bytes);
    s->calls = inner->calls;
    if (inner->protocol != NULL && inner->dissector != &lamp_dissector_turns)
        s->protocol = inner->protocol;
}

void
lamp_stream_inside_gap(LampStream *s, LampDirection direction, guint64 missing)
{
    if (s->inside != NULL)
        lamp_stream_lose(s->inside, side_of(s, direction), missing);
}

LampBytes
lamp_stream_secret(const LampStream *s, LampSecretKind kind, const guint8 *client_random)
{
    if (s->depth >= DEPTH_MAX)
        return lamp_bytes(NULL, 0);
    return lamp_key_log_find(s->packets->secrets, kind, client_random);
}

gboolean
lamp_stream_has_secrets(const LampStream *s)
{
    return lamp_key_log_count(s->packets->secrets) > 0;
}

void
lamp_inside_end(LampStream *s)
{
    if (s->inside != NULL)
        lamp_stream_end(s->inside);
}

void
lamp_inside_free(LampStream *s)
{
    LampStream *inner = s->inside;
    if (inner == NULL)
        return;
    lamp_inside_free(inner);
    lamp_detect_free(inner);
    lamp_stream_drop_handed(inner);
    g_free(inner->state_memory);
    g_free(inner->server_name);
    g_free(inner->alpn);
    g_free(inner->certificate_names);
    if (inner->become_leftover != NULL)
        g_byte_array_unref(inner->become_leftover);
    g_free(inner);
    s->inside = NULL;
}
