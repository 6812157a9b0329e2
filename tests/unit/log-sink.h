/*
 * A sink for tests that writes everything down as text, one line for each call, so that results
 * of different runs can be compared as a whole and looked into by strstr().
 */
#pragma once

#include <check.h>

#include "base/limits.h"
#include "ingest/reader.h"

typedef struct {
    LampSink sink;
    GString *text;
    guint64 events, observations, findings, understood_bytes, rejected_bytes;
} LogSink;

static inline void
log_sink_put(GString *text, const char *name, LampBytes value)
{
    if (value.len > 0)
        g_string_append_printf(text, " %s=<%.*s>", name, (int) value.len,
                               (const char *) value.at);
}

static inline void
log_sink_put_endpoint(GString *text, const char *name, const LampEndpoint *endpoint)
{
    g_string_append_printf(text, " %s=", name);
    if (endpoint->is_known)
        g_string_append_printf(text, "%d.%d.%d.%d", endpoint->address[12],
                               endpoint->address[13], endpoint->address[14],
                               endpoint->address[15]);
    g_string_append_printf(text, "%.*s:%d", (int) endpoint->name.len,
                           (const char *) endpoint->name.at, endpoint->port);
}

static inline guint64
log_sink_event(gpointer owner, const LampEventRow *row)
{
    LogSink *s = owner;
    g_autofree char *time = lamp_time_format(row->time);
    g_string_append_printf(
        s->text, "event @%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT " %s ~%" G_GINT64_FORMAT,
        row->offset, row->length, time, row->resolution_ns);
    log_sink_put(s->text, "host", row->host);
    log_sink_put(s->text, "service", row->service);
    log_sink_put(s->text, "process", row->process);
    log_sink_put(s->text, "thread", row->thread);
    log_sink_put(s->text, "severity", row->severity);
    log_sink_put(s->text, "message", row->message);
    for (gsize i = 0; i < row->field_count; i++)
        g_string_append_printf(s->text, " {%.*s=%.*s}", (int) row->fields[i].slot.len,
                               (const char *) row->fields[i].slot.at,
                               (int) row->fields[i].value.len,
                               (const char *) row->fields[i].value.at);
    g_string_append_c(s->text, '\n');
    return ++s->events;
}

static inline void
log_sink_observation(gpointer owner, const LampObservationRow *row)
{
    LogSink *s = owner;
    LampTime times[] = {row->request_first, row->request_last, row->response_first,
                        row->response_last};
    g_string_append_printf(s->text, "call %s",
                           row->role == LAMP_ROLE_CLIENT ? "client" : "server");
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *time = lamp_time_format(times[i]);
        g_string_append_printf(s->text, " %s", time);
    }
    log_sink_put(s->text, "id", row->external_id);
    log_sink_put(s->text, "trace", row->external_trace_id);
    log_sink_put(s->text, "parent", row->external_parent_id);
    log_sink_put(s->text, "process", row->process);
    if (row->origin == LAMP_ORIGIN_SPAN)
        log_sink_put(s->text, "peer", row->peer);
    log_sink_put(s->text, "protocol", row->protocol);
    log_sink_put(s->text, "operation", row->operation);
    log_sink_put(s->text, "status", row->status);
    if (row->has_client)
        log_sink_put_endpoint(s->text, "client", &row->client);
    if (row->has_server)
        log_sink_put_endpoint(s->text, "server", &row->server);
    for (gsize i = 0; i < row->value_count; i++)
        g_string_append_printf(s->text, " {%.*s=%.*s}", (int) row->values[i].slot.len,
                               (const char *) row->values[i].slot.at,
                               (int) row->values[i].value.len,
                               (const char *) row->values[i].value.at);
    g_string_append_printf(s->text, "%s bytes=%" G_GUINT64_FORMAT "\n",
                           row->is_error ? " error" : "", row->response_bytes);
    s->observations++;
}

