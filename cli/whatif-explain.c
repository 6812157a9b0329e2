/*
 * Explaining a what-if.
 *
 * In: a change and what it gave. Out: what each part does alone (parts overlap: two that meet
 * on one critical path do less together than their sum, one that moves a queue more), what each
 * kind of request adds to the change of the mean, and the limits that were found. The shares
 * of the requests add up to the whole change.
 */
#include "cli/whatif-explain.h"

#include "base/text.h"
#include "cli/flow-options.h"
#include "cli/print.h"

#include <math.h>

#define MOST_SHARES 5u

static gboolean
run_part(const LampExplained *explained, guint index, LampEstimate *out_gain, GError **error)
{
    g_autofree char *text = lamp_change_part_text(explained->change, index);
    g_autoptr(LampChange) part = lamp_change_parse(text, error);
    if (part == NULL || !lamp_change_resolve(part, explained->topology, error))
        return FALSE;
    *out_gain = lamp_whatif_gain(explained->whatif, part);
    return TRUE;
}

static const char *
instance_name(const LampExplained *explained, guint32 instance)
{
    return instance < lamp_topology_instance_count(explained->topology)
               ? lamp_topology_instance(explained->topology, instance)->name
               : "an added replica";
}

static double
change_of(const LampWhatifRow *row)
{
    return row->after[LAMP_METRIC_MEAN].value - row->before[LAMP_METRIC_MEAN].value;
}

/* What the requests of @row add to the change of the mean over all, ns. */
static double
share_of(const LampExplained *explained, const LampWhatifRow *row)
{
    const LampWhatifRow *all = &g_array_index(explained->result->rows, LampWhatifRow, 0);
    return change_of(row) * (double) row->requests / (double) MAX(all->requests, 1);
}

