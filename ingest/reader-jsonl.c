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
    LampJsonShape *shape; /* of the lines, or NULL */
    gboolean has_stream;  /* Docker's json-file: the message is a line of the program */
    LampBytes origin; /* Traefik's OriginDuration: all durations are in ns, times of begin */
} Owner;

/* What is noted of a name that comes in every line. */
enum { NAME_IS_KNOWN = 1, NAME_IS_STREAM = 2, NAME_IS_ORIGIN = 4 };

static guint
notes_of(LampBytes key)
{
    return NAME_IS_KNOWN |
           (lamp_bytes_equal(key, lamp_bytes("stream", 6)) ? NAME_IS_STREAM : 0) |
           (lamp_bytes_equal(key, lamp_bytes("OriginDuration", 14)) ? NAME_IS_ORIGIN : 0);
}

static void
take_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Owner *o = owner;
    LampJsonName *name = o->shape != NULL ? o->shape->current : NULL;
    guint notes = name != NULL ? name->notes : notes_of(key);
    if (notes == 0) {
        notes = name->notes = notes_of(key);
        name->meaning = lamp_meaning_of(key);
    }
    o->has_stream = o->has_stream || (is_text && (notes & NAME_IS_STREAM) != 0);
    if ((notes & NAME_IS_ORIGIN) != 0)
        o->origin = value;
    if (name == NULL || key.len == 0)
        lamp_log_set(o->log, o->record, key, value);
    else
        lamp_log_record_set_meaning(o->record, &o->log->scanner, name->meaning, key, value);
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
field_of(const LampLogRecord *record, const char *slot)
{
    LampBytes name = lamp_bytes_text(slot);
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_equal(record->fields[i].slot, name))
            return record->fields[i].value;
    return lamp_bytes(NULL, 0);
}

static gboolean
has_member(LampBytes line, const char *quoted)
{
    return lamp_text_find(line, quoted) >= 0;
}

/* The first byte of the text that the member has, with or without blanks around its colon; 0:
 * it has none. */
static guint8
first_of_value(LampBytes line, const char *quoted)
{
    gssize found = lamp_text_find(line, quoted);
    gsize at = found < 0 ? line.len : (gsize) found + strlen(quoted);
    while (at < line.len && (line.at[at] == ' ' || line.at[at] == ':'))
        at++;
    return at + 1 < line.len && line.at[at] == '"' ? line.at[at + 1] : 0;
}

/* Loggers differ in the unit of a number whose name tells none: Go's slog writes nanoseconds,
 * zerolog milliseconds with a fraction, Rails' (lograge) too; zap and others seconds with one,
 * milliseconds without. They are told apart by the names that they give to the rest. */
static void
scale_duration(LampLogRecord *record, LampBytes line)
{
    guint8 letter = first_of_value(line, "\"level\"");
    gboolean whole = memchr(record->bare_duration.at, '.', record->bare_duration.len) == NULL;
    if (has_member(line, "\"controller\"") && has_member(line, "\"action\""))
        lamp_log_record_scale_duration(record, LAMP_NS_PER_MS);
    else if (has_member(line, "\"DownstreamStatus\""))
        lamp_log_record_scale_duration(record, 1);
    else if (!has_member(line, "\"time\"") || letter == 0)
        return;
    else if (whole && g_ascii_isupper((char) letter) && has_member(line, "\"msg\""))
        lamp_log_record_scale_duration(record, 1);
    else if (g_ascii_islower((char) letter) && has_member(line, "\"message\"") &&
             !has_member(line, "\"@timestamp\""))
        lamp_log_record_scale_duration(record, LAMP_NS_PER_MS);
}

