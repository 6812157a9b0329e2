/*
 * Replicas: hosts that serve the same, and are called alike.
 *
 * In: names of hosts and what they serve. Out: the stem of a name, which the replicas of one
 * service have in common (`shop1` and `shop-2` are `shop`, and so are Kubernetes' pods of a
 * deployment, `shop-6d4cf56db6-abcde`), and which hosts are replicas: machines may be numbered
 * whatever they do, so most calls to each of these are of operations that both serve. Probes
 * that all hosts answer are few of them.
 */
#include "correlate/replicas.h"

#include "base/keyed-map.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 64 << 20)
#define COMMON_SHARE 0.5 /* of the calls to each */
#define MOST_OPERATIONS 4096

/* Do @length bytes at @text look drawn at random: small letters and digits, of these at least
 * one? */
static gboolean
is_drawn(const char *text, gsize length)
{
    gsize digits = 0;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isdigit(text[i]) && !g_ascii_islower(text[i]))
            return FALSE;
        digits += g_ascii_isdigit(text[i]) ? 1 : 0;
    }
    return digits > 0;
}

/* Length of @name without what Kubernetes appends to a deployment's pods: a hash of eight to
 * ten letters and five more; 0 if that is not there. */
static gsize
length_without_pod(const char *name, gsize length)
{
    enum { LEAST_HASH = 8, MOST_HASH = 10, LAST = 5 };
    if (length < LAST + LEAST_HASH + 3 || name[length - LAST - 1] != '-')
        return 0;
    gsize end = length - LAST - 1;
    for (gsize hash = LEAST_HASH; hash <= MOST_HASH && hash + 1 < end; hash++)
        if (name[end - hash - 1] == '-' && is_drawn(name + end - hash, hash) &&
            strspn(name + end + 1, "abcdefghijklmnopqrstuvwxyz0123456789") >= LAST)
            return end - hash - 1;
    return 0;
}

char *
lamp_replica_stem(const char *name)
{
    gsize whole = strcspn(name, "/"), length = length_without_pod(name, whole);
    if (length > 0)
        return g_strdup_printf("%.*s%s", (int) length, name, name + whole);
    length = whole;
    while (length > 0 && g_ascii_isdigit(name[length - 1]))
        length--;
    while (length > 0 && (name[length - 1] == '-' || name[length - 1] == '_'))
        length--;
    return length > 0 ? g_strdup_printf("%.*s%s", (int) length, name, name + whole)
                      : g_strdup(name);
}

gboolean
lamp_is_pod_name(const char *name)
{
    return length_without_pod(name, strcspn(name, "/")) > 0;
}

static void
clear_set(gpointer set)
{
    if (set != NULL)
        g_hash_table_unref(set);
}

/* By host: operations that it served with the number of calls, or NULL. */
static GPtrArray *
list_operations(LampCorrelation *c)
{
    GPtrArray *sets = g_ptr_array_new_with_free_func(clear_set);
    g_ptr_array_set_size(sets, (gint) c->hosts->len);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->server_host == LAMP_INDEX_NONE)
            continue;
        gpointer *set = &g_ptr_array_index(sets, call->server_host);
        if (*set == NULL)
            *set = g_hash_table_new(NULL, NULL);
        gpointer key = GUINT_TO_POINTER(call->operation);
        guint calls = GPOINTER_TO_UINT(g_hash_table_lookup(*set, key));
        if (calls > 0 || g_hash_table_size(*set) < MOST_OPERATIONS)
            g_hash_table_insert(*set, key, GUINT_TO_POINTER(calls + 1));
    }
    return sets;
}

/* Are many of @a's calls of operations that @b serves, too? */
static gboolean
is_like(GHashTable *a, GHashTable *b)
{
    GHashTableIter iter;
    gpointer operation, calls;
    guint64 all = 0, common = 0;
    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &operation, &calls)) {
        all += GPOINTER_TO_UINT(calls);
        common += g_hash_table_contains(b, operation) ? GPOINTER_TO_UINT(calls) : 0;
    }
    return common > 0 && (double) common >= COMMON_SHARE * (double) all;
}

static gboolean
serve_alike(GHashTable *a, GHashTable *b)
{
    return is_like(a, b) && is_like(b, a);
}

guint32 *
lamp_replica_groups(LampCorrelation *c)
{
    guint32 *group = g_new(guint32, (gsize) c->hosts->len + 1);
    g_autofree guint32 *before =
        g_new(guint32, (gsize) c->hosts->len + 1); /* group of a stem */
    g_autoptr(LampKeyedMap) stems =
        lamp_keyed_map_new(MAP_BUDGET); /* to the latest group + 1 */
    g_autoptr(GPtrArray) sets = list_operations(c);
    for (guint32 i = 0; i < c->hosts->len; i++) {
        GHashTable *set = g_ptr_array_index(sets, i);
        g_autofree char *stem = lamp_replica_stem(lamp_host(c, i)->name);
        guint64 *latest =
            set != NULL ? lamp_keyed_map_add(stems, lamp_bytes_text(stem), NULL) : NULL;
        group[i] = i;
        if (latest == NULL)
            continue;
        guint32 first = (guint32) *latest;
        gboolean is_pod = lamp_is_pod_name(lamp_host(c, i)->name);
        while (first != 0 && !is_pod && !serve_alike(set, g_ptr_array_index(sets, first - 1)))
            first = before[first - 1];
        if (first != 0) {
            group[i] = first - 1;
            continue;
        }
        before[i] = (guint32) *latest;
        *latest = (guint64) i + 1;
    }
    return group;
}

gboolean *
lamp_replica_stores(LampCorrelation *c, const guint32 *group)
{
    gboolean *is_store = g_new(gboolean, (gsize) c->hosts->len + 1);
    for (guint i = 0; i < c->hosts->len; i++)
        is_store[i] = TRUE;
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->server_host != LAMP_INDEX_NONE && !lamp_only_answers(c, call->protocol))
            is_store[group[call->server_host]] = FALSE;
    }
    return is_store;
}
