/*
 * The parts of timestamps: digits, names of months and days, fractions, zones, epoch numbers.
 *
 * In: a cursor; out: fields of a match. Each function takes one part or leaves the cursor where
 * it was useless to go on; the form decides which part comes next.
 */
#include "ingest/log/timestamp-match.h"
#include "base/text.h"

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
take_fraction(LampCursor *at, guint at_least, LampTimestampMatch *match)
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
take_optional_fraction(LampCursor *at, LampTimestampMatch *match)
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
        char name[5];
        gint16 minutes;
    } zones[] = {
        {"UTC", 0},    {"GMT", 0},    {"Z", 0},      {"CEST", 120}, {"CET", 60},
        {"BST", 60},   {"WEST", 60},  {"WET", 0},    {"EEST", 180}, {"EET", 120},
        {"MSK", 180},  {"IST", 330},  {"CST", -360}, {"CDT", -300}, {"EST", -300},
        {"EDT", -240}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
        {"JST", 540},  {"KST", 540},  {"AEST", 600}, {"AEDT", 660}, {"NZST", 720},
        {"NZDT", 780}, {"BRT", -180}, {"HKT", 480},  {"SGT", 480},  {"SAST", 120},
    };
    enum { LONGEST = 4 };
    char name[LONGEST + 1] = "";
    gsize n = 0;
    for (; n <= LONGEST && n < lamp_cursor_left(at) && g_ascii_isupper((char) at->at[n]); n++)
        if (n < LONGEST)
            name[n] = (char) at->at[n];
    /* A severity stands there more often, which does not end as names of four letters do. */
    if (n == 0 || n > LONGEST || (n == LONGEST && name[LONGEST - 1] != 'T'))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(zones); i++)
        if (memcmp(zones[i].name, name, sizeof name) == 0) {
            *out_seconds = zones[i].minutes * 60;
            at->at += n;
            return TRUE;
        }
    return FALSE;
}

gboolean
lamp_timestamp_take_zone(LampCursor *at, gint *out_seconds)
{
    LampCursor c = *at;
    if (c.at < c.end && *c.at == ' ')
        c.at++;
    if (c.at == c.end)
        return FALSE;
    gboolean numeric = *c.at == '+' || *c.at == '-';
    if (numeric ? !take_numeric_zone(&c, out_seconds) : !take_zone_name(&c, out_seconds))
        return FALSE;
    if (c.at < c.end && g_ascii_isalnum((char) *c.at))
        return FALSE;
    *at = c;
    return TRUE;
}

static gboolean
take_zone(LampCursor *at, LampTimestampMatch *match)
{
    match->has_zone = lamp_timestamp_take_zone(at, &match->zone_seconds);
    return match->has_zone;
}

gboolean
lamp_timestamp_ends(const LampCursor *at)
{
    return at->at == at->end ||
           (!g_ascii_isalnum((char) *at->at) && !(*at->at == ':' && is_digit(at, 1)));
}

gboolean
lamp_timestamp_take_epoch(LampCursor *at, LampTimestampMatch *match)
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
take_tai64n(LampCursor *at, LampTimestampMatch *match)
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

/* Is what begins @text hexadecimal, and no measured number? A letter says so, or what OpenLDAP
 * writes next. */
static gboolean
is_surely_hex(LampBytes text, gsize n)
{
    static const char *const next[] = {" 0x", " conn=", " slapd"};
    LampBytes behind = lamp_bytes(text.at + n, text.len - n);
    for (gsize i = 0; i < n; i++)
        if (g_ascii_isalpha((char) text.at[i]))
            return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(next); i++)
        if (lamp_bytes_starts(behind, next[i]))
            return TRUE;
    return FALSE;
}

/* Seconds and a fraction, both hexadecimal, as OpenLDAP writes them: of nanoseconds in eight
 * digits, of microseconds in five. Decimal dates (`20261121`) would be times before 1990. */