/* What loggers call by names that mean something else elsewhere. */
static void
take_usual_names(LampLogRecord *record, LampBytes line)
{
    LampEventRow *event = &record->event;
    gboolean is_python = event->severity.len > 0 && has_member(line, "\"levelname\"");
    gboolean is_bunyan =
        event->severity.len > 0 && event->host.len > 0 && event->process.len > 0; /* and pino */
    if (event->service.len == 0 && (is_python || is_bunyan)) {
        event->service = field_of(record, "name");
        record->is_logger = is_python;
    }
    if (event->message.len == 0)
        event->message = field_of(record, "event"); /* structlog */
    /* Serilog leaves the usual level out. */
    if (event->severity.len == 0 && has_member(line, "\"@t\":") && has_member(line, "\"@m"))
        event->severity = lamp_severity_of_word(lamp_bytes("info", 4));
}

static LampBytes
member_text(LampBytes json, const char *quoted)
{
    gssize found = lamp_text_find(json, quoted);
    gsize from = found < 0 ? json.len : (gsize) found + strlen(quoted);
    const guint8 *end = from < json.len ? memchr(json.at + from, '"', json.len - from) : NULL;
    return end == NULL ? lamp_bytes(NULL, 0)
                       : lamp_bytes(json.at + from, (gsize) (end - json.at) - from);
}

/* .NET's JSON console: the logger, and identifiers in its list of scopes. */
static void
take_dotnet(LampLog *log, LampLogRecord *record)
{
    LampBytes scopes = field_of(record, "Scopes");
    if (record->event.service.len == 0) {
        record->event.service = field_of(record, "Category");
        record->is_logger = TRUE;
    }
    lamp_log_set_inner(log, record, lamp_bytes_text("TraceId"),
                       member_text(scopes, "\"TraceId\":\""));
    lamp_log_set_inner(log, record, lamp_bytes_text("RequestId"),
                       member_text(scopes, "\"RequestId\":\""));
}

/* `[orders][0]` without the brackets and what follows. */
static LampBytes
first_bracket(LampBytes text)
{
    const guint8 *close =
        text.len > 2 && text.at[0] == '[' ? memchr(text.at, ']', text.len) : NULL;
    return close == NULL ? text : lamp_bytes(text.at + 1, (gsize) (close - text.at) - 1);
}

/* A slow search of Elasticsearch, in its own JSON or that of ECS. */
static void
take_slow_search(LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    LampBytes component = field_of(record, "log.logger");
    LampBytes took = field_of(record, "elasticsearch.slowlog.took");
    if (event->message.len == 0)
        event->message = field_of(record, "elasticsearch.slowlog.message");
    if (took.len == 0)
        took = field_of(record, "took");
    lamp_log_set_slow_search(record, component.len > 0 ? component : event->service,
                             first_bracket(event->message), took);
}

/* Loggers that are told by members that no other has; most lines have none of that length. */
static void
take_own_members(LampLog *log, LampLogRecord *record, LampBytes line)
{
    static const char slow[] = "elasticsearch.slowlog.took_millis";
    enum { JID = 7, CATEGORY = 8, TOOK = 11, SLOW = sizeof slow - 1 };
    for (gsize i = 0; i < record->event.field_count; i++) {
        LampBytes slot = record->fields[i].slot;
        if (slot.len == JID && lamp_bytes_starts(slot, "ctx.jid"))
            lamp_log_take_sidekiq(record, field_of(record, "ctx.class"),
                                  field_of(record, "ctx.elapsed"));
        else if (slot.len == CATEGORY && lamp_bytes_starts(slot, "Category") &&
                 has_member(line, "\"LogLevel\""))
            take_dotnet(log, record);
        else if ((slot.len == TOOK && lamp_bytes_starts(slot, "took_millis")) ||
                 (slot.len == SLOW && lamp_bytes_starts(slot, slow)))
            take_slow_search(record);
        else
            continue;
        return;
    }
}

