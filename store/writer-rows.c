/*
 * The row functions of the writer: binding of structs to the columns of store/schema.sql, in
 * the order of the tables there. Endpoints are interned on the way, as strings are.
 */
#include "base/same-bytes.h"
#include "store/fields.h"
#include "store/store-private.h"
#include "store/writer-private.h"

#include <arpa/inet.h>

#define ENDPOINTS_BUDGET ((gsize) 64 << 20)

static gboolean
takes_rows(const LampWriter *writer)
{
    return writer->failure == NULL && lamp_store_takes_rows(writer->store);
}

void
lamp_writer_insert(LampWriter *writer, Insert which)
{
    gboolean ok =
        takes_rows(writer) && lamp_statement_run(writer->inserts[which], &writer->failure);
    (void) ok; /* remembered in failure */
}

/* Ends a row of a batch, in the same way. */
static void
end_row(LampWriter *writer, Batch which)
{
    if (takes_rows(writer))
        (void) lamp_batch_next(writer->batches[which], &writer->failure);
    else
        lamp_batch_clear(writer->batches[which]);
}

void
lamp_writer_flush(LampWriter *writer)
{
    for (gsize i = 0; i < N_BATCHES && takes_rows(writer); i++)
        (void) lamp_batch_flush(writer->batches[i], &writer->failure);
}

static gboolean
is_ipv4(const LampEndpoint *endpoint)
{
    static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(endpoint->address, mapped, 12) == 0;
}

/* An endpoint's key in the map: the address and port, or the name. That of IPv4 begins with a
 * NUL, as no name does, and is short enough for the map to hold it without a copy. */
static LampBytes
endpoint_key(const LampEndpoint *endpoint, guint8 key[ENDPOINT_KEY])
{
    if (!endpoint->is_known)
        return endpoint->name;
    gsize len = is_ipv4(endpoint) ? 4 : 16;
    memset(key, 0, ENDPOINT_KEY);
    key[1] = (guint8) (endpoint->port >> 8);
    key[2] = (guint8) endpoint->port;
    memcpy(key + 3, endpoint->address + 16 - len, len);
    return lamp_bytes(key, 3 + len);
}

/* IPv4 by hand: a flow file has an endpoint for every few flows, and printf took its time. */
static void
format_address(const LampEndpoint *endpoint, char text[INET6_ADDRSTRLEN])
{
    if (!is_ipv4(endpoint)) {
        inet_ntop(AF_INET6, endpoint->address, text, INET6_ADDRSTRLEN);
        return;
    }
    for (guint i = 12; i < 16; i++) {
        guint8 octet = endpoint->address[i];
        if (octet >= 100)
            *text++ = (char) ('0' + octet / 100);
        if (octet >= 10)
            *text++ = (char) ('0' + octet / 10 % 10);
        *text++ = (char) ('0' + octet % 10);
        *text++ = i < 15 ? '.' : '\0';
    }
}

/* Endpoints that an earlier run wrote, so that a resumed run goes on with their ids. */
static void
read_endpoints(LampWriter *writer)
{
    writer->endpoints = lamp_keyed_map_new(ENDPOINTS_BUDGET);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        writer->store, "SELECT endpoint_id, address, port FROM endpoints ORDER BY 1", NULL);
    gboolean has_row = FALSE;
    while (rows != NULL && lamp_statement_step(rows, &has_row, NULL) && has_row) {
        const char *address = lamp_statement_text(rows, 1);
        LampEndpoint endpoint = {.port = (guint16) lamp_statement_int(rows, 2),
                                 .name = lamp_bytes_text(address)};
        endpoint.address[10] = endpoint.address[11] = 0xff;
        endpoint.is_known = inet_pton(AF_INET, address, endpoint.address + 12) == 1 ||
                            inet_pton(AF_INET6, address, endpoint.address) == 1;
        guint8 key[ENDPOINT_KEY];
        guint64 *id = lamp_keyed_map_add(writer->endpoints, endpoint_key(&endpoint, key), NULL);
        if (id != NULL)
            *id = (guint64) lamp_statement_int(rows, 0);
    }
}

