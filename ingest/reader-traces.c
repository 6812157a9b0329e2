/*
 * Traces in JSON: what Jaeger's and Zipkin's user interfaces and APIs hand out, and OTLP as
 * collectors write it to files; also what `lamplight export` writes.
 *
 *   {"data": [{"traceID": …, "spans": [{…}, …], "processes": {"p1": {"serviceName": …}}}]}
 *   [{"traceId": …, "id": …, "parentId": …, "localEndpoint": {…}}, …]
 *   {"resourceSpans": [{"resource": {…}, "scopeSpans": [{"spans": [{…}]}]}]}
 *
 * In: one such document, or one after the other (a line each, or not). Out: one observation for
 * each span, with its id, its trace and its parent as they are told. The structure is walked
 * byte by byte; only one span, or the names of a trace's services, must be in the window at
 * once. Spans wait until their trace (resource) has ended, since its services may be named
 * behind them, up to a limit.
 */
#include "base/keyed-map.h"
#include "base/limits.h"
#include "base/text.h"
#include "ingest/document.h"
#include "ingest/readers.h"
#include "ingest/span/span.h"

enum { DEPTH = 64, MEMBERS = 4, WAITING_SPANS = 65536, PROCESSES = 4096 };
#define PROCESS_BYTES ((gsize) 4 << 20)
#define WAITING_BYTES ((gsize) 64 << 20)
#define TOP_BYTES \
    ((gsize) 1 << 20) /* an object in a list at the top that is longer is no span */

typedef enum {
    KEY_OTHER = LAMP_DOCUMENT_OTHER,
    KEY_SPANS,
    KEY_PROCESSES,
    KEY_RESOURCE,
    KEY_RESOURCES
} Key;

typedef struct {
    LampDocument document;
    LampLogRecord record; /* lends its scratch */
    guint depth;
    guint named;         /* depth inside the object that named services; 0: none did */
    guint64 beyond;      /* containers open that are deeper than that */
    guint8 kinds[DEPTH]; /* '{' or '[' */
    guint8 keys[DEPTH];  /* Key of the container */
    guint64 spans;
    GArray *waiting; /* LampTraceSpan, texts in `texts` */
    GStringChunk *texts;
    gsize text_bytes;        /* in `texts` */
    LampKeyedMap *processes; /* key -> index + 1 in `services` */
    GPtrArray *services;     /* borrowed from `names` */
    GStringChunk *names;
    gsize name_bytes;
    GString *resource;
} Traces;

static LampBytes
keep(Traces *t, LampBytes text)
{
    if (text.len == 0)
        return text;
    gsize length = MIN(text.len, (gsize) LAMP_LIMIT_FIELD_VALUE);
    t->text_bytes += length;
    return lamp_bytes(
        g_string_chunk_insert_len(t->texts, (const char *) text.at, (gssize) length), length);
}

static void
take_process(gpointer owner, LampBytes key, LampBytes service)
{
    Traces *t = owner;
    gsize length = MIN(service.len, (gsize) LAMP_LIMIT_FIELD_VALUE);
    if (t->services->len == PROCESSES || t->name_bytes + length > PROCESS_BYTES)
        return;
    guint64 *place = lamp_keyed_map_add(t->processes, key, NULL);
    if (place == NULL)
        return;
    LampBytes *name = g_new(LampBytes, 1);
    *name = length == 0 ? service
                        : lamp_bytes(g_string_chunk_insert_len(
                                         t->names, (const char *) service.at, (gssize) length),
                                     length);
    t->name_bytes += length;
    g_ptr_array_add(t->services, name);
    *place = t->services->len;
}

static LampBytes
service_of(const Traces *t, const LampTraceSpan *span)
{
    const guint64 *place = lamp_keyed_map_find(t->processes, span->process);
    if (span->service.len > 0)
        return span->service;
    if (span->process.len > 0 && place != NULL)
        return *(const LampBytes *) g_ptr_array_index(t->services, *place - 1);
    if (t->resource->len > 0)
        return lamp_bytes(t->resource->str, t->resource->len);
    return span->process.len > 0 ? span->process : lamp_bytes_text("unknown");
}

static void
emit(const Traces *t, const LampTraceSpan *span, LampSink *sink)
{
    LampValue trace = {LAMP_SIDE_REQUEST, lamp_bytes_text("trace_id"), span->trace};
    LampBytes service = service_of(t, span);
    gboolean is_local = span->is_inside && span->parent.len > 0;
    LampObservationRow row = {.origin = LAMP_ORIGIN_SPAN,
                              .role = span->role,
                              .external_id = span->id,
                              .external_trace_id = span->trace,
                              .external_parent_id = span->parent,
                              .process = service,
                              .peer = is_local ? service : span->peer,
                              .protocol = span->protocol,
                              .operation = span->name,
                              .status = span->status,
                              .is_error = span->is_error,
                              .request_sequence = -1,
                              .response_sequence = -1,
                              .request_first = span->start,
                              .request_last = span->start,
                              .response_first = span->end,
                              .response_last = span->end,
                              .resolution_ns = span->resolution_ns,
                              .values = &trace,
                              .value_count = 1};
    sink->observation(sink->owner, &row);
}

