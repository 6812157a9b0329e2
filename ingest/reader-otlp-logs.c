/*
 * Logs of OpenTelemetry in JSON (OTLP), as collectors write them to files: one document, or one
 * after the other, a line each or not.
 *
 *   {"resourceLogs": [{"resource": {"attributes": […]},
 *                      "scopeLogs": [{"scope": {…}, "logRecords": [{…}, …]}]}]}
 *
 * In: bytes. Out: one event for each record, with its resource's service, host and process, its
 * attributes as fields (which may tell a call, as in other JSON), trace and span id. A resource
 * stands before its records, as all writers put it. The structure is walked byte by byte; one
 * record must be in the window at once. Specification: opentelemetry-proto, logs.proto and its
 * JSON encoding.
 */
#include "base/text.h"
#include "ingest/document.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"
#include "ingest/span/span.h"

enum { NAME_BYTES = 256 };

typedef enum { KEY_OTHER = LAMP_DOCUMENT_OTHER, KEY_RESOURCES, KEY_RESOURCE, KEY_RECORDS } Key;

/* A text of the resource. */
typedef struct {
    gsize length;
    guint8 text[NAME_BYTES];
} Name;

typedef struct {
    LampLog log;
    LampDocument document;
    guint64 depth;     /* containers that are open */
    guint64 resources; /* depth inside the list of resources; 0: outside */
    guint64 records;   /* ditto of records */
    guint64 count;
    gboolean has_logs; /* the document that is open */
    guint64 unended;   /* depth inside an object of which no end was found; 0: of none */
    Name service, host, process;
} Logs;

static void
keep_name(Name *name, LampBytes text)
{
    name->length = MIN(text.len, sizeof name->text);
    if (name->length > 0)
        memcpy(name->text, text.at, name->length);
}

static LampBytes
name_of(const Name *name)
{
    return lamp_bytes(name->text, name->length);
}

static void
forget_resource(Logs *l)
{
    l->service.length = l->host.length = l->process.length = 0;
}

typedef struct {
    Logs *logs;
    LampLogRecord *record;
    LampBytes attributes, time, observed;
} Members;

static void
take_resource_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Members *m = owner;
    (void) is_text;
    if (lamp_bytes_equal(key, lamp_bytes("attributes", 10)))
        m->attributes = value;
}

static void
take_resource(Logs *l, LampBytes object)
{
    LampLogRecord *record = &l->log.records[0];
    Members m = {.logs = l};
    LampBytes key, value;
    forget_resource(l);
    lamp_log_record_clear(record, object.len);
    if (lamp_json_flatten(object, record, take_resource_member, &m) == 0)
        return;
    LampCursor at = lamp_cursor(m.attributes);
    while (lamp_trace_next_attribute(&at, record, &key, &value)) {
        if (lamp_bytes_equal(key, lamp_bytes_text("service.name")))
            keep_name(&l->service, value);
        else if (lamp_bytes_equal(key, lamp_bytes_text("host.name")) ||
                 (l->host.length == 0 &&
                  lamp_bytes_equal(key, lamp_bytes_text("k8s.pod.name"))))
            keep_name(&l->host, value);
        else if (lamp_bytes_equal(key, lamp_bytes_text("process.pid")))
            keep_name(&l->process, value);
    }
}

static void
take_record_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Members *m = owner;
    (void) is_text;
    if (lamp_bytes_equal(key, lamp_bytes("attributes", 10)))
        m->attributes = value;
    else if (lamp_bytes_equal(key, lamp_bytes("timeUnixNano", 12)))
        m->time = value;
    else if (lamp_bytes_equal(key, lamp_bytes("observedTimeUnixNano", 20)))
        m->observed = value;
    else if (!lamp_bytes_equal(key, lamp_bytes("flags", 5)) &&
             !lamp_bytes_equal(key, lamp_bytes("droppedAttributesCount", 22)))
        lamp_log_set(&m->logs->log, m->record, key, value);
}

/* Zero is what the encoding writes for a time that is not known. */
static gboolean
take_time(LampEventRow *event, LampBytes text)
{
    guint64 ns;
    if (event->time != LAMP_TIME_NONE || !lamp_text_parse_u64(text, &ns) || ns == 0 ||
        ns > G_MAXINT64)
        return FALSE;
    event->time = (LampTime) ns;
    event->resolution_ns = 1;
    return TRUE;
}

/* FALSE if @object is no record: without a time or anything told. */
static gboolean
parse_record(Logs *l, LampBytes object, LampLogRecord *record)
{
    Members m = {.logs = l, .record = record};
    LampEventRow *event = &record->event;
    LampBytes key, value;
    l->log.key_position = 0;
    lamp_log_record_clear(record, object.len);
    if (lamp_json_flatten(object, record, take_record_member, &m) == 0)
        return FALSE;
    LampCursor at = lamp_cursor(m.attributes);
    while (lamp_trace_next_attribute(&at, record, &key, &value))
        lamp_log_set(&l->log, record, key, value);
    if (!take_time(event, m.time))
        (void) take_time(event, m.observed);
    if (l->service.length > 0)
        event->service = name_of(&l->service);
    if (event->host.len == 0)
        event->host = name_of(&l->host);
    if (event->process.len == 0)
        event->process = name_of(&l->process);
    return event->time != LAMP_TIME_NONE;
}

