/*
 * lamplight correlate: calls, clocks and causal links from what was ingested.
 */
#include "cli/commands.h"
#include "cli/correlate-run.h"

static int
run(LampCli *cli, char **arguments G_GNUC_UNUSED, GError **error)
{
    return lamp_correlate_run(cli, cli->store, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_correlate = {
    .name = "correlate",
    .arguments = "FILE.db",
    .summary = "Find calls, clocks and causes in an ingested database",
    .examples = "lamplight correlate day.db",
    .options = lamp_correlate_option_entries,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_WRITES | LAMP_COMMAND_INGESTED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
