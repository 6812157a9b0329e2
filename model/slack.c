/*
 * Slack by a backward pass over the causal structure of one request.
 *
 * The slack of a call is the smallest, over all events that wait for its end, of the time
 * between its end and the end that released the event, plus the slack of the event itself. An
 * event is released by the last of what it waits for, so along a chain the slack is that of the
 * last link, and at a join it is the lead over the slowest branch.
 */
#include "model/slack.h"

#define MOST_SIBLINGS 32u

/* Did call @b wait for call @a (siblings, a before b)? */
static gboolean
waits(const LampFlow *flow, const LampStructure *structure, guint32 a, guint32 b)
{
    const LampFlowCall *c = flow->calls;
    return !c[a].is_open && c[a].client_end <= c[b].client_start &&
           lamp_structure_is_before(structure, c[c[a].parent].label, c[a].label, c[b].label);
}

static void
add_slack(gint64 *slack, gint64 lead, gint64 of_event)
{
    if (of_event != G_MAXINT64)
        *slack = MIN(*slack, lead + of_event);
}

/* What the children of one call have in common. */
typedef struct {
    const guint32 *calls;
    guint count;
    LampTime last_awaited; /* end of the last one that the response waited for */
} Siblings;

static void
find_last_awaited(const LampFlow *flow, const LampStructure *structure, Siblings *siblings)
{
    siblings->last_awaited = LAMP_TIME_NONE;
    for (guint i = 0; i < siblings->count; i++)
        if (lamp_structure_was_awaited(structure, flow, siblings->calls[i]))
            siblings->last_awaited =
                MAX(siblings->last_awaited, flow->calls[siblings->calls[i]].client_end);
}

/* End that released the start of child number @j. */
static LampTime
find_release(const LampFlow *flow, const LampStructure *structure, const Siblings *siblings,
             guint j)
{
    LampTime released = LAMP_TIME_NONE;
    for (guint i = j > MOST_SIBLINGS ? j - MOST_SIBLINGS : 0; i < j; i++)
        if (waits(flow, structure, siblings->calls[i], siblings->calls[j]))
            released = MAX(released, flow->calls[siblings->calls[i]].client_end);
    return released;
}

/* Slack of child number @k, given that of its parent and of the later siblings. */
static gint64
child_slack(const LampFlow *flow, const LampStructure *structure, const Siblings *siblings,
            guint k, const gint64 *slacks)
{
    guint32 self = siblings->calls[k];
    const LampFlowCall *call = &flow->calls[self];
    gint64 slack = G_MAXINT64;
    for (guint j = k + 1; j < siblings->count && j <= k + MOST_SIBLINGS; j++)
        if (waits(flow, structure, self, siblings->calls[j]))
            add_slack(&slack, find_release(flow, structure, siblings, j) - call->client_end,
                      slacks[siblings->calls[j]]);
    if (lamp_structure_was_awaited(structure, flow, self))
        add_slack(&slack, siblings->last_awaited - call->client_end, slacks[call->parent]);
    return slack;
}

void
lamp_slack_find(const LampFlow *flow, const LampStructure *structure, gint64 *out)
{
    g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(guint32));
    out[0] = 0;
    for (guint32 p = 0; p < flow->count; p++) {
        g_array_set_size(children, 0);
        for (guint32 c = lamp_flow_first_child(flow, p); c != LAMP_FLOW_NONE;
             c = lamp_flow_next_sibling(flow, c))
            g_array_append_val(children, c);
        Siblings siblings = {(const guint32 *) (gpointer) children->data, children->len, 0};
        find_last_awaited(flow, structure, &siblings);
        for (guint k = children->len; k-- > 0;)
            out[siblings.calls[k]] = child_slack(flow, structure, &siblings, k, out);
    }
}
