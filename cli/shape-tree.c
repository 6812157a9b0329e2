/*
 * Drawing a flow's tree. The stack holds the calls still to be drawn with the prefix of their
 * lines, so that depth is bounded by memory and not by the machine's stack.
 */
#include "cli/shape-tree.h"

#include "base/text.h"
#include "cli/flow-options.h"

typedef struct {
    guint32 call;
    guint repeat;
    gboolean is_last, is_parallel;
    char *prefix;
} Pending;

static gboolean
is_same_tree(const LampFlow *flow, guint32 a, guint32 b)
{
    const LampFlowCall *c = flow->calls;
    if (c[a].end_index - a != c[b].end_index - b)
        return FALSE;
    for (guint32 k = 0; a + k < c[a].end_index; k++)
        if (c[a + k].label != c[b + k].label ||
            c[a + k].is_asynchronous != c[b + k].is_asynchronous ||
            (k > 0 && c[a + k].parent - a != c[b + k].parent - b))
            return FALSE;
    return TRUE;
}

static gboolean
is_parallel_to(const LampStructure *structure, const LampFlow *flow, guint32 a, guint32 b)
{
    const LampFlowCall *c = flow->calls;
    return !lamp_structure_is_before(structure, c[c[a].parent].label, c[a].label, c[b].label);
}

/* Children of @call with repeats folded, in order. */
static GArray *
fold_children(const LampStructure *structure, const LampFlow *flow, guint32 call)
{
    GArray *children = g_array_new(FALSE, TRUE, sizeof(Pending));
    for (guint32 c = lamp_flow_first_child(flow, call); c != LAMP_FLOW_NONE;
         c = lamp_flow_next_sibling(flow, c)) {
        Pending *last =
            children->len == 0 ? NULL : &g_array_index(children, Pending, children->len - 1);
        gboolean is_parallel = last != NULL && is_parallel_to(structure, flow, last->call, c);
        if (is_parallel)
            last->is_parallel = TRUE;
        if (last != NULL && is_same_tree(flow, last->call, c)) {
            last->repeat++;
            continue;
        }
        Pending child = {.call = c, .repeat = 1, .is_parallel = is_parallel};
        g_array_append_val(children, child);
    }
    if (children->len > 0)
        g_array_index(children, Pending, children->len - 1).is_last = TRUE;
    return children;
}

/* Work that was fetched from a queue is not made by the queue that the call to it asked. */
static void
append_maker(GString *out, const LampTopology *topology, const LampFlow *flow,
             const LampFlowCall *call)
{
    guint32 maker = lamp_topology_instance(topology, call->client_instance)->service;
    guint32 asked =
        call->parent == LAMP_FLOW_NONE
            ? maker
            : lamp_topology_instance(topology, flow->calls[call->parent].server_instance)
                  ->service;
    g_string_append(out, " (asynchronous");
    if (maker != asked && maker != 0) {
        const char *name = lamp_topology_service(topology, maker)->name;
        g_autofree char *safe = lamp_text_escape(lamp_bytes_text(name));
        g_string_append_printf(out, ", by %s", safe);
    }
    g_string_append_c(out, ')');
}

static void
append_line(GString *out, const LampTopology *topology, const LampFlow *flow,
            const Pending *line, const char *margin, gboolean ascii)
{
    const LampFlowCall *call = &flow->calls[line->call];
    g_autofree char *label = lamp_label_format(topology, call->label);
    g_string_append_printf(out, "%s%s", margin, line->prefix);
    if (line->call != 0)
        g_string_append(out, ascii ? (line->is_last ? "`- " : "|- ")
                                   : (line->is_last ? "└─ " : "├─ "));
    g_string_append(out, label);
    if (line->repeat > 1)
        g_string_append_printf(out, ascii ? " x%u" : " ×%u", line->repeat);
    if (line->is_parallel)
        g_string_append(out, ascii ? " ||" : " ‖");
    if (call->is_asynchronous)
        append_maker(out, topology, flow, call);
    g_string_append_c(out, '\n');
}

void
lamp_shape_tree_append(GString *out, const LampTopology *topology,
                       const LampStructure *structure, const LampFlow *flow, const char *margin,
                       gboolean ascii, guint most)
{
    g_autoptr(GArray) stack = g_array_new(FALSE, TRUE, sizeof(Pending));
    Pending root = {.repeat = 1, .is_last = TRUE, .prefix = g_strdup("")};
    g_array_append_val(stack, root);
    for (guint lines = 0; stack->len > 0; lines++) {
        Pending line = g_array_index(stack, Pending, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        if (lines == most)
            g_string_append_printf(out, "%s%s...\n", margin, line.prefix);
        if (lines < most) {
            append_line(out, topology, flow, &line, margin, ascii);
            g_autoptr(GArray) children = fold_children(structure, flow, line.call);
            const char *step = line.call == 0 ? ""
                               : line.is_last ? "   "
                               : ascii        ? "|  "
                                              : "│  ";
            for (guint i = children->len; i-- > 0;) {
                Pending child = g_array_index(children, Pending, i);
                child.prefix = g_strconcat(line.prefix, step, NULL);
                g_array_append_val(stack, child);
            }
        }
        g_free(line.prefix);
    }
}
