/*
 * Calls that only logs show.
 *
 * A server's record gives a call its server end; a client's record (an upstream's address and
 * time) its client end. The two are one call if the client's host names the server's host, the
 * operations and paths agree, and the times overlap within what resolution and clocks leave
 * open; of several, the nearest in time is taken first. An address that no log stands for (a
 * balancer's, a container's) says nothing of the host: there the server's record is one with a
 * value in common that may name a request. Cost: near-linear; at most NEAR records are looked
 * at for one.
 */
#include "correlate/logs.h"

#include <math.h>
#include <string.h>

#define SLACK_NS (2 * LAMP_NS_PER_SECOND)
#define NEAR 2000
#define NEAR_USES 64 /* of records with a value in common */
#define SHARED_COST 1e15

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

typedef struct {
    LampCorrelation *c;
    const LampTexts *texts;
    GArray *servers;   /* Entry, by host and start */
    guint8 *has_lines; /* by host: some of `servers` are its */
    guint8 *is_server; /* beside the observations: in `servers` */
    GArray *pairs;     /* Pair */
} Pairing;

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

/* The pair costs what the times differ beyond the resolution of the stamps; one that shares a
 * value which may name a request comes before all that share none. */
static void
add_pair(Pairing *self, guint32 client, guint32 server_index, double discount)
{
    LampCorrelation *c = self->c;
    const LampObservation *line = lamp_observation(c, client);
    const LampObservation *server = lamp_observation(c, server_index);
    guint64 said = lamp_texts_path(self->texts, client);
    guint64 seen = lamp_texts_path(self->texts, server_index);
    if ((said != 0 && seen != 0 && said != seen) ||
        lamp_texts_ids_differ(self->texts, client, server_index) ||
        !lamp_texts_same_operation(self->texts, line->operation, server->operation))
        return;
    double apart =
        fabs((double) (start_on_reference(c, server_index) - start_on_reference(c, client)));
    double open = (double) (line->resolution + server->resolution);
    Pair pair = {fmax(0, apart - open) + fabs(duration_of(line) - duration_of(server)) -
                     discount,
                 client, server_index};
    g_array_append_val(self->pairs, pair);
}

static void
pair_client(Pairing *self, guint32 client, guint32 host)
{
    const LampObservation *line = lamp_observation(self->c, client);
    gint64 start = start_on_reference(self->c, client);
    gint64 reach = SLACK_NS + line->resolution;
    guint first = first_at(self->servers, host, start - reach);
    for (guint i = first; i < self->servers->len && i < first + NEAR; i++) {
        const Entry *entry = &g_array_index(self->servers, Entry, i);
        if (entry->host != host || entry->start > start + reach)
            break;
        add_pair(self, client, entry->line, 0);
    }
}

static gboolean
is_known(Pairing *self, guint32 host)
{
    return host != LAMP_INDEX_NONE && self->has_lines[host] != 0;
}

/* Pairs a client's record with those that bear the same value: of the host that it names, or of
 * any other if that has none. */
static void
pair_use(Pairing *self, const GArray *uses, guint at)
{
    const LampIdUse *use = &g_array_index(uses, LampIdUse, at);
    guint32 client = use->observation;
    guint32 own = host_of_line(self->c, client);
    guint32 peer = peer_host(self->c, lamp_observation(self->c, client));
    guint first = at;
    while (first > 0 && at - first < NEAR_USES &&
           g_array_index(uses, LampIdUse, first - 1).value == use->value)
        first--;
    for (guint i = first; i < uses->len && i < at + NEAR_USES; i++) {
        const LampIdUse *other = &g_array_index(uses, LampIdUse, i);
        if (other->value != use->value)
            break;
        if (self->is_server[other->observation] == 0)
            continue;
        gint64 apart = start_on_reference(self->c, other->observation) -
                       start_on_reference(self->c, client);
        guint32 host = host_of_line(self->c, other->observation);
        if ((is_known(self, peer) ? host == peer : host != own) &&
            ABS(apart) <= SLACK_NS + lamp_observation(self->c, client)->resolution)
            add_pair(self, client, other->observation, SHARED_COST);
    }
}

static void
pair_lines(Pairing *self, const GArray *lines)
{
    LampCorrelation *c = self->c;
    const GArray *uses = lamp_texts_uses(self->texts);
    g_autofree guint8 *is_client = g_new0(guint8, (gsize) c->observations->len + 1);
    for (guint i = 0; i < self->servers->len; i++) {
        const Entry *entry = &g_array_index(self->servers, Entry, i);
        self->has_lines[entry->host] = self->is_server[entry->line] = 1;
    }
    for (guint i = 0; i < lines->len; i++) {
        guint32 line = g_array_index(lines, guint32, i);
        if (lamp_observation(c, line)->role != LAMP_SEEN_BY_CLIENT)
            continue;
        if (is_known(self, peer_host(c, lamp_observation(c, line))))
            pair_client(self, line, peer_host(c, lamp_observation(c, line)));
        is_client[line] = 1;
    }
    for (guint i = 0; i < uses->len; i++)
        if (is_client[g_array_index(uses, LampIdUse, i).observation] != 0)
            pair_use(self, uses, i);
    g_array_sort(self->pairs, compare_pairs);
}

/* Takes the pairs in their order. Returns them as ties (LampStampTie); caller unrefs. */
static GArray *
take_pairs(Pairing *self)
{
    GArray *ties = g_array_new(FALSE, FALSE, sizeof(LampStampTie));
    for (guint i = 0; i < self->pairs->len; i++) {
        const Pair *pair = &g_array_index(self->pairs, Pair, i);
        guint32 *client = &g_array_index(self->c->partners, guint32, pair->client);
        guint32 *server = &g_array_index(self->c->partners, guint32, pair->server);
        if (*client != LAMP_INDEX_NONE || *server != LAMP_INDEX_NONE)
            continue;
        *client = pair->server;
        *server = pair->client;
        LampStampTie tie = {pair->client, pair->server};
        g_array_append_val(ties, tie);
    }
    return ties;
}

gboolean
lamp_calls_from_logs(LampCorrelation *c, const LampTexts *texts, const GArray *lines,
                     GError **error)
{
    lamp_shared_clocks_align(c, texts, lines);
    g_autoptr(GArray) servers = list_servers(c, lines);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    g_autofree guint8 *has_lines = g_new0(guint8, (gsize) c->hosts->len + 1);
    g_autofree guint8 *is_server = g_new0(guint8, (gsize) c->observations->len + 1);
    Pairing pairing = {c, texts, servers, has_lines, is_server, pairs};
    pair_lines(&pairing, lines);
    g_autoptr(GArray) ties = take_pairs(&pairing);
    if (!lamp_log_stamps_settle(c, ties, error))
        return FALSE;
    for (guint i = 0; i < lines->len; i++) {
        guint32 before = c->calls->len;
        lamp_add_single(c, g_array_index(lines, guint32, i));
        if (c->calls->len > before)
            lamp_set_times(c, lamp_call(c, before));
    }
    if (!lamp_log_callers_find(c, texts, error))
        return FALSE;
    lamp_nested_callers_find(c);
    return TRUE;
}
