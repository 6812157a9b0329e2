/*
 * Timestamp recognition by a table of forms.
 *
 * In: borrowed text that may begin with a time. Out: UTC nanoseconds, the resolution, the bytes
 * used. Each form is a short text in this notation, every other byte stands for itself:
 *
 *   Y year of 4 digits      b month name, short or long    H M S two digits each
 *   y year of 2 digits      m month of 2 digits            h hour of 1 or 2 digits
 *   a weekday name          d day of 2 digits              f optional fraction, `.` or `,`
 *   j day of the year       e day of 1 or 2 digits,        n fraction of 3 to 9 digits
 *   p AM or PM                blank before one digit       z optional zone
 *   t epoch number          x TAI64N label                 k zone name that must stand here
 *
 * Forms are tried in order after the one that matched last, so more specific ones stand first.
 * No C library time function is used: they depend on locale and TZ and are slow. Where day and
 * month may be exchanged (03/04/2026) the American order is tried first.
 */
#include "ingest/log/timestamp.h"
#include "base/text.h"

typedef struct {
    LampCursor at;
    LampCivil civil;
    gint64 resolution_ns;
    gint zone_seconds;
    gint day_of_year;
    LampTime epoch; /* epoch forms only */
    gboolean has_zone, has_year, has_date, is_pm, is_am, is_epoch;
} Match;

static const char *const forms[] = {
    "Y-m-dTH:M:Sfz",
    "Y-m-d H:M:Sfz",
    "Y/m/d H:M:Sfz",
    "d/b/Y:H:M:Sfz",
    "b e H:M:Sfz",
    "a b e H:M:Sf Y",
    "a b e H:M:Sf k Y",
    "d b Y H:M:Sfz",
    "e b Y H:M:Sfz",
    "d-b-Y H:M:Sfz",
    "d-b-Y::H:M:S",
    "b e Y H:M:Sfz",
    "b e, Y h:M:Sf p",
    "b e, Y H:M:Sfz",
    "a, d b Y H:M:Sfz",
    "a, d-b-y H:M:Sfz",
    "a, e b Y H:M:Sfz",
    "Y-m-d-H.M.S.n",
    "Y-m-d_H:M:Sfz",
    "Y-m-d, H:M:Sfz",
    "Y-m-d:H:M:Sfz",
    "Y-m-d|H:M:Sfz",
    "Y-m-dTH.M.Sfz",
    "Y-m-d-H:M:Sfz",
    "Y-m-d H.M.Sfz",
    "Y-m-dTH:Mz",
    "Y-m-d H:Mz",
    "Y.m.d H:M:Sfz",
    "Y.m.dTH:M:Sfz",
    "Y/m/d-H:M:Sfz",
    "Y/m/dTH:M:Sfz",
    "Y/m/d H:M",
    "Y-b-d H:M:Sfz",
    "Y b d H:M:Sfz",
    "YmdTHMSfz",
    "Ymd H:M:Sfz",
    "Ymd-H:M:S:n",
    "Ymd-H:M:Sfz",
    "Ymd-HMSfz",
    "Ymd HMSfz",
    "YmdHMSfz",
    "m/d/Y h:M:Sf p",
    "m/d/Y, h:M:Sf p",
    "m/d/Y H:M:Sfz",
    "m/d/Y-H:M:Sfz",
    "m/d/Y:H:M:Sfz",
    "m/d/Y, H:M:Sfz",
    "d/m/Y H:M:Sfz",
    "d/m/Y, H:M:Sfz",
    "d/m/Y-H:M:Sfz",
    "m/d/y h:M:Sf p",
    "d.m.Y H:M:Sfz",
    "d.m.Y, H:M:Sfz",
    "d-m-Y H:M:Sfz",
    "y/m/d H:M:Sfz",
    "y-m-d H:M:Sfz",
    "m/d/y H:M:Sfz",
    "d/b/Y H:M:Sfz",
    "d/b H:M:Sfz",
    "m-d H:M:Sfz",
    "m/d H:M:Sfz",
    "m.d H:M:Sfz",
    "md H:M:Sfz",
    "ymd H:M:Sf",
    "ymd  h:M:Sf",
    "ymd HMSf",
    "Y-jTH:M:Sfz",
    "b e H:M:Sf Y",
    "b d H:M:Sf k Y",
    "a b e Y H:M:Sfz",
    "a e b Y H:M:Sfz",
    "a e b H:M:Sf Y",
    "Y e b H:M:Sfz",
    "x",
    "t",
    "H:M:Sf",
};

