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

gboolean
lamp_log_parse_text(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gsize limit = MIN(line.len, (gsize) SEARCHED_BYTES);
    guint tried = 0;
    for (gsize i = 0; i < limit && tried < STARTS; i++) {
        if (i > 0 && g_ascii_isalnum((char) line.at[i - 1]))
            continue;
        if (!g_ascii_isalnum((char) line.at[i]) && line.at[i] != '@')
            continue;
        tried++;
        gsize used = lamp_log_take_time(log, record, lamp_bytes(line.at + i, line.len - i));
        if (used == 0)
            continue;
        LampBytes before = lamp_text_trim(lamp_bytes(line.at, i));
        while (before.len > 0 && strchr("[(<\" ", before.at[before.len - 1]) != NULL)
            before.len--;
        lamp_log_record_add(record, "before_time", before);
        const guint8 *rest = line.at + i + used;
        while (rest < line.at + line.len && strchr("]):,\" \t", *rest) != NULL)
            rest++;
        record->event.message = lamp_bytes(rest, (gsize) (line.at + line.len - rest));
        lamp_log_parse_pairs(log, record->event.message, record);
        return TRUE;
    }
    return FALSE;
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_text, .joins_lines = TRUE, .most = 20};

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
