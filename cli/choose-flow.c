/*
 * One request out of many. A typical one is that whose duration is nearest to the median of the
 * most frequent shape that began outside of the system.
 */
#include "cli/choose-flow.h"

#include "base/text.h"
#include "cli/print.h"
#include "model/flow-split.h"
#include "model/shape.h"
#include "store/statement.h"

#include <string.h>

static gboolean
parse_trace(const char *text, gint64 *out_id, GError **error)
{
    guint64 id;
    LampBytes bytes = lamp_bytes_text(text);
    gboolean is_hex = bytes.len == 32 && strncmp(text, "0000000000000000", 16) == 0;
    if (is_hex ? lamp_text_parse_hex(lamp_bytes(bytes.at + 16, 16), &id)
               : lamp_text_parse_u64(bytes, &id)) {
        *out_id = (gint64) id;
        return TRUE;
    }
    g_set_error(
        error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
        "'%s' is no trace id: give 32 hex digits as in the view `traces`, or the number "
        "of the root call",
        text);
    return FALSE;
}

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    if (flow->weight > 0)
        lamp_shapes_add(payload, flow);
    return TRUE;
}

/* "median of the 34 like it, the most frequent shape from outside among those chosen". */
static char *
tell_why(const LampShape *best, gboolean slowest, gboolean is_first)
{
    const LampFlowFilter *f = &lamp_flow_filter;
    gboolean is_chosen = f->service != NULL || f->root != NULL || f->operation != NULL ||
                         f->skip_background || f->only_errors || f->errors_inside ||
                         f->sample_one_in > 1;
    const char *outside = is_first ? "" : " that came from outside";
    const char *chosen = is_chosen ? " among those that the options choose" : "";
    if (slowest)
        return g_strconcat("the slowest", outside, chosen, NULL);
    if (best->count == 1)
        return g_strconcat("the only one of the most frequent shape", outside, chosen, NULL);
    g_autofree char *count = lamp_count_format(best->count);
    return g_strconcat("median of ", count, " like it, the most frequent shape", outside,
                       chosen, NULL);
}

static gboolean
choose_by_shape(LampCli *cli, const LampModelView *view, gboolean slowest, gint64 *out_id,
                char **out_why, GError **error)
{
    LampShapeOptions options = {.keep_members = TRUE};
    g_autoptr(LampShapes) shapes = lamp_shapes_new(view->topology, view->structure, &options);
    if (!lamp_flow_each(cli->store, view->topology, &lamp_flow_filter, add_flow, shapes, error))
        return FALSE;
    g_autofree guint *ranks = lamp_shapes_rank(shapes, LAMP_SHAPES_BY_COUNT);
    const LampShape *best = NULL;
    gint64 longest = 0;
    for (guint i = 0; i < lamp_shapes_count(shapes); i++) {
        const LampShape *shape = lamp_shapes_get(shapes, ranks[i]);
        gboolean is_better = best == NULL || (best->is_background && !shape->is_background) ||
                             (slowest && shape->is_background == best->is_background &&
                              shape->duration.max > best->duration.max);
        longest = MAX(longest, shape->duration.max);
        if (is_better)
            best = shape;
    }
    if (best == NULL) {
        lamp_set_no_flows_error(error);
        return FALSE;
    }
    gboolean is_first =
        slowest ? best->duration.max == longest : best == lamp_shapes_get(shapes, ranks[0]);
    *out_why = tell_why(best, slowest, is_first);
    *out_id = slowest ? lamp_shape_slowest(best) : lamp_shape_typical(best);
    return TRUE;
}

/* The request whose root is call @id; NULL if there is none. */
static gboolean
read_flow(LampCli *cli, const LampModelView *view, gint64 id, LampFlow **out_flow,
          GError **error)
{
    LampFlowFilter only = {.trace_id = id};
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(cli->store, view->topology, &only, error);
    const LampFlow *flow;
    if (reader == NULL || !lamp_flow_reader_next(reader, &flow, error))
        return FALSE;
    *out_flow = flow == NULL ? NULL : lamp_flow_dup(flow);
    return TRUE;
}

/* What the asynchronous call @id set going, as `--view trigger` tells it; NULL if it was
 * awaited. */
static LampFlow *
find_part(const LampFlow *flow, gint64 id)
{
    g_autoptr(GPtrArray) parts = lamp_flow_split(flow);
    for (guint i = 1; i < parts->len; i++)
        if (((const LampFlow *) parts->pdata[i])->trace_id == id)
            return lamp_flow_dup(parts->pdata[i]);
    return NULL;
}

/* The request that call @id is part of, or the part that it began; NULL if there is none. */
static gboolean
read_around(LampCli *cli, const LampModelView *view, gint64 id, LampFlow **out_flow,
            char **out_why, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        cli->store, "SELECT trace_id FROM calls WHERE call_id = ?1 AND trace_id <> ?1", error);
    g_autoptr(LampFlow) whole = NULL;
    gboolean has_row = FALSE;
    *out_flow = NULL;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_int(query, 1, id);
    if (!lamp_statement_step(query, &has_row, error))
        return FALSE;
    if (!has_row)
        return TRUE;
    if (!read_flow(cli, view, lamp_statement_int(query, 0), &whole, error))
        return FALSE;
    LampFlow *part = whole == NULL ? NULL : find_part(whole, id);
    g_free(*out_why);
    *out_why = g_strdup_printf(part != NULL ? "what call %" G_GINT64_FORMAT
                                              " set going and nobody waited for"
                                            : "the request with call %" G_GINT64_FORMAT,
                               id);
    *out_flow = part != NULL ? part : g_steal_pointer(&whole);
    return TRUE;
}

gboolean
lamp_choose_flow(LampCli *cli, const LampModelView *view, const char *trace, gboolean slowest,
                 LampFlow **out_flow, char **out_why, GError **error)
{
    gint64 id;
    g_autofree char *why = trace != NULL ? g_strdup("as asked") : NULL;
    if (trace != NULL ? !parse_trace(trace, &id, error)
                      : !choose_by_shape(cli, view, slowest, &id, &why, error))
        return FALSE;
    g_autoptr(LampFlow) flow = NULL;
    if (!read_flow(cli, view, id, &flow, error) ||
        (flow == NULL && !read_around(cli, view, id, &flow, &why, error)))
        return FALSE;
    if (flow == NULL) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, "there is no trace '%s'",
                    trace != NULL ? trace : "");
        return FALSE;
    }
    *out_why = g_steal_pointer(&why);
    *out_flow = g_steal_pointer(&flow);
    return TRUE;
}
