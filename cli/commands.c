/*
 * The table of commands, in the order in which help shows them. A new command is one file and
 * one row.
 */
#include "cli/commands.h"

/* clang-format off */
const LampCommand *const lamp_commands[] = {
    &lamp_command_analyze,
    &lamp_command_ingest,
    &lamp_command_correlate,
    &lamp_command_services,
    &lamp_command_flows,
    &lamp_command_graph,
    &lamp_command_dependencies,
    &lamp_command_relations,
    &lamp_command_cct,
    &lamp_command_gantt,
    &lamp_command_path,
    &lamp_command_whatif,
    &lamp_command_tornado,
    &lamp_command_costs,
    &lamp_command_diff,
    &lamp_command_advise,
    &lamp_command_audit,
    &lamp_command_export,
    &lamp_command_explain,
    &lamp_command_clock,
    &lamp_command_eval,
    &lamp_command_templates,
    &lamp_command_sql,
    &lamp_command_formats,
    &lamp_command_schema,
    &lamp_command_manual,
    NULL,
};
/* clang-format on */
