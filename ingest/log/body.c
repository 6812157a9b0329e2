/*
 * Messages inside lines, and the order in which forms are tried for a line of unknown form.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"

enum { NESTING = 3 };

void
lamp_log_parse_pairs(LampLog *log, LampBytes message, LampLogRecord *record)
{
    LampKeyValueScan scan = {lamp_cursor(message), record};
    LampBytes key, value;
    LampKeyValue kind;
    if (message.len == 0 || memchr(message.at, '=', message.len) == NULL)
        return;
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END)
        if (kind == LAMP_KEYVALUE_PAIR)
            lamp_log_set_inner(log, record, key, value);
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
        lamp_log_parse_haproxy(log, body, record) || lamp_log_parse_access(log, body, record)) {
        LampEventRow *event = &record->event;
        event->host = event->host.len > 0 ? event->host : outer.host;
        event->service = event->service.len > 0 ? event->service : outer.service;
        event->process = event->process.len > 0 ? event->process : outer.process;
        return;
    }
    record->event = outer;
    record->call = call;
    gssize begin = lamp_log_parse_head(log, body, FALSE, record);
    record->event.message = lamp_bytes(body.at + begin, body.len - (gsize) begin);
    lamp_log_parse_pairs(log, record->event.message, record);
}

gboolean
lamp_log_parse_any(LampLog *log, LampBytes line, LampLogRecord *record)
{
    static gboolean (*const parsers[])(LampLog *, LampBytes, LampLogRecord *) = {
        lamp_log_parse_json,        lamp_log_parse_haproxy, lamp_log_parse_access,
        lamp_log_parse_postgresql,  lamp_log_parse_syslog,  lamp_log_parse_logfmt,
        lamp_log_parse_application, lamp_log_parse_text,
    };
    for (gsize i = 0; i < G_N_ELEMENTS(parsers); i++) {
        if (parsers[i](log, line, record))
            return TRUE;
        lamp_log_record_clear(record, line.len);
    }
    return FALSE;
}
