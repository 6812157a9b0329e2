/*
 * Timestamp recognition by a table of forms.
 *
 * In: borrowed text that may begin with a time. Out: UTC nanoseconds, the resolution, the bytes
 * used. The forms are in timestamp-forms.c.
 *
 * Forms are tried in order after the one that matched last, so more specific ones stand first.
 * The date of the last time is kept as text: while it stays the same only the clock is read.
 * No C library time function is used: they depend on locale and TZ and are slow. Where day and
 * month may be exchanged (03/04/2026) the American order is tried first.
 */
#include "ingest/log/timestamp.h"
#include "base/same-bytes.h"
#include "base/text.h"
#include "ingest/log/timestamp-match.h"

void
lamp_timestamp_scanner_init(LampTimestampScanner *scanner, const LampSourceContext *context)
{
    *scanner = (LampTimestampScanner){.modified = LAMP_TIME_NONE, .quarter = G_MININT64};
    if (context == NULL)
        return;
    scanner->zone_seconds = context->zone_seconds;
    scanner->zone = context->zone;
    scanner->zone_is_given = context->zone_is_given;
    scanner->modified = context->modified;
    scanner->begun = context->begun;
    scanner->zones_seen = context->zones_seen;
}

static void
complete_clock(LampTimestampMatch *m)
{
    if (m->is_pm && m->civil.hour < 12)
        m->civil.hour += 12;
    else if (m->is_am && m->civil.hour == 12)
        m->civil.hour = 0;
    /* A year out of the range of times is refused later. */
    if (m->day_of_year > 0 && m->civil.year > 1677 && m->civil.year < 2262) {
        LampCivil day;
        gint64 days = lamp_days_from_civil(m->civil.year, 1, 1) + m->day_of_year - 1;
        lamp_time_to_civil(days * 86400 * LAMP_NS_PER_SECOND, &day);
        m->civil.month = day.month;
        m->civil.day = day.day;
    }
}

/* The first year in which the time is not before the source's begin, a month of slack for lines
 * that are out of order. */
static gboolean
follow_begin(const LampTimestampScanner *s, LampTimestampMatch *m, gint zone,
             LampTime *out_time)
{
    LampCivil begin;
    lamp_time_to_civil(s->begun, &begin);
    for (gint i = -1; i < 8; i++) {
        m->civil.year = begin.year + i;
        if (lamp_time_from_civil(&m->civil, zone, out_time) &&
            *out_time >= s->begun - 30 * 86400 * LAMP_NS_PER_SECOND)
            return TRUE;
    }
    return FALSE;
}

/* The latest year in which the time is not later than the file's, a day of slack for zones. */
static gboolean
precede_end(const LampTimestampScanner *s, LampTimestampMatch *m, gint year, gint zone,
            LampTime *out_time)
{
    for (gint back = 0; back < 9; back++) {
        m->civil.year = year - back;
        if (!lamp_time_from_civil(&m->civil, zone, out_time))
            continue; /* 29 February: an earlier year was meant */
        if (s->modified == LAMP_TIME_NONE ||
            *out_time <= s->modified + 86400 * LAMP_NS_PER_SECOND)
            return TRUE;
    }
    return FALSE;
}

static gboolean
complete_year(const LampTimestampScanner *s, LampTimestampMatch *m, gint zone,
              LampTime *out_time)
{
    /* Clocks are ahead of UTC by so much at most, where no zone is known. */
    const gint64 ahead = (zone != 0 || s->zone != NULL ? 1 : 15) * 3600 * LAMP_NS_PER_SECOND;
    LampCivil now = {.year =
                         1972}; /* nothing is known: a leap year, so that no date is refused */
    if (s->begun != 0)
        lamp_time_to_civil(s->begun, &now);
    else if (s->modified != LAMP_TIME_NONE)
        lamp_time_to_civil(s->modified, &now);
    if (!m->has_date) {
        m->civil.month = MAX(now.month, 1);
        m->civil.day = MAX(now.day, 1);
    }
    if (s->begun != 0)
        return follow_begin(s, m, zone, out_time);
    if (!precede_end(s, m, now.year, zone, out_time))
        return FALSE;
    if (!m->has_date && s->modified != LAMP_TIME_NONE && *out_time > s->modified + ahead)
        *out_time -= 86400 * LAMP_NS_PER_SECOND; /* the file was ended after midnight */
    return TRUE;
}

/* The offset of a clock that shows @local_seconds in the scanner's zone. What clocks showed
 * twice is of the second time if that of the first would lie before the last line's; lines may
 * be out of order by a minute. */
