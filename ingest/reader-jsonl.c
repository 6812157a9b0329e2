/*
 * JSON lines: one object a line, as pino, bunyan, zap, zerolog, logrus, serilog, log4j2,
 * python-json-logger, ECS, GELF, nginx with a JSON format and many others write.
 *
 * Names are given their meaning by ingest/log/meaning.c; what means nothing stays a field under
 * its (dotted) name. A message that is itself of a known form (a container's `log` member) is
 * read into. Specification: RFC 8259; jsonlines.org.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/json.h"
#include "ingest/log/postgresql.h"
#include "ingest/readers.h"

typedef struct {
    LampLog *log;
    LampLogRecord *record;
    gboolean has_stream; /* Docker's json-file: the message is a line of the program */
    LampBytes origin;    /* Traefik's OriginDuration: all durations are in ns, times of begin */
} Owner;

static void
take_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Owner *o = owner;
    o->has_stream =
        o->has_stream || (is_text && lamp_bytes_equal(key, lamp_bytes("stream", 6)));
    if (lamp_bytes_equal(key, lamp_bytes("OriginDuration", 14)))
        o->origin = value;
    lamp_log_set(o->log, o->record, key, value);
}

/* @digits nanoseconds as a text with its unit. */
static LampBytes
with_unit(LampLogRecord *record, LampBytes digits)
{
    guint8 *text = lamp_log_record_take(record, digits.len + 2);
    if (text == NULL || digits.len == 0)
        return lamp_bytes(NULL, 0);
    memcpy(text, digits.at, digits.len);
    memcpy(text + digits.len, "ns", 2);
    return lamp_bytes(text, digits.len + 2);
}

static void
set_traefik(LampLogRecord *record, LampBytes origin)
{
    LampLogCall *call = &record->call;
    for (gsize i = 0; i < record->event.field_count; i++) {
        const LampField *field = &record->fields[i];
        guint64 ns;
        if (lamp_bytes_equal(field->slot, lamp_bytes("Duration", 8)) &&
            lamp_text_parse_u64(field->value, &ns) && ns < G_MAXINT64)
            call->duration_ns = (gint64) ns;
    }
    call->duration_resolution_ns = 1;
    call->time_is_begin = TRUE;
    call->upstream_time = with_unit(record, origin);
}

static LampBytes
without_line_end(LampBytes text)
{
    while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    return text;
}

gboolean
lamp_log_parse_json(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes text = lamp_text_trim(line);
    Owner owner = {log, record, FALSE, {NULL, 0}};
    if (text.len < 2 || text.at[0] != '{')
        return FALSE;
    LampJsonShape *shape = record->depth == 0 ? &log->shape : NULL;
    if (lamp_json_flatten_like(text, record, shape, take_member, &owner) != text.len)
        return FALSE;
    LampEventRow *event = &record->event;
    LampBytes message = without_line_end(event->message);
    if (owner.has_stream && message.len > 0 && record->depth == 0) {
        event->message = lamp_bytes(NULL, 0);
        lamp_log_parse_body(log, message, record);
    }
    if (owner.origin.len > 0)
        set_traefik(record, owner.origin);
    if (record->call.duration_ns < 0)
        lamp_postgresql_take_duration(record, event->message); /* its jsonlog */
    return event->time != LAMP_TIME_NONE || event->message.len > 0 || event->field_count > 0;
}

static const LampLogFormat format = {.parse = lamp_log_parse_json, .most = 85};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_jsonl = {
    .name = "jsonl",
    .summary = "JSON lines of pino, bunyan, zap, zerolog, logrus, serilog, log4j2, ECS, GELF",
    .spec = "RFC 8259, jsonlines.org",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
