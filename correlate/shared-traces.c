/*
 * One trace for calls of one request, where the causal engine left them in several.
 *
 * In: calls with parents, and the groups of calls that bear one value which names a request
 * (correlate/log-callers.c). A root whose group has calls in another trace belongs there: its
 * parent is the last call of its caller's host that had begun, or, if that is not known or has
 * none, the call of the group that began first. The confidence is what such a guess deserves.
 * A parent without the id, where a call of its host has it, is replaced by that.
 * Roots whose caller is another party of the system stay, in doubt. Cost: O(n log n).
 */
#include "correlate/passes.h"

#include "base/union-find.h"

#define KNOWN_CALLER 0.8F /* confidence where the caller's host is known */
#define GUESSED 0.5F
#define MENDED 0.95F

typedef struct {
    LampCorrelation *c;
    guint32 *trees; /* union-find over calls */
    GArray *order;  /* guint32: calls of groups, by group and begin */
} Traces;

static gint64
start_of(const LampCall *call)
{
    return call->server_start != LAMP_TIME_NONE ? call->server_start : call->client_start;
}

static gint64
length_of(const LampCall *call)
{
    if (call->server_start != LAMP_TIME_NONE && call->server_end != LAMP_TIME_NONE)
        return call->server_end - call->server_start;
    return call->client_start != LAMP_TIME_NONE && call->client_end != LAMP_TIME_NONE
               ? call->client_end - call->client_start
               : 0;
}

/* By group; the first to begin first, of those the longest. */
static gint
compare_calls(gconstpointer left, gconstpointer right, gpointer user)
{
    guint32 i = *(const guint32 *) left;
    guint32 k = *(const guint32 *) right;
    const LampCall *a = lamp_call(user, i);
    const LampCall *b = lamp_call(user, k);
    if (a->request_group != b->request_group)
        return a->request_group < b->request_group ? -1 : 1;
    if (start_of(a) != start_of(b))
        return start_of(a) < start_of(b) ? -1 : 1;
    if (length_of(a) != length_of(b))
        return length_of(a) > length_of(b) ? -1 : 1;
    return i < k ? -1 : i > k;
}

static guint32
call_at(const Traces *self, guint i)
{
    return g_array_index(self->order, guint32, i);
}

/* The call of the group's first trace that had begun on the caller's host, or NONE. */
static guint32
find_parent(const Traces *self, guint from, guint to, const LampCall *call)
{
    guint32 best = LAMP_INDEX_NONE;
    guint32 tree = lamp_union_find_root(self->trees, call_at(self, from));
    for (guint i = from; i < to; i++) {
        const LampCall *other = lamp_call(self->c, call_at(self, i));
        if (call->client_host != LAMP_INDEX_NONE && other->server_host == call->client_host &&
            start_of(other) <= start_of(call) &&
            lamp_union_find_root(self->trees, call_at(self, i)) == tree)
            best = call_at(self, i);
    }
    return best;
}

/* Does the call name no caller, or one that only calls? */
static gboolean
is_open(const LampCall *call)
{
    return call->client_id == 0;
}

static void
join_root(Traces *self, guint from, guint to, guint32 index)
{
    LampCall *call = lamp_call(self->c, index);
    guint32 parent = find_parent(self, from, to, call);
    float confidence = KNOWN_CALLER;
    if (parent == LAMP_INDEX_NONE && is_open(call)) {
        parent = call_at(self, from);
        confidence = GUESSED;
        call->client_host = lamp_call(self->c, parent)->server_host;
        call->client_instance = lamp_call(self->c, parent)->server_instance;
    }
    if (parent == LAMP_INDEX_NONE) {
        call->owner_probability = MIN(call->owner_probability, GUESSED);
        return;
    }
    call->parent = parent;
    call->confidence = confidence;
    call->owner_probability = MIN(call->owner_probability, confidence);
    call->is_shared = TRUE;
    self->trees[lamp_union_find_root(self->trees, index)] =
        lamp_union_find_root(self->trees, parent);
}

/* Does @index stand above @under? Trees are no deeper than DEEPEST; what is counts as yes. */
static gboolean
is_above(Traces *self, guint32 index, guint32 under)
{
    enum { DEEPEST = 4096 };
    for (guint depth = 0; depth < DEEPEST; depth++) {
        if (under == LAMP_INDEX_NONE)
            return FALSE;
        if (under == index)
            return TRUE;
        under = lamp_call(self->c, under)->parent;
    }
    return TRUE;
}

/* A parent without the id that the call has, while a call of the same host has it, and time, is
 * the wrong one: regular load lets timing go astray. */
static void
mend_parent(Traces *self, guint from, guint to, guint32 index)
{
    LampCall *call = lamp_call(self->c, index);
    guint32 best = LAMP_INDEX_NONE;
    if (!is_open(call) || call->client_host == LAMP_INDEX_NONE ||
        call->parent == LAMP_INDEX_NONE ||
        lamp_call(self->c, call->parent)->request_group == call->request_group)
        return;
    for (guint i = from; i < to; i++) {
        const LampCall *other = lamp_call(self->c, call_at(self, i));
        if (call_at(self, i) != index && other->server_host == call->client_host &&
            start_of(other) <= start_of(call) && length_of(other) >= length_of(call))
            best = call_at(self, i);
    }
    if (best == LAMP_INDEX_NONE || is_above(self, index, best))
        return;
    call->parent = best;
    call->confidence = MENDED;
    call->is_shared = TRUE;
}

/* Calls @from to @to of the order are of one request. */
static void
join_group(Traces *self, guint from, guint to)
{
    guint32 first = call_at(self, from);
    for (guint i = from + 1; i < to; i++) {
        guint32 index = call_at(self, i);
        if (lamp_call(self->c, index)->parent == LAMP_INDEX_NONE &&
            lamp_union_find_root(self->trees, index) !=
                lamp_union_find_root(self->trees, first))
            join_root(self, from, to, index);
    }
}

static guint
end_of_group(const Traces *self, guint from)
{
    guint end = from + 1;
    while (end < self->order->len && lamp_call(self->c, call_at(self, end))->request_group ==
                                         lamp_call(self->c, call_at(self, from))->request_group)
        end++;
    return end;
}

gboolean
lamp_pass_shared_traces(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autofree guint32 *trees = g_new0(guint32, (gsize) c->calls->len + 1);
    Traces self = {c, trees, order};
    for (guint32 i = 0; i < c->calls->len; i++) {
        trees[i] = i;
        if (lamp_call(c, i)->request_group != 0 && start_of(lamp_call(c, i)) != LAMP_TIME_NONE)
            g_array_append_val(order, i);
    }
    if (order->len == 0)
        return TRUE;
    g_array_sort_with_data(order, compare_calls, c);
    for (guint i = 0, end; i < order->len; i = end) {
        end = end_of_group(&self, i);
        for (guint k = i; k < end; k++)
            mend_parent(&self, i, end, call_at(&self, k));
    }
    for (guint32 i = 0; i < c->calls->len; i++)
        if (lamp_call(c, i)->parent != LAMP_INDEX_NONE)
            trees[lamp_union_find_root(trees, i)] =
                lamp_union_find_root(trees, lamp_call(c, i)->parent);
    for (guint i = 0, end; i < order->len; i = end) {
        end = end_of_group(&self, i);
        join_group(&self, i, end);
    }
    return TRUE;
}
