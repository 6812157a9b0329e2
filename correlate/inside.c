/*
 * Who may be a part of the system.
 *
 * In: hosts, and the places that records name as callers. Out: which hosts are known to be
 * inside, and which addresses may be those of hosts inside that nothing names: private ones.
 */
#include "correlate/inside.h"

#include <arpa/inet.h>

guint8 *
lamp_hosts_inside(LampCorrelation *c)
{
    guint8 *is_inside = g_new0(guint8, (gsize) c->hosts->len + 1);
    for (guint32 i = 0; i < c->sources->len; i++)
        if (lamp_source(c, i)->host != LAMP_INDEX_NONE)
            is_inside[lamp_source(c, i)->host] = 1;
    for (guint32 i = 0; i < c->calls->len; i++)
        if (lamp_call(c, i)->server_host != LAMP_INDEX_NONE)
            is_inside[lamp_call(c, i)->server_host] = 1;
    return is_inside;
}

gboolean
lamp_place_is_private(const LampPlace *place)
{
    guint8 a[16];
    if (place->address == NULL)
        return FALSE;
    if (inet_pton(AF_INET, place->address, a) == 1)
        return a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
               (a[0] == 192 && a[1] == 168);
    return inet_pton(AF_INET6, place->address, a) == 1 && (a[0] & 0xfe) == 0xfc;
}
