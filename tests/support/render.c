/*
 * Rows as lines of text, and what must hold for each row whatever the input was: codes and
 * texts are there, positions lie inside the source.
 */
#include "tests/support/render.h"

static void
begin_record(LampRender *render, const char *kind)
{
    render->record_count++;
    g_string_append(render->records, kind);
}

static void
add_number(GString *line, const char *name, gint64 value)
{
    g_string_append_printf(line, " %s=%" G_GINT64_FORMAT, name, value);
}

static void
add_bytes(GString *line, const char *name, LampBytes bytes)
{
    if (bytes.len == 0)
        return;
    g_string_append_printf(line, " %s=", name);
    for (gsize i = 0; i < bytes.len; i++) {
        if (bytes.at[i] < 0x20 || bytes.at[i] == '\\')
            g_string_append_printf(line, "\\%02x", bytes.at[i]);
        else
            g_string_append_c(line, (char) bytes.at[i]);
    }
}

static void
add_endpoint(GString *line, const char *name, const LampEndpoint *endpoint)
{
    g_string_append_printf(line, " %s=", name);
    if (!endpoint->is_known) {
        add_bytes(line, "name", endpoint->name);
        return;
    }
    for (gsize i = 0; i < sizeof endpoint->address; i++)
        g_string_append_printf(line, "%02x", endpoint->address[i]);
    g_string_append_printf(line, ":%u", endpoint->port);
}

static void
check_inside(const LampRender *render, guint64 offset, guint64 length)
{
    /* A last line without its newline may be counted as if it had one. */
    if (render->content_bytes > 0)
        g_assert_cmpuint(offset + length, <=, render->content_bytes + 1);
}

static void
take_packet(gpointer owner, const LampPacket *packet)
{
    LampRender *render = owner;
    begin_record(render, "packet");
    g_assert_cmpuint(packet->frame.len, <=, MAX(packet->wire_bytes, packet->frame.len));
    check_inside(render, packet->offset, packet->frame.len);
    add_number(render->records, "link", packet->link_type);
    add_number(render->records, "interface", packet->interface);
    add_number(render->records, "number", (gint64) packet->number);
    add_number(render->records, "offset", (gint64) packet->offset);
    add_number(render->records, "time", packet->time);
    add_number(render->records, "wire", packet->wire_bytes);
    guint sum = 0;
    for (gsize i = 0; i < packet->frame.len; i++)
        sum = sum * 31 + packet->frame.at[i];
    add_number(render->records, "bytes", (gint64) packet->frame.len);
    add_number(render->records, "sum", sum);
    g_string_append_c(render->records, '\n');
}

static guint64
take_event(gpointer owner, const LampEventRow *event)
{
    LampRender *render = owner;
    begin_record(render, "event");
    check_inside(render, event->offset, event->length);
    GString *line = render->records;
    add_number(line, "offset", (gint64) event->offset);
    add_number(line, "length", (gint64) event->length);
    add_number(line, "time", event->time);
    add_number(line, "resolution", event->resolution_ns);
    add_bytes(line, "host", event->host);
    add_bytes(line, "service", event->service);
    add_bytes(line, "process", event->process);
    add_bytes(line, "thread", event->thread);
    add_bytes(line, "severity", event->severity);
    add_bytes(line, "message", event->message);
    add_bytes(line, "template", event->message_template);
    for (gsize i = 0; i < event->field_count; i++) {
        add_bytes(line, "field", event->fields[i].slot);
        add_bytes(line, "value", event->fields[i].value);
    }
    g_string_append_c(line, '\n');
    return ++render->events;
}

static void
add_ends(GString *line, const LampObservationRow *call)
{
    if (call->has_client)
        add_endpoint(line, "client", &call->client);
    if (call->has_server)
        add_endpoint(line, "server", &call->server);
    add_bytes(line, "process", call->process);
    add_bytes(line, "peer", call->peer);
    add_bytes(line, "thread", call->thread);
}

static void
add_times(GString *line, const LampObservationRow *call)
{
    add_number(line, "request_first", call->request_first);
    add_number(line, "request_last", call->request_last);
    add_number(line, "response_first", call->response_first);
    add_number(line, "response_last", call->response_last);
    add_number(line, "request_sequence", call->request_sequence);
    add_number(line, "response_sequence", call->response_sequence);
    add_number(line, "request_bytes", (gint64) call->request_bytes);
    add_number(line, "response_bytes", (gint64) call->response_bytes);
    add_number(line, "resolution", call->resolution_ns);
}

