/*
 * From observations to calls: what several captures saw of one request becomes one call.
 *
 * A request that two captures saw has the same addresses and ports in both, and its first byte
 * the same TCP sequence number, wherever the captures began (DeepFlow joins its taps so). So
 * observations are sorted by (client, server, sequence number); the k-th of one capture goes
 * with the k-th of the others. Without sequence numbers the position on the connection and the
 * operation stand in for it. Of the members of a call, the one captured at the client's host
 * and the one at the server's host give its two ends; a capture in the middle serves for an end
 * that has none of its own.
 *
 * Messages to multicast and broadcast addresses that nobody answers stay observations: they are
 * no calls. Spans become calls too; log records wait for correlate/logs.c.
 * Where addresses were rewritten on the way (NAT), the two initial sequence numbers of the
 * connection still agree, so such connections are one. Limit: a middlebox that rewrites those
 * too, or a connection that began before the captures, is not seen through; nor where numbers
 * were not drawn, as in captures that were made up or made anonymous. Cost: O(n log n).
 */
#include "correlate/passes.h"

enum { FIRST_DRAWN = 1 << 16, MOST_VIEWS = 4 /* by one capture, of a connection */ };

static gint
compare_beginnings(const LampConnection *a, const LampConnection *b)
{
    if (a->client_sequence != b->client_sequence)
        return a->client_sequence < b->client_sequence ? -1 : 1;
    if (a->server_sequence != b->server_sequence)
        return a->server_sequence < b->server_sequence ? -1 : 1;
    return 0;
}

static gint
compare_connections(gconstpointer left, gconstpointer right, gpointer user)
{
    guint32 a = *(const guint32 *) left;
    guint32 b = *(const guint32 *) right;
    const LampConnection *x = lamp_connection(user, a), *y = lamp_connection(user, b);
    gint order = compare_beginnings(x, y);
    if (order != 0)
        return order;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Hosts draw their initial sequence numbers (RFC 9293, 3.4.1); programs that make captures, or
 * take from them what is private, begin at a small number. */
static gboolean
has_drawn_numbers(const LampConnection *connection)
{
    return connection->client_sequence >= 0 && connection->server_sequence >= 0 &&
           MAX(connection->client_sequence, connection->server_sequence) >= FIRST_DRAWN;
}

/* Connections order[@from, @to) have the same two initial sequence numbers. Where one capture
 * saw more of them than addresses are rewritten on a way, the numbers are all alike and tell
 * nothing. */
static void
join_same(LampCorrelation *c, const GArray *order, guint from, guint to)
{
    guint32 lowest = LAMP_INDEX_NONE, source = LAMP_INDEX_NONE;
    guint views = 0;
    for (guint i = from; i < to; i++) {
        guint32 index = g_array_index(order, guint32, i);
        const LampConnection *connection = lamp_connection(c, index);
        views = connection->source == source ? views + 1 : 1;
        source = connection->source;
        lowest = MIN(lowest, index);
        if (views > MOST_VIEWS)
            return;
    }
    for (guint i = from; i < to; i++)
        lamp_connection(c, g_array_index(order, guint32, i))->same_as = lowest;
}

/* Connections whose both initial sequence numbers agree are one, whatever their addresses. */
static void
join_connections(LampCorrelation *c)
{
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->connections->len; i++)
        if (has_drawn_numbers(lamp_connection(c, i)))
            g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_connections, c);
    for (guint from = 0, to; from < order->len; from = to) {
        const LampConnection *first = lamp_connection(c, g_array_index(order, guint32, from));
        for (to = from + 1; to < order->len; to++)
            if (compare_beginnings(first,
                                   lamp_connection(c, g_array_index(order, guint32, to))) != 0)
                break;
        join_same(c, order, from, to);
    }
    for (guint32 i = 0; i < c->observations->len; i++) {
        LampObservation *seen = lamp_observation(c, i);
        if (seen->connection == LAMP_INDEX_NONE)
            continue;
        const LampConnection *same =
            lamp_connection(c, lamp_connection(c, seen->connection)->same_as);
        seen->client = same->client;
        seen->server = same->server;
    }
}

