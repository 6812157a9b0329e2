/*
 * Messages inside lines, and the order in which forms are tried for a line of unknown form.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"

enum { NESTING = 3 };

/* The value after @name in @text, to the next blank. */
static LampBytes
value_after(LampBytes text, const char *name)
{
    gssize at = lamp_text_find(text, name);
    if (at < 0)
        return lamp_bytes(NULL, 0);
    const guint8 *p = text.at + at + strlen(name), *start = p;
    while (p < text.at + text.len && *p != ' ' && *p != ',')
        p++;
    return lamp_bytes(start, (gsize) (p - start));
}

/* A request line in quotes inside a message, with a status behind it and, as oslo and others
 * write, `time: SECONDS`. */
static void
take_request(LampBytes message, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    if (call->method.len > 0 || message.len == 0 ||
        memchr(message.at, '"', message.len) == NULL)
        return;
    gssize version = lamp_text_find(message, " HTTP/");
    if (version <= 0)
        return;
    const guint8 *open = memrchr(message.at, '"', (gsize) version);
    const guint8 *close = memchr(message.at + version, '"', message.len - (gsize) version);
    if (open == NULL || close == NULL)
        return;
    LampBytes rest = lamp_bytes(close + 1, (gsize) (message.at + message.len - close - 1));
    LampBytes status = value_after(rest, "status: "), time = value_after(rest, "time: ");
    lamp_log_record_set_request_line(record, lamp_bytes(open + 1, (gsize) (close - open - 1)));
    call->status = status.len > 0 ? status : value_after(rest, " ");
    if (call->status.len != 3 || !g_ascii_isdigit((char) call->status.at[0]))
        call->status = lamp_bytes(NULL, 0); /* another word */
    call->bytes_sent = lamp_number_or_zero(value_after(rest, "len: "));
    if (time.len > 0 && !lamp_duration_parse(time, LAMP_NS_PER_SECOND, &call->duration_ns,
                                             &call->duration_resolution_ns))
        call->duration_ns = -1;
    if (call->duration_ns >= 0)
        return;
    lamp_log_record_add(record, "request", lamp_bytes(open + 1, (gsize) (close - open - 1)));
    lamp_log_record_add(record, "status", call->status);
}

void
lamp_log_scale_controller(LampLogRecord *record)
{
    guint names = 0;
    if (record->bare_duration.len == 0)
        return;
    for (gsize i = 0; i < record->event.field_count; i++)
        names += lamp_bytes_equal(record->fields[i].slot, lamp_bytes("controller", 10)) ||
                 lamp_bytes_equal(record->fields[i].slot, lamp_bytes("action", 6));
    if (names == 2)
        lamp_log_record_scale_duration(record, LAMP_NS_PER_MS);
}

static void
ignore_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    (void) owner;
    (void) key;
    (void) value;
    (void) is_text;
}

typedef struct {
    LampLog *log;
    LampLogRecord *record;
} Tail;

static void
take_tail_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Tail *tail = owner;
    (void) is_text;
    lamp_log_set_inner(tail->log, tail->record, key, value);
}

/* `request completed\t{"method": "GET", …}`: the fields of zap's console encoder (and others,
 * with a blank) are an object at the end. What is left is the message. */
static LampBytes
take_tail(LampLog *log, LampBytes message, LampLogRecord *record)
{
    gssize begin = message.len > 4 && message.at[message.len - 1] == '}'
                       ? lamp_text_find(message, "{\"")
                       : -1;
    if (begin <= 0 || (message.at[begin - 1] != '\t' && message.at[begin - 1] != ' '))
        return message;
    LampBytes object = lamp_bytes(message.at + begin, message.len - (gsize) begin);
    Tail tail = {log, record};
    if (lamp_json_flatten(object, record, ignore_member, NULL) != object.len ||
        lamp_json_flatten(object, record, take_tail_member, &tail) != object.len)
        return message;
    LampBytes text = lamp_text_trim(lamp_bytes(message.at, (gsize) begin));
    if (message.at[begin - 1] == '\t' && record->event.message.at == message.at)
        record->event.message = text;
    return text;
}

