/*
 * What a connection of tests/unit/fake-stream.h is told or asked and has no use for.
 */
#pragma once

#include "ingest/stream.h"

void
lamp_stream_flow(LampStream *stream, const LampFlowRow *flow)
{
    (void) stream, (void) flow;
}

void
lamp_stream_keep(LampStream *stream)
{
    (void) stream;
}

void
lamp_stream_hand_over(LampStream *stream, gpointer thing, GDestroyNotify free_thing)
{
    (void) stream;
    free_thing(thing);
}

gpointer
lamp_stream_take_over(LampStream *stream)
{
    (void) stream;
    return NULL;
}

void
lamp_stream_server_name(LampStream *stream, LampBytes name)
{
    (void) stream, (void) name;
}

void
lamp_stream_protocol(LampStream *stream, const char *name)
{
    (void) stream, (void) name;
}

void
lamp_stream_alpn(LampStream *stream, LampBytes names)
{
    (void) stream, (void) names;
}

void
lamp_stream_certificate(LampStream *stream, LampBytes names)
{
    (void) stream, (void) names;
}

LampBytes
lamp_stream_secret(const LampStream *stream, LampSecretKind kind, const guint8 *client_random)
{
    (void) stream, (void) kind, (void) client_random;
    return lamp_bytes(NULL, 0);
}

gboolean
lamp_stream_has_secrets(const LampStream *stream)
{
    (void) stream;
    return FALSE;
}

void
lamp_stream_inside(LampStream *stream, const LampSegment *segment)
{
    (void) stream, (void) segment;
}

void
lamp_stream_inside_gap(LampStream *stream, LampDirection direction, guint64 missing)
{
    (void) stream, (void) direction, (void) missing;
}
