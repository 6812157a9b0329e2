/*
 * Compiling flows into replayable programs.
 *
 * In: a flow and the learnt structure. The release of an event is the latest of all that it
 * waits for; the lag is what remains. Because a start keeps all siblings it waits for and not
 * only the last one, a changed duration moves the join to another branch by itself, and slack
 * is used up before anything is felt (Chow et al., OSDI 2014; Coz's virtual speed-up, SOSP
 * 2015, is the same question asked of a running program). A call without a response has no
 * duration to replay: nothing waits for it and it takes no place, and where it is the request
 * itself, the request counts in no result.
 */
#include "model/replay.h"

LampReplay *
lamp_replay_new(void)
{
    LampReplay *replay = g_new0(LampReplay, 1);
    replay->flows = g_array_new(FALSE, TRUE, sizeof(LampReplayFlow));
    replay->calls = g_array_new(FALSE, TRUE, sizeof(LampReplayCall));
    return replay;
}

void
lamp_replay_free(LampReplay *replay)
{
    if (replay == NULL)
        return;
    g_array_unref(replay->flows);
    g_array_unref(replay->calls);
    g_free(replay);
}

void
lamp_replay_clear(LampReplay *replay)
{
    g_array_set_size(replay->flows, 0);
    g_array_set_size(replay->calls, 0);
}

/* Which of the earlier siblings (indices in @recent, latest last) does @call wait for? */
static guint16
find_waits(const LampFlow *flow, const LampStructure *structure, const guint32 *recent, guint n,
           guint32 call, LampTime *release)
{
    const LampFlowCall *c = flow->calls;
    guint16 waits = 0;
    for (guint k = 0; k < n && k < LAMP_REPLAY_WAITS; k++) {
        guint32 other = recent[n - 1 - k];
        if (c[other].is_open || c[other].client_end > c[call].client_start ||
            !lamp_structure_is_before(structure, c[c[call].parent].label, c[other].label,
                                      c[call].label))
            continue;
        waits = (guint16) (waits | 1u << k);
        *release = MAX(*release, c[other].client_end);
    }
    return waits;
}

/* Lags of the children of @parent and of its response. */
static void
compile_children(LampReplayCall *out, const LampFlow *flow, const LampStructure *structure,
                 guint32 parent, GArray *recent)
{
    const LampFlowCall *c = flow->calls;
    LampTime leave_release = c[parent].server_start;
    gboolean has_failed = FALSE; /* a child: that, and no timeout, is why the parent failed */
    out[parent].first_need = out[parent].held;
    g_array_set_size(recent, 0);
    for (guint32 i = lamp_flow_first_child(flow, parent); i != LAMP_FLOW_NONE;
         i = lamp_flow_next_sibling(flow, i)) {
        LampTime release = c[parent].server_start;
        out[i].starts_late = c[i].client_start >= c[parent].server_end &&
                                     c[parent].server_end > c[parent].server_start
                                 ? 1
                                 : 0;
        if (out[i].starts_late)
            release = c[parent].server_end;
        out[i].ordinal = (guint16) MIN(recent->len, G_MAXUINT16);
        out[i].waits = find_waits(flow, structure, (const guint32 *) (gpointer) recent->data,
                                  recent->len, i, &release);
        out[i].lag_start = c[i].client_start - release;
        out[parent].first_need =
            MIN(out[parent].first_need, c[i].client_start - c[parent].server_start);
        out[i].is_awaited = lamp_structure_was_awaited(structure, flow, i) ? 1 : 0;
        out[i].is_given_up = lamp_flow_is_given_up(flow, i) &&
                             lamp_structure_is_awaited(structure, c[parent].label, c[i].label);
        out[parent].has_open_child |= out[i].is_given_up;
        has_failed = has_failed || (c[i].is_error && out[i].is_awaited);
        if (out[i].is_awaited)
            leave_release = MAX(leave_release, c[i].client_end);
        g_array_append_val(recent, i);
    }
    if (has_failed)
        out[parent].has_open_child = 0;
    out[parent].lag_leave = c[parent].server_end - leave_release;
}

void
lamp_replay_add(LampReplay *replay, const LampFlow *flow, const LampStructure *structure)
{
    const LampFlowCall *c = flow->calls;
    LampReplayFlow head = {.trace_id = flow->trace_id,
                           .start = c[0].client_start,
                           .duration = lamp_flow_duration(flow),
                           .first = replay->calls->len,
                           .count = flow->count,
                           .label = c[0].label,
                           .weight = MAX(flow->weight, 1),
                           .confidence = (gfloat) flow->confidence,
                           .is_background = flow->is_background || lamp_flow_is_open(flow),
                           .is_open = !flow->is_background && lamp_flow_is_open(flow),
                           .is_error = c[0].is_error};
    g_autoptr(GArray) recent = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_array_set_size(replay->calls, head.first + head.count);
    LampReplayCall *out = lamp_replay_calls(replay, &head);
    for (guint32 i = 0; i < flow->count; i++)
        out[i] = (LampReplayCall){.label = c[i].label,
                                  .number = (guint32) c[i].call_id,
                                  .client_instance = c[i].client_instance,
                                  .server_instance = c[i].server_instance,
                                  .parent = c[i].parent,
                                  .end_index = c[i].end_index,
                                  .net_out = c[i].server_start - c[i].client_start,
                                  .net_back = c[i].client_end - c[i].server_end,
                                  .arrived = c[i].server_start,
                                  .held = c[i].server_end - c[i].server_start,
                                  .is_idle = c[i].waits,
                                  .bypasses = c[i].is_open,
                                  .is_open = c[i].is_open,
                                  .is_error = c[i].is_error,
                                  .is_miss = c[i].is_miss};
    for (guint32 i = 0; i < flow->count; i++)
        compile_children(out, flow, structure, i, recent);
    g_array_append_val(replay->flows, head);
}

static gint
compare_flows(gconstpointer a, gconstpointer b)
{
    const LampReplayFlow *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->trace_id < y->trace_id ? -1 : x->trace_id > y->trace_id;
}

void
lamp_replay_sort(LampReplay *replay)
{
    g_array_sort(replay->flows, compare_flows);
}