static void
add_endpoint(LampWriter *writer, gint64 id, const LampEndpoint *endpoint)
{
    char text[INET6_ADDRSTRLEN] = "";
    LampBatch *row = writer->batches[BATCH_ENDPOINTS];
    lamp_batch_int(row, 1, id);
    if (endpoint->is_known)
        format_address(endpoint, text);
    if (endpoint->is_known || endpoint->name.len == 0)
        lamp_batch_static(row, 2, text);
    else
        lamp_batch_text(row, 2, endpoint->name);
    lamp_batch_int(row, 3, endpoint->port);
    end_row(writer, BATCH_ENDPOINTS);
}

static gint64
find_endpoint(LampWriter *writer, const LampEndpoint *endpoint, LampBytes key)
{
    gboolean is_new = TRUE;
    if (writer->endpoints == NULL)
        read_endpoints(writer);
    guint64 *id = lamp_keyed_map_add(writer->endpoints, key, &is_new);
    if (!is_new)
        return (gint64) *id;
    gint64 fresh = ++writer->last_endpoint;
    if (id != NULL)
        *id = (guint64) fresh;
    add_endpoint(writer, fresh, endpoint);
    return fresh;
}

static gboolean
is_known_as(const KnownEndpoint *known, const guint8 key[ENDPOINT_KEY])
{
    return known->id != 0 && memcmp(known->key, key, ENDPOINT_KEY) == 0;
}

/* Looked for among the last ones first: they come again and again. Two may share a place. */
static gint64
endpoint_id(LampWriter *writer, const LampEndpoint *endpoint)
{
    guint8 bytes[ENDPOINT_KEY];
    LampBytes key = endpoint_key(endpoint, bytes);
    if (!endpoint->is_known)
        return find_endpoint(writer, endpoint, key);
    guint64 hash = (lamp_be64(endpoint->address + 8) ^ (guint64) endpoint->port << 40) *
                   G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    KnownEndpoint *known = &writer->known_endpoints[(hash >> 40) % KNOWN_ENDPOINTS / 2 * 2];
    if (is_known_as(&known[0], bytes))
        return known[0].id;
    if (is_known_as(&known[1], bytes))
        return known[1].id;
    gint64 id = find_endpoint(writer, endpoint, key);
    if (id <= G_MAXUINT32) {
        known[1] = known[0];
        known[0].id = (guint32) id;
        memcpy(known[0].key, bytes, sizeof bytes);
    }
    return id;
}

static void
bind_interned(LampWriter *writer, LampStatement *row, int parameter, LampBytes text)
{
    lamp_statement_bind_int_or_null(row, parameter, lamp_store_intern(writer->store, text), 0);
}

static void
batch_interned(LampWriter *writer, LampBatch *row, guint column, LampBytes text)
{
    if (text.len > 0)
        lamp_batch_int(row, column, lamp_store_intern(writer->store, text));
}

/* Number of a text that comes again and again: looked for among the last ones first. */
static gint64
intern_often(LampWriter *writer, LampBytes text)
{
    if (text.len < 2 || text.len > KNOWN_TEXT_BYTES)
        return lamp_store_intern(writer->store, text);
    gsize place = (text.at[text.len - 1] + 5u * text.at[text.len - 2] +
                   7u * text.at[text.len / 2] + 11u * text.len) %
                  KNOWN_TEXTS;
    if (writer->known_texts[place].length != text.len ||
        memcmp(writer->known_texts[place].text, text.at, text.len) != 0) {
        writer->known_texts[place].length = text.len;
        memcpy(writer->known_texts[place].text, text.at, text.len);
        writer->known_texts[place].id = lamp_store_intern(writer->store, text);
    }
    return writer->known_texts[place].id;
}

static void
bind_name(LampWriter *writer, LampStatement *row, int parameter, const char *name)
{
    bind_interned(writer, row, parameter,
                  name == NULL ? lamp_bytes(NULL, 0) : lamp_bytes_text(name));
}

/* The slot's name as it stands in the object. It is interned too, so that readers have a number
 * for it. */
