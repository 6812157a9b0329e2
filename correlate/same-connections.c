/*
 * Connections that several captures saw, whatever their addresses.
 *
 * Where addresses are rewritten on the way (NAT), the two initial sequence numbers of a
 * connection still agree on both sides of it, so connections that share both are one; their
 * observations get the addresses of the lowest of them. A capture at the place of rewriting
 * sees both sides: its views are numbered. Limit: a middlebox that rewrites those numbers too,
 * or a connection that began before the captures, is not seen through; nor where numbers were
 * not drawn, as in captures that were made up or made anonymous. Cost: O(n log n).
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
    source = LAMP_INDEX_NONE;
    for (guint i = from; i < to; i++) {
        LampConnection *connection = lamp_connection(c, g_array_index(order, guint32, i));
        connection->same_as = lowest;
        views = connection->source == source ? views + 1 : 0;
        connection->view = views;
        source = connection->source;
    }
}

void
lamp_join_connections(LampCorrelation *c)
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