static void
open_trace(Traces *t)
{
    t->names = g_string_chunk_new(4096);
    t->name_bytes = 0;
    t->processes = lamp_keyed_map_new(PROCESS_BYTES);
    t->services = g_ptr_array_new_with_free_func(g_free);
    g_string_truncate(t->resource, 0);
}

static void
close_trace(Traces *t)
{
    g_string_chunk_free(t->names);
    lamp_keyed_map_free(t->processes);
    g_ptr_array_unref(t->services);
}

static void
emit_waiting(Traces *t, LampSink *sink)
{
    for (guint i = 0; i < t->waiting->len; i++)
        emit(t, &g_array_index(t->waiting, LampTraceSpan, i), sink);
    g_array_set_size(t->waiting, 0);
    g_string_chunk_clear(t->texts);
    t->text_bytes = 0;
}

/* The trace, or resource, is over: its spans have services. */
static void
flush(Traces *t, LampSink *sink)
{
    t->named = 0;
    if (t->waiting->len == 0 && t->services->len == 0 && t->resource->len == 0)
        return;
    emit_waiting(t, sink);
    close_trace(t);
    open_trace(t);
}

static void
tell(const Traces *t, LampFindingKind kind, const char *code, guint64 offset, const char *text,
     LampSink *sink)
{
    lamp_sink_report(sink, t->spans, kind, code, offset, text);
}

static void
wait(Traces *t, LampTraceSpan span, guint64 offset, LampSink *sink)
{
    LampBytes *texts[] = {&span.id,       &span.trace,   &span.parent,
                          &span.name,     &span.process, &span.service,
                          &span.protocol, &span.status,  &span.peer};
    /* A resource that stands before its spans names their service already. */
    if (t->waiting->len == 0 && (span.service.len > 0 || t->resource->len > 0)) {
        emit(t, &span, sink);
        return;
    }
    if (t->waiting->len == WAITING_SPANS || t->text_bytes >= WAITING_BYTES) {
        tell(t, LAMP_FINDING_LIMIT, "limit.TRACE", offset,
             "a trace has more spans than can wait for its end; services named behind them may "
             "be missing",
             sink);
        emit_waiting(t, sink);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = keep(t, *texts[i]);
    g_array_append_val(t->waiting, span);
}

static gboolean
is_list_at_top(const Traces *t)
{
    for (guint i = 0; i < t->depth; i++)
        if (t->kinds[i] != '[')
            return FALSE;
    return t->depth > 0;
}

/* What the object that begins now is, by where it stands. */
static Key
unit_at(const Traces *t)
{
    if (t->depth == 0 || t->beyond > 0)
        return KEY_OTHER;
    Key key = t->document.key;
    if (t->kinds[t->depth - 1] == '{')
        return key == KEY_SPANS || key == KEY_RESOURCES ? KEY_OTHER : key;
    return t->keys[t->depth - 1] == KEY_SPANS || is_list_at_top(t) ? KEY_SPANS : KEY_OTHER;
}

/* Takes the whole object; FALSE if it is none of a span, to be walked into. */
static gboolean
take_unit(Traces *t, Key unit, LampBytes object, guint64 offset, LampSink *sink)
{
    LampTraceSpan span;
    if (unit == KEY_PROCESSES || unit == KEY_RESOURCE)
        t->named = t->depth;
    if (unit == KEY_PROCESSES) {
        lamp_trace_processes(object, &t->record, take_process, t);
    } else if (unit == KEY_RESOURCE) {
        LampBytes service = lamp_trace_resource_service(object, &t->record);
        g_string_truncate(t->resource, 0);
        g_string_append_len(t->resource, (const char *) service.at,
                            (gssize) MIN(service.len, (gsize) LAMP_LIMIT_FIELD_VALUE));
    } else if (lamp_trace_span_parse(object, &t->record, &span)) {
        t->spans++;
        wait(t, span, offset, sink);
        lamp_coverage_record(&t->document.coverage, sink, offset, object.len);
        if (is_list_at_top(t))
            flush(t, sink);
        return TRUE;
    } else if (is_list_at_top(t) && lamp_text_find(object, "\"spans\"") >= 0) {
        return FALSE; /* a document, in a list of them */
    } else {
        tell(
            t, LAMP_FINDING_INVALID, "traces.span", offset,
            "a span needs an id, its trace's id and a start that a clock may tell; it was left "
            "out",
            sink);
        lamp_coverage_lost(&t->document.coverage, offset, object.len);
        return TRUE;
    }
    lamp_coverage_other(&t->document.coverage, offset, object.len);
    return TRUE;
}

static void
push(gpointer owner, guint8 kind)
{
    Traces *t = owner;
    if (t->depth < DEPTH) {
        t->kinds[t->depth] = kind;
        t->keys[t->depth] = t->document.key;
        t->depth++;
    } else {
        t->beyond++;
    }
}

static void
pop(gpointer owner, guint8 kind, guint64 offset, LampSink *sink)
{
    Traces *t = owner;
    if (t->beyond > 0) {
        t->beyond--;
        return;
    }
    if (t->depth == 0 || t->kinds[t->depth - 1] != (kind == '}' ? '{' : '[')) {
        tell(t, LAMP_FINDING_INVALID, "traces.bracket", offset,
             "a bracket closes what was not opened; the rest of the file was left out", sink);
        t->document.is_lost = TRUE;
        return;
    }
    t->depth--;
    if (kind == '}' &&
        (t->depth <= 2 || t->keys[t->depth - 1] == KEY_RESOURCES || t->depth + 1 == t->named))
        flush(t, sink);
}

/* The object at the cursor, if it is one to be taken as a whole. FALSE: more bytes are needed.
 */
static gboolean
take_object(gpointer owner, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Traces *t = owner;
    LampBytes object;
    LampCursor ahead = *in;
    Key unit = unit_at(t);
    if (unit == KEY_OTHER)
        return TRUE;
    gboolean may_be_walked = is_list_at_top(t) && lamp_cursor_left(in) > TOP_BYTES;
    gboolean is_whole = lamp_trace_next_object(&ahead, &object);
    if (!is_whole && !last && !may_be_walked)
        return FALSE;
    if (is_whole && take_unit(t, unit, object, offset, sink))
        *in = ahead;
    return TRUE;
}

static const LampDocumentKind document_kind = {
    .names = (const LampDocumentName[]){{"spans", KEY_SPANS},
                                        {"processes", KEY_PROCESSES},
                                        {"resource", KEY_RESOURCE},
                                        {"resourceSpans", KEY_RESOURCES},
                                        {"batches", KEY_RESOURCES}, /* Tempo's name for them */
                                        {"data", KEY_RESOURCES},
                                        {NULL, 0}},
    .object = take_object,
    .open = push,
    .close = pop,
};

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Traces *t = state;
    guint64 behind = offset + lamp_cursor_left(in);
    if (lamp_document_walk(&t->document, &document_kind, t, in, offset, last, sink) &&
        t->depth > 0)
        tell(t, LAMP_FINDING_TRUNCATED, "traces.end", behind, "the file ends inside of a trace",
             sink);
    if (last)
        flush(t, sink);
    return LAMP_STEP_NEED_BYTES;
}

