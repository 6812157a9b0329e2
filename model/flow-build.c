/*
 * Trees from rows.
 *
 * In: the calls of one trace with parent ids. Out: an array in preorder. The walk is iterative,
 * so a chain of a million calls does not use up the stack, and rows on a cycle of parents are
 * simply never reached. Times are then repaired top-down: what is left of clock error after
 * correction must not give negative gaps to the replay.
 */
#include "model/flow-build.h"

void
lamp_flow_builder_clear(LampFlowBuilder *builder)
{
    g_clear_pointer(&builder->calls, g_array_unref);
    g_clear_pointer(&builder->heads, g_array_unref);
    g_clear_pointer(&builder->nexts, g_array_unref);
    g_clear_pointer(&builder->stack, g_array_unref);
}

static void
prepare(LampFlowBuilder *builder, guint n)
{
    if (builder->calls == NULL) {
        builder->calls = g_array_new(FALSE, FALSE, sizeof(LampFlowCall));
        builder->heads = g_array_new(FALSE, FALSE, sizeof(guint32));
        builder->nexts = g_array_new(FALSE, FALSE, sizeof(guint32));
        builder->stack = g_array_new(FALSE, FALSE, sizeof(guint32));
    }
    g_array_set_size(builder->calls, 0);
    g_array_set_size(builder->heads, n);
    g_array_set_size(builder->nexts, n);
    g_array_set_size(builder->stack, 0);
    for (guint i = 0; i < n; i++)
        g_array_index(builder->heads, guint32, i) = LAMP_FLOW_NONE;
}

static guint32
find_row(const GArray *rows, gint64 call_id)
{
    guint low = 0, high = rows->len;
    while (low < high) {
        guint mid = low + (high - low) / 2;
        if (g_array_index(rows, LampFlowRow, mid).call.call_id < call_id)
            low = mid + 1;
        else
            high = mid;
    }
    gboolean found =
        low < rows->len && g_array_index(rows, LampFlowRow, low).call.call_id == call_id;
    return found ? low : LAMP_FLOW_NONE;
}

/* Does row @a come after row @b among siblings? */
static gboolean
starts_after(const GArray *rows, guint32 a, guint32 b)
{
    const LampFlowCall *x = &g_array_index(rows, LampFlowRow, a).call;
    const LampFlowCall *y = &g_array_index(rows, LampFlowRow, b).call;
    if (x->client_start != y->client_start)
        return x->client_start > y->client_start;
    return x->call_id > y->call_id;
}

/* Puts row @i into its parent's list, which is kept latest first: the walk pushes the list on a
 * stack, so the earliest is taken first. Rows come nearly sorted, so the scan is short. */
static void
insert_child(LampFlowBuilder *builder, const GArray *rows, guint32 parent, guint32 i)
{
    guint32 *place = &g_array_index(builder->heads, guint32, parent);
    while (*place != LAMP_FLOW_NONE && starts_after(rows, *place, i))
        place = &g_array_index(builder->nexts, guint32, *place);
    g_array_index(builder->nexts, guint32, i) = *place;
    *place = i;
}

/* Appends row @i and pushes its children with the index of their parent. */
static void
visit(LampFlowBuilder *builder, const GArray *rows, guint32 i, guint32 parent)
{
    LampFlowCall call = g_array_index(rows, LampFlowRow, i).call;
    guint32 at = builder->calls->len;
    call.parent = parent;
    g_array_append_val(builder->calls, call);
    guint32 child = g_array_index(builder->heads, guint32, i);
    while (child != LAMP_FLOW_NONE) {
        g_array_append_val(builder->stack, child);
        g_array_append_val(builder->stack, at);
        child = g_array_index(builder->nexts, guint32, child);
    }
}

static void
set_end_indices(GArray *calls)
{
    LampFlowCall *c = (LampFlowCall *) (gpointer) calls->data;
    for (guint i = 0; i < calls->len; i++)
        c[i].end_index = i + 1;
    for (guint i = calls->len; i-- > 1;)
        c[c[i].parent].end_index = MAX(c[c[i].parent].end_index, c[i].end_index);
}

static void
repair_times(GArray *calls)
{
    LampFlowCall *c = (LampFlowCall *) (gpointer) calls->data;
    for (guint i = 0; i < calls->len; i++) {
        if (c[i].parent != LAMP_FLOW_NONE)
            c[i].client_start = MAX(c[i].client_start, c[c[i].parent].server_start);
        c[i].server_start = MAX(c[i].server_start, c[i].client_start);
        c[i].client_end = MAX(c[i].client_end, c[i].server_start);
        c[i].server_end = CLAMP(c[i].server_end, c[i].server_start, c[i].client_end);
    }
}

guint
lamp_flow_build(LampFlowBuilder *builder, const GArray *rows, gint64 trace_id,
                LampFlow *out_flow)
{
    prepare(builder, rows->len);
    *out_flow = (LampFlow){.trace_id = trace_id};
    guint32 root = find_row(rows, trace_id);
    if (root == LAMP_FLOW_NONE)
        return rows->len;
    for (guint32 i = 0; i < rows->len; i++) {
        const LampFlowRow *row = &g_array_index(rows, LampFlowRow, i);
        guint32 parent = i == root || row->parent_call_id == 0
                             ? LAMP_FLOW_NONE
                             : find_row(rows, row->parent_call_id);
        if (parent != LAMP_FLOW_NONE && parent != i)
            insert_child(builder, rows, parent, i);
    }
    visit(builder, rows, root, LAMP_FLOW_NONE);
    while (builder->stack->len > 0) {
        guint n = builder->stack->len;
        guint32 parent = g_array_index(builder->stack, guint32, n - 1);
        guint32 i = g_array_index(builder->stack, guint32, n - 2);
        g_array_set_size(builder->stack, n - 2);
        visit(builder, rows, i, parent);
    }
    set_end_indices(builder->calls);
    repair_times(builder->calls);
    out_flow->calls = (LampFlowCall *) (gpointer) builder->calls->data;
    out_flow->count = builder->calls->len;
    for (guint i = 0; i < out_flow->count; i++)
        out_flow->errors += out_flow->calls[i].is_error;
    return rows->len - out_flow->count;
}
