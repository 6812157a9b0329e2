/*
 * What ids tell of who makes a host's calls.
 *
 * In: calls with the requests that ids name, and callers that were found for some of them
 * (correlate/log-callers.c). Out: for each pair of a host and a possible caller, how many calls
 * were in requests of which the caller's records bear the id, and how many of these it made. A
 * caller that made nearly all made those whose records lack the id; one that made none, none.
 */
#include "correlate/told-callers.h"

/* Marks the requests that callers' records bear the ids of. */
static void
mark_requests(LampToldCallers *self, LampCorrelation *c, const guint32 *group,
              const guint32 *callers)
{
    guint32 most = 0;
    g_autofree guint64 *bits = g_new0(guint64, (gsize) c->hosts->len + 1); /* by group */
    for (guint k = 0; k < self->callers; k++)
        bits[callers[k]] = (guint64) 1 << k;
    for (guint32 i = 0; i < c->calls->len; i++)
        most = MAX(most, lamp_call(c, i)->request_group);
    self->marks = g_new0(guint64, (gsize) most + 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->server_host != LAMP_INDEX_NONE && call->request_group != 0)
            self->marks[call->request_group] |= bits[group[call->server_host]];
    }
}

void
lamp_told_callers_begin(LampToldCallers *self, LampCorrelation *c, const guint32 *group,
                        const guint32 *callers, guint n)
{
    self->callers = n;
    mark_requests(self, c, group, callers);
    self->told = g_new0(LampTold, (gsize) c->hosts->len * n + 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->request_group == 0 || call->server_host == LAMP_INDEX_NONE)
            continue;
        LampTold *row = &self->told[(gsize) group[call->server_host] * n];
        gboolean has_client = call->client_host != LAMP_INDEX_NONE;
        for (guint k = 0; k < n; k++) {
            row[k].all++;
            if (!lamp_told_is_marked(self, call, k))
                continue;
            row[k].beside++;
            row[k].made += has_client && group[call->client_host] == callers[k] ? 1 : 0;
        }
    }
}

void
lamp_told_callers_end(LampToldCallers *self)
{
    g_free(self->marks);
    g_free(self->told);
}

gboolean
lamp_told_is_marked(const LampToldCallers *self, const LampCall *call, guint number)
{
    return (self->marks[call->request_group] >> number & 1) != 0;
}
