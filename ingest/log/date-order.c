/*
 * Is it day and month, or month and day, in dates such as 03/04/2026? And does the year stand
 * last in 03/04/26?
 *
 * In: the first bytes of a log. A number above 12 tells where days stand; then all dates of the
 * log are read so. Where none tells, the American order is taken and a finding says so. Of
 * years of two digits, which stand first unless something says otherwise, the file's own time
 * tells: if the last number is the year that it was changed in, or the one before, and the
 * first is not.
 */
#include "ingest/log/forms.h"

enum { SEARCHED_BYTES = 256 << 10, SEARCHED_LINE = 48 };

typedef enum { NO_DATE, EITHER, DAY_FIRST, MONTH_FIRST } Order;

/* The number of one or two digits at @at; 0 if there is none. */
static guint
take_number(LampBytes text, gsize *at)
{
    guint number = 0, digits = 0;
    for (; *at < text.len && digits < 3 && g_ascii_isdigit((char) text.at[*at]); digits++)
        number = number * 10 + (guint) (text.at[(*at)++] - '0');
    return digits == 1 || digits == 2 ? number : 0;
}

/* What `9/9/9…` at @at tells, if it stands there. */
static Order
order_at(LampBytes line, gsize at)
{
    guint first = take_number(line, &at);
    if (first == 0 || first > 31 || at >= line.len || line.at[at] != '/')
        return NO_DATE;
    at++;
    guint second = take_number(line, &at);
    if (second == 0 || second > 31 || (first > 12 && second > 12) || at + 2 >= line.len ||
        line.at[at] != '/' || !g_ascii_isdigit((char) line.at[at + 1]))
        return NO_DATE;
    return first > 12 ? DAY_FIRST : second > 12 ? MONTH_FIRST : EITHER;
}

/* What the first date of @line tells, and where it is. */
static Order
order_in(LampBytes line, gsize *out_at)
{
    Order order = NO_DATE;
    line.len = MIN(line.len, (gsize) SEARCHED_LINE);
    for (gsize i = 0; i + 6 < line.len && order == NO_DATE; i++)
        if (g_ascii_isdigit((char) line.at[i]) &&
            (i == 0 || (!g_ascii_isalnum((char) line.at[i - 1]) && line.at[i - 1] != '/'))) {
            order = order_at(line, i);
            *out_at = i;
        }
    return order;
}

/* Is a number of two digits the year of @modified, or the one before? */
static gboolean
is_year_of(guint number, LampTime modified)
{
    LampCivil civil;
    lamp_time_to_civil(modified, &civil);
    gint since = civil.year % 100 - (gint) number;
    return since == 0 || since == 1;
}

/* Does the year stand last in the date of @line at @at? */
static gboolean
is_year_last(LampBytes line, gsize at, LampTime modified)
{
    guint first = take_number(line, &at);
    at++;
    take_number(line, &at);
    at++;
    guint third = take_number(line, &at);
    return modified != LAMP_TIME_NONE && third != 0 && is_year_of(third, modified) &&
           !is_year_of(first, modified);
}

void
lamp_log_find_date_order(LampLog *log, LampBytes head, LampSink *sink)
{
    LampCursor at = lamp_cursor(lamp_bytes(head.at, MIN(head.len, (gsize) SEARCHED_BYTES)));
    LampBytes line;
    Order order = NO_DATE;
    gsize place = 0;
    while (at.at < at.end) {
        if (!lamp_cursor_line(&at, &line)) {
            line = lamp_cursor_rest(&at);
            at.at = at.end;
        }
        Order told = order_in(line, &place);
        if (told == NO_DATE && order == NO_DATE)
            return; /* the first line has none: not of this kind */
        if (order == NO_DATE)
            log->scanner.is_year_last = is_year_last(line, place, log->context.modified);
        order = told == NO_DATE ? order : told;
        if (order == DAY_FIRST || order == MONTH_FIRST)
            break;
    }
    log->scanner.is_day_first = order == DAY_FIRST;
    log->scanner_at_record = log->inner_scanner = log->scanner;
    if (order != EITHER)
        return;
    LampFinding finding = {.kind = LAMP_FINDING_LOSS,
                           .code = "time.order",
                           .record_number = 1,
                           .text = "dates do not tell whether day or month stands first; they "
                                   "are read as month/day"};
    sink->finding(sink->owner, &finding);
}
