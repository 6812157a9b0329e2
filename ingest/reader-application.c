/*
 * Lines of applications: time, severity, thread, process, logger, message in any order, as
 * log4j, logback, java.util.logging, Python, Go, Rails, redis, nginx (error log), glog and most
 * others write them. ingest/log/head.c knows the parts.
 *
 * A line belongs here if its head has a time and one more part; a time alone is the text
 * reader's.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

/* `web_1  | text`: what docker compose puts before every line. */
static gboolean
take_compose_name(LampBytes *line, LampLogRecord *record)
{
    gsize n = 0, bar;
    while (n < line->len && n < 64 &&
           (g_ascii_isalnum((char) line->at[n]) || strchr("_.-", line->at[n]) != NULL))
        n++;
    for (bar = n; bar < line->len && bar < n + 32 && line->at[bar] == ' '; bar++)
        continue;
    if (n == 0 || bar == n || bar + 2 > line->len || line->at[bar] != '|' ||
        line->at[bar + 1] != ' ' || !g_ascii_isalpha((char) line->at[0]))
        return FALSE;
    record->event.service = lamp_bytes(line->at, n);
    *line = lamp_bytes(line->at + bar + 2, line->len - bar - 2);
    return TRUE;
}

/* `I, [2026-11-21T09:11:53.123456 #7]  INFO -- program: text`, Ruby's own logger. */
static gboolean
take_ruby(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    if (line.len < 40 || !g_ascii_isupper((char) line.at[0]) ||
        memcmp(line.at + 1, ", [", 3) != 0)
        return FALSE;
    LampTimestamp stamp; /* kept when the whole line is known to be one */
    const guint8 *begin = line.at + 4, *end = line.at + line.len;
    const guint8 *close = memchr(begin, ']', (gsize) (end - begin));
    if (close == NULL)
        return FALSE;
    LampBytes inside = lamp_bytes(begin, (gsize) (close - begin));
    gssize number = lamp_text_find(inside, " #");
    LampBytes rest = lamp_bytes(close + 1, (gsize) (end - close - 1));
    gssize dashes = lamp_text_find(rest, " -- "), colon = lamp_text_find(rest, ": ");
    if (number < 0 || dashes < 0 || colon < dashes ||
        !lamp_timestamp_scan(&log->scanner, inside, &stamp) || stamp.used != (gsize) number)
        return FALSE;
    lamp_log_record_set_time(record, &log->scanner, &stamp);
    LampBytes severity = lamp_text_trim(lamp_bytes(rest.at, (gsize) dashes));
    event->process = lamp_bytes(begin + number + 2, inside.len - (gsize) number - 2);
    event->severity = lamp_severity_of_word(severity);
    event->service = lamp_text_trim(lamp_bytes(
        rest.at + dashes + 4, MAX((gsize) colon, (gsize) dashes + 4) - (gsize) dashes - 4));
    record->is_logger = TRUE;
    lamp_log_parse_body(log, lamp_bytes(rest.at + colon + 2, rest.len - (gsize) colon - 2),
                        record);
    return TRUE;
}

/* `… text (kafka.server.KafkaServer)`: the logger stands at the end. */
static void
take_last_logger(LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    LampBytes message = event->message;
    const guint8 *open = message.len > 2 && message.at[message.len - 1] == ')'
                             ? memrchr(message.at, '(', message.len)
                             : NULL;
    if (event->service.len > 0 || event->severity.len == 0 || open == NULL ||
        open - message.at < 2 || open[-1] != ' ')
        return;
    LampBytes name = lamp_bytes(open + 1, (gsize) (message.at + message.len - open - 2));
    gsize points = 0;
    for (gsize i = 0; i < name.len; i++) {
        points += name.at[i] == '.';
        if (!g_ascii_isalnum((char) name.at[i]) && strchr("._$", name.at[i]) == NULL)
            return;
    }
    if (points == 0 || !g_ascii_islower((char) name.at[0]))
        return;
    event->service = name;
    record->is_logger = TRUE;
}

/* `event text      [logger] key=value key=value`, structlog's console: the text alone is the
 * message. */
static void
take_event_text(LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    LampBytes message = event->message;
    const guint8 *equals = message.len > 0 ? memchr(message.at, '=', message.len) : NULL;
    if (equals != NULL) {
        const guint8 *blank = memrchr(message.at, ' ', (gsize) (equals - message.at));
        message.len = blank == NULL ? 0 : (gsize) (blank - message.at);
    }
    message = lamp_text_trim(message);
    const guint8 *open = message.len > 3 && message.at[message.len - 1] == ']'
                             ? memrchr(message.at, '[', message.len)
                             : NULL;
    if (open != NULL && open > message.at && open[-1] == ' ' && event->service.len == 0) {
        event->service = lamp_bytes(open + 1, (gsize) (message.at + message.len - open - 2));
        record->is_logger = TRUE;
        message = lamp_text_trim(lamp_bytes(message.at, (gsize) (open - message.at)));
    }
    if (message.len > 0)
        event->message = message;
}

gboolean
lamp_log_parse_application(LampLog *log, LampBytes line, LampLogRecord *record)
{
    if (take_compose_name(&line, record)) {
        lamp_log_parse_body(log, line, record);
        return record->event.time != LAMP_TIME_NONE;
    }
    if (take_ruby(log, line, record))
        return TRUE;
    gssize begins = lamp_log_parse_head(log, line, TRUE, record);
    LampEventRow *event = &record->event;
    if (begins < 0 || (event->severity.len == 0 && event->service.len == 0 &&
                       event->process.len == 0 && event->thread.len == 0))
        return FALSE;
    LampBytes message = lamp_bytes(line.at + begins, line.len - (gsize) begins);
    event->message = message;
    take_last_logger(record);
    lamp_log_parse_pairs(log, message, record);
    if (record->is_padded)
        take_event_text(record);
    if (event->severity.len > 0)
        lamp_log_take_nginx_error(record);
    return TRUE;
}

static const LampLogFormat format = {.join = lamp_log_join_severity,
                                     .parse = lamp_log_parse_application,
                                     .joins_lines = TRUE,
                                     .most = 70};

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

const LampReader lamp_reader_application = {
    .name = "application",
    .summary =
        "time, level, thread, logger, message in any order: log4j, logback, Python, Go, redis",
    .spec = "log4j 2 PatternLayout, Python logging, and their like",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