/* Sequence number, or what replaces it. */
static gint
compare_identity(const LampObservation *a, const LampObservation *b)
{
    if (a->client != b->client)
        return a->client < b->client ? -1 : 1;
    if (a->server != b->server)
        return a->server < b->server ? -1 : 1;
    if (a->request_sequence != b->request_sequence)
        return a->request_sequence < b->request_sequence ? -1 : 1;
    if (a->request_sequence >= 0)
        return 0;
    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    if (a->operation != b->operation)
        return a->operation < b->operation ? -1 : 1;
    return 0;
}

static gint
compare_observations(gconstpointer left, gconstpointer right, gpointer user)
{
    LampCorrelation *c = user;
    const LampObservation *a = lamp_observation(c, *(const guint32 *) left);
    const LampObservation *b = lamp_observation(c, *(const guint32 *) right);
    gint order = compare_identity(a, b);
    if (order != 0)
        return order;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    if (a->request_first != b->request_first)
        return a->request_first < b->request_first ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* Host whose clock stamped the observation. */
static guint32
clock_host(LampCorrelation *c, const LampObservation *seen)
{
    return seen->source != LAMP_INDEX_NONE ? lamp_source(c, seen->source)->host
                                           : LAMP_INDEX_NONE;
}

static guint32
host_of_place(LampCorrelation *c, const LampObservation *seen, guint32 place)
{
    if (place == LAMP_INDEX_NONE)
        return LAMP_INDEX_NONE;
    const LampPlace *p = lamp_place(c, place);
    return p->is_loopback ? clock_host(c, seen) : p->host;
}

/* How much of the call an observation shows; the higher the better. */
static guint
completeness(const LampObservation *seen)
{
    guint score = 0;
    score += (seen->flags & LAMP_SEEN_NO_RESPONSE) == 0 ? 8 : 0;
    score += (seen->flags & (LAMP_SEEN_GAP | LAMP_SEEN_PRECAPTURE)) == 0 ? 4 : 0;
    score += (seen->flags & LAMP_SEEN_OPAQUE) == 0 ? 2 : 0;
    score += seen->operation != 0 ? 1 : 0;
    return score;
}

static gboolean
is_better(LampCorrelation *c, guint32 candidate, guint32 best)
{
    return best == LAMP_INDEX_NONE || completeness(lamp_observation(c, candidate)) >
                                          completeness(lamp_observation(c, best));
}

/* The position counted by the capture that saw most of the connection. */
static guint32
best_position(LampCorrelation *c, const LampCall *call)
{
    guint32 position = 0;
    for (guint32 i = 0; i < call->member_count; i++) {
        guint32 index = g_array_index(c->members, guint32, call->first_member + i);
        const LampObservation *seen = lamp_observation(c, index);
        if (seen->connection != LAMP_INDEX_NONE &&
            lamp_connection(c, seen->connection)->client_sequence >= 0)
            return seen->position;
        position = MAX(position, seen->position);
    }
    return position;
}

/* The ends of a call: what the capture at that end saw, for addresses may have been rewritten.
 */
static void
find_ends(LampCorrelation *c, LampCall *call)
{
    for (guint32 i = 0; i < call->member_count; i++) {
        const LampObservation *seen =
            lamp_observation(c, g_array_index(c->members, guint32, call->first_member + i));
        guint32 ends[2] = {seen->client, seen->server};
        if (seen->connection != LAMP_INDEX_NONE) {
            ends[0] = lamp_connection(c, seen->connection)->client;
            ends[1] = lamp_connection(c, seen->connection)->server;
        }
        guint32 client_host = host_of_place(c, seen, ends[0]);
        guint32 server_host = host_of_place(c, seen, ends[1]);
        guint32 own = clock_host(c, seen);
        if (i == 0 || (own != LAMP_INDEX_NONE && own == client_host)) {
            call->client_place = ends[0];
            call->client_host = client_host;
        }
        if (i == 0 || (own != LAMP_INDEX_NONE && own == server_host)) {
            call->server_place = ends[1];
            call->server_host = server_host;
        }
    }
}

/* Finds which members stand at the two ends. */
static void
place_members(LampCorrelation *c, LampCall *call)
{
    guint32 middle = LAMP_INDEX_NONE;
    for (guint32 i = 0; i < call->member_count; i++) {
        guint32 index = g_array_index(c->members, guint32, call->first_member + i);
        const LampObservation *seen = lamp_observation(c, index);
        guint32 host = clock_host(c, seen);
        gboolean is_end = FALSE;
        if (host != LAMP_INDEX_NONE && host == call->client_host) {
            is_end = TRUE;
            if (is_better(c, index, call->client_seen))
                call->client_seen = index;
        }
        if (host != LAMP_INDEX_NONE && host == call->server_host) {
            is_end = TRUE;
            if (is_better(c, index, call->server_seen))
                call->server_seen = index;
        }
        if (!is_end && is_better(c, index, middle))
            middle = index;
        if (is_better(c, index, call->base_seen))
            call->base_seen = index;
    }
    if (call->client_seen == LAMP_INDEX_NONE)
        call->client_seen = middle;
    if (call->server_seen == LAMP_INDEX_NONE)
        call->server_seen = middle;
}

static void
describe_call(LampCorrelation *c, LampCall *call)
{
    const LampObservation *base = lamp_observation(c, call->base_seen);
    call->protocol = base->protocol;
    call->operation = base->operation;
    call->flags = base->flags;
    call->is_error = base->is_error;
    call->request_bytes = base->request_bytes;
    call->response_bytes = base->response_bytes;
    call->client_thread = call->server_thread = base->thread;
    call->position = best_position(c, call);
}

static LampCall
empty_call(void)
{
    return (LampCall){
        .first_evidence = LAMP_INDEX_NONE,
        .client_seen = LAMP_INDEX_NONE,
        .server_seen = LAMP_INDEX_NONE,
        .base_seen = LAMP_INDEX_NONE,
        .client_host = LAMP_INDEX_NONE,
        .server_host = LAMP_INDEX_NONE,
        .client_instance = LAMP_INDEX_NONE,
        .server_instance = LAMP_INDEX_NONE,
        .client_place = LAMP_INDEX_NONE,
        .server_place = LAMP_INDEX_NONE,
        .client_connection = LAMP_INDEX_NONE,
        .server_connection = LAMP_INDEX_NONE,
        .client_start = LAMP_TIME_NONE,
        .client_end = LAMP_TIME_NONE,
        .server_start = LAMP_TIME_NONE,
        .server_end = LAMP_TIME_NONE,
        .parent = LAMP_INDEX_NONE,
        .root = LAMP_INDEX_NONE,
    };
}

static void
add_call(LampCorrelation *c, guint32 first_member)
{
    LampCall call = empty_call();
    call.first_member = first_member;
    call.member_count = c->members->len - first_member;
    find_ends(c, &call);
    place_members(c, &call);
    describe_call(c, &call);
    g_array_append_val(c->calls, call);
}

/* What one source has of a run: order[next, end). */
typedef struct {
    guint next, end;
} Share;

static GArray *
list_shares(LampCorrelation *c, const GArray *order, guint from, guint to)
{
    GArray *shares = g_array_new(FALSE, FALSE, sizeof(Share));
    guint32 source = LAMP_INDEX_NONE;
    for (guint i = from; i < to; i++) {
        guint32 own = lamp_observation(c, g_array_index(order, guint32, i))->source;
        Share share = {i, i};
        if (i == from || own != source)
            g_array_append_val(shares, share);
        source = own;
        g_array_index(shares, Share, shares->len - 1).end = i + 1;
    }
    return shares;
}

/* One run of equal identity in order[from, to): the k-th of each source are one call. */
static void
add_run(LampCorrelation *c, const GArray *order, guint from, guint to)
{
    g_autoptr(GArray) shares = list_shares(c, order, from, to);
    while (shares->len > 0) {
        guint32 first_member = c->members->len;
        guint left = 0;
        for (guint i = 0; i < shares->len; i++) {
            Share share = g_array_index(shares, Share, i);
            g_array_append_val(c->members, g_array_index(order, guint32, share.next));
            share.next++;
            if (share.next < share.end)
                g_array_index(shares, Share, left++) = share;
        }
        g_array_set_size(shares, left);
        add_call(c, first_member);
    }
}

/* What is sent to a group and not answered (service discovery, name broadcasts) calls nobody.
 */
static gboolean
is_call(LampCorrelation *c, const LampObservation *seen)
{
    if (seen->server == LAMP_INDEX_NONE || !lamp_place(c, seen->server)->is_group)
        return TRUE;
    return (seen->flags & (LAMP_SEEN_NO_RESPONSE | LAMP_SEEN_ONE_WAY)) == 0;
}

static void
merge_wire(LampCorrelation *c)
{
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->observations->len; i++)
        if (lamp_observation(c, i)->origin == LAMP_FROM_WIRE &&
            is_call(c, lamp_observation(c, i)))
            g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_observations, c);
    guint from = 0;
    for (guint i = 1; i <= order->len; i++) {
        if (i < order->len &&
            compare_identity(lamp_observation(c, g_array_index(order, guint32, i)),
                             lamp_observation(c, g_array_index(order, guint32, from))) == 0)
            continue;
        add_run(c, order, from, i);
        from = i;
    }
}

