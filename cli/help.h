/*
 * What the program says of itself: the list of commands, the options of one, the advice after a
 * mistyped word. All from the table of commands.
 */
#pragma once

#include "cli/command.h"

/* Text of `lamplight help`; caller frees. */
GString *lamp_help_overview(void);

/* NULL with LAMP_CLI_ERROR_USAGE, naming the nearest command. */
const LampCommand *lamp_command_find(const char *name, GError **error);

/* Parses and removes the options of @command, and those of every command. *@out_help is the
 * text of its --help where that was asked for, else NULL; caller frees. Unknown options and
 * values that cannot be: G_OPTION_ERROR or LAMP_CLI_ERROR_USAGE, with advice. */
gboolean lamp_options_parse(const LampCommand *command, int *argc, char ***argv,
                            GString **out_help, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The options that every command has, and what the exit statuses mean. */
extern const GOptionEntry lamp_common_options[];
extern const char lamp_exit_statuses[];

/* Set by these options. */
extern gboolean lamp_option_quiet, lamp_option_verbose;