guint
lamp_timestamp_form_count(void)
{
    return G_N_ELEMENTS(forms);
}

const char *
lamp_timestamp_form(guint number)
{
    return number < G_N_ELEMENTS(forms) ? forms[number] : NULL;
}

void
lamp_timestamp_scanner_init(LampTimestampScanner *scanner, const LampSourceContext *context)
{
    *scanner = (LampTimestampScanner){.modified = LAMP_TIME_NONE};
    if (context == NULL)
        return;
    scanner->zone_seconds = context->zone_seconds;
    scanner->year = context->year;
    scanner->modified = context->modified;
}

static gboolean
take_digits(LampCursor *at, guint n, gint *out_value)
{
    gint value = 0;
    if (lamp_cursor_left(at) < n)
        return FALSE;
    for (guint i = 0; i < n; i++) {
        guint digit = (guint) at->at[i] - '0';
        if (digit > 9)
            return FALSE;
        value = value * 10 + (gint) digit;
    }
    at->at += n;
    *out_value = value;
    return TRUE;
}

static gboolean
is_digit(const LampCursor *at, gsize ahead)
{
    return lamp_cursor_left(at) > ahead && g_ascii_isdigit((char) at->at[ahead]);
}

/* One or two digits; with @padded a blank may stand for the first. */
static gboolean
take_one_or_two(LampCursor *at, gboolean padded, gint *out_value)
{
    if (padded && lamp_cursor_left(at) > 1 && at->at[0] == ' ' && is_digit(at, 1))
        at->at++;
    return take_digits(at, is_digit(at, 1) ? 2 : 1, out_value);
}

static guint32
three_letters(const guint8 *p)
{
    return (guint32) (p[0] | 0x20) << 16 | (guint32) (p[1] | 0x20) << 8 | (p[2] | 0x20);
}

#define LETTERS(a, b, c) ((guint32) (a) << 16 | (guint32) (b) << 8 | (guint32) (c))

static void
skip_letters(LampCursor *at, guint limit)
{
    for (guint i = 0; i < limit && at->at < at->end && g_ascii_isalpha((char) *at->at); i++)
        at->at++;
}

static gboolean
take_month_name(LampCursor *at, gint *out_month)
{
    static const guint32 names[] = {
        LETTERS('j', 'a', 'n'), LETTERS('f', 'e', 'b'), LETTERS('m', 'a', 'r'),
        LETTERS('a', 'p', 'r'), LETTERS('m', 'a', 'y'), LETTERS('j', 'u', 'n'),
        LETTERS('j', 'u', 'l'), LETTERS('a', 'u', 'g'), LETTERS('s', 'e', 'p'),
        LETTERS('o', 'c', 't'), LETTERS('n', 'o', 'v'), LETTERS('d', 'e', 'c')};
    if (lamp_cursor_left(at) < 3)
        return FALSE;
    guint32 name = three_letters(at->at);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i] != name)
            continue;
        *out_month = (gint) i + 1;
        at->at += 3;
        skip_letters(at, 6);
        return TRUE;
    }
    return FALSE;
}

static gboolean
take_weekday(LampCursor *at)
{
    static const guint32 names[] = {LETTERS('m', 'o', 'n'), LETTERS('t', 'u', 'e'),
                                    LETTERS('w', 'e', 'd'), LETTERS('t', 'h', 'u'),
                                    LETTERS('f', 'r', 'i'), LETTERS('s', 'a', 't'),
                                    LETTERS('s', 'u', 'n')};
    if (lamp_cursor_left(at) < 3)
        return FALSE;
    guint32 name = three_letters(at->at);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i] == name) {
            at->at += 3;
            skip_letters(at, 6);
            return TRUE;
        }
    return FALSE;
}

