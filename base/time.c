/*
 * Calendar arithmetic in UTC and the two text forms of times.
 *
 * Days are counted with eras of 400 years that begin in March, so that the leap day is the last
 * day of the era's year and no table of month lengths is needed (Howard Hinnant describes the
 * method in "chrono-compatible low-level date algorithms"). The C library's functions are not
 * used: they depend on the locale and the TZ variable and are slow.
 */
#include "base/time.h"

gint64
lamp_days_from_civil(gint year, gint month, gint day)
{
    gint64 y = (gint64) year - (month <= 2);
    gint64 era = (y >= 0 ? y : y - 399) / 400;
    gint64 year_of_era = y - era * 400;
    gint64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    gint64 day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static gint
days_in_month(gint year, gint month)
{
    static const gint lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

static gboolean
civil_is_valid(const LampCivil *c)
{
    return c->year >= 1678 && c->year <= 2261 && c->month >= 1 && c->month <= 12 &&
           c->day >= 1 && c->day <= days_in_month(c->year, c->month) && c->hour >= 0 &&
           c->hour <= 24 && c->minute >= 0 && c->minute <= 59 && c->second >= 0 &&
           c->second <= 60 && c->nanosecond >= 0 && c->nanosecond < LAMP_NS_PER_SECOND;
}

gboolean
lamp_time_from_civil(const LampCivil *civil, gint zone_seconds, LampTime *out_time)
{
    if (!civil_is_valid(civil) || ABS(zone_seconds) > 26 * 3600)
        return FALSE;
    gint64 days = lamp_days_from_civil(civil->year, civil->month, civil->day);
    gint64 seconds = days * 86400 + civil->hour * 3600 + civil->minute * 60 + civil->second;
    *out_time = (seconds - zone_seconds) * LAMP_NS_PER_SECOND + civil->nanosecond;
    return TRUE;
}

void
lamp_time_to_civil(LampTime time, LampCivil *out_civil)
{
    gint64 seconds = time / LAMP_NS_PER_SECOND, ns = time % LAMP_NS_PER_SECOND;
    if (ns < 0) {
        ns += LAMP_NS_PER_SECOND;
        seconds--;
    }
    gint64 days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    gint64 z = days + 719468;
    gint64 era = (z >= 0 ? z : z - 146096) / 146097;
    gint64 day_of_era = z - era * 146097;
    gint64 year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    gint64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    gint64 march_month = (5 * day_of_year + 2) / 153;
    out_civil->day = (gint) (day_of_year - (153 * march_month + 2) / 5 + 1);
    out_civil->month = (gint) (march_month < 10 ? march_month + 3 : march_month - 9);
    out_civil->year = (gint) (year_of_era + era * 400 + (out_civil->month <= 2));
    out_civil->hour = (gint) (rest / 3600);
    out_civil->minute = (gint) (rest / 60 % 60);
    out_civil->second = (gint) (rest % 60);
    out_civil->nanosecond = (gint32) ns;
}

gboolean
lamp_time_from_parts(gint64 seconds, gint64 nanoseconds, LampTime *out_time)
{
    gint64 ns;
    if (__builtin_mul_overflow(seconds, LAMP_NS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, nanoseconds, &ns) || ns == LAMP_TIME_NONE)
        return FALSE;
    *out_time = ns;
    return TRUE;
}

gboolean
lamp_time_is_within_range(LampTime time, gint64 duration)
{
    gint64 margin = G_GINT64_CONSTANT(400) * 86400 * LAMP_NS_PER_SECOND;
    gint64 most = G_MAXINT64 / 2 - margin; /* two times differ by less than G_MAXINT64 */
    return duration >= 0 && duration < margin && time > -most && time < most;
}

/* The power of ten at or below @resolution, and its exponent. */
static gint64
power_of_ten(gint64 resolution, int *out_exponent)
{
    gint64 power = 1;
    *out_exponent = 0;
    for (; power <= resolution / 10; power *= 10)
        ++*out_exponent;
    return power;
}

/* Without the last @cut digits of the nanoseconds. */
static char *
format_time(LampTime time, int cut)
{
    static const gint32 steps[] = {1,      10,      100,      1000,     10000,
                                   100000, 1000000, 10000000, 100000000};
    LampCivil c;
    if (time == LAMP_TIME_NONE)
        return g_strdup("-");
    lamp_time_to_civil(time, &c);
    g_autofree char *fraction =
        cut >= 9 ? g_strdup("") : g_strdup_printf(".%0*d", 9 - cut, c.nanosecond / steps[cut]);
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d%sZ", c.year, c.month, c.day, c.hour,
                           c.minute, c.second, fraction);
}

char *
lamp_time_format(LampTime time)
{
    return format_time(time, 0);
}

char *
lamp_time_format_to(LampTime time, gint64 resolution)
{
    int exponent;
    gint64 step = power_of_ten(resolution, &exponent);
    return format_time(time, step == 1 && time % 1000 == 0 ? 3 : exponent);
}

/* Digits behind the point that @magnitude needs of those that three digits in @unit leave:
 * what is round to the nanosecond has no more than it says. */
static int
needed_digits(gint64 magnitude, gint64 unit)
{
    double shown = (double) magnitude / (double) unit;
    int digits = shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
    gint64 step = digits == 2 ? unit / 100 : digits == 1 ? unit / 10 : unit;
    if (magnitude % step != 0)
        return digits;
    while (digits > 0 && magnitude % (step * 10) == 0) {
        step *= 10;
        digits--;
    }
    return digits;
}

char *
lamp_duration_format(gint64 duration_ns)
{
    static const struct {
        gint64 ns;
        const char *unit;
    } units[] = {{LAMP_NS_PER_SECOND, "s"}, {LAMP_NS_PER_MS, "ms"}, {LAMP_NS_PER_US, "us"}};
    gint64 magnitude = duration_ns < 0 ? -MAX(duration_ns, -G_MAXINT64) : duration_ns;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
        if (magnitude >= units[i].ns)
            return g_strdup_printf("%.*f %s", needed_digits(magnitude, units[i].ns),
                                   (double) duration_ns / (double) units[i].ns, units[i].unit);
    return duration_ns == 0 ? g_strdup("0")
                            : g_strdup_printf("%" G_GINT64_FORMAT " ns", duration_ns);
}

char *
lamp_duration_format_to(gint64 duration_ns, gint64 resolution)
{
    int exponent;
    gint64 step = power_of_ten(resolution, &exponent);
    gint64 rest = duration_ns % step;
    if (step == 1 || rest == 0)
        return duration_ns != 0 || step == 1 ? lamp_duration_format(duration_ns)
                                             : lamp_duration_format_to(1, resolution);
    if (ABS(duration_ns) < step) {
        g_autofree char *most = lamp_duration_format(step);
        return g_strdup_printf("< %s", most);
    }
    gint64 half = duration_ns < 0 ? -step / 2 : step / 2;
    return lamp_duration_format((duration_ns - rest) + (rest + half) / step * step);
}
