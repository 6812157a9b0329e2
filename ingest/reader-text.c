/*
 * Any line with a time in its first part: the reader for what no other one knows.
 *
 * The time is looked for at each word's begin within the first bytes; what stands before it is
 * kept as a field, what follows is the message.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { SEARCHED_BYTES = 160, STARTS = 24 };

/* May a time begin here? @strict: only where a word of its own begins. */
static gboolean
may_start(LampBytes line, gsize i, gboolean strict)
{
    if (!g_ascii_isalnum((char) line.at[i]) && line.at[i] != '@')
        return FALSE;
    if (i == 0)
        return TRUE;
    return strict ? strchr(" \t[(<\"'|=", line.at[i - 1]) != NULL
                  : !g_ascii_isalnum((char) line.at[i - 1]);
}

/* Offset of a time, with its length; FALSE if there is none. */
static gboolean
find_time(LampLog *log, LampBytes line, gboolean strict, LampLogRecord *record, gsize *out_at,
          gsize *out_length)
{
    gsize limit = MIN(line.len, (gsize) SEARCHED_BYTES);
    guint tried = 0;
    for (gsize i = 0; i < limit && tried < STARTS; i++) {
        if (!may_start(line, i, strict))
            continue;
        tried++;
        *out_length = lamp_log_take_time(log, record, lamp_bytes(line.at + i, line.len - i));
        *out_at = i;
        if (*out_length > 0)
            return TRUE;
    }
    return FALSE;
}

/* `=ERROR REPORT==== 3-May-2026::10:20:30 ===`, Erlang: the message is in the next lines. */
static gboolean
take_report(LampLogRecord *record, LampBytes before, LampBytes *rest)
{
    gssize report = lamp_text_find(before, " REPORT====");
    if (report < 2 || before.at[0] != '=')
        return FALSE;
    record->event.severity =
        lamp_severity_of_word(lamp_bytes(before.at + 1, (gsize) report - 1));
    while (rest->len > 0 && (rest->at[0] == '=' || rest->at[0] == ' '))
        *rest = lamp_bytes(rest->at + 1, rest->len - 1);
    return record->event.severity.len > 0;
}

gboolean
lamp_log_parse_text(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gsize at, length;
    if (!find_time(log, line, TRUE, record, &at, &length) &&
        !find_time(log, line, FALSE, record, &at, &length))
        return FALSE;
    LampBytes before = lamp_text_trim(lamp_bytes(line.at, at));
    while (before.len > 0 && strchr("[(<\" ", before.at[before.len - 1]) != NULL)
        before.len--;
    const guint8 *rest = line.at + at + length;
    LampBytes behind = lamp_bytes(rest, (gsize) (line.at + line.len - rest));
    if (take_report(record, before, &behind))
        rest = behind.at;
    else
        lamp_log_record_add(record, "before_time", before);
    gboolean is_quoted = at > 0 && line.at[at - 1] == '"';
    while (rest < line.at + line.len &&
           strchr(is_quoted ? "]):,\" \t" : "]):, \t", *rest) != NULL)
        rest++;
    LampBytes body = lamp_bytes(rest, (gsize) (line.at + line.len - rest));
    gssize message = lamp_log_parse_head(log, body, FALSE, record);
    record->event.message = lamp_bytes(body.at + message, body.len - (gsize) message);
    lamp_log_parse_pairs(log, record->event.message, record);
    return TRUE;
}

/* `class method`, and no more. */
static gboolean
is_place(LampBytes message)
{
    const guint8 *blank = message.len > 2 ? memchr(message.at, ' ', message.len) : NULL;
    return blank != NULL &&
           memchr(blank + 1, ' ', (gsize) (message.at + message.len - blank - 1)) == NULL;
}

gboolean
lamp_log_join_severity(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    const guint8 *colon =
        line.len > 5 ? memchr(line.at, ':', 14 < line.len ? 14 : line.len) : NULL;
    if (colon == NULL || event->severity.len > 0 || colon + 1 >= line.at + line.len ||
        colon[1] != ' ')
        return FALSE;
    LampBytes severity = lamp_severity_of_word(lamp_bytes(line.at, (gsize) (colon - line.at)));
    if (severity.len == 0 || !is_place(event->message))
        return FALSE;
    const guint8 *blank = memchr(event->message.at, ' ', event->message.len);
    event->severity = severity;
    record->is_logger = TRUE;
    event->service = lamp_bytes(event->message.at, (gsize) (blank - event->message.at));
    event->message = lamp_bytes(colon + 2, (gsize) (line.at + line.len - colon - 2));
    lamp_log_parse_pairs(log, event->message, record);
    return TRUE;
}

/* Any line with a time would do; those of other forms, in a file of many, say more. */
static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    return lamp_log_parse_strict(log, line, record) || lamp_log_parse_text(log, line, record);
}

static const LampLogFormat format = {
    .join = lamp_log_join_severity, .parse = parse, .joins_lines = TRUE, .most = 20};

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

const LampReader lamp_reader_text = {
    .name = "text",
    .summary = "any line with a time",
    .spec = "none",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
