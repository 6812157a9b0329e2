/*
 * Fuzz target of templates: each line of the input is a message. All are masked, their values
 * kept, merged in both orders, and fitted to what came out.
 */
#include "ingest/log/template-merge.h"
#include "ingest/log/template-values.h"
#include "tests/fuzz/target.h"

enum { MOST_LINES = 64 };

typedef struct {
    LampMasked masked;
    char *texts[MOST_LINES];
    guint count;
} Messages;

static void
add_line(Messages *m, LampTemplateValues *values, LampBytes line)
{
    lamp_template_mask(line, &m->masked);
    g_assert_cmpuint(m->masked.length, <=, LAMP_TEMPLATE_BYTES);
    if (m->masked.length == 0)
        return;
    LampBytes text = lamp_bytes(m->masked.text, m->masked.length);
    lamp_template_values_add(values, m->count + 1, text, &m->masked, m->count, m->count);
    m->texts[m->count++] = g_strndup((const char *) text.at, text.len);
}

static guint
words_of(LampBytes text)
{
    LampCursor at = lamp_cursor(text);
    guint words = 0;
    for (; at.at < at.end; words++)
        g_assert_cmpuint(lamp_template_take_word(&at).len, >, 0);
    return words;
}

static LampTemplates *
merge(const Messages *m, gboolean reversed)
{
    LampTemplates *templates = lamp_templates_new();
    for (guint i = 0; i < m->count; i++)
        lamp_templates_add(templates,
                           lamp_bytes_text(m->texts[reversed ? m->count - 1 - i : i]));
    lamp_templates_merge(templates);
    return templates;
}

/* The template has as many words, does not depend on the order, and fits itself. */
static void
check_templates(const Messages *m)
{
    enum { ALL_WORDS = 256 };
    g_autoptr(LampTemplates) templates = merge(m, FALSE), other = merge(m, TRUE);
    g_autoptr(LampKnownTemplates) known = lamp_known_templates_new();
    for (guint i = 0; i < m->count; i++) {
        LampBytes text = lamp_bytes_text(m->texts[i]);
        LampBytes final = lamp_templates_final(templates, text);
        g_assert_true(lamp_bytes_equal(final, lamp_templates_final(other, text)));
        g_assert_true(words_of(text) > ALL_WORDS || words_of(text) == words_of(final));
        lamp_known_templates_add(known, final, G_MAXUINT64);
        g_assert_true(lamp_bytes_equal(lamp_known_templates_fit(known, final), final));
    }
    for (guint i = 0; i < m->count; i++) {
        LampBytes fit = lamp_known_templates_fit(known, lamp_bytes_text(m->texts[i]));
        g_assert_true(fit.len == 0 || words_of(fit) == words_of(lamp_bytes_text(m->texts[i])));
    }
}

/* Types have names, and a sample is no longer than it may be. */
static void
check_values(const Messages *m, const LampTemplateValues *values)
{
    g_autoptr(GString) type = g_string_new(NULL);
    for (guint i = 0; i < m->count; i++) {
        const LampTemplateRecord *record = lamp_template_values_find(values, i + 1);
        g_assert_nonnull(record);
        for (guint p = 0; p < record->place_count; p++) {
            lamp_place_type(&record->places[p], lamp_bytes_text(" ms"), TRUE, type);
            g_assert_cmpuint(record->places[p].sample_count, <=, 1);
        }
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    g_autofree Messages *m = g_new0(Messages, 1);
    g_autoptr(LampTemplateValues) values = lamp_template_values_new();
    LampCursor cursor = lamp_cursor(lamp_bytes(at, len));
    LampBytes line;
    while (m->count < MOST_LINES && lamp_cursor_line(&cursor, &line))
        add_line(m, values, line);
    check_templates(m);
    check_values(m, values);
    for (guint i = 0; i < m->count; i++)
        g_free(m->texts[i]);
    return 0;
}
