/*
 * Pools of connections, as counters with queues. In: takes and gives in the order of time.
 */
#include "model/connections.h"

typedef struct {
    guint32 busy;
    GQueue waiting; /* packed flow << 32 | call, as guint64* */
} Pool;

struct LampConnections {
    const guint32 *limits;
    Pool *pools;
    guint count;
};

LampConnections *
lamp_connections_new(const guint32 *limits, guint count)
{
    LampConnections *connections = g_new0(LampConnections, 1);
    connections->limits = limits;
    connections->pools = g_new0(Pool, count + 1);
    connections->count = count;
    return connections;
}

void
lamp_connections_free(LampConnections *connections)
{
    if (connections == NULL)
        return;
    for (guint i = 0; i < connections->count; i++)
        g_queue_clear_full(&connections->pools[i].waiting, g_free);
    g_free(connections->pools);
    g_free(connections);
}

gboolean
lamp_connections_take(LampConnections *connections, guint32 pool, guint32 flow, guint32 call)
{
    Pool *p = &connections->pools[pool];
    guint32 limit = connections->limits[pool];
    if (limit == 0 || p->busy < limit) {
        p->busy++;
        return TRUE;
    }
    guint64 *who = g_new(guint64, 1);
    *who = (guint64) flow << 32 | call;
    g_queue_push_tail(&p->waiting, who);
    return FALSE;
}

static gboolean
pop_waiter(Pool *pool, guint32 *out_flow, guint32 *out_call)
{
    g_autofree guint64 *who = g_queue_pop_head(&pool->waiting);
    if (who == NULL)
        return FALSE;
    *out_flow = (guint32) (*who >> 32);
    *out_call = (guint32) *who;
    pool->busy++;
    return TRUE;
}

gboolean
lamp_connections_give(LampConnections *connections, guint32 pool, guint32 *out_flow,
                      guint32 *out_call)
{
    Pool *p = &connections->pools[pool];
    p->busy--;
    return p->busy < connections->limits[pool] && pop_waiter(p, out_flow, out_call);
}

gboolean
lamp_connections_break(LampConnections *connections, guint32 *out_flow, guint32 *out_call)
{
    for (guint i = 0; i < connections->count; i++)
        if (pop_waiter(&connections->pools[i], out_flow, out_call))
            return TRUE;
    return FALSE;
}
