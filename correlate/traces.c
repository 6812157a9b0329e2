/*
 * From links to traces: the root of every call.
 *
 * A call without a parent is the root of a trace. Links that would close a circle are cut where
 * the circle was entered, at the earliest call of it. Cost: linear.
 */
#include "correlate/passes.h"

/* Marks the way up from @index; cuts a circle. Returns the root. */
static guint32
climb(LampCorrelation *c, guint32 index, guint32 *visit)
{
    guint32 i = index;
    while (lamp_call(c, i)->root == LAMP_INDEX_NONE) {
        guint32 parent = lamp_call(c, i)->parent;
        visit[i] = index + 1;
        if (parent == LAMP_INDEX_NONE)
            return i;
        if (visit[parent] == index + 1) {
            LampCall *cut = lamp_call(c, MIN(i, parent));
            cut->parent = LAMP_INDEX_NONE;
            return MIN(i, parent);
        }
        i = parent;
    }
    return lamp_call(c, i)->root;
}

/* A tree is right only if its callers are those that were taken for them: as sure as the least
 * sure of them, since the calls of one connection stand and fall together. */
static void
doubt_owners(LampCorrelation *c)
{
    g_autofree float *least = g_new(float, (gsize) c->calls->len + 1);
    for (guint32 i = 0; i < c->calls->len; i++)
        least[i] = 1;
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        least[call->root] = MIN(least[call->root], call->owner_probability);
    }
    for (guint32 i = 0; i < c->calls->len; i++)
        lamp_call(c, i)->tree_confidence *= least[i];
}

gboolean
lamp_pass_traces(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_autofree guint32 *visit = g_new0(guint32, (gsize) c->calls->len + 1);
    for (guint32 k = 0; k < c->calls->len; k++) {
        guint32 root = climb(c, k, visit);
        for (guint32 i = k; i != LAMP_INDEX_NONE && lamp_call(c, i)->root == LAMP_INDEX_NONE;
             i = lamp_call(c, i)->parent)
            lamp_call(c, i)->root = root;
    }
    doubt_owners(c);
    return TRUE;
}
