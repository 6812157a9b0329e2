/*
 * lamplight export: request flows in the formats of other tools.
 */
#include "cli/commands.h"
#include "cli/export/exporter.h"
#include "cli/flow-options.h"
#include "cli/print.h"

#include <errno.h>
#include <stdio.h>

#define FLUSH_BYTES ((gsize) 1 << 18)

static char *format_name, *output;

static const GOptionEntry options[] = {
    {"format", 'f', 0, G_OPTION_ARG_STRING, &format_name,
     "jaeger, zipkin, otlp, perfetto, folded, speedscope", "FORMAT"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "write to FILE", "FILE"},
    LAMP_FLOW_OPTIONS,
    {NULL},
};

typedef struct {
    const LampExporter *exporter;
    LampExport to;
    FILE *file;
    gboolean ok;
    GError **error;
} Run;

static gboolean
flush(Run *run, gsize threshold)
{
    GString *out = run->to.out;
    if (out->len < threshold || !run->ok)
        return run->ok;
    if (run->file == NULL)
        run->ok = lamp_print(out, run->error);
    else if (fwrite(out->str, 1, out->len, run->file) != out->len) {
        g_set_error(run->error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write '%s': %s",
                    output, g_strerror(errno));
        run->ok = FALSE;
    }
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
    for (gsize i = 0; format_name != NULL && lamp_exporters[i] != NULL; i++)
        if (g_str_equal(lamp_exporters[i]->name, format_name))
            return lamp_exporters[i];
    g_autoptr(GString) names = g_string_new(NULL);
    for (gsize i = 0; lamp_exporters[i] != NULL; i++)
        g_string_append_printf(names, "\n  %-11s %s", lamp_exporters[i]->name,
                               lamp_exporters[i]->summary);
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, "--format takes one of:%s",
                names->str);
    return NULL;
}

static gboolean
open_output(Run *run, GError **error)
{
    if (output == NULL || g_str_equal(output, "-"))
        return TRUE;
    run->file = fopen(output, "we");
    if (run->file == NULL)
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write '%s': %s",
                    output, g_strerror(errno));
    return run->file != NULL;
}

static int
run_export(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    Run run = {.exporter = find_exporter(error), .ok = TRUE, .error = error};
    g_autoptr(LampTopology) topology =
        run.exporter == NULL ? NULL : lamp_topology_load(cli->store, error);
    if (topology == NULL || !open_output(&run, error))
        return -1;
    g_autoptr(GString) out = g_string_new(NULL);
    run.to = (LampExport){.out = out, .topology = topology};
    run.exporter->begin(&run.to);
    gboolean ok =
        lamp_flow_each(cli->store, topology, &lamp_flow_filter, add_flow, &run, error);
    run.exporter->finish(&run.to);
    ok = ok && flush(&run, 0);
    if (run.file != NULL && fclose(run.file) != 0 && ok) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write '%s': %s",
                    output, g_strerror(errno));
        ok = FALSE;
    }
    return ok ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_export = {
    .name = "export",
    .arguments = "--format FORMAT FILE.db",
    .summary = "Write request flows for Jaeger, Zipkin, OpenTelemetry, Perfetto, flame graphs",
    .options = options,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run_export,
};
