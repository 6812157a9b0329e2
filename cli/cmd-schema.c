/*
 * lamplight schema: the database's schema with its comments, as SQL or as Markdown.
 */
#include "cli/commands.h"
#include "cli/print.h"

static gboolean as_markdown;

static const GOptionEntry options[] = {
    {"markdown", 0, 0, G_OPTION_ARG_NONE, &as_markdown, "as Markdown (docs/schema.md)", NULL},
    {NULL},
};

static int
run(LampCli *cli G_GNUC_UNUSED, char **arguments G_GNUC_UNUSED, GError **error)
{
    g_autofree char *markdown = lamp_store_schema_markdown();
    g_autoptr(GString) out = g_string_new(as_markdown ? markdown : lamp_store_schema());
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_schema = {
    .name = "schema",
    .arguments = "",
    .summary = "Show the database's tables and views with their meaning",
    .examples = "lamplight schema --markdown",
    .options = options,
    .run = run,
};
