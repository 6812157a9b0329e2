/*
 * A connection as its dissector sees it: ingest/stream.h on top of the reassembled byte
 * streams.
 *
 * In: bytes in order with times, and sizes of holes; out: calls of the dissector's functions,
 * and the observations that it makes. Holds the dissector's state and carries out what it asks
 * for: an exchange of directions, a change of protocol.
 */
#include "ingest/packet/connection.h"

#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissectors.h"

enum { BECOMES_MAX = 16 /* changes of protocol on one connection */ };

void
lamp_stream_choose(LampStream *s, const LampDissector *dissector)
{
    s->dissector = dissector;
    s->protocol = dissector->name;
    s->state_memory = g_malloc0(MAX(dissector->state_size, 1));
    if (dissector->begin != NULL)
        dissector->begin(s->state_memory, s);
}

static void
end_dissector(LampStream *s)
{
    if (s->dissector != NULL && s->dissector->end != NULL)
        s->dissector->end(s->state_memory, s);
    g_clear_pointer(&s->state_memory, g_free);
    s->dissector = NULL;
}

static gint64
sequence_of(const LampStream *s, guint side, guint64 offset)
{
    if (s->key.transport != 6)
        return -1;
    return (gint64) (guint32) (s->half[side].first_sequence + (guint32) offset);
}

static const LampDissector *
find_dissector(const char *name)
{
    for (guint i = 0; name != NULL && lamp_dissectors[i] != NULL; i++)
        if (strcmp(lamp_dissectors[i]->name, name) == 0)
            return lamp_dissectors[i];
    return NULL;
}

/* Carries out lamp_stream_become(): the old dissector ends, the new one gets the leftover,
 * which is the last of the bytes before @end_offset. */
static void
change_protocol(LampStream *s, guint64 end_offset, LampTime time)
{
    GByteArray *leftover = g_steal_pointer(&s->become_leftover);
    const LampDissector *dissector = find_dissector(s->become_protocol);
    guint side = s->become_direction == LAMP_TO_SERVER ? s->client : !s->client;
    s->becomes_pending = FALSE;
    end_dissector(s);
    if (s->becomes++ >= BECOMES_MAX)
        dissector = &lamp_dissector_turns;
    if (dissector != NULL)
        lamp_stream_choose(s, dissector);
    lamp_stream_drop_handed(s);
    if (leftover->len > 0 && leftover->len <= end_offset)
        lamp_stream_feed(s, side, end_offset - leftover->len, time,
                         lamp_bytes(leftover->data, leftover->len));
    g_byte_array_unref(leftover);
}

void
lamp_stream_feed(LampStream *s, guint side, guint64 offset, LampTime time, LampBytes bytes)
{
    if (s->dissector == NULL && !lamp_detect_add(s, side, offset, time, bytes))
        return;
    LampSegment segment = {.direction = lamp_stream_direction(s, side),
                           .time = time,
                           .sequence = sequence_of(s, side, offset),
                           .offset = offset,
                           .bytes = bytes};
    s->dissector->segment(s->state_memory, s, &segment);
    if (s->becomes_pending)
        change_protocol(s, offset + bytes.len, time);
}

void
lamp_stream_deliver(LampStream *s, guint side, guint64 offset, LampTime time, LampBytes bytes)
{
    if (!s->is_over)
        lamp_stream_feed(s, side, offset, time, bytes);
}

void
lamp_stream_lose(LampStream *s, guint side, guint64 missing)
{
    if (s->is_over)
        return;
    if (s->dissector == NULL)
        lamp_detect_finish(s);
    if (s->dissector == NULL)
        s->is_cut = TRUE;
    else if (s->dissector->gap != NULL)
        s->dissector->gap(s->state_memory, s, lamp_stream_direction(s, side), missing);
    if (s->becomes_pending)
        change_protocol(s, 0, LAMP_TIME_NONE); /* nothing is left over before a gap */
}

void
lamp_stream_end(LampStream *s)
{
    if (s->is_over)
        return;
    if (s->dissector == NULL)
        lamp_detect_finish(s);
    end_dissector(s);
    lamp_inside_end(s);
    s->is_over = TRUE;
}

/* ---- what dissectors call */

void
lamp_stream_call(LampStream *s, LampObservationRow *call)
{
    LampPackets *p = s->packets;
    s->calls++;
    call->origin = LAMP_ORIGIN_WIRE;
    call->role = LAMP_ROLE_NONE;
    call->connection_id = s->id;
    if (call->position == 0)
        call->position = s->calls;
    if (call->protocol.len == 0 && s->protocol != NULL)
        call->protocol = lamp_bytes_text(s->protocol);
    if (call->resolution_ns == 0)
        call->resolution_ns = p->resolution_ns;
    p->out->observation(p->out->owner, call);
}

void
lamp_stream_finding(LampStream *s, LampFindingKind kind, const char *code, const char *text)
{
    lamp_packets_finding(s->packets, kind, code, text);
}

void
lamp_stream_swap(LampStream *s)
{
    if (s->calls == 0)
        s->client = !s->client;
}

void
lamp_stream_become(LampStream *s, const char *protocol, LampDirection direction,
                   LampBytes leftover)
{
    if (s->becomes_pending)
        g_byte_array_unref(s->become_leftover);
    s->becomes_pending = TRUE;
    s->become_protocol = protocol;
    s->become_direction = direction;
    s->become_leftover = g_byte_array_new();
    if (leftover.len > 0)
        g_byte_array_append(s->become_leftover, leftover.at, (guint) leftover.len);
}

void
lamp_stream_drop_handed(LampStream *s)
{
    if (s->handed != NULL)
        s->free_handed(s->handed);
    s->handed = NULL;
}

void
lamp_stream_hand_over(LampStream *s, gpointer thing, GDestroyNotify free_thing)
{
    lamp_stream_drop_handed(s);
    s->handed = thing;
    s->free_handed = free_thing;
}

gpointer
lamp_stream_take_over(LampStream *s)
{
    return g_steal_pointer(&s->handed);
}

void
lamp_stream_protocol(LampStream *s, const char *name)
{
    s->protocol = name;
}

void
lamp_stream_flow(LampStream *s, const LampFlowRow *flow)
{
    s->packets->out->flow(s->packets->out->owner, flow);
}

void
lamp_stream_keep(LampStream *s)
{
    s->is_kept = TRUE;
}

void
lamp_stream_server_name(LampStream *s, LampBytes name)
{
    g_free(s->server_name);
    s->server_name = lamp_text_to_utf8(name, LAMP_LIMIT_VALUE);
}

void
lamp_stream_alpn(LampStream *s, LampBytes names)
{
    g_free(s->alpn);
    s->alpn = lamp_text_to_utf8(names, LAMP_LIMIT_VALUE);
}

void
lamp_stream_certificate(LampStream *s, LampBytes names)
{
    g_free(s->certificate_names);
    s->certificate_names = lamp_text_to_utf8(names, LAMP_LIMIT_VALUE);
}

gboolean
lamp_stream_is_midstream(const LampStream *s)
{
    return s->is_midstream || s->is_cut;
}