static LampBytes
quoted_slot(LampWriter *writer, Batch table, gsize place, LampBytes slot)
{
    gsize mixed = slot.len + slot.at[0] + slot.at[slot.len - 1];
    gsize number = place % KNOWN_PLACES * KNOWN_WAYS + mixed % KNOWN_WAYS;
    KnownSlot *known = &writer->known_slots[table][number];
    if (known->length == slot.len && lamp_bytes_same(known->name, slot.at, slot.len))
        return lamp_bytes(known->quoted, known->quoted_length);
    (void) lamp_store_intern(writer->store, slot);
    writer->quoted.len = 0;
    lamp_fields_quote(&writer->quoted, slot);
    if (slot.len <= KNOWN_SLOT_BYTES && writer->quoted.len <= QUOTED_BYTES) {
        known->length = slot.len;
        known->quoted_length = writer->quoted.len;
        memcpy(known->name, slot.at, slot.len);
        memcpy(known->quoted, writer->quoted.at, writer->quoted.len);
    }
    return lamp_bytes(writer->quoted.at, writer->quoted.len);
}

/* Adds a value to the object that begins at @begin of @out. */
static void
add_value(LampWriter *writer, Batch table, gsize place, LampField field, LampOut *out,
          gsize begin)
{
    if (field.slot.len > 0 && field.value.len > 0)
        lamp_fields_add_to(out, begin, quoted_slot(writer, table, place, field.slot),
                           field.value);
}

static void
batch_fields(LampWriter *writer, LampBatch *row, guint column, const LampEventRow *event)
{
    gsize begin;
    LampOut *out = lamp_batch_text_begin(row, &begin);
    for (gsize i = 0; i < event->field_count; i++)
        add_value(writer, BATCH_EVENTS, i, event->fields[i], out, begin);
    lamp_fields_end(out, begin);
    lamp_batch_text_end(row, column, begin);
}

guint64
lamp_writer_event(LampWriter *writer, const LampEventRow *event)
{
    LampBatch *row = writer->batches[BATCH_EVENTS];
    gint64 id = ++writer->last_event;
    lamp_batch_int(row, 1, id);
    lamp_batch_int(row, 2, writer->source_id);
    lamp_batch_int(row, 3, (gint64) event->offset);
    lamp_batch_int(row, 4, (gint64) event->length);
    lamp_batch_int_or_null(row, 5, event->time, LAMP_TIME_NONE);
    lamp_batch_int(row, 6, MAX(1, event->resolution_ns));
    batch_interned(writer, row, 7, event->host);
    batch_interned(writer, row, 8, event->service);
    batch_interned(writer, row, 9, event->process);
    batch_interned(writer, row, 10, event->thread);
    lamp_batch_text(row, 11, event->severity);
    batch_interned(writer, row, 12, event->message_template);
    lamp_batch_text(row, 13, event->message);
    batch_fields(writer, row, 14, event);
    lamp_batch_int(row, 15, event->is_logger && event->service.len > 0 ? 1 : 0);
    lamp_batch_int_or_null(row, 16, event->duration_ns, 0);
    end_row(writer, BATCH_EVENTS);
    return (guint64) id;
}

static void
batch_values(LampWriter *writer, LampBatch *row, guint column, const LampObservationRow *o,
             LampSide side)
{
    gsize begin;
    LampOut *out = lamp_batch_text_begin(row, &begin);
    for (gsize i = 0; i < o->value_count; i++)
        if (o->values[i].side == side)
            add_value(writer, BATCH_OBSERVATIONS, i,
                      (LampField){o->values[i].slot, o->values[i].value}, out, begin);
    lamp_fields_end(out, begin);
    lamp_batch_text_end(row, column, begin);
}

static void
bind_observer(LampWriter *writer, LampBatch *row, const LampObservationRow *o)
{
    static const char *const origins[] = {"wire", "log", "span", "flow"};
    static const char *const roles[] = {NULL, "client", "server"};
    lamp_batch_static(row, 3, origins[o->origin]);
    lamp_batch_static(row, 4, roles[o->role]);
    lamp_batch_text(row, 5, o->external_id);
    lamp_batch_int_or_null(row, 6, (gint64) o->event_number, 0);
    if (o->connection_id != 0)
        lamp_batch_int(row, 7, writer->connection_base + (gint64) o->connection_id);
    lamp_batch_int(row, 8, (gint64) o->position);
    lamp_batch_int_or_null(row, 9, o->request_sequence, -1);
    lamp_batch_int_or_null(row, 10, o->response_sequence, -1);
    lamp_batch_int_or_null(row, 11, o->has_client ? endpoint_id(writer, &o->client) : 0, 0);
    lamp_batch_int_or_null(row, 12, o->has_server ? endpoint_id(writer, &o->server) : 0, 0);
    batch_interned(writer, row, 13, o->process);
    batch_interned(writer, row, 14, o->peer);
    batch_interned(writer, row, 15, o->thread);
}

