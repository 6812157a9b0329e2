/*
 * lamplight graph: service map and request-flow graph as DOT, SVG, Mermaid or JSON.
 *
 * SVG is made by Graphviz (`dot`), which is run without a shell.
 */
#include "base/text.h"
#include "cli/closest.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/graph-text.h"
#include "cli/print.h"
#include "model/shape.h"

#include <unistd.h>

static char *format_name, *shape_name, *output, *view_name;
static gboolean services, operations;

static const GOptionEntry options[] = {
    LAMP_FLOW_OPTIONS,
    {"view", 0, 0, G_OPTION_ARG_STRING, &view_name,
     "whose asynchronous work is: submitter (default; of the request that caused it) or "
     "trigger "
     "(a background activity of its own)",
     "VIEW"},
    {"services", 0, 0, G_OPTION_ARG_NONE, &services, "the service map (default)", NULL},
    {"operations", 0, 0, G_OPTION_ARG_NONE, &operations, "one node for each operation", NULL},
    {"shape", 0, 0, G_OPTION_ARG_STRING, &shape_name,
     "request-flow graph of one shape (id as `flows` shows it, or \"all\")", "ID"},
    {"format", 'f', 0, G_OPTION_ARG_STRING, &format_name,
     "dot (default), svg (needs Graphviz), mermaid, json", "FORMAT"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "write to FILE", "FILE"},
    {NULL},
};

static const LampOptionRange ranges[] = {
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    LampGraph *graph;
    LampShapes *shapes, *folded; /* NULL: all flows */
    guint64 shape_id;
    GArray *critical;
} Pass;

/* By the id that `flows` prints, with --fold or without. */
static gboolean
is_of_shape(const Pass *pass, const LampFlow *flow)
{
    return lamp_shapes_identify(pass->shapes, flow) == pass->shape_id ||
           lamp_shapes_identify(pass->folded, flow) == pass->shape_id;
}

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Pass *pass = payload;
    if (pass->shapes != NULL && !is_of_shape(pass, flow))
        return TRUE;
    g_array_set_size(pass->critical, flow->count);
    LampCritical *critical = (LampCritical *) (gpointer) pass->critical->data;
    lamp_critical_path_find(flow, critical);
    lamp_graph_add(pass->graph, flow, critical);
    return TRUE;
}

/* Through a temporary file, because the pipe to `dot` could fill up while it writes. */
static gboolean
render_svg(GString *dot, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("lamplight-XXXXXX.dot", &path, error);
    if (fd < 0)
        return FALSE;
    close(fd);
    char *command[] = {"dot", "-Tsvg", path, NULL};
    g_autofree char *svg = NULL;
    int status = 0;
    gboolean ok = g_file_set_contents(path, dot->str, (gssize) dot->len, error) &&
                  g_spawn_sync(NULL, command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &svg, NULL,
                               &status, error);
    unlink(path);
    if (!ok)
        g_prefix_error(error, "SVG needs Graphviz (Debian package graphviz): ");
    if (!ok || !g_spawn_check_wait_status(status, error))
        return FALSE;
    g_string_assign(dot, svg);
    return TRUE;
}

enum { AS_DOT, AS_SVG, AS_MERMAID, AS_JSON };
static const char *const formats[] = {"dot", "svg", "mermaid", "json", NULL};

static gboolean
append_graph(const LampGraph *graph, const LampTopology *topology, guint format, GString *out,
             GError **error)
{
    if (format == AS_JSON)
        lamp_graph_append_json(out, graph, topology);
    else if (format == AS_MERMAID)
        lamp_graph_append_mermaid(out, graph, topology);
    else
        lamp_graph_append_dot(out, graph, topology);
    return format != AS_SVG || render_svg(out, error);
}

/* A shape may be one of the other point of view: `flows --view trigger` has printed it. */
static gboolean
add_flows(LampCli *cli, LampTopology *topology, Pass *pass, GError **error)
{
    gboolean ok =
        lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, pass, error);
    if (!ok || lamp_graph_flows(pass->graph) > 0 || pass->shapes == NULL || view_name != NULL)
        return ok;
    lamp_flow_filter.view = LAMP_VIEW_TRIGGER;
    return lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, pass, error);
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_auto(LampModelView) view = {NULL, NULL};
    guint format;
    if (!lamp_choose("format", format_name, formats, &format, error) ||
        !lamp_flow_view_choose(view_name, error) || !lamp_model_view_open(cli, &view, error))
        return -1;
    LampShapeOptions as_is = {0}, fold = {.fold = TRUE};
    g_autoptr(LampShapes) shapes = lamp_shapes_new(view.topology, view.structure, &as_is);
    g_autoptr(LampShapes) folded = lamp_shapes_new(view.topology, view.structure, &fold);
    LampGraphKind kind = shape_name != NULL ? LAMP_GRAPH_CONTEXTS
                         : operations       ? LAMP_GRAPH_OPERATIONS
                                            : LAMP_GRAPH_SERVICES;
    g_autoptr(LampGraph) graph = lamp_graph_new(kind, view.topology, view.structure);
    g_autoptr(GArray) critical = g_array_new(FALSE, FALSE, sizeof(LampCritical));
    Pass pass = {.graph = graph, .critical = critical};
    if (shape_name != NULL && !g_str_equal(shape_name, "all")) {
        pass.shapes = shapes;
        pass.folded = folded;
        if (!lamp_text_parse_hex(lamp_bytes_text(shape_name), &pass.shape_id)) {
            g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                        "--shape takes 16 hex digits as `lamplight flows` shows them, or all");
            return -1;
        }
    }
    if (!add_flows(cli, view.topology, &pass, error))
        return -1;
    if (lamp_graph_flows(graph) == 0) {
        lamp_set_no_flows_error(error);
        return -1;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    return append_graph(graph, view.topology, format, out, error) &&
                   lamp_print_to(out, output, error)
               ? LAMP_EXIT_OK
               : -1;
}

const LampCommand lamp_command_graph = {
    .name = "graph",
    .arguments = "FILE.db",
    .summary = "Service map and request-flow graphs as DOT, SVG, Mermaid, JSON",
    .examples = "lamplight graph --format svg -o map.svg shop.db\n"
                "lamplight graph --operations --root web shop.db",
    .description =
        "Nodes tell the callee's time, edges the caller's; thick edges and filled nodes carry\n"
        "the critical paths. In request-flow graphs (--shape) dashed edges tell which call\n"
        "waited for which: two out of one node are a fork, two into one a join.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
