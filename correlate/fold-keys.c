/*
 * Words in the keys of stores that stand for one thing of many.
 *
 * In: observations of Redis and memcached with their operations, `get search:desk`. Out: the
 * same with the last part of the key as `{}` where it is one of at least LEAST_WORDS words
 * below the same parts and command: an operation for each thing that was searched for says no
 * more than one, and numbers, hashes and the like were folded when the key was read. A few
 * words (`config:flags`) are names of kinds and stay. It is done here and not as keys are read
 * because it takes all of them to tell, and so does not depend on the order of the input; the
 * keys themselves stay among the values of each call. Cost: O(observations).
 */
#include "base/keyed-map.h"
#include "correlate/passes.h"
#include "store/statement.h"

#include <string.h>

#define LEAST_WORDS 6u
#define MEMORY (G_GINT64_CONSTANT(64) << 20)
#define SEPARATORS ":/.|"

/* Length of what stands before the last part of the key in @operation, with its separator; 0
 * where there is no such word. */
static gsize
prefix_of(const char *operation)
{
    const char *key = strchr(operation, ' ');
    if (key == NULL || strchr(key + 1, ' ') != NULL)
        return 0;
    const char *last = NULL;
    for (const char *c = key + 1; *c != '\0'; c++)
        last = strchr(SEPARATORS, *c) != NULL ? c : last;
    if (last == NULL || last == key + 1 || last[1] == '\0' || strpbrk(last, "{}*?") != NULL)
        return 0;
    return (gsize) (last + 1 - operation);
}

static gint
compare_ids(gconstpointer a, gconstpointer b)
{
    guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
    return x < y ? -1 : x > y;
}

/* Text of string @id, or NULL; caller frees. */
static char *
read_text(LampStatement *texts, guint32 id)
{
    gboolean has_row = FALSE;
    lamp_statement_reset(texts);
    lamp_statement_bind_int(texts, 1, id);
    return lamp_statement_step(texts, &has_row, NULL) && has_row
               ? g_strdup(lamp_statement_text(texts, 0))
               : NULL;
}

static gboolean
is_store(LampStatement *texts, guint32 protocol)
{
    g_autofree char *text = read_text(texts, protocol);
    return g_strcmp0(text, "redis") == 0 || g_strcmp0(text, "memcached") == 0;
}

/* Operations of stores by id, each once, in order; caller unrefs. */
static GArray *
collect_operations(const LampCorrelation *c, LampStatement *texts)
{
    g_autoptr(GHashTable) stores = g_hash_table_new(NULL, NULL); /* protocol to 1 or 2 */
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    GArray *operations = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < c->observations->len; i++) {
        const LampObservation *seen = &g_array_index(c->observations, LampObservation, i);
        gpointer protocol = GUINT_TO_POINTER(seen->protocol);
        guint kind = GPOINTER_TO_UINT(g_hash_table_lookup(stores, protocol));
        if (kind == 0) {
            kind = is_store(texts, seen->protocol) ? 2 : 1;
            g_hash_table_insert(stores, protocol, GUINT_TO_POINTER(kind));
        }
        if (kind == 2 && g_hash_table_add(known, GUINT_TO_POINTER(seen->operation)))
            g_array_append_val(operations, seen->operation);
    }
    g_array_sort(operations, compare_ids);
    return operations;
}

/* How many words there are below each prefix. */
static void
count_words(const GPtrArray *names, LampKeyedMap *words)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        gsize n = name != NULL ? prefix_of(name) : 0;
        guint64 *count = n > 0 ? lamp_keyed_map_add(words, lamp_bytes(name, n), NULL) : NULL;
        if (count != NULL)
            ++*count;
    }
}

/* Id of the operation that @name is folded to; 0 where it stays. */
static guint32
fold_name(LampCorrelation *c, const char *name, const LampKeyedMap *words)
{
    gsize n = name != NULL ? prefix_of(name) : 0;
    const guint64 *count = n > 0 ? lamp_keyed_map_find(words, lamp_bytes(name, n)) : NULL;
    if (count == NULL || *count < LEAST_WORDS)
        return 0;
    g_autofree char *folded = g_strdup_printf("%.*s{}", (int) n, name);
    gint64 id = lamp_store_intern(c->store, lamp_bytes_text(folded));
    return id > 0 && id < G_MAXUINT32 ? (guint32) id : 0;
}

gboolean
lamp_pass_fold_keys(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) texts =
        lamp_statement_new(c->store, "SELECT text FROM strings WHERE string_id = ?1", error);
    if (texts == NULL)
        return FALSE;
    g_autoptr(GArray) operations = collect_operations(c, texts);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(LampKeyedMap) words = lamp_keyed_map_new(MEMORY);
    g_autoptr(GHashTable) folded = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < operations->len; i++)
        g_ptr_array_add(names, read_text(texts, g_array_index(operations, guint32, i)));
    count_words(names, words);
    for (guint i = 0; i < operations->len; i++) {
        guint32 to = fold_name(c, names->pdata[i], words);
        if (to != 0)
            g_hash_table_insert(folded, GUINT_TO_POINTER(g_array_index(operations, guint32, i)),
                                GUINT_TO_POINTER(to));
    }
    for (guint i = 0; i < c->observations->len && g_hash_table_size(folded) > 0; i++) {
        LampObservation *seen = &g_array_index(c->observations, LampObservation, i);
        guint32 to =
            GPOINTER_TO_UINT(g_hash_table_lookup(folded, GUINT_TO_POINTER(seen->operation)));
        seen->operation = to != 0 ? to : seen->operation;
    }
    return TRUE;
}