/* MongoDB's slow queries: `attr.command` begins with the command and its collection. */
static void
take_command(LampLogRecord *record)
{
    static const char prefix[] = "attr.command.";
    LampLogCall *call = &record->call;
    for (gsize i = 0; i < record->event.field_count; i++) {
        LampField field = record->fields[i];
        if (!lamp_bytes_starts(field.slot, prefix))
            continue;
        LampBytes name =
            lamp_bytes(field.slot.at + sizeof prefix - 1, field.slot.len - sizeof prefix + 1);
        guint8 *text = lamp_log_record_take(record, name.len + 1 + field.value.len);
        if (name.len == 0 || memchr(name.at, '.', name.len) != NULL || text == NULL)
            return;
        memcpy(text, name.at, name.len);
        text[name.len] = ' ';
        memcpy(text + name.len + 1, field.value.at, field.value.len);
        call->protocol = lamp_bytes_text("mongodb");
        call->operation = lamp_bytes(text, name.len + 1 + field.value.len);
        return;
    }
}

/* journalctl writes texts that are not UTF-8 as a list of bytes: `[72,105,255]`. */
static LampBytes
bytes_of_list(LampLogRecord *record, LampBytes list)
{
    guint8 *text = lamp_log_record_take(record, list.len);
    gsize used = 0;
    guint value = 0;
    if (text == NULL)
        return list;
    for (gsize i = 1; i < list.len; i++) {
        guint8 byte = list.at[i];
        if (g_ascii_isdigit((char) byte) && value < 256) {
            value = value * 10 + (guint) (byte - '0');
        } else if ((byte == ',' || byte == ']') && value < 256) {
            text[used++] = (guint8) value;
            value = 0;
        } else if (byte != ' ') {
            return list;
        }
    }
    return lamp_bytes(text, used);
}

/* Docker cuts lines of programs at 16 KiB; what goes on has no line end. */
static gboolean
is_cut(LampBytes message)
{
    enum { DOCKER_PART = 16000 };
    return message.len >= DOCKER_PART && message.at[message.len - 1] != '\n';
}

static LampBytes
without_line_end(LampBytes text)
{
    while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    return text;
}

/* What the members leave open of a call. */
static void
take_call(LampLog *log, LampLogRecord *record, LampBytes line)
{
    LampLogCall *call = &record->call;
    if (call->duration_ns >= 0 && call->method.len == 0 && call->target.len > 0)
        take_command(record);
    if (call->duration_ns < 0)
        lamp_postgresql_take_duration(record, record->event.message); /* its jsonlog */
    LampBytes message = record->event.message;
    if ((lamp_bytes_starts(message, "statement: ") || lamp_bytes_starts(message, "execute ") ||
         lamp_bytes_starts(message, "duration: ")) &&
        call->protocol.len == 0 && has_member(line, "\"error_severity\""))
        lamp_postgresql_take_halves(record, record->event.message);
    if (call->duration_ns < 0 || call->method.len == 0)
        lamp_log_take_line_request(log, record, record->event.message);
}

/* Caddy's line of what its proxy asked: a call to the upstream, and none that it served. */
static void
take_roundtrip(LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    LampBytes upstream = field_of(record, "upstream"), time = field_of(record, "duration");
    if (upstream.len == 0 || time.len == 0 || call->duration_ns < 0)
        return;
    call->upstream_address = upstream;
    call->upstream_time = time;
    call->is_only_upstream = TRUE;
}

/* What can be told when all members are known. */
static void
settle(LampLog *log, LampLogRecord *record, LampBytes line, LampBytes origin)
{
    LampEventRow *event = &record->event;
    if (origin.len > 0)
        set_traefik(record, origin);
    else if (record->bare_duration.len > 0)
        scale_duration(record, line);
    if (event->service.len == 0 || event->message.len == 0 || event->severity.len == 0)
        take_usual_names(record, line);
    if (event->message.len > 2 && event->message.at[0] == '[' &&
        has_member(line, "\"__REALTIME_TIMESTAMP\""))
        event->message = bytes_of_list(record, event->message);
    take_own_members(log, record, line);
    take_call(log, record, line);
    if (lamp_bytes_equal(event->message, lamp_bytes_text("upstream roundtrip")))
        take_roundtrip(record);
    if (event->service.len == 0 && has_member(line, "\"error_severity\"")) {
        event->service = lamp_bytes_text("postgresql");
        record->is_logger = TRUE; /* of whom only the form tells */
    }
}