static gint
compare_shares(gconstpointer a, gconstpointer b, gpointer payload)
{
    const LampWhatifRow *x = *(const LampWhatifRow *const *) a;
    const LampWhatifRow *y = *(const LampWhatifRow *const *) b;
    double vx = fabs(share_of(payload, x)), vy = fabs(share_of(payload, y));
    if (vx < vy || vx > vy)
        return vx > vy ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

/* Rows of single kinds of requests that change, most first; caller unrefs. */
static GPtrArray *
list_shares(const LampExplained *explained)
{
    GPtrArray *rows = g_ptr_array_new();
    for (guint i = 1; i < explained->result->rows->len; i++) {
        LampWhatifRow *row = &g_array_index(explained->result->rows, LampWhatifRow, i);
        if (fabs(change_of(row)) >= 1.0)
            g_ptr_array_add(rows, row);
    }
    g_ptr_array_sort_with_data(rows, compare_shares, (gpointer) explained);
    return rows;
}

static void
append_shares(const LampExplained *explained, GString *out)
{
    g_autoptr(GPtrArray) rows = list_shares(explained);
    const LampWhatifRow *all = &g_array_index(explained->result->rows, LampWhatifRow, 0);
    double rest = change_of(all);
    if (rows->len == 0)
        return;
    g_string_append_printf(out, "  of the %+.2f ms of all:", rest / 1e6);
    for (guint i = 0; i < MIN(rows->len, MOST_SHARES); i++) {
        const LampWhatifRow *row = rows->pdata[i];
        g_autofree char *name = lamp_label_format(explained->topology, row->label);
        double share = share_of(explained, row);
        rest -= share;
        g_string_append_printf(out, "%s %s %+.2f", i == 0 ? "" : ",", name, share / 1e6);
    }
    if (rows->len > MOST_SHARES)
        g_string_append_printf(out, ", others %+.2f", rest / 1e6);
    g_string_append_c(out, '\n');
}

static void
append_limits(const LampExplained *explained, GString *out)
{
    const GArray *limits = lamp_whatif_limits(explained->whatif);
    for (guint i = 0; i < limits->len; i++) {
        const LampStationLimit *limit = &g_array_index(limits, LampStationLimit, i);
        g_string_append_printf(out,
                               "  %s serves %u calls at once (%u were there at once, %u "
                               "waited; evidence e^%.0f%s)\n",
                               instance_name(explained, limit->instance), limit->limit,
                               limit->most_open, limit->queued, limit->evidence,
                               limit->is_shared ? " of all its replicas" : "");
    }
    if (limits->len == 0)
        g_string_append(out, "  no limit on calls at once is visible in this capture\n");
    const GArray *pools = lamp_whatif_pools(explained->whatif);
    for (guint i = 1; i < pools->len; i++) {
        const LampPoolLimit *pool = &g_array_index(pools, LampPoolLimit, i);
        g_string_append_printf(out,
                               "  %s keeps %u connections to %s (%u times one came back when "
                               "all were in use, %u times another request took it at once; "
                               "evidence e^%.0f)\n",
                               instance_name(explained, pool->client), pool->connections,
                               instance_name(explained, pool->server), pool->full,
                               pool->awaited, pool->evidence);
    }
}

gboolean
lamp_whatif_explain(const LampExplained *explained, GString *out, GError **error)
{
    for (guint i = 0; i < lamp_change_parts(explained->change); i++) {
        g_autofree char *text = lamp_change_part_text(explained->change, i);
        g_autofree char *shown = lamp_text_escape(lamp_bytes_text(text));
        LampEstimate gain;
        if (!run_part(explained, i, &gain, error))
            return FALSE;
        g_string_append_printf(out,
                               "  alone, '%s' changes the mean by %+.2f ms (%+.2f..%+.2f)\n",
                               shown, gain.value / 1e6, gain.low / 1e6, gain.high / 1e6);
    }
    append_shares(explained, out);
    append_limits(explained, out);
    return TRUE;
}

static void
append_limits_json(const LampExplained *explained, GString *out)
{
    const GArray *limits = lamp_whatif_limits(explained->whatif);
    const GArray *pools = lamp_whatif_pools(explained->whatif);
    g_string_append(out, "], \"limits\": [");
    for (guint i = 0; i < limits->len; i++) {
        const LampStationLimit *limit = &g_array_index(limits, LampStationLimit, i);
        g_string_append(out, i == 0 ? "{\"instance\": " : ", {\"instance\": ");
        lamp_json_append_string(out, instance_name(explained, limit->instance));
        g_string_append_printf(out, ", \"limit\": %u, \"most_open\": %u, \"queued\": %u}",
                               limit->limit, limit->most_open, limit->queued);
    }
    g_string_append(out, "], \"pools\": [");
    for (guint i = 1; i < pools->len; i++) {
        const LampPoolLimit *pool = &g_array_index(pools, LampPoolLimit, i);
        g_string_append(out, i == 1 ? "{\"client\": " : ", {\"client\": ");
        lamp_json_append_string(out, instance_name(explained, pool->client));
        g_string_append(out, ", \"server\": ");
        lamp_json_append_string(out, instance_name(explained, pool->server));
        g_string_append_printf(out, ", \"connections\": %u}", pool->connections);
    }
    g_string_append_c(out, ']');
}

gboolean
lamp_whatif_explain_json(const LampExplained *explained, GString *out, GError **error)
{
    g_autoptr(GPtrArray) rows = list_shares(explained);
    g_string_append(out, ", \"parts\": [");
    for (guint i = 0; i < lamp_change_parts(explained->change); i++) {
        g_autofree char *text = lamp_change_part_text(explained->change, i);
        LampEstimate gain;
        if (!run_part(explained, i, &gain, error))
            return FALSE;
        g_string_append(out, i == 0 ? "{\"change\": " : ", {\"change\": ");
        lamp_json_append_string(out, text);
        lamp_json_append_ns(out, "mean_ns", gain.value);
        lamp_json_append_ns(out, "mean_low_ns", gain.low);
        lamp_json_append_ns(out, "mean_high_ns", gain.high);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "], \"shares\": [");
    for (guint i = 0; i < rows->len; i++) {
        const LampWhatifRow *row = rows->pdata[i];
        g_autofree char *name = lamp_label_format(explained->topology, row->label);
        g_string_append(out, i == 0 ? "{\"request\": " : ", {\"request\": ");
        lamp_json_append_string(out, name);
        lamp_json_append_ns(out, "mean_ns", share_of(explained, row));
        g_string_append_c(out, '}');
    }
    append_limits_json(explained, out);
    return TRUE;
}
