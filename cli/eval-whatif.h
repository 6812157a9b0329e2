/*
 * The part of `lamplight eval` that scores what-if predictions.
 */
#pragma once

#include "cli/command.h"

/* Predicts the scenarios of @scenario_path and prints them beside the measurements in
 * @measured_path; @capture may be NULL. Returns an exit status or -1 with @error. */
int lamp_eval_whatif(LampCli *cli, const char *measured_path, const char *scenario_path,
                     const char *capture, gboolean as_json, GError **error);
