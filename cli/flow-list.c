/*
 * Request by request: what `flows` counts by shape. In: flows as read. Out: a table or a JSON
 * array. One row is kept for each flow, so memory grows with their number.
 */
#include "cli/flow-list.h"

#include "cli/print.h"
#include "cli/stamps.h"
#include "cli/wrap.h"

#include <math.h>

typedef struct {
    LampTime start;
    gint64 trace_id, duration;
    guint64 shape;
    double confidence;
    guint32 label, calls, errors;
    gboolean is_background, is_open, is_one_way;
    char status[8];
} Row;

typedef struct {
    LampShapes *shapes;
    GArray *rows;
} Pass;

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Pass *pass = payload;
    if (flow->weight == 0)
        return TRUE;
    Row row = {.start = flow->calls[0].client_start,
               .trace_id = flow->trace_id,
               .duration = lamp_flow_duration(flow),
               .shape = lamp_shapes_identify(pass->shapes, flow),
               .confidence = flow->confidence,
               .label = flow->calls[0].label,
               .calls = flow->count,
               .errors = flow->errors,
               .is_background = flow->is_background,
               .is_open = lamp_flow_is_open(flow),
               .is_one_way = !lamp_flow_call_has_duration(&flow->calls[0])};
    g_strlcpy(row.status, flow->calls[0].status, sizeof row.status);
    g_array_append_val(pass->rows, row);
    return TRUE;
}

static gint
compare_rows(gconstpointer a, gconstpointer b)
{
    const Row *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->trace_id < y->trace_id ? -1 : x->trace_id > y->trace_id;
}

static void
append_table(LampCli *cli, const LampTopology *topology, const GArray *rows,
             LampStatement *stamps, GString *out)
{
    static const char *const titles[] = {">began",  "request", ">took",  ">~calls", ">?failed",
                                         "~status", "~shape",  ">~sure", "trace",   NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = &g_array_index(rows, Row, i);
        gint64 resolution = lamp_stamps_resolution(stamps, row->trace_id);
        char *cells[] = {
            lamp_time_format_to(row->start, resolution),
            lamp_label_format(topology, row->label),
            row->is_open      ? NULL
            : row->is_one_way ? g_strdup("one way")
                              : lamp_stamps_duration(row->duration, resolution),
            lamp_count_format(row->calls),
            lamp_count_format(row->errors),
            g_strdup(row->is_open             ? "no response"
                     : row->status[0] == '\0' ? "-"
                                              : row->status),
            g_strdup_printf("%016" G_GINT64_MODIFIER "x", row->shape),
            lamp_share_format(row->confidence),
            g_strdup_printf("%" G_GINT64_FORMAT, row->trace_id),
        };
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_string_append_c(out, '\n');
    lamp_flow_counts_append(cli->store, out);
    g_string_append(
        out, "\ntrace: what `gantt` and `path` take; shape: as `flows` lists it; failed: calls "
             "of the request that were answered with an error.\n");
    lamp_wrap(cli, out, below);
}

static void
append_json_rows(const LampTopology *topology, const GArray *rows, GString *out)
{
    g_string_append_c(out, '[');
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = &g_array_index(rows, Row, i);
        const LampLabel *label = lamp_topology_label(topology, row->label);
        g_string_append_printf(out,
                               "%s{\"trace_id\": \"%032" G_GINT64_MODIFIER
                               "x\", \"shape\": \"%016" G_GINT64_MODIFIER
                               "x\", \"start_ns\": %" G_GINT64_FORMAT
                               ", \"calls\": %u, \"errors\": %u, \"is_background\": %s"
                               ", \"service\": ",
                               i == 0 ? "\n  " : ",\n  ", row->trace_id, row->shape, row->start,
                               row->calls, row->errors, row->is_background ? "true" : "false");
        lamp_json_append_string(out, lamp_topology_service(topology, label->service)->name);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, label->operation);
        g_string_append(out, ", \"status\": ");
        lamp_json_append_string(out, row->status[0] == '\0' ? NULL : row->status);
        lamp_json_append_ns(out, "duration_ns",
                            row->is_open || row->is_one_way ? (double) NAN
                                                            : (double) row->duration);
        g_string_append(out, ", \"confidence\": ");
        lamp_json_append_real(out, row->confidence);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]\n");
}

gboolean
lamp_flow_list_append(LampCli *cli, const LampModelView *view, LampShapes *shapes,
                      gboolean as_json, GString *out, GError **error)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(Row));
    g_autoptr(LampStatement) stamps = lamp_stamps_open(cli->store, error);
    Pass pass = {shapes, rows};
    if (stamps == NULL ||
        !lamp_flow_each(cli->store, view->topology, &lamp_flow_filter, add_flow, &pass, error))
        return FALSE;
    g_array_sort(rows, compare_rows);
    if (as_json)
        append_json_rows(view->topology, rows, out);
    else
        append_table(cli, view->topology, rows, stamps, out);
    return TRUE;
}
