/*
 * Choosing one request for the commands that show one: by its trace id, the slowest, or a
 * typical one (median duration of the most frequent shape).
 */
#pragma once

#include "cli/flow-options.h"

/* @trace: argument of the user or NULL: decimal id of the root call, or 32 hex digits as in the
 * view `traces`. *out_why tells how it was chosen. Caller frees both. */
gboolean lamp_choose_flow(LampCli *cli, const LampModelView *view, const char *trace,
                          gboolean slowest, LampFlow **out_flow, char **out_why,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
