/*
 * Finds the two spans that are the ends of one call.
 *
 * Where the input says so (`span_joins`), that holds. The others are joined by time: a server
 * span of B called by A lies within the client span of A calling B of the same operation; of
 * the client spans that are open around it, the one that ends first is taken, in the order of
 * the servers' starts, which is the most probable assignment where delays are alike. Spans
 * whose other end is not there stay single. Cost: O(n log n) and the spans open at once.
 */
#include "correlate/passes.h"
#include "correlate/span-parents.h"

static void
join(LampCorrelation *c, guint32 a, guint32 b)
{
    g_array_index(c->partners, guint32, a) = b;
    g_array_index(c->partners, guint32, b) = a;
}

static guint32
partner(LampCorrelation *c, guint32 i)
{
    return g_array_index(c->partners, guint32, i);
}

static gboolean
join_as_told(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) rows =
        lamp_statement_new(c->store,
                           "SELECT a.observation_id, b.observation_id FROM span_joins j"
                           " JOIN observations a ON a.external_id = j.client_external_id"
                           " JOIN observations b ON b.external_id = j.server_external_id"
                           " WHERE a.role = 'client' AND b.role = 'server' ORDER BY 1, 2",
                           error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 a = lamp_find_observation(c, lamp_statement_int(rows, 0));
        guint32 b = lamp_find_observation(c, lamp_statement_int(rows, 1));
        if (a != LAMP_INDEX_NONE && b != LAMP_INDEX_NONE && partner(c, a) == LAMP_INDEX_NONE &&
            partner(c, b) == LAMP_INDEX_NONE)
            join(c, a, b);
    }
    return FALSE;
}

static guint32
caller_of(const LampObservation *span)
{
    return span->role == LAMP_SEEN_BY_CLIENT ? span->process : span->peer;
}

static guint32
callee_of(const LampObservation *span)
{
    return span->role == LAMP_SEEN_BY_CLIENT ? span->peer : span->process;
}

static gint
compare_kinds(const LampObservation *a, const LampObservation *b)
{
    if (caller_of(a) != caller_of(b))
        return caller_of(a) < caller_of(b) ? -1 : 1;
    if (callee_of(a) != callee_of(b))
        return callee_of(a) < callee_of(b) ? -1 : 1;
    if (a->operation != b->operation)
        return a->operation < b->operation ? -1 : 1;
    return 0;
}

/* By kind of call, then by start; a client before the server that starts with it. */
static gint
compare_spans(gconstpointer left, gconstpointer right, gpointer user)
{
    guint32 i = *(const guint32 *) left;
    guint32 k = *(const guint32 *) right;
    const LampObservation *a = lamp_observation(user, i);
    const LampObservation *b = lamp_observation(user, k);
    gint order = compare_kinds(a, b);
    if (order != 0)
        return order;
    if (a->request_first != b->request_first)
        return a->request_first < b->request_first ? -1 : 1;
    if (a->role != b->role)
        return a->role == LAMP_SEEN_BY_CLIENT ? -1 : 1;
    return i < k ? -1 : i > k;
}

/* Takes the open client span that ends first but not before @server; drops those that are over.
 */
static void
join_server(LampCorrelation *c, GArray *open, guint32 server)
{
    const LampObservation *span = lamp_observation(c, server);
    guint best = G_MAXUINT;
    gint64 best_end = G_MAXINT64;
    for (guint i = 0; i < open->len;) {
        gint64 end = lamp_observation(c, g_array_index(open, guint32, i))->response_last;
        if (end != LAMP_TIME_NONE && end < span->request_first) {
            g_array_remove_index_fast(open, i);
            continue;
        }
        if (end >= span->response_last && end < best_end) {
            best = i;
            best_end = end;
        }
        i++;
    }
    if (best == G_MAXUINT)
        return;
    join(c, g_array_index(open, guint32, best), server);
    g_array_remove_index_fast(open, best);
}

static void
join_by_time(LampCorrelation *c)
{
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *span = lamp_observation(c, i);
        if (span->origin == LAMP_FROM_SPAN && partner(c, i) == LAMP_INDEX_NONE &&
            span->process != 0 && span->peer != 0 && span->request_first != LAMP_TIME_NONE &&
            !lamp_is_told(c, span->id))
            g_array_append_val(order, i);
    }
    g_array_sort_with_data(order, compare_spans, c);
    for (guint i = 0; i < order->len; i++) {
        guint32 index = g_array_index(order, guint32, i);
        const LampObservation *span = lamp_observation(c, index);
        if (i > 0 &&
            compare_kinds(span, lamp_observation(c, g_array_index(order, guint32, i - 1))) != 0)
            g_array_set_size(open, 0);
        if (span->role == LAMP_SEEN_BY_CLIENT)
            g_array_append_val(open, index);
        else
            join_server(c, open, index);
    }
}

gboolean
lamp_pass_join(LampCorrelation *c, GError **error)
{
    guint32 none = LAMP_INDEX_NONE;
    for (guint32 i = 0; i < c->observations->len; i++)
        g_array_append_val(c->partners, none);
    if (!join_as_told(c, error) || !lamp_read_told_parents(c, error))
        return FALSE;
    join_by_time(c);
    return TRUE;
}
