/*
 * What follows from a record that is complete: its template, the identifiers in its message,
 * its event, the calls and flow records that it tells of. In: a record; out: rows for the sink.
 */
#include "base/text.h"
#include "base/value-hash.h"
#include "ingest/log/forms.h"
#include "ingest/log/packet-line.h"

static gboolean
is_known_value(const LampLogRecord *record, LampBytes value)
{
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_equal(record->fields[i].value, value))
            return TRUE;
    return FALSE;
}

/* Parts of a message that may identify something: not measures, not short numbers. */
static gboolean
may_identify(const LampVariable *variable)
{
    if (lamp_bytes_starts(variable->value, "HTTP/"))
        return FALSE;
    switch (variable->kind) {
    case LAMP_VARIABLE_UUID:
    case LAMP_VARIABLE_HEX:
    case LAMP_VARIABLE_ADDRESS:
    case LAMP_VARIABLE_EMAIL:
        return TRUE;
    case LAMP_VARIABLE_IDENTIFIER:
        return variable->value.len >= 4;
    case LAMP_VARIABLE_INTEGER:
        return variable->value.len >= 5;
    default:
        return FALSE;
    }
}

/* Where the message is kept if it is a short one without variable parts; else NULL. */
static LampLogConstant *
constant_place(LampLog *log, LampBytes message)
{
    return message.len > LAMP_LOG_CONSTANT_BYTES
               ? NULL
               : &log->constants[lamp_value_hash(message) % LAMP_LOG_CONSTANTS];
}

static gboolean
is_constant(const LampLogConstant *place, LampBytes message)
{
    return place != NULL && place->length == message.len &&
           memcmp(place->message, message.at, message.len) == 0;
}

static void
remember_constant(LampLogConstant *place, LampBytes message, const LampMasked *masked)
{
    if (place == NULL || masked->variable_count > 0 || masked->length > sizeof place->masked)
        return;
    place->length = (guint8) message.len;
    place->masked_length = (guint8) masked->length;
    memcpy(place->message, message.at, message.len);
    memcpy(place->masked, masked->text, masked->length);
}

/* The template of the message, and its identifiers as fields named by the word before. */
static void
add_template(LampLog *log, LampLogRecord *record)
{
    enum { IDENTIFIERS = 16 };
    LampEventRow *event = &record->event;
    guint added = 0;
    if (record->is_request || event->message.len == 0 || log->context.without_templates)
        return;
    LampLogConstant *place = constant_place(log, event->message);
    if (is_constant(place, event->message)) {
        event->message_template = lamp_bytes(place->masked, place->masked_length);
        return;
    }
    lamp_template_mask(event->message, &log->masked);
    remember_constant(place, event->message, &log->masked);
    event->message_template = lamp_bytes(log->masked.text, log->masked.length);
    event->masked = &log->masked;
    for (guint i = 0; i < log->masked.variable_count && added < IDENTIFIERS; i++) {
        const LampVariable *variable = &log->masked.variables[i];
        if (!may_identify(variable) || is_known_value(record, variable->value))
            continue;
        LampBytes slot = variable->name.len > 0
                             ? variable->name
                             : lamp_bytes_text(lamp_variable_kind_name(variable->kind));
        lamp_log_record_add_field(record, slot, variable->value);
        added++;
    }
}

/* Might the line tell of a packet? By its first letter, as most tell of none. */
static gboolean
may_tell_packet(const LampLogRecord *record)
{
    LampBytes service = record->event.service, message = record->event.message;
    return message.len > 0 &&
           (record->names_packet || message.at[0] == 'i' || message.at[0] == 'r' ||
            lamp_bytes_starts(service, "filterlog") ||
            lamp_bytes_equal(service, lamp_bytes("ipfw", 4)));
}

void
lamp_log_emit(LampLog *log, LampLogRecord *record, guint64 offset, guint64 length,
              LampSink *sink)
{
    LampEventRow *event = &record->event;
    event->offset = offset;
    event->length = length;
    event->is_logger = record->is_logger;
    event->duration_ns = MAX(0, record->call.duration_ns);
    if (log->context.host != NULL &&
        (event->host.len == 0 || lamp_bytes_equal(event->host, lamp_bytes("localhost", 9))))
        event->host = lamp_bytes_text(log->context.host);
    if (record->is_headed)
        lamp_log_settle_headed(log, record);
    lamp_log_join_begin(log, record);
    add_template(log, record);
    guint64 number = sink->event(sink->owner, event);
    lamp_log_emit_calls(log, record, number, sink);
    if (may_tell_packet(record))
        lamp_log_emit_flows(record, number, sink);
}
