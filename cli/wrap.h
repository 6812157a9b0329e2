/*
 * Sentences that fit a narrow terminal.
 */
#pragma once

#include "cli/command.h"

/* Breaks the lines of @out that begin at byte @from or later at spaces, so that they fit the
 * terminal (where there is none, each paragraph stays one line, for grep); what follows an
 * indented begin is indented by two more. A word is never broken. All sentences of all commands
 * go through here: none breaks its lines by itself. */
void lamp_wrap(const LampCli *cli, GString *out, gsize from);

/* The same; all but the first line of each paragraph are indented by @hang. */
void lamp_wrap_hanging(const LampCli *cli, GString *out, gsize from, guint hang);
