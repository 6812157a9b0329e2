/*
 * Calls out of log records: a line with a duration is a span, one with an upstream is a call to
 * that upstream as well.
 *
 * In: a finished record. Out: observations of origin LOG. An access log of nginx is written
 * when the request is done, so the span ends at the line's time and begins the duration before;
 * HAProxy and Apache with %D give the begin. Upstream tries follow each other: the last one
 * ends with the span, each earlier one ends where the next began.
 */
#include "base/same-bytes.h"
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/operation.h"

/* Values of fields and statements are not shorter; those of paths are as on the wire. */
enum { LEAST_VALUE = 3, LEAST_LITERAL = 2 };
enum { UPSTREAMS = 8, VALUES = 32, OPERATION_BYTES = 512, WRITER_BYTES = 256 };

typedef struct {
    const LampLogRecord *record;
    guint64 event_number;
    LampSink *sink;
    LampTime begin, end;
    gint64 resolution_ns;
    LampBytes operation, protocol;
    gsize value_count;
    LampValue values[VALUES];
    guint8 operation_text[OPERATION_BYTES];
    guint8 writer[WRITER_BYTES];
} Emit;

static gboolean
is_http_method(LampBytes method)
{
    static const struct {
        guint8 length;
        char name[9];
    } methods[] = {{3, "GET"},   {4, "POST"},    {3, "PUT"},     {6, "DELETE"},
                   {4, "HEAD"},  {5, "PATCH"},   {7, "OPTIONS"}, {7, "CONNECT"},
                   {5, "TRACE"}, {8, "PROPFIND"}};
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (method.len == methods[i].length &&
            lamp_bytes_same(method.at, (const guint8 *) methods[i].name, method.len))
            return TRUE;
    return FALSE;
}

static void
add_value(Emit *e, LampBytes slot, LampBytes value, gsize least)
{
    if (e->value_count == VALUES || value.len < least || value.len > LAMP_LIMIT_VALUE)
        return;
    e->values[e->value_count++] = (LampValue){LAMP_SIDE_REQUEST, slot, value};
}

static void
append(Emit *e, const void *text, gsize len)
{
    gsize used = e->operation.len;
    gsize n = MIN(len, sizeof e->operation_text - used);
    if (n == 0)
        return;
    memcpy(e->operation_text + used, text, n);
    e->operation.len += n;
}

static LampBytes
path_of(LampBytes target)
{
    gboolean is_path = target.len > 0 && target.at[0] == '/';
    gssize scheme = is_path ? -1 : lamp_text_find(target, "://");
    if (scheme > 0 && scheme < 12) {
        const guint8 *host = target.at + scheme + 3;
        gsize left = target.len - (gsize) scheme - 3;
        const guint8 *slash = left > 0 ? memchr(host, '/', left) : NULL;
        target = slash == NULL ? lamp_bytes("/", 1)
                               : lamp_bytes(slash, (gsize) (target.at + target.len - slash));
    }
    for (gsize i = 0; i < target.len; i++)
        if (target.at[i] == '?' || target.at[i] == '#' || target.at[i] == ';')
            return lamp_bytes(target.at, i);
    return target;
}

static void
add_folded(gpointer owner, guint number, LampBytes value)
{
    static const char *const slots[] = {"path.1", "path.2", "path.3", "path.4",
                                        "path.5", "path.6", "path.7", "path.8"};
    if (number >= 1 && number <= G_N_ELEMENTS(slots))
        add_value(owner, lamp_bytes_text(slots[number - 1]), value, 1);
}

static void
add_literal(gpointer owner, guint number, LampBytes value)
{
    static const char *const slots[] = {"sql.1", "sql.2", "sql.3", "sql.4",
                                        "sql.5", "sql.6", "sql.7", "sql.8"};
    if (number >= 1 && number <= G_N_ELEMENTS(slots))
        add_value(owner, lamp_bytes_text(slots[number - 1]), value, LEAST_LITERAL);
}

/* Further lines of the statement were joined to the message after it was read. */
LampBytes
lamp_log_whole_statement(const LampLogRecord *record)
{
    LampBytes statement = record->call.statement, message = record->event.message;
    if (statement.len > 0 && statement.at >= message.at &&
        statement.at <= message.at + message.len)
        statement.len = (gsize) (message.at + message.len - statement.at);
    return statement;
}

static gboolean
is_rpc(const LampLogCall *call)
{
    return call->rpc_service.len > 0 && call->rpc_method.len > 0;
}

static void
append_folded(Emit *e, LampBytes text)
{
    gsize used = e->operation.len;
    e->operation.len += lamp_operation_fold_path(text, (char *) e->operation_text + used,
                                                 sizeof e->operation_text - used, NULL, NULL);
}

