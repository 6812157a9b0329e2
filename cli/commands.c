/*
 * The table of commands, in the order in which help shows them. A new command is one file and
 * one row.
 */
#include "cli/commands.h"

const LampCommand *const lamp_commands[] = {
    &lamp_command_ingest, &lamp_command_sql, &lamp_command_formats, &lamp_command_schema, NULL,
};