/* Digits after the mark; more than nine are cut. */
static gboolean
take_fraction(LampCursor *at, guint at_least, Match *match)
{
    guint n = 0;
    gint32 value = 0;
    gint64 unit = LAMP_NS_PER_SECOND;
    for (; is_digit(at, 0); n++, at->at++)
        if (n < 9) {
            value = value * 10 + (*at->at - '0');
            unit /= 10;
        }
    if (n < at_least)
        return FALSE;
    match->civil.nanosecond = (gint32) (value * unit);
    match->resolution_ns = unit;
    return TRUE;
}

static void
take_optional_fraction(LampCursor *at, Match *match)
{
    if (lamp_cursor_left(at) > 1 && (*at->at == '.' || *at->at == ',') && is_digit(at, 1)) {
        at->at++;
        (void) take_fraction(at, 1, match);
    }
}

static gboolean
take_numeric_zone(LampCursor *at, gint *out_seconds)
{
    LampCursor c = *at;
    gint hours, minutes = 0;
    gint sign = *c.at == '-' ? -1 : 1;
    c.at++;
    if (!take_digits(&c, 2, &hours))
        return FALSE;
    if (c.at < c.end && *c.at == ':' && is_digit(&c, 1))
        c.at++;
    if (is_digit(&c, 0) && !take_digits(&c, 2, &minutes))
        return FALSE;
    if (hours > 15 || minutes > 59)
        return FALSE;
    *out_seconds = sign * (hours * 3600 + minutes * 60);
    *at = c;
    return TRUE;
}

/* Names of zones that logs carry; of those with two meanings the commoner one. */
static gboolean
take_zone_name(LampCursor *at, gint *out_seconds)
{
    static const struct {
        const char *name;
        gint minutes;
    } zones[] = {
        {"UTC", 0},    {"GMT", 0},    {"Z", 0},      {"CEST", 120}, {"CET", 60},
        {"BST", 60},   {"WEST", 60},  {"WET", 0},    {"EEST", 180}, {"EET", 120},
        {"MSK", 180},  {"IST", 330},  {"CST", -360}, {"CDT", -300}, {"EST", -300},
        {"EDT", -240}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
        {"JST", 540},  {"KST", 540},  {"AEST", 600}, {"AEDT", 660}, {"NZST", 720},
        {"NZDT", 780}, {"BRT", -180}, {"HKT", 480},  {"SGT", 480},  {"SAST", 120},
    };
    gsize n = 0;
    while (n < 6 && n < lamp_cursor_left(at) && g_ascii_isupper((char) at->at[n]))
        n++;
    for (guint i = 0; i < G_N_ELEMENTS(zones); i++)
        if (lamp_bytes_equal(lamp_bytes(at->at, n), lamp_bytes_text(zones[i].name))) {
            *out_seconds = zones[i].minutes * 60;
            at->at += n;
            return TRUE;
        }
    return FALSE;
}

static gboolean
take_zone(LampCursor *at, Match *match)
{
    LampCursor c = *at;
    if (c.at < c.end && *c.at == ' ')
        c.at++;
    if (c.at == c.end)
        return FALSE;
    gboolean numeric = *c.at == '+' || *c.at == '-';
    if (numeric ? !take_numeric_zone(&c, &match->zone_seconds)
                : !take_zone_name(&c, &match->zone_seconds))
        return FALSE;
    if (c.at < c.end && g_ascii_isalnum((char) *c.at))
        return FALSE;
    match->has_zone = TRUE;
    *at = c;
    return TRUE;
}

/* An epoch number of 10, 13, 16 or 19 digits; seconds may have a fraction. */
static gboolean
take_epoch(LampCursor *at, Match *match)
{
    static const struct {
        gsize digits;
        gint64 unit_ns;
    } units[] = {{10, 1000000000}, {13, 1000000}, {16, 1000}, {19, 1}};
    gsize n = 0;
    while (n < 20 && is_digit(at, n))
        n++;
    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        guint64 value;
        if (units[i].digits != n || !lamp_text_parse_u64(lamp_bytes(at->at, n), &value) ||
            value > (guint64) (G_MAXINT64 / units[i].unit_ns) || at->at[0] == '0')
            continue;
        at->at += n;
        match->is_epoch = match->has_zone = match->has_year = match->has_date = TRUE;
        match->resolution_ns = units[i].unit_ns;
        if (n == 10)
            take_optional_fraction(at, match);
        match->epoch = (LampTime) value * units[i].unit_ns + match->civil.nanosecond;
        return TRUE;
    }
    return FALSE;
}

