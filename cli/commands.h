/* One line for each cli/cmd-NAME.c; the table is in cli/commands.c. */
#pragma once

#include "cli/command.h"

extern const LampCommand lamp_command_formats;
extern const LampCommand lamp_command_ingest;
extern const LampCommand lamp_command_schema;
extern const LampCommand lamp_command_sql;
extern const LampCommand lamp_command_services;
extern const LampCommand lamp_command_flows;
extern const LampCommand lamp_command_analyze;
extern const LampCommand lamp_command_cct;
extern const LampCommand lamp_command_clock;
extern const LampCommand lamp_command_correlate;
extern const LampCommand lamp_command_dependencies;
extern const LampCommand lamp_command_eval;
extern const LampCommand lamp_command_explain;
extern const LampCommand lamp_command_gantt;
extern const LampCommand lamp_command_path;
extern const LampCommand lamp_command_relations;
extern const LampCommand lamp_command_graph;
extern const LampCommand lamp_command_whatif;
extern const LampCommand lamp_command_export;
extern const LampCommand lamp_command_tornado;
extern const LampCommand lamp_command_costs;
extern const LampCommand lamp_command_diff;
extern const LampCommand lamp_command_advise;
extern const LampCommand lamp_command_audit;
extern const LampCommand lamp_command_manual;
extern const LampCommand lamp_command_templates;
