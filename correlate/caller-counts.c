/*
 * Who calls whom, counted by groups of hosts that are replicas, so that it is known at once and
 * not looked for in all calls. Cost: O(1) for each call.
 */
#include "correlate/caller-counts.h"

static guint64
pair_of(guint32 callee, guint32 caller)
{
    return (guint64) callee << 32 | caller;
}

/* Counts the call, or takes it back. */
static void
count_call(const LampCallerCounts *counts, const LampCall *call, gboolean is_added)
{
    if (call->server_host == LAMP_INDEX_NONE || call->client_host == LAMP_INDEX_NONE)
        return;
    guint32 callee = counts->group[call->server_host];
    guint64 key = pair_of(callee, counts->group[call->client_host]);
    guint calls = GPOINTER_TO_UINT(g_hash_table_lookup(counts->calls, &key));
    calls = is_added ? calls + 1 : calls - 1;
    counts->named[callee] = is_added ? counts->named[callee] + 1 : counts->named[callee] - 1;
    g_hash_table_insert(counts->calls, g_memdup2(&key, sizeof key), GUINT_TO_POINTER(calls));
}

void
lamp_caller_counts_begin(LampCallerCounts *counts, LampCorrelation *c, const guint32 *group)
{
    *counts = (LampCallerCounts){
        .c = c,
        .group = group,
        .calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .asked = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .named = g_new0(guint, (gsize) c->hosts->len + 1),
    };
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        count_call(counts, call, TRUE);
        if (call->server_host == LAMP_INDEX_NONE || call->client_place == LAMP_INDEX_NONE)
            continue;
        guint64 key =
            pair_of(group[call->server_host], lamp_place(c, call->client_place)->host);
        g_hash_table_add(counts->asked, g_memdup2(&key, sizeof key));
    }
}

void
lamp_caller_counts_end(LampCallerCounts *counts)
{
    g_hash_table_unref(counts->calls);
    g_hash_table_unref(counts->asked);
    g_free(counts->named);
}

void
lamp_caller_counts_move(const LampCallerCounts *counts, LampCall *call, guint32 host)
{
    count_call(counts, call, FALSE);
    call->client_host = host;
    count_call(counts, call, TRUE);
}

gboolean
lamp_caller_counts_is_most(const LampCallerCounts *counts, guint32 callee, guint32 caller)
{
    guint64 key = pair_of(callee, caller);
    return 2 * GPOINTER_TO_UINT(g_hash_table_lookup(counts->calls, &key)) >
           counts->named[callee];
}

gboolean
lamp_caller_counts_asks_too(const LampCallerCounts *counts, guint32 caller,
                            const LampCall *call)
{
    if (call->client_place == LAMP_INDEX_NONE)
        return FALSE;
    guint64 key = pair_of(caller, lamp_place(counts->c, call->client_place)->host);
    return g_hash_table_contains(counts->asked, &key);
}
