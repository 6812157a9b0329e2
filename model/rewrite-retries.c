/*
 * Another number of retries.
 *
 * A retry is a call with the label of its neighbour before, made after that one failed. Fewer
 * retries: the attempts beyond the number are not made, and the last one that is left has
 * failed, so the request fails if its response waited for it. More retries: where the last
 * attempt that was made failed, further ones are drawn from the attempts at the same operation
 * that the capture holds (time and outcome together), until one succeeds or the number is
 * reached; errors above a call that succeeds in the end are gone. Between two attempts lies the
 * median pause that was seen. Attempts that are added take their time, but no place at the
 * callee.
 */
#include "model/rewrite.h"

#include "model/index-map.h"

typedef struct {
    gint64 duration;
    guint8 is_error;
} Attempt;

typedef struct {
    const LampRewrite *rewrite;
    GHashTable *attempts; /* label -> GArray of Attempt */
    GArray *pauses;       /* gint64 */
    gint64 pause;
    LampTouched touched;
} Retries;

static gboolean
is_meant(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->target, call->label, call->server_instance) &&
           lamp_target_matches_instance(rewrite->caller, call->client_instance);
}

/* The attempt after @call, or LAMP_FLOW_NONE if it was the last. */
static guint32
next_attempt(const LampReplayCall *calls, guint32 call)
{
    guint32 next = calls[call].end_index, parent = calls[call].parent;
    if (parent == LAMP_FLOW_NONE || next >= calls[parent].end_index || !calls[call].is_error ||
        calls[next].label != calls[call].label || (calls[next].waits & 1) == 0)
        return LAMP_FLOW_NONE;
    return next;
}

static void
learn_attempt(Retries *retries, const LampReplayCall *calls, guint32 call)
{
    const LampReplayCall *c = &calls[call];
    gpointer label = GUINT_TO_POINTER(c->label);
    GArray *attempts = g_hash_table_lookup(retries->attempts, label);
    if (attempts == NULL) {
        attempts = g_array_new(FALSE, FALSE, sizeof(Attempt));
        g_hash_table_insert(retries->attempts, label, attempts);
    }
    Attempt attempt = {c->net_out + c->held + c->net_back, c->is_error};
    g_array_append_val(attempts, attempt);
    guint32 next = next_attempt(calls, call);
    if (next != LAMP_FLOW_NONE)
        g_array_append_val(retries->pauses, calls[next].lag_start);
}

static void
cure(LampReplayCall *calls, guint32 call)
{
    for (guint32 i = call; i != LAMP_FLOW_NONE && calls[i].is_error; i = calls[i].parent)
        calls[i].is_error = 0;
}

static void
add_attempts(Retries *retries, LampReplayCall *calls, guint32 call, guint made)
{
    GArray *attempts =
        g_hash_table_lookup(retries->attempts, GUINT_TO_POINTER(calls[call].label));
    guint64 random = lamp_mix64(calls[call].number);
    gboolean is_error = TRUE;
    for (; is_error && made <= retries->rewrite->count; made++) {
        random = lamp_mix64(random + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
        const Attempt *drawn = &g_array_index(attempts, Attempt, random % attempts->len);
        calls[call].net_back += retries->pause + drawn->duration;
        is_error = drawn->is_error != 0;
    }
    if (!is_error)
        cure(calls, call);
}

/* Rewrites the attempts that begin with @first; returns the last of them. */
static guint32
rewrite_chain(Retries *retries, LampReplayCall *calls, guint32 first)
{
    guint made = 0;
    guint32 last = first, kept = first;
    for (guint32 i = first; i != LAMP_FLOW_NONE; i = next_attempt(calls, i)) {
        last = i;
        if (made++ <= retries->rewrite->count)
            kept = i;
    }
    if (kept != last) {
        for (guint32 i = calls[kept].end_index; i <= last; i = calls[i].end_index) {
            lamp_rewrite_remove(retries->rewrite, calls, i);
            calls[i].lag_start = 0; /* the pause before it */
        }
        calls[kept].gives_up = 1;
        retries->touched.calls++;
        retries->touched.failing++;
    } else if (calls[last].is_error && made <= retries->rewrite->count) {
        add_attempts(retries, calls, last, made);
        retries->touched.calls++;
    }
    return last;
}

static gint
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

static void
each_flow(Retries *retries, LampReplay *replay, gboolean is_learning)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 p = 0; p < flow->count; p++)
            for (guint32 i = p + 1; i < calls[p].end_index; i = calls[i].end_index) {
                if (!is_meant(retries->rewrite, &calls[i]) || calls[i].is_removed)
                    continue;
                if (is_learning)
                    learn_attempt(retries, calls, i);
                else
                    i = rewrite_chain(retries, calls, i);
            }
    }
}

LampTouched
lamp_rewrite_retries(const LampRewrite *rewrite, LampReplay *replay)
{
    Retries retries = {.rewrite = rewrite};
    retries.attempts = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
    retries.pauses = g_array_new(FALSE, FALSE, sizeof(gint64));
    each_flow(&retries, replay, TRUE);
    g_array_sort(retries.pauses, compare_ns);
    if (retries.pauses->len > 0)
        retries.pause = g_array_index(retries.pauses, gint64, retries.pauses->len / 2);
    each_flow(&retries, replay, FALSE);
    g_hash_table_unref(retries.attempts);
    g_array_unref(retries.pauses);
    return retries.touched;
}
