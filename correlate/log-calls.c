/*
 * Calls that only logs show.
 *
 * A server's record gives a call its server end; a client's record (an upstream's address and
 * time) its client end. The two are one call if the client's host names the server's host, the
 * operations and paths agree, and the times overlap within what resolution and clocks leave
 * open; of several, the nearest in time is taken first. Cost: near-linear; at most NEAR records
 * are looked at for one.
 */
#include "correlate/logs.h"

#include <math.h>
#include <string.h>

#define SLACK_NS (2 * LAMP_NS_PER_SECOND)
#define NEAR 2000

typedef struct {
    double cost;
    guint32 client, server; /* observations */
} Pair;

typedef struct {
    guint32 host;
    gint64 start;
    guint32 line;
} Entry;

static guint32
host_of_line(LampCorrelation *c, guint32 line)
{
    return lamp_source(c, lamp_observation(c, line)->source)->host;
}

/* Host that a client's record names as its peer: by address, or by name. */
static guint32
peer_host(LampCorrelation *c, const LampObservation *line)
{
    if (line->server == LAMP_INDEX_NONE)
        return LAMP_INDEX_NONE;
    const LampPlace *place = lamp_place(c, line->server);
    return place->host;
}

static gint64
start_on_reference(LampCorrelation *c, guint32 line)
{
    return lamp_on_reference(c, lamp_host(c, host_of_line(c, line)),
                             lamp_observation(c, line)->request_first);
}

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left;
    const Entry *b = right;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static gint
compare_pairs(gconstpointer left, gconstpointer right)
{
    const Pair *a = left;
    const Pair *b = right;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    if (a->client != b->client)
        return a->client < b->client ? -1 : 1;
    return a->server < b->server ? -1 : a->server > b->server;
}

static GArray *
list_servers(LampCorrelation *c, const GArray *lines)
{
    GArray *servers = g_array_new(FALSE, FALSE, sizeof(Entry));
    for (guint i = 0; i < lines->len; i++) {
        guint32 line = g_array_index(lines, guint32, i);
        Entry entry = {host_of_line(c, line), start_on_reference(c, line), line};
        if (lamp_observation(c, line)->role != LAMP_SEEN_BY_CLIENT)
            g_array_append_val(servers, entry);
    }
    g_array_sort(servers, compare_entries);
    return servers;
}

static guint
first_at(const GArray *servers, guint32 host, gint64 start)
{
    guint low = 0;
    guint high = servers->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Entry *entry = &g_array_index(servers, Entry, middle);
        if (entry->host < host || (entry->host == host && entry->start < start))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double
duration_of(const LampObservation *line)
{
    return line->response_last != LAMP_TIME_NONE
               ? (double) (line->response_last - line->request_first)
               : 0;
}

static void
pair_client(LampCorrelation *c, const LampTexts *texts, guint32 client, const GArray *servers,
            GArray *pairs)
{
    const LampObservation *line = lamp_observation(c, client);
    guint32 host = peer_host(c, line);
    if (host == LAMP_INDEX_NONE)
        return;
    gint64 start = start_on_reference(c, client);
    gint64 reach = SLACK_NS + line->resolution;
    guint first = first_at(servers, host, start - reach);
    for (guint i = first; i < servers->len && i < first + NEAR; i++) {
        const Entry *entry = &g_array_index(servers, Entry, i);
        const LampObservation *server = lamp_observation(c, entry->line);
        if (entry->host != host || entry->start > start + reach)
            break;
        guint64 said = lamp_texts_path(texts, client);
        guint64 seen = lamp_texts_path(texts, entry->line);
        if ((said != 0 && seen != 0 && said != seen) ||
            lamp_texts_ids_differ(texts, client, entry->line) ||
            !lamp_texts_same_operation(texts, line->operation, server->operation))
            continue;
        double apart = fabs((double) (entry->start - start));
        double open = (double) (line->resolution + server->resolution);
        Pair pair = {fmax(0, apart - open) + fabs(duration_of(line) - duration_of(server)),
                     client, entry->line};
        g_array_append_val(pairs, pair);
    }
}

gboolean
lamp_calls_from_logs(LampCorrelation *c, const LampTexts *texts, const GArray *lines,
                     GError **error)
{
    g_autoptr(GArray) servers = list_servers(c, lines);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    for (guint i = 0; i < lines->len; i++) {
        guint32 line = g_array_index(lines, guint32, i);
        if (lamp_observation(c, line)->role == LAMP_SEEN_BY_CLIENT)
            pair_client(c, texts, line, servers, pairs);
    }
    g_array_sort(pairs, compare_pairs);
    for (guint i = 0; i < pairs->len; i++) {
        const Pair *pair = &g_array_index(pairs, Pair, i);
        guint32 *client = &g_array_index(c->partners, guint32, pair->client);
        guint32 *server = &g_array_index(c->partners, guint32, pair->server);
        if (*client != LAMP_INDEX_NONE || *server != LAMP_INDEX_NONE)
            continue;
        *client = pair->server;
        *server = pair->client;
    }
    if (!lamp_log_stamps_settle(c, lines, error))
        return FALSE;
    for (guint i = 0; i < lines->len; i++) {
        guint32 before = c->calls->len;
        lamp_add_single(c, g_array_index(lines, guint32, i));
        if (c->calls->len > before)
            lamp_set_times(c, lamp_call(c, before));
    }
    return TRUE;
}
