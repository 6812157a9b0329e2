/*
 * What the messages between each two hosts say of the difference of their clocks.
 *
 * In: calls that more than one host's capture saw, and connections. First and last byte of a
 * request and of its response, and the packets of the handshake, are each stamped by both; the
 * capture nearer to the client stamps the request earlier and the response later. So every
 * call bounds the difference of the two clocks from both sides.
 *
 * For each pair only the tightest bound in each of LAMP_CLOCK_SLOTS slices of time is kept, so
 * memory does not grow with the traffic; once in slices of the one clock and once of the other,
 * because a clock that was set back stamps two times alike.
 */
#include "correlate/clock/pairs.h"
#include "base/keyed-map.h"

#include <math.h>

#define MAX_PAIRS 4096
#define PAIR_BUDGET ((gsize) 16 << 20)

/* Connections do not tell their capture's resolution: microseconds are the usual one. */
#define HANDSHAKE_RESOLUTION_NS 1000

typedef struct {
    LampCorrelation *c;
    LampKeyedMap *index; /* two hosts to number in pairs + 1 */
    GPtrArray *pairs;
    gint64 *first_time, *last_time; /* of each host, on its clock */
} Table;

static guint32
host_of_member(LampCorrelation *c, guint32 member)
{
    const LampObservation *seen =
        lamp_observation(c, g_array_index(c->members, guint32, member));
    return seen->source != LAMP_INDEX_NONE ? lamp_source(c, seen->source)->host
                                           : LAMP_INDEX_NONE;
}

static guint32
host_of_capture(LampCorrelation *c, const LampConnection *connection)
{
    return connection->source != LAMP_INDEX_NONE ? lamp_source(c, connection->source)->host
                                                 : LAMP_INDEX_NONE;
}

static LampClockPair *
pair_of(Table *table, guint32 a, guint32 b)
{
    guint32 key[2] = {a, b};
    gboolean is_new = FALSE;
    guint64 *number =
        table->pairs->len < MAX_PAIRS
            ? lamp_keyed_map_add(table->index, lamp_bytes(key, sizeof key), &is_new)
            : lamp_keyed_map_find(table->index, lamp_bytes(key, sizeof key));
    if (number == NULL)
        return NULL;
    if (is_new) {
        LampClockPair *pair = g_new0(LampClockPair, 1);
        pair->a = a;
        pair->b = b;
        for (guint i = 0; i < 2 * LAMP_CLOCK_SLOTS; i++) {
            LampClockSlot *slot = &pair->slots[i / LAMP_CLOCK_SLOTS][i % LAMP_CLOCK_SLOTS];
            slot->upper.y = INFINITY;
            slot->lower.y = -INFINITY;
        }
        g_ptr_array_add(table->pairs, pair);
        *number = table->pairs->len;
    }
    return g_ptr_array_index(table->pairs, *number - 1);
}

/* The slice of time of a stamp of @host. */
static guint
slot_of(const Table *table, guint32 host, gint64 time)
{
    double first = (double) table->first_time[host];
    double span = (double) table->last_time[host] - first + 1;
    double slot = ((double) time - first) / span * LAMP_CLOCK_SLOTS;
    return (guint) CLAMP(slot, 0, LAMP_CLOCK_SLOTS - 1);
}

static void
keep_tighter(LampClockSlot *slot, LampClockPoint point, gboolean is_upper)
{
    LampClockPoint *kept = is_upper ? &slot->upper : &slot->lower;
    if (is_upper ? point.y < kept->y : point.y > kept->y)
        *kept = point;
}

/* How far along the way from client to server a member stands. */
static guint
rank_of(const LampCall *call, guint32 host)
{
    if (host == call->client_host)
        return 0;
    return host == call->server_host ? 2 : 1;
}

static gboolean
has_same_response(const LampObservation *a, const LampObservation *b)
{
    return a->response_first != LAMP_TIME_NONE && b->response_first != LAMP_TIME_NONE &&
           a->response_sequence == b->response_sequence;
}

static gint64
turn_time(const LampObservation *seen)
{
    return seen->response_first - seen->request_first;
}

/* Less than 0 where @a is nearer to the client than @b, more than 0 where @b is, 0 where that
 * cannot be told: two captures that heard a datagram for many are not behind each other. Of two
 * captures in the middle the one that saw the longer turn is nearer. */
