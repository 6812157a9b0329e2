/*
 * Pairs of templates for prompt steps: bound lines are told apart by what stands around them.
 *
 * The line "cart read" is followed by one line in one kind of request, by another in the next.
 * Of a line that identifiers bind it is known which bound line of its request comes next, and
 * which came before. So what follows it is learnt by its template and that of the next bound
 * line; what comes before it, by its template and that of the bound line before.
 */
#include "correlate/log-requests/steps.h"

#include <string.h>

/* The label of a template with another's next to it, on one side (0: behind, 1: before). */
static guint32
label_of(GHashTable *labels, guint32 template, guint32 other, guint side, guint32 *n_labels)
{
    guint64 key = (guint64) template << 33 | (guint64) other << 1 | side;
    gpointer known = g_hash_table_lookup(labels, &key);
    if (known != NULL)
        return GPOINTER_TO_UINT(known);
    guint64 *copy = g_new(guint64, 1);
    *copy = key;
    g_hash_table_insert(labels, copy, GUINT_TO_POINTER(*n_labels));
    return (*n_labels)++;
}

static void
set_labels(const LampSteps *t, LampGroupState *inner)
{
    const LampLogLine *lines = inner->input->lines;
    guint32 n = inner->input->n_lines;
    guint32 none = inner->n_templates;
    guint32 n_labels = inner->n_templates + 1;
    g_autoptr(GHashTable) labels =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    inner->from_label = g_new0(guint32, (gsize) n + 1);
    inner->to_label = g_new0(guint32, (gsize) n + 1);
    for (guint32 i = 0; i < n; i++) {
        guint32 template = lines[i].template;
        inner->from_label[i] = inner->to_label[i] = template;
        if (inner->bound[i] == LAMP_LOG_NONE)
            continue;
        guint32 next = t->next_bound[i];
        guint32 before = t->previous_bound[i];
        inner->from_label[i] =
            label_of(labels, template, next != LAMP_LOG_NONE ? lines[next].template : none, 0,
                     &n_labels);
        inner->to_label[i] =
            label_of(labels, template, before != LAMP_LOG_NONE ? lines[before].template : none,
                     1, &n_labels);
    }
    inner->n_templates = n_labels;
}

void
lamp_step_labels_begin(LampSteps *t, LampGroupState *inner, const LampGroupState *outer)
{
    *inner = *outer;
    set_labels(t, inner);
    gsize size = (gsize) inner->n_templates + 1;
    inner->template_count = g_new0(double, size);
    inner->template_ends = g_new0(double, size);
    inner->template_starts = g_new0(double, size);
    inner->is_new = g_new0(float, size);
    inner->is_entry = inner->is_closing = inner->is_root = inner->is_begin = inner->brings =
        g_new0(gboolean, size); /* frames say what begins and ends requests */
    inner->label_template = g_new0(guint32, size);
    inner->follows = g_array_new(FALSE, TRUE, sizeof(LampFollow));
    inner->follow_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint32 i = 0; i < inner->input->n_lines; i++) {
        guint32 from = inner->from_label[i];
        guint32 to = inner->to_label[i];
        inner->label_template[from] = inner->label_template[to] =
            inner->input->lines[i].template;
        inner->template_count[from] += 1;
        inner->template_count[to] += from != to ? 1 : 0;
    }
    g_array_set_size(inner->edges, 0); /* of the other pairs */
    g_array_set_size(inner->seeds, 0);
    t->s = inner;
}

void
lamp_step_labels_end(LampGroupState *inner)
{
    g_free(inner->from_label);
    g_free(inner->to_label);
    g_free(inner->label_template);
    g_free(inner->template_count);
    g_free(inner->template_ends);
    g_free(inner->template_starts);
    g_free(inner->is_new);
    g_free(inner->is_begin);
    g_array_unref(inner->follows);
    g_hash_table_unref(inner->follow_index);
    g_array_set_size(inner->edges, 0);
}
