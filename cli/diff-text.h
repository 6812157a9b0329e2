/*
 * A comparison in words and tables.
 */
#pragma once

#include "cli/command.h"
#include "model/compare.h"

/* Appends both sides, whether latency and errors differ, and a table for each kind of change:
 * with a false discovery rate of at most @level, at most @most lines each (0: all). */
void lamp_diff_text(LampCli *cli, const LampComparison *comparison, double level, guint most,
                    GString *out);