/* As it is called on the wire. */
static void
name_rpc(Emit *e)
{
    append(e, "POST /", 6);
    append_folded(e, e->record->call.rpc_service);
    append(e, "/", 1);
    append_folded(e, e->record->call.rpc_method);
    e->protocol = lamp_bytes_text("grpc");
}

static void
fold_operation(Emit *e)
{
    const LampLogCall *call = &e->record->call;
    LampBytes path = path_of(call->target);
    char *out = (char *) e->operation_text;
    if (call->operation.len > 0) {
        append(e, call->operation.at, call->operation.len);
    } else if (is_rpc(call)) {
        name_rpc(e);
    } else if (call->statement.len > 0) {
        e->operation.len = lamp_operation_fold_sql(lamp_log_whole_statement(e->record), out,
                                                   sizeof e->operation_text, add_literal, e);
    } else {
        append(e, call->method.at, MIN(call->method.len, 64));
        if (path.len > 0 && call->method.len > 0)
            append(e, " ", 1);
        e->operation.len += lamp_operation_fold_path(
            path, out + e->operation.len, sizeof e->operation_text - e->operation.len,
            add_folded, e);
    }
}

/* Classes of bytes in a value. */
enum { DIGIT = 1, LETTER = 2, MARK = 4, STOP = 8 };
static const guint8 classes[256] = {
    ['0' ... '9'] = DIGIT, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER, ['.'] = MARK,
    [':'] = MARK,          ['/'] = MARK,           [' '] = STOP,           ['='] = STOP,
    ['"'] = STOP,          [','] = STOP,
};

/* One word with a digit that is no decimal, address or timer. */
static gboolean
may_identify(LampBytes value)
{
    guint seen = 0;
    for (gsize i = 0; i < value.len && (seen & STOP) == 0; i++)
        seen |= classes[value.at[i]];
    if ((seen & STOP) != 0 || (seen & DIGIT) == 0)
        return FALSE;
    return (seen & LETTER) != 0 ? value.len >= 4 : (seen & MARK) == 0 && value.len >= 5;
}

/* Fields that tell of software and names of hosts, never of one request. */
static gboolean
is_description(LampBytes slot)
{
    static const char *const slots[] = {
        "user_agent",    "before_time", "authority", "vhost", "target", "backend",  "execute",
        "upstream_host", "sqlstate",    "server",    "tls",   "node",   "node.name"};
    for (gsize i = 0; i < G_N_ELEMENTS(slots); i++)
        if (lamp_bytes_equal(slot, lamp_bytes_text(slots[i])))
            return TRUE;
    return FALSE;
}

static gboolean
may_tie_calls(LampBytes slot)
{
    LampMeaningKind kind = lamp_meaning_of(slot).kind;
    return (kind == LAMP_MEANS_NOTHING || kind == LAMP_MEANS_REQUEST_ID) &&
           !is_description(slot);
}

/* The same for the field at @place; lines of a log have the same fields again and again. */
static gboolean
may_tie_at(LampLog *log, gsize place, LampBytes slot)
{
    if (place >= LAMP_LOG_KEYS || slot.len > LAMP_LOG_KEY_BYTES || slot.len == 0)
        return may_tie_calls(slot);
    if (log->slots[place].length != slot.len ||
        !lamp_bytes_same(log->slots[place].key, slot.at, slot.len)) {
        log->slots[place].length = (guint8) slot.len;
        memcpy(log->slots[place].key, slot.at, slot.len);
        log->slots[place].may_tie = may_tie_calls(slot);
    }
    return log->slots[place].may_tie;
}

/* The number of a statement's parameter, from its field `param.2`; 0 for other fields. */
static guint
parameter_of(LampBytes slot)
{
    gboolean is_parameter = slot.len == 7 && memcmp(slot.at, "param.", 6) == 0 &&
                            g_ascii_isdigit((char) slot.at[6]);
    return is_parameter ? (guint) (slot.at[6] - '0') : 0;
}

static void
collect_values(LampLog *log, Emit *e)
{
    const LampEventRow *event = &e->record->event;
    for (gsize i = 0; i < event->field_count; i++)
        if (parameter_of(event->fields[i].slot) > 0)
            add_literal(e, parameter_of(event->fields[i].slot), event->fields[i].value);
        else if (may_tie_at(log, i, event->fields[i].slot) &&
                 may_identify(event->fields[i].value))
            add_value(e, event->fields[i].slot, event->fields[i].value, LEAST_VALUE);
}

/* Names of the machine itself tell nothing of it. */
static gboolean
is_nobody(LampBytes host)
{
    static const char *const names[] = {"localhost", "localhost.localdomain", "127.0.0.1",
                                        "::1", "-"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_bytes_equal(host, lamp_bytes_text(names[i])))
            return TRUE;
    return host.len == 0;
}