static gint32
offset_of_clock(LampTimestampScanner *s, gint64 local_seconds)
{
    enum { QUARTER = 900, OUT_OF_ORDER = 60 };
    gint64 quarter = local_seconds / QUARTER;
    if (quarter != s->quarter) {
        s->clock = lamp_zone_offsets(s->zone, local_seconds, s->offsets);
        s->quarter = quarter;
    }
    gboolean is_second = s->clock == LAMP_CLOCK_TWICE && s->last_seconds != 0 &&
                         local_seconds - s->offsets[0] < s->last_seconds - OUT_OF_ORDER;
    s->last_seconds = local_seconds - s->offsets[is_second ? 1 : 0];
    return s->offsets[is_second ? 1 : 0];
}

/* From a time whose zone was taken for UTC. */
static gboolean
move_to_utc(LampTimestampScanner *s, LampTime *time)
{
    gint64 offset = offset_of_clock(s, *time / LAMP_NS_PER_SECOND) * LAMP_NS_PER_SECOND;
    return !__builtin_sub_overflow(*time, offset, time);
}

static void
see_zone(const LampTimestampScanner *s, gboolean is_named)
{
    if (s->zones_seen != NULL)
        *s->zones_seen |= is_named ? LAMP_ZONE_NAMED : LAMP_ZONE_UNNAMED;
}

static gboolean
finish(LampTimestampScanner *s, LampTimestampMatch *m, LampBytes text, LampTimestamp *out)
{
    LampTime time = m->epoch;
    gboolean is_local = s->zone != NULL && !m->has_zone && !m->is_epoch;
    gint zone = m->has_zone ? m->zone_seconds : is_local ? 0 : s->zone_seconds;
    if (!m->is_epoch) {
        complete_clock(m);
        if (m->has_year ? !lamp_time_from_civil(&m->civil, zone, &time)
                        : !complete_year(s, m, zone, &time))
            return FALSE;
    }
    if (is_local && !move_to_utc(s, &time))
        return FALSE;
    see_zone(s, m->has_zone || m->is_epoch);
    *out = (LampTimestamp){.time = time,
                           .resolution_ns = m->resolution_ns,
                           .used = (gsize) (m->at.at - text.at),
                           .has_zone = m->has_zone,
                           .has_year = m->has_year,
                           .has_date = m->has_date,
                           .clock = is_local ? s->clock : LAMP_CLOCK_PLAIN};
    return TRUE;
}

/* Timestamps begin with a digit, a name of month or weekday, or a TAI64N mark. */
static gboolean
may_begin(LampBytes text)
{
    if (text.len < 8)
        return FALSE;
    return g_ascii_isdigit((char) text.at[0]) || text.at[0] == '@' ||
           strchr("JFMASONDTWjfmasondtw", text.at[0]) != NULL;
}

/* Looks at the first byte, and at the one behind the first number: most forms do not fit. */
static gboolean
may_fit(const char *form, LampBytes text)
{
    gsize width = 0;
    if (form[0] == 'x')
        return text.at[0] == '@';
    if (form[0] == 'a' || form[0] == 'b')
        return g_ascii_isalpha((char) text.at[0]);
    if (form[0] == 'Y')
        width = 4;
    else if (strchr("mdyH", form[0]) != NULL)
        width = 2;
    if (width == 0 || g_ascii_isalpha(form[1]))
        return g_ascii_isdigit((char) text.at[0]);
    return text.len > width && text.at[width] == (guint8) form[1];
}

#define CLOCK "H:M:Sfz"

/* Keeps the date, the next time is of the same day most likely. */
static void
keep_date(LampTimestampScanner *s, const char *form, const LampTimestampMatch *m,
          LampBytes text)
{
    const char *clock = strchr(form, 'H');
    gsize len = m->clock == NULL ? 0 : (gsize) (m->clock - text.at);
    s->date_len = 0;
    if (clock == NULL || !g_str_equal(clock, CLOCK) || !m->has_year || len == 0 ||
        len > sizeof s->date)
        return;
    memcpy(s->date, text.at, len);
    s->date_len = (guint8) len;
    s->date_seconds = lamp_days_from_civil(m->civil.year, m->civil.month, m->civil.day) * 86400;
}

/* Two digits below @limit, or 99 if they are none. */
static guint
two_digits(const guint8 *at, guint limit)
{
    guint tens = (guint) at[0] - '0', ones = (guint) at[1] - '0', number = tens * 10 + ones;
    return tens <= 9 && ones <= 9 && number < limit ? number : 99;
}

/* A fraction, up to nine decimals, of which there is none or a mark and one at least. Where it
 * ends; NULL if it is another. */
static const guint8 *
skip_fraction(const guint8 *at, const guint8 *end, gint64 *unit_ns, gint64 *fraction)
{
    enum { DECIMALS = 9 };
    const guint8 *digits = at + 1;
    *unit_ns = LAMP_NS_PER_SECOND;
    *fraction = 0;
    if (at == end || (*at != '.' && *at != ','))
        return at;
    for (at++; at < end && at - digits < DECIMALS && g_ascii_isdigit((char) *at); at++) {
        *unit_ns /= 10;
        *fraction = *fraction * 10 + (*at - '0');
    }
    return at == digits ? NULL : at;
}