void
lamp_log_parse_pairs(LampLog *log, LampBytes message, LampLogRecord *record)
{
    LampKeyValueScan scan = {lamp_cursor(message), record};
    LampBytes key, value;
    LampKeyValue kind;
    message = take_tail(log, message, record);
    scan.at = lamp_cursor(message);
    take_request(message, record);
    if (message.len == 0)
        return;
    if (memchr(message.at, '=', message.len) == NULL)
        scan.at.at = scan.at.end;
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END)
        if (kind == LAMP_KEYVALUE_PAIR) {
            record->names_packet = record->names_packet || lamp_text_is_word(key, "src", 3);
            lamp_log_set_inner(log, record, key, value);
        }
    lamp_log_scale_controller(record);
    lamp_log_take_slapd(record, message);
    lamp_log_take_line_request(log, record, message);
}

/* A nested line may begin with its own time; the outer one, which has a zone, is kept. */
static LampBytes
without_time(LampLog *log, LampBytes body)
{
    LampTimestamp stamp;
    gsize skip = body.len > 0 && body.at[0] == '[' ? 1 : 0;
    LampBytes rest = lamp_bytes(body.at + skip, body.len - skip);
    if (rest.len < 8 || !g_ascii_isdigit((char) rest.at[0]) ||
        !lamp_timestamp_scan(&log->inner_scanner, rest, &stamp))
        return body;
    return lamp_bytes(rest.at + stamp.used, rest.len - stamp.used);
}

/* The time at which a line was collected tells its second more finely, where the line tells of
 * its end, and tells it at all where the line names no zone. */
static void
keep_finer_time(LampLogRecord *record, const LampEventRow *outer)
{
    LampEventRow *event = &record->event;
    if (outer->time == LAMP_TIME_NONE || event->time == LAMP_TIME_NONE ||
        record->call.time_is_begin)
        return;
    gboolean is_told = event->zone_is_assumed && !outer->zone_is_assumed;
    if (!is_told &&
        (outer->resolution_ns >= event->resolution_ns || outer->time < event->time ||
         outer->time - event->time > 2 * LAMP_NS_PER_SECOND))
        return;
    event->time = outer->time;
    event->resolution_ns = outer->resolution_ns;
    event->zone_is_assumed = outer->zone_is_assumed;
}

/* Without a look at more than its begin and end: `info: `, or a time and `Category[14]`. */
static gboolean
may_be_dotnet(LampBytes body)
{
    return body.len > 10 && (body.at[4] == ':' || (body.at[body.len - 1] == ']' &&
                                                   g_ascii_isdigit((char) body.at[0])));
}

/* `WARNING:shop.orders:…`: no blank behind the first colon. */
static gboolean
may_be_level(LampBytes body)
{
    enum { LONGEST = 9 };
    gsize n = 0;
    while (n < LONGEST && n < body.len && g_ascii_isupper((char) body.at[n]))
        n++;
    return n > 2 && n + 1 < body.len && body.at[n] == ':' &&
           g_ascii_isalpha((char) body.at[n + 1]);
}

/* Forms that the head of a line would be taken for. */
static gboolean
parse_console(LampLog *log, LampBytes body, LampLogRecord *record, const LampEventRow *outer)
{
    if (may_be_level(body) && lamp_log_parse_levels(log, body, record))
        return TRUE;
    if (may_be_dotnet(body) && lamp_log_parse_dotnet(log, body, record)) {
        keep_finer_time(record, outer);
        return TRUE;
    }
    record->event = *outer;
    return FALSE;
}

