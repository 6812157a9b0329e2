/*
 * What the values of lines say about their requests.
 *
 * For each kind of value (template and key): p, how often a line's value stands in an earlier
 * line of its own request, is learnt; c is how many of the candidates bear it. A match counts
 * log p / c, its absence log (1 - p) / (1 - c): an id of a request is decisive in both
 * directions, a value that half the requests share says little, because the data say so.
 */
#include "correlate/log-requests/state.h"

#include <math.h>
#include <stdlib.h>

#define COMMON_SHARE 0.1  /* of all lines; what stands in more tells nothing */
#define HOME_SHARE 0.7    /* of the uses of an id, in the component that brought it */
#define BROUGHT_SHARE 0.8 /* of the values of a kind that are new when it brings them */
#define LONGEST_WALK 500  /* lines that are looked back for a value */

static gint
compare_hashes(gconstpointer left, gconstpointer right)
{
    guint64 a = *(const guint64 *) left;
    guint64 b = *(const guint64 *) right;
    return a < b ? -1 : a > b;
}

/* Before anything is linked: how often has a value stood in some line before? */
static void
expect_matches(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    g_autoptr(GHashTable) known = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (guint32 i = 0; i < in->n_lines; i++) {
        const LampLogLine *line = &in->lines[i];
        for (guint32 v = line->first_value; v < line->first_value + line->value_count; v++) {
            LampValueKind *kind =
                &g_array_index(s->value_kinds, LampValueKind, s->kind_of_value[v]);
            kind->uses += 1;
            kind->known += g_hash_table_contains(known, &in->values[v].hash) ? 1 : 0;
        }
        for (guint32 v = line->first_value; v < line->first_value + line->value_count; v++)
            g_hash_table_add(known, (gpointer) &in->values[v].hash);
    }
}

void
lamp_values_prepare(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    g_autoptr(GHashTable) kinds =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    s->value_kinds = g_array_new(FALSE, TRUE, sizeof(LampValueKind));
    s->kind_of_value = g_new0(guint32, (gsize) in->n_values + 1);
    s->chance = g_new0(float, (gsize) in->n_values + 1);
    for (guint32 i = 0; i < in->n_lines; i++) {
        const LampLogLine *line = &in->lines[i];
        for (guint32 v = 0; v < line->value_count; v++) {
            guint32 at = line->first_value + v;
            gint64 key = (gint64) (((guint64) line->template << 32) | in->values[at].key);
            gpointer known = g_hash_table_lookup(kinds, &key);
            if (known == NULL) {
                LampValueKind kind = {0};
                g_array_append_val(s->value_kinds, kind);
                known = GUINT_TO_POINTER(s->value_kinds->len);
                gint64 *copy = g_new(gint64, 1);
                *copy = key;
                g_hash_table_insert(kinds, copy, known);
            }
            s->kind_of_value[at] = GPOINTER_TO_UINT(known) - 1;
        }
    }
    expect_matches(s);
}

void
lamp_values_of_chains(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    s->chain_first = g_renew(guint32, s->chain_first, (gsize) s->n_chains + 2);
    for (guint32 i = 0; i <= s->n_chains + 1; i++)
        s->chain_first[i] = 0;
    for (guint32 i = 0; i < in->n_lines; i++)
        s->chain_first[s->chain[i] + 2] += in->lines[i].value_count;
    for (guint32 i = 2; i <= s->n_chains + 1; i++)
        s->chain_first[i] += s->chain_first[i - 1];
    for (guint32 i = 0; i < in->n_lines; i++)
        for (guint32 v = 0; v < in->lines[i].value_count; v++)
            s->chain_values[s->chain_first[s->chain[i] + 1]++] =
                in->values[in->lines[i].first_value + v].hash;
    for (guint32 i = 0; i < s->n_chains; i++)
        qsort(s->chain_values + s->chain_first[i], s->chain_first[i + 1] - s->chain_first[i],
              sizeof(guint64), compare_hashes);
}

static gboolean
chain_has(const LampGroupState *s, guint32 chain, guint64 hash)
{
    guint32 from = s->chain_first[chain];
    guint32 n = s->chain_first[chain + 1] - from;
    return n > 0 &&
           bsearch(&hash, s->chain_values + from, n, sizeof hash, compare_hashes) != NULL;
}

/* Is the value in a line before, in the chain of @line (whose lines go back from @from)? */
static gboolean
stands_before(const LampGroupState *s, guint32 from, guint64 hash)
{
    guint steps = 0;
    for (guint32 i = from; i != LAMP_LOG_NONE && steps < LONGEST_WALK;
         i = s->previous[i], steps++) {
        const LampLogLine *l = &s->input->lines[i];
        for (guint32 v = 0; v < l->value_count; v++)
            if (s->input->values[l->first_value + v].hash == hash)
                return TRUE;
    }
    return FALSE;
}

