/*
 * Shared by the commands over request flows. The structure is learnt from the first flows only:
 * a relation is settled after some dozens of flows, and the commands then read the database
 * once more from its begin.
 */
#include "cli/flow-options.h"

#include "base/text.h"
#include "cli/closest.h"
#include "cli/print.h"
#include "model/target.h"
#include "store/statement.h"

#include <math.h>

#define LEARN_FLOWS 20000u

LampFlowFilter lamp_flow_filter;
char *lamp_flow_sample_by;
LampFlowCounts lamp_flow_counts;

gboolean
lamp_model_view_open(LampCli *cli, LampModelView *out_view, GError **error)
{
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    if (topology == NULL)
        return FALSE;
    LampStructure *structure =
        lamp_structure_learn(cli->store, topology, NULL, LEARN_FLOWS, error);
    if (structure == NULL)
        return FALSE;
    *out_view = (LampModelView){g_steal_pointer(&topology), structure};
    return TRUE;
}

void
lamp_model_view_clear(LampModelView *view)
{
    g_clear_pointer(&view->structure, lamp_structure_free);
    g_clear_pointer(&view->topology, lamp_topology_free);
}

static void
count_call(const LampFlowCall *call)
{
    lamp_flow_counts.calls += call->weight;
    lamp_flow_counts.unanswered += call->is_open ? call->weight : 0;
}

gboolean
lamp_flow_each(LampStore *store, LampTopology *topology, const LampFlowFilter *filter,
               gboolean (*each)(const LampFlow *flow, gpointer payload), gpointer payload,
               GError **error)
{
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, error);
    if (reader == NULL)
        return FALSE;
    lamp_flow_counts = (LampFlowCounts){0};
    for (;;) {
        const LampFlow *flow;
        if (!lamp_flow_reader_next(reader, &flow, error))
            return FALSE;
        if (flow == NULL && lamp_flow_counts.calls == 0) {
            lamp_set_no_flows_error(error);
            return FALSE;
        }
        if (flow == NULL)
            return TRUE;
        lamp_flow_counts.requests += flow->is_background ? 0 : flow->weight;
        lamp_flow_counts.background += flow->is_background ? flow->weight : 0;
        lamp_flow_counts.read++;
        for (guint32 i = 0; i < flow->count; i++)
            count_call(&flow->calls[i]);
        if (!each(flow, payload))
            return TRUE;
    }
}

void
lamp_unanswered_append(guint64 calls, GString *out)
{
    g_autofree char *number = lamp_count_format(calls);
    if (calls > 0)
        g_string_append_printf(out, " %s call%s without a response %s in no duration.", number,
                               calls == 1 ? "" : "s", calls == 1 ? "is" : "are");
}

void
lamp_left_out_append(LampStore *store, GString *out)
{
    lamp_unanswered_append(lamp_flow_counts.unanswered, out);
    g_autoptr(LampStatement) query =
        lamp_statement_new(store, "SELECT calls_left_out FROM totals", NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row ||
        lamp_statement_int(query, 0) == 0)
        return;
    g_autofree char *calls = lamp_count_format((guint64) lamp_statement_int(query, 0));
    g_string_append_printf(out, " Left out: %s calls without a begin.", calls);
}

guint
lamp_top_cut(GArray *rows, int most)
{
    guint all = rows->len;
    if (most > 0 && all > (guint) most)
        g_array_set_size(rows, (guint) most);
    return all;
}

void
lamp_top_append(const GArray *rows, guint all, GString *out)
{
    if (rows->len < all)
        g_string_append_printf(out, " %u of %u lines are shown.", rows->len, all);
}

static void
append_count(GString *out, guint64 count, const char *one, const char *many)
{
    g_autofree char *number = lamp_count_format(count);
    g_string_append_printf(out, "%s %s", number, count == 1 ? one : many);
}

void
lamp_flow_counts_append(LampStore *store, GString *out)
{
    append_count(out, lamp_flow_counts.requests, "request", "requests");
    g_string_append(out, " and ");
    append_count(out, lamp_flow_counts.background, "background activity",
                 "background activities");
    g_string_append(out, ", ");
    append_count(out, lamp_flow_counts.calls, "call", "calls");
    g_string_append_c(out, '.');
    if (lamp_flow_filter.sample_one_in > 1) {
        g_autofree char *seen = lamp_count_format(lamp_flow_counts.read);
        g_string_append_printf(out, " Estimated from %s of them, sampled one in %u.", seen,
                               lamp_flow_filter.sample_one_in);
    }
    lamp_left_out_append(store, out);
}