void
lamp_log_parse_body(LampLog *log, LampBytes body, LampLogRecord *record)
{
    body = lamp_text_trim(body);
    LampEventRow outer = record->event;
    if (body.len == 0 || ++record->depth > NESTING) {
        record->event.message = body;
        return;
    }
    LampLogCall call = record->call;
    if ((body.at[0] == '{' && lamp_log_parse_json(log, body, record)) ||
        lamp_log_parse_haproxy(log, body, record) || lamp_log_parse_access(log, body, record) ||
        lamp_log_parse_swift(log, body, record) ||
        lamp_log_parse_postgresql(log, body, record)) {
        LampEventRow *event = &record->event;
        event->host = event->host.len > 0 ? event->host : outer.host;
        event->service = event->service.len > 0 ? event->service : outer.service;
        event->process = event->process.len > 0 ? event->process : outer.process;
        keep_finer_time(record, &outer);
        return;
    }
    record->event = outer;
    record->call = call;
    if (parse_console(log, body, record, &outer))
        return;
    LampBytes timed = body;
    body = without_time(log, body);
    record->has_own_time = body.at != timed.at;
    gssize begin = lamp_log_parse_head(log, body, FALSE, record);
    record->event.message = lamp_bytes(body.at + begin, body.len - (gsize) begin);
    lamp_log_parse_pairs(log, record->event.message, record);
}

gboolean
lamp_log_goes_on(LampLog *log, LampBytes text, const LampLogRecord *record)
{
    LampBytes trimmed = lamp_text_trim(text);
    if (record->is_headed)
        return lamp_bytes_starts(text, "  ");
    if (trimmed.len == 0 || trimmed.at[0] == '{' || record->event.message.len == 0)
        return FALSE;
    return lamp_log_looks_continued(text) ||
           (record->has_own_time && without_time(log, trimmed).at == trimmed.at);
}

gboolean
lamp_log_join_text(LampLog *log, LampBytes text, LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    if (!lamp_log_goes_on(log, text, record))
        return FALSE;
    if (record->is_headed)
        text = lamp_log_without_indent(text);
    if (event->message.len > 0)
        event->message = lamp_log_join(&record->message, event->message, lamp_bytes("\n", 1));
    event->message = lamp_log_join(&record->message, event->message, text);
    return TRUE;
}

typedef struct {
    const char *form;
    gboolean (*parse)(LampLog *log, LampBytes line, LampLogRecord *record);
    gboolean is_strict; /* few lines are so by chance */
} Form;

static const Form all_forms[] = {
    {"jsonl", lamp_log_parse_json, TRUE},
    {"haproxy", lamp_log_parse_haproxy, TRUE},
    {"access", lamp_log_parse_access, TRUE},
    {"postgresql", lamp_log_parse_postgresql, TRUE},
    {"dotnet", lamp_log_parse_dotnet, FALSE},
    {"elasticsearch", lamp_log_parse_elasticsearch, TRUE},
    {"syslog", lamp_log_parse_syslog, TRUE},
    {"logfmt", lamp_log_parse_logfmt, TRUE},
    {"application", lamp_log_parse_application, FALSE},
    {"text", lamp_log_parse_text, FALSE},
};

static gboolean
parse_forms(LampLog *log, LampBytes line, LampLogRecord *record, gboolean only_strict)
{
    for (gsize i = 0; i < G_N_ELEMENTS(all_forms); i++) {
        if (only_strict && !all_forms[i].is_strict)
            continue;
        lamp_log_record_clear(record, line.len);
        if (all_forms[i].parse(log, lamp_log_without_colours(record, line), record)) {
            record->event.form = all_forms[i].form;
            return TRUE;
        }
    }
    lamp_log_record_clear(record, line.len);
    return FALSE;
}

gboolean
lamp_log_parse_any(LampLog *log, LampBytes line, LampLogRecord *record)
{
    return parse_forms(log, line, record, FALSE);
}

gboolean
lamp_log_parse_strict(LampLog *log, LampBytes line, LampLogRecord *record)
{
    return parse_forms(log, line, record, TRUE);
}
