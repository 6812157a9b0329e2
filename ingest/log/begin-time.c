/*
 * The year of a log whose times have none (RFC 3164). The file's own time tells it where the
 * file was not copied since. Lines often hold a second time, with a year, of the same moment:
 * an access log that was sent through syslog, a line of another program in the same file,
 * before it or behind it. One that agrees with the line in month and day, but not in the year
 * that the file's time gives, tells better.
 *
 * The boot of a system whose kernel's log counts seconds since then is told by
 *
 *   [    1.234567] rtc_cmos 00:04: setting system clock to 2026-11-21T09:11:40 UTC (1795252300)
 *   [    5.678901] audit: type=1400 audit(1795252305.123:2): …
 *
 * of which audit's is the finer one. A log may hold several boots: the first one is told.
 */
#include "ingest/log/begin-time.h"

#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/timestamp.h"

enum { LINES_AT_MOST = 2000, DATED_AT_MOST = 200, DAY = 86400 };

/* Texts that are nothing but a number may be anything. */
static gboolean
is_date(LampBytes text, const LampTimestamp *stamp)
{
    for (gsize i = 0; i < stamp->used; i++)
        if (text.at[i] == '-' || text.at[i] == '/' || text.at[i] == ':')
            return stamp->has_year && stamp->has_date;
    return FALSE;
}

/* Are the two of the same days, of whatever years? Also over the end of a year. */
static gboolean
is_same_day(LampTime a, LampTime b)
{
    LampCivil civil, of_year;
    LampTime moved;
    lamp_time_to_civil(a, &civil);
    lamp_time_to_civil(b, &of_year);
    for (gint shift = -1; shift <= 1; shift++) {
        civil.year = of_year.year + shift;
        if (lamp_time_from_civil(&civil, 0, &moved) &&
            ABS(moved - b) <= DAY * LAMP_NS_PER_SECOND)
            return TRUE;
    }
    return FALSE;
}

/* The first date with a year in @line that is of the same day as @time (LAMP_TIME_NONE: of
 * any); 0 where there is none. */
static LampTime
find_date(LampTimestampScanner *scanner, LampBytes line, LampTime time)
{
    for (gsize i = 0; i + 8 < line.len; i++) {
        LampTimestamp stamp;
        LampBytes rest = lamp_bytes(line.at + i, line.len - i);
        if (i > 0 && strchr(" [(\"\t=", line.at[i - 1]) == NULL)
            continue;
        if (lamp_timestamp_scan(scanner, rest, &stamp) && is_date(rest, &stamp) &&
            (time == LAMP_TIME_NONE || is_same_day(time, stamp.time)))
            return stamp.time;
    }
    return 0;
}

static LampBytes
without_priority(LampBytes line)
{
    const guint8 *close =
        line.len > 0 && line.at[0] == '<' ? memchr(line.at, '>', MIN(line.len, 5)) : NULL;
    return close == NULL ? line
                         : lamp_bytes(close + 1, line.len - (gsize) (close + 1 - line.at));
}

LampTime
lamp_log_begin_time(LampBytes head, const LampSourceContext *context)
{
    LampTimestampScanner scanner;
    LampCursor at = lamp_cursor(head);
    LampTime first = LAMP_TIME_NONE, dated = 0;
    LampBytes line;
    lamp_timestamp_scanner_init(&scanner, context);
    for (guint i = 0; i < LINES_AT_MOST && lamp_cursor_line(&at, &line); i++) {
        LampTimestamp stamp;
        line = without_priority(line);
        gboolean has_date = lamp_timestamp_scan(&scanner, line, &stamp) && stamp.has_date;
        if (has_date && !stamp.has_year)
            first = stamp.time;
        else if (first == LAMP_TIME_NONE)
            dated = has_date ? stamp.time : find_date(&scanner, line, LAMP_TIME_NONE);
        if (first == LAMP_TIME_NONE && i >= DATED_AT_MOST)
            return 0;
        if (first == LAMP_TIME_NONE)
            continue;
        LampTime date =
            dated != 0 && is_same_day(first, dated) ? dated : find_date(&scanner, line, first);
        if (date != 0)
            return ABS(date - first) <= 2 * DAY * LAMP_NS_PER_SECOND ? 0 : date;
    }
    return 0;
}

/* The number behind @mark in @line, in ns; -1 where there is none. */
static gint64
seconds_behind(LampBytes line, const char *mark, char end)
{
    gssize found = lamp_text_find(line, mark);
    gint64 ns;
    if (found < 0)
        return -1;
    const guint8 *begin = line.at + found + strlen(mark);
    const guint8 *stop = memchr(begin, end, (gsize) (line.at + line.len - begin));
    if (stop == NULL || stop - begin < 10 ||
        !lamp_text_parse_scaled(lamp_bytes(begin, (gsize) (stop - begin)), 9, &ns))
        return -1;
    return ns;
}

/* The real-time clock's line has the epoch in brackets at its end. */
static gint64
clock_line(LampBytes line)
{
    return lamp_text_find(line, "etting system clock to ") < 0
               ? -1
               : seconds_behind(line, " UTC (", ')');
}

gint64
lamp_log_kernel_clock(LampBytes line, gboolean *out_is_audit)
{
    gint64 time = seconds_behind(line, " audit(", ':');
    *out_is_audit = time >= 0;
    return time >= 0 ? time : clock_line(line);
}

LampTime
lamp_log_boot_time(LampBytes text)
{
    enum { FIRST_LINES = 16 };
    gint64 last = 0;
    LampCursor at = lamp_cursor(text);
    LampTime boot = 0;
    LampBytes line;
    gboolean is_kernel = FALSE;
    for (guint n = 0; lamp_cursor_line(&at, &line) && (is_kernel || n < FIRST_LINES); n++) {
        gssize open = line.len > 14 ? lamp_text_find(lamp_bytes(line.at, 14), "[") : -1;
        LampBytes stamp = open < 0 ? lamp_bytes(NULL, 0)
                                   : lamp_bytes(line.at + open, line.len - (gsize) open);
        gsize end = lamp_log_uptime_end(stamp);
        gint64 uptime, time;
        gboolean is_audit;
        is_kernel = is_kernel || end > 0;
        if (end < 2 || !lamp_text_parse_scaled(
                           lamp_text_trim(lamp_bytes(stamp.at + 1, end - 1)), 9, &uptime))
            continue;
        if (uptime < last - LAMP_LOG_UPTIME_SLACK_NS)
            break; /* the next boot */
        last = uptime;
        time = lamp_log_kernel_clock(line, &is_audit);
        if (time > uptime && is_audit)
            return time - uptime;
        if (time > uptime && boot == 0)
            boot = time - uptime;
    }
    return boot;
}