/* The end that a log tells of is the log's own host. */
static void
place_log_ends(LampCorrelation *c, LampCall *call)
{
    if (call->client_seen != LAMP_INDEX_NONE) {
        const LampObservation *seen = lamp_observation(c, call->client_seen);
        call->client_host = clock_host(c, seen);
        call->client_thread = seen->thread;
        call->server_place = seen->server;
        call->server_host = host_of_place(c, seen, seen->server);
    }
    if (call->server_seen != LAMP_INDEX_NONE) {
        const LampObservation *seen = lamp_observation(c, call->server_seen);
        call->server_host = clock_host(c, seen);
        call->server_thread = seen->thread;
        call->client_place = seen->client;
        if (call->client_host == LAMP_INDEX_NONE)
            call->client_host = host_of_place(c, seen, seen->client);
    }
}

/* Spans and log records: one call each, seen at the end that wrote it; joined spans are one. */
void
lamp_add_single(LampCorrelation *c, guint32 index)
{
    guint32 other = g_array_index(c->partners, guint32, index);
    gboolean is_client = lamp_observation(c, index)->role == LAMP_SEEN_BY_CLIENT;
    if (other != LAMP_INDEX_NONE && !is_client)
        return; /* its client end brings it in */
    guint32 first_member = c->members->len;
    g_array_append_val(c->members, index);
    if (other != LAMP_INDEX_NONE)
        g_array_append_val(c->members, other);
    add_call(c, first_member);
    LampCall *call = lamp_call(c, c->calls->len - 1);
    call->client_seen = is_client ? index : LAMP_INDEX_NONE;
    call->server_seen = is_client ? other : index;
    if (lamp_observation(c, index)->origin == LAMP_FROM_LOG)
        place_log_ends(c, call);
}

