/*
 * Parts of a text that is cut, set aside while lines of the other stream stand between them.
 *
 * In: the record of a part whose next part is not the next line. Out: its text, in front of the
 * next part of the same stream (stdout and stderr of one container). Limits: one text for each
 * stream, LAMP_LIMIT_LINE bytes; what is longer is a record as it is.
 */
#include "base/text.h"
#include "ingest/log/forms.h"

static LampBytes
stream_of(const LampLogRecord *record)
{
    return record->event.field_count > 0 ? record->fields[0].value : lamp_bytes(NULL, 0);
}

/* The place of a stream, by the letter that differs. */
static LampLogAside *
place_of(LampLog *log, LampBytes stream)
{
    gboolean is_error = lamp_bytes_equal(stream, lamp_bytes("stderr", 6));
    return &log->asides[is_error ? 1 : 0];
}

gboolean
lamp_log_set_aside(LampLog *log, const LampLogRecord *record, LampBytes next_stream,
                   guint64 offset)
{
    LampBytes stream = stream_of(record), text = record->event.message;
    if (!record->is_partial || stream.len == 0 || text.len == 0 || text.len > LAMP_LIMIT_LINE ||
        lamp_bytes_equal(stream, next_stream))
        return FALSE;
    LampLogAside *aside = place_of(log, stream);
    aside->text_length = lamp_log_join(&aside->text, lamp_bytes(NULL, 0), text).len;
    aside->time = record->event.time;
    aside->resolution_ns = record->event.resolution_ns;
    aside->offset = offset;
    return TRUE;
}

LampBytes
lamp_log_take_aside(LampLog *log, LampLogRecord *record, LampBytes text)
{
    LampLogAside *aside = place_of(log, stream_of(record));
    const LampLogRecord *pending = &log->records[record == &log->records[0]];
    gboolean is_taken =
        pending->has_aside && lamp_bytes_equal(stream_of(pending), stream_of(record));
    if (aside->text_length == 0 || is_taken)
        return text;
    LampBytes before = lamp_bytes(aside->text.bytes, aside->text_length);
    LampBytes begin = lamp_log_join(&record->parts, before, lamp_bytes(NULL, 0));
    record->event.time = aside->time;
    record->event.resolution_ns = aside->resolution_ns;
    record->has_aside = TRUE;
    return lamp_log_join(&record->parts, begin, text);
}

void
lamp_log_forget_aside(LampLog *log, const LampLogRecord *record)
{
    if (record->has_aside)
        place_of(log, stream_of(record))->text_length = 0;
}

void
lamp_log_emit_asides(LampLog *log, LampSink *sink)
{
    static const char *const streams[] = {"stdout", "stderr"};
    for (guint i = 0; i < G_N_ELEMENTS(streams); i++) {
        LampLogAside *aside = &log->asides[i];
        LampLogRecord *record = &log->records[0];
        if (aside->text_length == 0)
            continue;
        lamp_log_record_clear(record, aside->text_length);
        record->event.time = aside->time;
        record->event.resolution_ns = aside->resolution_ns;
        lamp_log_record_add(record, "stream", lamp_bytes_text(streams[i]));
        record->event.message = lamp_bytes(aside->text.bytes, aside->text_length);
        lamp_log_emit(log, record, aside->offset, 0, sink);
        aside->text_length = 0;
    }
}
