/*
 * TLS key logs: the secrets that make captured TLS readable.
 *
 * In: lines as SSLKEYLOGFILE gets them (draft-ietf-tls-keylogfile). Out: each line with a
 * secret, to the sink, which keeps it in memory for the run. Nothing of it is stored. Comments
 * and empty lines are understood; other lines are counted as not understood.
 */
#include "base/text.h"
#include "ingest/key-log.h"
#include "ingest/lines.h"
#include "ingest/readers.h"

typedef struct {
    guint64 line;
} KeyLogState;

static gboolean
is_blank(LampBytes line)
{
    LampBytes text = lamp_text_trim(line);
    return text.len == 0 || text.at[0] == '#';
}

static guint
probe(LampBytes head, const char *path G_GNUC_UNUSED)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line;
    while (lamp_cursor_left(&c) > 0) {
        if (!lamp_cursor_line(&c, &line)) {
            line = lamp_cursor_rest(&c);
            c.at = c.end;
        }
        if (!is_blank(line))
            return lamp_key_log_is_secret(line) ? 100 : 0;
    }
    return 0;
}

static void
begin(gpointer state, const LampSourceContext *context G_GNUC_UNUSED)
{
    *(KeyLogState *) state = (KeyLogState){0};
}

static void
take_line(gpointer state, LampBytes line, guint64 offset, gsize length, LampSink *sink)
{
    KeyLogState *s = state;
    s->line++;
    gboolean is_secret = lamp_key_log_is_secret(line);
    sink->coverage(sink->owner, offset, length, is_secret || is_blank(line));
    if (is_secret) {
        sink->secrets(sink->owner, line);
    } else if (!is_blank(line)) {
        LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                               .code = "keylog.line",
                               .offset = offset,
                               .record_number = s->line,
                               .text = "not a secret of a TLS connection"};
        sink->finding(sink->owner, &finding);
    }
}

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    return lamp_lines_step(state, take_line, in, offset, last, sink);
}

static void
end(gpointer state G_GNUC_UNUSED, LampSink *sink G_GNUC_UNUSED)
{
}

const LampReader lamp_reader_keylog = {
    .name = "keylog",
    .summary = "TLS key log (SSLKEYLOGFILE): opens captured TLS; never stored",
    .spec = "draft-ietf-tls-keylogfile",
    .kind = LAMP_KIND_TABLE,
    .state_size = sizeof(KeyLogState),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