void
lamp_render_observation(LampRender *render, const LampObservationRow *call)
{
    begin_record(render, "observation");
    GString *line = render->records;
    add_number(line, "origin", call->origin);
    add_number(line, "role", call->role);
    add_bytes(line, "id", call->external_id);
    add_number(line, "event", (gint64) call->event_number);
    add_number(line, "connection", (gint64) call->connection_id);
    add_number(line, "position", (gint64) call->position);
    add_bytes(line, "protocol", call->protocol);
    add_bytes(line, "operation", call->operation);
    add_bytes(line, "status", call->status);
    add_number(line, "error", call->is_error);
    add_number(line, "flags", call->flags);
    add_ends(line, call);
    add_times(line, call);
    for (gsize i = 0; i < call->value_count; i++) {
        add_number(line, "side", call->values[i].side);
        add_bytes(line, "slot", call->values[i].slot);
        add_bytes(line, "value", call->values[i].value);
    }
    g_string_append_c(line, '\n');
}

static void
take_observation(gpointer owner, const LampObservationRow *call)
{
    lamp_render_observation(owner, call);
}

static void
take_connection(gpointer owner, const LampConnectionRow *row)
{
    LampRender *render = owner;
    begin_record(render, "connection");
    GString *line = render->records;
    add_number(line, "id", (gint64) row->connection_id);
    add_number(line, "interface", row->interface);
    add_number(line, "transport", row->transport);
    add_endpoint(line, "client", &row->client);
    add_endpoint(line, "server", &row->server);
    if (row->protocol != NULL)
        add_bytes(line, "protocol", lamp_bytes_text(row->protocol));
    add_number(line, "first", row->first_time);
    add_number(line, "last", row->last_time);
    add_number(line, "client_bytes", (gint64) row->client_bytes);
    add_number(line, "server_bytes", (gint64) row->server_bytes);
    add_number(line, "packets", (gint64) row->packets);
    add_number(line, "lost", (gint64) row->lost_bytes);
    add_number(line, "retransmitted", (gint64) row->retransmitted_bytes);
    add_bytes(line, "server_name", row->server_name);
    add_number(line, "state", row->state);
    g_string_append_c(line, '\n');
}

static void
take_flow(gpointer owner, const LampFlowRow *flow)
{
    LampRender *render = owner;
    begin_record(render, "flow");
    add_endpoint(render->records, "source", &flow->source);
    add_endpoint(render->records, "destination", &flow->destination);
    add_number(render->records, "transport", flow->transport);
    add_number(render->records, "first", flow->first_time);
    add_number(render->records, "last", flow->last_time);
    add_number(render->records, "packets", (gint64) flow->packets);
    add_number(render->records, "bytes", (gint64) flow->bytes);
    add_number(render->records, "sampling", flow->sampling);
    add_bytes(render->records, "attributes", flow->attributes);
    g_string_append_c(render->records, '\n');
}

static void
take_host_name(gpointer owner, const LampHostNameRow *row)
{
    LampRender *render = owner;
    begin_record(render, "host");
    add_bytes(render->records, "address", row->address);
    add_bytes(render->records, "name", row->name);
    add_number(render->records, "port", row->port);
    add_number(render->records, "zone", row->zone_minutes);
    g_string_append_c(render->records, '\n');
}

static void
take_span_join(gpointer owner, const LampSpanJoinRow *join)
{
    LampRender *render = owner;
    begin_record(render, "join");
    add_bytes(render->records, "client", join->client_external_id);
    add_bytes(render->records, "server", join->server_external_id);
    g_string_append_c(render->records, '\n');
}

static void
take_finding(gpointer owner, const LampFinding *finding)
{
    LampRender *render = owner;
    g_assert_nonnull(finding->code);
    g_assert_nonnull(finding->text);
    check_inside(render, finding->offset, 0);
    render->finding_count++;
    g_string_append_printf(render->findings,
                           "%d %s offset=%" G_GUINT64_FORMAT " record=%" G_GUINT64_FORMAT
                           " %s\n",
                           (int) finding->kind, finding->code, finding->offset,
                           finding->record_number, finding->text);
}

static void
take_coverage(gpointer owner, guint64 offset, guint64 length, gboolean understood)
{
    LampRender *render = owner;
    check_inside(render, offset, length);
    g_string_append_printf(render->findings,
                           "coverage %" G_GUINT64_FORMAT " +%" G_GUINT64_FORMAT " %d\n", offset,
                           length, understood);
}

static void
take_secrets(gpointer owner, LampBytes key_log)
{
    LampRender *render = owner;
    begin_record(render, "secrets");
    add_bytes(render->records, "key_log", key_log);
    g_string_append_c(render->records, '\n');
}

LampRender *
lamp_render_new(void)
{
    LampRender *render = g_new0(LampRender, 1);
    render->records = g_string_new(NULL);
    render->findings = g_string_new(NULL);
    render->sink = (LampSink){.owner = render,
                              .packet = take_packet,
                              .event = take_event,
                              .observation = take_observation,
                              .connection = take_connection,
                              .flow = take_flow,
                              .host_name = take_host_name,
                              .span_join = take_span_join,
                              .finding = take_finding,
                              .coverage = take_coverage,
                              .secrets = take_secrets};
    return render;
}

void
lamp_render_free(LampRender *render)
{
    if (render == NULL)
        return;
    g_string_free(render->records, TRUE);
    g_string_free(render->findings, TRUE);
    g_free(render);
}
