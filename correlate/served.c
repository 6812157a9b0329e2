/*
 * What hosts served: by host and time, so that the requests around a time are found by halving.
 */
#include "correlate/served.h"

static gint
compare_served(gconstpointer left, gconstpointer right)
{
    const LampServed *a = left;
    const LampServed *b = right;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end;
}

void
lamp_served_sort(GArray *served)
{
    g_array_sort(served, compare_served);
}

GArray *
lamp_served_of_calls(LampCorrelation *c)
{
    GArray *served = g_array_new(FALSE, FALSE, sizeof(LampServed));
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        LampServed one = {call->server_host, call->server_start, call->server_end,
                          call->server_uncertainty};
        if (one.host != LAMP_INDEX_NONE && one.start != LAMP_TIME_NONE &&
            one.end != LAMP_TIME_NONE)
            g_array_append_val(served, one);
    }
    lamp_served_sort(served);
    return served;
}

GArray *
lamp_served_of_groups(LampCorrelation *c, const guint32 *group)
{
    GArray *served = lamp_served_of_calls(c);
    for (guint i = 0; i < served->len; i++) {
        LampServed *one = &g_array_index(served, LampServed, i);
        one->replica = one->host;
        one->host = group[one->host];
    }
    lamp_served_sort(served);
    return served;
}

guint
lamp_served_find(const GArray *served, guint32 host, gint64 start, gint64 end)
{
    guint low = 0, high = served->len;
    LampServed key = {host, start, end, 0};
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (compare_served(&g_array_index(served, LampServed, middle), &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