static inline void
log_sink_flow(gpointer owner, const LampFlowRow *row)
{
    LogSink *s = owner;
    g_autofree char *first = lamp_time_format(row->first_time);
    g_autofree char *last = lamp_time_format(row->last_time);
    g_string_append_printf(s->text, "flow %s %s", first, last);
    log_sink_put_endpoint(s->text, "from", &row->source);
    log_sink_put_endpoint(s->text, "to", &row->destination);
    g_string_append_printf(s->text,
                           " %u: %" G_GUINT64_FORMAT " packets %" G_GUINT64_FORMAT
                           " bytes flags %u event %" G_GUINT64_FORMAT " %.*s\n",
                           row->transport, row->packets, row->bytes, row->tcp_flags,
                           row->event_number, (int) row->attributes.len,
                           (const char *) row->attributes.at);
}

static inline void
log_sink_finding(gpointer owner, const LampFinding *finding)
{
    LogSink *s = owner;
    g_string_append_printf(s->text,
                           "finding %s @%" G_GUINT64_FORMAT " line %" G_GUINT64_FORMAT "\n",
                           finding->code, finding->offset, finding->record_number);
    s->findings++;
}

static inline void
log_sink_coverage(gpointer owner, guint64 offset, guint64 length, gboolean understood)
{
    LogSink *s = owner;
    (void) offset;
    *(understood ? &s->understood_bytes : &s->rejected_bytes) += length;
}

static inline void
log_sink_begin(LogSink *s)
{
    *s = (LogSink){.text = g_string_new(NULL)};
    s->sink = (LampSink){.owner = s,
                         .event = log_sink_event,
                         .observation = log_sink_observation,
                         .flow = log_sink_flow,
                         .finding = log_sink_finding,
                         .coverage = log_sink_coverage};
}

/* Pushes @input through @reader in pieces of @chunk new bytes at a time. */
static inline void
log_sink_read(LogSink *s, const LampReader *reader, const LampSourceContext *context,
              LampBytes input, gsize chunk)
{
    gpointer state = g_malloc0(reader->state_size);
    gsize begin = 0, end = 0;
    reader->begin(state, context);
    for (gboolean last = FALSE; !last;) {
        end = MIN(end + chunk, input.len);
        last = end == input.len;
        LampCursor at = lamp_cursor(lamp_bytes(input.at + begin, end - begin));
        reader->step(state, &at, begin, last, &s->sink);
        begin = (gsize) (at.at - input.at);
    }
    reader->end(state, &s->sink);
    g_free(state);
}

/* All that @reader makes of @input; caller frees. */
static inline char *
log_sink_of_bytes(const char *reader, const LampSourceContext *context, LampBytes input)
{
    LogSink s;
    log_sink_begin(&s);
    log_sink_read(&s, lamp_reader_find(reader), context, input, G_MAXSIZE / 2);
    return g_string_free(s.text, FALSE);
}

static inline char *
log_sink_of(const char *reader, const LampSourceContext *context, const char *text)
{
    return log_sink_of_bytes(reader, context, lamp_bytes_text(text));
}

/* Wherever windows end, @reader makes the same of @text, and every byte is accounted for. */
static inline void
log_sink_check_cuts(const char *reader, const LampSourceContext *context, const char *text)
{
    g_autofree char *whole = log_sink_of(reader, context, text);
    for (gsize chunk = 1; chunk <= 64; chunk *= 4) {
        LogSink s;
        log_sink_begin(&s);
        log_sink_read(&s, lamp_reader_find(reader), context, lamp_bytes_text(text), chunk);
        ck_assert_str_eq(s.text->str, whole);
        ck_assert_uint_eq(s.understood_bytes + s.rejected_bytes, strlen(text));
        g_string_free(s.text, TRUE);
    }
}

/* @text has all of @expected, a list of @n that may end early with NULL. */
static inline void
log_sink_check_has(const char *text, const char *const *expected, gsize n)
{
    for (gsize i = 0; i < n && expected[i] != NULL; i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "no '%s' in\n%s", expected[i], text);
}