static void
bind_call(LampWriter *writer, LampBatch *row, const LampObservationRow *o)
{
    writer->names = (LampWriterNames){.protocol_id = intern_often(writer, o->protocol),
                                      .operation_id = intern_often(writer, o->operation)};
    lamp_batch_int_or_null(row, 16, writer->names.protocol_id, 0);
    lamp_batch_int_or_null(row, 17, writer->names.operation_id, 0);
    lamp_batch_text(row, 18, o->status);
    lamp_batch_int(row, 19, o->is_error);
    lamp_batch_int(row, 20, o->flags);
    lamp_batch_int_or_null(row, 21, o->request_first, LAMP_TIME_NONE);
    lamp_batch_int_or_null(row, 22, o->request_last, LAMP_TIME_NONE);
    lamp_batch_int_or_null(row, 23, o->response_first, LAMP_TIME_NONE);
    lamp_batch_int_or_null(row, 24, o->response_last, LAMP_TIME_NONE);
    lamp_batch_int(row, 25, MAX(1, o->resolution_ns));
    lamp_batch_int(row, 26, (gint64) o->request_bytes);
    lamp_batch_int(row, 27, (gint64) o->response_bytes);
    batch_values(writer, row, 28, o, LAMP_SIDE_REQUEST);
    batch_values(writer, row, 29, o, LAMP_SIDE_RESPONSE);
}

/* What the input tells of a span's place in its trace. */
static void
insert_parent(LampWriter *writer, gint64 id, const LampObservationRow *o)
{
    LampStatement *row = writer->inserts[INSERT_SPAN_PARENT];
    lamp_statement_bind_int(row, 1, id);
    lamp_statement_bind_int(row, 2, writer->source_id);
    lamp_statement_bind_text(row, 3, o->external_trace_id);
    lamp_statement_bind_text(row, 4, o->external_parent_id);
    lamp_writer_insert(writer, INSERT_SPAN_PARENT);
}

guint64
lamp_writer_observation(LampWriter *writer, const LampObservationRow *o)
{
    LampBatch *row = writer->batches[BATCH_OBSERVATIONS];
    gint64 id = ++writer->last_observation;
    lamp_batch_int(row, 1, id);
    lamp_batch_int(row, 2, writer->source_id);
    bind_observer(writer, row, o);
    bind_call(writer, row, o);
    end_row(writer, BATCH_OBSERVATIONS);
    if (o->external_trace_id.len > 0)
        insert_parent(writer, id, o);
    return (guint64) id;
}

const LampWriterNames *
lamp_writer_names(const LampWriter *writer)
{
    return &writer->names;
}

static void
bind_connection_counts(LampStatement *row, const LampConnectionRow *c)
{
    lamp_statement_bind_int_or_null(row, 10, c->handshake_server_ns, -1);
    lamp_statement_bind_int_or_null(row, 11, c->handshake_client_ns, -1);
    lamp_statement_bind_int_or_null(row, 12, c->client_sequence, -1);
    lamp_statement_bind_int_or_null(row, 13, c->server_sequence, -1);
    lamp_statement_bind_int(row, 14, (gint64) c->client_bytes);
    lamp_statement_bind_int(row, 15, (gint64) c->server_bytes);
    lamp_statement_bind_int(row, 16, (gint64) c->packets);
    lamp_statement_bind_int(row, 17, (gint64) c->retransmitted_bytes);
    lamp_statement_bind_int(row, 18, (gint64) c->lost_bytes);
}

