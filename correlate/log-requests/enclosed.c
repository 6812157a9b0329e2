/*
 * A session or a user that has one request open at a time: its lines elsewhere belong to the
 * request, bound by identifiers, in whose time they fall.
 *
 * In: which lines identifiers bind. Out: the same with more lines. Of a slot (a component and
 * the word before a value) the lines are bound if nearly all of them have exactly one such
 * request with their value. Cost: uses of a value times its requests, both bounded.
 */
#include "correlate/log-requests/state.h"

#define MOST_HOSTS 256     /* requests that a value is looked for in */
#define LEAST_ENCLOSED 8   /* lines of a slot */
#define ENCLOSED_SHARE 0.9 /* of them */
#define COMMON_SHARE 0.1   /* of all lines; what stands in more tells nothing */
#define THREAD G_MAXUINT32 /* name of threads: they are used again */

typedef struct {
    guint32 loose, enclosed; /* lines not bound; of these, in the time of one request */
} Slot;

typedef struct {
    LampGroupState *s;
    GArray *uses;  /* LampValueUse: by hash, then by line */
    GArray *slots; /* Slot */
    GHashTable *index;
    gint64 *first_ns, *last_ns; /* of bound requests */
    guint32 hosts[MOST_HOSTS];  /* bound requests that a value stands in */
    guint n_hosts;
} Enclosing;

static const LampValueUse *
use_at(const Enclosing *e, guint32 i)
{
    return &g_array_index(e->uses, LampValueUse, i);
}

/* FALSE if there are too many. */
static gboolean
find_hosts(Enclosing *e, guint32 first, guint32 end)
{
    e->n_hosts = 0;
    for (guint32 i = first; i < end; i++) {
        guint32 host = e->s->bound[use_at(e, i)->line];
        gboolean is_new = host != LAMP_LOG_NONE;
        for (guint k = e->n_hosts; k > 0 && is_new; k--)
            is_new = e->hosts[k - 1] != host;
        if (is_new && e->n_hosts == MOST_HOSTS)
            return FALSE;
        if (is_new)
            e->hosts[e->n_hosts++] = host;
    }
    return e->n_hosts > 0;
}

/* The one host in whose time @line falls, or LAMP_LOG_NONE. */
static guint32
enclosing_host(const Enclosing *e, guint32 line)
{
    gint64 time = e->s->input->lines[line].time_ns;
    guint32 found = LAMP_LOG_NONE;
    for (guint k = 0; k < e->n_hosts; k++) {
        guint32 host = e->hosts[k];
        if (e->first_ns[host] > time || e->last_ns[host] < time)
            continue;
        if (found != LAMP_LOG_NONE)
            return LAMP_LOG_NONE;
        found = host;
    }
    return found;
}

static Slot *
slot_of(Enclosing *e, const LampValueUse *use)
{
    guint64 name = e->s->input->values[use->value].key;
    guint64 key = name << 32 | e->s->input->lines[use->line].component;
    gpointer known = g_hash_table_lookup(e->index, &key);
    if (known == NULL) {
        Slot slot = {0};
        g_array_append_val(e->slots, slot);
        known = GUINT_TO_POINTER(e->slots->len);
        guint64 *copy = g_new(guint64, 1);
        *copy = key;
        g_hash_table_insert(e->index, copy, known);
    }
    return &g_array_index(e->slots, Slot, GPOINTER_TO_UINT(known) - 1);
}

/* Counts the lines of one value by slot, or binds those of the slots that are fit. */
static void
visit_value(Enclosing *e, guint32 first, guint32 end, gboolean is_binding)
{
    for (guint32 i = first; i < end; i++) {
        const LampValueUse *use = use_at(e, i);
        if (e->s->bound[use->line] != LAMP_LOG_NONE ||
            e->s->input->values[use->value].key == THREAD)
            continue;
        Slot *slot = slot_of(e, use);
        guint32 host = enclosing_host(e, use->line);
        if (!is_binding) {
            slot->loose++;
            slot->enclosed += host != LAMP_LOG_NONE ? 1 : 0;
        } else if (host != LAMP_LOG_NONE && slot->enclosed >= LEAST_ENCLOSED &&
                   slot->enclosed > ENCLOSED_SHARE * slot->loose) {
            e->s->bound[use->line] = host;
        }
    }
}

static void
visit_values(Enclosing *e, gboolean is_binding)
{
    guint32 most = (guint32) (COMMON_SHARE * e->s->input->n_lines);
    for (guint32 first = 0, end = 0; first < e->uses->len; first = end) {
        while (end < e->uses->len && use_at(e, end)->hash == use_at(e, first)->hash)
            end++;
        if (end - first > 1 && end - first <= most && find_hosts(e, first, end))
            visit_value(e, first, end, is_binding);
    }
}

void
lamp_enclosed_bind(LampGroupState *s)
{
    gsize n = (gsize) s->input->n_lines + 1;
    if (!s->has_bonds)
        return;
    g_autofree Enclosing *e = g_new0(Enclosing, 1);
    e->s = s;
    e->uses = lamp_values_sort(s->input);
    e->slots = g_array_new(FALSE, TRUE, sizeof(Slot));
    e->index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    e->first_ns = g_new(gint64, n);
    e->last_ns = g_new0(gint64, n);
    for (guint32 i = s->input->n_lines; i > 0; i--)
        if (s->bound[i - 1] != LAMP_LOG_NONE)
            e->first_ns[s->bound[i - 1]] = s->input->lines[i - 1].time_ns;
    for (guint32 i = 0; i < s->input->n_lines; i++)
        if (s->bound[i] != LAMP_LOG_NONE)
            e->last_ns[s->bound[i]] = s->input->lines[i].time_ns;
    visit_values(e, FALSE);
    visit_values(e, TRUE);
    g_array_unref(e->uses);
    g_array_unref(e->slots);
    g_hash_table_unref(e->index);
    g_free(e->first_ns);
    g_free(e->last_ns);
}
