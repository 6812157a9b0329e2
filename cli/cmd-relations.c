/*
 * lamplight relations: happens-before, mutual exclusion and pipelines between a request's
 * calls.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/causal-segments.h"

static gboolean as_json, as_dot, show_all;
static char *by_slot;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"by", 0, 0, G_OPTION_ARG_STRING, &by_slot,
     "mine log lines that share a value of one of these fields, not request flows", "FIELD,…"},
    {"all", 0, 0, G_OPTION_ARG_NONE, &show_all,
     "also relations that follow from others, and those never put to the test", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {"dot", 0, 0, G_OPTION_ARG_NONE, &as_dot, "a graph for Graphviz", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    LAMP_FLOW_RANGES,
    {NULL},
};

static const char *const kind_names[] = {"before", "exclusive", "pipeline"};

typedef struct {
    LampCausalModel *model;
    LampTopology *topology;
} Pass;

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Pass *pass = payload;
    lamp_causal_add_flow(pass->model, pass->topology, flow);
    return TRUE;
}

static gboolean
is_shown(const LampRelation *r)
{
    return show_all || (r->is_proven && !r->is_implied);
}

/* "a > b": the segment in its context. */
static char *
path_name(const LampCausalModel *model, guint class_number, guint32 type)
{
    const LampSegmentType *segment = lamp_causal_model_segment(model, class_number, type);
    if (segment->parent == LAMP_CAUSAL_NO_PARENT)
        return g_strdup(segment->name);
    g_autofree char *above = path_name(model, class_number, segment->parent);
    return g_strconcat(above, " > ", segment->name, NULL);
}

/* Is there a table whose columns want a legend? */
static gboolean has_table;

/* The same, no more than the caller's call and the own one. */
static char *
short_name(const LampCausalModel *model, guint class_number, guint32 type)
{
    const LampSegmentType *segment = lamp_causal_model_segment(model, class_number, type);
    if (segment->parent == LAMP_CAUSAL_NO_PARENT)
        return g_strdup(segment->name);
    return g_strconcat(lamp_causal_model_segment(model, class_number, segment->parent)->name,
                       " > ", segment->name, NULL);
}

/* Classes by traces, most first; ties in the order in which they were met. */
static guint *
rank_classes(const LampCausalModel *model)
{
    guint count = lamp_causal_model_classes(model);
    guint *order = g_new0(guint, count + 1);
    for (guint i = 0; i < count; i++) {
        guint at = i;
        guint64 traces = lamp_causal_model_traces(model, i);
        for (; at > 0 && lamp_causal_model_traces(model, order[at - 1]) < traces; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static void
append_left_out(const LampCausalModel *model, guint number, GString *out)
{
    guint64 left_out = lamp_causal_model_left_out(model, number);
    if (left_out > 0)
        g_string_append_printf(out,
                               "  %" G_GUINT64_FORMAT
                               " segments left out: more than %u types are not compared\n",
                               left_out, LAMP_CAUSAL_TYPES);
}

static void
append_class(const LampCli *cli, const LampCausalModel *model, guint number, GString *out)
{
    static const char *const titles[] = {"first",    "relation", "second",     ">traces",
                                         ">against", ">allowed", ">by chance", NULL};
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, number);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    guint implied = 0, unproven = 0;
    for (guint i = 0; i < relations->len; i++) {
        const LampRelation *r = &g_array_index(relations, LampRelation, i);
        implied += r->is_proven && r->is_implied;
        unproven += !r->is_proven;
        if (!is_shown(r))
            continue;
        char *cells[] = {
            short_name(model, number, r->first),
            g_strconcat(kind_names[r->kind], r->is_proven ? "" : " (untested)", NULL),
            short_name(model, number, r->second),
            g_strdup_printf("%.1f", r->traces),
            g_strdup_printf("%.2f", r->counter),
            g_strdup_printf("%.0f", r->allowed),
            lamp_share_format(r->chance),
        };
        lamp_table_take(table, cells);
    }
    g_autofree char *name =
        lamp_text_escape(lamp_bytes_text(lamp_causal_model_class_name(model, number)));
    guint64 traces = lamp_causal_model_traces(model, number);
    gsize head = out->len;
    g_string_append_printf(out, "%s: %" G_GUINT64_FORMAT " traces, %u segment types; ", name,
                           traces, lamp_causal_model_types(model, number));
    if (relations->len == 0 && traces < LAMP_CAUSAL_LEAST_TRACES)
        g_string_append_printf(out, "too few: no relation is told below %u traces\n",
                               LAMP_CAUSAL_LEAST_TRACES);
    else
        g_string_append_printf(out, "%u relations follow from others, %u were never tested\n",
                               implied, unproven);
    append_left_out(model, number, out);
    lamp_wrap(cli, out, head);
    if (lamp_table_rows(table) > 0)
        lamp_table_render(table, out, cli->table_width);
    has_table = has_table || lamp_table_rows(table) > 0;
    g_string_append_c(out, '\n');
}

static void
append_json_class(const LampCausalModel *model, guint number, GString *out)
{
    g_string_append(out, "{\"class\": ");
    lamp_json_append_string(out, lamp_causal_model_class_name(model, number));
    g_string_append_printf(out, ", \"traces\": %" G_GUINT64_FORMAT ", \"segments\": [",
                           lamp_causal_model_traces(model, number));
    for (guint32 i = 0; i < lamp_causal_model_types(model, number); i++) {
        const LampSegmentType *type = lamp_causal_model_segment(model, number, i);
        g_autofree char *path = path_name(model, number, i);
        g_string_append_printf(out, "%s{\"id\": %u, \"path\": ", i > 0 ? ", " : "", i);
        lamp_json_append_string(out, path);
        g_string_append_printf(
            out, ", \"traces\": %" G_GUINT64_FORMAT ", \"occurrences\": %" G_GUINT64_FORMAT,
            type->traces, type->occurrences);
        lamp_json_append_ns(out, "mean_ns",
                            type->duration_sum / (double) MAX(type->occurrences, 1));
        g_string_append_c(out, '}');
    }
    g_string_append(out, "], \"relations\": [");
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, number);
    for (guint i = 0; i < relations->len; i++) {
        const LampRelation *r = &g_array_index(relations, LampRelation, i);
        g_string_append_printf(
            out,
            "%s{\"kind\": \"%s\", \"first\": %u, \"second\": %u, \"traces\": %.2f, "
            "\"against\": %.3f, \"allowed\": %.0f, \"by_chance\": %.4f, \"proven\": %s, "
            "\"implied\": %s}",
            i > 0 ? ", " : "", kind_names[r->kind], r->first, r->second, r->traces, r->counter,
            r->allowed, r->chance, r->is_proven ? "true" : "false",
            r->is_implied ? "true" : "false");
    }
    g_string_append(out, "]}");
}

/* Arrows: before; dashed: pipeline; dotted without heads: exclusive. */
static void
append_dot_class(const LampCausalModel *model, guint number, GString *out)
{
    static const char *const styles[] = {"", ", style=dashed", ", style=dotted, dir=none"};
    const char *style_of[] = {styles[0], styles[2], styles[1]};
    g_string_append_printf(out, "  subgraph cluster_%u {\n    label=", number);
    lamp_json_append_string(out, lamp_causal_model_class_name(model, number));
    g_string_append(out, ";\n");
    for (guint32 i = 0; i < lamp_causal_model_types(model, number); i++) {
        g_autofree char *path = path_name(model, number, i);
        g_string_append_printf(out, "    n%u_%u [label=", number, i);
        lamp_json_append_string(out, path);
        g_string_append(out, "];\n");
    }
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, number);
    for (guint i = 0; i < relations->len; i++) {
        const LampRelation *r = &g_array_index(relations, LampRelation, i);
        if (is_shown(r))
            g_string_append_printf(out, "    n%u_%u -> n%u_%u [label=\"%.0f\"%s];\n", number,
                                   r->first, number, r->second, r->traces, style_of[r->kind]);
    }
    g_string_append(out, "  }\n");
}

