/*
 * Values that one line lists and later lines of its request go through, one by one.
 *
 * A line that bears several values of one kind (the products that are recommended) is often
 * followed by lines with one of these each, in the same order; a line with one value by a line
 * with that value. How often the next value of the list is the one that comes, is learnt for
 * each kind of list and of value, against how frequent the value is in such lines anyway.
 *
 * In: runs of linked lines, values that may tell requests apart. Cost: linear in values.
 */
#include "correlate/log-requests/steps.h"

#include <math.h>

#define LEAST_FREQUENCY 0.002
#define MOST_FREQUENCY 0.98
#define MOST_MATCHED 0.99

/* How often the value that comes was the next of the list: above chance. */
typedef struct {
    double seen, matched;
} Listed;

struct LampStepLists {
    const LampSteps *t;
    GHashTable *listed; /* component of the list and kind of value, to Listed */
    float *frequency;   /* by value: its share of the values of its kind */
};

static void
add_key(GHashTable *table, guint64 key, gpointer value)
{
    guint64 *copy = g_new(guint64, 1);
    *copy = key;
    g_hash_table_insert(table, copy, value);
}

static guint64
use_key(const LampGroupState *s, guint32 v)
{
    return s->input->values[v].hash ^ (s->kind_of_value[v] * 0x9e3779b97f4a7c15U);
}

static void
count_frequencies(LampStepLists *lists)
{
    const LampGroupState *s = lists->t->s;
    guint32 n = s->input->n_values;
    g_autoptr(GHashTable) counts =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            guint64 key = use_key(s, v);
            guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, &key));
            add_key(counts, key, GUINT_TO_POINTER(count + 1));
        }
    }
    lists->frequency = g_new0(float, (gsize) n + 1);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            guint64 key = use_key(s, v);
            double count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, &key));
            double uses =
                g_array_index(s->value_kinds, LampValueKind, s->kind_of_value[v]).uses;
            lists->frequency[v] =
                (float) CLAMP(count / MAX(uses, 1), LEAST_FREQUENCY, MOST_FREQUENCY);
        }
    }
}

static Listed *
listed_of(const LampStepLists *lists, guint32 lister, guint32 v)
{
    const LampGroupState *s = lists->t->s;
    guint64 key = (guint64) s->input->lines[lister].component << 32 | s->kind_of_value[v];
    Listed *listed = g_hash_table_lookup(lists->listed, &key);
    if (listed == NULL) {
        listed = g_new0(Listed, 1);
        add_key(lists->listed, key, listed);
    }
    return listed;
}

/* Is the value the only one of its name in the line? */
static gboolean
is_single(const LampGroupState *s, const LampLogLine *l, guint32 v)
{
    for (guint32 k = l->first_value; k < l->first_value + l->value_count; k++)
        if (k != v && s->is_telling[k] && s->input->values[k].key == s->input->values[v].key)
            return FALSE;
    return TRUE;
}

/* Is the value the next of some name in the list? */
static gboolean
is_next(const LampGroupState *s, const LampListing *listing, guint32 v, guint32 *out_at)
{
    const LampLogLine *l = &s->input->lines[listing->lister];
    const LampLogValue *values = s->input->values;
    guint32 name = 0;
    gboolean is_any = FALSE;
    for (guint32 k = MAX(listing->at, l->first_value); k < l->first_value + l->value_count;
         k++) {
        if (!s->is_telling[k] || (is_any && values[k].key == name))
            continue;
        is_any = TRUE;
        name = values[k].key;
        if (values[k].hash != values[v].hash)
            continue;
        *out_at = k + 1;
        return TRUE;
    }
    return FALSE;
}

LampListing
lamp_step_lists_begin(const LampStepLists *lists, guint32 line)
{
    const LampGroupState *s = lists->t->s;
    const LampLogLine *l = &s->input->lines[line];
    for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++)
        if (s->is_telling[v])
            return (LampListing){line, 0};
    return (LampListing){LAMP_LOG_NONE, 0};
}

/* How far the run is with @line behind it: a line that brings other values lists anew. */
static LampListing
go_on(const LampStepLists *lists, const LampListing *listing, guint32 line, guint32 at)
{
    if (at > 0)
        return (LampListing){listing->lister, at};
    LampListing begun = lamp_step_lists_begin(lists, line);
    return begun.lister != LAMP_LOG_NONE ? begun : *listing;
}

double
lamp_step_lists_worth(const LampStepLists *lists, const LampListing *listing, guint32 line,
                      LampListing *out_after)
{
    const LampGroupState *s = lists->t->s;
    const LampLogLine *l = &s->input->lines[line];
    double worth = 0;
    guint32 at = 0;
    guint32 end = listing->lister != LAMP_LOG_NONE ? l->first_value + l->value_count : 0;
    for (guint32 v = l->first_value; v < end; v++) {
        if (!s->is_telling[v] || !is_single(s, l, v))
            continue;
        const Listed *listed = listed_of(lists, listing->lister, v);
        double c = (double) lists->frequency[v];
        double p =
            c + (1 - c) * CLAMP((listed->matched + 0.3) / (listed->seen + 2), 0, MOST_MATCHED);
        worth += is_next(s, listing, v, &at) ? log(p / c) : log((1 - p) / (1 - c));
    }
    *out_after = go_on(lists, listing, line, at);
    return worth;
}

/* Counts what comes after a list, and goes on in it. */
static LampListing
count_line(LampStepLists *lists, const LampListing *listing, guint32 line)
{
    const LampGroupState *s = lists->t->s;
    const LampLogLine *l = &s->input->lines[line];
    guint32 at = 0;
    guint32 end = listing->lister != LAMP_LOG_NONE ? l->first_value + l->value_count : 0;
    for (guint32 v = l->first_value; v < end; v++) {
        if (!s->is_telling[v] || !is_single(s, l, v))
            continue;
        Listed *listed = listed_of(lists, listing->lister, v);
        double c = (double) lists->frequency[v];
        listed->seen += 1 - c;
        listed->matched += (is_next(s, listing, v, &at) ? 1 : 0) - c;
    }
    return go_on(lists, listing, line, at);
}

LampStepLists *
lamp_step_lists_new(const LampSteps *t)
{
    const LampGroupState *s = t->s;
    guint32 n = s->input->n_lines;
    LampStepLists *lists = g_new0(LampStepLists, 1);
    lists->t = t;
    lists->listed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    count_frequencies(lists);
    g_autofree LampListing *listings = g_new0(LampListing, (gsize) n + 1);
    for (guint32 i = 0; i < n; i++) {
        LampListing none = {LAMP_LOG_NONE, 0};
        guint32 before = s->previous[i];
        if (!lamp_steps_is_serial(t, i))
            listings[i] =
                count_line(lists, before != LAMP_LOG_NONE ? &listings[before] : &none, i);
    }
    return lists;
}

void
lamp_step_lists_free(LampStepLists *lists)
{
    g_hash_table_unref(lists->listed);
    g_free(lists->frequency);
    g_free(lists);
}