static gboolean
take_hex_time(LampCursor *at, LampTimestampMatch *match)
{
    enum { YEAR_1990 = 631152000 };
    guint64 seconds, fraction;
    gsize n = 9;
    if (lamp_cursor_left(at) < 14 || at->at[8] != '.' ||
        !lamp_text_parse_hex(lamp_bytes(at->at, 8), &seconds) || seconds < YEAR_1990)
        return FALSE;
    while (n < lamp_cursor_left(at) && n < 18 && g_ascii_isxdigit((char) at->at[n]))
        n++;
    gint64 unit = n == 17 ? 1 : LAMP_NS_PER_US;
    if ((n != 17 && n != 14) || !is_surely_hex(lamp_bytes(at->at, lamp_cursor_left(at)), n) ||
        !lamp_text_parse_hex(lamp_bytes(at->at + 9, n - 9), &fraction) ||
        fraction >= (guint64) (LAMP_NS_PER_SECOND / unit))
        return FALSE;
    at->at += n;
    match->is_epoch = match->has_zone = match->has_year = match->has_date = TRUE;
    match->resolution_ns = unit;
    match->epoch = (LampTime) seconds * LAMP_NS_PER_SECOND + (LampTime) fraction * unit;
    return TRUE;
}

static gboolean
take_am_pm(LampCursor *at, LampTimestampMatch *match)
{
    if (lamp_cursor_left(at) < 2 || (at->at[1] | 0x20) != 'm')
        return FALSE;
    match->is_pm = (at->at[0] | 0x20) == 'p';
    match->is_am = (at->at[0] | 0x20) == 'a';
    at->at += 2;
    return match->is_pm || match->is_am;
}

static gboolean
take_date_part(char part, LampTimestampMatch *m)
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
    case 'o':
        return take_one_or_two(at, FALSE, &m->civil.month) && m->civil.month >= 1 &&
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
take_clock_part(char part, LampTimestampMatch *m)
{
    LampCursor *at = &m->at;
    switch (part) {
    case 'H':
        m->clock = at->at;
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
        return lamp_timestamp_take_epoch(at, m);
    case 'x':
        return take_tai64n(at, m);
    case 'X':
        return take_hex_time(at, m);
    default: /* z */
        (void) take_zone(at, m);
        return TRUE;
    }
}

/* `T` is the letter between date and clock; it does not clash with a part. */
typedef enum { LITERAL, DATE_PART, CLOCK_PART } PartKind;

static PartKind
kind_of_part(char part)
{
    static const guint8 kinds[128] = {
        ['Y'] = DATE_PART,  ['y'] = DATE_PART,  ['m'] = DATE_PART,  ['b'] = DATE_PART,
        ['d'] = DATE_PART,  ['e'] = DATE_PART,  ['a'] = DATE_PART,  ['j'] = DATE_PART,
        ['o'] = DATE_PART,  ['H'] = CLOCK_PART, ['h'] = CLOCK_PART, ['M'] = CLOCK_PART,
        ['S'] = CLOCK_PART, ['f'] = CLOCK_PART, ['n'] = CLOCK_PART, ['p'] = CLOCK_PART,
        ['k'] = CLOCK_PART, ['z'] = CLOCK_PART, ['t'] = CLOCK_PART, ['x'] = CLOCK_PART,
        ['X'] = CLOCK_PART,
    };
    return (PartKind) kinds[(guint8) part & 127];
}

gboolean
lamp_timestamp_match(const char *form, LampBytes text, LampTimestampMatch *m)
{
    *m =
        (LampTimestampMatch){.at = lamp_cursor(text), .resolution_ns = 60 * LAMP_NS_PER_SECOND};
    for (const char *p = form; *p != '\0'; p++) {
        gboolean fits;
        PartKind kind = kind_of_part(*p);
        if (kind == DATE_PART)
            fits = take_date_part(*p, m);
        else if (kind == CLOCK_PART)
            fits = take_clock_part(*p, m);
        else {
            p += *p == '\\' && p[1] != '\0' ? 1 : 0;
            fits = m->at.at < m->at.end && *m->at.at++ == (guint8) *p;
        }
        if (!fits)
            return FALSE;
    }
    return lamp_timestamp_ends(&m->at);
}
