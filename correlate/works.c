/*
 * Which instances are replicas of one service, by what they serve.
 *
 * Replicas are asked the same: an operation of which many calls came to one of two replicas
 * came to the other, too. If n calls of an operation all came to the first, which got the share
 * p of all calls of both, the chance of that was p^n; the least such chances of both sides
 * together, times the number of operations that they were chosen from, below CHANCE tell the
 * two apart, as long as what each serves alone is a good part of its calls or of its time: all
 * services may answer the same probes, and all databases begin and commit. Where only one of
 * two serves operations alone (a primary beside its standby), these must be most of its work
 * and come from callers that do not call the other.
 *
 * A proxy serves what the server behind it serves. Who passes calls of an operation on that he
 * serves himself, directly or through others, is no replica of the one that they come to,
 * unless that one does the same (peers).
 *
 * Shards of a store (Redis, Kafka, ...) serve other keys or topics each. They are known by
 * their callers, which use all of them, and by the verbs of their operations, which agree.
 *
 * Limits: services that are asked the same by different callers are taken as replicas; a
 * primary that passes on what its replicas ask is a service of its own. Memory: MOST_OPERATIONS
 * and MOST_CALLERS of each are looked at.
 */
#include "correlate/works.h"

#include "base/keyed-map.h"

#include <math.h>
#include <string.h>

#define COMMON_SHARE 0.3   /* of the operations of the one with fewer: served by both */
#define CHANCE 0.01        /* that replicas differ so */
#define OWN_SHARE 0.1      /* of the work of each: what only it serves */
#define MOST_SHARE 0.5     /* of the work of one, where the other has nothing of its own */
#define VERB_SHARE 0.9     /* of the calls of each shard: of verbs of both */
#define CALLER_SHARE 0.5   /* of the calls of each: by callers of both */
#define PASSED_ON_SHARE 10 /* one of so many calls at least */
#define MAP_BUDGET ((gsize) 1 << 20)
#define MOST_OPERATIONS 4096
#define MOST_CALLERS 256
#define MOST_REACHED 1024
#define MOST_PORTS 16 /* of a caller's host */

typedef struct {
    guint64 calls, ns;
    GHashTable *callers; /* host + 1 to calls */
} Operation;

struct LampWork {
    guint32 number, host;
    guint64 calls, ns;
    GHashTable *operations; /* number to Operation */
    GHashTable *callers;    /* set of hosts + 1 */
    GHashTable *passed_on;  /* LampWork to calls */
    GHashTable *members;    /* set of numbers + 1: the works that are in this one */
    GHashTable *reached;    /* set of numbers + 1 */
};

/* What @a serves and @b does not. */
typedef struct {
    guint common;             /* operations of both */
    guint64 calls, ns;        /* of a's alone */
    guint64 calls_of_callers; /* of these: by callers that call the other, too */
    double chance;            /* logarithm, of the least likely one; 0 */
} Difference;

static void
free_operation(gpointer data)
{
    Operation *operation = data;
    g_hash_table_unref(operation->callers);
    g_free(operation);
}

LampWork *
lamp_work_new(guint32 number, guint32 host)
{
    LampWork *work = g_new0(LampWork, 1);
    work->number = number;
    work->host = host;
    work->operations = g_hash_table_new_full(NULL, NULL, NULL, free_operation);
    work->callers = g_hash_table_new(NULL, NULL);
    work->passed_on = g_hash_table_new(NULL, NULL);
    work->members = g_hash_table_new(NULL, NULL);
    work->reached = g_hash_table_new(NULL, NULL);
    g_hash_table_add(work->members, GUINT_TO_POINTER(number + 1));
    return work;
}

void
lamp_work_free(LampWork *work)
{
    if (work == NULL)
        return;
    GHashTable *tables[] = {work->operations, work->callers, work->passed_on, work->members,
                            work->reached};
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
        g_hash_table_unref(tables[i]);
    g_free(work);
}

/* The operation of that number, added if there is room; else NULL. */
static Operation *
operation_of(LampWork *work, gpointer number)
{
    Operation *operation = g_hash_table_lookup(work->operations, number);
    if (operation == NULL && g_hash_table_size(work->operations) < MOST_OPERATIONS) {
        operation = g_new0(Operation, 1);
        operation->callers = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(work->operations, number, operation);
    }
    return operation;
}

static void
count_in(GHashTable *counts, gpointer key, gsize more)
{
    gpointer count = g_hash_table_lookup(counts, key);
    if (count != NULL || g_hash_table_size(counts) < MOST_CALLERS)
        g_hash_table_insert(counts, key, GSIZE_TO_POINTER(GPOINTER_TO_SIZE(count) + more));
}