/* `program@host`, as far as the record names them. */
static LampBytes
writer_of(Emit *e)
{
    const LampEventRow *event = &e->record->event;
    LampBytes program = e->record->is_logger ? lamp_bytes(NULL, 0) : event->service;
    gsize n = program.len + 1 + event->host.len;
    if (is_nobody(event->host) || n > sizeof e->writer)
        return program;
    if (program.len > 0)
        memcpy(e->writer, program.at, program.len);
    e->writer[program.len] = '@';
    memcpy(e->writer + program.len + 1, event->host.at, event->host.len);
    return lamp_bytes(e->writer, n);
}

static LampObservationRow
observation(Emit *e)
{
    const LampLogRecord *record = e->record;
    return (LampObservationRow){.origin = LAMP_ORIGIN_LOG,
                                .event_number = e->event_number,
                                .request_sequence = -1,
                                .response_sequence = -1,
                                .process = writer_of(e),
                                .thread = record->event.thread,
                                .protocol = e->protocol,
                                .operation = e->operation,
                                .request_first = LAMP_TIME_NONE,
                                .request_last = LAMP_TIME_NONE,
                                .response_first = LAMP_TIME_NONE,
                                .response_last = LAMP_TIME_NONE,
                                .resolution_ns = e->resolution_ns,
                                .values = e->values,
                                .value_count = e->value_count};
}

/* The codes of gRPC that say the server failed, as words (OpenTelemetry's list). */
static gboolean
is_rpc_failure(LampBytes status)
{
    static const char *const codes[] = {"Unknown",  "DeadlineExceeded", "Unimplemented",
                                        "Internal", "Unavailable",      "DataLoss"};
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (lamp_bytes_equal(status, lamp_bytes_text(codes[i])))
            return TRUE;
    return FALSE;
}

static gboolean
is_error_status(LampBytes status, LampBytes protocol)
{
    guint64 code;
    if (lamp_bytes_equal(protocol, lamp_bytes_text("grpc")))
        return is_rpc_failure(status);
    if (!lamp_text_parse_u64(status, &code))
        return FALSE;
    return protocol.len > 0 ? code >= 500 && code < 600 : code != 0 && code < 100;
}

static void
emit_server(Emit *e)
{
    const LampLogCall *call = &e->record->call;
    if (call->is_only_upstream)
        return;
    LampObservationRow row = observation(e);
    row.role = LAMP_ROLE_SERVER;
    row.client = call->client;
    row.has_client = call->has_client;
    row.status = call->status;
    row.is_error = call->is_error || is_error_status(call->status, e->protocol);
    row.request_first = e->begin;
    row.response_last = e->end;
    if (call->request_ns >= 0)
        row.request_last = e->begin + call->request_ns;
    if (call->peer_first_ns >= 0)
        row.response_first = e->begin + call->peer_first_ns;
    row.request_bytes = call->bytes_received;
    row.response_bytes = call->bytes_sent;
    e->sink->observation(e->sink->owner, &row);
}

/* The call to a server that the line names, with its times (HAProxy). */
static void
emit_peer(Emit *e)
{
    const LampLogCall *call = &e->record->call;
    if (call->peer.len == 0 || call->peer_begin_ns < 0)
        return;
    LampObservationRow row = observation(e);
    row.role = LAMP_ROLE_CLIENT;
    row.peer = call->peer;
    row.server = (LampEndpoint){.name = call->peer};
    row.has_server = TRUE;
    row.status = call->status;
    row.is_error = is_error_status(call->status, e->protocol);
    row.request_first = e->begin + call->peer_begin_ns;
    if (call->peer_first_ns >= 0)
        row.response_first = e->begin + call->peer_first_ns;
    else
        row.flags = LAMP_CALL_NO_RESPONSE;
    row.response_last = MAX(e->end, row.request_first);
    row.response_bytes = call->bytes_sent;
    e->sink->observation(e->sink->owner, &row);
}

/* The next part of a list separated by commas or " : ". */
static LampBytes
take_part(LampBytes *list)
{
    if (list->len == 0)
        return *list;
    gsize i = 0;
    while (i < list->len && list->at[i] != ',' &&
           !(list->at[i] == ' ' && i + 2 < list->len && list->at[i + 1] == ':' &&
             list->at[i + 2] == ' '))
        i++;
    LampBytes part = lamp_text_trim(lamp_bytes(list->at, i));
    gsize skip = i < list->len && list->at[i] == ' ' ? 3 : 1;
    gsize used = MIN(list->len, i + skip);
    *list = lamp_bytes(list->at + used, list->len - used);
    return part;
}

