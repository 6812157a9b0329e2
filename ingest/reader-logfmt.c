/*
 * logfmt: a line of key=value pairs. Specification: brandur.org/logfmt, Go's kr/logfmt.
 *
 * The line must begin with a pair, hold two of them at least, and more pairs than bare words.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"
#include "ingest/readers.h"

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
