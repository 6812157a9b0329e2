/*
 * lamplight export: request flows in the formats of other tools.
 */
#include "cli/closest.h"
#include "cli/commands.h"
#include "cli/export/exporter.h"
#include "cli/flow-options.h"
#include "cli/print.h"

#define FLUSH_BYTES ((gsize) 1 << 18)

static char *format_name, *output;

static const GOptionEntry options[] = {
    {"format", 'f', 0, G_OPTION_ARG_STRING, &format_name,
     "jaeger, zipkin, otlp, perfetto, folded, speedscope", "FORMAT"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "write to FILE", "FILE"},
    LAMP_FLOW_OPTIONS,
    {NULL},
};

static const LampOptionRange ranges[] = {
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    const LampExporter *exporter;
    LampExport to;
    LampOutput *file;
    gboolean ok;
    GError **error;
} Run;

static gboolean
flush(Run *run, gsize threshold)
{
    GString *out = run->to.out;
    if (out->len < threshold || !run->ok)
        return run->ok;
    run->ok = lamp_output_write(run->file, out, run->error);
    g_string_truncate(out, 0);
    return run->ok;
}

static gboolean
add_flow(const LampFlow *flow, gpointer payload)
{
    Run *run = payload;
    run->exporter->flow(&run->to, flow);
    run->to.flows++;
    return flush(run, FLUSH_BYTES);
}

static const LampExporter *
find_exporter(GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (gsize i = 0; lamp_exporters[i] != NULL; i++)
        g_ptr_array_add(names, (gpointer) lamp_exporters[i]->name);
    g_ptr_array_add(names, NULL);
    guint i;
    if (!lamp_choose("format", format_name != NULL ? format_name : "",
                     (const char *const *) names->pdata, &i, error))
        return NULL;
    return lamp_exporters[i];
}

static gboolean
write_flows(LampCli *cli, Run *run, LampTopology *topology, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    run->to = (LampExport){.out = out, .topology = topology};
    run->exporter->begin(&run->to);
    gboolean ok = lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, run, error);
    run->exporter->finish(&run->to);
    return ok && flush(run, 0);
}

static int
run_export(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    Run run = {.exporter = find_exporter(error), .ok = TRUE, .error = error};
    g_autoptr(LampTopology) topology =
        run.exporter == NULL ? NULL : lamp_topology_load(cli->store, error);
    if (topology == NULL || (run.file = lamp_output_open(output, error)) == NULL)
        return -1;
    gboolean ok = write_flows(cli, &run, topology, error);
    ok = lamp_output_close(run.file, ok ? error : NULL) && ok;
    return ok ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_export = {
    .name = "export",
    .arguments = "--format FORMAT FILE.db",
    .summary = "Write request flows for Jaeger, Zipkin, OpenTelemetry, Perfetto, flame graphs",
    .examples = "lamplight export --format otlp shop.db | gzip > shop.otlp.json.gz\n"
                "lamplight export --format perfetto -o shop.json shop.db",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run_export,
};