static gint
compare_nearness(const LampCall *call, guint32 host_a, const LampObservation *a, guint32 host_b,
                 const LampObservation *b)
{
    guint rank_a = rank_of(call, host_a);
    guint rank_b = rank_of(call, host_b);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    if (!has_same_response(a, b) || a->response_sequence < 0)
        return 0;
    gint64 longer = turn_time(a) - turn_time(b);
    return longer > 0 ? -1 : longer < 0;
}

static gboolean
is_usable(const LampObservation *seen)
{
    return seen->origin == LAMP_FROM_WIRE && seen->request_first != LAMP_TIME_NONE &&
           (seen->flags & (LAMP_SEEN_GAP | LAMP_SEEN_PRECAPTURE)) == 0;
}

/* Stores one bound: clock b minus clock a was at most (request) or at least (response) what the
 * two stamps of one byte say. Each stamp is the beginning of an interval of its resolution. */
static void
add_bound(Table *table, LampClockPair *pair, gint64 time_a, gint64 time_b, gboolean is_upper,
          gint64 resolution)
{
    double y = (double) (time_b - time_a + (is_upper ? resolution : -resolution));
    gint64 times[2] = {time_a, time_b};
    guint32 hosts[2] = {pair->a, pair->b};
    for (guint axis = 0; axis < 2; axis++) {
        LampClockPoint point = {(double) (times[axis] - table->c->epoch) / 1e9, y};
        guint slot = slot_of(table, hosts[axis], times[axis]);
        keep_tighter(&pair->slots[axis][slot], point, is_upper);
    }
    pair->samples++;
}

/* Bounds of one call seen twice: first and last byte of request and response. The last byte is
 * the same one where the first is and as many follow. */
static void
add_messages(Table *table, LampClockPair *pair, const LampObservation *first,
             const LampObservation *second, gboolean is_forward)
{
    gint64 slack = MAX(first->resolution, second->resolution);
    add_bound(table, pair, first->request_first, second->request_first, is_forward, slack);
    if (first->request_bytes == second->request_bytes &&
        first->request_last != LAMP_TIME_NONE && second->request_last != LAMP_TIME_NONE)
        add_bound(table, pair, first->request_last, second->request_last, is_forward, slack);
    if (!has_same_response(first, second))
        return;
    add_bound(table, pair, first->response_first, second->response_first, !is_forward, slack);
    if (first->response_bytes == second->response_bytes &&
        first->response_last != LAMP_TIME_NONE && second->response_last != LAMP_TIME_NONE &&
        ((first->flags | second->flags) & LAMP_SEEN_NO_RESPONSE) == 0)
        add_bound(table, pair, first->response_last, second->response_last, !is_forward, slack);
}

static void
add_members(Table *table, const LampCall *call, guint32 i, guint32 j)
{
    LampCorrelation *c = table->c;
    const LampObservation *a = lamp_observation(c, g_array_index(c->members, guint32, i));
    const LampObservation *b = lamp_observation(c, g_array_index(c->members, guint32, j));
    guint32 host_a = host_of_member(c, i);
    guint32 host_b = host_of_member(c, j);
    if (host_a == host_b || host_a == LAMP_INDEX_NONE || host_b == LAMP_INDEX_NONE ||
        !is_usable(a) || !is_usable(b))
        return;
    gint nearness = compare_nearness(call, host_a, a, host_b, b);
    if (nearness == 0)
        return;
    gboolean a_is_near = nearness < 0;
    const LampObservation *first = host_a < host_b ? a : b;
    const LampObservation *second = host_a < host_b ? b : a;
    gboolean is_forward = a_is_near == (first == a);
    LampClockPair *pair = pair_of(table, MIN(host_a, host_b), MAX(host_a, host_b));
    if (pair == NULL)
        return;
    add_messages(table, pair, first, second, is_forward);
}

static void
measure_spans(Table *table)
{
    LampCorrelation *c = table->c;
    for (guint i = 0; i < c->hosts->len; i++) {
        table->first_time[i] = G_MAXINT64;
        table->last_time[i] = G_MININT64;
    }
    for (guint i = 0; i < c->connections->len; i++) {
        const LampConnection *connection = lamp_connection(c, i);
        guint32 host = host_of_capture(c, connection);
        if (host == LAMP_INDEX_NONE)
            continue;
        table->first_time[host] = MIN(table->first_time[host], connection->first_time);
        table->last_time[host] = MAX(table->last_time[host], connection->first_time);
    }
    for (guint i = 0; i < c->observations->len; i++) {
        const LampObservation *seen = lamp_observation(c, i);
        if (!is_usable(seen) || seen->source == LAMP_INDEX_NONE ||
            lamp_source(c, seen->source)->host == LAMP_INDEX_NONE)
            continue;
        guint32 host = lamp_source(c, seen->source)->host;
        table->first_time[host] = MIN(table->first_time[host], seen->request_first);
        table->last_time[host] = MAX(table->last_time[host], seen->request_first);
    }
}

