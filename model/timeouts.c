/*
 * How long callers wait for an answer, learnt from the calls that they gave up on.
 *
 * In: a batch of compiled flows. Out: the same with the timeouts of all calls between two
 * services of which some were given up: the longest of these is the patience of the caller.
 */
#include "model/stations.h"

static gint
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

#define MOST_LAGS 1000u

static gboolean
is_typical(const LampReplayCall *call)
{
    return !call->has_open_child && !call->is_error;
}

/* Median lag before the response of uncut calls, by label; 0 where there is none. Caller frees.
 * O(n log n). */
static gint64 *
typical_leaves(const LampReplay *replay)
{
    guint32 labels = 0;
    for (guint i = 0; i < replay->calls->len; i++)
        labels = MAX(labels, g_array_index(replay->calls, LampReplayCall, i).label + 1);
    gint64 *medians = g_new0(gint64, labels + 1);
    g_autoptr(GPtrArray) lags = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    for (guint32 l = 0; l < labels; l++)
        g_ptr_array_add(lags, g_array_new(FALSE, FALSE, sizeof(gint64)));
    for (guint i = 0; i < replay->calls->len; i++) {
        const LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        GArray *of_label = lags->pdata[call->label];
        if (is_typical(call) && of_label->len < MOST_LAGS)
            g_array_append_val(of_label, call->lag_leave);
    }
    for (guint32 l = 0; l < labels; l++) {
        GArray *of_label = lags->pdata[l];
        g_array_sort(of_label, compare_ns);
        if (of_label->len > 0)
            medians[l] = g_array_index(of_label, gint64, of_label->len / 2);
    }
    return medians;
}

static gint64
client_duration(const LampReplayCall *call)
{
    return call->net_out + call->held + call->net_back;
}

/* The call goes on after its caller has gone: lets its response wait for what was open. */
static void
uncut(const gint64 *leaves, LampReplayCall *calls, guint32 call)
{
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index)
        if (calls[i].is_given_up)
            calls[i].is_awaited = 1;
    calls[call].timeout = client_duration(&calls[call]);
    calls[call].lag_leave = leaves[calls[call].label];
}

/* What is known of calls between two services. */
typedef struct {
    gint64 timeout;     /* the longest call that was given up */
    guint cut, failing; /* how many were, and how many requests failed by it */
} TimeoutEdge;

/* Did all above @call fail with it, up to the root? */
static gboolean
fails_upwards(const LampReplayCall *calls, guint32 call)
{
    while (call != LAMP_FLOW_NONE && calls[call].is_error)
        call = calls[call].parent;
    return call == LAMP_FLOW_NONE;
}

static void
learn_timeout(GHashTable *edges, gint64 key, const LampReplayCall *calls, guint32 call)
{
    TimeoutEdge *edge = g_hash_table_lookup(edges, &key);
    if (edge == NULL) {
        edge = g_new0(TimeoutEdge, 1);
        g_hash_table_insert(edges, g_memdup2(&key, sizeof key), edge);
    }
    edge->timeout = MAX(edge->timeout, client_duration(&calls[call]));
    edge->cut++;
    edge->failing += fails_upwards(calls, call) ? 1 : 0;
}

static void
set_timeout(const gint64 *leaves, const TimeoutEdge *edge, LampReplayCall *calls, guint32 call)
{
    if (calls[call].has_open_child) {
        uncut(leaves, calls, call);
        calls[call].fails_if_cut = calls[call].was_cut = fails_upwards(calls, call) ? 1 : 0;
        return;
    }
    guint32 at = call;
    while (at != 0 && calls[at].is_awaited)
        at = calls[at].parent;
    calls[call].timeout = MAX(edge->timeout, client_duration(&calls[call]) + 1);
    calls[call].fails_if_cut = at == 0 && 2 * edge->failing > edge->cut ? 1 : 0;
}

void
lamp_timeouts_learn(LampReplay *replay, const guint32 *service_of, guint instances)
{
    g_autoptr(GHashTable) edges =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_autofree gint64 *leaves = typical_leaves(replay);
    for (gint pass = 0; pass < 2; pass++)
        for (guint f = 0; f < replay->flows->len; f++) {
            const LampReplayFlow *flow = lamp_replay_flow(replay, f);
            LampReplayCall *calls = lamp_replay_calls(replay, flow);
            for (guint32 i = 0; i < flow->count; i++) {
                if (calls[i].client_instance >= instances ||
                    calls[i].server_instance >= instances)
                    continue;
                gint64 key = (gint64) ((guint64) service_of[calls[i].client_instance] << 32 |
                                       service_of[calls[i].server_instance]);
                const TimeoutEdge *edge = g_hash_table_lookup(edges, &key);
                if (pass == 0 && calls[i].has_open_child)
                    learn_timeout(edges, key, calls, i);
                else if (pass == 1 && edge != NULL)
                    set_timeout(leaves, edge, calls, i);
            }
        }
}