static void
append_all(LampCli *cli, const LampCausalModel *model, GString *out)
{
    g_autofree guint *order = rank_classes(model);
    g_string_append(out, as_json  ? "{\"classes\": ["
                         : as_dot ? "digraph relations {\n  node [shape=box];\n"
                                  : "");
    for (guint i = 0; i < lamp_causal_model_classes(model); i++) {
        if (as_json) {
            g_string_append(out, i == 0 ? "\n  " : ",\n  ");
            append_json_class(model, order[i], out);
        } else if (as_dot) {
            append_dot_class(model, order[i], out);
        } else {
            append_class(cli, model, order[i], out);
        }
    }
    gsize below = out->len;
    g_string_append(out, as_json  ? "\n]}\n"
                         : as_dot ? "}\n"
                         : !has_table
                             ? ""
                             : "\"against\": weight of traces that show otherwise; "
                               "\"allowed\": what wrong links explain; \"by chance\": "
                               "traces that would show otherwise with durations exchanged "
                               "between them.\n");
    if (!as_json && !as_dot)
        lamp_wrap(cli, out, below);
}

static int
run(LampCli *cli, char **arguments G_GNUC_UNUSED, GError **error)
{
    LampCausalOptions model_options = {.clock_error = lamp_causal_clock_error(cli->store)};
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    if (topology == NULL)
        return -1;
    g_autoptr(LampCausalModel) model = lamp_causal_model_new(&model_options);
    Pass pass = {model, topology};
    gboolean ok = by_slot != NULL ? lamp_causal_add_logs(model, cli->store, by_slot, error)
                                  : lamp_flow_each(cli->store, topology, &lamp_flow_filter,
                                                   add_flow, &pass, error);
    if (!ok)
        return -1;
    if (lamp_causal_model_classes(model) == 0) {
        if (by_slot == NULL)
            lamp_set_no_flows_error(error);
        else
            g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
                        "no log line with a time has the field '%s'", by_slot);
        return -1;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    append_all(cli, model, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_relations = {
    .name = "relations",
    .arguments = "FILE.db",
    .summary = "What always comes before what within requests, from many traces",
    .examples = "lamplight relations shop.db",
    .description =
        "For each request class the relations that no trace refutes: happens-before, mutual\n"
        "exclusion, pipeline. Wrong links and clock errors are allowed for. Method and "
        "limits:\n"
        "docs/causal-model.md.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
