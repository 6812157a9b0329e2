/*
 * lamplight cct: the calling context tree as text, folded stacks, JSON or a page of HTML.
 */
#include "base/text.h"
#include "cli/closest.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/calling-context-tree.h"

#include <string.h>

static gboolean as_json, as_folded, as_html, ascii;
static char *order_name, *search, *view_name;
static double least_percent = 0.5;
static int most_depth = 0;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "where asynchronous work stands: submitter (default; below the request that caused it) or "
     "trigger (by itself)",
     "VIEW"},
    {"sort", 0, 0, G_OPTION_ARG_STRING, &order_name,
     "order of children: inclusive (default), exclusive, critical, count, errors, bytes",
     "KEY"},
    {"min", 0, 0, G_OPTION_ARG_DOUBLE, &least_percent,
     "leave out contexts below this share of the time, in percent (default 0.5)", "PERCENT"},
    {"depth", 0, 0, G_OPTION_ARG_INT, &most_depth, "leave out what is deeper", "N"},
    {"search", 0, 0, G_OPTION_ARG_STRING, &search,
     "only paths to contexts whose name contains TEXT", "TEXT"},
    {"folded", 0, 0, G_OPTION_ARG_NONE, &as_folded,
     "folded stacks with exclusive microseconds, for flame graphs", NULL},
    {"html", 0, 0, G_OPTION_ARG_NONE, &as_html, "a page of HTML that folds and unfolds", NULL},
    {"ascii", 0, 0, G_OPTION_ARG_NONE, &ascii, "plain characters only", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array, parents before children", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"depth", &most_depth, NULL, 0.0, G_MAXINT},
    {"min", NULL, &least_percent, 0.0, 100.0},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef enum {
    SORT_INCLUSIVE,
    SORT_EXCLUSIVE,
    SORT_CRITICAL,
    SORT_COUNT,
    SORT_ERRORS,
    SORT_BYTES
} SortKey;

/* The tree in the order in which it is shown. */
typedef struct {
    const LampCct *cct;
    const LampTopology *topology;
    GArray *order; /* guint32 contexts in preorder, pruned */
    guint8 *is_kept;
    SortKey key;
    double total;
} View;

static double
sort_value(const LampContext *context, SortKey key)
{
    switch (key) {
    case SORT_EXCLUSIVE:
        return (double) context->exclusive;
    case SORT_CRITICAL:
        return (double) context->critical;
    case SORT_COUNT:
        return (double) context->count;
    case SORT_ERRORS:
        return (double) context->errors;
    case SORT_BYTES:
        return (double) (context->request_bytes + context->response_bytes);
    case SORT_INCLUSIVE:
        break;
    }
    return (double) context->inclusive;
}

static gint
compare_contexts(gconstpointer a, gconstpointer b, gpointer payload)
{
    const View *view = payload;
    guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;
    double vx = sort_value(lamp_cct_context(view->cct, x), view->key);
    double vy = sort_value(lamp_cct_context(view->cct, y), view->key);
    if (vx < vy || vx > vy)
        return vx > vy ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Contexts that are large enough, shallow enough and on a path to what is searched. */
static void
choose_contexts(View *view)
{
    guint n = lamp_cct_count(view->cct);
    view->is_kept = g_new0(guint8, n);
    for (guint32 i = n; i-- > 1;) {
        const LampContext *context = lamp_cct_context(view->cct, i);
        g_autofree char *name = lamp_label_format(view->topology, context->label);
        gboolean is_found = search == NULL || strstr(name, search) != NULL;
        gboolean is_large =
            (double) context->inclusive * 100.0 >= least_percent * view->total ||
            lamp_cct_context(view->cct, 0)->inclusive == 0;
        gboolean is_near = most_depth <= 0 || context->depth <= (guint) most_depth;
        if (is_found && is_large && is_near && context->count > 0)
            view->is_kept[i] = 1;
        if (view->is_kept[i])
            view->is_kept[context->parent] = 1;
    }
}

static void
order_contexts(View *view)
{
    guint n = lamp_cct_count(view->cct);
    g_autofree GArray **children = g_new0(GArray *, n);
    for (guint32 i = 1; i < n; i++) {
        if (!view->is_kept[i])
            continue;
        guint32 parent = lamp_cct_context(view->cct, i)->parent;
        if (children[parent] == NULL)
            children[parent] = g_array_new(FALSE, FALSE, sizeof(guint32));
        g_array_append_val(children[parent], i);
    }
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 at = 0;;) {
        if (children[at] != NULL) {
            g_array_sort_with_data(children[at], compare_contexts, view);
            for (guint k = children[at]->len; k-- > 0;)
                g_array_append_val(stack, g_array_index(children[at], guint32, k));
            g_array_unref(children[at]);
        }
        if (stack->len == 0)
            break;
        at = g_array_index(stack, guint32, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        g_array_append_val(view->order, at);
    }
}

/* Per call that has a duration; "-" where none has one. */
static char *
mean_format(const LampContext *context, gint64 time)
{
    guint64 answered = context->count - context->unanswered;
    return answered == 0 ? g_strdup("-") : lamp_ms_format((double) time / (double) answered);
}

static void
append_row(const View *view, LampTable *table, const LampContext *context)
{
    GString *name = g_string_new(NULL);
    for (guint32 d = 1; d < context->depth; d++)
        g_string_append(name, ascii ? "| " : "│ ");
    g_autofree char *label = lamp_label_format(view->topology, context->label);
    g_string_append(name, label);
    char *cells[] = {
        lamp_share_format((double) context->inclusive / view->total),
        lamp_share_format((double) context->exclusive / view->total),
        lamp_share_format((double) context->critical / view->total),
        lamp_count_format(context->count),
        mean_format(context, context->inclusive),
        mean_format(context, context->exclusive),
        lamp_count_format(context->errors),
        lamp_count_format(context->unanswered),
        lamp_size_format(context->request_bytes + context->response_bytes),
        lamp_share_format(context->confidence / (double) context->count),
        g_string_free(name, FALSE),
    };
    lamp_table_take(table, cells);
}

static void
append_text(LampCli *cli, const View *view, GString *out)
{
    static const char *const titles[] = {">incl.",  ">excl.", ">crit.",   ">count",
                                         ">mean",   ">own",   ">~errors", ">?no response",
                                         ">~bytes", ">~sure", "context",  NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < view->order->len; i++)
        append_row(view, table,
                   lamp_cct_context(view->cct, g_array_index(view->order, guint32, i)));
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    const LampContext *all = lamp_cct_context(view->cct, 0);
    g_autofree char *sum = lamp_ms_format((double) all->inclusive);
    g_string_append_c(out, '\n');
    lamp_flow_counts_append(cli->store, out);
    g_string_append_printf(out,
                           "\n%s in all, %u contexts, %u shown. incl., excl., crit.: share of "
                           "all that time, with and without calls made below, and on critical "
                           "paths. Calls that wait for work (BRPOP) count no time.\n",
                           sum, lamp_cct_count(view->cct) - 1, view->order->len);
    lamp_wrap(cli, out, below);
}

/* Names of the path, with @separator; ';' inside a name becomes ','. */
static char *
format_path(const View *view, guint32 at)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (; at != 0; at = lamp_cct_context(view->cct, at)->parent) {
        char *name = lamp_label_format(view->topology, lamp_cct_context(view->cct, at)->label);
        g_ptr_array_insert(names, 0, g_strdelimit(name, ";", ','));
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(";", (char **) names->pdata);
}

static void
append_folded(const View *view, GString *out)
{
    for (guint i = 0; i < view->order->len; i++) {
        guint32 at = g_array_index(view->order, guint32, i);
        gint64 us = lamp_cct_context(view->cct, at)->exclusive / LAMP_NS_PER_US;
        g_autofree char *path = format_path(view, at);
        if (us > 0)
            g_string_append_printf(out, "%s %" G_GINT64_FORMAT "\n", path, us);
    }
}

static void
append_json(const View *view, GString *out)
{
    g_string_append(out, "[");
    for (guint i = 0; i < view->order->len; i++) {
        guint32 at = g_array_index(view->order, guint32, i);
        const LampContext *c = lamp_cct_context(view->cct, at);
        const LampLabel *label = lamp_topology_label(view->topology, c->label);
        g_string_append_printf(out, "%s{\"context\": %u, \"parent\": %u, \"service\": ",
                               i == 0 ? "\n  " : ",\n  ", at, c->parent);
        lamp_json_append_string(out,
                                lamp_topology_service(view->topology, label->service)->name);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, label->operation);
        g_string_append_printf(
            out,
            ", \"count\": %" G_GUINT64_FORMAT ", \"inclusive_ns\": %" G_GINT64_FORMAT
            ", \"exclusive_ns\": %" G_GINT64_FORMAT ", \"critical_ns\": %" G_GINT64_FORMAT
            ", \"errors\": %" G_GUINT64_FORMAT ", \"unanswered\": %" G_GUINT64_FORMAT
            ", \"request_bytes\": %" G_GUINT64_FORMAT ", \"response_bytes\": %" G_GUINT64_FORMAT
            ", \"confidence\": ",
            c->count, c->inclusive, c->exclusive, c->critical, c->errors, c->unanswered,
            c->request_bytes, c->response_bytes);
        lamp_json_append_real(out, c->confidence / (double) c->count);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]\n");
}

static void
append_html(const View *view, GString *out)
{
    g_string_append(
        out, "<!DOCTYPE html><meta charset=\"utf-8\"><title>Calling context tree</title>\n"
             "<style>body{font:14px sans-serif}details{margin-left:1.2em}summary{white-"
             "space:nowrap}\nb{display:inline-block;background:#e8a33d;height:.7em}"
             "i{color:#666}</style>\n");
    guint32 depth = 0;
    for (guint i = 0; i < view->order->len; i++) {
        const LampContext *c =
            lamp_cct_context(view->cct, g_array_index(view->order, guint32, i));
        g_autofree char *label = lamp_label_format(view->topology, c->label);
        g_autofree char *safe = g_markup_escape_text(label, -1);
        g_autofree char *mean = mean_format(c, c->inclusive);
        g_autofree char *own = mean_format(c, c->exclusive);
        double share = (double) c->inclusive / view->total;
        for (; depth >= c->depth; depth--)
            g_string_append(out, "</details>");
        depth = c->depth;
        g_string_append_printf(out,
                               "<details%s><summary><b style=\"width:%.1fem\"></b> %.1f %% %s "
                               "<i>%" G_GUINT64_FORMAT
                               " calls, mean %s, own %s, %" G_GUINT64_FORMAT
                               " errors</i></summary>\n",
                               share > 0.02 ? " open" : "", share * 20.0, share * 100.0, safe,
                               c->count, mean, own, c->errors);
    }
    for (; depth > 0; depth--)
        g_string_append(out, "</details>");
    g_string_append_c(out, '\n');
}

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    lamp_cct_add(payload, flow);
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    static const char *const orders[] = {"inclusive", "exclusive", "critical", "count",
                                         "errors",    "bytes",     NULL};
    static const char *const views[] = {"submitter", "trigger", NULL};
    guint key, which;
    if (!lamp_choose("sort", order_name, orders, &key, error) ||
        !lamp_choose("view", view_name, views, &which, error))
        return -1;
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    g_autoptr(LampCct) cct =
        lamp_cct_new(0, which == 1 ? LAMP_CCT_TRIGGER : LAMP_CCT_SUBMITTER);
    if (topology == NULL ||
        !lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, cct, error))
        return -1;
    View view = {.cct = cct, .topology = topology, .key = (SortKey) key};
    view.total = MAX((double) lamp_cct_context(cct, 0)->inclusive, 1.0);
    view.order = g_array_new(FALSE, FALSE, sizeof(guint32));
    choose_contexts(&view);
    order_contexts(&view);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_folded)
        append_folded(&view, out);
    else if (as_json)
        append_json(&view, out);
    else if (as_html)
        append_html(&view, out);
    else
        append_text(cli, &view, out);
    g_array_unref(view.order);
    g_free(view.is_kept);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_cct = {
    .name = "cct",
    .arguments = "FILE.db",
    .summary = "Calling context tree: time, calls, errors by path of calls",
    .examples = "lamplight cct --sort exclusive --depth 3 shop.db\n"
                "lamplight cct --folded shop.db | flamegraph.pl > shop.svg",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
