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
 * Cost: O(n log n).
 */
#include "correlate/passes.h"

#include "base/union-find.h"

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

/* A capture at the place where addresses are rewritten sees a connection twice. */
static guint32
view_of(LampCorrelation *c, const LampObservation *seen)
{
    return seen->connection != LAMP_INDEX_NONE ? lamp_connection(c, seen->connection)->view : 0;
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
    if (view_of(c, a) != view_of(c, b))
        return view_of(c, a) < view_of(c, b) ? -1 : 1;
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

/* One end as @seen saw it, for addresses may have been rewritten on the way. */
static guint32
place_of_end(LampCorrelation *c, const LampObservation *seen, gboolean is_client)
{
    if (seen->connection == LAMP_INDEX_NONE)
        return is_client ? seen->client : seen->server;
    const LampConnection *connection = lamp_connection(c, seen->connection);
    return is_client ? connection->client : connection->server;
}

/* The first source tells both ends, others what they saw at their own host. */
static void
take_end(LampCorrelation *c, LampCall *call, const LampObservation *seen, gboolean is_client,
         gboolean is_first)
{
    guint32 place = place_of_end(c, seen, is_client);
    guint32 host = host_of_place(c, seen, place), own = clock_host(c, seen);
    if (!is_first && (own == LAMP_INDEX_NONE || own != host))
        return;
    if (is_client) {
        call->client_place = place;
        call->client_host = host;
    } else {
        call->server_place = place;
        call->server_host = host;
    }
}

/* The ends of a call. Of several views of one source that which the request reached first is
 * nearest to the client. */
static void
find_ends(LampCorrelation *c, LampCall *call)
{
    const guint32 *members = &g_array_index(c->members, guint32, call->first_member);
    for (guint32 i = 0, next; i < call->member_count; i = next) {
        const LampObservation *nearest = lamp_observation(c, members[i]), *farthest = nearest;
        for (next = i + 1; next < call->member_count; next++) {
            const LampObservation *seen = lamp_observation(c, members[next]);
            if (seen->source != nearest->source)
                break;
            nearest = seen->request_first < nearest->request_first ? seen : nearest;
            farthest = seen->request_first > farthest->request_first ? seen : farthest;
        }
        take_end(c, call, nearest, TRUE, i == 0);
        take_end(c, call, farthest, FALSE, i == 0);
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

/* What one view of a source has of a run: order[next, end). */
typedef struct {
    guint next, end;
} Share;

static GArray *
list_shares(LampCorrelation *c, const GArray *order, guint from, guint to)
{
    GArray *shares = g_array_new(FALSE, FALSE, sizeof(Share));
    const LampObservation *before = NULL;
    for (guint i = from; i < to; i++) {
        const LampObservation *seen = lamp_observation(c, g_array_index(order, guint32, i));
        Share share = {i, i};
        if (before == NULL || before->source != seen->source ||
            view_of(c, before) != view_of(c, seen))
            g_array_append_val(shares, share);
        before = seen;
        g_array_index(shares, Share, shares->len - 1).end = i + 1;
    }
    return shares;
}

/* One run of equal identity in order[from, to): the k-th of each view are one call. */
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
            guint32 a = lamp_union_find_root(parents, call->client_connection);
            guint32 b = lamp_union_find_root(parents, connection);
            parents[MAX(a, b)] = MIN(a, b);
        }
    }
    for (guint k = 0; k < c->calls->len; k++) {
        LampCall *call = lamp_call(c, k);
        if (call->client_connection == LAMP_INDEX_NONE)
            continue;
        call->client_connection = lamp_union_find_root(parents, call->client_connection);
        call->server_connection = call->client_connection;
    }
}

gboolean
lamp_pass_merge(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    lamp_join_connections(c);
    merge_wire(c);
    for (guint32 i = 0; i < c->observations->len; i++)
        if (lamp_observation(c, i)->origin == LAMP_FROM_SPAN)
            lamp_add_single(c, i);
    number_connections(c);
    return TRUE;
}
