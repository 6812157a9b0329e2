/*
 * Rewriting in what order a call makes the calls below it: together, one after the other, once
 * instead of often.
 *
 * Calls made together never end later than the same calls made in turn: a member of the group
 * starts with its first member, which is no later than it started before, and what waited for
 * its end now waits until it and the member before it have ended and the caller has done the
 * work that lay between the two, which was over before that, too. Calls that stand between two
 * members and need the first (storing what was read) stay behind it.
 */
#include "model/rewrite.h"

/* What is known of a call's siblings while the list is walked; indices are of the flow. */
typedef struct {
    guint32 call;
    guint32 leader; /* nearest member of the group that the call waits for, itself a member */
} Sibling;

static gboolean
is_callee(const LampRewrite *rewrite, const LampReplayCall *call)
{
    return lamp_target_matches(rewrite->callees, call->label, call->server_instance);
}

/*
 * Nearest member of the group that call @i of @siblings waits for, through others too, or
 * LAMP_FLOW_NONE; @out_others is what it waits for beside the group.
 */
static guint32
find_leader(const LampRewrite *rewrite, const LampReplayCall *calls, const GArray *siblings,
            guint16 waits, guint16 *out_others)
{
    guint32 nearest = LAMP_FLOW_NONE;
    *out_others = 0;
    for (guint k = 0; k < LAMP_REPLAY_WAITS && k < siblings->len; k++) {
        if ((waits >> k & 1) == 0)
            continue;
        const Sibling *other = &g_array_index(siblings, Sibling, siblings->len - 1 - k);
        guint32 leader = is_callee(rewrite, &calls[other->call]) ? other->call : other->leader;
        if (leader == LAMP_FLOW_NONE)
            *out_others = (guint16) (*out_others | 1u << k);
        else if (nearest == LAMP_FLOW_NONE || leader > nearest)
            nearest = leader;
    }
    return nearest;
}

/* Starts @call together with the group of @leader. */
static void
join_group(LampReplayCall *calls, guint32 call, guint32 leader, guint16 others)
{
    LampReplayCall *c = &calls[call];
    guint distance = (guint) (c->ordinal - calls[leader].ordinal);
    c->joins = (guint16) distance;
    c->starts_with = (guint16) (distance + calls[leader].starts_with);
    c->lag_join = c->lag_start;
    c->lag_start = 0;
    c->waits = others;
}

guint
lamp_rewrite_parallel(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    g_autoptr(GArray) siblings = g_array_new(FALSE, FALSE, sizeof(Sibling));
    guint joined = 0;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        guint16 others;
        Sibling sibling = {i, find_leader(rewrite, calls, siblings, calls[i].waits, &others)};
        if (sibling.leader != LAMP_FLOW_NONE && is_callee(rewrite, &calls[i]) &&
            !calls[i].starts_late && calls[i].ordinal < G_MAXUINT16 &&
            calls[i].starts_with == 0) {
            join_group(calls, i, sibling.leader, others);
            joined++;
        }
        g_array_append_val(siblings, sibling);
    }
    return joined;
}

/* Calls that one event released were prepared together: the later one, made to wait for the
 * earlier, does not do the work before the fork again. */
guint
lamp_rewrite_sequential(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    (void) rewrite;
    gint64 lag_before = 0;
    guint16 waits_before = 0;
    guint changed = 0;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        gint64 lag = calls[i].lag_start;
        guint16 waits = calls[i].waits;
        if (calls[i].ordinal > 0 && (waits & 1) == 0 && !calls[i].starts_late) {
            gboolean same_release = waits == (guint16) (waits_before << 1);
            calls[i].waits = (guint16) (waits | 1u);
            calls[i].lag_start = same_release ? MAX(lag - lag_before, 0) : lag;
            if (calls[i].starts_with > 0)
                calls[i].lag_start = calls[i].lag_join;
            calls[i].starts_with = calls[i].joins = 0;
            calls[i].lag_join = 0;
            changed++;
        }
        lag_before = lag;
        waits_before = waits;
    }
    return changed;
}

/* Neither the call nor what it causes takes time; what waited for it waits for nothing. */
guint
lamp_rewrite_remove(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    (void) rewrite;
    if (call == 0 || calls[call].is_removed)
        return 0;
    for (guint32 i = call; i < calls[call].end_index; i++) {
        calls[i].lag_leave = calls[i].net_out = calls[i].net_back = 0;
        calls[i].lag_start = i == call ? calls[i].lag_start : 0;
        calls[i].timeout = 0;
        calls[i].is_removed = 1;
    }
    return 1;
}

/* Of repeated equal calls the first stays, the others take no time. */
guint
lamp_rewrite_batch(const LampRewrite *rewrite, LampReplayCall *calls, guint32 call)
{
    guint removed = 0;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        if (!lamp_target_matches(rewrite->target, calls[i].label, calls[i].server_instance) ||
            calls[i].is_removed)
            continue;
        for (guint32 k = calls[i].end_index; k < calls[call].end_index; k = calls[k].end_index)
            if (calls[k].label == calls[i].label &&
                lamp_target_matches(rewrite->target, calls[k].label,
                                    calls[k].server_instance)) {
                removed += lamp_rewrite_remove(rewrite, calls, k);
                calls[k].lag_start = calls[k].lag_join = 0;
            }
    }
    return removed;
}
