/*
 * Dependencies between services from flows alone: find the pairs, test each, judge together.
 *
 * In: tables flow_records or connections, and names. Out: LampDependencies. Method and limits:
 * docs/dependencies.md. False findings among all pairs are bounded after Benjamini and Hochberg
 * (1995).
 */
#include "correlate/dependencies/dependencies.h"

#include "correlate/dependencies/judge.h"
#include "store/statement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
compare_p(const void *left, const void *right)
{
    const LampTrial *const *a = left, *const *b = right;
    return ((*a)->row->p > (*b)->row->p) - ((*a)->row->p < (*b)->row->p);
}

/* q of rank i of m: least p_j m / j for j >= i. Pairs without a test do not count. */
static void
control_false_findings(LampTrial *trials, guint count)
{
    g_autofree LampTrial **tested = g_new(LampTrial *, count + 1);
    guint m = 0;
    for (guint i = 0; i < count; i++)
        if (trials[i].has_points || trials[i].has_volume)
            tested[m++] = &trials[i];
    qsort(tested, m, sizeof(LampTrial *), compare_p);
    double least = 1;
    for (guint i = m; i-- > 0;) {
        least = fmin(least, tested[i]->row->p * m / (i + 1));
        tested[i]->row->q = least;
    }
}

static gint
compare_rows(gconstpointer left, gconstpointer right)
{
    const LampDependency *a = *(LampDependency *const *) left;
    const LampDependency *b = *(LampDependency *const *) right;
    int by_caller = strcmp(a->caller, b->caller);
    return by_caller != 0 ? by_caller : strcmp(a->callee, b->callee);
}

static void
free_row(gpointer item)
{
    LampDependency *row = item;
    g_free(row->caller);
    g_free(row->callee);
    g_free(row->reason);
    g_free(row);
}

static void
find_rows(LampDependencies *found, const LampPairs *pairs)
{
    g_autoptr(GArray) trials = g_array_new(FALSE, FALSE, sizeof(LampTrial));
    for (guint i = 0, j; i < pairs->used->len; i = j) {
        const LampUse *use = &g_array_index(pairs->used, LampUse, i);
        for (j = i + 1; j < pairs->used->len; j++) {
            const LampUse *next = &g_array_index(pairs->used, LampUse, j);
            if (next->caller != use->caller || next->callee != use->callee)
                break;
        }
        LampTrial trial;
        lamp_trial_run(pairs, i, j, &trial);
        g_array_append_val(trials, trial);
    }
    control_false_findings((LampTrial *) (gpointer) trials->data, trials->len);
    for (guint i = 0; i < trials->len; i++) {
        LampTrial *trial = &g_array_index(trials, LampTrial, i);
        lamp_trial_judge(trial);
        g_ptr_array_add(found->rows, trial->row);
    }
    g_ptr_array_sort(found->rows, compare_rows);
}

LampDependencies *
lamp_dependencies_find(LampStore *store, GError **error)
{
    g_autoptr(LampBiflows) biflows = lamp_biflows_load(store, error);
    if (biflows == NULL)
        return NULL;
    g_autoptr(LampParties) parties = lamp_parties_new(store, biflows, error);
    if (parties == NULL)
        return NULL;
    g_autoptr(LampPairs) pairs = lamp_pairs_new(biflows, parties);
    LampDependencies *found = g_new0(LampDependencies, 1);
    found->rows = g_ptr_array_new_with_free_func(free_row);
    found->records = biflows->records;
    found->ignored = biflows->ignored;
    found->flows = biflows->flows->len;
    found->blocked = biflows->blocked;
    for (guint i = 0; i < biflows->flows->len; i++)
        found->unanswered += lamp_biflow_is_connection(lamp_biflow(biflows, i)) ? 0 : 1;
    found->duration = biflows->to - biflows->from;
    found->resolution = biflows->resolution;
    found->are_records = biflows->are_records;
    found->is_sampled = biflows->is_sampled;
    find_rows(found, pairs);
    return found;
}

void
lamp_dependencies_free(LampDependencies *found)
{
    if (found == NULL)
        return;
    g_ptr_array_unref(found->rows);
    g_free(found);
}

const char *
lamp_verdict_name(LampVerdict verdict)
{
    switch (verdict) {
    case LAMP_VERDICT_DEPENDENT:
        return "dependent";
    case LAMP_VERDICT_INDEPENDENT:
        return "independent";
    case LAMP_VERDICT_CANNOT_TELL:
        break;
    }
    return "cannot tell";
}

static void
bind_row(LampStatement *insert, const LampDependency *row)
{
    lamp_statement_bind_string(insert, 1, row->caller);
    lamp_statement_bind_string(insert, 2, row->callee);
    lamp_statement_bind_int(insert, 3, (gint64) row->caller_flows);
    lamp_statement_bind_int(insert, 4, (gint64) row->flows);
    lamp_statement_bind_int(insert, 5, (gint64) row->bytes);
    const double reals[] = {row->share,       row->share_low,       row->share_high,
                            row->per_request, row->per_request_low, row->per_request_high};
    for (guint i = 0; i < G_N_ELEMENTS(reals); i++)
        lamp_statement_bind_real(insert, 6 + (int) i, reals[i]);
    lamp_statement_bind_int(insert, 12, (gint64) row->attributed_bytes);
    lamp_statement_bind_int_or_null(insert, 13, row->lag, -1);
    lamp_statement_bind_real(insert, 14, row->nested);
    lamp_statement_bind_real(insert, 15, row->nested_chance);
    lamp_statement_bind_int(insert, 16, (gint64) row->unique_links);
    lamp_statement_bind_real(insert, 17, row->p);
    lamp_statement_bind_real(insert, 18, row->q);
    lamp_statement_bind_string(insert, 19, row->method);
    lamp_statement_bind_string(insert, 20, lamp_verdict_name(row->verdict));
    lamp_statement_bind_string(insert, 21, row->reason);
}

gboolean
lamp_dependencies_write(LampStore *store, const LampDependencies *found, GError **error)
{
    if (!lamp_store_begin(store, error))
        return FALSE;
    gboolean ok = lamp_store_run(store, "DELETE FROM dependencies", error);
    g_autoptr(LampStatement) insert =
        ok ? lamp_statement_new(store,
                                "INSERT INTO dependencies VALUES "
                                "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                                error)
           : NULL;
    ok = insert != NULL;
    for (guint i = 0; ok && i < found->rows->len; i++) {
        bind_row(insert, g_ptr_array_index(found->rows, i));
        ok = lamp_statement_run(insert, error);
    }
    ok = ok && lamp_store_commit(store, error);
    if (!ok)
        lamp_store_rollback(store);
    return ok;
}
