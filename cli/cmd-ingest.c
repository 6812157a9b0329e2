/*
 * lamplight ingest: logs and captures into the database.
 */
#include "cli/commands.h"
#include "cli/ingest-options.h"

static int
run(LampCli *cli, char **arguments, GError **error)
{
    LampIngestCounts counts;
    g_autoptr(LampStore) store = lamp_ingest_run(cli, arguments, &counts, error);
    if (store == NULL)
        return -1;
    if (!lamp_ingest_report(cli, store, &counts, error))
        return -1;
    return lamp_ingest_status(store, &counts, error);
}

const LampCommand lamp_command_ingest = {
    .name = "ingest",
    .arguments = "PATH...",
    .summary = "Read logs and captures into a database",
    .examples = "lamplight ingest archive.tar.zst -o day.db\n"
                "lamplight ingest --report -o day.db logs/",
    .description = "PATH is a file, a folder (walked), or - for standard input. File types are "
                   "found by content;\n"
                   "compressed files and archives are read as they are. Give the same paths "
                   "again to go on after\n"
                   "an interruption, or further paths to add to the database.",
    .options = lamp_ingest_option_entries,
    .least_arguments = 1,
    .run = run,
};