void
lamp_work_note(LampWork *work, guint32 operation, guint32 client, gint64 duration_ns)
{
    guint64 ns = (guint64) MAX(duration_ns, 0);
    gpointer caller = GSIZE_TO_POINTER((gsize) client + 1);
    work->calls++;
    work->ns += ns;
    count_in(work->callers, caller, 1);
    Operation *known = operation != 0 ? operation_of(work, GUINT_TO_POINTER(operation)) : NULL;
    if (known == NULL)
        return;
    known->calls++;
    known->ns += ns;
    count_in(known->callers, caller, 1);
}

void
lamp_work_note_made(LampWork *from, const LampWork *to, guint32 operation)
{
    if (from != to && g_hash_table_contains(from->operations, GUINT_TO_POINTER(operation)))
        count_in(from->passed_on, (gpointer) to, 1);
}

/* Adds to @reached whom @work passes a good part of their calls, and appends them to @next. */
static void
reach_next(const LampWork *work, GHashTable *reached, GPtrArray *next)
{
    GHashTableIter iter;
    gpointer to, calls;
    g_hash_table_iter_init(&iter, work->passed_on);
    while (g_hash_table_iter_next(&iter, &to, &calls)) {
        const LampWork *other = to;
        if (GPOINTER_TO_SIZE(calls) * PASSED_ON_SHARE >= other->calls &&
            g_hash_table_size(reached) < MOST_REACHED &&
            g_hash_table_add(reached, GUINT_TO_POINTER(other->number + 1)))
            g_ptr_array_add(next, to);
    }
}

/* Those of @works that are on one host, as lists: the last of each host, the one before. */
static void
chain_by_host(const GPtrArray *works, guint32 *last_of, guint32 *before)
{
    for (guint32 i = 0; i < works->len; i++) {
        const LampWork *work = g_ptr_array_index(works, i);
        before[i] = LAMP_INDEX_NONE;
        if (work == NULL || work->host == LAMP_INDEX_NONE)
            continue;
        before[i] = last_of[work->host];
        last_of[work->host] = i;
    }
}

/* Notes of each caller's host which of its instances serve what it asks of others. */
static void
note_all_made(LampCorrelation *c, const GPtrArray *works)
{
    gsize hosts = (gsize) c->hosts->len + 1;
    g_autofree guint32 *last_of = g_new(guint32, hosts);
    g_autofree guint32 *before = g_new(guint32, (gsize) works->len + 1);
    memset(last_of, 0xff, hosts * sizeof *last_of);
    chain_by_host(works, last_of, before);
    for (guint i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        if (call->client_host == LAMP_INDEX_NONE || call->server_instance == LAMP_INDEX_NONE)
            continue;
        const LampWork *to = g_ptr_array_index(works, call->server_instance);
        guint32 at = last_of[call->client_host];
        for (guint k = 0; at != LAMP_INDEX_NONE && k < MOST_PORTS; at = before[at], k++)
            lamp_work_note_made(g_ptr_array_index(works, at), to, call->operation);
    }
}

void
lamp_works_settle(LampCorrelation *c, const GPtrArray *works)
{
    g_autoptr(GPtrArray) next = g_ptr_array_new();
    note_all_made(c, works);
    for (guint i = 0; i < works->len; i++) {
        LampWork *work = g_ptr_array_index(works, i);
        if (work == NULL)
            continue;
        g_ptr_array_set_size(next, 0);
        reach_next(work, work->reached, next);
        for (guint k = 0; k < next->len; k++)
            reach_next(g_ptr_array_index(next, k), work->reached, next);
    }
}

static gboolean
reaches(const LampWork *from, const LampWork *to)
{
    GHashTableIter iter;
    gpointer number;
    g_hash_table_iter_init(&iter, to->members);
    while (g_hash_table_iter_next(&iter, &number, NULL))
        if (g_hash_table_contains(from->reached, number))
            return TRUE;
    return FALSE;
}

static guint64
calls_by_callers_of(const Operation *operation, const LampWork *other)
{
    GHashTableIter iter;
    gpointer caller, calls;
    guint64 sum = 0;
    g_hash_table_iter_init(&iter, operation->callers);
    while (g_hash_table_iter_next(&iter, &caller, &calls))
        sum += g_hash_table_contains(other->callers, caller) ? GPOINTER_TO_SIZE(calls) : 0;
    return sum;
}

static Difference
compare_works(const LampWork *a, const LampWork *b)
{
    Difference found = {0};
    double share = log((double) a->calls / (double) (a->calls + b->calls));
    GHashTableIter iter;
    gpointer number, value;
    g_hash_table_iter_init(&iter, a->operations);
    while (g_hash_table_iter_next(&iter, &number, &value)) {
        const Operation *operation = value;
        if (g_hash_table_contains(b->operations, number)) {
            found.common++;
            continue;
        }
        found.calls += operation->calls;
        found.ns += operation->ns;
        found.calls_of_callers += calls_by_callers_of(operation, b);
        found.chance = fmin(found.chance, share * (double) operation->calls);
    }
    return found;
}