static gint64
seconds_of(LampBytes text)
{
    gint64 ns, resolution;
    return lamp_duration_parse(text, LAMP_NS_PER_SECOND, &ns, &resolution) ? ns : -1;
}

static void
emit_upstreams(Emit *e)
{
    const LampLogCall *call = &e->record->call;
    LampBytes addresses = call->upstream_address, times = call->upstream_time;
    LampBytes heads = call->upstream_header, connects = call->upstream_connect;
    LampBytes statuses = call->upstream_status;
    LampObservationRow rows[UPSTREAMS];
    gint64 durations[UPSTREAMS];
    guint n = 0;
    while (addresses.len > 0 && n < UPSTREAMS) {
        LampObservationRow row = observation(e);
        LampBytes address = take_part(&addresses);
        gint64 duration = seconds_of(take_part(&times)), head = seconds_of(take_part(&heads));
        gint64 connect = seconds_of(take_part(&connects));
        row.status = take_part(&statuses);
        if (duration < 0 || !lamp_address_parse(address, &row.server))
            continue;
        row.role = LAMP_ROLE_CLIENT;
        row.has_server = TRUE;
        row.request_last = connect; /* offsets until the begin is known */
        row.response_first = head;
        durations[n] = duration;
        rows[n++] = row;
    }
    LampTime end = e->end;
    for (guint i = n; i-- > 0;) {
        LampTime begin = MAX(end - durations[i], e->begin); /* both are rounded */
        gboolean is_last = i == n - 1;
        rows[i].request_first = begin;
        rows[i].request_last = LAMP_TIME_NONE;
        rows[i].response_first = rows[i].response_first < 0
                                     ? LAMP_TIME_NONE
                                     : MIN(begin + rows[i].response_first, end);
        rows[i].response_last = end;
        if (is_last && rows[i].status.len == 0)
            rows[i].status = call->status;
        rows[i].is_error = is_error_status(rows[i].status, e->protocol);
        rows[i].response_bytes = is_last ? call->bytes_sent : 0;
        end = begin;
    }
    for (guint i = 0; i < n; i++)
        e->sink->observation(e->sink->owner, &rows[i]);
}

/* Does the line say what was done? Without that it is an event, not a call. */
static gboolean
names_work(const LampLogCall *call)
{
    return call->method.len > 0 || call->target.len > 0 || call->operation.len > 0 ||
           call->statement.len > 0 || call->is_failed || is_rpc(call);
}

/* A request to another that got no answer: its end was seen, as an error, and nothing else. */
static void
emit_unanswered(const LampLogRecord *record, guint64 event_number, LampSink *sink)
{
    const LampLogCall *call = &record->call;
    Emit e = {.record = record, .event_number = event_number, .sink = sink};
    e.protocol = call->protocol;
    e.resolution_ns = record->event.resolution_ns;
    e.operation = lamp_bytes(e.operation_text, 0);
    fold_operation(&e);
    LampObservationRow row = observation(&e);
    if (!lamp_address_parse(call->upstream_address, &row.server))
        return;
    row.role = LAMP_ROLE_CLIENT;
    row.has_server = TRUE;
    row.is_error = TRUE;
    row.flags = LAMP_CALL_NO_RESPONSE;
    row.request_first = record->event.time;
    sink->observation(sink->owner, &row);
}

void
lamp_log_emit_calls(LampLog *log, const LampLogRecord *record, guint64 event_number,
                    LampSink *sink)
{
    const LampLogCall *call = &record->call;
    const LampEventRow *event = &record->event;
    if (call->is_unanswered && event->time != LAMP_TIME_NONE)
        emit_unanswered(record, event_number, sink);
    if (event->time == LAMP_TIME_NONE ||
        !lamp_time_is_within_range(event->time, call->duration_ns) || !names_work(call) ||
        call->is_callers)
        return;
    Emit e;
    e.record = record;
    e.event_number = event_number;
    e.sink = sink;
    e.begin = call->time_is_begin ? event->time : event->time - call->duration_ns;
    e.end = e.begin + call->duration_ns;
    e.resolution_ns = MAX(event->resolution_ns, call->duration_resolution_ns);
    e.protocol = call->protocol;
    if (e.protocol.len == 0 && is_http_method(call->method))
        e.protocol = lamp_bytes_text("http");
    e.value_count = 0;
    e.operation = lamp_bytes(e.operation_text, 0);
    fold_operation(&e);
    gboolean is_statement = call->is_step || call->is_failed || call->statement.len > 0;
    if (is_statement &&
        !lamp_log_join_steps(log, record, lamp_log_whole_statement(record), &e.begin))
        return;
    if (call->is_step)
        return;
    collect_values(log, &e);
    emit_server(&e);
    emit_peer(&e);
    emit_upstreams(&e);
}