void
lamp_writer_connection(LampWriter *writer, const LampConnectionRow *c)
{
    static const char *const transports[] = {"tcp", "udp"};
    static const char *const states[] = {"open", "closed", "reset", "midstream"};
    gint64 id = writer->connection_base + (gint64) c->connection_id;
    gint64 client = endpoint_id(writer, &c->client), server = endpoint_id(writer, &c->server);
    LampStatement *row = writer->inserts[INSERT_CONNECTION];
    writer->last_connection = MAX(writer->last_connection, id);
    lamp_statement_bind_int(row, 1, id);
    lamp_statement_bind_int(row, 2, writer->source_id);
    lamp_statement_bind_int(row, 3, c->interface);
    lamp_statement_bind_string(row, 4, transports[c->transport]);
    lamp_statement_bind_int(row, 5, client);
    lamp_statement_bind_int(row, 6, server);
    bind_name(writer, row, 7, c->protocol);
    lamp_statement_bind_int(row, 8, c->first_time);
    lamp_statement_bind_int(row, 9, c->last_time);
    bind_connection_counts(row, c);
    lamp_statement_bind_text(row, 19, c->server_name);
    lamp_statement_bind_string(row, 20, states[c->state]);
    lamp_statement_bind_text(row, 21, c->alpn);
    lamp_statement_bind_text(row, 22, c->certificate_names);
    lamp_writer_insert(writer, INSERT_CONNECTION);
}

void
lamp_writer_flow(LampWriter *writer, const LampFlowRow *f)
{
    gint64 source = endpoint_id(writer, &f->source),
           destination = endpoint_id(writer, &f->destination);
    LampBatch *row = writer->batches[BATCH_FLOWS];
    lamp_batch_int(row, 1, ++writer->last_flow);
    lamp_batch_int(row, 2, writer->source_id);
    lamp_batch_int(row, 3, source);
    lamp_batch_int(row, 4, destination);
    lamp_batch_int(row, 5, f->transport);
    lamp_batch_int(row, 6, f->first_time);
    lamp_batch_int(row, 7, f->last_time);
    lamp_batch_int(row, 8, (gint64) f->packets);
    lamp_batch_int(row, 9, (gint64) f->bytes);
    lamp_batch_int(row, 10, f->tcp_flags);
    lamp_batch_int(row, 11, f->sampling);
    lamp_batch_utf8(row, 12, f->attributes);
    lamp_batch_int_or_null(row, 13, (gint64) f->event_number, 0);
    end_row(writer, BATCH_FLOWS);
}

void
lamp_writer_finding(LampWriter *writer, const LampFinding *finding, guint64 count)
{
    static const char *const kinds[] = {"truncated", "invalid",    "limit", "loss",
                                        "unknown",   "unreadable", "note"};
    LampStatement *row = writer->inserts[INSERT_FINDING];
    lamp_statement_bind_int(row, 1, writer->source_id);
    lamp_statement_bind_string(row, 2, kinds[finding->kind]);
    lamp_statement_bind_string(row, 3, finding->code);
    lamp_statement_bind_int(row, 4, (gint64) finding->offset);
    lamp_statement_bind_int_or_null(row, 5, (gint64) finding->record_number, 0);
    lamp_statement_bind_int(row, 6, (gint64) count);
    lamp_statement_bind_text(row, 7, lamp_bytes_text(finding->text));
    lamp_writer_insert(writer, INSERT_FINDING);
}

void
lamp_writer_host_name(LampWriter *writer, const LampHostNameRow *name)
{
    LampStatement *row = writer->inserts[INSERT_HOST_NAME];
    lamp_statement_bind_int(row, 1, writer->source_id);
    lamp_statement_bind_text(row, 2, name->address);
    lamp_statement_bind_text(row, 3, name->name);
    lamp_statement_bind_int(row, 4, name->port);
    lamp_statement_bind_int_or_null(row, 5, name->zone_minutes, G_MININT32);
    lamp_writer_insert(writer, INSERT_HOST_NAME);
}

void
lamp_writer_span_join(LampWriter *writer, const LampSpanJoinRow *join)
{
    LampStatement *row = writer->inserts[INSERT_SPAN_JOIN];
    lamp_statement_bind_int(row, 1, writer->source_id);
    lamp_statement_bind_text(row, 2, join->client_external_id);
    lamp_statement_bind_text(row, 3, join->server_external_id);
    lamp_writer_insert(writer, INSERT_SPAN_JOIN);
}