static void
collect_pairs(Table *table)
{
    LampCorrelation *c = table->c;
    for (guint k = 0; k < c->calls->len; k++) {
        const LampCall *call = lamp_call(c, k);
        guint32 end = call->first_member + MIN(call->member_count, 16);
        for (guint32 i = call->first_member; i < end; i++)
            for (guint32 j = i + 1; j < end; j++)
                add_members(table, call, i, j);
    }
}

static gint
compare_same(gconstpointer left, gconstpointer right, gpointer user)
{
    guint32 a = *(const guint32 *) left;
    guint32 b = *(const guint32 *) right;
    guint32 x = lamp_connection(user, a)->same_as;
    guint32 y = lamp_connection(user, b)->same_as;
    if (x != y)
        return x < y ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Is the capture of @a nearer to the client than that of @b? Its handshake took longer from SYN
 * to SYN/ACK. */
static gboolean
opens_nearer(const LampConnection *a, const LampConnection *b)
{
    return a->handshake_server_ns > b->handshake_server_ns;
}

/* SYN, SYN/ACK and ACK of one connection at two captures bound their clocks too. */
static void
add_handshakes(Table *table, const LampConnection *a, const LampConnection *b)
{
    guint32 host_a = host_of_capture(table->c, a);
    guint32 host_b = host_of_capture(table->c, b);
    if (host_a == host_b || host_a == LAMP_INDEX_NONE || host_b == LAMP_INDEX_NONE ||
        a->handshake_server_ns < 0 || b->handshake_server_ns < 0)
        return;
    const LampConnection *first = host_a < host_b ? a : b;
    const LampConnection *second = host_a < host_b ? b : a;
    gboolean is_forward = opens_nearer(first, second);
    LampClockPair *pair = pair_of(table, MIN(host_a, host_b), MAX(host_a, host_b));
    if (pair == NULL)
        return;
    gint64 one = first->first_time;
    gint64 two = second->first_time;
    add_bound(table, pair, one, two, is_forward, HANDSHAKE_RESOLUTION_NS);
    one += first->handshake_server_ns;
    two += second->handshake_server_ns;
    add_bound(table, pair, one, two, !is_forward, HANDSHAKE_RESOLUTION_NS);
    if (first->handshake_client_ns >= 0 && second->handshake_client_ns >= 0)
        add_bound(table, pair, one + first->handshake_client_ns,
                  two + second->handshake_client_ns, is_forward, HANDSHAKE_RESOLUTION_NS);
}

static void
collect_handshakes(Table *table)
{
    LampCorrelation *c = table->c;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->connections->len; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_same, c);
    for (guint i = 0; i < order->len; i++) {
        const LampConnection *a = lamp_connection(c, g_array_index(order, guint32, i));
        for (guint k = i + 1; k < MIN(order->len, i + 16); k++) {
            const LampConnection *b = lamp_connection(c, g_array_index(order, guint32, k));
            if (a->same_as != b->same_as)
                break;
            add_handshakes(table, a, b);
        }
    }
}

GPtrArray *
lamp_clock_pairs(LampCorrelation *c)
{
    g_autofree gint64 *times = g_new0(gint64, 2 * (gsize) c->hosts->len + 1);
    Table table = {
        .c = c,
        .index = lamp_keyed_map_new(PAIR_BUDGET),
        .pairs = g_ptr_array_new_with_free_func(g_free),
        .first_time = times,
        .last_time = times + c->hosts->len,
    };
    measure_spans(&table);
    collect_pairs(&table);
    collect_handshakes(&table);
    lamp_keyed_map_free(table.index);
    return table.pairs;
}

void
lamp_clock_pair_points(const LampClockPair *pair, guint axis, GArray *upper, GArray *lower)
{
    for (guint i = 0; i < LAMP_CLOCK_SLOTS; i++) {
        const LampClockSlot *slot = &pair->slots[axis][i];
        if (isfinite(slot->upper.y))
            g_array_append_val(upper, slot->upper);
        if (isfinite(slot->lower.y))
            g_array_append_val(lower, slot->lower);
    }
    lamp_clock_points_sort(upper);
    lamp_clock_points_sort(lower);
}
