/*
 * What the times of log files are worth: their resolution and their zones.
 */
#pragma once

#include "cli/command.h"

/* Appends a table of the log files, nothing where there is none. */
gboolean lamp_log_clocks_append(LampCli *cli, GString *out,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Appends ", \"logs\": [...]". */
gboolean lamp_log_clocks_append_json(LampCli *cli, GString *out,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