/* A clock, in seconds of a day, and what stands behind it. */
typedef struct {
    gint64 seconds, nanosecond, resolution_ns;
    gint zone_seconds;
    gboolean has_zone;
    const guint8 *end;
} Clock;

/* `09:11:52.671Z`, `09:11:52,671 +02:00`, the clocks that most programs write, without the
 * notation of forms. FALSE: it is another. */
static gboolean
read_clock(LampBytes text, Clock *out)
{
    enum { CLOCK_BYTES = 8 };
    const guint8 *at = text.at;
    if (text.len < CLOCK_BYTES || at[2] != ':' || at[5] != ':')
        return FALSE;
    guint hour = two_digits(at, 24), minute = two_digits(at + 3, 60),
          second = two_digits(at + 6, 60);
    at = skip_fraction(at + CLOCK_BYTES, text.at + text.len, &out->resolution_ns,
                       &out->nanosecond);
    if (hour == 99 || minute == 99 || second == 99 || at == NULL)
        return FALSE;
    LampCursor rest = lamp_cursor(lamp_bytes(at, (gsize) (text.at + text.len - at)));
    out->seconds = (gint64) hour * 3600 + (gint64) minute * 60 + (gint64) second;
    out->nanosecond *= out->resolution_ns;
    out->has_zone = lamp_timestamp_take_zone(&rest, &out->zone_seconds);
    out->end = rest.at;
    return lamp_timestamp_ends(&rest);
}

/* The same by its notation, for those that are rare. */
static gboolean
match_clock(LampBytes text, Clock *out)
{
    LampTimestampMatch m;
    if (!lamp_timestamp_match(CLOCK, text, &m))
        return FALSE;
    *out = (Clock){.seconds = m.civil.hour * 3600 + m.civil.minute * 60 + m.civil.second,
                   .nanosecond = m.civil.nanosecond,
                   .resolution_ns = m.resolution_ns,
                   .zone_seconds = m.zone_seconds,
                   .has_zone = m.has_zone,
                   .end = m.at.at};
    return TRUE;
}

/* A time in the form of the last one and of the same day: only the clock has to be read. */
static gboolean
scan_clock(LampTimestampScanner *s, LampBytes text, LampTimestamp *out)
{
    Clock clock;
    if (s->date_len == 0 || text.len <= s->date_len ||
        !lamp_bytes_same(text.at, s->date, s->date_len))
        return FALSE;
    LampBytes rest = lamp_bytes(text.at + s->date_len, text.len - s->date_len);
    if (!read_clock(rest, &clock) && !match_clock(rest, &clock))
        return FALSE;
    gboolean is_local = s->zone != NULL && !clock.has_zone;
    gint64 seconds = s->date_seconds + clock.seconds;
    seconds -= is_local         ? offset_of_clock(s, seconds)
               : clock.has_zone ? clock.zone_seconds
                                : s->zone_seconds;
    see_zone(s, clock.has_zone);
    *out = (LampTimestamp){.time = seconds * LAMP_NS_PER_SECOND + clock.nanosecond,
                           .resolution_ns = clock.resolution_ns,
                           .used = (gsize) (clock.end - text.at),
                           .has_zone = clock.has_zone,
                           .has_year = TRUE,
                           .has_date = TRUE,
                           .clock = is_local ? s->clock : LAMP_CLOCK_PLAIN};
    return TRUE;
}

static gboolean
is_month_first(const char *form)
{
    return (form[0] == 'm' || form[0] == 'o') && form[1] == '/' &&
           (form[4] == 'Y' || form[4] == 'y');
}

/* Is the form of dates in another order than the log's? */
static gboolean
is_other_order(const LampTimestampScanner *scanner, const char *form)
{
    return (scanner->is_day_first && is_month_first(form)) ||
           (scanner->is_year_last && form[0] == 'y' && form[1] == '/');
}

gboolean
lamp_timestamp_scan(LampTimestampScanner *scanner, LampBytes text, LampTimestamp *out_stamp)
{
    LampTimestampMatch match;
    if (text.len == 0 || text.at[0] == '\0' || !may_begin(text))
        return FALSE;
    text.len = MIN(text.len, 64);
    if (scan_clock(scanner, text, out_stamp))
        return TRUE;
    if (lamp_timestamp_match(lamp_timestamp_forms[scanner->last_form], text, &match) &&
        finish(scanner, &match, text, out_stamp)) {
        keep_date(scanner, lamp_timestamp_forms[scanner->last_form], &match, text);
        return TRUE;
    }
    for (guint i = 0; i < lamp_timestamp_form_count; i++) {
        if (i == scanner->last_form || !may_fit(lamp_timestamp_forms[i], text) ||
            is_other_order(scanner, lamp_timestamp_forms[i]) ||
            !lamp_timestamp_match(lamp_timestamp_forms[i], text, &match) ||
            !finish(scanner, &match, text, out_stamp))
            continue;
        scanner->last_form = i;
        keep_date(scanner, lamp_timestamp_forms[i], &match, text);
        return TRUE;
    }
    return FALSE;
}

