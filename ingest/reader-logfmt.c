/*
 * logfmt: a line of key=value pairs. Specification: brandur.org/logfmt, Go's kr/logfmt.
 *
 * The line must begin with a pair, hold two of them at least, and more pairs than bare words.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"
#include "ingest/readers.h"

/* `date=2026-11-21 time=09:11:53`, as firewalls write it: the two are one time. */
static void
take_date_and_time(LampLog *log, LampLogRecord *record)
{
    LampBytes date = {NULL, 0}, time = {NULL, 0};
    for (gsize i = 0; i < record->event.field_count; i++) {
        const LampField *field = &record->fields[i];
        if (lamp_bytes_equal(field->slot, lamp_bytes("date", 4)))
            date = field->value;
        else if (lamp_bytes_equal(field->slot, lamp_bytes("time", 4)))
            time = field->value;
    }
    guint8 *text = date.len > 0 && time.len > 0 && date.len + time.len < 64
                       ? lamp_log_record_take(record, date.len + time.len + 1)
                       : NULL;
    if (text == NULL)
        return;
    memcpy(text, date.at, date.len);
    text[date.len] = ' ';
    memcpy(text + date.len + 1, time.at, time.len);
    (void) lamp_log_take_time(log, record, lamp_bytes(text, date.len + time.len + 1));
}

gboolean
lamp_log_parse_logfmt(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampKeyValueScan scan = {lamp_cursor(line), record};
    LampBytes key, value;
    guint pairs = 0, words = 0;
    LampKeyValue kind;
    if (line.len == 0 || !(g_ascii_isalpha((char) line.at[0]) || line.at[0] == '_') ||
        memchr(line.at, '=', MIN(line.len, 64)) == NULL)
        return FALSE;
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END) {
        if (kind == LAMP_KEYVALUE_PAIR) {
            lamp_log_set(log, record, key, value);
            pairs++;
        } else if (pairs == 0 || ++words > pairs) {
            return FALSE;
        }
    }
    if (record->event.time == LAMP_TIME_NONE)
        take_date_and_time(log, record);
    lamp_log_scale_controller(record);
    return pairs >= 2;
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_logfmt, .joins_lines = TRUE, .most = 84};

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

const LampReader lamp_reader_logfmt = {
    .name = "logfmt",
    .summary = "logfmt: lines of key=value pairs",
    .spec = "brandur.org/logfmt",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
