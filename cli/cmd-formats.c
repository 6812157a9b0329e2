/*
 * lamplight formats: what can be read, from the tables of readers and dissectors.
 */
#include "cli/commands.h"
#include "cli/print.h"
#include "ingest/dissector.h"
#include "ingest/reader.h"

static LampTable *
reader_table(void)
{
    static const char *const titles[] = {"format", "kind", "what it is", "specification", NULL};
    static const char *const kinds[] = {"capture", "log", "flow", "span", "table"};
    LampTable *table = lamp_table_new(titles);
    for (gsize i = 0; lamp_readers[i] != NULL; i++) {
        const LampReader *reader = lamp_readers[i];
        const char *cells[] = {reader->name, kinds[reader->kind], reader->summary,
                               reader->spec};
        lamp_table_add(table, cells);
    }
    return table;
}

static LampTable *
dissector_table(void)
{
    static const char *const titles[] = {"protocol", "what it is", "specification", NULL};
    LampTable *table = lamp_table_new(titles);
    for (gsize i = 0; lamp_dissectors[i] != NULL; i++) {
        const LampDissector *dissector = lamp_dissectors[i];
        const char *cells[] = {dissector->name, dissector->summary, dissector->spec};
        lamp_table_add(table, cells);
    }
    return table;
}

static int
run(LampCli *cli, char **arguments G_GNUC_UNUSED, GError **error)
{
    g_autoptr(LampTable) readers = reader_table();
    g_autoptr(LampTable) dissectors = dissector_table();
    g_autoptr(GString) out = g_string_new(NULL);
    lamp_table_render(readers, out, cli->table_width);
    g_string_append_c(out, '\n');
    lamp_table_render(dissectors, out, cli->table_width);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_formats = {
    .name = "formats",
    .arguments = "",
    .summary = "List the file formats and protocols that are understood",
    .examples = "lamplight formats",
    .run = run,
};
