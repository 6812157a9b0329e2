/*
 * What is read of a line that holds more than text: terminals' colours (ECMA-48) and the zeros
 * that a file holds where it was cut while its program went on writing.
 *
 * In: a line's bytes. Out: text that lives as long as the record. Looks for colours in the
 * first bytes only, where level and logger stand: other lines cost one short search.
 */
#include "ingest/log/forms.h"

enum { SEARCHED = 96, ESCAPE = 0x1b };

/* The end of `ESC [ … letter`, or of ESC alone. */
static gsize
end_of_escape(LampBytes text, gsize at)
{
    if (at + 1 >= text.len || text.at[at + 1] != '[')
        return at + 1;
    for (at += 2; at < text.len && text.at[at] < 0x40; at++)
        continue;
    return MIN(at + 1, text.len);
}

LampBytes
lamp_log_without_colours(LampLogRecord *record, LampBytes line)
{
    gsize near = MIN(line.len, (gsize) SEARCHED), used = 0;
    if (near == 0 || memchr(line.at, ESCAPE, near) == NULL)
        return line;
    guint8 *plain = lamp_log_record_take(record, line.len);
    if (plain == NULL)
        return line;
    for (gsize i = 0; i < line.len;) {
        if (line.at[i] == ESCAPE)
            i = end_of_escape(line, i);
        else
            plain[used++] = line.at[i++];
    }
    return lamp_bytes(plain, used);
}

LampBytes
lamp_log_without_zeros(LampBytes line)
{
    while (line.len > 0 && line.at[0] == '\0')
        line = lamp_bytes(line.at + 1, line.len - 1);
    return line;
}

gboolean
lamp_log_is_copied(const LampLogRecord *record, LampBytes text)
{
    const guint8 *joined = record->message.bytes;
    return text.len > 0 &&
           (text.at == joined ||
            (text.at >= record->scratch && text.at < record->scratch + record->scratch_used));
}

void
lamp_log_append_line(LampLogRecord *record, LampBytes line)
{
    LampBytes *message = &record->event.message;
    *message = lamp_log_join(&record->message, *message, lamp_bytes("\n", 1));
    *message = lamp_log_join(&record->message, *message, line);
}