static void
take_record(Logs *l, LampBytes object, guint64 offset, LampSink *sink)
{
    LampLogRecord *record = &l->log.records[0];
    l->count++;
    if (parse_record(l, object, record)) {
        lamp_log_emit(&l->log, record, offset, object.len, sink);
        lamp_coverage_record(&l->document.coverage, sink, offset, object.len);
        return;
    }
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = "otlp-logs.record",
                           .offset = offset,
                           .record_number = l->count,
                           .text = "a log record needs a time; it was left out"};
    sink->finding(sink->owner, &finding);
    lamp_coverage_lost(&l->document.coverage, offset, object.len);
}

/* The object at the cursor, if it is taken as a whole. FALSE: more bytes are needed. */
static gboolean
take_object(gpointer owner, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Logs *l = owner;
    gboolean is_record = l->records > 0 && l->depth == l->records;
    gboolean is_resource = l->document.key == KEY_RESOURCE;
    LampCursor ahead = *in;
    LampBytes object;
    if ((!is_record && !is_resource) || l->unended > 0)
        return TRUE;
    if (!lamp_trace_next_object(&ahead, &object)) {
        gboolean may_end = !last && ahead.at == in->at;
        l->unended = may_end ? 0 : l->depth + 1;
        return !may_end;
    }
    if (is_record) {
        take_record(l, object, offset, sink);
    } else {
        take_resource(l, object);
        lamp_coverage_other(&l->document.coverage, offset, object.len);
    }
    *in = ahead;
    return TRUE;
}

static void
open_container(gpointer owner, guint8 mark)
{
    Logs *l = owner;
    l->depth++;
    if (mark == '[' && l->document.key == KEY_RECORDS) {
        l->records = l->depth;
    } else if (mark == '[' && l->document.key == KEY_RESOURCES) {
        l->resources = l->depth;
        l->has_logs = TRUE;
    } else if (l->depth == l->resources + 1)
        forget_resource(l); /* the next one begins */
}

static void
close_container(gpointer owner, guint8 mark, guint64 offset, LampSink *sink)
{
    Logs *l = owner;
    (void) mark;
    if (l->depth == 0 || l->depth <= l->unended) {
        LampFinding finding = {
            .kind = LAMP_FINDING_INVALID,
            .code = "otlp-logs.bracket",
            .offset = offset,
            .record_number = l->count,
            .text = "a bracket closes what was not opened; the rest of the file was left out"};
        sink->finding(sink->owner, &finding);
        l->document.is_lost = TRUE;
        return;
    }
    if (l->depth == l->records)
        l->records = 0;
    if (l->depth == l->resources)
        l->resources = 0;
    l->depth--;
    if (l->depth == 0 && !l->has_logs) {
        LampFinding finding = {.kind = LAMP_FINDING_UNKNOWN,
                               .code = "otlp-logs.other",
                               .offset = offset,
                               .record_number = l->count,
                               .text = "a document without resourceLogs was left out"};
        sink->finding(sink->owner, &finding);
    }
    if (l->depth == 0)
        l->has_logs = FALSE;
}

static const LampDocumentKind document_kind = {
    .names = (const LampDocumentName[]){{"resourceLogs", KEY_RESOURCES},
                                        {"resource", KEY_RESOURCE},
                                        {"logRecords", KEY_RECORDS},
                                        {NULL, 0}},
    .object = take_object,
    .open = open_container,
    .close = close_container,
};

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Logs *l = state;
    guint64 behind = offset + lamp_cursor_left(in);
    if (lamp_document_walk(&l->document, &document_kind, l, in, offset, last, sink) &&
        l->depth > 0) {
        LampFinding finding = {.kind = LAMP_FINDING_TRUNCATED,
                               .code = "otlp-logs.end",
                               .offset = behind,
                               .record_number = l->count,
                               .text = "the file ends inside of a document"};
        sink->finding(sink->owner, &finding);
    }
    return LAMP_STEP_NEED_BYTES;
}

/* A document a line, and lines of other kinds between them: a mixed log. */
static gboolean
is_mixed(LampBytes head)
{
    LampCursor at = lamp_cursor(head);
    LampBytes line;
    if (!lamp_cursor_line(&at, &line) || lamp_text_find(line, "\"resourceLogs\"") < 0)
        return FALSE;
    while (lamp_cursor_line(&at, &line))
        if (lamp_text_trim(line).len > 0 && lamp_text_find(line, "\"resourceLogs\"") < 0)
            return TRUE;
    return FALSE;
}

/* Traces of the same documents are another reader's. */
static guint
probe(LampBytes head, G_GNUC_UNUSED const char *path)
{
    LampBytes text = lamp_text_trim(head);
    if (text.len == 0 || text.at[0] != '{' || lamp_text_find(text, "\"resourceLogs\"") < 0 ||
        lamp_text_find(text, "\"scopeLogs\"") < 0 ||
        lamp_text_find(text, "\"logRecords\"") < 0 || is_mixed(text))
        return 0;
    return 96;
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    static const LampLogFormat format = {.most = 96};
    lamp_log_begin(&((Logs *) state)->log, &format, context);
}

static void
end(gpointer state, LampSink *sink)
{
    Logs *l = state;
    lamp_coverage_flush(&l->document.coverage, sink);
    lamp_log_end(&l->log, sink);
}

const LampReader lamp_reader_otlp_logs = {
    .name = "otlp-logs",
    .summary = "logs of OpenTelemetry in JSON (OTLP), as collectors write them to files",
    .spec = "opentelemetry-proto logs.proto, JSON encoding",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(Logs),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
