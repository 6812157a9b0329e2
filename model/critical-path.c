/*
 * Critical path by walking back from the response.
 *
 * Within one served request the response waited for the child that ended last; before that
 * child started, the request waited for the last child that had ended by then, and so on; what
 * lies between is the service's own time. The child is walked in the same way. As in CRISP
 * (Zhang et al., USENIX ATC 2022), except that a child which overlaps the start of the one on
 * the path is passed over, not cut. Calls stand in preorder, so one loop visits parents first
 * and no recursion is needed. Children that end after the response are not on the path, nor are
 * calls without a response: how long they were waited for is not known, and stays the caller's.
 */
#include "model/critical-path.h"

#include <string.h>

typedef struct {
    LampTime end;
    guint32 call;
} Candidate;

/* Latest end first; among equals the later call, so that zero-length calls line up. */
static gint
compare_candidates(gconstpointer a, gconstpointer b)
{
    const Candidate *x = a, *y = b;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return x->call > y->call ? -1 : x->call < y->call;
}

static void
collect_children(const LampFlow *flow, guint32 call, GArray *candidates)
{
    gboolean is_sorted = TRUE;
    g_array_set_size(candidates, 0);
    for (guint32 c = lamp_flow_first_child(flow, call); c != LAMP_FLOW_NONE;
         c = lamp_flow_next_sibling(flow, c)) {
        if (flow->calls[c].is_open)
            continue;
        Candidate candidate = {flow->calls[c].client_end, c};
        if (candidates->len > 0 &&
            g_array_index(candidates, Candidate, candidates->len - 1).end > candidate.end)
            is_sorted = FALSE;
        g_array_append_val(candidates, candidate);
    }
    if (is_sorted) /* the usual case: one after the other; only to be turned round */
        for (guint i = 0; i < candidates->len / 2; i++) {
            Candidate *a = &g_array_index(candidates, Candidate, i);
            Candidate *b = &g_array_index(candidates, Candidate, candidates->len - 1 - i);
            Candidate swap = *a;
            *a = *b;
            *b = swap;
        }
    else
        g_array_sort(candidates, compare_candidates);
}

void
lamp_critical_path_find(const LampFlow *flow, LampCritical *out)
{
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
    g_autofree guint8 *is_on_path = g_new0(guint8, flow->count);
    memset(out, 0, flow->count * sizeof *out);
    is_on_path[0] = !lamp_flow_is_open(flow);
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        if (!is_on_path[i])
            continue;
        LampTime t = call->server_end;
        collect_children(flow, i, candidates);
        for (guint k = 0; k < candidates->len; k++) {
            const Candidate *c = &g_array_index(candidates, Candidate, k);
            if (c->end > t)
                continue;
            is_on_path[c->call] = 1;
            out[i].own += t - c->end;
            t = flow->calls[c->call].client_start;
        }
        out[i].own += t - call->server_start;
        out[i].network =
            call->server_start - call->client_start + call->client_end - call->server_end;
        if (call->waits)
            out[i] = (LampCritical){0, 0, out[i].own + out[i].network};
    }
}
