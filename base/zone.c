/*
 * Zones by name. In: a name of the IANA database; a time. Out: offsets from UTC.
 *
 * GLib reads the database (tzfile(5)); no C library time function is used, they depend on TZ.
 * GLib takes any path for a name, and names stand in logs: only those are asked for that the
 * database has, up to three words with slashes between them, which lead nowhere else.
 * What a local time stands for is tried out: the offsets of a day before and a day after are
 * the only ones that it can have, as no zone changes twice within a day. One that gives itself
 * back is possible.
 */
#include "base/zone.h"

#include <string.h>

enum { DAY = 86400 };

struct LampZone {
    GTimeZone *zone;
};

/* `UTC`, `Etc/GMT+5`, `America/Argentina/Buenos_Aires`: no path that leaves the database. */
static gboolean
is_name(const char *name)
{
    enum { WORDS = 3 };
    guint words = 1;
    for (gsize i = 0; name[i] != '\0'; i++) {
        gboolean ends_word = name[i] == '/';
        if (ends_word && (i == 0 || name[i - 1] == '/' || ++words > WORDS))
            return FALSE;
        if (!ends_word && !g_ascii_isalnum(name[i]) && strchr("_+-", name[i]) == NULL)
            return FALSE;
    }
    return name[0] != '\0' && name[strlen(name) - 1] != '/';
}

LampZone *
lamp_zone_new(const char *name)
{
    GTimeZone *found = is_name(name) ? g_time_zone_new_identifier(name) : NULL;
    if (found == NULL)
        return NULL;
    LampZone *zone = g_new(LampZone, 1);
    zone->zone = found;
    return zone;
}

void
lamp_zone_free(LampZone *zone)
{
    if (zone == NULL)
        return;
    g_time_zone_unref(zone->zone);
    g_free(zone);
}

gint32
lamp_zone_offset(const LampZone *zone, gint64 seconds)
{
    gint interval = g_time_zone_find_interval(zone->zone, G_TIME_TYPE_UNIVERSAL, seconds);
    return interval < 0 ? 0 : g_time_zone_get_offset(zone->zone, interval);
}

LampClockKind
lamp_zone_offsets(const LampZone *zone, gint64 local_seconds, gint32 out_offsets[2])
{
    gint32 before = lamp_zone_offset(zone, local_seconds - DAY);
    gint32 after = lamp_zone_offset(zone, local_seconds + DAY);
    gboolean may_be_before = lamp_zone_offset(zone, local_seconds - before) == before;
    gboolean may_be_after = lamp_zone_offset(zone, local_seconds - after) == after;
    out_offsets[0] = may_be_before || !may_be_after ? before : after;
    out_offsets[1] = may_be_after ? after : before;
    if (before == after || may_be_before != may_be_after)
        return LAMP_CLOCK_PLAIN;
    return may_be_before ? LAMP_CLOCK_TWICE : LAMP_CLOCK_NEVER;
}