/* An epoch number of any length, by its size, as a whole: `1.795252311991e9` too. */
static gboolean
parse_epoch_number(LampBytes text, LampTimestamp *out)
{
    guint exponent = 0, decimals = 0;
    guint64 digits = 0;
    gsize i = 0;
    gboolean in_fraction = FALSE;
    for (; i < text.len && (g_ascii_isdigit((char) text.at[i]) || text.at[i] == '.'); i++) {
        if (text.at[i] == '.') {
            if (in_fraction)
                return FALSE;
            in_fraction = TRUE;
        } else if (digits < G_MAXUINT64 / 100) {
            digits = digits * 10 + (guint64) (text.at[i] - '0');
            decimals += in_fraction ? 1 : 0;
        }
    }
    if (i < text.len && (text.at[i] | 0x20) == 'e') {
        guint64 value;
        i += i + 1 < text.len && text.at[i + 1] == '+' ? 2 : 1;
        if (!lamp_text_parse_u64(lamp_bytes(text.at + i, text.len - i), &value) || value > 18)
            return FALSE;
        exponent = (guint) value;
        i = text.len;
    }
    if (i != text.len || digits == 0)
        return FALSE;
    gint shift = (gint) exponent - (gint) decimals;
    double whole = (double) digits;
    for (gint n = shift; n < 0; n++)
        whole /= 10;
    for (gint n = shift; n > 0; n--)
        whole *= 10;
    gint64 unit = whole < 1e11 ? 1000000000 : whole < 1e14 ? 1000000 : whole < 1e17 ? 1000 : 1;
    gint64 resolution = unit, ns = 0;
    for (; shift < 0 && resolution > 1; shift++)
        resolution /= 10;
    for (; shift < 0; shift++)
        digits /= 10;
    for (; shift > 0; shift--)
        resolution *= 10;
    if (whole < 1e8 || digits > G_MAXINT64 ||
        __builtin_mul_overflow((gint64) digits, resolution, &ns))
        return FALSE;
    *out = (LampTimestamp){.time = ns,
                           .resolution_ns = exponent > 0 && decimals > 0 ? MIN(resolution, unit)
                                                                         : resolution,
                           .used = text.len,
                           .has_zone = TRUE,
                           .has_year = TRUE,
                           .has_date = TRUE};
    return TRUE;
}

/* Nothing, or what Go's String() writes behind a time: ` EDT`, ` m=+0.012`. */
static gboolean
is_go_tail(LampBytes tail)
{
    gsize at = 0;
    if (tail.len > 2 && tail.at[0] == ' ' && g_ascii_isupper((char) tail.at[1]))
        for (at = 1; at < tail.len && g_ascii_isupper((char) tail.at[at]); at++)
            continue;
    tail = lamp_bytes(tail.at + at, tail.len - at);
    return tail.len == 0 || (at <= 6 && lamp_bytes_starts(tail, " m="));
}

static gboolean
parse_own(LampTimestampScanner *scanner, LampBytes text, LampTimestamp *out_stamp)
{
    LampTimestampMatch match;
    for (const char *const *form = scanner->own_forms; *form != NULL; form++)
        if (lamp_timestamp_match(*form, text, &match) && match.at.at == text.at + text.len &&
            finish(scanner, &match, text, out_stamp))
            return TRUE;
    return FALSE;
}

gboolean
lamp_timestamp_parse(LampTimestampScanner *scanner, LampBytes text, LampTimestamp *out_stamp)
{
    guint64 ms;
    if (scanner->own_forms != NULL && text.len > 0 && parse_own(scanner, text, out_stamp))
        return TRUE;
    if (text.len == 13 && text.at[0] != '0' && lamp_text_parse_u64(text, &ms) &&
        ms <= (guint64) (G_MAXINT64 / LAMP_NS_PER_MS)) {
        *out_stamp = (LampTimestamp){
            (LampTime) ms * LAMP_NS_PER_MS, LAMP_NS_PER_MS, 13, TRUE, TRUE, TRUE};
        return TRUE;
    }
    LampTimestamp stamp;
    if (lamp_timestamp_scan(scanner, text, &stamp) &&
        is_go_tail(lamp_bytes(text.at + stamp.used, text.len - stamp.used)) && stamp.has_date) {
        *out_stamp = stamp;
        return TRUE;
    }
    return parse_epoch_number(text, out_stamp);
}