/* TAI64N: `@`, 16 hexadecimal digits of seconds from 2^62, 8 of nanoseconds. */
static gboolean
take_tai64n(LampCursor *at, Match *match)
{
    guint64 seconds, ns;
    if (lamp_cursor_left(at) < 25 || *at->at != '@' ||
        !lamp_text_parse_hex(lamp_bytes(at->at + 1, 16), &seconds) ||
        !lamp_text_parse_hex(lamp_bytes(at->at + 17, 8), &ns) || seconds >> 62 != 1)
        return FALSE;
    seconds -= (guint64) 1 << 62;
    if (seconds > 4000000000u || ns >= (guint64) LAMP_NS_PER_SECOND)
        return FALSE;
    at->at += 25;
    match->is_epoch = match->has_zone = match->has_year = match->has_date = TRUE;
    match->resolution_ns = 1;
    /* The labels run ten seconds ahead of UTC and ignore later leap seconds, as software does.
     */
    match->epoch = ((LampTime) seconds - 10) * LAMP_NS_PER_SECOND + (LampTime) ns;
    return TRUE;
}

static gboolean
take_am_pm(LampCursor *at, Match *match)
{
    if (lamp_cursor_left(at) < 2 || (at->at[1] | 0x20) != 'm')
        return FALSE;
    match->is_pm = (at->at[0] | 0x20) == 'p';
    match->is_am = (at->at[0] | 0x20) == 'a';
    at->at += 2;
    return match->is_pm || match->is_am;
}

static gboolean
take_date_part(char part, Match *m)
{
    LampCursor *at = &m->at;
    m->has_date = TRUE;
    switch (part) {
    case 'Y':
        m->has_year = TRUE;
        return take_digits(at, 4, &m->civil.year);
    case 'y':
        m->has_year = TRUE;
        if (!take_digits(at, 2, &m->civil.year))
            return FALSE;
        m->civil.year += m->civil.year < 70 ? 2000 : 1900;
        return TRUE;
    case 'm':
        return take_digits(at, 2, &m->civil.month) && m->civil.month >= 1 &&
               m->civil.month <= 12;
    case 'b':
        return take_month_name(at, &m->civil.month);
    case 'd':
        return take_digits(at, 2, &m->civil.day) && m->civil.day >= 1 && m->civil.day <= 31;
    case 'e':
        return take_one_or_two(at, TRUE, &m->civil.day) && m->civil.day >= 1 &&
               m->civil.day <= 31;
    case 'j':
        return take_digits(at, 3, &m->day_of_year);
    default:
        return take_weekday(at);
    }
}

static gboolean
take_clock_part(char part, Match *m)
{
    LampCursor *at = &m->at;
    switch (part) {
    case 'H':
        return take_digits(at, 2, &m->civil.hour) && m->civil.hour <= 24;
    case 'h':
        return take_one_or_two(at, FALSE, &m->civil.hour) && m->civil.hour <= 24;
    case 'M':
        return take_digits(at, 2, &m->civil.minute) && m->civil.minute <= 59;
    case 'S':
        m->resolution_ns = LAMP_NS_PER_SECOND;
        return take_digits(at, 2, &m->civil.second) && m->civil.second <= 60;
    case 'f':
        take_optional_fraction(at, m);
        return TRUE;
    case 'n':
        return take_fraction(at, 3, m);
    case 'p':
        return take_am_pm(at, m);
    case 'k':
        return take_zone(at, m);
    case 't':
        return take_epoch(at, m);
    case 'x':
        return take_tai64n(at, m);
    default: /* z */
        (void) take_zone(at, m);
        return TRUE;
    }
}

static gboolean
match_form(const char *form, LampBytes text, Match *m)
{
    *m = (Match){.at = lamp_cursor(text), .resolution_ns = 60 * LAMP_NS_PER_SECOND};
    for (const char *p = form; *p != '\0'; p++) {
        gboolean fits;
        /* `T` is the letter between date and clock; it does not clash with a part. */
        if (strchr("Yymbdeaj", *p) != NULL)
            fits = take_date_part(*p, m);
        else if (strchr("HhMSfnpkztx", *p) != NULL)
            fits = take_clock_part(*p, m);
        else
            fits = m->at.at < m->at.end && *m->at.at++ == (guint8) *p;
        if (!fits)
            return FALSE;
    }
    if (m->at.at == m->at.end)
        return TRUE;
    /* 09:11 is no clock where 09:11:53 stands. */
    return !g_ascii_isalnum((char) *m->at.at) && !(*m->at.at == ':' && is_digit(&m->at, 1));
}

