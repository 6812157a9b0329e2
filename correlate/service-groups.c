/*
 * Parts instances into services.
 *
 * In: what hosts, processes and programs are called and serve. Those of one stem (`shop1`,
 * `shop2`), and those at bare addresses, are compared one after the other with the services
 * before them; they join the first whose work is like theirs (correlate/works.c), of logs the
 * one of their program. Kubernetes' pods tell by their names whose they are, whatever each of
 * them happens to serve, and stores may be sharded. Limit: MOST_COMPARED services are looked
 * at.
 */
#include "correlate/service-groups.h"

#include "correlate/replicas.h"

#include <string.h>

/* Services that an instance is compared with, at most. */
#define MOST_COMPARED 256

const char *
lamp_candidate_name(LampCorrelation *c, const LampCandidate *candidate)
{
    if (candidate->program != NULL)
        return candidate->program;
    if (candidate->name != 0) {
        const char *text = lamp_store_text(c->store, candidate->name);
        return text != NULL ? text : "";
    }
    return lamp_host(c, candidate->host)->name;
}

/* Is @name that of a stateful set's pod, `NAME-NUMBER`? */
static gboolean
is_numbered(const char *name)
{
    const char *end = name + strcspn(name, "/"), *at = end;
    while (at > name && g_ascii_isdigit(at[-1]))
        at--;
    return at < end && at > name + 1 && at[-1] == '-';
}

/* Do the names of both, of one stem, say that they are pods of one workload? Sets count from 0,
 * unlike most machines, and have callers in common. */
static gboolean
are_pods(LampCorrelation *c, const LampServiceGroup *group, const LampCandidate *b)
{
    const char *first = lamp_candidate_name(c, group->first), *name = lamp_candidate_name(c, b);
    if (b->is_bare)
        return FALSE;
    if (lamp_is_pod_name(first) && lamp_is_pod_name(name))
        return TRUE;
    gsize length = strcspn(first, "/");
    return is_numbered(first) && is_numbered(name) && first[length - 1] == '0' &&
           first[length - 2] == '-' && lamp_work_has_callers_of(b->work, group->work);
}

static gboolean
is_sharded(LampCorrelation *c, guint32 protocol)
{
    static const char *const stores[] = {"cassandra", "kafka", "memcached",
                                         "mongodb",   "redis", NULL};
    const char *name = lamp_store_text(c->store, protocol);
    return name != NULL && g_strv_contains(stores, name);
}

/* Do @b and all of the service @group serve the same: protocol, port, operations? */
static gboolean
serve_alike(LampCorrelation *c, const LampServiceGroup *group, const LampCandidate *b)
{
    const LampCandidate *a = group->first;
    if (a->work == NULL || b->work == NULL || a->protocol != b->protocol ||
        a->port != b->port || a->name != 0 || b->name != 0)
        return FALSE;
    if (lamp_work_is_alike(b->work, group->work))
        return TRUE;
    if (are_pods(c, group, b))
        return !lamp_work_is_behind(b->work, group->work);
    return is_sharded(c, b->protocol) && lamp_work_is_shard(c->store, b->work, group->work);
}

typedef struct {
    LampCorrelation *c;
    const GPtrArray *candidates;
} Sorting;

/* Candidates in the order of their names, replicas next to each other. */
static gint
compare_names(gconstpointer left, gconstpointer right, gpointer user)
{
    const Sorting *sorting = user;
    const LampCandidate *a = g_ptr_array_index(sorting->candidates, *(const guint32 *) left);
    const LampCandidate *b = g_ptr_array_index(sorting->candidates, *(const guint32 *) right);
    if (a->is_bare != b->is_bare)
        return a->is_bare ? 1 : -1;
    gint order = strcmp(a->stem, b->stem);
    if (order == 0)
        order = (gint) a->protocol - (gint) b->protocol;
    if (order == 0)
        order = (gint) a->port - (gint) b->port;
    if (order == 0)
        order = strcmp(lamp_candidate_name(sorting->c, a), lamp_candidate_name(sorting->c, b));
    return order;
}

/* Candidates of which no two of different blocks are one service. */
static gboolean
is_same_block(const LampCandidate *a, const LampCandidate *b)
{
    return a->is_bare == b->is_bare && (a->is_bare || strcmp(a->stem, b->stem) == 0);
}

static gboolean
is_same_service(LampCorrelation *c, const LampServiceGroup *group,
                const LampCandidate *candidate)
{
    const LampCandidate *first = group->first;
    if (first->work == NULL && candidate->work == NULL)
        return first->is_bare && candidate->is_bare;
    if (first->program != NULL && candidate->program != NULL)
        return strcmp(first->program, candidate->program) == 0;
    return serve_alike(c, group, candidate);
}

static void
clear_group(gpointer data)
{
    LampServiceGroup *group = data;
    lamp_work_free(group->work);
    g_array_unref(group->members);
}

/* Puts a candidate into the first group from @block on that is of one service with it, or into
 * one of its own. */
static void
join_group(const Sorting *sorting, GArray *groups, guint block, guint32 number)
{
    const LampCandidate *candidate = g_ptr_array_index(sorting->candidates, number);
    guint at = MAX(block, groups->len - MIN(groups->len, MOST_COMPARED));
    while (
        at < groups->len &&
        !is_same_service(sorting->c, &g_array_index(groups, LampServiceGroup, at), candidate))
        at++;
    if (at == groups->len) {
        LampServiceGroup group = {
            candidate, candidate->work != NULL ? lamp_work_new(number, candidate->host) : NULL,
            g_array_new(FALSE, FALSE, sizeof(guint32)), TRUE};
        g_array_append_val(groups, group);
    }
    LampServiceGroup *group = &g_array_index(groups, LampServiceGroup, at);
    g_array_append_val(group->members, number);
    if (group->work != NULL)
        lamp_work_absorb(group->work, candidate->work);
}

static void
tell_groups_apart(GArray *groups)
{
    LampServiceGroup *last = NULL; /* with replicas */
    for (guint i = 0; i < groups->len; i++) {
        LampServiceGroup *group = &g_array_index(groups, LampServiceGroup, i);
        if (group->members->len < 2 || group->work == NULL)
            continue;
        if (last != NULL && is_same_block(last->first, group->first) &&
            last->first->protocol == group->first->protocol &&
            last->first->port == group->first->port)
            last->is_alone = group->is_alone = FALSE;
        last = group;
    }
}

GArray *
lamp_service_groups(LampCorrelation *c, const GPtrArray *candidates)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(LampServiceGroup));
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    Sorting sorting = {c, candidates};
    const LampCandidate *previous = NULL;
    guint block = 0;
    g_array_set_clear_func(groups, clear_group);
    for (guint32 i = 0; i < candidates->len; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_names, &sorting);
    for (guint i = 0; i < order->len; i++) {
        guint32 number = g_array_index(order, guint32, i);
        const LampCandidate *candidate = g_ptr_array_index(candidates, number);
        if (previous == NULL || !is_same_block(previous, candidate))
            block = groups->len;
        join_group(&sorting, groups, block, number);
        previous = candidate;
    }
    tell_groups_apart(groups);
    return groups;
}
