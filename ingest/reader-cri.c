/*
 * Container logs as the Kubernetes container runtime interface writes them.
 *
 *   2026-11-21T09:11:53.669794202Z stdout F text
 *
 * The tag says whether the text is whole (F) or goes on in the next line (P); parts of one text
 * are put together, also where lines of the other stream stand between them. The text is read
 * on as any other message.
 * Specification: Kubernetes, kubelet CRI logging.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

typedef struct {
    LampBytes time, stream, text;
    gboolean partial;
} Parts;

static gboolean
split_line(LampBytes line, Parts *out)
{
    const guint8 *blank =
        line.len > 30 ? memchr(line.at, ' ', 40 < line.len ? 40 : line.len) : NULL;
    if (blank == NULL || !g_ascii_isdigit((char) line.at[0]))
        return FALSE;
    out->time = lamp_bytes(line.at, (gsize) (blank - line.at));
    LampBytes rest = lamp_bytes(blank + 1, line.len - out->time.len - 1);
    if (!lamp_bytes_starts(rest, "stdout ") && !lamp_bytes_starts(rest, "stderr "))
        return FALSE;
    out->stream = lamp_bytes(rest.at, 6);
    rest = lamp_bytes(rest.at + 7, rest.len - 7);
    if (rest.len < 1 || (rest.at[0] != 'F' && rest.at[0] != 'P') ||
        (rest.len > 1 && rest.at[1] != ' ' && rest.at[1] != ':'))
        return FALSE;
    out->partial = rest.at[0] == 'P';
    const guint8 *text = memchr(rest.at, ' ', rest.len);
    out->text = text == NULL ? lamp_bytes(rest.at + rest.len, 0)
                             : lamp_bytes(text + 1, (gsize) (rest.at + rest.len - text - 1));
    return TRUE;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    Parts parts;
    if (!split_line(line, &parts) ||
        lamp_log_take_time(log, record, parts.time) != parts.time.len)
        return FALSE;
    lamp_log_record_add(record, "stream", parts.stream);
    parts.text = lamp_log_take_aside(log, record, parts.text);
    LampTime time = record->event.time;
    gint64 resolution = record->event.resolution_ns;
    if (parts.partial) {
        record->event.message = parts.text;
        record->is_partial = TRUE;
        return TRUE;
    }
    lamp_log_parse_body(log, parts.text, record);
    if (record->event.time == LAMP_TIME_NONE) {
        record->event.time = time;
        record->event.resolution_ns = resolution;
    }
    return TRUE;
}

/* Appends the text of a line that goes on with a part, or with a stack trace. */
static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    Parts parts;
    if (!split_line(line, &parts) || record->event.field_count == 0 ||
        !lamp_bytes_equal(parts.stream, record->fields[0].value))
        return FALSE;
    if (!record->is_partial)
        return !parts.partial && lamp_log_join_text(log, parts.text, record);
    record->event.message = lamp_log_join(&record->parts, record->event.message, parts.text);
    record->is_partial = parts.partial;
    if (parts.partial)
        return TRUE;
    LampBytes text = record->event.message;
    record->event.message = lamp_bytes(NULL, 0);
    lamp_log_parse_body(log, text, record);
    return TRUE;
}

static const LampLogFormat format = {
    .parse = parse, .join = join, .keeps_parts = TRUE, .most = 89};

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

const LampReader lamp_reader_cri = {
    .name = "cri",
    .summary = "Kubernetes container logs, parts of long lines put together",
    .spec = "Kubernetes, kubelet CRI logging",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
