/*
 * Separated values with quotes (RFC 4180). In: one line; out: its fields, borrowed where no
 * doubled quote had to be undone.
 */
#include "ingest/log/csv.h"

/* A quoted field; the cursor stands behind the opening quote. */
static gboolean
take_quoted(LampCursor *at, LampLogRecord *record, LampBytes *out_field)
{
    const guint8 *begin = at->at, *p = begin;
    gsize doubled = 0;
    for (; p < at->end; p++) {
        if (*p != '"')
            continue;
        if (p + 1 == at->end || p[1] != '"')
            break;
        doubled++;
        p++;
    }
    if (p >= at->end)
        return FALSE;
    LampBytes raw = lamp_bytes(begin, (gsize) (p - begin));
    at->at = p + 1;
    guint8 *copy = doubled > 0 ? lamp_log_record_take(record, raw.len) : NULL;
    *out_field = raw;
    if (copy == NULL)
        return TRUE;
    gsize used = 0;
    for (gsize i = 0; i < raw.len; i++) {
        copy[used++] = raw.at[i];
        i += raw.at[i] == '"' ? 1 : 0;
    }
    *out_field = lamp_bytes(copy, used);
    return TRUE;
}

gsize
lamp_csv_split(LampBytes line, char separator, LampLogRecord *record, LampBytes *out_fields,
               gsize max)
{
    LampCursor at = lamp_cursor(line);
    gsize count = 0;
    for (;;) {
        LampBytes field = lamp_bytes(at.at, 0);
        if (at.at < at.end && *at.at == '"') {
            at.at++;
            if (!take_quoted(&at, record, &field))
                return 0;
        }
        const guint8 *begin = at.at;
        const guint8 *end =
            at.at < at.end ? memchr(at.at, separator, lamp_cursor_left(&at)) : NULL;
        at.at = end != NULL ? end : at.end;
        if (field.len == 0)
            field = lamp_bytes(begin, (gsize) (at.at - begin));
        if (count < max)
            out_fields[count++] = field;
        if (end == NULL)
            return count;
        at.at++;
    }
}
