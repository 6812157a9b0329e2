/*
 * A log record: collects named values and decides by their meaning where they belong.
 */
#include "ingest/log/record.h"
#include "base/text.h"

void
lamp_log_record_clear(LampLogRecord *record, gsize line_length)
{
    gsize need = line_length * 4 + 256;
    if (record->scratch_size < need) {
        g_free(record->scratch);
        record->scratch = g_malloc(need);
        record->scratch_size = need;
    }
    record->scratch_used = 0;
    record->depth = 0;
    record->body = record->logger_key = record->bare_duration = lamp_bytes(NULL, 0);
    record->is_request = record->is_partial = record->names_packet = FALSE;
    record->has_own_time = record->has_aside = record->is_logger = FALSE;
    record->is_headed = record->is_padded = FALSE;
    record->clock = LAMP_CLOCK_PLAIN;
    record->time_seconds = record->time_nanoseconds = -1;
    record->event =
        (LampEventRow){.time = LAMP_TIME_NONE, .resolution_ns = 1, .fields = record->fields};
    record->call = (LampLogCall){
        .duration_ns = -1, .request_ns = -1, .peer_begin_ns = -1, .peer_first_ns = -1};
}

void
lamp_log_record_release(LampLogRecord *record)
{
    g_clear_pointer(&record->scratch, g_free);
    g_clear_pointer(&record->parts.bytes, g_free);
    g_clear_pointer(&record->message.bytes, g_free);
    record->parts.size = record->message.size = 0;
    record->scratch_size = 0;
}

guint8 *
lamp_log_record_take(LampLogRecord *record, gsize n)
{
    if (record->scratch_size - record->scratch_used < n)
        return NULL;
    guint8 *at = record->scratch + record->scratch_used;
    record->scratch_used += n;
    return at;
}

LampBytes
lamp_log_join(LampLogJoined *joined, LampBytes text, LampBytes more)
{
    gboolean inside = joined->bytes != NULL && text.at == joined->bytes;
    gsize need = text.len + more.len;
    if (need == 0)
        return lamp_bytes(NULL, 0);
    if (joined->bytes == NULL || joined->size < need) {
        joined->size = need * 2;
        joined->bytes = g_realloc(joined->bytes, joined->size);
    }
    if (!inside && text.len > 0)
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
        memcpy(joined->bytes, text.at, text.len);
    if (more.len > 0)
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
        memcpy(joined->bytes + text.len, more.at, more.len);
    return lamp_bytes(joined->bytes, need);
}

void
lamp_log_record_add_field(LampLogRecord *record, LampBytes slot, LampBytes value)
{
    if (record->event.field_count == LAMP_LIMIT_FIELDS || value.len == 0 || slot.len == 0)
        return;
    slot.len = MIN(slot.len, (gsize) LAMP_LIMIT_FIELD_KEY);
    value.len = MIN(value.len, (gsize) LAMP_LIMIT_FIELD_VALUE);
    record->fields[record->event.field_count++] = (LampField){slot, value};
}

void
lamp_log_record_add(LampLogRecord *record, const char *slot, LampBytes value)
{
    lamp_log_record_add_field(record, lamp_bytes_text(slot), value);
}

void
lamp_log_record_set_time(LampLogRecord *record, const LampTimestampScanner *scanner,
                         const LampTimestamp *stamp)
{
    record->event.time = stamp->time;
    record->event.resolution_ns = stamp->resolution_ns;
    record->event.zone_is_assumed = !stamp->has_zone && !scanner->zone_is_given;
    record->clock = stamp->clock;
}

static void
set_time(LampLogRecord *record, LampTimestampScanner *scanner, LampBytes key, LampBytes value)
{
    LampTimestamp stamp;
    if (record->event.time != LAMP_TIME_NONE || !lamp_timestamp_parse(scanner, value, &stamp)) {
        lamp_log_record_add_field(record, key, value);
        return;
    }
    lamp_log_record_set_time(record, scanner, &stamp);
}

