/*
 * Lines up flows by caller, callee and host. O(n log n).
 */
#include "correlate/dependencies/pairs.h"

static gint
compare_uses(gconstpointer left, gconstpointer right)
{
    const LampUse *a = left, *b = right;
    if (a->caller != b->caller)
        return a->caller < b->caller ? -1 : 1;
    if (a->callee != b->callee)
        return a->callee < b->callee ? -1 : 1;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    return (a->flow > b->flow) - (a->flow < b->flow);
}

static void
add_served(LampPairs *pairs)
{
    const LampBiflows *b = pairs->biflows;
    for (guint i = 0; i < b->flows->len; i++) {
        guint32 server = lamp_biflow(b, i)->server;
        guint32 party = pairs->parties->served_by[server];
        LampUse use = {party, party, lamp_flow_endpoint(b, server)->address, i};
        if (party != LAMP_PARTY_NONE && lamp_biflow_is_connection(lamp_biflow(b, i)))
            g_array_append_val(pairs->served, use);
    }
    g_array_sort(pairs->served, compare_uses);
}

/* Distinct (host, party) of all that serves, by host. */
static GArray *
list_serving(const LampPairs *pairs)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(LampUse));
    for (guint i = 0; i < pairs->served->len; i++) {
        const LampUse *use = &g_array_index(pairs->served, LampUse, i);
        LampUse one = {use->host, use->caller, 0, 0};
        const LampUse *last =
            list->len > 0 ? &g_array_index(list, LampUse, list->len - 1) : NULL;
        if (last == NULL || last->caller != one.caller || last->callee != one.callee)
            g_array_append_val(list, one);
    }
    g_array_sort(list, compare_uses);
    return list;
}

static void
add_uses_of(LampPairs *pairs, const GArray *serving, const guint32 *begin_of, guint32 flow)
{
    const LampBiflow *f = lamp_biflow(pairs->biflows, flow);
    guint32 host = lamp_flow_endpoint(pairs->biflows, f->client)->address;
    LampUse use = {pairs->parties->of_host[host], pairs->parties->served_by[f->server], host,
                   flow};
    if (use.callee == LAMP_PARTY_NONE || !lamp_biflow_is_connection(f))
        return;
    guint32 opener = pairs->parties->opened_by[flow];
    if (opener != LAMP_PARTY_NONE)
        use.caller = opener;
    if (use.caller != LAMP_PARTY_NONE && use.caller != use.callee)
        g_array_append_val(pairs->used, use);
    if (opener != LAMP_PARTY_NONE)
        return;
    for (guint i = begin_of[host]; i < begin_of[host + 1]; i++) {
        use.caller = g_array_index(serving, LampUse, i).callee;
        if (use.caller != use.callee)
            g_array_append_val(pairs->used, use);
    }
}

LampPairs *
lamp_pairs_new(const LampBiflows *biflows, const LampParties *parties)
{
    LampPairs *pairs = g_new0(LampPairs, 1);
    pairs->biflows = biflows;
    pairs->parties = parties;
    pairs->served = g_array_new(FALSE, FALSE, sizeof(LampUse));
    pairs->used = g_array_new(FALSE, FALSE, sizeof(LampUse));
    add_served(pairs);
    g_autoptr(GArray) serving = list_serving(pairs);
    g_autofree guint32 *begin_of = g_new0(guint32, biflows->addresses->len + 2);
    for (guint i = 0; i < serving->len; i++)
        begin_of[g_array_index(serving, LampUse, i).caller + 1]++;
    for (guint i = 0; i <= biflows->addresses->len; i++)
        begin_of[i + 1] += begin_of[i];
    for (guint i = 0; i < biflows->flows->len; i++)
        add_uses_of(pairs, serving, begin_of, i);
    g_array_sort(pairs->used, compare_uses);
    return pairs;
}

void
lamp_pairs_free(LampPairs *pairs)
{
    if (pairs == NULL)
        return;
    g_array_unref(pairs->served);
    g_array_unref(pairs->used);
    g_free(pairs);
}

static void
append_flow(const LampPairs *pairs, GArray *flows, GArray *times, guint32 flow)
{
    if (flows != NULL)
        g_array_append_val(flows, flow);
    g_array_append_val(times, lamp_biflow(pairs->biflows, flow)->first);
}

static gint
compare_times(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *) left, b = *(const gint64 *) right;
    return (a > b) - (a < b);
}

LampPairHost *
lamp_pair_host_new(const LampPairs *pairs, guint begin, guint end)
{
    LampPairHost *host = g_new0(LampPairHost, 1);
    host->cause_flows = g_array_new(FALSE, FALSE, sizeof(guint32));
    host->effect_flows = g_array_new(FALSE, FALSE, sizeof(guint32));
    host->causes = g_array_new(FALSE, FALSE, sizeof(gint64));
    host->others = g_array_new(FALSE, FALSE, sizeof(gint64));
    host->effects = g_array_new(FALSE, FALSE, sizeof(gint64));
    const LampUse *pair = &g_array_index(pairs->used, LampUse, begin);
    for (guint i = begin; i < end; i++)
        append_flow(pairs, host->effect_flows, host->effects,
                    g_array_index(pairs->used, LampUse, i).flow);
    for (guint i = 0; i < pairs->served->len; i++) {
        const LampUse *served = &g_array_index(pairs->served, LampUse, i);
        if (served->host != pair->host)
            continue;
        if (served->caller == pair->caller)
            append_flow(pairs, host->cause_flows, host->causes, served->flow);
        else
            append_flow(pairs, NULL, host->others, served->flow);
    }
    g_array_sort(host->others, compare_times);
    host->panel = (LampPanel){
        .causes = (const gint64 *) (gpointer) host->causes->data,
        .others = (const gint64 *) (gpointer) host->others->data,
        .effects = (const gint64 *) (gpointer) host->effects->data,
        .cause_count = host->causes->len,
        .other_count = host->others->len,
        .effect_count = host->effects->len,
        .from = pairs->biflows->from,
        .to = pairs->biflows->to,
    };
    return host;
}

void
lamp_pair_host_free(LampPairHost *host)
{
    g_array_unref(host->cause_flows);
    g_array_unref(host->effect_flows);
    g_array_unref(host->causes);
    g_array_unref(host->others);
    g_array_unref(host->effects);
    g_free(host);
}
