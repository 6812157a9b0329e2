/*
 * What is told of lines and records that are kept: bytes that are no text, times that clocks
 * showed twice or never, times that cannot be read. In: bytes and records; out: findings.
 */
#include "ingest/log/line-checks.h"

#include "base/text.h"

enum { SAMPLE_BYTES = 80 };

static void
tell(const LampLogPlace *place, LampFindingKind kind, const char *code, const char *text)
{
    LampFinding finding = {kind, code, place->offset, place->number, text};
    place->sink->finding(place->sink->owner, &finding);
}

void
lamp_log_check_bytes(const LampLogPlace *place, LampBytes line)
{
    guint64 high = 0, zero = 0;
    const guint8 *p = line.at, *end = line.at + line.len;
    for (; end - p >= 8; p += 8) {
        guint64 word;
        memcpy(&word, p, 8);
        high |= word;
        zero |= (word - 0x0101010101010101u) & ~word;
    }
    for (; p < end; p++) {
        high |= *p;
        zero |= *p == 0 ? 0x80 : 0;
    }
    if (((high | zero) & 0x8080808080808080u) == 0)
        return;
    if ((zero & 0x8080808080808080u) != 0 && memchr(line.at, 0, line.len) != NULL)
        tell(place, LAMP_FINDING_INVALID, "log.nul", "the line holds NUL bytes");
    else if (!g_utf8_validate((const char *) line.at, (gssize) line.len, NULL))
        tell(place, LAMP_FINDING_INVALID, "log.utf8",
             "the line is not UTF-8; the wrong bytes are shown as U+FFFD");
}

void
lamp_log_check_clock(const LampLogPlace *place, LampClockKind clock)
{
    if (clock == LAMP_CLOCK_TWICE)
        tell(place, LAMP_FINDING_NOTE, "time.twice",
             "clocks were put back, and showed this time twice; the order of lines tells which "
             "it is");
    else if (clock == LAMP_CLOCK_NEVER)
        tell(place, LAMP_FINDING_INVALID, "time.never",
             "clocks were put forward, and never showed this time; it is taken as if they were "
             "not");
}

/* The field that should tell the time and cannot be read, or empty. */
static LampBytes
unread_time(const LampLogRecord *record)
{
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_meaning_of(record->fields[i].slot).kind == LAMP_MEANS_TIME)
            return record->fields[i].value;
    return lamp_bytes(NULL, 0);
}

void
lamp_log_check_time(LampLog *log, const LampLogPlace *place, const LampLogRecord *record,
                    LampBytes text)
{
    const char *why = log->format->without_time;
    if (record->event.time != LAMP_TIME_NONE || (why != NULL && log->has_told_time))
        return;
    LampBytes unread = unread_time(record);
    LampBytes shown = unread.len > 0 ? unread : text;
    while (shown.len > 0 &&
           (shown.at[shown.len - 1] == '\n' || shown.at[shown.len - 1] == '\r'))
        shown.len--;
    g_autofree char *sample =
        lamp_text_escape(lamp_bytes(shown.at, MIN(shown.len, (gsize) SAMPLE_BYTES)));
    g_autofree char *told = g_strdup_printf(
        "%s: %s%s",
        why != NULL      ? why
        : unread.len > 0 ? "the time is in no form that is known; the record is kept without"
                         : "the record has no time, and is kept without",
        sample, shown.len > SAMPLE_BYTES ? "…" : "");
    tell(place, unread.len > 0 ? LAMP_FINDING_INVALID : LAMP_FINDING_NOTE, "log.time", told);
    log->has_told_time = TRUE;
}
