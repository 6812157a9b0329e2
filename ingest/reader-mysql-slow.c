/*
 * MySQL's and MariaDB's slow query log.
 *
 *   # Time: 2026-11-21T09:11:55.650000Z          (only where the second has changed)
 *   # User@Host: shop[shop] @ web1 [10.0.0.5]  Id: 42
 *   # Query_time: 2.001  Lock_time: 0.000  Rows_sent: 1  Rows_examined: 9
 *   SET timestamp=1795252313;
 *   SELECT …;
 *
 * A record begins with `# Time` or, where that is left out, with `# User@Host`, and takes all
 * lines to the next. `SET timestamp` says when the statement began, `# Time` when it was
 * logged. Specification: MySQL reference manual, "The Slow Query Log".
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"
#include "ingest/readers.h"

static LampBytes
after(LampBytes line, gsize n)
{
    return lamp_text_trim(lamp_bytes(line.at + n, line.len - n));
}

/* `shop[shop] @ web1 [10.0.0.5]  Id: 42` */
static void
take_user(LampLogRecord *record, LampBytes text)
{
    gsize n = 0;
    while (n < text.len && text.at[n] != '[' && text.at[n] != ' ')
        n++;
    lamp_log_record_add(record, "user", lamp_bytes(text.at, n));
    gssize at = lamp_text_find(text, " @ ");
    if (at < 0)
        return;
    LampBytes host = lamp_bytes(text.at + at + 3, text.len - (gsize) at - 3);
    const guint8 *open = memchr(host.at, '[', host.len);
    const guint8 *close = memchr(host.at, ']', host.len);
    LampBytes name = host, address = {NULL, 0};
    if (open != NULL && close != NULL && close > open) {
        name = lamp_text_trim(lamp_bytes(host.at, (gsize) (open - host.at)));
        address = lamp_bytes(open + 1, (gsize) (close - open - 1));
    }
    LampBytes client = address.len > 0 ? address : name;
    record->call.has_client = lamp_address_parse(client, &record->call.client);
    lamp_log_record_add(record, "client", client);
    gssize id = lamp_text_find(host, "Id:");
    if (id >= 0)
        record->event.process = after(host, (gsize) id + 3);
}

/* `# Query_time: 2  Lock_time: 0 …` */
static void
take_measures(LampLogRecord *record, LampBytes text)
{
    LampCursor at = lamp_cursor(text);
    while (at.at < at.end) {
        while (at.at < at.end && *at.at == ' ')
            at.at++;
        const guint8 *start = at.at;
        while (at.at < at.end && *at.at != ':' && *at.at != ' ')
            at.at++;
        LampBytes key = lamp_bytes(start, (gsize) (at.at - start));
        while (at.at < at.end && (*at.at == ':' || *at.at == ' '))
            at.at++;
        start = at.at;
        while (at.at < at.end && *at.at != ' ')
            at.at++;
        LampBytes value = lamp_bytes(start, (gsize) (at.at - start));
        lamp_log_record_add_field(record, key, value);
        LampLogCall *call = &record->call;
        if (lamp_bytes_equal(key, lamp_bytes_text("Query_time")) &&
            !lamp_duration_parse(value, LAMP_NS_PER_SECOND, &call->duration_ns,
                                 &call->duration_resolution_ns))
            call->duration_ns = -1;
    }
}

static gboolean
starts_measures(LampBytes line)
{
    return lamp_bytes_starts(line, "# Query_time: ") ||
           lamp_bytes_starts(line, "# Thread_id: ");
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    if (lamp_bytes_starts(line, "# Time: ")) {
        gssize user = lamp_text_find(line, "# User@Host: ");
        if (lamp_log_take_time(log, record, after(line, 8)) == 0)
            return FALSE;
        if (user > 0)
            take_user(record, after(line, (gsize) user + 13));
    } else if (starts_measures(line)) {
        take_measures(record, after(line, 1));
    } else if (lamp_bytes_starts(line, "# User@Host: ")) {
        take_user(record, after(line, 13));
    } else {
        return FALSE;
    }
    record->event.service = lamp_bytes_text("mysql");
    record->is_logger = TRUE; /* of whom only the form tells */
    record->call.protocol = lamp_bytes_text("mysql");
    return TRUE;
}

/* The begin in whole seconds. `# Time:` has microseconds since 5.7, and is the end. */
static void
take_begin(LampLog *log, LampLogRecord *record, LampBytes value)
{
    LampTimestamp stamp;
    gboolean is_finer = record->event.time != LAMP_TIME_NONE &&
                        record->event.resolution_ns < LAMP_NS_PER_SECOND;
    while (value.len > 0 && value.at[value.len - 1] == ';')
        value.len--;
    if (is_finer || !lamp_timestamp_parse(&log->scanner, value, &stamp))
        return;
    lamp_log_record_set_time(record, &log->scanner, &stamp);
    record->event.resolution_ns = stamp.resolution_ns;
    record->call.time_is_begin = TRUE;
}

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    gboolean complete = call->statement.len > 0;
    if (!lamp_bytes_equal(record->event.service, lamp_bytes("mysql", 5)) ||
        lamp_bytes_starts(line, "# Time: "))
        return FALSE;
    if (lamp_bytes_starts(line, "# User@Host: ")) {
        if (complete || call->has_client)
            return FALSE;
        take_user(record, after(line, 13));
    } else if (complete && starts_measures(line)) {
        return FALSE;
    } else if (line.len > 2 && line.at[0] == '#' && !complete) {
        take_measures(record, after(line, 1));
    } else if (lamp_bytes_starts(line, "SET timestamp=") && !complete) {
        take_begin(log, record, after(line, 14));
    } else if (complete) {
        record->event.message.len = (gsize) (line.at + line.len - record->event.message.at);
    } else if (!lamp_bytes_starts(line, "use ")) {
        call->statement = line;
        record->event.message = line;
    }
    return TRUE;
}

static const LampLogFormat format = {
    .parse = parse,
    .join = join,
    .is_banner = lamp_log_is_mysql_banner,
    .joins_lines = TRUE,
    .most = 90,
};

/* The files begin with a banner of the server, so the share of lines says little. */
static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    gssize query = lamp_text_find(head, "# Query_time: ");
    return query == 0 || (query > 0 && head.at[query - 1] == '\n') ? 90 : 0;
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_mysql_slow = {
    .name = "mysql-slow",
    .summary = "MySQL's and MariaDB's slow query log",
    .spec = "MySQL reference manual, The Slow Query Log",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
