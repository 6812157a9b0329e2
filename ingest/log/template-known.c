/*
 * Known templates, found by the places that they have.
 *
 * What masking takes for a variable is `<*>` in every text; words are not, so a text differs
 * from its template at the places where words are variable. Templates of as many words
 * (delimiters are words, too) mostly have these at the same few sets of places. A text is tried
 * with each of the sets: its words there are replaced by `<*>`, and if the result is a known
 * template, that is what it fits. Sets with fewer places are tried first.
 *
 * Limits: 256 sets for each number of words, templates with further sets are fitted by their
 * own text alone; words beyond LAMP_LIMIT_TEMPLATE_TOKENS are no places.
 */
#include "ingest/log/template-known.h"
#include "base/arena.h"
#include "base/keyed-map.h"
#include "base/limits.h"
#include "base/out.h"
#include "ingest/log/template-merge.h"
#include "ingest/log/template-value.h"

enum { BUDGET = 64 * 1024 * 1024, WORDS = LAMP_LIMIT_TEMPLATE_TOKENS, MOST_SETS = 256 };

/* Word places of templates with equally many words. */
typedef struct {
    guint count;
    guint16 places[];
} PlaceSet;

struct LampKnownTemplates {
    LampKeyedMap *texts; /* text -> index + 1 */
    LampArena *arena;
    GArray *by_index;           /* LampBytes */
    GPtrArray *sets[WORDS + 1]; /* PlaceSet in the arena, by number of words; or NULL */
    LampOut out;
};

LampKnownTemplates *
lamp_known_templates_new(void)
{
    LampKnownTemplates *k = g_new0(LampKnownTemplates, 1);
    k->texts = lamp_keyed_map_new(BUDGET);
    k->arena = lamp_arena_new(BUDGET);
    k->by_index = g_array_new(FALSE, FALSE, sizeof(LampBytes));
    return k;
}

void
lamp_known_templates_free(LampKnownTemplates *known)
{
    if (known == NULL)
        return;
    for (guint i = 0; i <= WORDS; i++)
        if (known->sets[i] != NULL)
            g_ptr_array_unref(known->sets[i]);
    lamp_keyed_map_free(known->texts);
    lamp_arena_free(known->arena);
    g_array_free(known->by_index, TRUE);
    lamp_out_clear(&known->out);
    g_free(known);
}

/* The words of @text; more than WORDS where there are too many. */
static guint
split(LampBytes text, LampBytes words[WORDS])
{
    LampCursor at = lamp_cursor(text);
    guint count = 0;
    for (; at.at < at.end && count <= WORDS; count++) {
        LampBytes word = lamp_template_take_word(&at);
        if (count < WORDS)
            words[count] = word;
    }
    return count;
}

static gboolean
is_place(LampBytes word)
{
    return lamp_bytes_equal(word, lamp_bytes("<*>", 3));
}

static gint
compare_sets(const PlaceSet *a, const PlaceSet *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (guint i = 0; i < a->count; i++)
        if (a->places[i] != b->places[i])
            return a->places[i] < b->places[i] ? -1 : 1;
    return 0;
}

/* Adds @set in its order, if it is new and there is room. */
static void
add_set(LampKnownTemplates *k, guint words, PlaceSet *set)
{
    GPtrArray *sets = k->sets[words];
    guint at = 0;
    if (sets == NULL)
        sets = k->sets[words] = g_ptr_array_new();
    while (at < sets->len && compare_sets(sets->pdata[at], set) < 0)
        at++;
    gboolean is_new = at == sets->len || compare_sets(sets->pdata[at], set) != 0;
    if (is_new && sets->len < MOST_SETS)
        g_ptr_array_insert(sets, (gint) at, set);
}

void
lamp_known_templates_add(LampKnownTemplates *known, LampBytes text, guint64 word_places)
{
    LampBytes words[WORDS];
    guint count = split(text, words);
    gboolean is_new = FALSE;
    if (known->by_index->len >= LAMP_LIMIT_TEMPLATES || text.len == 0)
        return;
    LampBytes copy = lamp_arena_copy(known->arena, text);
    PlaceSet *set = lamp_arena_take(known->arena, sizeof *set + WORDS * sizeof set->places[0]);
    guint64 *place =
        copy.at != NULL && set != NULL ? lamp_keyed_map_add(known->texts, copy, &is_new) : NULL;
    if (place == NULL || !is_new)
        return;
    g_array_append_val(known->by_index, copy);
    *place = known->by_index->len;
    for (guint i = 0, n = 0; i < count && count <= WORDS; i++)
        if (is_place(words[i]) && n++ < 64 && (word_places >> (n - 1) & 1) != 0)
            set->places[set->count++] = (guint16) i;
    if (set->count > 0)
        add_set(known, count, set);
}

static LampBytes
find(const LampKnownTemplates *k, LampBytes text)
{
    const guint64 *place = lamp_keyed_map_find(k->texts, text);
    return place == NULL ? lamp_bytes(NULL, 0)
                         : g_array_index(k->by_index, LampBytes, *place - 1);
}

/* The template that is the text with `<*>` at the places of @set. */
static LampBytes
fit_set(LampKnownTemplates *k, const PlaceSet *set, const LampBytes *words, guint count)
{
    guint next = 0;
    k->out.len = 0;
    for (guint i = 0; i < count; i++) {
        gboolean replaces = next < set->count && set->places[next] == i;
        if (replaces && !is_place(words[i]) && lamp_is_delimiter(words[i].at[0]))
            return lamp_bytes(NULL, 0);
        lamp_out_add(&k->out, replaces ? lamp_bytes("<*>", 3) : words[i]);
        next += replaces ? 1 : 0;
    }
    return find(k, lamp_bytes(k->out.at, k->out.len));
}

LampBytes
lamp_known_templates_fit(LampKnownTemplates *known, LampBytes masked)
{
    LampBytes words[WORDS];
    LampBytes found = find(known, masked);
    guint count = found.len == 0 ? split(masked, words) : 0;
    if (count == 0 || count > WORDS || known->sets[count] == NULL)
        return found;
    const GPtrArray *sets = known->sets[count];
    for (guint i = 0; i < sets->len && found.len == 0; i++)
        found = fit_set(known, sets->pdata[i], words, count);
    return found;
}