static void
complete_clock(Match *m)
{
    if (m->is_pm && m->civil.hour < 12)
        m->civil.hour += 12;
    else if (m->is_am && m->civil.hour == 12)
        m->civil.hour = 0;
    if (m->day_of_year > 0) {
        LampCivil day;
        gint64 days = lamp_days_from_civil(m->civil.year, 1, 1) + m->day_of_year - 1;
        lamp_time_to_civil(days * 86400 * LAMP_NS_PER_SECOND, &day);
        m->civil.month = day.month;
        m->civil.day = day.day;
    }
}

/* The latest year in which the time is not later than the file's, a day of slack for zones. */
static gboolean
complete_year(const LampTimestampScanner *s, Match *m, gint zone, LampTime *out_time)
{
    LampCivil now = {.year = s->year};
    if (s->year == 0 && s->modified != LAMP_TIME_NONE)
        lamp_time_to_civil(s->modified, &now);
    if (now.year == 0)
        now.year = 1972; /* nothing is known: a leap year, so that no date is refused */
    if (!m->has_date) {
        m->civil.month = MAX(now.month, 1);
        m->civil.day = MAX(now.day, 1);
    }
    gboolean fixed = s->year != 0 || s->modified == LAMP_TIME_NONE;
    for (gint back = 0; back < 9; back++) {
        m->civil.year = now.year - back;
        if (!lamp_time_from_civil(&m->civil, zone, out_time))
            continue; /* 29 February: an earlier year was meant */
        if (fixed || *out_time <= s->modified + 86400 * LAMP_NS_PER_SECOND)
            return TRUE;
    }
    return FALSE;
}

static gboolean
finish(const LampTimestampScanner *s, Match *m, LampBytes text, LampTimestamp *out)
{
    LampTime time = m->epoch;
    gint zone = m->has_zone ? m->zone_seconds : s->zone_seconds;
    if (!m->is_epoch) {
        complete_clock(m);
        if (m->has_year ? !lamp_time_from_civil(&m->civil, zone, &time)
                        : !complete_year(s, m, zone, &time))
            return FALSE;
    }
    *out = (LampTimestamp){.time = time,
                           .resolution_ns = m->resolution_ns,
                           .used = (gsize) (m->at.at - text.at),
                           .has_zone = m->has_zone,
                           .has_year = m->has_year,
                           .has_date = m->has_date};
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

gboolean
lamp_timestamp_scan(LampTimestampScanner *scanner, LampBytes text, LampTimestamp *out_stamp)
{
    Match match;
    if (text.len == 0 || text.at[0] == '\0' || !may_begin(text))
        return FALSE;
    text.len = MIN(text.len, 64);
    if (match_form(forms[scanner->last_form], text, &match) &&
        finish(scanner, &match, text, out_stamp))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (i == scanner->last_form || !match_form(forms[i], text, &match) ||
            !finish(scanner, &match, text, out_stamp))
            continue;
        scanner->last_form = i;
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

gboolean
lamp_timestamp_parse(LampTimestampScanner *scanner, LampBytes text, LampTimestamp *out_stamp)
{
    if (text.len == 13 && take_epoch(&(LampCursor){text.at, text.at + text.len}, &(Match){0})) {
        guint64 ms;
        if (!lamp_text_parse_u64(text, &ms))
            return FALSE;
        *out_stamp = (LampTimestamp){
            (LampTime) ms * LAMP_NS_PER_MS, LAMP_NS_PER_MS, 13, TRUE, TRUE, TRUE};
        return TRUE;
    }
    LampTimestamp stamp;
    if (lamp_timestamp_scan(scanner, text, &stamp) && stamp.used == text.len &&
        stamp.has_date) {
        *out_stamp = stamp;
        return TRUE;
    }
    return parse_epoch_number(text, out_stamp);
}