static void
set_time_part(gint64 *part, LampLogRecord *record, LampBytes value)
{
    guint64 number;
    if (!lamp_text_parse_u64(value, &number) || number > G_MAXINT64)
        return;
    *part = (gint64) number;
    if (record->time_seconds < 0 || record->time_nanoseconds < 0 ||
        record->event.time != LAMP_TIME_NONE)
        return;
    if (lamp_time_from_parts(record->time_seconds, record->time_nanoseconds,
                             &record->event.time))
        record->event.resolution_ns = 1;
}

static void
set_severity(LampLogRecord *record, LampBytes key, LampBytes value)
{
    LampBytes severity = lamp_severity_of_value(value);
    if (severity.len > 0 && record->event.severity.len == 0)
        record->event.severity = severity;
    else
        lamp_log_record_add_field(record, key, value);
}

static void
set_duration(LampLogRecord *record, gint64 unit_ns, LampBytes key, LampBytes value)
{
    LampLogCall *call = &record->call;
    lamp_log_record_add_field(record, key, value);
    if (call->duration_ns >= 0)
        return;
    if (!lamp_duration_parse(value, unit_ns, &call->duration_ns, &call->duration_resolution_ns))
        call->duration_ns = -1;
    else if (unit_ns == 0 && g_ascii_isdigit((char) value.at[value.len - 1]))
        record->bare_duration = value;
}

void
lamp_log_record_scale_duration(LampLogRecord *record, gint64 unit_ns)
{
    LampLogCall *call = &record->call;
    if (record->bare_duration.len > 0 &&
        !lamp_duration_parse(record->bare_duration, unit_ns, &call->duration_ns,
                             &call->duration_resolution_ns))
        call->duration_ns = -1;
}

static void
set_time_of_begin(LampLogRecord *record, LampTimestampScanner *scanner, LampBytes key,
                  LampBytes value)
{
    gboolean had = record->event.time != LAMP_TIME_NONE;
    set_time(record, scanner, key, value);
    if (!had && record->event.time != LAMP_TIME_NONE)
        record->call.time_is_begin = TRUE;
}