/* Share of all of a's work that is its alone, of calls or of time. */
static double
share_of(const Difference *own, const LampWork *work)
{
    double calls = (double) own->calls / (double) MAX(work->calls, 1);
    return fmax(calls, (double) own->ns / (double) MAX(work->ns, 1));
}

static gboolean
is_for_others(const Difference *own, const LampWork *work)
{
    return share_of(own, work) >= MOST_SHARE && own->calls_of_callers * 2 < own->calls;
}

gboolean
lamp_work_is_behind(const LampWork *a, const LampWork *b)
{
    return reaches(a, b) != reaches(b, a);
}

/* Share of the calls counted in @counts whose keys are in @other, too. */
static double
share_common(GHashTable *counts, GHashTable *other)
{
    GHashTableIter iter;
    gpointer key, calls;
    gsize all = 0, common = 0;
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &key, &calls)) {
        all += GPOINTER_TO_SIZE(calls);
        common += g_hash_table_contains(other, key) ? GPOINTER_TO_SIZE(calls) : 0;
    }
    return (double) common / (double) MAX(all, 1);
}

static gboolean
agree(GHashTable *a, GHashTable *b, double share)
{
    return share_common(a, b) >= share && share_common(b, a) >= share;
}

gboolean
lamp_work_has_callers_of(const LampWork *a, const LampWork *b)
{
    return agree(a->callers, b->callers, CALLER_SHARE);
}

/* Calls by the first words of their operations, which have their numbers from @numbers. */
static GHashTable *
count_verbs(LampStore *store, const LampWork *work, LampKeyedMap *numbers)
{
    GHashTable *verbs = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer number, value;
    g_hash_table_iter_init(&iter, work->operations);
    while (g_hash_table_iter_next(&iter, &number, &value)) {
        const char *text = lamp_store_text(store, GPOINTER_TO_UINT(number));
        gsize length = text != NULL ? strcspn(text, " ") : 0;
        gboolean is_new = FALSE;
        guint64 *verb =
            length > 0 ? lamp_keyed_map_add(numbers, lamp_bytes(text, length), &is_new) : NULL;
        if (verb == NULL)
            continue;
        if (is_new)
            *verb = lamp_keyed_map_size(numbers);
        count_in(verbs, GSIZE_TO_POINTER(*verb), ((const Operation *) value)->calls);
    }
    return verbs;
}

gboolean
lamp_work_is_shard(LampStore *store, const LampWork *a, const LampWork *b)
{
    if (lamp_work_is_behind(a, b) || !lamp_work_has_callers_of(a, b))
        return FALSE;
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GHashTable) of_a = count_verbs(store, a, numbers);
    g_autoptr(GHashTable) of_b = count_verbs(store, b, numbers);
    return agree(of_a, of_b, VERB_SHARE);
}

gboolean
lamp_work_is_alike(const LampWork *a, const LampWork *b)
{
    guint of_a = g_hash_table_size(a->operations), of_b = g_hash_table_size(b->operations);
    if (lamp_work_is_behind(a, b))
        return FALSE;
    Difference mine = compare_works(a, b), other = compare_works(b, a);
    if (mine.common < COMMON_SHARE * MIN(of_a, of_b))
        return FALSE;
    double chosen_from = log((double) MAX(of_a, 1)) + log((double) MAX(of_b, 1));
    if (mine.chance + other.chance + chosen_from >= log(CHANCE))
        return TRUE;
    if (share_of(&mine, a) >= OWN_SHARE && share_of(&other, b) >= OWN_SHARE)
        return FALSE;
    return !is_for_others(&mine, a) && !is_for_others(&other, b);
}

static void
add_all(GHashTable *to, GHashTable *from)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_add(to, key);
}

static void
count_all(GHashTable *to, GHashTable *from)
{
    GHashTableIter iter;
    gpointer key, calls;
    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &key, &calls))
        count_in(to, key, GPOINTER_TO_SIZE(calls));
}

void
lamp_work_absorb(LampWork *work, const LampWork *other)
{
    GHashTableIter iter;
    gpointer number, value;
    g_hash_table_iter_init(&iter, other->operations);
    while (g_hash_table_iter_next(&iter, &number, &value)) {
        const Operation *from = value;
        Operation *to = operation_of(work, number);
        if (to == NULL)
            break;
        to->calls += from->calls;
        to->ns += from->ns;
        count_all(to->callers, from->callers);
    }
    work->calls += other->calls;
    work->ns += other->ns;
    count_all(work->callers, other->callers);
    add_all(work->members, other->members);
    add_all(work->reached, other->reached);
}
