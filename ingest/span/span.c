/*
 * One span out of its JSON object.
 *
 * In: an object of one of three layouts. Jaeger: `spanID`, `references`, microseconds, tags as
 * a list of keys and values, the service in the trace's `processes`. Zipkin: `id`, `parentId`,
 * microseconds, tags as an object, the service in `localEndpoint`. OTLP: `spanId`,
 * `parentSpanId`, nanoseconds, attributes as a list, the service in the resource. Out: what
 * they have in common. Of several references the first within the trace is the parent. Events,
 * logs and links are passed over.
 */
#include "ingest/span/span.h"
#include "base/text.h"
#include "ingest/log/json.h"

typedef struct {
    LampTraceSpan span;
    LampLogRecord *record;
    LampBytes tags, references, kind, duration;
    gboolean has_start, has_end;
} Parse;

static gboolean
is_key(LampBytes key, const char *name)
{
    return lamp_bytes_equal(key, lamp_bytes_text(name));
}

static void
take_time(LampBytes value, guint digits, LampTime *out_time, gboolean *out_has)
{
    gint64 time;
    if (!*out_has && lamp_text_parse_scaled(value, digits, &time)) {
        *out_time = time;
        *out_has = TRUE;
    }
}

static gboolean
take_id(Parse *p, LampBytes key, LampBytes value)
{
    static const struct {
        const char *name;
        gsize offset;
    } rows[] = {{"spanID", G_STRUCT_OFFSET(LampTraceSpan, id)},
                {"spanId", G_STRUCT_OFFSET(LampTraceSpan, id)},
                {"id", G_STRUCT_OFFSET(LampTraceSpan, id)},
                {"traceID", G_STRUCT_OFFSET(LampTraceSpan, trace)},
                {"traceId", G_STRUCT_OFFSET(LampTraceSpan, trace)},
                {"parentSpanId", G_STRUCT_OFFSET(LampTraceSpan, parent)},
                {"parentSpanID", G_STRUCT_OFFSET(LampTraceSpan, parent)},
                {"parentId", G_STRUCT_OFFSET(LampTraceSpan, parent)},
                {"operationName", G_STRUCT_OFFSET(LampTraceSpan, name)},
                {"name", G_STRUCT_OFFSET(LampTraceSpan, name)},
                {"processID", G_STRUCT_OFFSET(LampTraceSpan, process)},
                {"process.serviceName", G_STRUCT_OFFSET(LampTraceSpan, service)},
                {"localEndpoint.serviceName", G_STRUCT_OFFSET(LampTraceSpan, service)},
                {"remoteEndpoint.serviceName", G_STRUCT_OFFSET(LampTraceSpan, peer)}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!is_key(key, rows[i].name))
            continue;
        LampBytes *place = G_STRUCT_MEMBER_P(&p->span, rows[i].offset);
        *place = value;
        return TRUE;
    }
    return FALSE;
}

static void
take_status(LampTraceSpan *span, LampBytes key, LampBytes value)
{
    static const struct {
        const char *name, *protocol;
    } rows[] = {{"http.status_code", "http"},
                {"http.response.status_code", "http"},
                {"rpc.grpc.status_code", "grpc"},
                {"lamplight.status", ""},
                {"status", ""}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows) && span->status.len == 0; i++) {
        if (!is_key(key, rows[i].name))
            continue;
        span->status = value;
        if (span->protocol.len == 0)
            span->protocol = lamp_bytes_text(rows[i].protocol);
    }
}

static gboolean
names_protocol(LampBytes key)
{
    return is_key(key, "network.protocol.name") || is_key(key, "db.system") ||
           is_key(key, "rpc.system") || is_key(key, "messaging.system");
}

static void
take_tag(Parse *p, LampBytes key, LampBytes value)
{
    LampTraceSpan *span = &p->span;
    if (is_key(key, "span.kind"))
        p->kind = value;
    else if (is_key(key, "error"))
        span->is_error = !is_key(value, "false");
    else if (is_key(key, "peer.service"))
        span->peer = value;
    else if (names_protocol(key))
        span->protocol = value;
    else if (is_key(key, "http.method") || is_key(key, "http.request.method"))
        span->protocol = span->protocol.len > 0 ? span->protocol : lamp_bytes_text("http");
    else
        take_status(span, key, value);
}

