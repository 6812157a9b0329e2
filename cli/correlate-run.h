/* Running the correlate stage, for `correlate` and `analyze`. */
#pragma once

#include "cli/command.h"

extern const GOptionEntry lamp_correlate_option_entries[];

/* Runs the stage with the options given and shows its progress. */
gboolean lamp_correlate_run(LampCli *cli, LampStore *store, GError **error);