char *
lamp_label_format(const LampTopology *topology, guint32 label)
{
    const LampLabel *what = lamp_topology_label(topology, label);
    const char *service = lamp_topology_service(topology, what->service)->name;
    g_autofree char *whole = g_strconcat(service, " ", what->operation, NULL);
    return lamp_text_escape(lamp_bytes_text(whole));
}

char *
lamp_ms_format(double ns)
{
    return lamp_duration_format((gint64) llround(ns));
}

char *
lamp_quantile_format(const LampQuantiles *sketch, double q)
{
    return sketch->count == 0 ? g_strdup("-")
                              : lamp_ms_format((double) lamp_quantiles_at(sketch, q));
}

void
lamp_json_append_quantile(GString *out, const char *key, const LampQuantiles *sketch, double q)
{
    lamp_json_append_ns(
        out, key, sketch->count == 0 ? (double) NAN : (double) lamp_quantiles_at(sketch, q));
}

void
lamp_json_append_mean(GString *out, const char *key, const LampQuantiles *sketch)
{
    lamp_json_append_ns(out, key,
                        sketch->count == 0 ? (double) NAN : lamp_quantiles_mean(sketch));
}

char *
lamp_share_format(double share)
{
    double percent = share * 100.0;
    gboolean is_whole = percent < 0.05 || percent > 99.95;
    return g_strdup_printf(
        is_whole || (percent >= 10.0 && percent < 99.0) ? "%.0f %%" : "%.1f %%", percent);
}

void
lamp_set_no_flows_error(GError **error)
{
    const LampFlowFilter *filter = &lamp_flow_filter;
    gboolean is_chosen = filter->service != NULL || filter->root != NULL ||
                         filter->operation != NULL || filter->skip_background ||
                         filter->only_errors || filter->errors_inside ||
                         filter->sample_one_in > 1;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
                is_chosen ? "no request flow passes the options; `lamplight flows` shows all"
                          : "the database holds no request flow; of flow records alone "
                            "`lamplight services` and `lamplight dependencies` tell");
}

gboolean
lamp_flow_view_choose(const char *name, GError **error)
{
    static const char *const views[] = {"submitter", "trigger", NULL};
    guint view;
    if (!lamp_choose("view", name, views, &view, error))
        return FALSE;
    lamp_flow_filter.view = (LampView) view;
    return TRUE;
}

gboolean
lamp_flow_sample_check(LampSampleBy most, GError **error)
{
    if (lamp_flow_filter.sample_by <= most)
        return TRUE;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                most == LAMP_SAMPLE_HEAD
                    ? "--sample-by %s does not go with this command, which compares single "
                      "requests, each counted once: take --sample-by request"
                    : "--sample-by %s does not go with this command, which looks at whole "
                      "requests: take --sample-by request or tail",
                lamp_flow_sample_by);
    return FALSE;
}

static gboolean
names_an_instance(const char *name, const LampTopology *topology)
{
    LampTarget *target = lamp_target_parse(name);
    gboolean found = FALSE;
    lamp_target_resolve(target, topology);
    for (guint32 i = 1; i < lamp_topology_instance_count(topology) && !found; i++)
        found = lamp_target_matches_instance(target, i);
    lamp_target_free(target);
    return found;
}

static gboolean
check_name(const char *name, const LampTopology *topology, GError **error)
{
    if (name == NULL || names_an_instance(name, topology))
        return TRUE;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint32 i = 1; i < lamp_topology_service_count(topology); i++)
        g_ptr_array_add(names, (gpointer) lamp_topology_service(topology, i)->name);
    g_ptr_array_add(names, NULL);
    g_autofree char *hint = lamp_closest_hint(name, (const char *const *) names->pdata);
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, "there is no service '%s'%s%s",
                name, hint, *hint == '\0' ? "; `lamplight services FILE.db` lists them" : "");
    return FALSE;
}

gboolean
lamp_flow_filter_check(LampStore *store, GError **error)
{
    static const char *const ways[] = {"request", "tail", "call", NULL};
    guint way;
    if (!lamp_choose("sample-by", lamp_flow_sample_by, ways, &way, error))
        return FALSE;
    lamp_flow_filter.sample_by = (LampSampleBy) way;
    if (lamp_flow_filter.sample_one_in <= 1 &&
        (lamp_flow_sample_by != NULL || lamp_flow_filter.sample_seed != 0)) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "%s takes no sample by itself: say --sample N, too",
                    lamp_flow_sample_by != NULL ? "--sample-by" : "--sample-seed");
        return FALSE;
    }
    if (store == NULL || (lamp_flow_filter.service == NULL && lamp_flow_filter.root == NULL))
        return TRUE;
    g_autoptr(LampTopology) topology = lamp_topology_load(store, error);
    return topology != NULL && check_name(lamp_flow_filter.service, topology, error) &&
           check_name(lamp_flow_filter.root, topology, error);
}