static guint32
find_root(guint32 *parents, guint32 i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}

/* Gives the connections that several captures saw one number: the lowest of theirs. */
static void
number_connections(LampCorrelation *c)
{
    guint n = c->connections->len;
    g_autofree guint32 *parents = g_new(guint32, MAX(n, 1));
    for (guint32 i = 0; i < n; i++)
        parents[i] = i;
    for (guint k = 0; k < c->calls->len; k++) {
        LampCall *call = lamp_call(c, k);
        for (guint32 i = 0; i < call->member_count; i++) {
            guint32 index = g_array_index(c->members, guint32, call->first_member + i);
            guint32 connection = lamp_observation(c, index)->connection;
            if (connection == LAMP_INDEX_NONE)
                continue;
            if (call->client_connection == LAMP_INDEX_NONE)
                call->client_connection = connection;
            guint32 a = find_root(parents, call->client_connection);
            guint32 b = find_root(parents, connection);
            parents[MAX(a, b)] = MIN(a, b);
        }
    }
    for (guint k = 0; k < c->calls->len; k++) {
        LampCall *call = lamp_call(c, k);
        if (call->client_connection == LAMP_INDEX_NONE)
            continue;
        call->client_connection = find_root(parents, call->client_connection);
        call->server_connection = call->client_connection;
    }
}

gboolean
lamp_pass_merge(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    join_connections(c);
    merge_wire(c);
    for (guint32 i = 0; i < c->observations->len; i++)
        if (lamp_observation(c, i)->origin == LAMP_FROM_SPAN)
            lamp_add_single(c, i);
    number_connections(c);
    return TRUE;
}
