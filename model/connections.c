/*
 * Pools of connections, as counters with queues. In: takes and gives in the order of time.
 */
#include "model/connections.h"

typedef struct {
    guint32 busy;
    LampTime since; /* `busy` has been so many */
    gint64 held;
    GQueue waiting; /* packed flow << 32 | call, as guint64* */
} State;

struct LampConnections {
    const LampPool *pools;
    State *states;
    guint count;
};

LampConnections *
lamp_connections_new(const LampPool *pools, guint count)
{
    LampConnections *connections = g_new0(LampConnections, 1);
    connections->pools = pools;
    connections->states = g_new0(State, count + 1);
    connections->count = count;
    return connections;
}

void
lamp_connections_free(LampConnections *connections)
{
    if (connections == NULL)
        return;
    for (guint i = 0; i < connections->count; i++)
        g_queue_clear_full(&connections->states[i].waiting, g_free);
    g_free(connections->states);
    g_free(connections);
}

gint64
lamp_connections_held(const LampConnections *connections, guint32 pool)
{
    return connections->states[pool].held;
}

static void
count_time(State *state, LampTime now)
{
    state->held += state->busy * (now - state->since);
    state->since = now;
}

gboolean
lamp_connections_take(LampConnections *connections, guint32 pool, LampTime now, guint32 flow,
                      guint32 call)
{
    State *state = &connections->states[pool];
    guint32 limit = connections->pools[pool].connections;
    count_time(state, now);
    if (limit == 0 || state->busy < limit) {
        state->busy++;
        return TRUE;
    }
    guint64 *who = g_new(guint64, 1);
    *who = (guint64) flow << 32 | call;
    g_queue_push_tail(&state->waiting, who);
    return FALSE;
}

static gboolean
pop_waiter(State *state, guint32 *out_flow, guint32 *out_call)
{
    g_autofree guint64 *who = g_queue_pop_head(&state->waiting);
    if (who == NULL)
        return FALSE;
    *out_flow = (guint32) (*who >> 32);
    *out_call = (guint32) *who;
    state->busy++;
    return TRUE;
}

gboolean
lamp_connections_give(LampConnections *connections, guint32 pool, LampTime now,
                      guint32 *out_flow, guint32 *out_call)
{
    State *state = &connections->states[pool];
    count_time(state, now);
    state->busy--;
    return state->busy < connections->pools[pool].connections &&
           pop_waiter(state, out_flow, out_call);
}

gboolean
lamp_connections_break(LampConnections *connections, guint32 *out_flow, guint32 *out_call)
{
    for (guint i = 0; i < connections->count; i++)
        if (pop_waiter(&connections->states[i], out_flow, out_call))
            return TRUE;
    return FALSE;
}