void
lamp_values_learn(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    for (guint i = 0; i < s->value_kinds->len; i++) {
        LampValueKind *kind = &g_array_index(s->value_kinds, LampValueKind, i);
        kind->seen = kind->matched = 0;
    }
    for (guint32 i = 0; i < in->n_lines; i++) {
        guint32 before = s->previous[i];
        if (before == LAMP_LOG_NONE)
            continue;
        const LampLogLine *l = &in->lines[i];
        guint32 end = l->first_value + l->value_count;
        for (guint32 v = l->first_value; v < end;) {
            guint32 number = s->kind_of_value[v];
            double c = 0;
            gboolean is_match = FALSE;
            for (; v < end && s->kind_of_value[v] == number; v++) {
                if (s->chance[v] <= 0)
                    continue;
                c = MAX(c, (double) s->chance[v]);
                is_match = is_match || stands_before(s, before, in->values[v].hash);
            }
            LampValueKind *kind = &g_array_index(s->value_kinds, LampValueKind, number);
            if (c <= 0)
                continue;
            kind->seen += 1 - c;
            kind->matched += (is_match ? 1 : 0) - c;
        }
    }
}

/* How many of the candidates' requests bear each value of @line. */
void
lamp_values_chances(LampGroupState *s, guint32 line)
{
    guint32 first = s->edge_first[line];
    guint32 last = s->edge_first[line + 1];
    const LampLogLine *l = &s->input->lines[line];
    for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
        if (!s->is_telling[v])
            continue;
        guint32 matches = 0;
        guint32 others = 0;
        for (guint32 k = first; k < last; k++) {
            guint32 chain = s->chain[g_array_index(s->edges, LampEdge, k).from];
            if (chain == s->chain[line])
                continue;
            others++;
            matches += (guint32) chain_has(s, chain, s->input->values[v].hash);
        }
        s->chance[v] = (float) ((matches + 0.1) / (others + 2.0));
    }
}

void
lamp_values_ratio(const LampGroupState *s, guint32 value, double *out_match, double *out_miss)
{
    const LampValueKind *kind =
        &g_array_index(s->value_kinds, LampValueKind, s->kind_of_value[value]);
    double c = CLAMP((double) s->chance[value], 0.002, 0.998);
    double excess = CLAMP((kind->matched + 0.2) / (kind->seen + 2), 0, 0.998);
    double p = c + (1 - c) * excess;
    *out_match = log(p / c);
    *out_miss = log((1 - p) / (1 - c));
}

static gint
compare_uses(gconstpointer left, gconstpointer right)
{
    const LampValueUse *a = left;
    const LampValueUse *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

GArray *
lamp_values_sort(const LampLogInput *in)
{
    GArray *uses = g_array_new(FALSE, FALSE, sizeof(LampValueUse));
    for (guint32 i = 0; i < in->n_lines; i++)
        for (guint32 v = 0; v < in->lines[i].value_count; v++) {
            guint32 at = in->lines[i].first_value + v;
            LampValueUse use = {in->values[at].hash, i, at};
            g_array_append_val(uses, use);
        }
    g_array_sort(uses, compare_uses);
    return uses;
}

/* Judges the uses of one value. */
static void
judge_uses(LampGroupState *s, const LampValueUse *uses, guint32 n)
{
    const LampLogLine *lines = s->input->lines;
    guint32 at_home = 0; /* uses in the component that brought it */
    if (uses[n - 1].line == uses[0].line || n > COMMON_SHARE * s->input->n_lines)
        return;
    for (guint32 k = 0; k < n; k++) {
        s->is_telling[uses[k].value] = TRUE;
        at_home += lines[uses[k].line].component == lines[uses[0].line].component ? 1 : 0;
    }
    if (n >= 3 && at_home > HOME_SHARE * n)
        g_array_index(s->value_kinds, LampValueKind, s->kind_of_value[uses[0].value]).brought +=
            1;
}

void
lamp_values_tell(LampGroupState *s)
{
    const LampLogInput *in = s->input;
    s->is_telling = g_new0(guint8, (gsize) in->n_values + 1);
    g_autoptr(GArray) sorted = lamp_values_sort(in);
    const LampValueUse *uses = (const LampValueUse *) (gpointer) sorted->data;
    guint32 n = sorted->len;
    for (guint32 a = 0, b = 0; a < n; a = b) {
        while (b < n && uses[b].hash == uses[a].hash)
            b++;
        judge_uses(s, uses + a, b - a);
    }
    for (guint32 i = 0; i < in->n_lines; i++) {
        const LampLogLine *l = &in->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            const LampValueKind *kind =
                &g_array_index(s->value_kinds, LampValueKind, s->kind_of_value[v]);
            if (kind->uses >= 4 && kind->brought > BROUGHT_SHARE * kind->uses)
                s->brings[l->template] = TRUE;
        }
    }
}
