/*
 * Servers that pass a request on before it is whole.
 *
 * A server begins its work when the last byte of the request has arrived, so what it calls
 * begins after that. A streaming proxy does not wait: it sends the head on, and the body as it
 * comes. At a place where the calls of its host begin far more often between the first and the
 * last byte of a request than while requests are being served (counted for all calls and for
 * those of the request's own operation, which a proxy hands on as it is), requests begin with
 * their first byte. Calls that other, overlapping requests make fall into both stretches alike.
 *
 * In: the times of all calls. Out: LampCall.is_streamed, and the times that follow from it.
 * Cost: O(n log n).
 */
#include "correlate/passes.h"

#define FEWEST 3
#define LEAST_SHARE 0.1  /* of the requests that came in several parts */
#define TIMES_DENSER 4.0 /* than while served */

/* A call as its caller makes it. */
typedef struct {
    guint32 host, protocol, operation; /* the last two 0: of any kind */
    gint64 start;
} Start;

typedef struct {
    GArray *any, *same; /* Start, by host, kind and time */
} Starts;

typedef struct {
    guint64 early, served; /* calls that begin before the request is whole, and after */
} Count;

/* What was seen of the requests to one place. */
typedef struct {
    guint64 parted; /* requests that came in several parts */
    double early_ns, served_ns;
    Count any, same;
} Place;

static gint
compare_starts(gconstpointer left, gconstpointer right)
{
    const Start *a = left;
    const Start *b = right;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (a->protocol != b->protocol)
        return a->protocol < b->protocol ? -1 : 1;
    if (a->operation != b->operation)
        return a->operation < b->operation ? -1 : 1;
    return a->start < b->start ? -1 : a->start > b->start;
}

static GArray *
list_starts(LampCorrelation *c, gboolean by_kind)
{
    GArray *starts = g_array_new(FALSE, FALSE, sizeof(Start));
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        Start start = {call->client_host, by_kind ? call->protocol : 0,
                       by_kind ? call->operation : 0, call->client_start};
        if (start.host != LAMP_INDEX_NONE && start.start != LAMP_TIME_NONE)
            g_array_append_val(starts, start);
    }
    g_array_sort(starts, compare_starts);
    return starts;
}

static guint
count_before(const GArray *starts, const Start *key)
{
    guint low = 0, high = starts->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (compare_starts(&g_array_index(starts, Start, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Calls like @key that begin from @from on and before @to. */
static guint64
count_starts(const GArray *starts, Start key, gint64 from, gint64 to)
{
    key.start = from;
    guint first = count_before(starts, &key);
    key.start = to;
    return count_before(starts, &key) - first;
}

/* When the first byte of the request was at the server, NONE if the whole was at once. */
static gint64
first_byte(LampCorrelation *c, const LampCall *call)
{
    guint32 seen = call->server_seen != LAMP_INDEX_NONE ? call->server_seen : call->client_seen;
    if (seen == LAMP_INDEX_NONE || call->server_host == LAMP_INDEX_NONE ||
        call->server_start == LAMP_TIME_NONE || call->server_end == LAMP_TIME_NONE ||
        (call->flags & LAMP_SEEN_ONE_WAY) != 0)
        return LAMP_TIME_NONE;
    const LampObservation *observation = lamp_observation(c, seen);
    if (observation->origin != LAMP_FROM_WIRE ||
        observation->request_first >= observation->request_last)
        return LAMP_TIME_NONE;
    return call->server_start - (observation->request_last - observation->request_first);
}

static void
add_counts(const GArray *starts, const LampCall *call, gint64 first, Start key, Count *count)
{
    count->early += count_starts(starts, key, first, call->server_start);
    count->served += count_starts(starts, key, call->server_start, call->server_end);
    /* The request itself, where a host calls itself. */
    if (call->client_host == call->server_host && call->client_start >= first &&
        call->client_start < call->server_start && count->early > 0)
        count->early--;
}

static void
look_at(LampCorrelation *c, const Starts *starts, const LampCall *call, Place *places)
{
    gint64 first = first_byte(c, call);
    if (first == LAMP_TIME_NONE || call->server_place == LAMP_INDEX_NONE ||
        lamp_host(c, call->server_host)->calls == 0)
        return;
    Place *place = &places[call->server_place];
    Start any = {.host = call->server_host};
    Start same = {call->server_host, call->protocol, call->operation, 0};
    place->parted++;
    place->early_ns += (double) (call->server_start - first);
    place->served_ns += (double) MAX(1, call->server_end - call->server_start);
    add_counts(starts->any, call, first, any, &place->any);
    add_counts(starts->same, call, first, same, &place->same);
}

static gboolean
is_denser(const Place *place, const Count *count)
{
    return count->early >= FEWEST &&
           (double) count->early >= LEAST_SHARE * (double) place->parted &&
           (double) count->early * place->served_ns >
               TIMES_DENSER * (double) count->served * place->early_ns;
}

void
lamp_streamed_find(LampCorrelation *c)
{
    g_autoptr(GArray) any = list_starts(c, FALSE);
    g_autoptr(GArray) same = list_starts(c, TRUE);
    g_autofree Place *places = g_new0(Place, (gsize) c->places->len + 1);
    Starts starts = {any, same};
    for (guint32 i = 0; i < c->calls->len; i++)
        look_at(c, &starts, lamp_call(c, i), places);
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        const Place *place =
            call->server_place != LAMP_INDEX_NONE ? &places[call->server_place] : NULL;
        if (place == NULL || first_byte(c, call) == LAMP_TIME_NONE ||
            (!is_denser(place, &place->any) && !is_denser(place, &place->same)))
            continue;
        call->is_streamed = TRUE;
        lamp_set_times(c, call);
    }
}
