/* A sink that writes what it gets as text lines, for tests that compare results as a whole.
 * Frames go on to the packet layer where one is attached.
 */
#pragma once

#include "base/limits.h"
#include "ingest/packets.h"
#include "ingest/readers.h"

typedef struct {
    LampSink sink;
    GString *text;        /* connections, observations, events, flows, secrets */
    GString *findings;    /* codes with offsets */
    LampPackets *packets; /* or NULL: frames are written as lines */
    guint64 events, frames, understood, other;
    guint64 records, rejected;
} Collect;

static inline void
collect_bytes(GString *text, const char *name, LampBytes b)
{
    if (b.len > 0)
        g_string_append_printf(text, " %s=%.*s", name, (int) b.len, (const char *) b.at);
}

static inline void
collect_packet(gpointer owner, const LampPacket *p)
{
    Collect *c = owner;
    c->frames++;
    if (c->packets != NULL)
        lamp_packets_add(c->packets, p);
    else
        g_string_append_printf(
            c->text,
            "frame %" G_GUINT64_FORMAT " link %u interface %u time %" G_GINT64_FORMAT
            " resolution %" G_GINT64_FORMAT " captured %" G_GSIZE_FORMAT " wire %u hash %u\n",
            p->number, p->link_type, p->interface, p->time, p->resolution_ns, p->frame.len,
            p->wire_bytes, p->frame.len > 0 ? p->frame.at[p->frame.len - 1] : 0u);
}

static inline guint64
collect_event(gpointer owner, const LampEventRow *e)
{
    Collect *c = owner;
    g_string_append_printf(
        c->text, "event %" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " time %" G_GINT64_FORMAT,
        e->offset, e->length, e->time);
    collect_bytes(c->text, "message", e->message);
    for (gsize i = 0; i < e->field_count; i++) {
        collect_bytes(c->text, "slot", e->fields[i].slot);
        collect_bytes(c->text, "value", e->fields[i].value);
    }
    g_string_append_c(c->text, '\n');
    return ++c->events;
}

/* Milliseconds since the epoch, or a dash. */
static inline void
collect_time(GString *text, LampTime time)
{
    if (time == LAMP_TIME_NONE)
        g_string_append(text, " -");
    else
        g_string_append_printf(text, " %" G_GINT64_FORMAT, time / LAMP_NS_PER_MS);
}

static inline void
collect_observation(gpointer owner, const LampObservationRow *o)
{
    Collect *c = owner;
    g_string_append_printf(c->text, "call %" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT,
                           o->connection_id, o->position);
    collect_bytes(c->text, "protocol", o->protocol);
    collect_bytes(c->text, "operation", o->operation);
    collect_bytes(c->text, "status", o->status);
    g_string_append_printf(c->text, " flags %u times", o->flags);
    collect_time(c->text, o->request_first);
    collect_time(c->text, o->request_last);
    collect_time(c->text, o->response_first);
    collect_time(c->text, o->response_last);
    g_string_append_printf(c->text, " bytes %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "\n",
                           o->request_bytes, o->response_bytes);
}

static inline void
collect_connection(gpointer owner, const LampConnectionRow *r)
{
    static const char *const states[] = {"open", "closed", "reset", "midstream"};
    Collect *c = owner;
    g_string_append_printf(c->text,
                           "connection %" G_GUINT64_FORMAT " %u>%u %s bytes %" G_GUINT64_FORMAT
                           "/%" G_GUINT64_FORMAT " packets %" G_GUINT64_FORMAT
                           " again %" G_GUINT64_FORMAT " lost %" G_GUINT64_FORMAT "\n",
                           r->connection_id, r->client.port, r->server.port, states[r->state],
                           r->client_bytes, r->server_bytes, r->packets, r->retransmitted_bytes,
                           r->lost_bytes);
}

static inline void
collect_flow(gpointer owner, const LampFlowRow *f)
{
    Collect *c = owner;
    g_string_append_printf(c->text,
                           "flow %u>%u transport %u packets %" G_GUINT64_FORMAT
                           " bytes %" G_GUINT64_FORMAT " flags %u times",
                           f->source.port, f->destination.port, f->transport, f->packets,
                           f->bytes, f->tcp_flags);
    collect_time(c->text, f->first_time);
    collect_time(c->text, f->last_time);
    if (f->attributes.len > 0)
        g_string_append_printf(c->text, " %.*s", (int) f->attributes.len,
                               (const char *) f->attributes.at);
    g_string_append_c(c->text, '\n');
}

static inline void
collect_finding(gpointer owner, const LampFinding *f)
{
    Collect *c = owner;
    g_string_append_printf(c->findings, "%s %" G_GUINT64_FORMAT "\n", f->code, f->offset);
}

static inline void
collect_coverage(gpointer owner, G_GNUC_UNUSED guint64 offset, guint64 length,
                 gboolean understood)
{
    Collect *c = owner;
    *(understood ? &c->understood : &c->other) += length;
    *(understood ? &c->records : &c->rejected) += 1;
}

static inline void
collect_secrets(gpointer owner, LampBytes key_log)
{
    Collect *c = owner;
    collect_bytes(c->text, "secrets", key_log);
    g_string_append_c(c->text, '\n');
}

static inline void
collect_begin(Collect *c)
{
    *c = (Collect){.text = g_string_new(NULL), .findings = g_string_new(NULL)};
    c->sink = (LampSink){.owner = c,
                         .packet = collect_packet,
                         .event = collect_event,
                         .observation = collect_observation,
                         .connection = collect_connection,
                         .flow = collect_flow,
                         .finding = collect_finding,
                         .coverage = collect_coverage,
                         .secrets = collect_secrets};
}

/* Frames go to a packet layer from now on. */
static inline void
collect_attach(Collect *c, const LampPacketsOptions *options)
{
    c->packets = lamp_packets_new(&c->sink, options);
}

static inline void
collect_end(Collect *c)
{
    lamp_packets_free(c->packets);
    g_string_free(c->text, TRUE);
    g_string_free(c->findings, TRUE);
}

/* Reads all of @bytes with @reader as if they came in pieces of @chunk bytes (0: at once), with
 * the packet layer behind it where @with_packets. */
static inline void
collect_read(Collect *c, const LampReader *reader, LampBytes bytes, gsize chunk,
             gboolean with_packets)
{
    LampSourceContext context = {.path = "test", .modified = LAMP_TIME_NONE};
    g_autofree gpointer state = g_malloc0(MAX(reader->state_size, 1));
    gsize at = 0, end = 0;
    LampStep result = LAMP_STEP_NEED_BYTES;
    if (with_packets)
        collect_attach(c, NULL);
    reader->begin(state, &context);
    while (result == LAMP_STEP_NEED_BYTES) {
        end = chunk == 0 ? bytes.len : MIN(end + chunk, bytes.len);
        /* A copy of its own size, so that a sanitizer sees a read beyond it. */
        g_autofree guint8 *copy = g_malloc(end - at + 1);
        memcpy(copy, bytes.at + at, end - at);
        LampCursor in = {copy, copy + (end - at)};
        result = reader->step(state, &in, at, end == bytes.len, &c->sink);
        at += (gsize) (in.at - copy);
        if (end == bytes.len)
            break;
    }
    reader->end(state, &c->sink);
    if (with_packets)
        lamp_packets_finish(c->packets);
}
