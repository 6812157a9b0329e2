/*
 * The table of masked texts, and which template each belongs to. The merging itself is in
 * template-merge.c.
 */
#include "ingest/log/template.h"
#include "base/arena.h"
#include "base/keyed-map.h"
#include "base/limits.h"
#include "ingest/log/template-merge.h"

enum { BUDGET = 64 * 1024 * 1024, FIRST_WORDS = 3 };

struct LampTemplates {
    LampKeyedMap *map; /* masked text -> index + 1 */
    LampArena *arena;
    LampBytes *texts;          /* by index */
    LampBytes *finals;         /* after merging */
    LampKnownTemplates *known; /* borrowed, or NULL */
    guint count, final_count;
    LampMasked masked;
};

LampTemplates *
lamp_templates_new(void)
{
    LampTemplates *t = g_new0(LampTemplates, 1);
    t->map = lamp_keyed_map_new(BUDGET);
    t->arena = lamp_arena_new(BUDGET);
    t->texts = g_new0(LampBytes, LAMP_LIMIT_TEMPLATES);
    t->finals = g_new0(LampBytes, LAMP_LIMIT_TEMPLATES);
    return t;
}

void
lamp_templates_free(LampTemplates *templates)
{
    if (templates == NULL)
        return;
    lamp_keyed_map_free(templates->map);
    lamp_arena_free(templates->arena);
    g_free(templates->texts);
    g_free(templates->finals);
    g_free(templates);
}

static gboolean
add(LampTemplates *t, LampBytes masked)
{
    if (lamp_keyed_map_find(t->map, masked) != NULL)
        return TRUE;
    if (t->count == LAMP_LIMIT_TEMPLATES)
        return FALSE;
    LampBytes copy = lamp_arena_copy(t->arena, masked);
    guint64 *place = copy.at != NULL ? lamp_keyed_map_add(t->map, masked, NULL) : NULL;
    if (place == NULL)
        return FALSE;
    t->texts[t->count] = copy;
    *place = ++t->count;
    return TRUE;
}

void
lamp_templates_add(LampTemplates *templates, LampBytes masked)
{
    (void) add(templates, masked);
}

/* The table is full: only the first words tell messages apart. */
static LampBytes
first_words(LampMasked *masked)
{
    gsize n = 0;
    guint words = 0;
    while (n < masked->length && words < FIRST_WORDS)
        words += masked->text[n++] == ' ' ? 1 : 0;
    n = MIN(n, sizeof masked->text - 3);
    memcpy(masked->text + n, "<*>", 3);
    masked->length = n + 3;
    return lamp_bytes(masked->text, masked->length);
}

LampBytes
lamp_templates_mask(LampTemplates *templates, LampBytes message)
{
    LampMasked *masked = &templates->masked;
    lamp_template_mask(message, masked);
    LampBytes text = lamp_bytes(masked->text, masked->length);
    return add(templates, text) ? text : first_words(masked);
}

static int
compare_texts(const void *a, const void *b)
{
    const LampBytes *x = a, *y = b;
    int order = memcmp(x->at, y->at, MIN(x->len, y->len));
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void
lamp_templates_know(LampTemplates *templates, LampKnownTemplates *known)
{
    templates->known = known;
}

/* The texts that fit no known template, in their order, so that the order of messages cannot
 * matter; the others are of that which they fit. */
static LampBytes *
take_unknown(LampTemplates *t, guint *out_count)
{
    LampBytes *unknown = g_new0(LampBytes, MAX(t->count, 1));
    guint count = 0;
    for (guint i = 0; i < t->count; i++) {
        t->finals[i] = t->known != NULL ? lamp_known_templates_fit(t->known, t->texts[i])
                                        : lamp_bytes(NULL, 0);
        if (t->finals[i].len == 0)
            unknown[count++] = t->texts[i];
    }
    qsort(unknown, count, sizeof *unknown, compare_texts);
    *out_count = count;
    return unknown;
}

static void
count_finals(LampTemplates *t)
{
    LampBytes *finals = g_memdup2(t->finals, sizeof *finals * MAX(t->count, 1));
    qsort(finals, t->count, sizeof *finals, compare_texts);
    t->final_count = 0;
    for (guint i = 0; i < t->count; i++)
        t->final_count += i == 0 || !lamp_bytes_equal(finals[i], finals[i - 1]) ? 1 : 0;
    g_free(finals);
}

void
lamp_templates_merge(LampTemplates *templates)
{
    LampTemplates *t = templates;
    guint count;
    LampBytes *unknown = take_unknown(t, &count);
    LampBytes *merged = g_new0(LampBytes, MAX(count, 1));
    lamp_template_merge(unknown, count, t->arena, merged);
    for (guint i = 0; i < count; i++) {
        const guint64 *place = lamp_keyed_map_find(t->map, unknown[i]);
        if (place != NULL)
            t->finals[*place - 1] = merged[i];
    }
    count_finals(t);
    g_free(unknown);
    g_free(merged);
}

LampBytes
lamp_templates_final(const LampTemplates *templates, LampBytes masked)
{
    const guint64 *place = lamp_keyed_map_find(templates->map, masked);
    if (place == NULL || templates->finals[*place - 1].at == NULL)
        return masked;
    return templates->finals[*place - 1];
}

guint
lamp_templates_count(const LampTemplates *templates)
{
    return templates->final_count;
}