typedef struct {
    LampBytes text, stream;
} DockerPart;

static void
take_docker_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    DockerPart *part = owner;
    if (is_text && lamp_bytes_equal(key, lamp_bytes("log", 3)))
        part->text = value;
    else if (is_text && lamp_bytes_equal(key, lamp_bytes("stream", 6)))
        part->stream = value;
}

/* Might @line go on with @record? Most lines begin a record of their own: they need not be read
 * for that, as far as the begin of their text has no escapes. */
static gboolean
may_go_on(LampLog *log, LampBytes line, const LampLogRecord *record)
{
    enum { BEGIN = 64 };
    static const char name[] = "\"log\":\"";
    gssize found = record->is_partial ? -1 : lamp_text_find(line, name);
    if (found < 0)
        return TRUE;
    const guint8 *text = line.at + found + sizeof name - 1, *end = line.at + line.len;
    LampBytes begin = lamp_bytes(text, MIN((gsize) (end - text), (gsize) BEGIN));
    if (begin.len > 0 && begin.at[0] == '{') /* JSON; its quotes are escaped */
        return FALSE;
    return lamp_text_trim(begin).len == 0 || memchr(begin.at, '\\', begin.len) != NULL ||
           lamp_log_goes_on(log, begin, record);
}

/* Appends the next part of a line that Docker cut, or the next line of a stack trace. */
static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    DockerPart part = {{NULL, 0}, {NULL, 0}};
    LampLogRecord *other = &log->records[record == &log->records[0]];
    if ((!record->is_partial && field_of(record, "stream").len == 0) ||
        !may_go_on(log, line, record))
        return FALSE;
    lamp_log_record_clear(other, line.len); /* lends its scratch */
    if (lamp_json_flatten(lamp_text_trim(line), other, take_docker_member, &part) == 0 ||
        part.text.len == 0 || !lamp_bytes_equal(part.stream, field_of(record, "stream")))
        return FALSE;
    if (!record->is_partial)
        return !is_cut(part.text) &&
               lamp_log_join_text(log, without_line_end(part.text), record);
    record->is_partial = is_cut(part.text);
    LampBytes text =
        lamp_log_join(&record->parts, record->event.message, without_line_end(part.text));
    record->event.message = text;
    if (!record->is_partial) {
        record->event.message = lamp_bytes(NULL, 0);
        lamp_log_parse_body(log, text, record);
    }
    return TRUE;
}

gboolean
lamp_log_parse_json(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes text = lamp_text_trim(line);
    LampJsonShape *shape = record->depth == 0 ? &log->shape : NULL;
    Owner owner = {log, record, shape, FALSE, {NULL, 0}};
    if (text.len < 2 || text.at[0] != '{')
        return FALSE;
    if (lamp_json_flatten_like(text, record, shape, take_member, &owner) != text.len)
        return FALSE;
    LampEventRow *event = &record->event;
    LampBytes message = without_line_end(event->message);
    if (owner.has_stream && message.len > 0 && record->depth == 0) {
        record->is_partial = is_cut(event->message);
        event->message = record->is_partial ? message : lamp_bytes(NULL, 0);
        if (!record->is_partial)
            lamp_log_parse_body(log, message, record);
    }
    settle(log, record, text, owner.origin);
    return event->time != LAMP_TIME_NONE || event->message.len > 0 || event->field_count > 0;
}

static const LampLogFormat format = {.parse = lamp_log_parse_json, .join = join, .most = 85};

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
