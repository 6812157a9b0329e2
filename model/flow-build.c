/*
 * Trees from rows.
 *
 * In: the calls of one trace with parent ids. Out: an array in preorder. The walk is iterative,
 * so a chain of a million calls does not use up the stack, and rows on a cycle of parents are
 * simply never reached. Times are then repaired top-down: what is left of clock error after
 * correction must not give negative gaps to the replay. Durations are kept where they can be.
 */
#include "model/flow-build.h"

#include "store/rows.h"

#define NOT_WAITED_FOR (LAMP_CALL_NO_RESPONSE | LAMP_CALL_ONE_WAY | LAMP_CALL_ABORTED)

void
lamp_flow_builder_clear(LampFlowBuilder *builder)
{
    g_clear_pointer(&builder->calls, g_array_unref);
    g_clear_pointer(&builder->heads, g_array_unref);
    g_clear_pointer(&builder->nexts, g_array_unref);
    g_clear_pointer(&builder->stack, g_array_unref);
    g_clear_pointer(&builder->moved, g_array_unref);
}

static void
prepare(LampFlowBuilder *builder, guint n)
{
    if (builder->calls == NULL) {
        builder->calls = g_array_new(FALSE, FALSE, sizeof(LampFlowCall));
        builder->heads = g_array_new(FALSE, FALSE, sizeof(guint32));
        builder->nexts = g_array_new(FALSE, FALSE, sizeof(guint32));
        builder->stack = g_array_new(FALSE, FALSE, sizeof(guint32));
        builder->moved = g_array_new(FALSE, FALSE, sizeof(gint64));
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
        if (g_array_index(rows, LampFlowCallRow, mid).call.call_id < call_id)
            low = mid + 1;
        else
            high = mid;
    }
    gboolean found =
        low < rows->len && g_array_index(rows, LampFlowCallRow, low).call.call_id == call_id;
    return found ? low : LAMP_FLOW_NONE;
}

/* Does row @a come after row @b among siblings? */
static gboolean
starts_after(const GArray *rows, guint32 a, guint32 b)
{
    const LampFlowCall *x = &g_array_index(rows, LampFlowCallRow, a).call;
    const LampFlowCall *y = &g_array_index(rows, LampFlowCallRow, b).call;
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
    LampFlowCall call = g_array_index(rows, LampFlowCallRow, i).call;
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

/* Within its caller's: moved whole if it is not longer, for a clock that is off leaves lengths
 * as they are; cut else, and where the caller did not wait for it. */
static void
place_server(LampFlowCall *call)
{
    gint64 length = call->server_end - call->server_start;
    if ((call->flags & NOT_WAITED_FOR) == 0 && length >= 0 &&
        length <= call->client_end - call->client_start) {
        call->server_start =
            CLAMP(call->server_start, call->client_start, call->client_end - length);
        call->server_end = call->server_start + length;
        return;
    }
    call->server_start = MAX(call->server_start, call->client_start);
    call->client_end = MAX(call->client_end, call->server_start);
    call->server_end = CLAMP(call->server_end, call->server_start, call->client_end);
}

/* Not before the request that makes it; its length is kept as far as the request lasts. */
static void
place_client(LampFlowCall *call, const LampFlowCall *parent)
{
    gint64 late = parent->server_start - call->client_start;
    if (late <= 0)
        return;
    call->client_start += late;
    call->client_end = MAX(call->client_end, MIN(call->client_end + late, parent->server_end));
    call->client_end = MAX(call->client_end, call->client_start);
}

/* What a server was moved by, its calls are moved by: one clock stamped them. */
static void
repair_times(LampFlowBuilder *builder)
{
    LampFlowCall *c = (LampFlowCall *) (gpointer) builder->calls->data;
    gint64 *moved =
        (gint64 *) (gpointer) g_array_set_size(builder->moved, builder->calls->len)->data;
    for (guint i = 0; i < builder->calls->len; i++) {
        guint32 parent = c[i].parent;
        gint64 by = parent != LAMP_FLOW_NONE ? moved[parent] : 0;
        gint64 seen = c[i].server_start;
        c[i].client_start += by;
        c[i].client_end += by;
        c[i].server_start += by;
        c[i].server_end += by;
        if (parent != LAMP_FLOW_NONE)
            place_client(&c[i], &c[parent]);
        place_server(&c[i]);
        moved[i] = c[i].server_start - seen;
    }
}

/* A call without a response was at work at least until the last that it caused was over. */
static void
extend_open(GArray *calls)
{
    LampFlowCall *c = (LampFlowCall *) (gpointer) calls->data;
    for (guint i = calls->len; i-- > 1;) {
        LampFlowCall *parent = &c[c[i].parent];
        if (!parent->is_open || c[i].client_end <= parent->server_end)
            continue;
        parent->server_end = c[i].client_end;
        parent->client_end = MAX(parent->client_end, c[i].client_end);
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
        const LampFlowCallRow *row = &g_array_index(rows, LampFlowCallRow, i);
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
    repair_times(builder);
    extend_open(builder->calls);
    out_flow->calls = (LampFlowCall *) (gpointer) builder->calls->data;
    out_flow->count = builder->calls->len;
    for (guint i = 0; i < out_flow->count; i++)
        out_flow->errors += out_flow->calls[i].is_error;
    return rows->len - out_flow->count;
}