static void
set_severity_number(LampLogRecord *record, LampBytes key, LampBytes value)
{
    static const char *const words[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    guint64 number;
    if (record->event.severity.len == 0 && lamp_text_parse_u64(value, &number) && number >= 1 &&
        number <= 24)
        record->event.severity =
            lamp_severity_of_word(lamp_bytes_text(words[(number - 1) / 4]));
    else
        lamp_log_record_add_field(record, key, value);
}

/* The logger is the service only where no field names one. */
static void
set_logger(LampLogRecord *record, LampBytes key, LampBytes value)
{
    if (record->event.service.len == 0)
        record->logger_key = key;
    else
        lamp_log_record_add_field(record, key, value);
    if (record->event.service.len == 0) {
        record->event.service = value;
        record->is_logger = TRUE;
    }
}

static void
set_service(LampLogRecord *record, LampBytes key, LampBytes value)
{
    LampBytes logger_key = record->logger_key;
    if (logger_key.len == 0 && record->event.service.len > 0) {
        lamp_log_record_add_field(record, key, value);
        return;
    }
    if (logger_key.len > 0)
        lamp_log_record_add_field(record, logger_key, record->event.service);
    record->logger_key = lamp_bytes(NULL, 0);
    record->is_logger = FALSE;
    record->event.service = value;
}

/* Upstream times are kept in seconds; one in another unit is given its name. */
static void
set_upstream_time(LampLogRecord *record, gint64 unit_ns, LampBytes key, LampBytes value)
{
    guint64 ms;
    guint8 *text = unit_ns == LAMP_NS_PER_MS && lamp_text_parse_u64(value, &ms)
                       ? lamp_log_record_take(record, value.len + 2)
                       : NULL;
    lamp_log_record_add_field(record, key, value);
    if (text == NULL) {
        if (record->call.upstream_time.len == 0)
            record->call.upstream_time = value;
        return;
    }
    memcpy(text, value.at, value.len);
    memcpy(text + value.len, "ms", 2);
    record->call.upstream_time = lamp_bytes(text, value.len + 2);
}

/* `GET /path`: a method, a blank and more. */
static gboolean
is_request_line(LampBytes value)
{
    gsize n = 0;
    while (n < value.len && g_ascii_isupper((char) value.at[n]))
        n++;
    return n >= 3 && n + 1 < value.len && value.at[n] == ' ';
}

static void
set_client(LampLogRecord *record, LampBytes key, LampBytes value)
{
    LampLogCall *call = &record->call;
    guint16 port = call->client.port;
    lamp_log_record_add_field(record, key, value);
    if (call->has_client || !lamp_address_parse(value, &call->client))
        return;
    call->has_client = TRUE;
    if (call->client.port == 0)
        call->client.port = port;
}

static void
set_number(guint64 *place, LampLogRecord *record, LampBytes key, LampBytes value)
{
    guint64 number;
    lamp_log_record_add_field(record, key, value);
    if (lamp_text_parse_u64(value, &number))
        *place = number;
}

/* The first text wins; a later one of the same meaning stays a field. */
static void
set_text(LampBytes *place, LampLogRecord *record, LampBytes key, LampBytes value)
{
    if (place->len == 0)
        *place = value;
    else
        lamp_log_record_add_field(record, key, value);
}

/* Texts that are wanted as a field of the event as well. */
static void
set_both(LampBytes *place, LampLogRecord *record, LampBytes key, LampBytes value)
{
    if (place->len == 0)
        *place = value;
    lamp_log_record_add_field(record, key, value);
}

void
lamp_log_record_set_request_line(LampLogRecord *record, LampBytes line)
{
    const guint8 *first = line.len > 0 ? memchr(line.at, ' ', line.len) : NULL;
    const guint8 *last = line.len > 0 ? memrchr(line.at, ' ', line.len) : NULL;
    LampLogCall *call = &record->call;
    if (first == NULL) {
        call->target = line;
        return;
    }
    call->method = lamp_bytes(line.at, (gsize) (first - line.at));
    gsize rest = (gsize) (line.at + line.len - last - 1);
    gboolean versioned = last > first && rest >= 6 && memcmp(last + 1, "HTTP/", 5) == 0;
    const guint8 *end = versioned ? last : line.at + line.len;
    call->target = lamp_bytes(first + 1, (gsize) (end - first - 1));
    if (versioned)
        call->version = lamp_bytes(last + 1, rest);
}

static void
set_port(LampLogRecord *record, LampBytes key, LampBytes value)
{
    guint64 number;
    lamp_log_record_add_field(record, key, value);
    if (lamp_text_parse_u64(value, &number) && number < 65536)
        record->call.client.port = (guint16) number;
}

/* `["a"]` as `a`: headers are lists of one value. */
static LampBytes
single_of_list(LampBytes value)
{
    if (value.len <= 4 || !lamp_bytes_starts(value, "[\"") ||
        memcmp(value.at + value.len - 2, "\"]", 2) != 0)
        return value;
    LampBytes inner = lamp_bytes(value.at + 2, value.len - 4);
    return memchr(inner.at, '"', inner.len) == NULL ? inner : value;
}

static void
set_rpc_part(LampLogRecord *record, LampMeaning meaning, LampBytes key, LampBytes value)
{
    LampLogCall *call = &record->call;
    if (meaning.kind == LAMP_MEANS_RPC_SERVICE && call->rpc_service.len == 0)
        call->rpc_service = value;
    if (meaning.kind == LAMP_MEANS_RPC_METHOD && call->rpc_method.len == 0)
        call->rpc_method = value;
    if (meaning.kind == LAMP_MEANS_SIDE)
        call->is_callers = lamp_bytes_equal(value, lamp_bytes_text("client"));
    lamp_log_record_add_field(record, key, value);
}

static void
set_call_part(LampLogRecord *record, LampMeaning meaning, LampBytes key, LampBytes value)
{
    LampLogCall *call = &record->call;
    switch (meaning.kind) {
    case LAMP_MEANS_METHOD:
        set_both(&call->method, record, key, value);
        break;
    case LAMP_MEANS_TARGET:
        set_both(&call->target, record, key, value);
        break;
    case LAMP_MEANS_STATUS:
        set_both(&call->status, record, key, value);
        break;
    case LAMP_MEANS_REQUEST_ID:
        set_both(&call->request_id, record, key, single_of_list(value));
        break;
    case LAMP_MEANS_BYTES_SENT:
        set_number(&call->bytes_sent, record, key, value);
        break;
    case LAMP_MEANS_BYTES_RECEIVED:
        set_number(&call->bytes_received, record, key, value);
        break;
    case LAMP_MEANS_CLIENT_ADDRESS:
        set_client(record, key, value);
        break;
    case LAMP_MEANS_CLIENT_PORT:
        set_port(record, key, value);
        break;
    case LAMP_MEANS_UPSTREAM_ADDRESS:
        set_both(&call->upstream_address, record, key, value);
        break;
    case LAMP_MEANS_UPSTREAM_CONNECT:
        set_both(&call->upstream_connect, record, key, value);
        break;
    case LAMP_MEANS_UPSTREAM_HEADER:
        set_both(&call->upstream_header, record, key, value);
        break;
    case LAMP_MEANS_UPSTREAM_TIME:
        set_upstream_time(record, meaning.unit_ns, key, value);
        break;
    case LAMP_MEANS_UPSTREAM_STATUS:
        set_both(&call->upstream_status, record, key, value);
        break;
    case LAMP_MEANS_REQUEST_LINE:
        lamp_log_record_add_field(record, key, value);
        if (call->method.len == 0 && is_request_line(value))
            lamp_log_record_set_request_line(record, value);
        break;
    default:
        set_rpc_part(record, meaning, key, value);
    }
}

void
lamp_log_record_set_meaning(LampLogRecord *record, LampTimestampScanner *scanner,
                            LampMeaning meaning, LampBytes key, LampBytes value)
{
    if (value.len == 0 || (value.len == 1 && value.at[0] == '-'))
        return;
    switch (meaning.kind) {
    case LAMP_MEANS_TIME:
        set_time(record, scanner, key, value);
        break;
    case LAMP_MEANS_TIME_BEGIN:
        set_time_of_begin(record, scanner, key, value);
        break;
    case LAMP_MEANS_TIME_SECONDS:
        set_time_part(&record->time_seconds, record, value);
        break;
    case LAMP_MEANS_TIME_NANOSECONDS:
        set_time_part(&record->time_nanoseconds, record, value);
        break;
    case LAMP_MEANS_SEVERITY:
        set_severity(record, key, value);
        break;
    case LAMP_MEANS_SEVERITY_NUMBER:
        set_severity_number(record, key, value);
        break;
    case LAMP_MEANS_MESSAGE:
        set_text(&record->event.message, record, key, value);
        break;
    case LAMP_MEANS_SERVICE:
        set_service(record, key, value);
        break;
    case LAMP_MEANS_LOGGER:
        set_logger(record, key, value);
        break;
    case LAMP_MEANS_HOST:
        set_text(&record->event.host, record, key, value);
        break;
    case LAMP_MEANS_PROCESS:
        set_text(&record->event.process, record, key, value);
        break;
    case LAMP_MEANS_THREAD:
        set_text(&record->event.thread, record, key, value);
        break;
    case LAMP_MEANS_DURATION:
        set_duration(record, meaning.unit_ns, key, value);
        break;
    default:
        set_call_part(record, meaning, key, value);
    }
}

void
lamp_log_record_set(LampLogRecord *record, LampTimestampScanner *scanner, LampBytes key,
                    LampBytes value)
{
    lamp_log_record_set_meaning(record, scanner, lamp_meaning_of(key), key, value);
}
