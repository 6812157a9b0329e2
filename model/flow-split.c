/*
 * Cutting flows where nobody waits.
 *
 * In: a flow in preorder. Out: one flow for each asynchronous call and one for the rest, each
 * in preorder again. Links that were cut no longer count in the confidence of either side.
 */
#include "model/flow-split.h"

/* An empty part whose calls will be appended; room for all of @flow's is enough for any. */
static LampFlow *
begin_part(const LampFlow *flow, guint32 first)
{
    LampFlow *part = g_new0(LampFlow, 1);
    part->trace_id = first == 0 ? flow->trace_id : flow->calls[first].call_id;
    part->calls = g_new(LampFlowCall, flow->calls[first].end_index - first);
    part->weight = flow->weight;
    part->confidence = 1.0;
    part->is_background = flow->is_background || first > 0;
    return part;
}

/* Appends call @i; its parent's place in the part is @parent. */
static void
append_call(LampFlow *part, const LampFlow *flow, guint32 i, guint32 parent)
{
    LampFlowCall *call = &part->calls[part->count];
    *call = flow->calls[i];
    call->parent = parent;
    if (parent == LAMP_FLOW_NONE) {
        if (call->client_instance == 0 && i > 0)
            call->client_instance = flow->calls[flow->calls[i].parent].server_instance;
        call->is_asynchronous = 0;
        call->confidence = 1.0F;
    }
    part->confidence *= (double) call->confidence;
    part->errors += call->is_error;
    part->count++;
}

static void
set_ends(LampFlow *part)
{
    for (guint32 i = 0; i < part->count; i++)
        part->calls[i].end_index = i + 1;
    for (guint32 i = part->count; i-- > 1;) {
        LampFlowCall *parent = &part->calls[part->calls[i].parent];
        parent->end_index = MAX(parent->end_index, part->calls[i].end_index);
    }
}

GPtrArray *
lamp_flow_split(const LampFlow *flow)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func((GDestroyNotify) lamp_flow_free);
    g_autofree guint32 *part_of = g_new(guint32, flow->count + 1);
    g_autofree guint32 *places = g_new(guint32, flow->count + 1);
    for (guint32 i = 0; i < flow->count; i++) {
        gboolean is_first = i == 0 || flow->calls[i].is_asynchronous;
        guint32 above = flow->calls[i].parent;
        part_of[i] = is_first ? parts->len : part_of[above];
        if (is_first)
            g_ptr_array_add(parts, begin_part(flow, i));
        LampFlow *part = parts->pdata[part_of[i]];
        places[i] = part->count;
        append_call(part, flow, i, is_first ? LAMP_FLOW_NONE : places[above]);
    }
    for (guint i = 0; i < parts->len; i++)
        set_ends(parts->pdata[i]);
    return parts;
}