static void
take_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Parse *p = owner;
    (void) is_text;
    if (take_id(p, key, value))
        return;
    if (is_key(key, "startTime") || is_key(key, "timestamp")) {
        take_time(value, 3, &p->span.start, &p->has_start);
        p->span.resolution_ns = 1000;
    } else if (is_key(key, "startTimeUnixNano")) {
        take_time(value, 0, &p->span.start, &p->has_start);
    } else if (is_key(key, "endTimeUnixNano")) {
        take_time(value, 0, &p->span.end, &p->has_end);
    } else if (is_key(key, "duration")) {
        p->duration = value;
    } else if (is_key(key, "kind")) {
        p->kind = value;
    } else if (is_key(key, "references")) {
        p->references = value;
    } else if (is_key(key, "tags") || is_key(key, "attributes")) {
        p->tags = value;
    } else if (is_key(key, "status.code")) {
        p->span.is_error = is_key(value, "2") || is_key(value, "STATUS_CODE_ERROR");
    } else if (lamp_bytes_starts(key, "tags.")) {
        take_tag(p, lamp_bytes(key.at + 5, key.len - 5), value);
    }
}

/* The brackets that are open, of which the outer ones are known. */
typedef struct {
    guint64 depth;
    guint8 marks[64];
} Nesting;

/* FALSE: @byte closes what it did not open. A bracket before the first object is nobody's. */
static gboolean
follow(Nesting *nesting, guint8 byte)
{
    if (byte == '{' || (byte == '[' && nesting->depth > 0)) {
        if (nesting->depth < sizeof nesting->marks)
            nesting->marks[nesting->depth] = byte;
        nesting->depth++;
    } else if ((byte == '}' || byte == ']') && nesting->depth > 0) {
        nesting->depth--;
        return nesting->depth >= sizeof nesting->marks ||
               nesting->marks[nesting->depth] == (byte == '}' ? '{' : '[');
    }
    return TRUE;
}

gboolean
lamp_trace_next_object(LampCursor *at, LampBytes *out_object)
{
    const guint8 *begin = NULL;
    Nesting nesting = {.depth = 0};
    gboolean in_text = FALSE;
    for (const guint8 *p = at->at; p < at->end; p++) {
        if (in_text) {
            in_text = *p != '"';
            p += *p == '\\' && p + 1 < at->end ? 1 : 0;
            continue;
        }
        in_text = *p == '"';
        if (*p == '{' && nesting.depth == 0)
            begin = p;
        if (!follow(&nesting, *p)) {
            at->at = p;
            return FALSE;
        }
        if (*p != '}' || begin == NULL || nesting.depth > 0)
            continue;
        *out_object = lamp_bytes(begin, (gsize) (p + 1 - begin));
        at->at = p + 1;
        return TRUE;
    }
    return FALSE;
}

/* One of a list of `{"key": …, "value": …}`, of Jaeger or OTLP. */
typedef struct {
    LampBytes key, value;
} Tag;

static void
take_tag_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Tag *tag = owner;
    (void) is_text;
    if (is_key(key, "key"))
        tag->key = value;
    else if (is_key(key, "value") || lamp_bytes_starts(key, "value."))
        tag->value = value;
}

static gboolean
next_tag(LampCursor *at, LampLogRecord *record, Tag *out_tag)
{
    LampBytes object;
    *out_tag = (Tag){{NULL, 0}, {NULL, 0}};
    return lamp_trace_next_object(at, &object) &&
           lamp_json_flatten(object, record, take_tag_member, out_tag) > 0;
}

gboolean
lamp_trace_next_attribute(LampCursor *at, LampLogRecord *record, LampBytes *out_key,
                          LampBytes *out_value)
{
    Tag tag;
    if (!next_tag(at, record, &tag))
        return FALSE;
    *out_key = tag.key;
    *out_value = tag.value;
    return TRUE;
}

/* One of Jaeger's references. */
typedef struct {
    LampBytes trace, span;
} Reference;

static void
take_reference_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Reference *reference = owner;
    (void) is_text;
    if (is_key(key, "traceID"))
        reference->trace = value;
    else if (is_key(key, "spanID"))
        reference->span = value;
}

static void
take_references(Parse *p)
{
    LampCursor at = lamp_cursor(p->references);
    LampBytes object;
    while (p->span.parent.len == 0 && lamp_trace_next_object(&at, &object)) {
        Reference reference = {{NULL, 0}, {NULL, 0}};
        if (lamp_json_flatten(object, p->record, take_reference_member, &reference) > 0 &&
            lamp_bytes_equal(reference.trace, p->span.trace))
            p->span.parent = reference.span;
    }
}