/* Blanks and brackets of lists, as Zipkin's answers begin with, before the first object; FALSE
 * for anything else: lines of logs also begin with a bracket. */
static gboolean
begins_with_object(LampBytes head, guint *out_lists)
{
    *out_lists = 0;
    for (gsize i = 0; i < head.len; i++) {
        if (head.at[i] == '{')
            return *out_lists <= 2;
        if (head.at[i] == '[')
            (*out_lists)++;
        else if (!g_ascii_isspace((char) head.at[i]))
            return FALSE;
    }
    return FALSE;
}

static gboolean
has_all(LampBytes head, const char *const members[MEMBERS])
{
    for (gsize i = 0; i < MEMBERS; i++)
        if (members[i] != NULL && lamp_text_find(head, members[i]) < 0)
            return FALSE;
    return TRUE;
}

static guint
probe(LampBytes head, G_GNUC_UNUSED const char *path)
{
    static const char *const layouts[][MEMBERS] = {
        {"\"spans\"", "\"spanID\"", "\"startTime\""},
        {"\"resourceSpans\"", "\"spanId\"", "\"startTimeUnixNano\""},
        {"\"traceId\"", "\"id\"", "\"localEndpoint\""},
        {"\"traceId\"", "\"id\"", "\"timestamp\"", "\"duration\""},
        {"\"traceId\"", "\"id\"", "\"timestamp\"", "\"kind\""},
    };
    guint lists;
    if (!begins_with_object(head, &lists))
        return 0;
    gsize of_objects = 2; /* Zipkin's are lists */
    for (gsize i = 0; i < (lists > 0 ? G_N_ELEMENTS(layouts) : of_objects); i++)
        if (has_all(head, layouts[i]))
            return 97;
    return 0;
}

static void
begin(gpointer state, G_GNUC_UNUSED const LampSourceContext *context)
{
    Traces *t = state;
    t->waiting = g_array_new(FALSE, FALSE, sizeof(LampTraceSpan));
    t->texts = g_string_chunk_new(4096);
    t->resource = g_string_new(NULL);
    open_trace(t);
}

static void
end(gpointer state, LampSink *sink)
{
    Traces *t = state;
    lamp_coverage_flush(&t->document.coverage, sink);
    close_trace(t);
    g_string_chunk_free(t->texts);
    g_string_free(t->resource, TRUE);
    g_array_unref(t->waiting);
    lamp_log_record_release(&t->record);
}

const LampReader lamp_reader_traces = {
    .name = "traces",
    .summary = "traces in JSON of Jaeger, Zipkin (API v2) and OpenTelemetry (OTLP)",
    .spec = "jaeger-ui JSON, Zipkin API v2, opentelemetry-proto trace.proto",
    .kind = LAMP_KIND_SPAN,
    .state_size = sizeof(Traces),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