/* "SERVER", "server", "SPAN_KIND_SERVER" and 2. */
static void
set_role(Parse *p)
{
    static const struct {
        const char *word, *number;
        LampRole role;
    } kinds[] = {{"server", "2", LAMP_ROLE_SERVER},
                 {"client", "3", LAMP_ROLE_CLIENT},
                 {"producer", "4", LAMP_ROLE_CLIENT},
                 {"consumer", "5", LAMP_ROLE_SERVER}};
    LampBytes kind = p->kind;
    if (lamp_bytes_starts(kind, "SPAN_KIND_"))
        kind = lamp_bytes(kind.at + 10, kind.len - 10);
    p->span.role = LAMP_ROLE_SERVER;
    p->span.is_inside = TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!lamp_text_is_word(kind, kinds[i].word, strlen(kinds[i].word)) &&
            !is_key(kind, kinds[i].number))
            continue;
        p->span.role = kinds[i].role;
        p->span.is_inside = FALSE;
    }
}

/* A parent id of zeros is none (OTLP). */
static void
drop_empty_parent(LampTraceSpan *span)
{
    gsize zeros = 0;
    while (zeros < span->parent.len && span->parent.at[zeros] == '0')
        zeros++;
    if (zeros == span->parent.len)
        span->parent.len = 0;
}

static void
set_end(Parse *p)
{
    gint64 duration = 0;
    if (!p->has_end) {
        if (!lamp_text_parse_scaled(p->duration, 3, &duration) || duration < 0 ||
            p->span.start > G_MAXINT64 - duration)
            duration = 0;
        p->span.end = p->span.start + duration;
    }
    p->span.end = MAX(p->span.end, p->span.start);
}

static gboolean
is_within_range(const LampTraceSpan *span)
{
    gint64 duration;
    return !__builtin_sub_overflow(span->end, span->start, &duration) &&
           lamp_time_is_within_range(span->start, duration) &&
           lamp_time_is_within_range(span->end, 0);
}

gboolean
lamp_trace_span_parse(LampBytes object, LampLogRecord *record, LampTraceSpan *out_span)
{
    Parse p = {.record = record, .span = {.resolution_ns = 1}};
    lamp_log_record_clear(record, object.len);
    if (lamp_json_flatten(object, record, take_member, &p) == 0 || p.span.id.len == 0 ||
        p.span.trace.len == 0 || !p.has_start)
        return FALSE;
    LampCursor at = lamp_cursor(p.tags);
    Tag tag;
    while (next_tag(&at, record, &tag))
        take_tag(&p, tag.key, tag.value);
    take_references(&p);
    drop_empty_parent(&p.span);
    set_role(&p);
    set_end(&p);
    if (!is_within_range(&p.span))
        return FALSE;
    *out_span = p.span;
    return TRUE;
}

static void
take_attributes(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    (void) is_text;
    if (is_key(key, "attributes"))
        *(LampBytes *) owner = value;
}

LampBytes
lamp_trace_resource_service(LampBytes resource, LampLogRecord *record)
{
    LampBytes attributes = {NULL, 0};
    Tag tag;
    lamp_log_record_clear(record, resource.len);
    if (lamp_json_flatten(resource, record, take_attributes, &attributes) == 0)
        return lamp_bytes(NULL, 0);
    LampCursor at = lamp_cursor(attributes);
    while (next_tag(&at, record, &tag))
        if (is_key(tag.key, "service.name"))
            return tag.value;
    return lamp_bytes(NULL, 0);
}

typedef struct {
    void (*take)(gpointer owner, LampBytes key, LampBytes service);
    gpointer owner;
} Processes;

static void
take_process(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    static const char member[] = ".serviceName";
    const Processes *processes = owner;
    gsize length = sizeof member - 1;
    (void) is_text;
    if (key.len > length && memcmp(key.at + key.len - length, member, length) == 0)
        processes->take(processes->owner, lamp_bytes(key.at, key.len - length), value);
}

void
lamp_trace_processes(LampBytes text, LampLogRecord *record,
                     void (*take)(gpointer owner, LampBytes key, LampBytes service),
                     gpointer owner)
{
    Processes processes = {take, owner};
    lamp_log_record_clear(record, text.len);
    (void) lamp_json_flatten(text, record, take_process, &processes);
}
